"""Own copies of what is called: what was checked is what is sent, whatever its caller does with it meanwhile."""

from typing import cast

import orjson

from vsm_mcp.errors import PayloadError
from vsm_mcp.guard.payloads import LARGEST, Bounds
from vsm_mcp.guard.rules.judge import plain
from vsm_mcp.guard.sizes import size_of
from vsm_mcp.model.call import ProgressHeard, ToolCall
from vsm_mcp.model.json import JsonObject, JsonValue

_UNCHANGING = frozenset({str, int, float, bool, type(None)})
_AS_DEEP_AS_MAY_BE = Bounds(bytes=LARGEST, depth=200, values=LARGEST, name=LARGEST, text=LARGEST)


def copied(arguments: JsonObject, *, flat: bool = False) -> tuple[JsonObject, int | None]:
    """Return a copy of arguments that shares nothing that can change, and how many bytes it has as JSON.

    They should be within bounds already. The size is ``None`` when they cannot be written as JSON at once.

    Args:
        arguments: The arguments.
        flat: Whether it is known that they hold nothing but texts and numbers.

    Raises:
        PayloadError: They are no JSON, or hold themselves.
    """
    try:
        own = dict(arguments)
    except (TypeError, ValueError) as error:
        raise PayloadError("The arguments are no object.", remedies=("Give them names.",)) from error
    if flat or _UNCHANGING.issuperset(map(type, own.values())):
        return own, size_of(own)
    try:
        written = orjson.dumps(arguments)
        read: dict[str, JsonValue] = orjson.loads(written)
    except (TypeError, orjson.JSONDecodeError):  # numbers of many digits, halves of characters, other mappings
        return plain(arguments, _AS_DEEP_AS_MAY_BE), None
    return read, len(written)


def renewed(call: ToolCall, arguments: JsonObject, *, timeout: float | None, idle: float | None) -> ToolCall:
    """Return the same call with other arguments and times."""
    draft = _Draft()
    draft.server, draft.tool, draft.agent = call.server, call.tool, call.agent
    draft.arguments, draft.timeout, draft.idle, draft.progress = arguments, timeout, idle, call.progress
    draft.__class__ = ToolCall  # pyright: ignore[reportAttributeAccessIssue] - of the same slots
    return cast("ToolCall", draft)


class _Draft:
    """A call whose fields can still be set: one is made for every call, and this takes a third of the time."""

    __slots__ = ("agent", "arguments", "idle", "progress", "server", "timeout", "tool")

    server: str
    tool: str
    arguments: JsonObject
    agent: str
    timeout: float | None
    idle: float | None
    progress: ProgressHeard | None
