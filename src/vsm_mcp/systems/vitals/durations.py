"""How long operations take: a histogram of constant size, whatever happens."""

from math import frexp

SHORTEST, LONGEST = 2.0**-20, 2.0**17
"""Seconds from about a millionth to a day and a half; what is outside counts as the nearest of both."""

_PARTS = 16
"""Steps between a power of two and the next."""

_FIRST = frexp(SHORTEST)[1]
_FINENESS = 2.0 * _PARTS
_STEPS = (frexp(LONGEST)[1] - _FIRST) * _PARTS + 1


class Durations:
    """Counts durations in steps that grow with them, each at most a sixteenth longer than the one before.

    A quantile is so at most 1/32 off, however many durations were counted; the mean is exact. One more costs a fraction
    of a microsecond and no memory.
    """

    __slots__ = ("_counts", "_most", "_n", "_sum")

    def __init__(self) -> None:
        """Begin without any."""
        self._counts = [0] * _STEPS
        self._n = 0
        self._sum = 0.0
        self._most = 0.0

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"Durations(n={self._n})"

    @property
    def n(self) -> int:
        """How many were counted."""
        return self._n

    @property
    def total(self) -> float:
        """Their sum."""
        return self._sum

    @property
    def mean(self) -> float | None:
        """Their mean; ``None`` before the first."""
        return self._sum / self._n if self._n else None

    @property
    def longest(self) -> float | None:
        """The longest; ``None`` before the first."""
        return self._most if self._n else None

    def note(self, seconds: float) -> None:
        """Count one. Called where operations end, so it never raises: what is no number of seconds is left out."""
        if not 0.0 <= seconds < _ENDLESS:  # NaN is never between anything
            return
        self._n += 1
        self._sum += seconds
        if seconds > self._most:  # noqa: PLR1730 - half the time of max()
            self._most = seconds
        self._counts[_place(seconds)] += 1

    def quantile(self, share: float) -> float | None:
        """Return the duration that ``share`` of all do not exceed; ``None`` before the first."""
        if not self._n:
            return None
        rank, seen = max(share * self._n, 1.0), 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return min(_middle(place), self._most)
        return self._most


_ENDLESS = float("inf")


def _place(seconds: float) -> int:
    """Return the step that a duration is in."""
    if seconds < SHORTEST:
        return 0
    if seconds >= LONGEST:
        return _STEPS - 1
    mantissa, exponent = frexp(seconds)
    return (exponent - _FIRST) * _PARTS + int(mantissa * _FINENESS) - _PARTS


def _middle(place: int) -> float:
    """Return the middle of a step."""
    octave, part = divmod(place, _PARTS)
    return 2.0 ** (_FIRST - 1 + octave) * (1.0 + (part + 0.5) / _PARTS)
