"""How the report on variety is found: the kinds lost at each system, what to do about them, and the basis."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.alarm import AlarmLevel
from vsm_mcp.variety.analysis import LOST_BY, CapabilityNeed, KindGap, SystemGap, VarietyAnalysis
from vsm_mcp.variety.coverage import ABSORBED, PLACE, Cell
from vsm_mcp.variety.meter import OTHER, VarietyMeter
from vsm_mcp.variety.statistics.entropy import chao_wang_jost
from vsm_mcp.variety.statistics.unseen import chao1, conservative_gap, good_turing
from vsm_mcp.variety.statistics.window import DemandWindow

_ADVICE = {
    Stage.FAILED: "Repair or replace what does {kinds}: it ran and failed.",
    Stage.CONTENDED: "Keep work on {kinds} apart, or route it to another server: it collided with other work.",
    Stage.STARVED: "Give {kinds} more capacity or budget, or wait until its servers are well again.",
    Stage.UNKNOWN: "Acquire a capability for {kinds}: nothing can do it.",
    Stage.REFUSED: "Review the policy on {kinds}, or stop asking for it: the policy refused it.",
}
_NAMED_AT_MOST = 3


def analyze(meter: VarietyMeter, window: DemandWindow, *, level: AlarmLevel, worst: int) -> VarietyAnalysis:
    """Report on variety.

    Args:
        meter: What was observed.
        window: The newest demands.
        level: How the absorbed share stands.
        worst: How many kinds are shown in detail, over all and per system.
    """
    head, shares, bits = meter.headline(), meter.stage_shares(), meter.stage_bits()
    drift, trend = window.drift(meter.observations), window.trend()
    absorbed, required = bits.get(Stage.ABSORBED), None if head is None else head.required_bits
    counts = window.counts()
    unseen, kinds = good_turing(counts), chao1(counts)
    return VarietyAnalysis(
        total_gap_share=_lost(shares),
        total_gap_bits=_lost(bits),
        absorbed_share=shares.get(Stage.ABSORBED),
        absorbed_bits=absorbed,
        required_bits=required,
        required_bits_corrected=meter.corrected_bits,
        required_bits_estimated=chao_wang_jost(counts) if counts else None,
        ratio=None if absorbed is None or not required else min(absorbed / required, 1.0),
        effective_kinds=None if required is None else 2.0**required,
        expected_gap_share=None if head is None else head.gap_share,
        expected_gap_bits=None if head is None else head.gap_bits,
        expected_failing_kinds=meter.failing_kinds,
        conservative_gap_share=(
            None if head is None or unseen is None else conservative_gap(head.gap_share, unseen_share=unseen)
        ),
        unseen_share=unseen,
        kinds_unseen=None if kinds is None else kinds - len(counts),
        kinds_required=meter.kinds,
        kinds_available=meter.available_kinds,
        kinds_gap=meter.kinds - meter.available_kinds,
        gaps_by_system={
            system: _system_gap(meter, stage, share=shares.get(stage), bits=bits.get(stage), most=worst)
            for stage, system in LOST_BY.items()
        },
        worst_kinds=_worst(meter, worst),
        trend=None if trend is None else trend.change,
        trend_error=None if trend is None else trend.error,
        drift_bits=None if drift is None else drift.bits,
        drifting=None if drift is None else drift.drifting,
        drift_began=None if drift is None else drift.began,
        level=level,
        critical=level is AlarmLevel.CRITICAL,
        n=meter.observations,
        n_effective=meter.effective_observations,
        n_window=len(window),
        basis=_basis(meter, window),
    )


def _lost(per_stage: Mapping[Stage, float]) -> float | None:
    """Return the sum over the stages that lose demand, in the order of the report."""
    return sum(per_stage[stage] for stage in LOST_BY) if per_stage else None


def _system_gap(meter: VarietyMeter, stage: Stage, *, share: float | None, bits: float | None, most: int) -> SystemGap:
    """Say what was lost at one stage, and recommend what to do."""
    place = PLACE[stage]
    lost = [(-cell.stages[place], kind, cell) for kind, cell in meter.in_demand() if cell.stages[place]]
    needed = [entry for entry in lost if entry[2].coverage <= meter.available_above]
    advised = needed if stage is Stage.UNKNOWN else lost
    return SystemGap(
        stage=stage,
        share=share,
        bits=bits,
        kinds=tuple(kind for _, kind, _ in nsmallest(most, lost)),
        kinds_lost=len(lost),
        missing=tuple(
            CapabilityNeed(kind=kind, lost_share=min(-loss / meter.total, 1.0), coverage=cell.coverage)
            for loss, kind, cell in nsmallest(most, needed)
        ),
        recommendation=_recommend(stage, share, lost=_named(lost, meter.total), advised=_named(advised, meter.total)),
    )


def _recommend(stage: Stage, share: float | None, *, lost: str, advised: str) -> str:
    if share is None:
        return "Nothing was observed yet."
    if not lost:
        return "Nothing was lost here."
    if not advised:
        return f"Capabilities for {lost} were added since; further demand will show what they do."
    return _ADVICE[stage].format(kinds=advised)


def _named(losses: Sequence[tuple[float, str, Cell]], total: float) -> str:
    named = ", ".join(
        f"{kind!r} ({cell.weight / total:.1%} of demand)" for _, kind, cell in nsmallest(_NAMED_AT_MOST, losses)
    )
    more = len(losses) - _NAMED_AT_MOST
    return named + (f" and {more} more kinds" if more > 0 else "")


def _worst(meter: VarietyMeter, most: int) -> tuple[KindGap, ...]:
    """Return the kinds with the largest gap, first the expected, then the observed one; none without any."""
    open_kinds = (
        (cell.weight * (cell.coverage - 1.0), -cell.weight, kind, cell)
        for kind, cell in meter.in_demand()
        if cell.coverage < 1.0 or cell.weight > cell.stages[ABSORBED]
    )
    return tuple(_fare(kind, cell, meter.total) for _, _, kind, cell in nsmallest(most, open_kinds))


def _fare(kind: str, cell: Cell, total: float) -> KindGap:
    lost = {stage: cell.stages[PLACE[stage]] for stage in LOST_BY}
    belief = cell.belief
    return KindGap(
        kind=kind,
        demand_share=min(cell.weight / total, 1.0),
        observed_absorbed_share=min(cell.stages[ABSORBED] / cell.weight, 1.0),
        coverage=cell.coverage,
        gap_share=min(cell.weight / total * (1.0 - cell.coverage), 1.0),
        lost_at=max(lost, key=lost.__getitem__) if any(lost.values()) else None,
        trials=belief.trials if belief else 0,
        outcomes=belief.outcomes if belief else 0,
    )


def _basis(meter: VarietyMeter, window: DemandWindow) -> str:
    if meter.effective_observations is None:
        return "No demand was observed yet."
    beliefs = [cell.belief for _, cell in meter.in_demand() if cell.belief is not None]
    together = ", some counted together" if OTHER in meter else ""
    return (
        f"{meter.observations} demands of {meter.kinds} kinds{together} "
        f"(worth {meter.effective_observations:.1f} equally weighted ones; "
        f"one weighs half after {meter.half_life:g} more; window: the newest {len(window)}); "
        f"a kind is the wording of the need; coverage from {sum(belief.trials for belief in beliefs)} verification "
        f"trials and {sum(belief.outcomes for belief in beliefs)} outcomes."
    )
