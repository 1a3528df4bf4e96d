"""When a server that failed may be started again: at once, after a pause, or not for a while."""

from collections import deque
from dataclasses import dataclass

MOST_FAILURES = 5
WINDOW_SECONDS = 300.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How patient we are.

    Attributes:
        most: Failures within ``window`` after which the server is left alone.
        window: Seconds a failure counts.
        first_pause: Seconds to wait before the start after the second failure; doubled by each further one. The first
            failure costs no pause.
        longest_pause: The most seconds to wait.
    """

    most: int = MOST_FAILURES
    window: float = WINDOW_SECONDS
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE


class Failures:
    """The failures of one server that still count.

    Args:
        policy: How patient we are.
    """

    def __init__(self, policy: RestartPolicy) -> None:
        """Start without any."""
        self._policy = policy
        self._times: deque[float] = deque(maxlen=policy.most)

    def note(self, now: float) -> None:
        """Remember that it failed at ``now``."""
        self._times.append(now)

    def count(self, now: float) -> int:
        """Return how many failures count at ``now``."""
        while self._times and now - self._times[0] >= self._policy.window:
            self._times.popleft()
        return len(self._times)

    def closed_for(self, now: float) -> float | None:
        """Return for how many seconds the server is left alone, or ``None`` when it may be started."""
        if self.count(now) < self._policy.most:
            return None
        return self._times[0] + self._policy.window - now

    def pause(self, now: float) -> float:
        """Return how many seconds to wait before the next start."""
        count = self.count(now)
        if count <= 1:
            return 0.0
        return min(self._policy.longest_pause, self._policy.first_pause * 2 ** (count - 2))
