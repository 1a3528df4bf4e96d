"""JavaScript syntax: the texts of nodes of a syntax tree."""

import re

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|([\s\S]))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_HIDDEN_LETTERS = re.compile(r"(?:\\x[4-7][0-9a-fA-F]|\\u00[4-7][0-9a-fA-F]|\\u\{[4-7][0-9a-fA-F]\}){2}")
_LONGEST_NUMBER = 9
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_TRICK = re.compile(
    r"\\x[4-7]|\\u00|\\u\{|[\"']\s*\+\s*[\"']|\.\s*constructor\b|[\"'`]constructor[\"'`]|\bbcc|(?:\brequire|\bimport)\s*\("
    r"\s*(?![\"'][^\"'\n]{0,200}[\"']\s*\))|(?:\brequire|\bimport)\s*\(?\s*[\"'](?:data|https?):|\.(?:png|jpe?g|dat|bin|log|txt)[\"']"
    r"|(?:global|window|self|module)\s*[\[.]|_compile|(?:from|require\()\s*[\"'](?:request|glob|module)[\"']",
    re.IGNORECASE,
)
FUNCTIONS = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
    }
)
"""The kinds of nodes that are functions."""

_HARMFUL = frozenset({"eval", "Function", "require", "import", "child_process", "atob", "fetch", "constructor"})


def parsed(source: bytes) -> Node:
    """Return the syntax tree of a source; what is no JavaScript becomes nodes of kind ``ERROR``."""
    return Parser(Language(tree_sitter_javascript.language())).parse(source).root_node


def text_of(node: Node) -> str:
    """Return the source of a node."""
    return (node.text or b"").decode(errors="replace")


def line_of(node: Node) -> int:
    """Return the line a node begins on."""
    return node.start_point[0] + 1


def unescaped(text: str) -> str:
    """Return what a string literal stands for."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_character, text)


def number_of(node: Node) -> int | None:
    """Return the number that a short literal stands for, such as the code of a character."""
    text = text_of(node)
    try:
        return int(text, 0) if len(text) <= _LONGEST_NUMBER else None
    except ValueError:
        return None


def hides_letters(text: str) -> bool:
    """Say whether a string literal writes plain letters as escapes, so that they cannot be searched for."""
    return "\\" in text and bool(_HIDDEN_LETTERS.search(text))


def _character(found: re.Match[str]) -> str:
    digits = found.group(1) or found.group(2) or found.group(3)
    if digits:
        number = int(digits, 16)
        return chr(number) if number <= 0x10FFFF else ""  # noqa: PLR2004 - the last code point
    return _ESCAPED.get(found.group(4), found.group(4))


def words_of(node: Node) -> frozenset[str]:
    """Return the words in the source of a node, written with or without escapes."""
    return frozenset(_WORD.findall(unescaped(text_of(node))))


def worth_following(source: str, sinks: frozenset[str]) -> bool:
    """Say whether a file has any word or trick by which it could do something."""
    if "Buffer.from" in source and ("setTimeout" in source or "setInterval" in source):
        return True
    return not sinks.isdisjoint(_WORD.findall(source)) or bool(_TRICK.search(source))


def misunderstood(root: Node) -> str:
    """Say where something that could do harm is in a part of the file that is not understood."""
    waiting = [root] if root.has_error else []
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR":
            words = words_of(node)
            if words & _HARMFUL:
                return f"line {line_of(node)} is not understood and holds {min(words & _HARMFUL)!r}"
        else:
            waiting.extend(child for child in node.children if child.has_error or child.type == "ERROR")
    return ""


def field_of(node: Node, name: str) -> Node:
    """Return a part that every node of its kind has.

    Raises:
        SyntaxError: The source is broken there.
    """
    part = node.child_by_field_name(name)
    if part is None:
        raise SyntaxError(f"line {line_of(node)} has no {name}")
    return part


def parameters_of(node: Node) -> dict[str, Node]:
    """Return the parameters of a function, patterns under a made-up name."""
    single, several = node.child_by_field_name("parameter"), node.child_by_field_name("parameters")
    nodes = [single] if single is not None else several.named_children if several is not None else []
    return {text_of(n) if n.type == "identifier" else f"{text_of(n)[:40]} …": n for n in nodes}
