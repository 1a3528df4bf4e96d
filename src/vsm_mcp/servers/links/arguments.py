"""The arguments of a call as they may be sent: plain JSON, and no more of it than allowed."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue


def sendable(arguments: JsonObject, what: str, *, most: int) -> dict[str, JsonValue]:
    """Return a plain copy of ``arguments``.

    Raises:
        PayloadError: They are no JSON, too deep or larger than ``most`` bytes.
    """
    if (flat := _flat(arguments)) is not None:
        return flat
    try:
        text = _STRICT.encode(arguments)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"The arguments of {what} are no JSON values: {error}.") from error
    if len(text) > most:
        raise PayloadError(
            f"The arguments of {what} have {len(text)} bytes, more than the {most} allowed.",
            remedies=(
                "Send less at once, or put the data into a file that the server can read.",
                "The setting largest_request allows more.",
            ),
        )
    return cast("dict[str, JsonValue]", json.loads(text))


def size_of(*values: object) -> int:
    """Return about how many bytes values take as JSON; what is none counts as its text."""
    try:
        return len(orjson.dumps(values, default=str))
    except TypeError:  # names that are no text, numbers beyond 64 bits
        return len(json.dumps(values, default=str))


def _flat(arguments: JsonObject) -> dict[str, JsonValue] | None:
    """Return a copy of a few short plain values, which are most arguments; ``None`` when they need a closer look."""
    if len(arguments) > _MOST_FLAT:
        return None
    for name, value in arguments.items():
        kind = type(value)
        if type(name) is not str or kind not in _FLAT or (kind is str and len(cast("str", value)) > _LONGEST_FLAT):
            return None
    return dict(arguments)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, JsonValue]", value))
    if isinstance(value, Sequence):
        return list(cast("Sequence[JsonValue]", value))
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_STRICT = json.JSONEncoder(default=_plain, allow_nan=False)
_FLAT = frozenset({str, int, bool, type(None)})
_MOST_FLAT = 16
_LONGEST_FLAT = 4096
