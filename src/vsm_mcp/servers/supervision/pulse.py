"""The signs of life of one connection, and who looks whether they go on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

import anyio

from vsm_mcp.errors import LinkError
from vsm_mcp.guard.permissions import Objection, no_objection
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.diagnosis import complaint_of
from vsm_mcp.servers.proofs import reading_proof
from vsm_mcp.servers.supervision.supervision import Supervision

Check = Callable[[], Awaitable[str | None]]
"""Has a server answer, and returns what speaks against the answer, if anything does."""


class Pulse:
    """When a server last answered, and how often it did not since.

    Attributes:
        since: When it came up.
        last: When it last answered.
        shown: When it last showed that it works, or was asked to: an error is an answer, but shows nothing.
        used: When a call to it last began or ended.
        latency: Seconds that its last answer took; ``None`` before the first one.
        misses: How many answers in a row are missing.
        complaint: What spoke against its answer when it was last asked; ``None`` when nothing did, or since somebody
            was served well.
    """

    __slots__ = ("complaint", "last", "latency", "misses", "shown", "since", "used")

    def __init__(self, now: float) -> None:
        """Begin with a server that just came up."""
        self.since: float = now
        self.last: float = now
        self.shown: float = now
        self.used: float = now
        self.latency: float | None = None
        self.misses: int = 0
        self.complaint: str | None = None

    def answered(self, now: float, seconds: float) -> None:
        """Note an answer at ``now`` that took ``seconds``."""
        self.last = now
        self.latency = seconds
        self.misses = 0

    def served(self, result: ToolResult, now: float, seconds: float) -> None:
        """Note what a call of anybody came back with: a good answer takes a complaint back, a bad one makes none.

        Whoever calls may have called with the wrong arguments; only what a check is answered speaks against a server.
        """
        self.answered(now, seconds)
        if result.is_error:
            return
        self.shown = now
        if self.complaint is not None and complaint_of(result) is None:
            self.complaint = None

    def checked(self, complaint: str | None, now: float, seconds: float) -> None:
        """Note what a check came back with."""
        self.answered(now, seconds)
        self.shown = now
        self.complaint = complaint

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
        objection: Says why a tool of a server may not be called, not even to check it.
    """

    supervision: Supervision
    random: Random
    objection: Objection = no_objection

    def is_late(self, seconds: float) -> bool:
        """Return whether an answer that did not come within ``seconds`` is missing; callers may ask for too little."""
        return seconds >= self.supervision.check_timeout

    def proof(self, proven: Proven) -> ToolCall | None:
        """Return the call by which a server can show that it works; ``None`` when it is only to be pinged.

        It is one that proved the server, of a tool that only reads and that nobody objects to, and it was quick then:
        one that takes as long as a check may take would make a server that works look as if it hangs.
        """
        name, seconds = proven.candidate.name, self.supervision.check_timeout
        trial = None if self.supervision.only_pings(name) else reading_proof(proven)
        if trial is None or trial.elapsed > seconds / 2 or self.objection(name, trial.tool) is not None:
            return None
        return ToolCall(server=name, tool=trial.tool, arguments=trial.arguments, timeout=seconds)

    async def until_hung(self, check: Check, pulse: Pulse, busy: Callable[[], int]) -> str:
        """Check it whenever it showed nothing for long; return what to say when too many answers are missing.

        While calls are under way nobody asks: a server that does one thing at a time cannot answer. Only when calls
        are not answered again and again, it is asked all the same: a late call alone never ends a server.
        """
        while True:
            await anyio.sleep(self._pause(pulse))
            silent = anyio.current_time() - pulse.shown
            if not pulse.misses and silent < self.supervision.check_every * (1 - self.supervision.check_jitter):
                continue
            if busy() and pulse.misses < self.supervision.check_misses:
                continue
            if not await self._asked(check, pulse) and pulse.misses >= self.supervision.check_misses:
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
        left = pulse.shown + options.check_every * spread - anyio.current_time()
        return max(left, min(options.check_timeout, options.check_every))

    async def _asked(self, check: Check, pulse: Pulse) -> bool:
        asked = anyio.current_time()
        try:
            with anyio.fail_after(self.supervision.check_timeout):
                complaint = await check()
        except (TimeoutError, LinkError):
            pulse.missed(asked)
            return False
        now = anyio.current_time()
        pulse.checked(complaint, now, now - asked)
        return True
