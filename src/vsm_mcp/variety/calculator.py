"""The calculator of variety: records what is asked for and what becomes of it, and measures the gap."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from vsm_mcp.model.operation import Stage, kind_of
from vsm_mcp.variety.alarm import AlarmLevel, Thresholds
from vsm_mcp.variety.analysis import LOST_BY, CacheStats, System, VarietyAnalysis
from vsm_mcp.variety.coverage import ABSORBED, DEFAULT_DISCOUNT, FAILED, PLACE, Belief, place_of, refuse_discount
from vsm_mcp.variety.engineering import VarietyEngineering
from vsm_mcp.variety.findings import analyze
from vsm_mcp.variety.gap import Headline, OpenKind, VarietyGap
from vsm_mcp.variety.meter import (
    DEFAULT_AVAILABLE_ABOVE,
    DEFAULT_HALF_LIFE,
    DEFAULT_MOST_KINDS,
    VarietyMeter,
)
from vsm_mcp.variety.statistics.window import DemandWindow, Drift

DEFAULT_WORST = 10
MOST_MERGED = 10_000


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
        engineering: Steps by which kinds are told apart differently from how they are worded; they apply to what is
            recorded from then on, and can be added and undone while it goes on.

    Attributes:
        engineering: The same; ``None`` when kinds are told apart by their wording alone.

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
        engineering: VarietyEngineering | None = None,
    ) -> None:
        """Start without any observation."""
        refuse_discount(discount)
        self._discount = discount
        self._thresholds = thresholds or Thresholds()
        self._meter = VarietyMeter(half_life=half_life, most_kinds=most_kinds, available_above=available_above)
        self.engineering: VarietyEngineering | None = engineering
        self._window = DemandWindow()
        self._merged = 0
        self._misses = 0
        self._level = AlarmLevel.UNKNOWN
        self._low, self._high = self._thresholds.band(self._level)

    def __repr__(self) -> str:
        """Show what was observed."""
        return f"VarietyCalculator(n={self._meter.observations}, kinds={self._meter.kinds}, level={self._level})"

    @classmethod
    def merge(
        cls,
        children: Sequence[Self],
        *,
        half_life: float = DEFAULT_HALF_LIFE,
        most_kinds: int = MOST_MERGED,
        thresholds: Thresholds | None = None,
    ) -> Self:
        """Return a calculator that knows what its children know, as the whole that they are parts of.

        Each child's demand weighs as it does in the child, whose next demand weighs 1; without forgetting these are
        plain counts. For children without common kinds the variety of the whole is ``H(D) = H(child) + sum over
        children of share * H(D | child)``, exactly. The children stay as they are, and what they observe later is not
        in it: merge again.

        The window holds each child's newest demands in proportion to its share; as their order across children is
        not known, there is no trend and no drift before the whole observes demand itself.

        Raises:
            ConfigurationError: An option makes no sense.
        """
        whole = cls(half_life=half_life, most_kinds=most_kinds, thresholds=thresholds)
        whole._add(children)
        total = sum(sum(child.weights().values()) for child in children)
        for child in children:
            whole._sample(child, total)
        if (head := whole.headline()) is not None:
            whole._alarm(head.observed_absorbed_share)
        return whole

    @property
    def level(self) -> AlarmLevel:
        """Whether the observed absorbed share is clear, on alert or critical."""
        return self._level

    @property
    def window(self) -> Sequence[str]:
        """The kinds of the newest 4096 demands, oldest first; also of those that are counted together otherwise."""
        return tuple(self._window.kinds)

    def observe(self, kind: str, stage: Stage) -> None:
        """Record one demand of ``kind`` that ended at ``stage``.

        What was absorbed or failed also teaches how good the capability for the kind is; a demand that was absorbed
        shows that there is one, noted or not. The other stages say nothing about it: it did not run.

        Raises:
            PayloadError: ``kind`` is empty or too long, or ``stage`` is none.
        """
        place = PLACE.get(stage)
        if place is None:
            place = place_of(stage)  # which refuses it
        if self.engineering is not None:
            kind = self._counted_as(kind)
        meter = self._meter
        cell = meter.cells.get(kind)
        if cell is None or not cell.weight:
            kind = kind_of(kind)
            self._misses += 1
            cell = meter.enter(kind)
        coverage = cell.coverage
        if place >= FAILED:
            belief = cell.belief
            if belief is None and place == ABSORBED and cell is not meter.other:
                belief = cell.belief = Belief()
            if belief is not None:
                learn = belief.succeeded if place == ABSORBED else belief.failed
                coverage = learn(self._discount)
        share = meter.count(cell, place, coverage)
        self._window.kinds.append(kind)
        self._window.stages.append(stage)
        if not self._low <= share < self._high:
            self._alarm(share)

    def observe_many(self, demands: Iterable[tuple[str, Stage]]) -> None:
        """Record demands in order, just as if each was recorded by itself.

        Raises:
            PayloadError: A kind is empty or too long; the demands before it are recorded.
        """
        observe = self.observe
        for kind, stage in demands:
            observe(kind, stage)

    def note_capability(self, kind: str, successes: int, trials: int) -> None:
        """Take note that there is a capability for ``kind``, which passed ``successes`` of its verification trials.

        Noting again adds to the evidence; to replace a capability by another one, forget the old one first.

        Raises:
            PayloadError: There cannot be that many successes, ``kind`` is empty or too long, or there are too
                many kinds.
        """
        kind = self._counted_as(kind)
        cell = self._meter.cells.get(kind)
        belief = (None if cell is None else cell.belief) or Belief()
        self._meter.set_coverage(kind, belief.note(successes, trials)).belief = belief

    def forget_capability(self, kind: str) -> None:
        """Take note that there is no capability for ``kind`` any more; fine if there was none."""
        self._meter.set_coverage(self._counted_as(kind), 0.0).belief = None

    def coverage_of(self, kind: str) -> float:
        """Return the probability that the present capability absorbs the next demand of ``kind``; 0 without one."""
        cell = self._meter.cells.get(self._counted_as(kind))
        return 0.0 if cell is None else cell.coverage

    def headline(self) -> Headline | None:
        """Return the five figures that matter most, in constant time; ``None`` before the first demand."""
        return self._meter.headline()

    def gap(self) -> VarietyGap:
        """Return the gap that the present capabilities leave in the demand recorded so far, in constant time."""
        meter, head = self._meter, self._meter.headline()
        return VarietyGap(
            share=None if head is None else head.gap_share,
            bits=None if head is None else head.gap_bits,
            required_bits=None if head is None else head.required_bits,
            absorbed_bits=None if head is None else head.absorbed_bits,
            kinds_required=meter.kinds,
            kinds_available=meter.available_kinds,
            kinds_gap=meter.kinds - meter.available_kinds,
            observed_absorbed_share=None if head is None else head.observed_absorbed_share,
            n=meter.observations,
            n_effective=meter.effective_observations,
        )

    @property
    def corrected_bits(self) -> float | None:
        """The variety of demand with the Miller-Madow correction for kinds seen too seldom, in constant time."""
        return self._meter.corrected_bits

    @property
    def failing_kinds(self) -> float | None:
        """How many equally frequent kinds are as various as what is not covered; takes a walk over all kinds."""
        return self._meter.failing_kinds

    def lost_by_system(self) -> Mapping[System, float]:
        """Return the share of demand that each system lost, in constant time; empty before the first demand."""
        shares = self._meter.stage_shares()
        return {system: shares[stage] for stage, system in LOST_BY.items()} if shares else {}

    def top_gaps(self, most: int = DEFAULT_WORST) -> tuple[OpenKind, ...]:
        """Return the ``most`` kinds that the largest share of demand would be lost with, largest first."""
        return self._meter.top_gaps(most)

    def absorbed_share_of_last(self, demands: int) -> float | None:
        """Return the share of the newest ``demands`` that was absorbed, each counting alike; at most the newest 4096.

        ``None`` when there were none. Takes time proportional to their number.
        """
        return self._window.absorbed_share(demands)

    def shares(self) -> Mapping[str, float]:
        """Return the share of each kind in demand."""
        return self._meter.shares()

    def weights(self) -> Mapping[str, float]:
        """Return the weight of each kind in demand, where the next demand weighs 1; without forgetting, its count."""
        return self._meter.weights()

    def drift(self) -> Drift | None:
        """Return whether demand is still as it was; ``None`` before the first demand.

        It looks at the demands since it was asked last, at most the newest 4096; ask at least that often.
        """
        return self._window.drift(self._meter.observations)

    def analyze(self, *, worst: int = DEFAULT_WORST) -> VarietyAnalysis:
        """Report on variety, with at most ``worst`` kinds in detail. Takes time proportional to the number of kinds."""
        return analyze(self._meter, self._window, level=self._level, worst=worst)

    def cache_stats(self) -> CacheStats:
        """Return how the table of kinds does as the cache that it is: known wordings need not be normalised."""
        meter = self._meter
        seen = meter.observations - self._merged
        return CacheStats(
            size=len(meter.cells),
            max_size=meter.most_kinds,
            hits=seen - self._misses,
            misses=self._misses,
            hit_rate=(seen - self._misses) / seen if seen else None,
            evictions=meter.evictions,
        )

    def _counted_as(self, kind: str) -> str:
        kind = kind_of(kind)
        return kind if self.engineering is None else self.engineering.apply(kind)

    def _add(self, children: Sequence[Self]) -> None:
        self._meter.add(*(child._meter for child in children))  # noqa: SLF001 - of its own class
        self._merged = self._meter.observations
        self._window = DemandWindow(observed=self._merged)

    def _sample(self, child: Self, total: float) -> None:
        """Take the newest demands of a child into the window, for its share of ``total`` demand."""
        if total:
            self._window.extend(child._window, share=sum(child.weights().values()) / total)

    def _alarm(self, absorbed_share: float) -> None:
        self._level = self._thresholds.next_level(self._level, absorbed_share)
        self._low, self._high = self._thresholds.band(self._level)
