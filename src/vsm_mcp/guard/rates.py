"""Rate limits: no agent calls a tool more often than it may, and the answer says when it may again.

Each limit is a generic cell rate algorithm (ITU-T I.371, and the ATM Forum's traffic management): one time per thing
that is counted, at which its allowance would be full again. There are no windows, so there are no edges of windows.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Self

import anyio
from pydantic import BaseModel, Field, model_validator

from vsm_mcp.errors import RateLimitError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.guard.rules.targets import Answers, Glob, Target, Targets, compiled
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

MICROSECONDS = 1_000_000
MOST_LIMITS = 100
SHARED = 256
_LOOKED_AT = 8
_LONGEST_NAME = 300


class Each(StrEnum):
    """What has an allowance of its own."""

    AGENT = "agent"
    SERVER = "server"
    TOOL = "tool"


_EACH_CALLED = (Each.AGENT, Each.SERVER, Each.TOOL)


class RateLimit(BaseModel, frozen=True, extra="forbid"):
    """How often something may be called.

    In any stretch of T seconds no more than ``burst + T * calls / per`` calls pass.

    Attributes:
        calls: How many calls per ``per`` seconds in the long run.
        per: Seconds.
        burst: How many may come at once, when there were none for long; ``None`` for as many as ``calls``.
        agents: Which agents it is for: a glob.
        target: Which tools it is for: ``SERVER:TOOL``, or ``SERVER`` for all of its tools, both globs.
        each: What has an allowance of its own. ``("agent",)`` gives every agent one for all it calls; ``("server",)``
            gives every server one for all who call it; ``()`` is one for everything.
    """

    calls: int = Field(default=100, ge=1, le=10_000_000)
    per: float = Field(default=60.0, ge=0.001, le=7 * 86_400, allow_inf_nan=False)
    burst: int | None = Field(default=None, ge=1, le=10_000_000)
    agents: Glob = "*"
    target: Target = "*"
    each: Annotated[tuple[Each, ...], Field(max_length=3)] = _EACH_CALLED

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.each)) != len(self.each):
            raise ValueError(f"each names something twice: {', '.join(self.each)}.")
        return self


class RateOptions(BaseModel, frozen=True, extra="forbid"):
    """All limits.

    Attributes:
        limits: Of those with the same ``each``, the first that names the call counts for it, so that an exception is
            written before the rule. Those with another ``each`` count besides: a call must be within all of them.
        most_kept: Allowances that are kept per limit. One is forgotten only when it is full again; while none is, new
            names share what there is for such.
    """

    limits: Annotated[tuple[RateLimit, ...], Field(max_length=MOST_LIMITS)] = (RateLimit(),)
    most_kept: int = Field(default=10_000, ge=1, le=10_000_000)


_Key = tuple[str, str, str]
_Counted = tuple["_Allowances", _Key]


class RateLimits:
    """Lets pass as many calls as may be; the next one is told when to come again.

    One of these belongs to one event loop, whose clock it reads.

    Args:
        caller: Makes the calls that pass.
        options: The limits.
        emit: Hears of calls that do not pass.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        caller: Caller,
        options: RateOptions,
        *,
        emit: EventSink = ignore,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Begin with full allowances."""
        self._caller = caller
        self._emit = emit
        self._now = now
        self._limits = tuple(_Allowances(limit, options.most_kept) for limit in options.limits)
        self._counted = Answers(self._find)

    def __repr__(self) -> str:
        """Show how many limits there are."""
        return f"RateLimits({self._caller!r}, limits={len(self._limits)})"

    def remaining(self, agent: str, server: str, tool: str) -> int | None:
        """Return how many calls would pass now, one after the other; ``None`` when nothing limits them."""
        now = self._microseconds()
        return min((kept.remaining(key, now) for kept, key in self._counted[agent, server, tool]), default=None)

    def retry_after(self, agent: str, server: str, tool: str) -> float:
        """Return in how many seconds the next call would pass; 0 when it would now."""
        now = self._microseconds()
        return max((kept.wait(key, now) for kept, key in self._counted[agent, server, tool]), default=0) / MICROSECONDS

    def objection(self, agent: str, server: str, tool: str) -> str | None:
        """Return why a call would not pass now; ``None`` when it would. Nothing is counted."""
        wait = self.retry_after(agent, server, tool)
        return None if wait == 0 else f"the next call can pass in {wait:.3g} s."

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call that is within every limit, and count it; one that is not costs nothing.

        Raises:
            RateLimitError: There were too many calls; it says when the next one can pass.
        """
        self.check(call)
        return await self._caller.call(call)

    def check(self, call: ToolCall, /) -> None:
        """Count a call that is within every limit.

        Raises:
            RateLimitError: There were too many calls; it says when the next one can pass.
        """
        self._take(call, self._counted[call.agent, call.server, call.tool])

    def charge(self, call: ToolCall, /) -> None:
        """Count a call that was refused before its turn to be counted, so that trying is limited, too.

        Only the limits that are the agent's own count it: else an agent could use up, with calls that it may not
        make, what belongs to all.

        Raises:
            RateLimitError: There were too many; it says when the next one can be heard.
        """
        counted = self._counted[call.agent, call.server, call.tool]
        self._take(call, tuple([(kept, key) for kept, key in counted if Each.AGENT in kept.each]))

    def _take(self, call: ToolCall, counted: "tuple[_Counted, ...]") -> None:
        if not counted:
            return
        now = int(self._now() * MICROSECONDS + 0.5)
        taken = 0
        for kept, key in counted:
            if not kept.take(key, now):
                for before, its_key in counted[:taken]:
                    before.give_back(its_key)
                raise self._refusal(call, now)
            taken += 1  # noqa: SIM113 - enumerate makes a tuple each time

    def _refusal(self, call: ToolCall, now: int) -> RateLimitError:
        counted = self._counted[call.agent, call.server, call.tool]
        wait, kept = max(((kept.wait(key, now), kept) for kept, key in counted), key=lambda found: found[0])
        seconds = wait / MICROSECONDS
        reason = f"{kept.limit.calls} calls per {kept.limit.per:g} s are used up for {kept.whose}."
        self._emit(CallRefused(server=call.server, tool=call.tool, agent=call.agent, reason=reason, guard="rates"))
        return RateLimitError(
            f"{call.agent} may not call {call.tool!r} of {call.server} yet: {reason}",
            retry_after=seconds,
            remedies=(f"Call again in {seconds:.3g} s.", "Raise the limit if it is too low."),
        )

    def _microseconds(self) -> int:
        return int(self._now() * MICROSECONDS + 0.5)

    def _find(self, agent: str, server: str, tool: str) -> tuple[_Counted, ...]:
        found: dict[frozenset[Each], _Counted] = {}
        for kept in self._limits:
            if kept.each not in found and kept.names(agent, server, tool):
                found[kept.each] = (kept, kept.key(agent, server, tool))
        return tuple(found.values())


