"""How many calls of the last seconds failed, at the same small cost for any number of calls."""

_BUCKETS = 12


class FailureCount:
    """Counts calls and failures of a sliding window, to a twelfth of its length exactly.

    Args:
        window: Seconds that are looked back.
    """

    __slots__ = ("_all", "_bad", "_latest", "_until", "_width", "calls", "failures")

    def __init__(self, window: float) -> None:
        """Start with nothing counted."""
        self.calls: int = 0
        self.failures: int = 0
        self._width = window / _BUCKETS
        self._latest = 0
        self._until = self._width
        self._all = [0] * _BUCKETS
        self._bad = [0] * _BUCKETS

    def add(self, now: float, *, failed: bool) -> None:
        """Count a call that ended at ``now``; time that runs back is taken as standing still."""
        if now >= self._until:
            self.forget(now)
        place = self._latest % _BUCKETS
        self._all[place] += 1
        self.calls += 1
        if failed:
            self._bad[place] += 1
            self.failures += 1

    def clear(self) -> None:
        """Forget everything."""
        self.calls = self.failures = 0
        self._all = [0] * _BUCKETS
        self._bad = [0] * _BUCKETS

    def forget(self, now: float) -> None:
        """Forget what was before the window that ends at ``now``."""
        bucket = max(self._latest, int(now / self._width))
        for passed in range(self._latest + 1, min(bucket, self._latest + _BUCKETS) + 1):
            place = passed % _BUCKETS
            self.calls -= self._all[place]
            self.failures -= self._bad[place]
            self._all[place] = self._bad[place] = 0
        self._latest, self._until = bucket, (bucket + 1) * self._width
