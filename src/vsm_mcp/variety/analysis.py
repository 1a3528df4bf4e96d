"""The report on variety: where demand is lost, what to do about it, and from how many observations that is known."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.alarm import AlarmLevel

System = Literal["system1", "system2", "system3", "system4", "system5"]

_LOST_BY: Mapping[Stage, System] = {
    Stage.FAILED: "system1",
    Stage.CONTENDED: "system2",
    Stage.STARVED: "system3",
    Stage.UNKNOWN: "system4",
    Stage.REFUSED: "system5",
}
_ADVICE = {
    Stage.FAILED: "Repair or replace what does {kinds}: it ran and failed.",
    Stage.CONTENDED: "Keep work on {kinds} apart, or route it to another server: it collided with other work.",
    Stage.STARVED: "Give {kinds} more capacity or budget, or wait until its servers are well again.",
    Stage.UNKNOWN: "Acquire a capability for {kinds}: nothing can do it.",
    Stage.REFUSED: "Review the policy on {kinds}, or stop asking for it: the policy refused it.",
}
_NAMED_AT_MOST = 3


class Report(BaseModel, frozen=True, extra="forbid"):
    """A part of the report: frozen, closed, and stable as JSON."""


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


class SystemGap(Report, frozen=True):
    """What was lost at one of the five systems.

    Attributes:
        stage: The stage of the funnel that belongs to the system.
        share: The share of demand that was lost there; ``None`` before the first demand.
        bits: The part of the variety of demand that was lost there; ``None`` before the first demand.
        kinds: The kinds that were lost there, largest loss first, among the kinds in the report.
        recommendation: What to do about it.
    """

    stage: Stage
    share: float | None
    bits: float | None
    kinds: tuple[str, ...]
    recommendation: str


class VarietyAnalysis(Report, frozen=True):
    """Required and absorbed variety, the gap between them and its parts.

    *Observed* figures tell what became of the demand that was recorded. *Expected* figures tell what the capabilities
    of this moment would do with the same demand.

    Attributes:
        total_gap_share: Observed: the share of demand that was not absorbed; the sum over ``gaps_by_system``.
        total_gap_bits: Observed: the part of the variety of demand that was not absorbed; the sum over them.
        absorbed_share: Observed: the share of demand that was absorbed.
        absorbed_bits: Observed: the part of the variety of demand that was absorbed.
        required_bits: The variety of demand (entropy of its kinds, as observed).
        required_bits_corrected: The same with the Miller-Madow correction for kinds seen too seldom.
        effective_kinds: How many equally frequent kinds would be as various: ``2 ** required_bits``.
        expected_gap_share: Expected: the share of demand that would not be absorbed.
        expected_gap_bits: Expected: the same as variety.
        expected_failing_kinds: Expected: how many equally frequent kinds would be as various as what is not absorbed.
        kinds_required: Kinds in demand.
        kinds_available: Kinds in demand that a capability covers.
        kinds_gap: Kinds in demand that none covers.
        gaps_by_system: For each system, what was lost there and what to do.
        worst_kinds: The kinds with the largest gap, first the expected, then the observed one; none without a gap.
        level: Whether the observed absorbed share is clear, on alert or critical.
        critical: True when ``level`` is critical.
        n: How many demands were recorded.
        n_effective: How many equally weighted demands tell as much.
        basis: Where the figures come from, in words.
    """

    total_gap_share: float | None
    total_gap_bits: float | None
    absorbed_share: float | None
    absorbed_bits: float | None
    required_bits: float | None
    required_bits_corrected: float | None
    effective_kinds: float | None
    expected_gap_share: float | None
    expected_gap_bits: float | None
    expected_failing_kinds: float | None
    kinds_required: int
    kinds_available: int
    kinds_gap: int
    gaps_by_system: Mapping[System, SystemGap]
    worst_kinds: tuple[KindGap, ...]
    level: AlarmLevel
    critical: bool
    n: int
    n_effective: float | None
    basis: str

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


def system_gaps(
    shares: Mapping[Stage, float],
    bits: Mapping[Stage, float],
    kinds: Mapping[Stage, Sequence[KindGap]],
    *,
    available_above: float,
) -> dict[System, SystemGap]:
    """Say for each system what was lost there, and recommend what to do.

    Args:
        shares: Share of demand per stage.
        bits: Variety of demand per stage.
        kinds: The kinds that were lost at each stage, largest loss first.
        available_above: A kind whose coverage is greater than this has a capability by now.
    """
    return {
        system: SystemGap(
            stage=stage,
            share=shares.get(stage),
            bits=bits.get(stage),
            kinds=tuple(lost.kind for lost in kinds.get(stage, ())),
            recommendation=_recommend(
                stage, shares.get(stage), kinds=kinds.get(stage, ()), available_above=available_above
            ),
        )
        for stage, system in _LOST_BY.items()
    }


def _recommend(stage: Stage, share: float | None, *, kinds: Sequence[KindGap], available_above: float) -> str:
    if share is None:
        return "Nothing was observed yet."
    if not share:
        return "Nothing was lost here."
    still_open = [lost for lost in kinds if lost.coverage <= available_above]
    if stage is Stage.UNKNOWN and kinds and not still_open:
        return f"Capabilities for {_named(kinds)} were added since; further demand will show what they do."
    return _ADVICE[stage].format(kinds=_named(still_open if stage is Stage.UNKNOWN else kinds))


def _named(kinds: Sequence[KindGap]) -> str:
    named = ", ".join(f"{lost.kind!r} ({lost.demand_share:.1%} of demand)" for lost in kinds[:_NAMED_AT_MOST])
    more = len(kinds) - _NAMED_AT_MOST
    return named + (f" and {more} more kinds" if more > 0 else "")