class _Allowances:
    """What is left of one limit, for each that it counts.

    All arithmetic is in whole numbers: a unit is a microsecond divided by the number of calls, so that the time
    between two calls is whole, too, and no call is won or lost by rounding.
    """

    def __init__(self, limit: RateLimit, most: int) -> None:
        self.limit = limit
        self.each = frozenset(limit.each)
        self.whose = " and ".join(f"this {each}" for each in limit.each) or "all calls together"
        self._agents = compiled(limit.agents)
        self._target = Targets((limit.target,))
        self._unit = limit.calls
        self._step = max(1, round(limit.per * MICROSECONDS))
        self._most_ahead = (limit.burst or limit.calls) * self._step
        self._most = most
        self._full_at: OrderedDict[_Key, int] = OrderedDict()
        self._shared = [0] * SHARED

    def names(self, agent: str, server: str, tool: str) -> bool:
        return bool(self._agents.match(agent)) and self._target.match(server, tool) is not None

    def key(self, agent: str, server: str, tool: str) -> _Key:
        """Return what counts together; names that are very long count together when they begin alike."""
        return (
            agent[:_LONGEST_NAME] if Each.AGENT in self.each else "",
            server[:_LONGEST_NAME] if Each.SERVER in self.each else "",
            tool[:_LONGEST_NAME] if Each.TOOL in self.each else "",
        )

    def wait(self, key: _Key, now: int) -> int:
        """Return the microseconds until a call can pass."""
        at = now * self._unit
        over = self._ahead(key, at) + self._step - self._most_ahead
        return 0 if over <= 0 else -(-over // self._unit)

    def remaining(self, key: _Key, now: int) -> int:
        """Return how many calls can pass at once."""
        return (self._most_ahead - self._ahead(key, now * self._unit)) // self._step

    def take(self, key: _Key, now: int) -> bool:
        """Count a call, if it can pass."""
        at = now * self._unit
        kept = self._full_at.get(key)
        full_at = self._shared[hash(key[0]) % SHARED] if kept is None else kept
        after = (full_at if full_at > at else at) + self._step  # noqa: FURB136 - at every call, and max() is slow
        if after - at > self._most_ahead:
            return False
        if kept is not None or self._place(at):
            self._full_at[key] = after
        else:
            self._shared[hash(key[0]) % SHARED] = after
        return True

    def give_back(self, key: _Key) -> None:
        """Count a call no longer that has just been counted and did not pass."""
        if key in self._full_at:
            self._full_at[key] -= self._step
        else:
            self._shared[hash(key[0]) % SHARED] -= self._step

    def _ahead(self, key: _Key, at: int) -> int:
        """Return how far from full: one that is not kept has what is left to those without a place."""
        full_at = self._full_at.get(key)
        if full_at is None:
            full_at = self._shared[hash(key[0]) % SHARED]
        return max(0, full_at - at)

    def _place(self, at: int) -> bool:
        """Make room for one more by forgetting who has a full allowance: he is as one never seen."""
        kept = self._full_at
        if len(kept) < self._most:
            return True
        for _ in range(min(_LOOKED_AT, len(kept))):
            key, full_at = next(iter(kept.items()))
            if full_at <= at:
                del kept[key]
                return True
            kept.move_to_end(key)
        return False
