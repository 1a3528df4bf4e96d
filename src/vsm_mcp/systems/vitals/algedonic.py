"""The algedonic channel: pain and pleasure, past every filter, climbing until somebody has recovered.

Source: Beer, Brain of the Firm (2nd ed. 1981): an alarm goes up level by level unless the level that has it recovers in
time. Only relief stops the clock. An acknowledgement says who is at it, and nothing else.
"""

from collections.abc import Mapping
from hashlib import sha256
from heapq import heapify, heappop, heappush
from math import inf
from sys import float_info

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.events import AlgedonicEscalated, AlgedonicRaised, AlgedonicRelieved, EventSink, ignore
from vsm_mcp.systems.vitals.signals import AlgedonicReport, Level, Signal
from vsm_mcp.systems.vitals.windows import Window
from vsm_mcp.world.clock import Clock, SteadyTime

FLOOD_WINDOW = 600.0
FLOOD_ABOVE = 10
"""Alarms within ten minutes that one person can still attend to (EEMUA 191 and ISA-18.2)."""

DEFAULT_MOST = 1000
OVERFLOW = "(further signals)"
"""The key that stands for all pain that found the list full. Relieve it when the flood is over."""

LONGEST_KEY = 200
LONGEST_REASON = 500
_UNNAMED = "(unnamed)"
_DIGEST = 16
_SLACK = 64


RECOVERY: Mapping[Level, float] = {
    Level.UNIT: 30.0,
    Level.CONTROL: 120.0,
    Level.INTELLIGENCE: 600.0,
    Level.POLICY: 1800.0,
}
"""Seconds that each level has to recover before the signal climbs. The numbers are ours."""


class _Felt:
    """A signal as it is kept. ``ticket`` is the number of its place in the queue; 0 when it has none."""

    __slots__ = ("by", "climbed", "due", "intensity", "key", "level", "pain", "reason", "since", "ticket", "times")

    def __init__(self, *, key: str, pain: bool, since: float) -> None:
        self.key = key
        self.pain = pain
        self.since = since
        self.level = 0
        self.intensity = -1.0
        self.reason = ""
        self.times = 0
        self.climbed = False
        self.due = inf
        self.ticket = 0
        self.by: str | None = None


