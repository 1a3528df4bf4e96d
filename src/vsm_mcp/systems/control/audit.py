"""3*, the audit: looks for itself, at times that nobody can foresee, whether a unit does what it reports."""

import heapq
import math
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import anyio

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.control.figures import refuse_name, refuse_outside
from vsm_mcp.systems.control.reported import Reported
from vsm_mcp.systems.control.sequential import Decision, SequentialTest, beta_interval
from vsm_mcp.world.clock import SteadyTime

Inspect = Callable[[str], Awaitable[bool]]
"""Looks at a unit directly, past what it reports, and says whether it did what was asked of it."""

DEFAULT_MEAN_GAP = 3_600.0
DEFAULT_MARGIN = 0.2
DEFAULT_MOST_UNITS = 1_000
DISTRUST_WEIGHT = 4.0
"""How many times more often a unit is audited while it is distrusted."""

RISKS = (1e-6, 1e6)
"""Between which limits a risk stays."""

LEVEL = 0.99
"""Probability that an interval of this module holds. It is looked at after each audit, so it is above the usual."""

_ALPHA = 0.01
_LEAST_FAULTS = 0.01
_DISCOUNT = 0.99
_MOST_AT_ONCE = 100


class AuditFinding(Report, frozen=True):
    """What one audit came to.

    Attributes:
        unit: The unit.
        passed: Whether it did what was asked; ``None`` when the inspection came to no end.
        problem: Why it came to no end.
        decision: What the sequential test says of the series of audits so far.
        distrusted: Whether the unit's reports are not to be believed from now on.
    """

    unit: str
    passed: bool | None
    problem: str | None
    decision: Decision
    distrusted: bool


class AuditReport(Report, frozen=True):
    """What the audits of a unit have shown.

    Attributes:
        unit: The unit.
        audits: How many inspections came to an end.
        unanswered: How many in a row came to none, up to the last.
        audited_share: Share of the inspections that it passed, the newest weighing most; ``None`` before the first.
        audited_interval: Where that share is in 99 of 100 cases.
        reported_share: Share of its operations that it reports as done; ``None`` when it reported nothing.
        reported: How many operations it reported.
        discrepancy: Reported share less audited share: above 0 it reports success that it does not have.
        interval: Where the discrepancy is in 99 of 100 cases.
        decision: What the sequential test says of the present series of audits.
        distrusted: Whether its reports are not to be believed.
    """

    unit: str
    audits: int
    unanswered: int
    audited_share: float | None
    audited_interval: tuple[float, float] | None
    reported_share: float | None
    reported: int
    discrepancy: float | None
    interval: tuple[float, float] | None
    decision: Decision
    distrusted: bool


class AuditSchedule:
    """Draws the times of audits: a Poisson process for each unit, whose past says nothing about its future.

    Args:
        random: Where chance comes from. It must not be foreseeable for those who are audited.
        mean_gap: Seconds between two audits of a unit of risk 1, on average.

    Raises:
        ConfigurationError: The gap is not above 0.
    """

    __slots__ = ("_gap", "_heap", "_random", "_risks", "_time", "_times")

    def __init__(self, *, random: Random, mean_gap: float = DEFAULT_MEAN_GAP) -> None:
        """Begin without any unit."""
        refuse_outside("A mean gap between audits", mean_gap, (0.0, 1e12), above=True, error=ConfigurationError)
        self._random = random
        self._gap = mean_gap
        self._risks: dict[str, float] = {}
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._time = SteadyTime()

    def __len__(self) -> int:
        """Return how many units are audited."""
        return len(self._risks)

    def __contains__(self, unit: object) -> bool:
        """Return whether a unit is audited."""
        return unit in self._risks

    def put(self, unit: str, *, risk: float, now: float) -> None:
        """Audit a unit, or audit it more or less often: its rate is its risk divided by the mean gap.

        Its time is drawn anew. That changes nothing but the rate, because the process has no memory.
        """
        refuse_name("The name of a unit", unit)
        refuse_outside(f"The risk of {unit!r}", risk, RISKS)
        self._risks[unit] = risk
        self._draw(unit, self._monotonic(now))
        if len(self._heap) > 2 * len(self._risks) + _MOST_AT_ONCE:
            self._heap = [(time, unit) for unit, time in self._times.items()]
            heapq.heapify(self._heap)

    def remove(self, unit: str) -> None:
        """Audit a unit no longer; nothing happens when it was not audited."""
        self._risks.pop(unit, None)
        self._times.pop(unit, None)

    def due(self, now: float, *, most: int = _MOST_AT_ONCE) -> tuple[str, ...]:
        """Return the units whose time has come, and draw their next times.

        A unit is due once however long nobody asked. A clock that was set back stops nothing: the time until the next
        audit goes on from where it was.
        """
        moment = self._monotonic(now)
        units: dict[str, None] = {}
        while self._heap and self._heap[0][0] <= moment and len(units) < most:
            time, unit = heapq.heappop(self._heap)
            if self._times.get(unit) == time:
                units[unit] = None
        for unit in units:  # only now: a time that is drawn may be due at once
            self._draw(unit, moment)
        return tuple(units)

    def _draw(self, unit: str, moment: float) -> None:
        time = moment + self._random.expovariate(self._risks[unit] / self._gap)
        self._times[unit] = time
        heapq.heappush(self._heap, (time, unit))

    def _monotonic(self, now: float) -> float:
        refuse_outside("The present", now, (-1e15, 1e15))
        return self._time.read(now)


