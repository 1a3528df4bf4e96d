"""The funnel: at which stage demand is lost, in shares and bits, in constant time per event.

Every demand ends at exactly one stage, so the shares of the stages sum to 1 and their bits to the variety of demand:
``bits(s) = sum over kinds of p(kind, s) log2(1 / p(kind))``. The stage names the system that lost it.
"""

from collections.abc import Mapping
from math import log2

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.meter import (
    DEFAULT_HALF_LIFE,
    DEFAULT_MOST_KINDS,
    LARGEST_WEIGHT,
    OTHER,
    SMALLEST_SHARE,
    growth_of,
    refuse_bound,
)

_STAGES = tuple(Stage)
_PLACE = {stage: place for place, stage in enumerate(_STAGES)}
_ABSORBED = _PLACE[Stage.ABSORBED]


class _Row:
    __slots__ = ("log", "total", "weights")

    def __init__(self) -> None:
        self.weights = [0.0] * len(_STAGES)
        self.total = 0.0
        self.log = 0.0


class Funnel:
    """Counts where demand ends, older demand with less weight.

    Args:
        half_life: Events after which an observation weighs half; ``inf`` forgets nothing.
        most_kinds: Kinds that are told apart; further ones are counted together as ``OTHER`` until older ones fade.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(self, *, half_life: float = DEFAULT_HALF_LIFE, most_kinds: int = DEFAULT_MOST_KINDS) -> None:
        """Start without any observation."""
        refuse_bound(most_kinds)
        self._growth = growth_of(half_life)
        self._most_kinds = most_kinds
        self._rows: dict[str, _Row] = {}
        self._weight = 1.0
        self._pruned_at = 1.0
        self._sum_up()

    def record(self, kind: str, stage: Stage) -> float:
        """Count one demand of ``kind`` that ended at ``stage``; return the share of demand absorbed up to now."""
        row = self._rows.get(kind) or self._enter(kind)
        weight, place = self._weight, _PLACE[stage]
        log = log2(row.total + weight)
        grown = log - row.log
        for at, lost in enumerate(row.weights):
            if lost:
                self._logs[at] += lost * grown
        row.weights[place] += weight
        row.total += weight
        row.log = log
        self._logs[place] += weight * log
        self._weights[place] += weight
        self._total += weight
        self._weight = weight * self._growth
        if self._weight > LARGEST_WEIGHT:
            self._rescale()
        return self._weights[_ABSORBED] / self._total

    @property
    def absorbed_share(self) -> float | None:
        """Share of demand that was absorbed; ``None`` before the first demand."""
        return self._weights[_ABSORBED] / self._total if self._rows else None

    def shares(self) -> Mapping[Stage, float]:
        """Return the share of demand that ended at each stage; empty before the first demand."""
        if not self._rows:
            return {}
        return {stage: self._weights[place] / self._total for stage, place in _PLACE.items()}

    def bits(self) -> Mapping[Stage, float]:
        """Return the part of the variety of demand that ended at each stage; empty before the first demand."""
        if not self._rows:
            return {}
        log = log2(self._total)
        return {
            stage: max((self._weights[place] * log - self._logs[place]) / self._total, 0.0)
            for stage, place in _PLACE.items()
        }

    def stages_of(self, kind: str) -> Mapping[Stage, float]:
        """Return where the demand of one kind ended, in shares of *all* demand; empty when there was none."""
        row = self._rows.get(kind)
        if row is None:
            return {}
        return {stage: row.weights[place] / self._total for stage, place in _PLACE.items()}

    def _enter(self, kind: str) -> _Row:
        if len(self._rows) >= self._most_kinds and self._weight >= 2.0 * self._pruned_at:
            self._rescale()
        if len(self._rows) >= self._most_kinds:
            kind = OTHER
        return self._rows.setdefault(kind, _Row())

    def _rescale(self) -> None:
        total = self._total
        self._rows = {kind: row for kind, row in self._rows.items() if row.total >= total * SMALLEST_SHARE}
        for row in self._rows.values():
            row.weights = [weight / total for weight in row.weights]
            row.total = sum(row.weights)
            row.log = log2(row.total)
        self._weight /= total
        self._pruned_at = self._weight
        self._sum_up()

    def _sum_up(self) -> None:
        rows = tuple(self._rows.values())
        places = range(len(_STAGES))
        self._total = sum(row.total for row in rows)
        self._weights = [sum(row.weights[place] for row in rows) for place in places]
        self._logs = [sum(row.weights[place] * row.log for row in rows) for place in places]
