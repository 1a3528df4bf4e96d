"""The calculator of variety: records what is asked for and what becomes of it, and measures the gap."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from vsm_mcp.model.operation import Stage, kind_of
from vsm_mcp.variety.alarm import AlarmLevel, Thresholds
from vsm_mcp.variety.analysis import KindGap, VarietyAnalysis, system_gaps
from vsm_mcp.variety.coverage import DEFAULT_DISCOUNT, Coverage
from vsm_mcp.variety.funnel import Funnel
from vsm_mcp.variety.gap import VarietyGap
from vsm_mcp.variety.meter import (
    DEFAULT_AVAILABLE_ABOVE,
    DEFAULT_HALF_LIFE,
    DEFAULT_MOST_KINDS,
    OTHER,
    VarietyMeter,
)

DEFAULT_WORST = 10

_RAN = frozenset({Stage.ABSORBED, Stage.FAILED})


class VarietyCalculator:
    """Measures required variety, absorbed variety and the gap, in constant time per event.

    Args:
        half_life: Demands after which an observation weighs half; ``inf`` forgets nothing.
        most_kinds: Kinds that are told apart; further ones are counted together until older ones fade.
        discount: What older evidence on a capability is multiplied by at each outcome.
        available_above: A kind counts as available when its coverage is greater than this. The default, 0.5, means that
            its next demand is more likely absorbed than not: one verification trial that passed is enough (2/3), a
            capability that was never tried is not (1/2).
        thresholds: Limits of the observed absorbed share.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        half_life: float = DEFAULT_HALF_LIFE,
        most_kinds: int = DEFAULT_MOST_KINDS,
        discount: float = DEFAULT_DISCOUNT,
        available_above: float = DEFAULT_AVAILABLE_ABOVE,
        thresholds: Thresholds | None = None,
    ) -> None:
        """Start without any observation."""
        self._half_life = half_life
        self._available_above = available_above
        self._thresholds = thresholds or Thresholds()
        self._meter = VarietyMeter(half_life=half_life, most_kinds=most_kinds, available_above=available_above)
        self._coverage = Coverage(discount=discount, most_kinds=most_kinds)
        # The meter keeps a place for each covered kind beyond its bound, so the funnel, fed by it, needs more room.
        self._funnel = Funnel(half_life=half_life, most_kinds=4 * most_kinds + 1)
        self._level = AlarmLevel.UNKNOWN

    def __repr__(self) -> str:
        """Show what was observed."""
        return f"VarietyCalculator(n={self._meter.observations}, kinds={self._meter.kinds}, level={self._level})"

    @property
    def level(self) -> AlarmLevel:
        """Whether the observed absorbed share is clear, on alert or critical."""
        return self._level

    def observe(self, kind: str, stage: Stage) -> None:
        """Record one demand of ``kind`` that ended at ``stage``.

        What was absorbed or failed also teaches how good the capability for the kind is; a demand that was absorbed
        shows that there is one, noted or not. The other stages say nothing about it: it did not run.

        Raises:
            PayloadError: ``kind`` is empty or too long.
        """
        counted = self._meter.observe(kind if kind in self._meter else kind_of(kind))
        absorbed_share = self._funnel.record(counted, stage)
        self._level = self._thresholds.next_level(self._level, absorbed_share)
        if stage in _RAN and counted != OTHER:
            belief = self._coverage.learn(counted, success=stage is Stage.ABSORBED)
            self._meter.set_coverage(counted, belief.mean if belief else 0.0)

    def note_capability(self, kind: str, successes: int, trials: int) -> None:
        """Take note that there is a capability for ``kind``, which passed ``successes`` of its verification trials.

        Noting again adds to the evidence; to replace a capability by another one, forget the old one first.

        Raises:
            PayloadError: There cannot be that many successes, or ``kind`` is empty or too long.
        """
        kind = kind_of(kind)
        self._meter.set_coverage(kind, self._coverage.note(kind, successes=successes, trials=trials).mean)

    def forget_capability(self, kind: str) -> None:
        """Take note that there is no capability for ``kind`` any more; fine if there was none."""
        kind = kind_of(kind)
        self._coverage.forget(kind)
        self._meter.set_coverage(kind, 0.0)

    def coverage_of(self, kind: str) -> float:
        """Return the probability that the present capability absorbs the next demand of ``kind``; 0 without one."""
        belief = self._coverage.of(kind_of(kind))
        return belief.mean if belief else 0.0

    def gap(self) -> VarietyGap:
        """Return the gap that the present capabilities leave in the demand recorded so far."""
        meter = self._meter
        covered, required, absorbed = meter.covered_share, meter.required_bits, meter.covered_bits
        return VarietyGap(
            share=None if covered is None else 1.0 - covered,
            bits=None if required is None or absorbed is None else required - absorbed,
            required_bits=required,
            absorbed_bits=absorbed,
            kinds_required=meter.kinds,
            kinds_available=meter.available_kinds,
            kinds_gap=meter.kinds - meter.available_kinds,
            observed_absorbed_share=self._funnel.absorbed_share,
            n=meter.observations,
            n_effective=meter.effective_observations,
        )

    def analyze(self, *, worst: int = DEFAULT_WORST) -> VarietyAnalysis:
        """Report on variety, with at most ``worst`` kinds in detail. Takes time proportional to the number of kinds."""
        gap, shares, bits = self.gap(), self._funnel.shares(), self._funnel.bits()
        kinds = [self._fare(kind, share) for kind, share in self._meter.shares().items()]
        absorbed = bits.get(Stage.ABSORBED)
        return VarietyAnalysis(
            total_gap_share=_lost(shares),
            total_gap_bits=_lost(bits),
            absorbed_share=gap.observed_absorbed_share,
            absorbed_bits=absorbed,
            required_bits=gap.required_bits,
            required_bits_corrected=self._meter.corrected_bits,
            effective_kinds=None if gap.required_bits is None else 2.0**gap.required_bits,
            expected_gap_share=gap.share,
            expected_gap_bits=gap.bits,
            expected_failing_kinds=self._meter.failing_kinds,
            kinds_required=gap.kinds_required,
            kinds_available=gap.kinds_available,
            kinds_gap=gap.kinds_gap,
            gaps_by_system=system_gaps(shares, bits, self._lost_at(kinds), available_above=self._available_above),
            worst_kinds=_worst(kinds)[:worst],
            level=self._level,
            critical=self._level is AlarmLevel.CRITICAL,
            n=gap.n,
            n_effective=gap.n_effective,
            basis=self._basis(gap, kinds),
        )

    def _fare(self, kind: str, share: float) -> KindGap:
        stages = self._funnel.stages_of(kind)
        belief = self._coverage.of(kind)
        coverage = belief.mean if belief else 0.0
        total = sum(stages.values())
        lost = {stage: weight for stage, weight in stages.items() if weight and stage is not Stage.ABSORBED}
        return KindGap(
            kind=kind,
            demand_share=min(share, 1.0),
            observed_absorbed_share=min(stages[Stage.ABSORBED] / total, 1.0) if total else 0.0,
            coverage=coverage,
            gap_share=min(share * (1.0 - coverage), 1.0),
            lost_at=max(lost, key=lost.__getitem__) if lost else None,
            trials=belief.trials if belief else 0,
            outcomes=belief.outcomes if belief else 0,
        )

    def _lost_at(self, kinds: Sequence[KindGap]) -> Mapping[Stage, Sequence[KindGap]]:
        """Return which kinds were lost at each stage, largest loss first."""
        losses: defaultdict[Stage, list[tuple[float, KindGap]]] = defaultdict(list)
        for fares in kinds:
            for stage, share in self._funnel.stages_of(fares.kind).items():
                if share:
                    losses[stage].append((share, fares))
        return {
            stage: [fares for _, fares in sorted(lost, key=lambda pair: (-pair[0], pair[1].kind))]
            for stage, lost in losses.items()
        }

    def _basis(self, gap: VarietyGap, kinds: Sequence[KindGap]) -> str:
        if not gap.n or gap.n_effective is None:
            return "No demand was observed yet."
        together = ", some counted together" if OTHER in self._meter else ""
        trials, outcomes = sum(fares.trials for fares in kinds), sum(fares.outcomes for fares in kinds)
        return (
            f"{gap.n} demands of {gap.kinds_required} kinds{together} "
            f"(worth {gap.n_effective:.1f} equally weighted ones; "
            f"one weighs half after {self._half_life:g} more); a kind is the wording of the need; "
            f"coverage from {trials} verification trials and {outcomes} outcomes."
        )


def _lost(per_stage: Mapping[Stage, float]) -> float | None:
    if not per_stage:
        return None
    return sum(part for stage, part in per_stage.items() if stage is not Stage.ABSORBED)


def _worst(kinds: Sequence[KindGap]) -> tuple[KindGap, ...]:
    open_kinds = [fares for fares in kinds if fares.gap_share or fares.lost_at is not None]
    return tuple(sorted(open_kinds, key=lambda fares: (-fares.gap_share, -fares.demand_share, fares.kind)))
