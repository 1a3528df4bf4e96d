"""Anomaly detection: calls that differ from what was learned are told, or stopped until somebody approves."""

import math
from collections.abc import Callable
from enum import StrEnum

import anyio
from pydantic import BaseModel, Field

from vsm_mcp.errors import AnomalyError, printable
from vsm_mcp.events import AnomalySeen, CallRefused, EgressDecided, Event, EventSink, ignore
from vsm_mcp.guard.learning.baseline import Baseline, Deviation
from vsm_mcp.guard.learning.shapes import shape_of
from vsm_mcp.guard.sizes import size_of, size_of_result
from vsm_mcp.model.call import Caller, ToolCall, ToolResult
from vsm_mcp.model.report import Report

_MOST_HOSTS = 256
_LONGEST_HOST = 253

_Key = tuple[str, str, str]


class AnomalyAction(StrEnum):
    """What follows when something is out of the usual."""

    FLAG = "flag"
    QUARANTINE = "quarantine"


class AnomalyOptions(BaseModel, frozen=True, extra="forbid"):
    """What is unusual, and what follows.

    Attributes:
        action: Whether it is only told, or calls are stopped.
        learn: How many calls of an agent to a tool are learned before anything is said.
        risk: The share of usual calls that one measure may take for unusual; there are about five measures.
        factor: Sizes and rates of less than this many times their 90 % quantile are never too large.
        memory: After about this many calls, what was long ago begins to fade.
        quarantine: Seconds that calls are stopped; ``None`` until somebody approves.
        quiet: Seconds in which the same is told once; repetitions are counted.
        most: How many pairs of agent and tool are learned; for a new one beyond that, the one of the fewest calls is
            forgotten: made-up names push out one another, and nothing that was learned.
    """

    action: AnomalyAction = AnomalyAction.FLAG
    learn: int = Field(default=200, ge=30, le=100_000)
    risk: float = Field(default=5e-5, gt=0, le=0.01)
    factor: float = Field(default=3.0, ge=1.5, le=1_000)
    memory: int = Field(default=4_000, ge=500, le=1_000_000)
    quarantine: float | None = Field(default=None, gt=0, le=31_536_000)
    quiet: float = Field(default=60.0, ge=0, le=86_400)
    most: int = Field(default=4_096, ge=1, le=100_000)


class LearnedBaseline(Report, frozen=True):
    """What is usual for one tool as one agent uses it; a limit is unknown as long as it is learned.

    Attributes:
        calls: How many calls were learned.
        typical_sent: The median of the bytes of arguments.
        most_sent: What would still be usual.
        typical_received: The median of the bytes of results.
        most_received: What would still be usual.
        shapes: How many shapes of arguments were seen.
        error_rate: The share of calls that failed.
        hosts: Which hosts the server was seen to ask for, whoever called it.
        quarantined: Whether calls are stopped.
    """

    calls: int
    typical_sent: float | None
    most_sent: float | None
    typical_received: float | None
    most_received: float | None
    shapes: int
    error_rate: float
    hosts: tuple[str, ...]
    quarantined: bool


