"""A timetable for work that recurs on shared resources: the earliest deadline goes first (Liu & Layland 1973).

Each piece of work is released once in its period and should be begun and done before the period ends. What is due is
taken in the order of deadlines; two pieces that share a resource are never given out together, and one that waits for
a resource keeps it from those with later deadlines. Work is admitted only while no resource would be used for more
than all of its time, which is what earliest-deadline scheduling can serve when the pieces are short. A turn that was
not begun by its deadline is missed and counted; it is not caught up, so being late makes no burst. A turn that has not
ended a whole period after its deadline is given up: who does the work has died, and leases, not the timetable, keep
two apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import floor, inf, nextafter
from random import Random

from vsm_mcp.errors import CapacityError, ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.damping import Jitter
from vsm_mcp.world.clock import SteadyTime

MOST_WORK = 10_000
SHORTEST_PERIOD = 1e-3
LONGEST_PERIOD = 1e12
SPREAD = 0.1

_FULL = 1.0 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something that a unit does again and again.

    Attributes:
        unit: Who does it.
        name: What it is called; unique within the unit.
        resources: What it needs for itself meanwhile.
        period: Seconds from one time to the next.
        duration: Seconds that it takes.
        priority: Of two with the same deadline, the higher one goes first.

    Raises:
        PayloadError: The figures make no sense.
    """

    unit: str
    name: str
    resources: frozenset[str]
    period: float
    duration: float
    priority: int = 0

    def __post_init__(self) -> None:
        """Refuse work that could not be done in its period."""
        periodic = SHORTEST_PERIOD <= self.period <= LONGEST_PERIOD
        if not self.resources or not periodic or not 0.0 < self.duration <= self.period:
            raise PayloadError(
                f"{self.name!r:.100} takes {self.duration} seconds every {self.period} on {len(self.resources)} "
                "resources.",
                remedies=(
                    "Name a resource, and a duration of more than 0 and at most the period.",
                    f"Give a period of {SHORTEST_PERIOD:g} to {LONGEST_PERIOD:g} seconds.",
                ),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One time that work is to be done.

    Attributes:
        work: What.
        number: How many periods of it had passed.
        released_at: From when on it could be done, in steady time.
        deadline: When it should be done.
    """

    work: Work
    number: int
    released_at: float
    deadline: float


class _Line:
    __slots__ = ("begins_at", "key", "number", "turn", "work")

    def __init__(self, work: Work, begins_at: float) -> None:
        self.work = work
        self.key = (work.unit, work.name)
        self.begins_at = begins_at
        self.number = 0
        self.turn: Turn | None = None


class Timetable:
    """Says which work to begin now.

    Args:
        random: Draws where in its first period each piece of work begins, and how much each release is put off, so that
            equal periods make no bursts; ``None`` begins everything at once and puts nothing off.
        spread: Share of the period by which a release is put off at most.
        most_work: Bound on the pieces of work.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(self, *, random: Random | None = None, spread: float = SPREAD, most_work: int = MOST_WORK) -> None:
        """Start without work."""
        if not 0.0 <= spread < 1.0 or most_work < 1:
            raise ConfigurationError(
                f"A spread of {spread} over {most_work} pieces of work makes no timetable.",
                remedies=("Give a spread from 0 to less than 1, and room for at least one piece.",),
            )
        self._jitter = None if random is None else Jitter(random=random)
        self._spread = spread
        self._most_work = most_work
        self._time = SteadyTime()
        self._lines: dict[tuple[str, str], _Line] = {}
        self._releases: list[tuple[float, int, _Line]] = []
        self._pushed = 0
        self._ready: set[_Line] = set()
        self._running: dict[tuple[str, str], Turn] = {}
        self._busy: set[str] = set()
        self._used: dict[str, float] = {}
        self.begun: int = 0
        self.missed: int = 0
        self.late: int = 0

    def __repr__(self) -> str:
        """Show how much work there is and how it went."""
        return f"Timetable(work={len(self._lines)}, begun={self.begun}, missed={self.missed}, late={self.late})"

    def plan(self, work: Work, *, now: float) -> float:
        """Admit work; return when it is released for the first time.

        Raises:
            PayloadError: The unit has work of this name already.
            CapacityError: A resource would be used for more than all of its time, or there is too much work.
        """
        moment = self._time.read(now)
        key = (work.unit, work.name)
        if key in self._lines:
            raise PayloadError(f"{work.unit!r} plans {work.name!r} already.", remedies=("Drop it first.",))
        self._refuse_overload(work)
        for resource in work.resources:
            self._used[resource] = self.utilisation(resource) + work.duration / work.period
        begins_at = moment if self._jitter is None else moment + self._jitter.phase(work.period)
        line = self._lines[key] = _Line(work, begins_at)
        return self._schedule(line, not_before=moment)

    def drop(self, unit: str, name: str) -> bool:
        """Take work off the timetable; return False when there was none. A turn that runs still has to end."""
        line = self._lines.pop((unit, name), None)
        if line is None:
            return False
        self._ready.discard(line)
        for resource in line.work.resources:
            sharing = [one.work for one in self._lines.values() if resource in one.work.resources]
            if sharing:
                self._used[resource] = sum(work.duration / work.period for work in sharing)
            else:
                del self._used[resource]
        self._releases = [entry for entry in self._releases if entry[2] is not line]
        heapify(self._releases)
        return True

    def due(self, *, now: float) -> tuple[Turn, ...]:
        """Return the turns to begin now, earliest deadline first; tell ``done`` when each has ended."""
        moment = self._time.read(now)
        self._give_up(moment)
        self._release(moment)
        begun: list[Turn] = []
        wanted = set(self._busy)
        for line, turn in self._in_order():
            if turn.deadline <= moment:
                self._miss(line)
                continue
            if wanted.isdisjoint(line.work.resources):
                self._begin(line, turn)
                begun.append(turn)
            wanted |= line.work.resources
        return tuple(begun)

    def done(self, turn: Turn, *, now: float) -> bool:
        """Note that a turn has ended; return whether it was in time. One that does not run is not counted."""
        moment = self._time.read(now)
        if self._running.get((turn.work.unit, turn.work.name)) is not turn:
            return False
        self._end(turn)
        in_time = moment <= turn.deadline
        self.late += not in_time
        return in_time

    def utilisation(self, resource: str) -> float:
        """Return the share of its time for which a resource is planned to be used."""
        return self._used.get(resource, 0.0)

    @property
    def next_at(self) -> float | None:
        """When work is released next, in steady time; ``None`` without any."""
        return self._releases[0][0] if self._releases else None

    def _refuse_overload(self, work: Work) -> None:
        if len(self._lines) >= self._most_work:
            raise CapacityError(f"{len(self._lines)} pieces of work are planned.", remedies=("Drop one first.",))
        for resource in sorted(work.resources):
            use = self.utilisation(resource) + work.duration / work.period
            if use > _FULL:
                raise CapacityError(
                    f"With {work.name!r:.100} of {work.unit!r:.100}, {resource!r:.100} would be used for {use:.1%} "
                    "of its time.",
                    remedies=("Make it shorter or less often, or drop other work.",),
                )

    def _schedule(self, line: _Line, *, not_before: float) -> float:
        at = max(line.begins_at + line.number * line.work.period, not_before)
        if self._jitter is not None:
            at += self._jitter.phase(self._spread * line.work.period)
        self._pushed += 1
        heappush(self._releases, (at, self._pushed, line))
        return at

    def _release(self, moment: float) -> None:
        while self._releases and self._releases[0][0] <= moment:
            at, _, line = heappop(self._releases)
            period = line.work.period
            passed = max(floor((moment - line.begins_at) / period), line.number)
            self.missed += passed - line.number
            number, line.number = passed, passed + 1
            starts_at = line.begins_at + number * period
            if line in self._ready:
                self._miss(line)
            if line.key not in self._running:
                released_at = max(at, starts_at)
                line.turn = Turn(work=line.work, number=number, released_at=released_at, deadline=starts_at + period)
                self._ready.add(line)
            else:
                self.missed += 1
            # Seconds that are too large to add a period to would else be released again without end.
            self._schedule(line, not_before=nextafter(moment, inf))

    def _give_up(self, moment: float) -> None:
        lost = [turn for turn in self._running.values() if moment > turn.deadline + turn.work.period]
        for turn in lost:
            self._end(turn)
        self.late += len(lost)

    def _end(self, turn: Turn) -> None:
        del self._running[turn.work.unit, turn.work.name]
        self._busy -= turn.work.resources

    def _in_order(self) -> Iterable[tuple[_Line, Turn]]:
        ready = ((line, line.turn) for line in self._ready if line.turn is not None)
        return sorted(
            ready, key=lambda one: (one[1].deadline, -one[0].work.priority, one[0].work.unit, one[0].work.name)
        )

    def _begin(self, line: _Line, turn: Turn) -> None:
        self._ready.discard(line)
        line.turn = None
        self._running[line.key] = turn
        self._busy |= line.work.resources
        self.begun += 1

    def _miss(self, line: _Line) -> None:
        self._ready.discard(line)
        line.turn = None
        self.missed += 1
