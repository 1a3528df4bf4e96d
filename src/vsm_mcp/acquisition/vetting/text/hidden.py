"""Hidden: characters that a model reads and a person does not see."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from vsm_mcp.acquisition.discovery.reading import UNSEEN
from vsm_mcp.model.verdict import Severity

_TAG_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_TAGS = re.compile("[\U000e0000-\U000e007f]+")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}|[\U000e0100-\U000e01ef]{2,}")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]+")
_ZERO_WIDTH = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0]"
)
_JOINERS = re.compile("(?<=[\x20-\x7e])[\u200c\u200d]+(?=[\x20-\x7e])")
_BLANK = re.compile(r"\s{30,}")
_INVISIBLE = re.compile(
    f"[{UNSEEN}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f"
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]+"
)
_MANY_ZERO_WIDTH = 3
_MANY_LINES = 30
_MANY_BLANKS = 150


class Hidden(NamedTuple):
    """Something that a person does not see: the rule's code, how bad it is, and what it is."""

    code: str
    severity: Severity
    what: str


def hidden(text: str) -> Iterator[Hidden]:
    """Yield what is hidden in a raw text, before anything is normalised."""
    if text.isascii() and text.isprintable() and " " * _MANY_BLANKS not in text:
        return
    without_flags = _TAG_FLAG.sub("", text)
    for pattern, code, what in (
        (_TAGS, "hidden-tags", "invisible tag characters"),
        (_SELECTORS, "hidden-selectors", "a run of invisible variation selectors"),
        (_DIRECTION, "hidden-direction", "characters that reverse the direction of reading"),
        (_CONTROLS, "control-characters", "control characters"),
    ):
        found = pattern.search(without_flags)
        if found:
            yield Hidden(code, Severity.HIGH, f"{what} ({_codes(found.group())})")
    yield from _spacing(text)


def _spacing(text: str) -> Iterator[Hidden]:
    zero = _ZERO_WIDTH.findall(text.removeprefix("\ufeff")) + _JOINERS.findall(text)
    if zero:
        severity = Severity.HIGH if len(zero) >= _MANY_ZERO_WIDTH else Severity.MEDIUM
        yield Hidden("zero-width", severity, f"{len(zero)} characters of no width ({_codes(''.join(zero))})")
    if any(_pushes(found.group()) for found in _BLANK.finditer(text.rstrip())):
        yield Hidden("pushed-out-of-sight", Severity.MEDIUM, "text pushed out of sight by blank space")


def reveal(text: str) -> Iterator[str]:
    """Yield what invisible tag characters spell."""
    for found in _TAGS.finditer(_TAG_FLAG.sub("", text)):
        yield "".join(chr(ord(character) & 0x7F) for character in found.group())


def strip_invisible(text: str) -> str:
    """Return the text without the characters that have no shape."""
    return _INVISIBLE.sub("", text)


def _pushes(blank: str) -> bool:
    return blank.count("\n") >= _MANY_LINES or len(blank) >= _MANY_BLANKS


def _codes(characters: str) -> str:
    codes = sorted({f"U+{ord(character):04X}" for character in characters})
    return ", ".join(codes[:3]) + (" ..." if len(codes) > 3 else "")  # noqa: PLR2004 - three are enough to see