class AlgedonicChannel:
    """Carries pain upward until it is relieved, and pleasure to whom it concerns.

    No signal is dropped, filtered or delayed. What makes no sense is put right instead of refused: an intensity that is
    no number counts as 1, a level as the nearest there is, and long texts are cut. The same key is the same pain:
    signalling it again neither restarts its clock nor counts as another. Pleasure does not climb; it fades after the
    recovery time of its level. It never hides pain of the same key and never takes its place.

    Climbing follows the schedule and not the moments of looking: ``advance`` after a long pause makes the same climbs
    as looking every second, each recorded.

    Args:
        clock: Says when the time to recover is over; it may be set back without harm.
        recovery: Seconds each level below the host has to recover.
        most: Pains that are listed by key, and as many pleasures. Further pain is joined in one signal that keeps the
            highest level, the strongest intensity and the number.
        emit: Hears of every signal, climb and relief.

    Raises:
        ConfigurationError: A level has no positive time to recover, or ``most`` is less than 1.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        recovery: Mapping[Level, float] = RECOVERY,
        most: int = DEFAULT_MOST,
        emit: EventSink = ignore,
    ) -> None:
        """Start without pain."""
        for level in (Level.UNIT, Level.CONTROL, Level.INTELLIGENCE, Level.POLICY):
            seconds = recovery.get(level, 0.0)
            if not 0 < seconds <= float_info.max:
                raise ConfigurationError(
                    f"{level.name} has {seconds} seconds to recover.",
                    remedies=("Give a positive number of seconds for every level below the host.",),
                )
        if most < 1:
            raise ConfigurationError(f"{most} signals are too few.", remedies=("Allow at least one.",))
        self._clock = clock
        self._recovery = {int(level): seconds for level, seconds in recovery.items()}
        self._most = most
        self._emit = emit
        self._time = SteadyTime()
        self._pains: dict[str, _Felt] = {}
        self._pleasures: dict[str, _Felt] = {}
        self._queue: list[tuple[float, int, _Felt]] = []
        self._tickets = 0
        self._lately = Window(length=FLOOD_WINDOW)
        self.raised: int = 0
        self.escalated: int = 0
        self.relieved: int = 0
        self.recovered: int = 0
        self.unlisted: int = 0

    def __repr__(self) -> str:
        """Show how much pain there is."""
        return f"AlgedonicChannel(pains={len(self._pains)}, raised={self.raised}, relieved={self.relieved})"

    def signal(
        self, key: str, *, pain: bool, level: int = Level.UNIT, intensity: float = 1.0, reason: str = ""
    ) -> None:
        """Feel pain or pleasure.

        Args:
            key: What it is about; the same key is the same signal until it is relieved.
            pain: Pain, or pleasure.
            level: Who has to recover first.
            intensity: How much it is felt, 0 to 1.
            reason: Why, in one line.
        """
        now = self._now()
        self._climb_due(now)
        name = _bounded(key)
        felt = self._place(name, pain=pain, now=now)
        # What is no number is larger than nothing and smaller than nothing: it counts as the most.
        level = int(level) if Level.UNIT <= level <= Level.HOST else Level.UNIT if level < Level.UNIT else Level.HOST
        intensity = float(intensity) if 0.0 <= intensity <= 1.0 else float(not intensity < 0.0)
        reason = _written(reason if felt.key == name else f"{name}: {reason}", longest=LONGEST_REASON)
        news = self._feel(felt, level=level, intensity=intensity, reason=reason, now=now)
        if news or felt.key != name:
            self._emit(AlgedonicRaised(key=name, level=level, pain=pain, intensity=intensity, reason=reason))

    def relieve(self, key: str) -> bool:
        """End the pain of ``key``; return whether there was any."""
        now = self._now()
        self._climb_due(now)
        felt = self._pains.pop(_bounded(key), None)
        if felt is None:
            return False
        felt.ticket = 0
        self.relieved += 1
        self.recovered += not felt.climbed
        self._tidy()
        self._emit(AlgedonicRelieved(key=felt.key, level=felt.level, pain=True, after=now - felt.since))
        return True

    def acknowledge(self, key: str, *, by: str) -> bool:
        """Note who is at it; return whether there is such pain. The time to recover runs on."""
        self._climb_due(self._now())
        felt = self._pains.get(_bounded(key))
        if felt is None:
            return False
        felt.by = _written(by, longest=LONGEST_KEY) or _UNNAMED
        return True

    def advance(self) -> tuple[AlgedonicEscalated, ...]:
        """Let climb what was not relieved in time; return the climbs, one per level, in order of their deadlines."""
        return self._climb_due(self._now())

    def due_in(self) -> float | None:
        """Return the seconds until ``advance`` has something to do; ``None`` when nothing will change by itself."""
        now = self._now()
        self._climb_due(now)
        self._drop_old_tickets()
        return self._queue[0][0] - now if self._queue else None

    def open(self) -> tuple[Signal, ...]:
        """Return the open signals: pain before pleasure, then highest level, strongest and oldest first."""
        now = self._now()
        self._climb_due(now)
        felt = sorted((*self._pains.values(), *self._pleasures.values()), key=_badness)
        return tuple(_shown(each, now=now) for each in felt)

    def report(self) -> AlgedonicReport:
        """Say how much pain there is."""
        signals = self.open()
        now = self._now()
        self._lately.move(now)
        pains = [signal for signal in signals if signal.pain]
        waiting = [signal.due_in_s for signal in pains if signal.due_in_s is not None]
        return AlgedonicReport(
            open=signals,
            pains=len(pains),
            oldest_s=max((signal.age_s for signal in pains), default=None),
            next_escalation_s=min(waiting, default=None),
            at_host=sum(signal.level is Level.HOST for signal in pains),
            raised=self.raised,
            escalated=self.escalated,
            relieved=self.relieved,
            recovered=self.recovered,
            unlisted=self.unlisted,
            raised_in_10_min=self._lately.total,
            flood=self._lately.total > FLOOD_ABOVE,
        )

    def _now(self) -> float:
        return self._time.read(self._clock.now().timestamp())

    def _place(self, key: str, *, pain: bool, now: float) -> _Felt:
        """Return where the signal is kept: under its own key, or with all others that found the list full."""
        kept = self._pains if pain else self._pleasures
        felt = kept.get(key)
        if felt is not None:
            return felt
        if pain:
            self.raised += 1
            self._lately.add(now)
        if len(kept) - (OVERFLOW in kept) >= self._most:
            self.unlisted += 1
            key = OVERFLOW
        felt = kept.get(key)
        if felt is None:
            felt = kept[key] = _Felt(key=key, pain=pain, since=now)
        return felt

    def _feel(self, felt: _Felt, *, level: int, intensity: float, reason: str, now: float) -> bool:
        """Keep the worst of what was signalled; return whether this is worse than before.

        Only a higher level begins a new time to recover.
        """
        felt.times += 1
        if level <= felt.level and intensity <= felt.intensity:
            if intensity == felt.intensity:  # as bad as the worst, and newer
                felt.reason = reason
            return False
        felt.reason = reason
        felt.intensity = max(felt.intensity, intensity)
        if level > felt.level:
            felt.level = level
            self._schedule(felt, since=now)
        return True

    def _schedule(self, felt: _Felt, *, since: float) -> None:
        if felt.pain and felt.level >= Level.HOST:
            felt.due, felt.ticket = inf, 0
            return
        # Pleasure at the host fades like pleasure one level below: the host has no time to recover.
        felt.due = since + self._recovery[min(felt.level, Level.POLICY)]
        self._tickets += 1
        felt.ticket = self._tickets
        heappush(self._queue, (felt.due, felt.ticket, felt))
        self._tidy()

    def _climb_due(self, now: float) -> tuple[AlgedonicEscalated, ...]:
        queue = self._queue
        if not queue or queue[0][0] > now:
            return ()
        climbs: list[AlgedonicEscalated] = []
        while queue and queue[0][0] <= now:
            due, ticket, felt = heappop(queue)
            if felt.ticket != ticket:
                continue
            if felt.pain:
                climbs.append(self._climb(felt, due=due, now=now))
            else:
                self._fade(felt, due=due)
        return tuple(climbs)

    def _climb(self, felt: _Felt, *, due: float, now: float) -> AlgedonicEscalated:
        felt.level += 1
        felt.climbed = True
        self.escalated += 1
        self._schedule(felt, since=due)
        climb = AlgedonicEscalated(
            key=felt.key,
            level=felt.level,
            intensity=felt.intensity,
            reason=felt.reason,
            after=due - felt.since,
            late=now - due,
        )
        self._emit(climb)
        return climb

    def _fade(self, felt: _Felt, *, due: float) -> None:
        del self._pleasures[felt.key]
        felt.ticket = 0
        self._emit(AlgedonicRelieved(key=felt.key, level=felt.level, pain=False, after=due - felt.since))

    def _drop_old_tickets(self) -> None:
        while self._queue and self._queue[0][2].ticket != self._queue[0][1]:
            heappop(self._queue)

    def _tidy(self) -> None:
        """Keep the queue in proportion to what is open; amortised constant time."""
        if len(self._queue) > 2 * (len(self._pains) + len(self._pleasures)) + _SLACK:
            self._queue[:] = [entry for entry in self._queue if entry[2].ticket == entry[1]]
            heapify(self._queue)


def _bounded(key: str) -> str:
    """Return a key of bounded length that can be written; different keys stay different."""
    written = _written(key, longest=LONGEST_KEY + 1)
    if len(written) <= LONGEST_KEY:
        return written or _UNNAMED
    digest = sha256(key.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]
    return f"{written[: LONGEST_KEY - _DIGEST - 1]}~{digest}"


def _written(text: str, *, longest: int) -> str:
    """Return the beginning of ``text`` as it can be encoded: half a character, which JSON cannot hold, is escaped."""
    short = text[:longest]
    return short if short.isascii() else short.encode(errors="backslashreplace").decode()[:longest]


def _badness(felt: _Felt) -> tuple[bool, int, float, float]:
    return (not felt.pain, -felt.level, -felt.intensity, felt.since)


def _shown(felt: _Felt, *, now: float) -> Signal:
    return Signal(
        key=felt.key,
        level=Level(felt.level),
        pain=felt.pain,
        intensity=felt.intensity,
        reason=felt.reason,
        age_s=now - felt.since,
        due_in_s=None if felt.due == inf else felt.due - now,
        times=felt.times,
        acknowledged_by=felt.by,
    )
