"""The signs of life of one connection, and who looks whether they go on."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import anyio

from vsm_mcp.errors import CallError, LinkError
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.supervision.supervision import Supervision


class Pulse:
    """When a server last answered, and how often it did not since.

    Attributes:
        since: When it came up.
        last: When it last answered.
        used: When a call to it last began or ended.
        latency: Seconds that its last answer took; ``None`` before the first one.
        misses: How many answers in a row are missing.
    """

    __slots__ = ("last", "latency", "misses", "since", "used")

    def __init__(self, now: float) -> None:
        """Begin with a server that just came up."""
        self.since: float = now
        self.last: float = now
        self.used: float = now
        self.latency: float | None = None
        self.misses: int = 0

    def answered(self, now: float, seconds: float) -> None:
        """Note an answer at ``now`` that took ``seconds``."""
        self.last = now
        self.latency = seconds
        self.misses = 0

    def missed(self, asked: float) -> None:
        """Note that what was asked at ``asked`` was not answered; it means nothing if something else was since."""
        if self.last <= asked:
            self.misses += 1


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks whether servers still answer and whether anybody needs them.

    Attributes:
        supervision: How often, and how patiently.
        random: Spreads the checks in time.
    """

    supervision: Supervision
    random: Random

    def is_late(self, seconds: float) -> bool:
        """Return whether an answer that did not come within ``seconds`` is missing; callers may ask for too little."""
        return seconds >= self.supervision.check_timeout

    async def until_hung(self, link: Link, pulse: Pulse, busy: Callable[[], int]) -> str:
        """Ask for a sign of life whenever there was none for long; return what to say when too many are missing.

        While calls are under way nobody asks: a server that does one thing at a time cannot answer. Only when calls
        are not answered again and again, it is asked all the same: a late call alone never ends a server.
        """
        while True:
            await anyio.sleep(self._pause(pulse))
            silent = anyio.current_time() - pulse.last
            if not pulse.misses and silent < self.supervision.check_every * (1 - self.supervision.check_jitter):
                continue
            if busy() and pulse.misses < self.supervision.check_misses:
                continue
            if not await self._asked(link, pulse) and pulse.misses >= self.supervision.check_misses:
                return f"it hangs: {pulse.misses} answers in a row are missing"

    async def until_idle(self, seconds: float, pulse: Pulse, busy: Callable[[], int]) -> None:
        """Wait until nobody called it for so many seconds."""
        while True:
            left = pulse.used + seconds - anyio.current_time()
            if left <= 0 and not busy():
                return
            await anyio.sleep(left if left > 0 else seconds)

    def _pause(self, pulse: Pulse) -> float:
        options = self.supervision
        if pulse.misses:
            return min(options.check_timeout, options.check_every)
        spread = 1 + options.check_jitter * (2 * self.random.random() - 1)
        left = pulse.last + options.check_every * spread - anyio.current_time()
        return max(left, min(options.check_timeout, options.check_every))

    async def _asked(self, link: Link, pulse: Pulse) -> bool:
        asked = anyio.current_time()
        try:
            with anyio.fail_after(self.supervision.check_timeout):
                await link.ping()
        except (TimeoutError, LinkError):
            pulse.missed(asked)
            return False
        except CallError:  # an error is an answer, too
            pass
        now = anyio.current_time()
        pulse.answered(now, now - asked)
        return True
