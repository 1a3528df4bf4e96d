"""System 1, operations: does what is asked with the units and tools that are there; records how each demand ended."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import Protocol

import anyio
from pydantic import Field

from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, VSMError
from vsm_mcp.events import EventSink, OperationEnded, ignore
from vsm_mcp.model.call import Caller
from vsm_mcp.model.operation import Operation, Outcome, Stage
from vsm_mcp.model.report import Report
from vsm_mcp.servers.routing.router import CapabilityRouter, Route
from vsm_mcp.systems.operations.endings import stage_of
from vsm_mcp.systems.operations.places import Places, refuse_wait
from vsm_mcp.systems.operations.recursion import DEFAULT_DEPTH, LevelVariety, check_part, merged, refuse_depth
from vsm_mcp.systems.operations.roster import Roster
from vsm_mcp.systems.operations.routing import RouteLearner
from vsm_mcp.systems.operations.unit import OperationalUnit, UnitReport
from vsm_mcp.systems.operations.unit_policy import DEFAULT_PLACE_TIMEOUT
from vsm_mcp.systems.operations.ways import MOST_ATTEMPTS, SafeToRepeat, ToolWay, Trail, UnitWay, Way, try_in_turn
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.meter import DEFAULT_HALF_LIFE, VarietyMeter

DEFAULT_MOST_AT_ONCE = 1000
SHOWN_UNITS = 20

TOOLS = "(tools)"
"""Who met the demand that no unit did: System 1 itself, with tools or in vain."""


class Coordination(Protocol):
    """System 2, as far as operations need it: keeps those apart that use the same things."""

    def hold(
        self, resources: Collection[str], *, holder: str, priority: int, timeout: float | None
    ) -> AbstractAsyncContextManager[object]:
        """Hold all of ``resources``, and nobody else any of them, within the context.

        Raises:
            ContentionError: On entering, when others held them until the deadline.
        """
        ...


class OperationsReport(Report, frozen=True):
    """How System 1 fares.

    Attributes:
        n: Operations that ended, whatever they came to.
        by_stage: How many of them ended at each stage of the funnel.
        busy: Operations under way.
        waiting: Operations that wait for a place.
        most_at_once: How many may be under way.
        units: How many units there are.
        units_viable: Units whose next operation is more likely done well than not, as of their last one.
        units_failing: Units of which that is not so; the others have not worked yet.
        bits: The variety of the demand on the units; ``None`` when they met none.
        units_busiest: The units that met the most demand.
    """

    n: int = Field(ge=0)
    by_stage: Mapping[Stage, int]
    busy: int = Field(ge=0)
    waiting: int = Field(ge=0)
    most_at_once: int
    units: int = Field(ge=0)
    units_viable: int = Field(ge=0)
    units_failing: int = Field(ge=0)
    bits: float | None
    units_busiest: tuple[UnitReport, ...]


class System1:
    """Executes operations.

    Args:
        router: Knows which tool does what.
        caller: Makes the calls to tools.
        variety: Records how the demand ended.
        emit: Hears of every operation.
        random: Where the choice among tools that fit alike is drawn from.
        coordination: System 2; without it operations that use something for themselves are refused.
        most_at_once: Operations that may be under way at the same time; further ones wait.
        place_timeout: Seconds that they wait.
        most_attempts: How many ways are tried for one operation.
        safe_to_repeat: Says of a tool that failed whether its work may be given to another one although it may have
            happened, such as that of a tool which only reads. By default of none.
        recursion_depth: How many levels of systems there may be, this one included.
        half_life: Demands after which one weighs half in ``met``.

    Attributes:
        absorbed: Operations that were done.
        failed: Operations that ran and failed.
        fallbacks: Operations for which another way was tried, because the first did not work.
        fallbacks_absorbed: Those of them that another way did.
        learner: What was learnt of the tools, and where their verification is noted.
        met: How the demand ended, by who met it: each unit by its name, or ``TOOLS``.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        router: CapabilityRouter,
        caller: Caller,
        variety: VarietyCalculator,
        emit: EventSink = ignore,
        random: Random | None = None,
        coordination: Coordination | None = None,
        most_at_once: int = DEFAULT_MOST_AT_ONCE,
        place_timeout: float = DEFAULT_PLACE_TIMEOUT,
        most_attempts: int = MOST_ATTEMPTS,
        safe_to_repeat: SafeToRepeat | None = None,
        recursion_depth: int = DEFAULT_DEPTH,
        half_life: float = DEFAULT_HALF_LIFE,
    ) -> None:
        """Join router, caller and meter."""
        refuse_wait(place_timeout, what="The wait for a place")
        refuse_depth(recursion_depth)
        if most_attempts < 1:
            raise ConfigurationError(f"{most_attempts} attempts are too few.", remedies=("Allow at least one.",))
        self._router = router
        self._caller = caller
        self._variety = variety
        self._emit = emit
        self._coordination = coordination
        self._places = Places(most_at_once, owner="System 1")
        self._place_timeout = place_timeout
        self._most_attempts = most_attempts
        self._safe_to_repeat = safe_to_repeat or _never
        self._recursion_depth = recursion_depth
        self._roster = Roster()
        self._ended = dict.fromkeys(Stage, 0)
        self.fallbacks: int = 0
        self.fallbacks_absorbed: int = 0
        self.met: VarietyMeter = VarietyMeter(half_life=half_life)
        self.learner: RouteLearner = RouteLearner(random=random or Random())  # noqa: S311 - choosing a tool is no secret

    def __repr__(self) -> str:
        """Show how many operations ended well."""
        return f"System1(absorbed={self.absorbed}, failed={self.failed}, units={len(self._roster)})"

    @property
    def absorbed(self) -> int:
        """Operations that were done."""
        return self._ended[Stage.ABSORBED]

    @property
    def failed(self) -> int:
        """Operations that ran and failed."""
        return self._ended[Stage.FAILED]

    @property
    def ended(self) -> Mapping[Stage, int]:
        """How many operations ended at each stage of the funnel."""
        return MappingProxyType(self._ended)

    @property
    def busy(self) -> int:
        """Operations under way."""
        return self._places.busy

    @property
    def waiting(self) -> int:
        """Operations that wait for a place."""
        return self._places.waiting

    @property
    def most_at_once(self) -> int:
        """How many operations may be under way."""
        return self._places.most

    @property
    def units(self) -> Mapping[str, OperationalUnit]:
        """The units by name."""
        return self._roster.units

    @property
    def units_viable(self) -> int:
        """How many units do their next operation more likely well than not, as of their last one."""
        return self._roster.viable

    @property
    def units_failing(self) -> int:
        """How many units more likely fail; the others have not worked yet."""
        return self._roster.failing

    def add_unit(self, unit: OperationalUnit) -> None:
        """Let ``unit`` do the work of its kinds from now on.

        Raises:
            ConfigurationError: Its name is taken, or with it this system would contain itself or be too deep.
        """
        self._roster.add(unit)
        try:
            check_part(self, unit, limit=self._recursion_depth)
        except Exception:  # whatever it is: what could not be looked into does not stay
            self._roster.remove(unit.name)
            raise

    def remove_unit(self, name: str) -> OperationalUnit:
        """Give ``name`` no further work, and return it. What it has begun ends as it would have.

        Raises:
            ConfigurationError: There is no unit of this name.
        """
        return self._roster.remove(name)

    def subsystems(self) -> Sequence[OperationalUnit]:
        """Return the units: the systems that this one is made of, seen from above."""
        return self._roster.ordered

    async def execute(self, operation: Operation, /) -> Outcome:
        """Do one operation: by a unit that takes its kind, else with the best tool there is.

        Units come by priority, then by name; one that is full lets another one go first. An operation that names a tool
        goes to that tool if the router knows it. Another way is tried only if what failed surely had no effect, or is
        safe to repeat; a denial is final.

        An operation that its host cancels is not counted: nobody knows what it would have come to.

        Raises:
            CapabilityMissingError: Nothing fits; the demand is recorded as unknown to System 4.
            CapacityError: No place, or no unit with a budget left.
            ContentionError: What it uses for itself was held by others.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A guard or a policy refused it.
            ConfigurationError: It uses something for itself and there is no System 2.
        """
        self._refuse_uncoordinated(operation)
        kind, trail, began = operation.kind, Trail(), anyio.current_time()
        try:
            outcome = await self._execute(operation, kind, trail)
        except VSMError as error:
            self._record(kind, stage_of(error), trail, elapsed=anyio.current_time() - began)
            raise
        elapsed = anyio.current_time() - began
        self._record(kind, Stage.ABSORBED, trail, elapsed=elapsed)
        return replace(outcome, elapsed=elapsed, attempts=trail.attempts)

    def variety_of_units(self) -> LevelVariety | None:
        """Return the variety of the demand that the units met, between them and within; ``None`` if they met none.

        Takes time proportional to the number of units.
        """
        return merged({unit.name: unit.demand() for unit in self._roster.ordered})

    def report(self) -> OperationsReport:
        """Return the figures, with those of the busiest units. Takes time proportional to the number of units."""
        variety = self.variety_of_units()
        busiest = islice(sorted(self._roster.ordered, key=lambda unit: -unit.n), SHOWN_UNITS)
        return OperationsReport(
            n=sum(self._ended.values()),
            by_stage=dict(self._ended),
            busy=self.busy,
            waiting=self.waiting,
            most_at_once=self.most_at_once,
            units=len(self._roster),
            units_viable=self.units_viable,
            units_failing=self.units_failing,
            bits=None if variety is None else variety.bits,
            units_busiest=tuple(unit.report() for unit in busiest),
        )

    def _refuse_uncoordinated(self, operation: Operation) -> None:
        if operation.uses and self._coordination is None:
            raise ConfigurationError(
                f"The operation uses {sorted(operation.uses)[:3]} for itself and there is no System 2 to see to it.",
                remedies=("Give System1(coordination=...).",),
            )

    async def _execute(self, operation: Operation, kind: str, trail: Trail) -> Outcome:
        if self._coordination is None or not operation.uses:
            return await self._in_a_place(operation, kind, trail)
        # Each operation holds for itself, even if its agent holds the same already; the agent is whose time it is.
        holding = self._coordination.hold(
            operation.uses, holder=operation.agent, priority=operation.priority, timeout=None
        )
        async with holding:
            return await self._in_a_place(operation, kind, trail)

    async def _in_a_place(self, operation: Operation, kind: str, trail: Trail) -> Outcome:
        with self._places.passed():
            await self._places.enter(priority=operation.priority, timeout=self._place_timeout)
            try:
                return await try_in_turn(
                    operation, self._ways(operation, kind), kind=kind, trail=trail, most=self._most_attempts
                )
            finally:
                self._places.leave()

    def _ways(self, operation: Operation, kind: str) -> Iterator[Way]:
        """Find ways one by one: what comes later is looked for only when what came before failed."""
        units = self._roster.for_work(kind, most=self._most_attempts)
        if operation.tool is None or not units:
            for unit in units:
                yield UnitWay(unit, self._roster)
            yield from self._tools(operation, kind, needed=not units)
            return
        tools = tuple(self._tools(operation, kind, needed=False))
        yield from tools
        if not tools:
            yield from (UnitWay(unit, self._roster) for unit in units)

    def _tools(self, operation: Operation, kind: str, *, needed: bool) -> Iterator[Way]:
        try:
            routes = self._router.route(operation)
        except CapabilityMissingError:
            if needed:
                raise
            return
        for route in self.learner.pick(kind, routes):
            yield ToolWay(route, caller=self._caller, learner=self.learner, safe_to_repeat=self._safe_to_repeat)

    def _record(self, kind: str, stage: Stage, trail: Trail, *, elapsed: float) -> None:
        self._variety.observe(kind, stage)
        self._ended[stage] += 1
        if trail.ways > 1:
            self.fallbacks += 1
            self.fallbacks_absorbed += stage is Stage.ABSORBED
        # Each demand is booked once: with the unit that did it, or whose failure it died of.
        self.met.observe(trail.server if trail.server and trail.server in self._roster.units else TOOLS, stage)
        self._emit(OperationEnded(kind=kind, stage=stage, server=trail.server, tool=trail.tool, elapsed=elapsed))


def _never(_: Route, /) -> bool:
    """Say of every tool that its work must not be given to another one: nothing is known about it."""
    return False