class AuditChannel:
    """Audits units and compares what it finds with what they report.

    A unit is distrusted when two things come together: the sequential test calls its rate of faults unacceptable, and
    the whole interval of the discrepancy is above 0. The first stops as early as it can, the second keeps chance from
    accusing anyone. It is trusted again when the test of a later series calls the rate acceptable.

    Args:
        inspect: Looks at a unit directly. It must not pass through what the unit reports.
        reported: What a unit reports of itself.
        random: Where the times of audits come from.
        mean_gap: Seconds between two audits of a unit of risk 1, on average.
        margin: The least discrepancy worth finding.
        most_units: How many units can be audited.
        timeout: Seconds that an inspection may take.

    Attributes:
        timeout: The same.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        inspect: Inspect,
        reported: Callable[[str], Reported | None],
        random: Random,
        mean_gap: float = DEFAULT_MEAN_GAP,
        margin: float = DEFAULT_MARGIN,
        most_units: int = DEFAULT_MOST_UNITS,
        timeout: float = 30.0,
    ) -> None:
        """Begin without any unit."""
        refuse_outside("A margin", margin, (0.0, 0.9), above=True, error=ConfigurationError)
        refuse_outside("A number of units", most_units, (1, 1_000_000), error=ConfigurationError)
        refuse_outside("A timeout", timeout, (0.0, 86_400.0), above=True, error=ConfigurationError)
        self._inspect = inspect
        self._reported = reported
        self._schedule = AuditSchedule(random=random, mean_gap=mean_gap)
        self._margin = margin
        self._most = most_units
        self.timeout: float = timeout
        self._records: dict[str, _Record] = {}
        self._worst: AuditReport | None = None

    def __repr__(self) -> str:
        """Show whom it audits and whom it distrusts."""
        return f"AuditChannel(units={len(self._records)}, distrusted={list(self.distrusted)})"

    @property
    def units(self) -> Sequence[str]:
        """The units that are audited."""
        return tuple(self._records)

    @property
    def distrusted(self) -> tuple[str, ...]:
        """The units whose reports are not to be believed."""
        return tuple(unit for unit, record in self._records.items() if record.distrusted)

    @property
    def worst(self) -> AuditReport | None:
        """The unit whose audits fell shortest of its reports, as of the newest audit; ``None`` before the first."""
        if self._worst is None:
            gaps = [(record.gap, unit) for unit, record in self._records.items() if record.gap is not None]
            self._worst = self.report(max(gaps)[1]) if gaps else None
        return self._worst

    def add(self, unit: str, *, now: float, risk: float = 1.0) -> None:
        """Audit a unit from now on, or with another risk.

        Raises:
            PayloadError: The name or the risk makes no sense, or there are too many units.
        """
        if unit not in self._records and len(self._records) >= self._most:
            raise PayloadError(
                f"{len(self._records)} units are audited already, and {unit!r} would be one more.",
                remedies=("Remove a unit that is gone.", "Give AuditChannel(most_units=...) more room."),
            )
        refuse_outside(f"The risk of {unit!r}", risk, RISKS)
        record = self._records.get(unit) or _Record()
        rate = min(risk * DISTRUST_WEIGHT, RISKS[1]) if record.distrusted else risk
        self._schedule.put(unit, risk=rate, now=now)
        record.risk = risk
        self._records[unit] = record

    def remove(self, unit: str) -> None:
        """Audit a unit no longer and forget what was found; nothing happens when it was not audited."""
        self._schedule.remove(unit)
        self._records.pop(unit, None)
        self._worst = None

    def due(self, now: float) -> tuple[str, ...]:
        """Return the units to audit now, at most 100 at once; each is named once for each time it is due.

        Raises:
            PayloadError: ``now`` is no finite number.
        """
        return self._schedule.due(now)

    async def audit(self, unit: str, *, now: float) -> AuditFinding:
        """Look at a unit once, and compare.

        An inspection that fails or takes too long says nothing about the unit's success. It is counted apart, since a
        unit that never lets itself be inspected is not one to trust either.

        Raises:
            PayloadError: The unit is not audited.
        """
        record = self._record(unit)
        passed, problem = await self._look(unit)
        trusted = not record.distrusted
        record.learn(passed, self._reported(unit), self._margin)
        self._worst = None
        if trusted is record.distrusted and unit in self._records:
            self.add(unit, now=now, risk=record.risk)
        return AuditFinding(
            unit=unit, passed=passed, problem=problem, decision=record.decision, distrusted=record.distrusted
        )

    def report(self, unit: str) -> AuditReport:
        """Return what the audits of a unit have shown.

        Raises:
            PayloadError: The unit is not audited.
        """
        record, reported = self._record(unit), self._reported(unit)
        return AuditReport(
            unit=unit,
            audits=record.audits,
            unanswered=record.unanswered,
            audited_share=record.share,
            audited_interval=beta_interval(record.passed, record.failed, LEVEL) if record.audits else None,
            reported_share=reported.share if reported else None,
            reported=reported.n if reported else 0,
            discrepancy=_difference(reported, record.share),
            interval=discrepancy_interval(reported, (record.passed, record.failed)),
            decision=record.decision,
            distrusted=record.distrusted,
        )

    def evidence(self, unit: str) -> tuple[float, float]:
        """Return how many inspections a unit passed and failed, as weights; nothing when it is not audited."""
        record = self._records.get(unit)
        return (record.passed, record.failed) if record else (0.0, 0.0)

    def _record(self, unit: str) -> "_Record":
        record = self._records.get(unit)
        if record is None:
            raise PayloadError(f"{unit[:80]!r} is not audited.", remedies=("Add it first: add(unit, now=...).",))
        return record

    async def _look(self, unit: str) -> tuple[bool | None, str | None]:
        try:
            with anyio.move_on_after(self.timeout):
                return bool(await self._inspect(unit)), None
        except Exception as error:  # noqa: BLE001 - an inspection is a plug-in: its failure is a finding, not ours
            return None, str(error)[:1000] or type(error).__name__
        return None, f"The inspection took more than {self.timeout:g} seconds."


class _Record:
    """What is known of one unit."""

    __slots__ = ("audits", "decision", "distrusted", "failed", "gap", "passed", "risk", "test", "unanswered")

    def __init__(self) -> None:
        self.audits = self.unanswered = 0
        self.passed = self.failed = 0.0
        self.gap: float | None = None
        self.risk = 1.0
        self.test = SequentialTest(alpha=_ALPHA)
        self.decision = Decision.UNDECIDED
        self.distrusted = False

    @property
    def share(self) -> float | None:
        return self.passed / (self.passed + self.failed) if self.audits else None

    def learn(self, passed: bool | None, reported: Reported | None, margin: float) -> None:  # noqa: FBT001 - unknown too
        if passed is None:
            self.unanswered += 1
            return
        self.unanswered = 0
        self.audits += 1
        self.passed = _DISCOUNT * self.passed + passed
        self.failed = _DISCOUNT * self.failed + (not passed)
        self.gap = _difference(reported, self.share)
        if reported is not None:
            self._test(reported, margin, fault=not passed)

    def _test(self, reported: Reported, margin: float, *, fault: bool) -> None:
        claimed = min(max(1.0 - reported.share, _LEAST_FAULTS), 1.0 - _LEAST_FAULTS - margin)
        self.decision = self.test.observe(fault=fault, acceptable=claimed, unacceptable=claimed + margin)
        interval = discrepancy_interval(reported, (self.passed, self.failed))
        apart = interval is not None and interval[0] > 0.0
        if self.decision is Decision.UNACCEPTABLE and apart:
            self.distrusted = True
            self.test.restart()
        elif self.decision is Decision.ACCEPTABLE:
            self.distrusted = self.distrusted and apart
            self.test.restart()


def discrepancy_interval(reported: Reported | None, audited: tuple[float, float]) -> tuple[float, float] | None:
    """Return where the reported share less the audited one is in 99 of 100 cases; ``None`` while one is unknown.

    Both shares are uncertain. Their Beta intervals are combined by squares of the distances from the shares to the
    ends that matter (Newcombe 1998, Statistics in Medicine 17, method 10, there with Wilson's intervals).
    """
    passed, failed = audited
    if reported is None or passed + failed <= 0.0:
        return None
    told, found = reported.share, passed / (passed + failed)
    told_low, told_high = beta_interval(reported.successes, reported.failures, LEVEL)
    low, high = beta_interval(passed, failed, LEVEL)
    down = math.hypot(max(told - told_low, 0.0), max(high - found, 0.0))
    up = math.hypot(max(told_high - told, 0.0), max(found - low, 0.0))
    return max(told - found - down, -1.0), min(told - found + up, 1.0)


def _difference(reported: Reported | None, audited_share: float | None) -> float | None:
    return None if reported is None or audited_share is None else reported.share - audited_share
