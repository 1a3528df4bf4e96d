"""What a server's words mean: did a call fail although nothing says so, does it lack settings, or is it broken?"""

import json
import re
from collections.abc import Mapping, Sequence

from vsm_mcp.errors import NeedsConfigurationError
from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonValue

MOST_NAMES = 8
LONGEST_LINE = 1000
MOST_LINES = 100

_NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_CODE = re.compile(
    r"(?:ERR|E[A-Z]+|HTTP|JSON|UTF|ISO|SIG|TLS|SSL|MODULE|INTERNAL|INVALID|METHOD|PARSE|UNEXPECTED)_[A-Z0-9_]*"
)
_LACKS = re.compile(
    r"\b(?:missing|required|requires|must (?:be )?(?:set|provided?)|no such environment variable"
    r"|not (?:set|defined|found|specified|provided|configured)|(?:is|are) (?:undefined|empty|unset)"
    r"|please (?:set|provide|export)|set (?:the|your)|need(?:s|ed)?|without)\b",
    re.IGNORECASE,
)
_REJECTED = re.compile(r"\b(?:no|invalid|unauthori[sz]ed|expired|rejected|failed)\b", re.IGNORECASE)
_SURE = re.compile(
    r"\b(?:environment variables?|env(?:ironment)?[ .]vars?|credentials?|client[ _-]?(?:id|secret)s?"
    r"|(?:api|access|auth|authentication|bearer)[ _-]?(?:keys?|tokens?)|database[ _-]?urls?|connection strings?)\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(r"\b(?:passwords?|tokens?|secrets?)\b", re.IGNORECASE)
_PLAIN = re.compile(
    r"KeyError: '[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+'|\b401\b.{0,40}\bunauthori[sz]ed\b"
    r"|\b(?:connection|authentication|authori[sz]ation|login) failed during initiali[sz]ation\b",
    re.IGNORECASE,
)

_SHORT = 600
_FAILED = re.compile(
    r"\W*(?:(?:fatal|error|exception|failure)\b(?:\]|\s*:|\s-\s)"
    r"|(?:[a-z_]+\.)*[a-z]*(?:error|exception)\s*:"
    r"|unauthori[sz]ed\b|forbidden\b|(?:access|permission) denied|not authori[sz]ed|internal server error"
    r"|(?:http |status(?: code)?:? ?)?(?:401 unauth|403 forb|500 internal|502 bad|503 serv|504 gate))",
    re.IGNORECASE,
)
_TRACE = re.compile(r"^Traceback \(most recent call last\)", re.MULTILINE)
_BAD_STATUS = frozenset({"error", "failed", "failure", "unauthorized", "forbidden"})


def complaint_of(result: ToolResult) -> str | None:
    """Return what speaks against a result, whatever the server marked it as; ``None`` when nothing does.

    Content decides: besides what `ToolResult.complaint` knows, an answer without any content, an object that says that
    it is no success, a short text that begins like an error or says that settings are missing, and a stack trace.
    """
    said = result.complaint
    if said is not None:
        return said
    if not _says_anything(result):
        return "it answered with nothing"
    return _bad_object(result) or _bad_text(result.text)


def lacks_settings(line: str) -> bool:
    """Tell whether ``line`` says that settings or credentials are missing."""
    line = line[:LONGEST_LINE]
    if _PLAIN.search(line):
        return True
    if _LACKS.search(line):
        return bool(_SURE.search(line) or _VAGUE.search(line) or _names(line))
    return bool(_REJECTED.search(line) and _SURE.search(line))


def needs_configuration(server: str, said: Sequence[str]) -> NeedsConfigurationError | None:
    """Return the error for a server that said that it lacks settings, or ``None`` when it said nothing of the kind."""
    lines = [line.strip() for text in said for line in text.splitlines()[-MOST_LINES:] if lacks_settings(line)]
    if not lines:
        return None
    names = tuple(dict.fromkeys(name for line in lines for name in _names(line)))[:MOST_NAMES]
    example = names[0] if names else "NAME"
    given = (
        f"secrets={{PACKAGE: {{{example!r}: 'env:{example}'}}}}, PACKAGE being 'npm:NAME', 'pypi:NAME' or 'file:PATH'"
    )
    return NeedsConfigurationError(
        f"{server} does not work without settings that only you have; it says: {lines[0][:300]!r}.",
        names=names,
        remedies=(f"Give {', '.join(names) or 'what it asks for'} to its package by reference: {given}.",),
    )


def _says_anything(result: ToolResult) -> bool:
    if result.structured is not None or result.text.strip():
        return True
    return any(block.get("type") != "text" for block in result.content)


def _bad_object(result: ToolResult) -> str | None:
    value = _object(result.structured) if result.structured is not None else _parsed(result.text)
    if set(value) == {"result"}:
        value = _object(value["result"])
    refused = [name for name in ("success", "ok", "succeeded") if value.get(name) is False]
    status = value.get("status")
    if isinstance(status, str) and status.casefold() in _BAD_STATUS:
        refused.append("status")
    errors = value.get("errors")
    if isinstance(errors, Sequence) and errors:
        refused.append("errors")
    if not refused:
        return None
    said = {name: value.get(name) for name in (*refused, "message", "detail", "reason") if name in value}
    return json.dumps(said, default=str)[:_SHORT]


def _bad_text(text: str) -> str | None:
    start = text.lstrip()[: _SHORT + 1]
    if _TRACE.search(start):
        return start
    short = len(start) <= _SHORT
    return start if short and (_FAILED.match(start) or any(map(lacks_settings, start.splitlines()[:3]))) else None


def _parsed(text: str) -> Mapping[str, JsonValue]:
    if len(text) > MOST_LINES * LONGEST_LINE or not text.lstrip().startswith("{"):
        return {}
    try:
        return _object(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _object(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _names(line: str) -> list[str]:
    """Return what looks like names of environment variables."""
    return [name for name in _NAME.findall(line[:LONGEST_LINE]) if not _CODE.fullmatch(name)]
