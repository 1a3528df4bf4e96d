"""When a server that failed may be started again: at once, after a pause, or not for a while."""

from collections import deque
from dataclasses import dataclass
from random import Random

MOST_FAILURES = 5
WINDOW_SECONDS = 300.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
STABLE_SECONDS = 60.0
JITTER = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How patient we are.

    Attributes:
        most: Failures within ``window`` after which the server is left alone.
        window: Seconds a failure counts.
        first_pause: Seconds to wait before the start after the second failure; doubled by each further one. The first
            failure costs no pause.
        longest_pause: The most seconds to wait.
        stable: A run of so many seconds makes the failures before it count no longer.
        jitter: The share by which a pause may be shorter, by chance.
    """

    most: int = MOST_FAILURES
    window: float = WINDOW_SECONDS
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE
    stable: float = STABLE_SECONDS
    jitter: float = JITTER


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

    def forget(self) -> None:
        """Let none count any longer."""
        self._times.clear()

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
        return min(self._policy.longest_pause, self._policy.first_pause * 2.0 ** min(count - 2, 64))


class Budget:
    """What one server may still fail: a window of failures, then a rest, then one try.

    Args:
        policy: How patient we are.
        random: Makes pauses shorter by chance.
    """

    def __init__(self, policy: RestartPolicy, random: Random) -> None:
        """Start with all of it."""
        self._policy = policy
        self._random = random
        self._failures = Failures(policy)
        self._rests_until: float | None = None

    def spend(self, now: float, *, ran: float = 0.0) -> bool:
        """Count a failure at ``now`` of a server that had run for ``ran`` seconds; return whether it is given up.

        One that fails when it is tried after its rest is given up at once. A failure during the rest changes nothing.
        """
        if ran >= self._policy.stable:
            self.restore()
        if self.trying(now):
            self._rests_until = now + self._policy.window
            return True
        self._failures.note(now)
        if self._rests_until is not None or self._failures.closed_for(now) is None:
            return False
        self._rests_until = now + self._policy.window
        return True

    def restore(self) -> None:
        """Give all of it back: it is well."""
        self._failures.forget()
        self._rests_until = None

    @property
    def spent(self) -> bool:
        """Return whether it was given up and has not proved itself since."""
        return self._rests_until is not None

    def trying(self, now: float) -> bool:
        """Return whether its rest is over and it has not proved itself yet."""
        return self._rests_until is not None and now >= self._rests_until

    def count(self, now: float) -> int:
        """Return how many failures count at ``now``."""
        return self._failures.count(now)

    def closed_for(self, now: float) -> float | None:
        """Return for how many seconds the server is left alone, or ``None`` when it may be started."""
        if self._rests_until is None or now >= self._rests_until:
            return None
        return self._rests_until - now

    def pause(self, now: float) -> float:
        """Return how many seconds to wait before the next start: longer after each failure, shorter by chance."""
        return self._failures.pause(now) * (1.0 - self._policy.jitter * self._random.random())
