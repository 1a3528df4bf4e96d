"""Counts over the last so many seconds, in bounded memory."""

from sys import float_info

from vsm_mcp.errors import ConfigurationError

DEFAULT_BUCKETS = 60
MOST_BUCKETS = 10_000
SHORTEST_BUCKET = 1e-6


class Window:
    """Counts what happened within the last ``length`` seconds, and how much of it was bad.

    The window moves by whole buckets: it reaches back between ``length`` less one bucket and ``length`` seconds. Adding
    and reading take constant time (amortised), and the counts are integers, so no rounding error builds up.

    Args:
        length: Seconds the window reaches back.
        buckets: Into how many parts it is divided.

    Raises:
        ConfigurationError: There are not 2 to 10,000 buckets, or they are not between a microsecond and finite.
    """

    __slots__ = ("_all", "_bad", "_place", "_size", "_width", "bad", "length", "total")

    def __init__(self, *, length: float, buckets: int = DEFAULT_BUCKETS) -> None:
        """Start empty."""
        fine = 2 <= buckets <= MOST_BUCKETS  # noqa: PLR2004 - one bucket could not move
        if not fine or not SHORTEST_BUCKET * buckets <= length <= float_info.max:
            raise ConfigurationError(
                f"A window of {length} seconds in {buckets} buckets cannot be kept.",
                remedies=(f"Give 2 to {MOST_BUCKETS} buckets of at least {SHORTEST_BUCKET:g} seconds.",),
            )
        self.length: float = length
        self.bad: int = 0
        self.total: int = 0
        self._width = length / buckets
        self._size = buckets
        self._bad = [0] * buckets
        self._all = [0] * buckets
        self._place: int | None = None

    def add(self, moment: float, *, bad: bool = False) -> None:
        """Count one event; ``moment`` comes from a ``SteadyTime``."""
        place = int(moment // self._width)
        if place != self._place:
            self._move(place)
        at = place % self._size
        self._all[at] += 1
        self.total += 1
        if bad:
            self._bad[at] += 1
            self.bad += 1

    def move(self, moment: float) -> None:
        """Forget what is too old at ``moment``; ``bad`` and ``total`` are right from then on."""
        place = int(moment // self._width)
        if place != self._place:
            self._move(place)

    def _move(self, place: int) -> None:
        """Empty the buckets between the last place and this one, at most all of them."""
        since = place if self._place is None else self._place
        for old in range(max(since, place - self._size) + 1, place + 1):
            at = old % self._size
            self.total -= self._all[at]
            self.bad -= self._bad[at]
            self._all[at] = self._bad[at] = 0
        self._place = place
