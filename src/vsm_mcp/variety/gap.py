"""The variety gap: what of the recorded demand the present capabilities would leave undone."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from math import fsum, log2
from typing import NamedTuple

from vsm_mcp.variety.coverage import Cell

SMALLEST_SHARE = 1e-12
"""A share of demand that is less than this is nothing."""


class Headline(NamedTuple):
    """The five figures that are cheap enough to be looked at after every single demand.

    Attributes:
        required_bits: Variety of the demand (entropy of its kinds).
        absorbed_bits: The part of it that the present capabilities would absorb.
        gap_bits: The rest: ``required_bits - absorbed_bits``.
        gap_share: Share of demand that the present capabilities would not absorb, 0 to 1.
        observed_absorbed_share: Share of the recorded demand that really was absorbed.
    """

    required_bits: float
    absorbed_bits: float
    gap_bits: float
    gap_share: float
    observed_absorbed_share: float


class OpenKind(NamedTuple):
    """A kind of demand that the present capabilities do not cover, or not fully.

    Attributes:
        kind: The kind.
        gap_share: The share of all demand that would be lost with it: ``demand_share * (1 - coverage)``.
        demand_share: Its share of all demand.
        coverage: Probability that its next demand is absorbed.
    """

    kind: str
    gap_share: float
    demand_share: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VarietyGap:
    """The gap between the demand that was recorded and what can be done about it.

    There are two views, and they answer two questions. *Expected* asks what the capabilities of this moment would do
    with the recorded demand; it changes at once when a capability comes or goes, so it is what "the gap before and
    after" compares. *Observed* asks what really became of that demand; it changes only with further demand. All figures
    are of the expected view except ``observed_absorbed_share``. Decide by ``share``; bits and kinds describe.

    Attributes:
        share: Share of demand that would not be absorbed, 0 to 1.
        bits: The same as variety: ``required_bits - absorbed_bits``.
        required_bits: Variety of the demand (entropy of its kinds).
        absorbed_bits: The part of it that would be absorbed.
        kinds_required: Kinds in demand.
        kinds_available: Kinds in demand whose coverage is above the threshold of the calculator.
        kinds_gap: Kinds in demand that are not available.
        observed_absorbed_share: Share of the recorded demand that really was absorbed.
        n: How many demands were recorded. The figures above are ``None`` while there are none.
        n_effective: How many equally weighted demands tell as much: older ones weigh less.
    """

    share: float | None
    bits: float | None
    required_bits: float | None
    absorbed_bits: float | None
    kinds_required: int
    kinds_available: int
    kinds_gap: int
    observed_absorbed_share: float | None
    n: int
    n_effective: float | None

    def __str__(self) -> str:
        """Show the gap in one line, for people."""
        if self.share is None or self.bits is None or self.required_bits is None:
            return "no demand observed yet"
        return (
            f"{self.share:.1%} of demand, {self.bits:.2f} of {self.required_bits:.2f} bits, "
            f"{self.kinds_gap} of {self.kinds_required} kinds (from {self.n} observations)"
        )


def failing_kinds(cells: Iterable[tuple[str, Cell]], *, total: float) -> float:
    """Return how many equally frequent kinds would be as various as the uncovered demand; 0 when all is covered.

    About 1 to 3: some more capabilities close the gap. Many: only a generalist or less demand does. This is ``2 ** H``
    (Hill 1973, order 1) of the uncovered weights.

    Args:
        cells: The kinds in demand.
        total: Their weight.
    """
    rests = [rest for _, cell in cells if (rest := cell.weight * (1.0 - cell.coverage)) > 0.0]
    rest = fsum(rests)
    if rest <= total * SMALLEST_SHARE:
        return 0.0
    bits = log2(rest) - fsum(part * log2(part) for part in rests) / rest
    return min(2.0 ** max(bits, 0.0), float(len(rests)))


def open_kinds(cells: Iterable[tuple[str, Cell]], *, total: float, most: int) -> tuple[OpenKind, ...]:
    """Return the ``most`` kinds that the largest share of demand would be lost with, largest first.

    Args:
        cells: The kinds in demand.
        total: Their weight.
        most: How many kinds at most.
    """
    gaps = (
        (cell.weight * (cell.coverage - 1.0) / total, -cell.weight / total, kind, cell.coverage)
        for kind, cell in cells
        if cell.coverage < 1.0
    )
    return tuple(OpenKind(kind, -gap, -share, coverage) for gap, share, kind, coverage in nsmallest(most, gaps))
