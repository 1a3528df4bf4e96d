"""The tally of one unit: which kinds of demand it met and how much of each it absorbed, in little memory."""

from collections.abc import Mapping
from math import log2

from vsm_mcp.variety.meter import OTHER

MOST_KINDS = 64
HALF_LIFE = 1000
"""Demands after which one weighs half."""

_GROWTH = 2.0 ** (1.0 / HALF_LIFE)
_LARGEST_WEIGHT = 1e120
_FAINT = 1e-3


class Tally:
    """Counts demand per kind with forward decay (Cormode et al. 2009), so that an event costs constant time.

    At most 64 kinds are told apart. A newcomer beyond them is counted as ``OTHER``, and so are kinds that have faded
    below a thousandth, which makes room again: no weight is ever lost, so shares always sum to 1.
    """

    __slots__ = ("_kinds", "_n", "_next_fold", "_total", "_weight")

    def __init__(self) -> None:
        """Start without any demand."""
        self._kinds: dict[str, list[float]] = {}
        self._n = 0
        self._weight = 1.0
        self._total = 0.0
        self._next_fold = 0.0

    @property
    def n(self) -> int:
        """How many demands were counted."""
        return self._n

    def observe(self, kind: str, *, absorbed: bool) -> None:
        """Count one demand of ``kind``."""
        cell = self._kinds.get(kind) or self._enter(kind)
        weight = self._weight
        cell[0] += weight
        if absorbed:
            cell[1] += weight
        self._total += weight
        self._n += 1
        self._weight = weight * _GROWTH
        if self._weight > _LARGEST_WEIGHT:
            self._rescale()

    def shares(self) -> Mapping[str, float]:
        """Return the share of each kind in the demand."""
        return {kind: cell[0] / self._total for kind, cell in self._kinds.items()}

    def absorbed_shares(self) -> Mapping[str, float]:
        """Return for each kind the share of its own demand that was absorbed."""
        return {kind: cell[1] / cell[0] for kind, cell in self._kinds.items()}

    def bits(self) -> float | None:
        """Return the variety of the demand, its entropy as observed; ``None`` without any."""
        if not self._n:
            return None
        return max(-sum(share * log2(share) for share in self.shares().values() if share), 0.0)

    def _enter(self, kind: str) -> list[float]:
        if len(self._kinds) >= MOST_KINDS and self._total >= self._next_fold:
            self._fold()
        if len(self._kinds) >= MOST_KINDS:
            kind = OTHER
        return self._kinds.setdefault(kind, [0.0, 0.0])

    def _fold(self) -> None:
        """Count faded kinds as ``OTHER``; not again before the weights have doubled, or each newcomer would pay."""
        limit = self._total * _FAINT
        for kind in [kind for kind, cell in self._kinds.items() if cell[0] < limit and kind != OTHER]:
            gone = self._kinds.pop(kind)
            other = self._kinds.setdefault(OTHER, [0.0, 0.0])
            other[0] += gone[0]
            other[1] += gone[1]
        self._next_fold = 2.0 * self._total

    def _rescale(self) -> None:
        total = self._total
        for cell in self._kinds.values():
            cell[0] /= total
            cell[1] /= total
        self._weight /= total
        self._next_fold /= total
        self._total = sum(cell[0] for cell in self._kinds.values())
