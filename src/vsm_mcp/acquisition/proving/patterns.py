"""Text that a regular expression matches, made without ever matching: a foreign pattern could run for ever."""

import re
from collections.abc import Callable

LONGEST_PATTERN = 500
LONGEST_TEXT = 200
DEEPEST = 8

_CLASSES = {"d": "7", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "h": "7"}
_COUNT = re.compile(r"\{(\d{1,4})(?:,\d{0,4})?\}")
_RANGE = re.compile(r"(\\?[^\]\\])(?:-(\\?[^\]\\]))?")


def text_for(pattern: str) -> str | None:
    """Return the shortest plain text that ``pattern`` asks for; ``None`` when it is not understood.

    Understood are literal text, escapes, classes, groups, alternatives and counts; not look-arounds, references and
    flags.
    """
    if len(pattern) > LONGEST_PATTERN:
        return None
    try:
        maker = _Maker(pattern)
        text = maker.alternatives(0)
    except _UnknownError:
        return None
    return text if maker.done and len(text) <= LONGEST_TEXT else None


class _UnknownError(Exception):
    """Something in the pattern is not understood."""


class _Maker:
    """Reads a pattern once, from left to right, and writes what it asks for."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._pattern)

    def alternatives(self, depth: int) -> str:
        """Write the first alternative, read the others."""
        if depth > DEEPEST:
            raise _UnknownError
        first = self._sequence(depth)
        while self._next("|"):
            self._sequence(depth)
        return first

    def _sequence(self, depth: int) -> str:
        text = ""
        while not self.done and self._pattern[self._at] not in "|)":
            piece = self._piece(depth)
            text += piece * self._times() if piece else ""
            if len(text) > LONGEST_TEXT:
                raise _UnknownError
        return text

    def _piece(self, depth: int) -> str:
        sign = self._pattern[self._at]
        self._at += 1
        readers: dict[str, Callable[[], str]] = {
            "(": lambda: self._group(depth),
            "[": self._class,
            "\\": self._escape,
            ".": lambda: "a",
            "^": lambda: "",
            "$": lambda: "",
        }
        if sign in "*+?{}":
            raise _UnknownError
        return readers.get(sign, lambda: sign)()

    def _group(self, depth: int) -> str:
        if self._next("?") and not self._next(":"):
            raise _UnknownError
        text = self.alternatives(depth + 1)
        if not self._next(")"):
            raise _UnknownError
        return text

    def _class(self) -> str:
        negated = self._next("^")
        end = self._pattern.find("]", self._at + 1)
        inside = self._pattern[self._at : end]
        found = _RANGE.match(inside)
        if negated or end < 0 or found is None or "\\]" in inside:
            raise _UnknownError
        self._at = end + 1
        first = found[1]
        return _CLASSES.get(first[1], first[1]) if len(first) > 1 else first

    def _escape(self) -> str:
        if self.done:
            raise _UnknownError
        sign = self._pattern[self._at]
        self._at += 1
        if sign in _CLASSES:
            return _CLASSES[sign]
        if sign.isalnum():
            raise _UnknownError
        return sign

    def _times(self) -> int:
        """Read how often the last piece is wanted: as rarely as allowed, but once rather than never."""
        counted = _COUNT.match(self._pattern, self._at)
        times = 1
        if counted is not None:
            self._at = counted.end()
            times = int(counted[1])
        elif not self.done and self._pattern[self._at] in "*+?":
            self._at += 1
        self._next("?")
        return times

    def _next(self, sign: str) -> bool:
        if self.done or self._pattern[self._at] != sign:
            return False
        self._at += 1
        return True
