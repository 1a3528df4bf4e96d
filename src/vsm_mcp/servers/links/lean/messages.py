"""Messages as bytes: requests written and answers read without a model in between."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

import orjson
from pydantic_core import from_json

from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.links.arguments import sendable

MODERN = "2026-07-28"
HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")

_MOST_GROWTH = 3
_MOST_OPEN = 150
_SHORT = 2 * _MOST_OPEN
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_CALL = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%b,"arguments":%b%b}}\n'
_QUICK_RESULT = frozenset({"content", "isError", "structuredContent", "resultType", "ttlMs", "cacheScope"})


def request(number: int, method: str, params: bytes) -> bytes:
    """Return the line that asks for ``method``; ``params`` are JSON already."""
    return b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":%b}\n' % (number, method.encode(), params)


def notification(method: str, params: bytes) -> bytes:
    """Return the line that tells ``method``."""
    return b'{"jsonrpc":"2.0","method":"%b","params":%b}\n' % (method.encode(), params)


def cancellation(number: int, reason: str) -> bytes:
    """Return the line that tells that an answer is no longer waited for."""
    return notification("notifications/cancelled", b'{"requestId":%d,"reason":%b}' % (number, word(reason)))


def reply(number: int | str, outcome: str, value: JsonObject) -> bytes:
    """Return the line that answers a request of the server with a ``result`` or an ``error``."""
    return b'{"jsonrpc":"2.0","id":%b,"%b":%b}\n' % (orjson.dumps(number), outcome.encode(), orjson.dumps(value))


def call(number: int, tool: str, arguments: JsonObject, *, meta: bytes, most: int) -> bytes:
    """Return the line that calls ``tool``.

    Raises:
        PayloadError: The arguments are no JSON or larger than ``most`` bytes.
    """
    name, values = word(tool), _encoded(arguments, tool, most=most)
    return _CALL % (number, name, values, meta)


def stamp(meta: bytes, *, token: int | None = None) -> bytes:
    """Return what is added to the parameters of a request.

    Args:
        meta: What every request carries: the inside of a JSON object.
        token: The number under which progress is asked for.
    """
    if token is None:
        return b',"_meta":{%b}' % meta if meta else b""
    return b',"_meta":{%b"progressToken":%d}' % (meta + b"," if meta else b"", token)


def word(text: str) -> bytes:
    """Return ``text`` as a JSON string."""
    try:
        return orjson.dumps(text)
    except TypeError:  # half of a surrogate pair, which only an escape can carry
        return json.dumps(text).encode()


def decoded(frame: bytes) -> JsonValue:
    """Return the value that a line holds.

    What the quick parser reads in another way, or not at all, is read by the other one: numbers of very many digits,
    numbers that are none, and values that are nested deep, which it refuses.

    Raises:
        ValueError: It holds none, or one that is nested too deep.
    """
    if len(frame) > _SHORT and frame.count(b"[") + frame.count(b"{") > _MOST_OPEN:
        return cast("JsonValue", from_json(frame))
    if _LONG_NUMBER in frame.translate(_DIGITS):
        return cast("JsonValue", from_json(frame))
    try:
        return cast("JsonValue", orjson.loads(frame))
    except orjson.JSONDecodeError:
        return cast("JsonValue", from_json(frame))


def quick_result(raw: JsonObject, *, modern: bool) -> ToolResult | None:
    """Return the result of a call that holds nothing but plain text; ``None`` for one that must be looked at."""
    content, structured, is_error = raw.get("content"), raw.get("structuredContent"), raw.get("isError", False)
    if not isinstance(content, list) or not raw.keys() <= _QUICK_RESULT:
        return None
    if (modern and raw.get("resultType") != "complete") or not (structured is None or isinstance(structured, dict)):
        return None
    text = _text(content[0]) if len(content) == 1 else _texts(content)
    if text is None or not (is_error is True or is_error is False):
        return None
    draft = _Draft()
    draft.text, draft.structured, draft.content, draft.is_error = text, structured, tuple(content), is_error
    draft.__class__ = ToolResult  # pyright: ignore[reportAttributeAccessIssue] - of the same slots
    return cast("ToolResult", draft)


class _Draft:
    """A result whose fields can still be set: one is made for every call, and this takes a third of the time."""

    __slots__ = ("content", "is_error", "structured", "text")

    text: str
    structured: JsonValue
    content: tuple[JsonValue, ...]
    is_error: bool


def _text(block: JsonValue) -> str | None:
    if not isinstance(block, dict) or len(block) != 2 or block.get("type") != "text":  # noqa: PLR2004 - type and text
        return None
    text = block.get("text")
    return text if isinstance(text, str) else None


def _texts(blocks: Sequence[JsonValue]) -> str | None:
    texts = [text for block in blocks if (text := _text(block)) is not None]
    return "\n".join(texts) if len(texts) == len(blocks) else None


def _encoded(arguments: JsonObject, tool: str, *, most: int) -> bytes:
    """Return the ``arguments`` of a call as JSON.

    Raises:
        PayloadError: They are no JSON, too deep or larger than ``most`` bytes.
    """
    try:
        data = orjson.dumps(arguments, default=_plain, option=_OPTIONS)
    except TypeError:  # the standard library knows more, and says better what is wrong
        return json.dumps(sendable(arguments, f"the call of {tool}", most=most)).encode()
    if len(data) * _MOST_GROWTH > most or b"null" in data:  # a number that is none becomes null
        sendable(arguments, f"the call of {tool}", most=most)
    return data


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, JsonValue]", value))
    if isinstance(value, Sequence):
        return list(cast("Sequence[JsonValue]", value))
    raise TypeError
