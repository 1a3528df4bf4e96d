"""Tool descriptions: texts of a server that give orders to the model instead of describing a tool.

Pure, offline and deterministic: looks at strings only. Findings of severity ``HIGH`` have no place in an honest text
(hard signals); ``MEDIUM`` and ``LOW`` ones are seen in honest texts, too (soft signals).
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from vsm_mcp.acquisition.vetting.text.decoding import decoded, normalised
from vsm_mcp.acquisition.vetting.text.hidden import hidden
from vsm_mcp.acquisition.vetting.text.names import Neighbours, solicits
from vsm_mcp.acquisition.vetting.text.phrases import phrases
from vsm_mcp.acquisition.vetting.text.suspicion import suspicion
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.verdict import Finding, Severity

CHECK = "tool-descriptions"
LONGEST_TEXT = 20_000
MOST_TEXTS = 2_000
DEEPEST = 32

_WIRE_FIELDS = ("name", "description", "inputSchema", "outputSchema")
_OPAQUE = ("base64", "hexadecimal", "binary", "spelled out")


def scan(tools: Sequence[ToolSpec], others: Iterable[ToolSpec] = (), *, instructions: str = "") -> tuple[Finding, ...]:
    """Search what a server says about its tools.

    Args:
        tools: The tools of one server.
        others: The tools of all other servers, to notice names and texts that interfere with them.
        instructions: What the server says about itself when a connection begins.

    Returns:
        What was found, in the order of the tools, without repetition.
    """
    neighbours = Neighbours(own=[tool.name for tool in tools], others=[other.name for other in others])
    findings = list(scan_text(instructions, where="instructions"))
    for tool in tools:
        findings.extend(_tool(tool))
        findings.extend(_interference(tool, neighbours))
    return tuple(dict.fromkeys(findings))


def scan_text(text: str, *, where: str) -> Iterator[Finding]:
    """Search one text, such as a prompt: raw first, then as a model reads it, then what is encoded in it."""
    if len(text) > LONGEST_TEXT:
        yield _finding(
            "text-too-long", Severity.MEDIUM, f"{len(text)} characters are too many.", where=where, unknown=True
        )
        text = text[:LONGEST_TEXT]
    for concealed in hidden(text):
        yield _finding(concealed.code, concealed.severity, f"There is {concealed.what}.", where=where)
    plain_text = normalised(text)
    plain = {phrase.code: phrase for phrase in phrases(plain_text)}
    for phrase in plain.values():
        yield _finding(phrase.code, phrase.severity, f"It says: {phrase.words!r}.", where=where)
    signs = suspicion(plain_text)
    if signs:
        message = f"A passage {', '.join(signs)}."
        yield _finding("steers-the-model", Severity.MEDIUM, message, where=where)
    for encoding, inner in decoded(text):
        yield from _encoded(encoding, inner, where=where, known=plain)


def _encoded(encoding: str, inner: str, *, where: str, known: Container[str]) -> Iterator[Finding]:
    for phrase in phrases(normalised(inner)):
        if phrase.code not in known:
            message = f"It says in {encoding}: {phrase.words!r}."
            yield _finding(f"encoded-{phrase.code}", Severity.HIGH, message, where=where)
    if encoding.endswith(_OPAQUE):
        message = f"It holds a readable text in {encoding}: {inner[:80]!r}."
        yield _finding("encoded-text", Severity.MEDIUM, message, where=where)


def _tool(tool: ToolSpec) -> Iterator[Finding]:
    name = tool.name[:64]
    texts = list(islice(_texts(tool), MOST_TEXTS + 1))
    if len(texts) > MOST_TEXTS:
        message = f"{name} has more than {MOST_TEXTS} texts."
        yield _finding("too-many-texts", Severity.MEDIUM, message, where=name, unknown=True)
    if any(text is None for _, text in texts):
        message = f"The schema of {name} is deeper than {DEEPEST} levels."
        yield _finding("too-deep", Severity.MEDIUM, message, where=name, unknown=True)
    spoken = [(path, text) for path, text in texts if text]
    if not _clean([text for _, text in spoken]):
        for path, text in spoken:
            yield from scan_text(text, where=f"{name}: {path}")
    yield from _solicited(name, spoken)


def _clean(texts: Sequence[str]) -> bool:
    """One pass over all texts of a tool together: almost every tool is done after it."""
    together = "\n".join(texts)
    if len(together) > LONGEST_TEXT or any(hidden(together)) or any(phrases(normalised(together))):
        return False
    if any(any(_encoded(encoding, inner, where="", known=())) for encoding, inner in decoded(together)):
        return False
    return not any(suspicion(normalised(text)) for text in texts)


def _texts(tool: ToolSpec) -> Iterator[tuple[str, str | None]]:
    yield "name", tool.name
    yield "description", tool.description
    yield from _strings(tool.input_schema, "input")
    yield from _strings(tool.output_schema, "output")
    yield from _strings({key: value for key, value in tool.raw.items() if key not in _WIRE_FIELDS}, "raw")


def _strings(value: JsonValue, path: str) -> Iterator[tuple[str, str | None]]:
    """Yield every string of a JSON value with its path, keys included; ``None`` where it is too deep."""
    waiting: list[tuple[JsonValue, str, int]] = [(value, path, 0)]
    while waiting:
        item, at, depth = waiting.pop()
        if isinstance(item, str):
            yield at, item
        elif isinstance(item, Mapping | Sequence) and depth >= DEEPEST:
            yield at, None
        elif isinstance(item, Mapping):
            for key, inner in item.items():
                waiting.append((inner, f"{at}.{key[:40]}", depth + 1))
                yield f"{at} key", key
        elif isinstance(item, Sequence):
            waiting.extend((inner, at, depth + 1) for inner in item)


def _solicited(name: str, texts: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for path, text in texts:
        severity = solicits(text) if path.endswith((" key", "name")) else None
        if severity is not None:
            message = f"The parameter {text[:80]!r} of {name} asks for what is not the server's business."
            yield _finding("soliciting-parameter", severity, message, where=f"{name}: {path}")


def _interference(tool: ToolSpec, neighbours: Neighbours) -> Iterator[Finding]:
    for code, severity, other in neighbours.interference(tool.name, tool.description[:LONGEST_TEXT]):
        message = f"{tool.name[:64]} interferes with {other[:64]} of another server ({code})."
        yield _finding(code, severity, message, where=tool.name[:64])


def _finding(code: str, severity: Severity, message: str, *, where: str, unknown: bool = False) -> Finding:
    return Finding(
        check=CHECK,
        code=code,
        severity=severity,
        message=f"{where}: {message}" if where not in message else message,
        where=where,
        unknown=unknown,
        remedy="Read the server's descriptions; take another server unless they are harmless.",
    )
