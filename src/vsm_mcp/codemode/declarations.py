"""Namespaces as the text of a ``.pyi`` file; whatever a server wrote, the text parses and says only what it should."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.codemode.parameters import Parameter, Parameters
from vsm_mcp.errors import printable
from vsm_mcp.model.json import JsonObject, JsonValue

LONGEST_DESCRIPTION = 1000
LONGEST_TYPE = 300
MOST_CHOICES = 24

_DEEPEST = 8
_ENORMOUS = 1 << 64
_LONGEST_LITERAL = 60
_ANY = "Any"
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_HEAD = "from typing import Any, Literal\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is declared of one function.

    Attributes:
        name: Its name: an identifier.
        parameters: Its parameters.
        description: What the server says about it; untrusted.
        schema: The schema of its arguments, where references are looked up.
        returns: The schema of its result; ``None`` where it declares none.
        output: The whole schema of the result, where references are looked up.
    """

    name: str
    parameters: Parameters
    description: str
    schema: JsonObject
    returns: JsonValue
    output: JsonObject


def pyi_text(namespaces: Mapping[str, Sequence[Described]]) -> str:
    """Return namespaces of functions as the text of a ``.pyi`` file."""
    parts = [_HEAD]
    for namespace, functions in namespaces.items():
        parts.append(f"class {namespace}:")
        parts += [_function(function) for function in functions] or ["    ..."]
        parts.append("")
    return "\n".join(parts)


def type_text(schema: JsonValue, *, root: JsonObject) -> str:
    """Return the Python type of the values that ``schema`` describes; ``Any`` where it is not clear, deep or long.

    Args:
        schema: A JSON Schema; untrusted.
        root: The schema that local references are looked up in.
    """
    text = _type(schema, root, _DEEPEST)
    return text if len(text) <= LONGEST_TYPE else _ANY


def _function(function: Described) -> str:
    shown = [_parameter(each, function.schema) for each in function.parameters.known]
    if function.parameters.open:
        shown.append("**_arguments: Any")
    returns = _ANY if function.returns is None else type_text(function.returns, root=function.output)
    head = f"    @staticmethod\n    async def {function.name}({', '.join(shown)}) -> {returns}:"
    text = _docstring(function.description)
    return f"{head}\n        {text}\n" if text else f"{head} ...\n"


def _parameter(parameter: Parameter, root: JsonObject) -> str:
    text = f"{parameter.name}: {type_text(parameter.schema, root=root)}"
    return text if parameter.required else f"{text} = {_default(parameter.schema)}"


def _default(schema: JsonObject) -> str:
    value = schema.get("default", ...)
    text = _said(value) if isinstance(value, str | int) or value is None else None
    return "..." if text is None or len(text) > _LONGEST_LITERAL else text


def _docstring(description: str) -> str:
    """Return a description as a docstring that it cannot end: quotes, backslashes and controls are written out."""
    cut = description[:LONGEST_DESCRIPTION]
    lines = [" ".join(line.split()) for line in cut.splitlines()]
    shown = "\n        ".join(_escaped(line) for line in lines).strip()
    more = " ..." if len(description) > LONGEST_DESCRIPTION else ""
    return f'"""{shown}{more}"""' if shown else ""


def _escaped(line: str) -> str:
    return printable(line).replace("\\", "\\\\").replace('"', '\\"')


def _type(schema: JsonValue, root: JsonObject, depth: int) -> str:
    if not isinstance(schema, Mapping) or depth == 0:
        return _ANY
    if "$ref" in schema:
        return _type(_referred(schema["$ref"], root), root, depth - 1)
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(choices, Sequence) and not isinstance(choices, str) and choices:
        return _literal(choices)
    for word in ("anyOf", "oneOf"):
        options = schema.get(word)
        if isinstance(options, Sequence) and not isinstance(options, str) and options:
            return _union([_type(option, root, depth - 1) for option in options[: MOST_CHOICES + 1]])
    return _of_kinds(schema, root, depth)


def _of_kinds(schema: JsonObject, root: JsonObject, depth: int) -> str:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return _of_kind(kinds, schema, root, depth=depth)
    if not isinstance(kinds, Sequence) or not kinds:
        return _ANY
    return _union([_of_kind(kind, schema, root, depth=depth) for kind in kinds[: MOST_CHOICES + 1]])


def _of_kind(kind: JsonValue, schema: JsonObject, root: JsonObject, *, depth: int) -> str:
    if kind == "array":
        return f"list[{_type(schema.get('items'), root, depth - 1)}]"
    if kind == "object":
        return f"dict[str, {_type(schema.get('additionalProperties'), root, depth - 1)}]"
    return _PLAIN.get(kind, _ANY) if isinstance(kind, str) else _ANY


def _literal(choices: Sequence[JsonValue]) -> str:
    """Return a ``Literal`` where Python can say it; the types of the choices otherwise."""
    values = [_said(value) for value in choices[: MOST_CHOICES + 1]]
    said = [value for value in values if value is not None and len(value) <= _LONGEST_LITERAL]
    if len(said) == len(choices):
        return f"Literal[{', '.join(dict.fromkeys(said))}]"
    return _union(list(dict.fromkeys(_type_of(value) for value in choices)))


def _said(value: JsonValue) -> str | None:
    """Return a value as a Python literal; ``None`` for what ``Literal`` cannot hold and for enormous numbers."""
    if isinstance(value, int) and abs(value) >= _ENORMOUS:
        return None
    return ascii(value) if value is None or isinstance(value, str | int) else None


def _type_of(value: JsonValue) -> str:
    if value is None:
        return "None"
    if isinstance(value, bool | int | float | str):
        return type(value).__name__
    return "dict[str, Any]" if isinstance(value, Mapping) else "list[Any]"


def _union(options: Sequence[str]) -> str:
    different = list(dict.fromkeys(options))
    if len(different) > MOST_CHOICES or _ANY in different:
        return _ANY
    return " | ".join(sorted(different, key=lambda text: text == "None"))


def _referred(reference: JsonValue, root: JsonObject) -> JsonValue:
    """Return what a local reference points at; ``None`` for any other and for one that leads nowhere."""
    if not isinstance(reference, str) or not reference.startswith("#/") or reference.count("/") > _DEEPEST:
        return None
    found: JsonValue = root
    for step in reference[2:].split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step.replace("~1", "/").replace("~0", "~"))
    return found
