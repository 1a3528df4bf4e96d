"""What kind of answer it was: the types without the values, so that answers of two days can be compared."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from vsm_mcp.model.call import LONGEST_OBJECT, ToolResult
from vsm_mcp.model.json import JsonValue

DEEPEST = 3
MOST_NAMES = 32
LONGEST_NAME = 64
_DEEPEST_COMPARED = 16
_TIME = re.compile(
    r"(?:^|_|-)(?:time|date|timestamp|now|at|ts|elapsed|duration|took|age|uptime|id|uuid|nonce)$|(?:Time|Date|At|Id)$"
)
_MOMENT = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_NAMES: Mapping[type, str] = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "text"}


def shape_of(result: ToolResult) -> JsonValue:
    """Return the shape of an answer: the name of a type, a list of one shape, or shapes by name.

    Text that is JSON has the shape of what it says; an answer without text has the types of its contents.
    """
    value = result.structured
    if value is None:
        value = _said(result.text)
    if value is None or value == "":
        kinds = sorted({str(block.get("type", "unknown"))[:LONGEST_NAME] for block in result.content})
        return dict.fromkeys(kinds[:MOST_NAMES], "content") if kinds else "nothing"
    return _shape(value, DEEPEST)


def alike(recorded: JsonValue, seen: JsonValue) -> bool:
    """Return whether an answer of shape ``seen`` is of the kind that was ``recorded``.

    More names than were recorded are fine; one that is gone, or another type, is not. What is unknown or was empty
    is like everything.
    """
    if recorded in (None, "null", []) or seen in ("null", []):
        return True
    if isinstance(recorded, Mapping) and isinstance(seen, Mapping):
        return all(name in seen and alike(shape, seen[name]) for name, shape in recorded.items())
    if _is_list(recorded) and _is_list(seen):
        return all(alike(was, now) for was, now in zip(recorded, seen, strict=False))
    return recorded == seen


def timeless(result: ToolResult) -> JsonValue:
    """Return what an answer says without what tells the time or numbers the answer."""
    value = result.structured if result.structured is not None else _said(result.text)
    return [_without_time(value, _DEEPEST_COMPARED), [str(block.get("type")) for block in result.content]]


def _without_time(value: JsonValue, depth: int) -> JsonValue:
    if not depth:
        return None
    if isinstance(value, Mapping):
        return {name: _without_time(inner, depth - 1) for name, inner in value.items() if not _TIME.search(name)}
    if _is_list(value):
        return [_without_time(inner, depth - 1) for inner in value]
    return _MOMENT.sub("", value) if isinstance(value, str) and len(value) <= LONGEST_OBJECT else value


def _said(text: str) -> JsonValue:
    if not text.lstrip().startswith(("{", "[")) or len(text) > LONGEST_OBJECT:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shape(value: JsonValue, depth: int) -> JsonValue:
    if isinstance(value, Mapping):
        names = sorted(value)[:MOST_NAMES] if depth else ()
        return {name[:LONGEST_NAME]: _shape(value[name], depth - 1) for name in names}
    if _is_list(value):
        return [_shape(value[0], depth - 1)] if value and depth else []
    return _NAMES[type(value)]


def _is_list(value: JsonValue) -> TypeGuard[Sequence[JsonValue]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
