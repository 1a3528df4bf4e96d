"""Scenarios: what the gap would be if demand shifted, by resampling the demand that was recorded.

Each draw takes the shares of demand from ``Dirichlet(n_eff p + 1/K)``: what the shares may really be, given how much
was observed (Gelman et al. 2013, section 3.4). A declared shift multiplies some kinds and adds new ones. The gap of a
draw is ``1 - sum p_i a_i``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from random import Random

from pydantic import Field

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.report import Report

DEFAULT_DRAWS = 500
MOST_DRAWS = 100_000
_TINY = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A future that is supposed: how demand changes.

    Attributes:
        name: What it is called.
        factors: For kinds in demand, what their share is multiplied by; 0 makes them vanish.
        new: New kinds, each with its share of all demand; nothing covers them unless ``coverage`` says so.
        coverage: For kinds whose coverage changes, the new one.

    Raises:
        PayloadError: A factor is negative or not finite, a share or coverage not between 0 and 1, or the new kinds
            leave nothing of the old demand.
    """

    name: str
    factors: Mapping[str, float] = field(default_factory=dict[str, float])
    new: Mapping[str, float] = field(default_factory=dict[str, float])
    coverage: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        """Refuse what cannot be supposed."""
        for kind, factor in self.factors.items():
            if not (isfinite(factor) and factor >= 0):
                raise PayloadError(f"Scenario {self.name!r} multiplies {kind!r} by {factor}.")
        for kind, share in (*self.new.items(), *self.coverage.items()):
            if not 0.0 <= share <= 1.0:
                raise PayloadError(f"Scenario {self.name!r} gives {kind!r} {share}, which is not between 0 and 1.")
        if sum(self.new.values()) >= 1.0:
            raise PayloadError(f"The new kinds of scenario {self.name!r} leave nothing of the present demand.")


AS_IT_IS = Shift(name="as it is")


class ScenarioReport(Report, frozen=True):
    """What the gap would be in one supposed future.

    Attributes:
        name: The scenario.
        gap_mean: Mean of the unabsorbed share.
        gap_low: Its 5 % quantile.
        gap_high: Its 95 % quantile.
        limit: The gap that is still tolerated.
        p_over_limit: In which share of the draws the gap was greater.
        draws: How many futures were drawn.
        n_effective: How many equally weighted demands the shares come from.
    """

    name: str
    gap_mean: float
    gap_low: float
    gap_high: float
    limit: float
    p_over_limit: float
    draws: int = Field(ge=1)
    n_effective: float


def simulate(
    demand: Mapping[str, tuple[float, float]],
    shifts: Sequence[Shift] = (AS_IT_IS,),
    *,
    n_effective: float,
    limit: float,
    random: Random,
    draws: int = DEFAULT_DRAWS,
) -> tuple[ScenarioReport, ...]:
    """Return what the gap would be in each of the supposed futures; nothing when there is no demand to resample.

    Args:
        demand: For each kind its share of demand and its coverage, both 0 to 1.
        shifts: The futures.
        n_effective: How many equally weighted demands the shares come from.
        limit: The gap that is still tolerated.
        random: Where the draws come from.
        draws: How many futures are drawn for each.

    Raises:
        PayloadError: A figure is out of its range.
    """
    if not demand:
        return ()
    if not (isfinite(n_effective) and n_effective > 0 and 0 <= limit <= 1 and 1 <= draws <= MOST_DRAWS):
        raise PayloadError(f"Cannot draw {draws} futures from {n_effective} demands against a limit of {limit}.")
    for kind, (share, coverage) in demand.items():
        if not (0 <= share <= 1 and 0 <= coverage <= 1):
            raise PayloadError(f"{kind!r} with share {share} and coverage {coverage} cannot be simulated.")
    return tuple(_simulate(demand, shift, n_effective, limit=limit, random=random, draws=draws) for shift in shifts)


def _simulate(
    demand: Mapping[str, tuple[float, float]],
    shift: Shift,
    n_effective: float,
    *,
    limit: float,
    random: Random,
    draws: int,
) -> ScenarioReport:
    kinds = tuple(demand)
    shapes = [demand[kind][0] * n_effective + 1.0 / len(kinds) for kind in kinds]
    factors = [shift.factors.get(kind, 1.0) for kind in kinds]
    missing = [1.0 - shift.coverage.get(kind, demand[kind][1]) for kind in kinds]
    added = sum(shift.new.values())
    added_gap = sum(share * (1.0 - shift.coverage.get(kind, 0.0)) for kind, share in shift.new.items())
    gaps = sorted(added_gap + (1.0 - added) * _gap(_weights(shapes, factors, random), missing) for _ in range(draws))
    return ScenarioReport(
        name=shift.name,
        gap_mean=sum(gaps) / draws,
        gap_low=gaps[int(0.05 * (draws - 1))],
        gap_high=gaps[round(0.95 * (draws - 1))],
        limit=limit,
        p_over_limit=sum(gap > limit for gap in gaps) / draws,
        draws=draws,
        n_effective=n_effective,
    )


def _weights(shapes: Sequence[float], factors: Sequence[float], random: Random) -> list[float]:
    """Draw unnormalised shares: gamma variates divided by their sum are Dirichlet."""
    drawn = [random.gammavariate(shape, 1.0) for shape in shapes]
    return [weight * factor for weight, factor in zip(drawn, factors, strict=True)]


def _gap(weights: Sequence[float], missing: Sequence[float]) -> float:
    total = sum(weights)
    if total <= _TINY:  # every kind vanishes in this future, so nothing is left undone
        return 0.0
    return sum(weight * rest for weight, rest in zip(weights, missing, strict=True)) / total
