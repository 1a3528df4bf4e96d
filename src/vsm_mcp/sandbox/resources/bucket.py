"""CPU time as a token bucket: what a tree may use, has used and has left. Pure."""

SMOOTHED_SECONDS = 0.5
"""Over how long a use above the limit is evened out once start-up is over."""

_RESUME_SECONDS = 0.05


class Bucket:
    """Seconds of CPU time that are left.

    What the burst gives is used up once: it is never filled again.

    Args:
        rate: Seconds of CPU per second.
        burst: Seconds that are there at the start.
    """

    def __init__(self, *, rate: float, burst: float) -> None:
        """Fill it."""
        self._rate = rate
        self._most = rate * SMOOTHED_SECONDS
        self.left: float = max(burst, self._most)

    def spend(self, used: float, *, elapsed: float) -> None:
        """Account for what was used in ``elapsed`` seconds."""
        room = max(self._most, self.left)
        self.left = min(room, self.left + self._rate * elapsed) - used

    def settle(self) -> None:
        """Take what is left of the burst away."""
        self.left = min(self.left, self._most)

    @property
    def pause(self) -> float:
        """Seconds without any use until there is something to use again; 0 while something is left."""
        return 0.0 if self.left > 0 else _RESUME_SECONDS - self.left / self._rate
