"""The report on variety: what it says, and what each of its figures means."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from vsm_mcp.model.operation import Stage
from vsm_mcp.model.report import Report
from vsm_mcp.variety.alarm import AlarmLevel

System = Literal["system1", "system2", "system3", "system4", "system5"]

LOST_BY: Mapping[Stage, System] = {
    Stage.FAILED: "system1",
    Stage.CONTENDED: "system2",
    Stage.STARVED: "system3",
    Stage.UNKNOWN: "system4",
    Stage.REFUSED: "system5",
}
"""Which system loses a demand that ends at a stage."""


class KindGap(Report, frozen=True):
    """One kind of demand, and how it fares.

    Attributes:
        kind: The kind, as the host worded it.
        demand_share: Its share of all demand.
        observed_absorbed_share: The share of its own demand that was absorbed.
        coverage: Probability that the present capability absorbs its next demand; 0 when there is none.
        gap_share: The share of all demand that would be lost with it: ``demand_share * (1 - coverage)``.
        lost_at: Where most of what was lost of it was lost; ``None`` when all was absorbed.
        trials: Verification trials that ``coverage`` comes from.
        outcomes: Outcomes of real demand that ``coverage`` comes from.
    """

    kind: str
    demand_share: float = Field(ge=0, le=1)
    observed_absorbed_share: float = Field(ge=0, le=1)
    coverage: float = Field(ge=0, le=1)
    gap_share: float = Field(ge=0, le=1)
    lost_at: Stage | None
    trials: int = Field(ge=0)
    outcomes: int = Field(ge=0)


class CapabilityNeed(Report, frozen=True):
    """A kind of demand that was lost and that no present capability is likely to absorb.

    Attributes:
        kind: The kind.
        lost_share: The share of all demand that was lost with it, at this system.
        coverage: Probability that the present capability absorbs its next demand; 0 when there is none.
    """

    kind: str
    lost_share: float = Field(ge=0, le=1)
    coverage: float = Field(ge=0, le=1)


class SystemGap(Report, frozen=True):
    """What was lost at one of the five systems.

    Attributes:
        stage: The stage of the funnel that belongs to the system.
        share: The share of demand that was lost there; ``None`` before the first demand.
        bits: The part of the variety of demand that was lost there; ``None`` before the first demand.
        kinds: The kinds that were lost there, largest loss first; as many as the report has kinds in detail.
        kinds_lost: How many kinds were lost there.
        missing: Those of ``kinds`` that no present capability is likely to absorb.
        recommendation: What to do about it.
    """

    stage: Stage
    share: float | None
    bits: float | None
    kinds: tuple[str, ...]
    kinds_lost: int
    missing: tuple[CapabilityNeed, ...]
    recommendation: str

    @property
    def gap(self) -> float | None:
        """The share of demand that was lost there: what the gap is decided by."""
        return self.share


class CacheStats(Report, frozen=True):
    """How a bounded table did.

    Attributes:
        size: Entries it has.
        max_size: Entries it takes; what was noted by the host comes on top.
        hits: Look-ups that found their entry.
        misses: Look-ups that did not.
        hit_rate: ``hits / (hits + misses)``; ``None`` before the first look-up.
        evictions: Entries that made room.
        ttl: Seconds that an entry lives; ``None`` when entries age with use instead of time.
    """

    size: int
    max_size: int
    hits: int
    misses: int
    hit_rate: float | None
    evictions: int
    ttl: float | None = None


class VarietyAnalysis(Report, frozen=True):
    """Required and absorbed variety, the gap between them and its parts.

    *Observed* figures tell what became of the demand that was recorded. *Expected* figures tell what the capabilities
    of this moment would do with the same demand. *Window* figures come from the newest demands, all of equal weight.

    Attributes:
        total_gap_share: Observed: the share of demand that was not absorbed; the sum over ``gaps_by_system``.
        total_gap_bits: Observed: the part of the variety of demand that was not absorbed; the sum over them.
        absorbed_share: Observed: the share of demand that was absorbed.
        absorbed_bits: Observed: the part of the variety of demand that was absorbed.
        required_bits: The variety of demand (entropy of its kinds, as observed).
        required_bits_corrected: The same with the Miller-Madow correction for kinds seen too seldom.
        required_bits_estimated: Window: the same as estimated by Chao, Wang and Jost, with kinds not seen at all.
        ratio: Observed: ``absorbed_bits / required_bits``; ``None`` while demand has no variety.
        effective_kinds: How many equally frequent kinds would be as various: ``2 ** required_bits``.
        expected_gap_share: Expected: the share of demand that would not be absorbed.
        expected_gap_bits: Expected: the same as variety.
        expected_failing_kinds: Expected: how many equally frequent kinds would be as various as what is not absorbed.
        conservative_gap_share: Expected: ``expected_gap_share`` with demand of unseen kinds counted as not absorbed.
        unseen_share: Window: the share of demand that is of kinds not seen yet (Good-Turing).
        kinds_unseen: Window: how many kinds are not seen yet, at least (Chao1).
        kinds_required: Kinds in demand.
        kinds_available: Kinds in demand that a capability covers.
        kinds_gap: Kinds in demand that none covers.
        gaps_by_system: For each system, what was lost there and what to do.
        worst_kinds: The kinds with the largest gap, first the expected, then the observed one; none without a gap.
        trend: Window: the lost share of its newer half minus that of its older half; above 0 it gets worse. ``None``
            with fewer than 60 demands.
        trend_error: The standard error of ``trend``; within about twice that much it is indistinguishable from chance.
        forecast: The gap share that System 4 expects next; ``None`` until it has forecast one.
        drift_bits: By how much the shares of late explain demand better than those of before; see ``drifting``.
        drifting: Whether that is more than chance brings about.
        drift_began: How many demands ago the drift began, most likely; ``None`` without a drift.
        level: Whether the observed absorbed share is clear, on alert or critical.
        critical: True when ``level`` is critical.
        n: How many demands were recorded.
        n_effective: How many equally weighted demands tell as much.
        n_window: How many demands are in the window.
        basis: Where the figures come from, in words.
    """

    total_gap_share: float | None
    total_gap_bits: float | None
    absorbed_share: float | None
    absorbed_bits: float | None
    required_bits: float | None
    required_bits_corrected: float | None
    required_bits_estimated: float | None
    ratio: float | None
    effective_kinds: float | None
    expected_gap_share: float | None
    expected_gap_bits: float | None
    expected_failing_kinds: float | None
    conservative_gap_share: float | None
    unseen_share: float | None
    kinds_unseen: float | None
    kinds_required: int
    kinds_available: int
    kinds_gap: int
    gaps_by_system: Mapping[System, SystemGap]
    worst_kinds: tuple[KindGap, ...]
    trend: float | None
    trend_error: float | None
    forecast: float | None = None
    drift_bits: float | None
    drifting: bool | None
    drift_began: int | None
    level: AlarmLevel
    critical: bool
    n: int
    n_effective: float | None
    n_window: int
    basis: str

    @property
    def total_gap(self) -> float | None:
        """The share of demand that was not absorbed: the sum of ``gap`` over ``gaps_by_system``."""
        return self.total_gap_share

    def __str__(self) -> str:
        """Show the report as a few lines of text."""
        lines = [self.basis]
        if self.total_gap_share is not None and self.expected_gap_share is not None:
            lines.append(
                f"observed gap {self.total_gap_share:.1%}, expected with present capabilities "
                f"{self.expected_gap_share:.1%} ({self.level})"
            )
        lines += (
            f"  {system}: {gap.share:.1%}  {gap.recommendation}"
            for system, gap in self.gaps_by_system.items()
            if gap.share
        )
        return "\n".join(lines)
