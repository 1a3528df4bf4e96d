"""How a cache does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFigures:
    """How a cache did since it was made.

    Attributes:
        hits: Times a fresh value was given.
        misses: Times somebody had to wait for a load, or to make the value.
        loads: Loads that were begun.
        shared: Times somebody waited for a load that another one had begun.
        failures: Loads that failed.
        evicted: Values that made room for others.
        size: Values that are kept, also those that are too old to be given.
        most: Values that may be kept.
        fresh: Seconds for which a value is fresh.
    """

    hits: int
    misses: int
    loads: int
    shared: int
    failures: int
    evicted: int
    size: int
    most: int
    fresh: float

    @property
    def hit_rate(self) -> float | None:
        """The share of the times in which nobody had to wait; ``None`` before the first time."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None
