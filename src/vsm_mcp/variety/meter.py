"""The streaming meter: how various demand is, where it ends and how much of it is covered, in constant time per event.

Event ``n`` weighs ``2 ** (n / half_life)`` (forward decay: Cormode et al. 2009), so nothing old is ever touched: shares
and entropies do not change when all weights are multiplied by one number. Each kind ``i`` has one cell with its weight
``w`` and coverage ``a``; the meter keeps running sums of ``w``, ``w log2 w``, ``w a`` and ``a w log2 w``, and of the
weight per stage; every figure follows from these. ``required = covered + gap`` holds by construction, in bits as in
share, and so do the partitions: the shares of the stages sum to 1 and their bits to the variety of demand.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import e, exp, expm1, fsum, inf, log, log2
from sys import float_info
from typing import Self

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.coverage import ABSORBED, STAGES, Cell, place_of, refuse_threshold
from vsm_mcp.variety.gap import SMALLEST_SHARE, Headline, OpenKind, failing_kinds, open_kinds

OTHER = "Other"
"""Where demand is counted when there are too many kinds. Kinds are case-folded, so none of them is called this."""

DEFAULT_HALF_LIFE = 1000.0
DEFAULT_MOST_KINDS = 1000
DEFAULT_AVAILABLE_ABOVE = 0.5
LARGEST_WEIGHT = 1e120

MOST_HELD = 100_000
"""Kinds without demand that a coverage is kept for."""


def growth_of(half_life: float) -> float:
    """Return the factor by which each event outweighs the one before it.

    Raises:
        ConfigurationError: ``half_life`` is less than one event.
    """
    if not (1 <= half_life <= float_info.max or half_life == inf):
        raise ConfigurationError(
            f"A half-life of {half_life} events cannot be used.",
            remedies=("Give at least 1 event, or infinity to forget nothing.",),
        )
    return 2.0 ** (1.0 / half_life)


class VarietyMeter:
    """Measures the variety of a stream of demand, the stages where it ended, and the part of it that is covered.

    Args:
        half_life: Events after which an observation weighs half; ``inf`` forgets nothing.
        most_kinds: Kinds that are told apart. Further ones are counted together as ``OTHER``, which is never covered,
            until older kinds have faded. A kind whose coverage was set always has its own place.
        available_above: A kind counts as available when its coverage is greater than this.

    Attributes:
        cells: What is known of each kind, in demand or not; change it through the meter.
        other: The same of ``OTHER``.
        total: Weight of all demand.
        evictions: How many kinds have faded and lost their place.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = (
        "_available", "_covered", "_covered_logs", "_growth", "_kinds", "_logs", "_most_bits", "_observations",
        "_pruned_at", "_squares", "_stages", "_summed", "_weight", "available_above", "cells", "evictions", "half_life",
        "most_kinds", "other", "total",
    )  # fmt: skip

    def __init__(
        self,
        *,
        half_life: float = DEFAULT_HALF_LIFE,
        most_kinds: int = DEFAULT_MOST_KINDS,
        available_above: float = DEFAULT_AVAILABLE_ABOVE,
    ) -> None:
        """Start without any observation."""
        if most_kinds < 1:
            raise ConfigurationError(f"{most_kinds} kinds are too few.", remedies=("Allow at least one kind.",))
        refuse_threshold(available_above)
        self._growth = growth_of(half_life)
        self.half_life: float = half_life
        self.most_kinds: int = most_kinds
        self.available_above: float = available_above
        self.cells: dict[str, Cell] = {}
        self.other: Cell = Cell()
        self._weight = self._pruned_at = 1.0
        self.evictions: int = 0
        self._observations = self._summed = 0
        self._squares = 0.0  # of the weights of all but the newest events
        self._sum_up()

    def __repr__(self) -> str:
        """Show what was observed."""
        return f"VarietyMeter(n={self._observations}, kinds={self._kinds})"

    def __contains__(self, kind: str) -> bool:
        """Return whether there is demand of this kind, told apart from others."""
        cell = self.other if kind == OTHER else self.cells.get(kind)
        return cell is not None and cell.weight > 0.0

    def __iter__(self) -> Iterator[str]:
        """Go through the kinds in demand that are told apart."""
        return (kind for kind, _ in self.in_demand())

    def observe(self, kind: str, stage: Stage = Stage.UNKNOWN) -> str:
        """Count one demand that ended at ``stage``; return the kind it was counted as (``kind`` or ``OTHER``).

        Raises:
            PayloadError: ``stage`` is none.
        """
        place = place_of(stage)
        cell = self.enter(kind)
        self.count(cell, place, cell.coverage)
        return OTHER if cell is self.other else kind

    def enter(self, kind: str) -> Cell:
        """Return the cell that the next demand of ``kind`` is to be counted in, at once: it is in demand from now."""
        cell = self.cells.get(kind)
        if cell is None:
            cell = self._admit(kind)
        if not cell.weight:
            self._kinds += 1
            self._most_bits = log2(self._kinds)
            self._available += cell.coverage > self.available_above
        return cell

    def count(self, cell: Cell, place: int, coverage: float) -> float:
        """Count one demand in ``cell``, whose coverage is ``coverage`` from now on.

        Args:
            cell: What ``enter`` returned for the kind, or a cell that is in demand.
            place: Place of the stage where the demand ended.
            coverage: Probability that the next demand of the kind is absorbed.

        Returns:
            The share of all demand that was absorbed up to now.
        """
        weight, had, had_log = self._weight, cell.weight, cell.log
        cell.weight = has = had + weight
        cell.log = has_log = has * log2(has)
        cell.stages[place] += weight
        stages = self._stages
        stages[place] += weight
        self.total = total = self.total + weight
        self._logs += (grown := has_log - had_log)
        if change := coverage - cell.coverage:
            above = self.available_above
            self._available += (coverage > above) - (cell.coverage > above)
            cell.coverage = coverage
            self._covered += had * change
            self._covered_logs += had_log * change
        if coverage:
            self._covered += weight * coverage
            self._covered_logs += grown * coverage
        self._observations += 1
        self._weight = weight = weight * self._growth
        share = stages[ABSORBED] / total
        if weight > LARGEST_WEIGHT:
            self._rescale()
        return share

    def set_coverage(self, kind: str, coverage: float) -> Cell:
        """Set the probability that a demand of ``kind`` is absorbed; 0 when there is no capability for it.

        Returns:
            The cell of the kind.

        Raises:
            PayloadError: ``coverage`` is not between 0 and 1, or there are too many kinds.
        """
        if not 0.0 <= coverage <= 1.0:
            raise PayloadError(
                f"A coverage of {coverage} is not a probability.", remedies=("Give a number from 0 to 1.",)
            )
        cell = self.cells.get(kind) or (self._hold(kind) if coverage else Cell())
        cell.held = coverage > 0.0
        if not cell.weight:
            cell.coverage = coverage
            if not coverage:
                self.cells.pop(kind, None)
            return cell
        change = coverage - cell.coverage
        self._covered += cell.weight * change
        self._covered_logs += cell.log * change
        self._available += (coverage > self.available_above) - (cell.coverage > self.available_above)
        cell.coverage = coverage
        return cell

    def headline(self) -> Headline | None:
        """Return the five headline figures, in constant time; ``None`` before the first demand."""
        total = self.total
        if not total:
            return None
        bits = log2(total)
        required = bits - self._logs / total
        if not 0.0 <= required <= self._most_bits:
            required = _clip(required, self._most_bits)
        absorbed = (self._covered * bits - self._covered_logs) / total
        if not 0.0 <= absorbed <= required:
            absorbed = _clip(absorbed, required)
        share = 1.0 - self._covered / total
        if not 0.0 <= share <= 1.0:
            share = _clip(share, 1.0)
        figures = required, absorbed, required - absorbed, share, self._stages[ABSORBED] / total
        # Half the time of Headline(...), which would be most of the time this takes.
        return tuple.__new__(Headline, figures)  # pyright: ignore[reportUnknownMemberType]

    @property
    def observations(self) -> int:
        """How many demands were counted, whatever they weigh now."""
        return self._observations

    @property
    def effective_observations(self) -> float | None:
        """How many equally weighted demands tell as much (Kish); at most about 2.885 half-lives."""
        return self.total * self.total / self._square_sum() if self._kinds else None

    @property
    def kinds(self) -> int:
        """How many kinds are in demand, with ``OTHER``."""
        return self._kinds

    @property
    def available_kinds(self) -> int:
        """How many of them have a coverage above the threshold."""
        return self._available

    @property
    def covered_share(self) -> float | None:
        """The share of demand that is covered: ``sum p a``."""
        head = self.headline()
        return None if head is None else 1.0 - head.gap_share

    @property
    def required_bits(self) -> float | None:
        """The variety of demand: its entropy ``H(D)``, as observed (plug-in)."""
        head = self.headline()
        return None if head is None else head.required_bits

    @property
    def corrected_bits(self) -> float | None:
        """The variety of demand with the correction of Miller (1955) for kinds seen too seldom, at most ``log2 K``."""
        plain, seen = self.required_bits, self.effective_observations
        if plain is None or seen is None:
            return None
        return _clip(plain + (self._kinds - 1) / (2.0 * seen) * _LOG2_E, self._most_bits)

    @property
    def covered_bits(self) -> float | None:
        """The part of the variety of demand that is covered: ``sum p a log2(1/p)``."""
        head = self.headline()
        return None if head is None else head.absorbed_bits

    @property
    def failing_kinds(self) -> float | None:
        """How many equally frequent kinds would be as various as the uncovered demand; takes a walk over all kinds."""
        return failing_kinds(self.in_demand(), total=self.total) if self._kinds else None

    def in_demand(self) -> Iterator[tuple[str, Cell]]:
        """Go through the kinds in demand and their cells, ``OTHER`` last."""
        for kind, cell in self.cells.items():
            if cell.weight:
                yield kind, cell
        if self.other.weight:
            yield OTHER, self.other

    def shares(self) -> Mapping[str, float]:
        """Return the share of each kind in demand. Takes time proportional to the number of kinds."""
        return {kind: cell.weight / self.total for kind, cell in self.in_demand()}

    def weights(self) -> Mapping[str, float]:
        """Return the weight of each kind in demand; the next demand weighs 1."""
        return {kind: cell.weight / self._weight for kind, cell in self.in_demand()}

    def stage_shares(self) -> Mapping[Stage, float]:
        """Return the share of demand that ended at each stage; empty before the first demand."""
        return self._by_stage(self._stages) if self._kinds else {}

    def stage_bits(self) -> Mapping[Stage, float]:
        """Return the part of the variety of demand that ended at each stage; empty before the first demand.

        ``bits(s) = sum over kinds of p(kind, s) log2(1 / p(kind))``; takes time proportional to the number of kinds.
        """
        if not self._kinds:
            return {}
        bits = [0.0] * len(STAGES)
        for _, cell in self.in_demand():
            surprise = log2(self.total / cell.weight)
            for place, weight in enumerate(cell.stages):
                bits[place] += weight * surprise
        return self._by_stage(bits)

    def stages_of(self, kind: str) -> Mapping[Stage, float]:
        """Return where the demand of one kind ended, in shares of *all* demand; empty when there was none."""
        cell = self.other if kind == OTHER else self.cells.get(kind)
        return {} if cell is None or not cell.weight else self._by_stage(cell.stages)

    def top_gaps(self, most: int) -> tuple[OpenKind, ...]:
        """Return the ``most`` kinds that the largest share of demand would be lost with, largest first."""
        return open_kinds(self.in_demand(), total=self.total, most=most)

    def add(self, *meters: Self) -> None:
        """Add the demand of other meters; the next demand of each weighs 1 when they are added.

        The weights of a kind add up, so for meters without common kinds the variety of the sum is
        ``H(D) = H(meter) + sum over meters of share * H(D | meter)`` (grouping: Shannon 1948, section 6), exactly, as
        long as the bound on kinds is not reached. The coverage of a kind is averaged, weighted by demand.
        """
        self._divide(self._weight)
        for meter in meters:
            self._take_in(meter)
        self.other.uncover()  # what was covered there and is not told apart here
        self._sum_up()

    def _admit(self, kind: str) -> Cell:
        """Return a new cell for a kind that has none, or that of all others when there is no room."""
        if self._kinds >= self.most_kinds and self._weight >= 2.0 * self._pruned_at:
            self._rescale()
        if self._kinds >= self.most_kinds or kind == OTHER:
            return self.other
        cell = self.cells[kind] = Cell()
        return cell

    def _hold(self, kind: str) -> Cell:
        if len(self.cells) >= self.most_kinds + MOST_HELD or kind == OTHER:
            raise PayloadError(
                f"There are {len(self.cells)} kinds already, beside which {kind!r:.100} cannot be covered.",
                remedies=("Forget capabilities that are not there any more.",),
            )
        cell = self.cells[kind] = Cell()
        return cell

    def _take_in(self, meter: Self) -> None:
        unit = 1.0 / meter._weight
        for kind, cell in meter.cells.items():
            self._cell_to_join(kind, cell).join(cell, unit)
        self.other.join(meter.other, unit)
        self._squares += meter._square_sum() * unit * unit
        self._summed = self._observations = self._observations + meter._observations

    def _cell_to_join(self, kind: str, cell: Cell) -> Cell:
        known = self.cells.get(kind)
        if known is None and len(self.cells) < self.most_kinds + MOST_HELD * cell.held:
            known = self.cells[kind] = Cell()
        return known or self.other

    def _by_stage(self, weights: Iterable[float]) -> Mapping[Stage, float]:
        return {stage: weight / self.total for stage, weight in zip(STAGES, weights, strict=True)}

    def _rescale(self) -> None:
        """Divide all weights by their sum and forget the kinds that have faded: also removes rounding errors."""
        smallest = self.total * SMALLEST_SHARE
        for kind, cell in tuple(self.cells.items()):
            if not 0.0 < cell.weight < smallest:
                continue
            self.evictions += 1
            if cell.held:
                cell.fade()
            else:
                del self.cells[kind]
        if self.other.weight < smallest:
            self.other = Cell()
        self._divide(self.total)
        self._sum_up()

    def _divide(self, by: float) -> None:
        for _, cell in self.in_demand():
            cell.weigh([weight / by for weight in cell.stages])
        self._squares = self._square_sum() / (by * by)
        self._summed = self._observations
        self._weight /= by
        self._pruned_at = self._weight

    def _square_sum(self) -> float:
        """Return the sum of the squared weights; that of the newest events is a geometric series."""
        newest, decay = self._observations - self._summed, -2.0 * _LN_2 / self.half_life
        terms = exp(decay) * expm1(newest * decay) / expm1(decay) if decay else float(newest)
        return self._squares + self._weight * self._weight * terms

    def _sum_up(self) -> None:
        cells = [cell for _, cell in self.in_demand()]
        self._kinds = len(cells)
        self._most_bits = log2(len(cells)) if cells else 0.0
        self._available = sum(cell.coverage > self.available_above for cell in cells)
        self._stages = [fsum(cell.stages[place] for cell in cells) for place in range(len(STAGES))]
        self.total: float = fsum(cell.weight for cell in cells)
        self._logs = fsum(cell.log for cell in cells)
        self._covered = fsum(cell.weight * cell.coverage for cell in cells)
        self._covered_logs = fsum(cell.log * cell.coverage for cell in cells)


_LOG2_E = log2(e)
_LN_2 = log(2.0)


def _clip(value: float, most: float) -> float:
    """Return ``value`` without the rounding error that took it out of its bounds."""
    return min(max(value, 0.0), most)