class AnomalyDetection:
    """Learns how each agent uses each tool, and tells what is out of the usual.

    Nothing is known at first, and after a restart. Everything is learned from calls that were made; those that are
    stopped teach nothing.

    Args:
        caller: Makes the calls.
        options: What is unusual.
        emit: Hears what is.
        now: Says what time it is, in seconds that never run back.
    """

    def __init__(
        self,
        caller: Caller,
        options: AnomalyOptions | None = None,
        *,
        emit: EventSink = ignore,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Start without having learned anything."""
        self._caller = caller
        self._options = options or AnomalyOptions()
        self._stops = self._options.action is AnomalyAction.QUARANTINE
        self._emit = emit
        self._now = now
        self._learned: dict[_Key, Baseline] = {}
        self._hosts: dict[str, set[str]] = {}
        self._stopped: dict[_Key, _Stop] = {}
        self._told: dict[tuple[_Key, str], _Told] = {}

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"AnomalyDetection({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call and learn from it.

        Raises:
            AnomalyError: It is out of the usual, or an earlier one was, and the options say to stop then.
        """
        baseline = self.check(call, size_of(call.arguments))
        try:
            result = await self._caller.call(call)
        except Exception:
            self.learn(call, baseline, failed=True)
            raise
        self.learn(call, baseline, size=size_of_result(result), failed=result.is_error)
        return result

    def check(self, call: ToolCall, size: int | None) -> Baseline:
        """Learn a call of so many bytes that is made now, and return what is usual for calls like it.

        Raises:
            AnomalyError: It is out of the usual, or an earlier one was, and the options say to stop then.
        """
        now = self._now()
        key = (call.agent, call.server, call.tool)
        if self._stopped:
            self._check(key, now)
        baseline = self._learned.get(key)
        if baseline is None:
            baseline = self._begin(key)
        shape = shape_of(call.arguments)
        if baseline.passes(now, size=size, shape=shape):
            return baseline
        found = baseline.before(now, size=size, shape=shape)
        if found is not None:
            self._meet(key, found, now)
        found = baseline.sending(now, size=size, shape=shape)
        if found is not None:
            self._meet(key, found, now)
        return baseline

    def learn(self, call: ToolCall, baseline: Baseline, *, size: int | None = None, failed: bool) -> None:
        """Learn how a call ended, and how many bytes came back."""
        found = baseline.answered(size=size, failed=failed)
        if found is not None:
            self._tell((call.agent, call.server, call.tool), found, self._now())

    def hear(self, event: Event, /) -> None:
        """Learn which hosts a server asks for; give this to whoever tells of `EgressDecided`."""
        if not isinstance(event, EgressDecided):
            return
        hosts = self._hosts.get(event.subject)
        if hosts is None:
            if len(self._hosts) >= self._options.most:
                del self._hosts[next(iter(self._hosts))]
            hosts = self._hosts[event.subject] = set[str]()
        name = printable(event.host[:_LONGEST_HOST])
        if name in hosts or len(hosts) >= _MOST_HOSTS:
            return
        hosts.add(name)
        calls = sum(learned.sent.seen for key, learned in self._learned.items() if key[1] == event.subject)
        if calls >= self._options.learn:
            found = Deviation(what=f"it asks for the new host {name}", score=1.0, basis=calls)
            self._tell(("", event.subject, ""), found, self._now())

    def approve(self, server: str, *, agent: str = "", tool: str = "") -> int:
        """Let calls pass again that were stopped, and learn anew what is usual; return how many stops ended.

        Args:
            server: Of which server.
            agent: Of which agent; empty for all.
            tool: Of which tool; empty for all, and for what stopped the whole server.
        """
        ended = [key for key in self._stopped if key[1] == server and agent in {"", key[0]} and tool in {"", key[2]}]
        for key in ended:
            for whose in self._stopped.pop(key).whose & self._learned.keys():
                self._learned[whose].forgive()
        return len(ended)

    def quarantined(self) -> tuple[tuple[str, str, str], ...]:
        """Return agent, server and tool of all calls that are stopped; an empty name stands for all."""
        now = self._now()
        return tuple(sorted(key for key, stop in self._stopped.items() if now < stop.until))

    def baseline(self, agent: str, server: str, tool: str) -> LearnedBaseline | None:
        """Return what was learned; ``None`` when there was no call."""
        learned = self._learned.get((agent, server, tool))
        if learned is None:
            return None
        return LearnedBaseline(
            calls=learned.shapes.seen,
            typical_sent=_known(learned.sent.typical, learned.sent.limit),
            most_sent=_known(learned.sent.limit, learned.sent.limit),
            typical_received=_known(learned.received.typical, learned.received.limit),
            most_received=_known(learned.received.limit, learned.received.limit),
            shapes=len(learned.shapes),
            error_rate=learned.errors.rate,
            hosts=tuple(sorted(self._hosts.get(server, ()))),
            quarantined=any(
                key[1] == server and key[0] in {"", agent} and key[2] in {"", tool} for key in self.quarantined()
            ),
        )

    def _begin(self, key: _Key) -> Baseline:
        if len(self._learned) >= self._options.most:
            del self._learned[min(self._learned, key=self._calls_of)]
        options = self._options
        learned = Baseline(learn=options.learn, risk=options.risk, factor=options.factor, memory=options.memory)
        self._learned[key] = learned
        return learned

    def _calls_of(self, key: _Key) -> int:
        return self._learned[key].shapes.seen

    def _meet(self, key: _Key, found: Deviation, now: float) -> None:
        self._tell(key, found, now)
        if self._stops:
            self._check(key, now)

    def _check(self, key: _Key, now: float) -> None:
        """Refuse a call that is stopped; a stop whose time is over ends."""
        for place in (key, ("", key[1], "")):
            stop = self._stopped.get(place)
            if stop is None:
                continue
            if now >= stop.until:
                del self._stopped[place]
                continue
            reason = f"it is stopped because of an anomaly: {stop.what}."
            self._emit(CallRefused(server=key[1], tool=key[2], reason=reason, guard="anomaly"))
            raise AnomalyError(
                f"{key[2]!r} of {key[1]} may not be called by {key[0]}: {reason}",
                remedies=("Look at what was called, and approve it if it is as it should be.",),
            )

    def _tell(self, key: _Key, found: Deviation, now: float) -> None:
        """Stop further calls if that is wanted, and tell; the same is told once in a while, and counted."""
        if self._stops:
            span = self._options.quarantine
            if len(self._stopped) >= self._options.most:
                self._stopped = {place: stop for place, stop in self._stopped.items() if now < stop.until}
            place = key if len(self._stopped) < self._options.most else ("", key[1], "")  # too many: the whole server
            stop = self._stopped[place] = _Stop(
                math.inf if span is None else now + span, found.what, self._stopped.get(place)
            )
            if len(stop.whose) < self._options.most:
                stop.whose.add(key)
        told = self._told.get((key, found.what))
        if told is not None and now < told.quiet_until:
            told.untold += 1
            return
        if told is None and len(self._told) >= self._options.most:
            self._told.clear()
        self._told[key, found.what] = _Told(now + self._options.quiet)
        self._emit(
            AnomalySeen(
                agent=key[0],
                server=key[1],
                tool=key[2],
                what=found.what,
                score=found.score,
                observed=found.observed,
                typical=found.typical,
                limit=found.limit,
                basis=found.basis,
                quarantined=self._stops,
                untold=0 if told is None else told.untold,
            )
        )


class _Stop:
    """That calls are stopped, until when, and what is to be learned anew when they pass again."""

    __slots__ = ("until", "what", "whose")

    def __init__(self, until: float, what: str, before: "_Stop | None") -> None:
        self.until = until
        self.what = what
        self.whose: set[_Key] = set() if before is None else before.whose


class _Told:
    __slots__ = ("quiet_until", "untold")

    def __init__(self, quiet_until: float) -> None:
        self.quiet_until = quiet_until
        self.untold = 0


def _known(value: float, limit: float) -> float | None:
    return None if limit == math.inf else round(value, 1)
