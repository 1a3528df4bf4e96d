"""System 3, control: holds the budget, strikes bargains over resources, and finds out what became of them."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random, SystemRandom
from typing import Protocol

from vsm_mcp.acquisition.installation.generations.admission import Budget
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.control.audit import AuditChannel, Inspect
from vsm_mcp.systems.control.bargain import Adherence, ResourceBargain, ResourceRequest, Settlement
from vsm_mcp.systems.control.bargaining import Bargaining, Utilisation
from vsm_mcp.systems.control.cyberfilter import Verdict, Watch
from vsm_mcp.systems.control.figures import LONGEST_NAME
from vsm_mcp.systems.control.performance import Better, PerformanceIndex, triple_index
from vsm_mcp.systems.control.reported import ReportedOutcomes
from vsm_mcp.world.clock import Clock

MOST_UNITS = 1_000

Held = Callable[[], Awaitable[Mapping[str, datetime]]]
"""Returns the servers that are held, each with the moment when it was acquired."""


class Place:
    """A place of the budget, taken from the moment it is asked for until the acquisition has come to its end.

    Attributes:
        server: The server that has it, once it is held; ``None`` before.
    """

    __slots__ = ("earlier", "ended", "server")

    def __init__(self, earlier: Sequence["Place"]) -> None:
        """Come after ``earlier`` ones."""
        self.earlier: Sequence[Place] = earlier
        self.server: str | None = None
        self.ended: bool = False

    def __repr__(self) -> str:
        """Show who has it."""
        return f"Place({self.server or 'under way'})"

    def counts(self, held: Mapping[str, datetime]) -> bool:
        """Return whether it takes a place that ``held`` does not show yet, or did not show when it was read."""
        return self.server not in held if self.server is not None else not self.ended


class Inspector(Protocol):
    """Looks at units directly, past what they report."""

    def can_inspect(self, unit: str, /) -> bool:
        """Return whether it can look at this unit."""
        ...

    async def inspect(self, unit: str, /) -> bool:
        """Return whether the unit does what it is for."""
        ...


class ControlReport(Report, frozen=True):
    """How System 3 sees the operations.

    Attributes:
        utilisation: How much of the resources is agreed on.
        adherence: How well bargains are kept.
        performance: The last triple index of each subject.
        changes: What Cyberfilter found last, for each index that did not stay as it was.
        distrusted: Units that report success they do not have.
        unanswered: Units whose last inspections came to no end, and how many.
        units: How many units reported.
    """

    utilisation: Utilisation
    adherence: Adherence
    performance: tuple[PerformanceIndex, ...]
    changes: Mapping[str, str]
    distrusted: tuple[str, ...]
    unanswered: Mapping[str, int]
    units: int


class System3:
    """Grants acquisitions within the budget, shares resources, and audits.

    Args:
        budget: The limits of acquisitions.
        clock: Says what time it is.
        resources: How much there is of each resource to share among units, such as ``{"calls per minute": 600}``.
        inspect: Looks at a unit directly, past what it reports. Without it, and without `inspect_with`, nothing can
            be audited.
        random: Where the times of audits come from; the system's own source of chance by default, which nobody can
            foresee.
        watch: Follows the indices.

    Attributes:
        budget: The limits of acquisitions.
        audits: System 3*, the audit channel. A unit is audited from its first report on.
        reported: What the units report of themselves.
        indices: Follows the indices: ``indices.verdicts`` has the last on each.

    Raises:
        ConfigurationError: The capacity of a resource makes no sense.
    """

    def __init__(
        self,
        *,
        budget: Budget,
        clock: Clock,
        resources: Mapping[str, float] | None = None,
        inspect: Inspect | None = None,
        random: Random | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Keep the budget and begin without any bargain."""
        self.budget = budget
        self._clock = clock
        self._plain_inspect = inspect
        self._inspectors: tuple[Inspector, ...] = ()
        self._let_go: deque[datetime] = deque(maxlen=MOST_UNITS)
        self._places: list[Place] = []
        self.reported: ReportedOutcomes = ReportedOutcomes(most_units=MOST_UNITS)
        self.audits: AuditChannel = AuditChannel(
            inspect=self._inspect,
            reported=self.reported.of,
            random=random or SystemRandom(),
            most_units=MOST_UNITS,
        )
        self.indices: Watch = Watch() if watch is None else watch
        self._bargaining = Bargaining(capacities=resources or {}, audited=self._audited, most_units=MOST_UNITS)
        self._performance: dict[str, PerformanceIndex] = {}

    def __repr__(self) -> str:
        """Show the budget and how many bargains run."""
        return f"System3({self.budget}, bargains={len(self._bargaining.running)})"

    @asynccontextmanager
    async def grant(self, held: Held) -> AsyncGenerator[Place]:
        """Let one more acquisition pass, and count its place as taken for as long as the body lasts.

        Of several at once those that asked first are granted. What other processes acquire meanwhile is counted when a
        server is written down. An upgrade needs no grant: there are not more servers afterwards.

        Args:
            held: Reads what is held now.

        Yields:
            The place. Tell it the ``server`` as soon as that is held, or it counts twice until the body ends.

        Raises:
            PolicyError: The budget is used up.
        """
        place = Place(tuple(self._places))
        self._places.append(place)
        try:
            known = await held()
            under_way = sum(one.counts(known) for one in place.earlier)
            acquired = (*known.values(), *self._let_go)
            self.budget.check(held=len(known), under_way=under_way, acquired=acquired, now=self._clock.now())
            place.earlier = ()
            yield place
        except BaseException:
            place.server = None
            raise
        finally:
            place.ended = True
            self._places.remove(place)

    def note_release(self, acquired_at: datetime) -> None:
        """Note that a server was let go: that it was acquired goes on counting for a day."""
        self._let_go.append(acquired_at)

    def inspect_with(self, *inspectors: Inspector, timeout: float | None = None) -> None:
        """Audit with the first of ``inspectors`` that can inspect a unit; a unit that none can is not audited.

        Args:
            inspectors: Who can look at units directly.
            timeout: Seconds that one inspection may take.
        """
        self._inspectors = inspectors
        if timeout is not None:
            self.audits.timeout = timeout

    def bargain(self, requests: Sequence[ResourceRequest]) -> tuple[ResourceBargain, ...]:
        """Share what is free among units, by what they answered for before; each promises what it will do with it.

        Raises:
            PayloadError: A request makes no sense, names an unknown resource, or there are too many units.
            PolicyError: A resource that is asked for is wholly given away.
        """
        return self._bargaining.strike(requests, now=self._now())

    def settle(self, *units: str) -> tuple[Settlement, ...]:
        """Settle the bargains of these units now or, without any, all whose time is over.

        What a unit counts the next time follows from it. Of a distrusted unit the audits count, not its reports.

        Raises:
            PayloadError: A unit has no bargain; then none is settled.
        """
        now = self._now()
        return self._bargaining.settle(units or self._bargaining.ended(now), now=now)

    def weight_of(self, unit: str) -> float:
        """Return how much a unit counts when resources are shared; 1 before it answered for anything."""
        return self._bargaining.weight_of(unit)

    def utilisation(self, used: Mapping[str, float] | None = None) -> Utilisation:
        """Return how much of each resource is ``used``, or else granted, and which is tightest.

        Raises:
            PayloadError: A figure makes no sense.
        """
        return self._bargaining.utilisation(used=used, now=self._now())

    def adherence(self) -> Adherence:
        """Return how well bargains are kept, by the last 256 that were settled."""
        return self._bargaining.adherence()

    def performance(
        self,
        *,
        actuality: float | None,
        capability: float | None,
        potentiality: float | None,
        n: int,
        window: str = "",
        subject: str = "system",
        unit: str = "share of demand",
        better: Better = Better.MORE,
    ) -> PerformanceIndex:
        """Return the triple index of a subject, remember it, and let Cyberfilter watch its three ratios.

        Raises:
            PayloadError: A measure makes no sense, or there are too many subjects to watch.
        """
        index = triple_index(
            actuality=actuality,
            capability=capability,
            potentiality=potentiality,
            n=n,
            window=window,
            subject=subject,
            unit=unit,
            better=better,
        )
        if subject not in self._performance and len(self._performance) >= MOST_UNITS:
            raise PayloadError(
                f"{len(self._performance)} subjects have a performance already, and {subject!r} would be one more.",
                remedies=("Measure fewer subjects: a subject is a unit or a system, not an operation.",),
            )
        ratios = {"productivity": index.productivity, "latency": index.latency, "performance": index.performance}
        for name, ratio in ratios.items():
            if ratio is not None or f"{name} of {subject}" in self.indices.verdicts:
                self.watch(f"{name} of {subject}", ratio)
        self._performance[subject] = index
        return index

    def index_of(self, subject: str = "system") -> PerformanceIndex | None:
        """Return the last triple index of a subject; ``None`` before the first."""
        return self._performance.get(subject)

    def watch(self, index: str, value: float | None) -> Verdict:
        """Judge one observation of an index by Cyberfilter; ``None`` when this step has none.

        Raises:
            PayloadError: The value is no finite number, the name is too long, or there are too many indices.
        """
        return self.indices.observe(index, value)

    def note_operation(self, unit: str, *, absorbed: bool, elapsed: float) -> None:
        """Hear of one operation as its unit reports it.

        It is called where events are heard, so it never raises. An operation of a unit without a name is not counted.
        """
        name = unit[:LONGEST_NAME]
        if not name:
            return
        if self.reported.note(name, absorbed=absorbed, elapsed=elapsed):
            self._audit_from_now_on(name)
        self._bargaining.note(name, absorbed=absorbed)

    def forget_unit(self, unit: str) -> None:
        """Forget what a unit reported and what audits found, because it is gone; what it counts is kept."""
        self.reported.forget(unit)
        self.audits.remove(unit)

    def report(self) -> ControlReport:
        """Return how System 3 sees the operations."""
        audits = [self.audits.report(unit) for unit in self.audits.units]
        return ControlReport(
            utilisation=self.utilisation(),
            adherence=self.adherence(),
            performance=tuple(self._performance.values()),
            changes={name: str(one.kind) for name, one in self.indices.verdicts.items() if one.matters},
            distrusted=self.audits.distrusted,
            unanswered={one.unit: one.unanswered for one in audits if one.unanswered},
            units=len(self.reported),
        )

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _audit_from_now_on(self, unit: str) -> None:
        units = self.audits.units
        if unit not in units and len(units) < MOST_UNITS and self._can_inspect(unit):
            self.audits.add(unit, now=self._now())

    def _can_inspect(self, unit: str) -> bool:
        return self._plain_inspect is not None or any(one.can_inspect(unit) for one in self._inspectors)

    async def _inspect(self, unit: str) -> bool:
        for inspector in self._inspectors:
            if inspector.can_inspect(unit):
                return await inspector.inspect(unit)
        if self._plain_inspect is not None:
            return await self._plain_inspect(unit)
        raise ConfigurationError(
            f"{unit!r} cannot be inspected: nothing was given to inspect it with.",
            remedies=("Give System3(inspect=...), or the unit a proof.",),
        )

    def _audited(self, unit: str) -> tuple[float, float] | None:
        return self.audits.evidence(unit) if unit in self.audits.distrusted else None
