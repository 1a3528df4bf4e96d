"""Diagnoses: why the gap is where it is, what slows the system down, and which pathologies its figures show."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from vsm_mcp.measured import anatomy_of
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.report import Report
from vsm_mcp.systems.policy.identity import Identity
from vsm_mcp.systems.vitals.diagnosis.diagnosis import Diagnosis, diagnose
from vsm_mcp.variety.analysis import System, SystemGap, VarietyAnalysis
from vsm_mcp.wiring.parts import Parts

COLLISIONS_FROM = 0.01
"""The share of demand lost or claims conflicting from which coordination is a bottleneck."""

SCANS_PER_CYCLE = 2.0
SLOW_FACTOR = 3.0
_FEW_KINDS = 3.0
_LEAST_CALLS = 20
_LEAST_DEMANDS = 1000


class RemedyKind(StrEnum):
    """What can be done about a gap."""

    ADD_TOOL = "add_tool"
    ADD_UNIT = "add_unit"
    ADJUST_THRESHOLD = "adjust_threshold"
    ATTENUATE = "attenuate"


class Cause(Report, frozen=True):
    """Where demand is lost.

    Attributes:
        system: The system that loses it.
        stage: The stage of the funnel.
        share: The share of demand that is lost there.
        evidence: The kinds that are lost there, largest loss first.
    """

    system: System
    stage: Stage
    share: float
    evidence: tuple[str, ...]


class Remedy(Report, frozen=True):
    """What can be done.

    Attributes:
        kind: A tool, a unit, a threshold, or less variety of demand.
        detail: What exactly.
        expected_gap_after: The share of demand that would then still be lost, at best; ``None`` where it is not known.
    """

    kind: RemedyKind
    detail: str
    expected_gap_after: float | None


class GapDiagnosis(Report, frozen=True):
    """Why there is a gap, and what to do about it.

    Attributes:
        dominant: The system that loses most; ``None`` when nothing is lost.
        gap_share: The share of demand that is lost, as observed.
        causes: Where it is lost, largest first. Their shares sum to the gap.
        remedies: What to do, most effective first.
        basis: Where the figures come from.
    """

    dominant: System | None
    gap_share: float | None
    causes: tuple[Cause, ...]
    remedies: tuple[Remedy, ...]
    basis: str


class BottleneckKind(StrEnum):
    """What can slow the whole down."""

    COORDINATION_OVERHEAD = "coordination_overhead"
    SCAN_FREQUENCY = "scan_frequency"
    QUEUE_CONGESTION = "queue_congestion"
    SLOW_TOOL = "slow_tool"
    CACHE_MISS = "cache_miss"


class Bottleneck(Report, frozen=True):
    """Something that slows the whole down.

    Attributes:
        kind: What it is.
        share: How much of what could flow it holds up, 0 to 1.
        evidence: What was measured.
        advice: What to do.
    """

    kind: BottleneckKind
    share: float = Field(ge=0, le=1)
    evidence: str
    advice: str


class PerformanceReport(Report, frozen=True):
    """What slows the whole down.

    Attributes:
        bottlenecks: Largest share first.
        assessed: What was looked at.
        not_assessable: What could not be judged yet, with the reason.
        window: Over which time.
    """

    bottlenecks: tuple[Bottleneck, ...]
    assessed: tuple[BottleneckKind, ...]
    not_assessable: Mapping[str, str]
    window: str


def analyze(parts: Parts) -> VarietyAnalysis:
    """Return the analysis of variety with the forecast of the gap, as of the last scan."""
    scan = parts.system4.last_scan
    forecast = None if scan is None or scan.forecast is None else scan.forecast.mean
    return parts.variety.analyze().model_copy(update={"forecast": forecast})


def diagnose_gap(parts: Parts) -> GapDiagnosis:
    """Say why there is a gap and what to do about it."""
    analysis = parts.variety.analyze()
    causes = sorted(
        (
            Cause(system=system, stage=gap.stage, share=gap.share, evidence=gap.kinds[:5])
            for system, gap in analysis.gaps_by_system.items()
            if gap.share
        ),
        key=lambda cause: -cause.share,
    )
    remedies = [remedy for cause in causes for remedy in _remedies(parts, analysis, cause)]
    return GapDiagnosis(
        dominant=causes[0].system if causes else None,
        gap_share=analysis.total_gap_share,
        causes=tuple(causes),
        remedies=tuple(remedies),
        basis=analysis.basis,
    )


def _remedies(parts: Parts, analysis: VarietyAnalysis, cause: Cause) -> list[Remedy]:
    gap = analysis.gaps_by_system[cause.system]
    rest = None if analysis.total_gap_share is None else max(analysis.total_gap_share - cause.share, 0.0)
    match cause.stage:
        case Stage.UNKNOWN:
            return _for_the_unknown(parts, analysis, gap, rest=rest)
        case Stage.STARVED:
            return [
                Remedy(kind=RemedyKind.ADD_UNIT, detail=gap.recommendation, expected_gap_after=rest),
                Remedy(
                    kind=RemedyKind.ADJUST_THRESHOLD,
                    detail="Raise most_servers, max_concurrent_operations or the budget of the units that are full.",
                    expected_gap_after=rest,
                ),
            ]
        case Stage.CONTENDED:
            return [Remedy(kind=RemedyKind.ADD_UNIT, detail=gap.recommendation, expected_gap_after=rest)]
        case Stage.REFUSED:
            return [Remedy(kind=RemedyKind.ADJUST_THRESHOLD, detail=gap.recommendation, expected_gap_after=rest)]
        case _:
            return [Remedy(kind=RemedyKind.ADD_TOOL, detail=gap.recommendation, expected_gap_after=rest)]


def _for_the_unknown(parts: Parts, analysis: VarietyAnalysis, gap: SystemGap, *, rest: float | None) -> list[Remedy]:
    if not gap.missing:  # what was lost can be done by now
        return []
    scan = parts.system4.last_scan
    expected = analysis.expected_gap_share
    remedies = [
        Remedy(
            kind=RemedyKind.ADD_TOOL,
            detail=f"Acquire {proposal.server} for {proposal.kind!r} (gain {proposal.gain:.1%} of demand).",
            expected_gap_after=None if expected is None else max(expected - proposal.gain, 0.0),
        )
        for proposal in (scan.proposals.best[:3] if scan is not None else ())
    ] or [Remedy(kind=RemedyKind.ADD_TOOL, detail=gap.recommendation, expected_gap_after=rest)]
    few = analysis.expected_failing_kinds is not None and analysis.expected_failing_kinds <= _FEW_KINDS
    if not few:
        remedies.append(
            Remedy(
                kind=RemedyKind.ATTENUATE,
                detail="Merge kinds that one capability can serve, or refuse those that are not your purpose.",
                expected_gap_after=None,
            )
        )
    return remedies


def diagnose_performance(parts: Parts, *, every: float) -> PerformanceReport:
    """Say what slows the whole down.

    Args:
        parts: The system.
        every: Seconds that are meant to lie between two scans.
    """
    found: list[Bottleneck] = []
    not_assessable: dict[str, str] = {}
    for kind, look in (
        (BottleneckKind.COORDINATION_OVERHEAD, _coordination(parts)),
        (BottleneckKind.SCAN_FREQUENCY, _scan_frequency(parts, every)),
        (BottleneckKind.QUEUE_CONGESTION, _congestion(parts)),
        (BottleneckKind.SLOW_TOOL, _slow_tool(parts)),
        (BottleneckKind.CACHE_MISS, _cache_miss(parts)),
    ):
        if isinstance(look, str):
            not_assessable[kind] = look
        elif look is not None:
            found.append(look)
    return PerformanceReport(
        bottlenecks=tuple(sorted(found, key=lambda bottleneck: -bottleneck.share)),
        assessed=tuple(kind for kind in BottleneckKind if kind not in not_assessable),
        not_assessable=not_assessable,
        window="since the system was entered, newer operations counting more",
    )


def _coordination(parts: Parts) -> Bottleneck | str | None:
    report = parts.system2.report()
    if not report.claims:
        return "Nothing that several may want was asked for yet."
    share = min(report.conflicts / report.claims, 1.0)
    if share < COLLISIONS_FROM:
        return None
    return Bottleneck(
        kind=BottleneckKind.COORDINATION_OVERHEAD,
        share=share,
        evidence=f"{report.conflicts} of {report.claims} claims had to wait, {report.waiting} wait now.",
        advice="Let operations use smaller things for themselves, or give what they share more capacity.",
    )


def _scan_frequency(parts: Parts, every: float) -> Bottleneck | str | None:
    scan = parts.system4.last_scan
    if scan is None:
        return "There was no scan yet: use `async with vsm.regulate()`."
    age = max((parts.organs.clock.now() - scan.at).total_seconds(), 0.0)
    if age <= SCANS_PER_CYCLE * every:
        return None
    return Bottleneck(
        kind=BottleneckKind.SCAN_FREQUENCY,
        share=1.0 - every / age,
        evidence=f"The last scan is {age:.0f} s old, and one is meant to be made every {every:.0f} s.",
        advice="Keep `async with vsm.regulate()` open, or scan more often: Settings(variety_check_interval=...).",
    )


def _congestion(parts: Parts) -> Bottleneck | str | None:
    system1 = parts.system1
    starved = parts.variety.lost_by_system().get("system3")
    if starved is None and not system1.waiting:
        return "No demand was observed yet."
    starved = starved or 0.0
    if not system1.waiting and starved < COLLISIONS_FROM:
        return None
    share = max(system1.waiting / (system1.waiting + system1.busy) if system1.waiting else 0.0, starved)
    return Bottleneck(
        kind=BottleneckKind.QUEUE_CONGESTION,
        share=min(share, 1.0),
        evidence=(
            f"{system1.waiting} operations wait for one of {system1.most_at_once} places, and {starved:.1%} of demand "
            "found no place, no budget or no usable server."
        ),
        advice="Raise Settings(max_concurrent_operations=...), add units, or give starved units more budget.",
    )


def _slow_tool(parts: Parts) -> Bottleneck | str | None:
    """Find the unit that takes most of the time, if its operations take far longer than those of the others."""
    reported = parts.system3.reported
    figures = [
        (unit, told.elapsed, told.n)
        for unit in reported.units
        if (told := reported.of(unit)) is not None and told.n >= _LEAST_CALLS and told.elapsed is not None
    ]
    if len(figures) < 2:  # noqa: PLR2004 - one alone has nothing to be compared with
        return f"Fewer than two servers or units have reported {_LEAST_CALLS} operations."
    times = sorted(elapsed for _, elapsed, _ in figures)
    median = times[(len(times) - 1) // 2]
    unit, slowest, n = max(figures, key=lambda figure: figure[1])
    if slowest <= SLOW_FACTOR * median:
        return None
    total = sum(elapsed * count for _, elapsed, count in figures)
    return Bottleneck(
        kind=BottleneckKind.SLOW_TOOL,
        share=min(slowest * n / total, 1.0) if total else 0.0,
        evidence=f"{unit} takes {slowest:.3g} s per operation, the median of {len(figures)} is {median:.3g} s.",
        advice=f"Replace {unit}, or acquire another server for its work: the faster one will be chosen.",
    )


def _cache_miss(parts: Parts) -> Bottleneck | str | None:
    """Find whether kinds of demand lose their place in the table to others, and are counted together."""
    stats = parts.variety.cache_stats()
    if stats.hit_rate is None or stats.hits + stats.misses < _LEAST_DEMANDS:
        return f"Fewer than {_LEAST_DEMANDS} demands were observed: each kind is new once."
    if not stats.evictions and stats.size < stats.max_size:
        return None
    return Bottleneck(
        kind=BottleneckKind.CACHE_MISS,
        share=1.0 - stats.hit_rate,
        evidence=f"{stats.size} of {stats.max_size} kinds have a place, and {stats.evictions} lost theirs.",
        advice="Use broader kinds of needs: what differs in wording only is told apart at a cost.",
    )


def diagnose_whole(parts: Parts, *, identity: Identity | None) -> Diagnosis:
    """Say which pathologies the figures show; what is not measured is named, never taken for well."""
    return diagnose(anatomy_of(parts, identity=identity))
