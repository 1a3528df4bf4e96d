"""Untrusted JSON, read with types and bounds: nothing here fails on a wrong shape, only on bytes that are no JSON."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue

LONGEST_TEXT = 1024

UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Fillers, joiners and variation selectors, for the brackets of a pattern: no one sees them, `str.isprintable` does."""

_UNSEEN = re.compile(f"[{UNSEEN}]")
_SPACES = re.compile(r"\s+")


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return ``text`` in NFKC, on one line, without characters that are not seen, cut to ``longest`` characters.

    What is not seen: control, zero-width, bidirectional and tag characters, fillers, variation selectors, and lone
    surrogates.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())[:longest]
    cut = unicodedata.normalize("NFKC", _UNSEEN.sub("", text[: 4 * longest]))
    seen = "".join(char for char in _SPACES.sub(" ", cut) if char.isprintable())
    return _SPACES.sub(" ", seen).strip()[:longest]


def parse(data: bytes, *, what: str) -> JsonValue:
    """Return the JSON value in ``data``.

    Raises:
        PayloadError: ``data`` is not JSON, or nested too deeply to be read; ``what`` names it in the message.
    """
    try:
        value: JsonValue = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{what} is not readable JSON: {type(error).__name__}.") from error
    return value


def mapping(value: JsonValue) -> JsonObject:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: JsonValue, most: int) -> Sequence[JsonValue]:
    """Return the first ``most`` items of ``value`` if it is a list, else none."""
    return value[:most] if isinstance(value, list) else ()


def text(value: JsonValue, longest: int = LONGEST_TEXT) -> str:
    """Return ``value``, cleaned and cut, if it is text, else an empty text."""
    return clean(value, longest) if isinstance(value, str) else ""


def words(value: JsonValue, *, most: int, longest: int) -> dict[str, str]:
    """Return the first ``most`` entries of an object of texts; others are left out, and so are too long ones."""
    pairs = list(mapping(value).items())[:most]
    return {k: v for k, v in pairs if isinstance(v, str) and len(k) <= longest and len(v) <= longest}


def moment(value: JsonValue) -> datetime | None:
    """Return ``value`` as a date with a time zone (UTC when it names none), or ``None`` when it is no date."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
