"""Who gets how much of what is scarce: max-min, dominant-resource and marginal allocation."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.control.figures import refuse_name, refuse_outside

MOST_UNITS = 1_000
MOST_RESOURCES = 64
MOST_STEPS = 1_000_000

_LARGEST = 1e100
_LEAST = 1e-100
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What each unit gets of one resource.

    Attributes:
        granted: How much, by unit.
        level: What each unit that wanted more got per weight; ``None`` when every demand was met.
        left: What nobody wanted.
    """

    granted: Mapping[str, float]
    level: float | None
    left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DominantAllocation:
    """What each unit gets of several resources.

    Attributes:
        multiples: How many times its needs each unit gets.
        dominant: The largest share of any resource that each unit holds.
        used: The share of each resource that is given away.
        tightest: The resource of which most is given away.
    """

    multiples: Mapping[str, float]
    dominant: Mapping[str, float]
    used: Mapping[str, float]
    tightest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalAllocation:
    """How many steps each unit gets, and what that brings.

    Attributes:
        steps: How many, by unit.
        spent: What they cost together.
        gained: What they bring together.
        upper_bound: No way to spend the budget brings more than this. Equal to ``gained``, the allocation is optimal.
    """

    steps: Mapping[str, int]
    spent: float
    gained: float
    upper_bound: float


def max_min(capacity: float, demands: Mapping[str, float], *, weights: Mapping[str, float] | None = None) -> Allocation:
    """Share one resource so that nobody can get more except from somebody who has less for their weight.

    Demands are met from the smallest per weight upwards, until an equal share per weight of what is left is less than
    the next demand; the rest get that (Bertsekas & Gallager 1992, sec. 6.5.2; weights: Keshav 1997, ch. 9).

    Args:
        capacity: How much there is.
        demands: How much each unit wants.
        weights: How much each counts; 1 where none is given.

    Raises:
        PayloadError: A figure is no finite number, negative, or there are too many units.
    """
    refuse_outside("A capacity", capacity, (0.0, _LARGEST))
    _refuse_units(demands)
    for unit, demand in demands.items():
        refuse_outside(f"The demand of {unit!r}", demand, (0.0, _LARGEST))
    weight_of = _weights(demands, weights)
    order = sorted(demands, key=lambda unit: demands[unit] / weight_of[unit])
    # Weights that are still to come, summed from the back: taking them off a total would lose small ones.
    behind = [0.0]
    for unit in reversed(order):
        behind.append(behind[-1] + weight_of[unit])
    granted: dict[str, float] = {}
    left = capacity
    for place, unit in enumerate(order):
        level = left / behind[len(order) - place]
        if demands[unit] > level * weight_of[unit]:
            granted.update({other: level * weight_of[other] for other in order[place:]})
            return Allocation(granted=granted, level=level, left=0.0)
        granted[unit] = demands[unit]
        left = max(0.0, left - demands[unit])
    return Allocation(granted=granted, level=None, left=left)


def dominant_share(
    capacities: Mapping[str, float],
    needs: Mapping[str, Mapping[str, float]],
    *,
    weights: Mapping[str, float] | None = None,
    limits: Mapping[str, float] | None = None,
) -> DominantAllocation:
    """Share several resources so that the dominant shares are max-min fair.

    A unit's dominant share is its largest share of any resource. All grow together; a unit stops when it has what it
    wants or when a resource it needs is used up (Ghodsi et al. 2011, sec. 4; what is needed is divisible here).

    Args:
        capacities: How much there is of each resource.
        needs: How much of each resource a unit needs for one of its tasks.
        weights: How much each unit counts; 1 where none is given.
        limits: How many tasks a unit wants at most; without limit where none is given.

    Raises:
        PayloadError: A figure makes no sense, a unit needs nothing, or a resource that nobody knows.
    """
    _refuse_resources(capacities)
    _refuse_units(needs)
    speeds = _speeds(capacities, needs, _weights(needs, weights))
    filling = _Filling(capacities=capacities, needs=needs, speeds=speeds, limits=_limits(needs, limits))
    while filling.growing:
        filling.rise()
    used = {
        name: min(1.0, math.fsum(need.get(name, 0.0) * filling.multiples[unit] for unit, need in needs.items()) / size)
        for name, size in capacities.items()
    }
    dominant = {
        unit: filling.multiples[unit] * max(need.get(name, 0.0) / size for name, size in capacities.items())
        for unit, need in needs.items()
    }
    return DominantAllocation(
        multiples=filling.multiples, dominant=dominant, used=used, tightest=max(used, key=lambda name: used[name])
    )


def marginal(
    budget: float, gains: Mapping[str, Sequence[float]], *, costs: Mapping[str, float] | None = None
) -> MarginalAllocation:
    """Spend a budget step by step where the next step brings most for its cost.

    With gains that never grow within a unit this is optimal when all steps cost the same (Fox 1966); when they do not,
    what it brings is optimal for what it spends until the first step that no longer fits, and ``upper_bound`` says how
    far from the best the rest can be.

    Args:
        budget: What may be spent.
        gains: What each further step brings, by unit, such as bits of variety absorbed.
        costs: What one step of a unit costs; 1 where none is given.

    Raises:
        PayloadError: A figure makes no sense, or gains grow: then the next step is not the best guide.
    """
    refuse_outside("A budget", budget, (0.0, _LARGEST))
    _refuse_units(gains)
    _refuse_growing(gains)
    cost_of = _weights(gains, costs, what="cost")
    taken, left, bound = _spend(budget, gains, cost_of)
    gained = math.fsum(gain for unit, steps in gains.items() for gain in steps[: taken[unit]])
    if len(set(cost_of.values())) == 1:
        bound = gained
    return MarginalAllocation(steps=taken, spent=budget - left, gained=gained, upper_bound=max(gained, bound))


class _Filling:
    """Water rising in all units at once, each at its own speed, until one is full or a resource is empty."""

    def __init__(
        self,
        *,
        capacities: Mapping[str, float],
        needs: Mapping[str, Mapping[str, float]],
        speeds: Mapping[str, float],
        limits: Mapping[str, float],
    ) -> None:
        self._sizes = capacities
        self._left = dict(capacities)
        self._speeds = speeds
        self._limits = limits
        self.multiples = dict.fromkeys(needs, 0.0)
        self.growing = [unit for unit in needs if limits[unit] > 0.0]
        # How fast each unit that still grows draws on each resource that it needs.
        self._draws = {name: self._draws_on(name, needs) for name in capacities}

    def rise(self) -> None:
        """Rise to the next event; at least one unit stops growing there."""
        drawn = {name: math.fsum(draws.values()) for name, draws in self._draws.items()}
        empty, emptied = min((left / drawn[name], name) for name, left in self._left.items() if drawn[name] > 0.0)
        full, filled = min(((self._limits[one] - self.multiples[one]) / self._speeds[one], one) for one in self.growing)
        time = min(empty, full)
        for name, rate in drawn.items():
            left = self._left[name] - time * rate
            # What rounding leaves of an empty resource must not keep anybody growing.
            self._left[name] = left if left > _ROUNDING * self._sizes[name] else 0.0
        for unit in self.growing:
            self.multiples[unit] = min(self._limits[unit], self.multiples[unit] + time * self._speeds[unit])
        # However small the step was, what ended it has ended: this is why the rising always comes to an end.
        if full <= empty:
            self.multiples[filled] = self._limits[filled]
        else:
            self._left[emptied] = 0.0
        self._stop()

    def _draws_on(self, name: str, needs: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        wanted = ((unit, needs[unit].get(name, 0.0)) for unit in self.growing)
        return {unit: need * self._speeds[unit] for unit, need in wanted if need > 0.0}

    def _stop(self) -> None:
        """Let those grow no more that are full or need something that is used up."""
        stopped = {unit for unit in self.growing if self.multiples[unit] >= self._limits[unit]}
        for name, draws in self._draws.items():
            if self._left[name] <= 0.0:
                stopped.update(draws)
        self.growing = [unit for unit in self.growing if unit not in stopped]
        for draws in self._draws.values():
            for unit in stopped & draws.keys():
                del draws[unit]


def _refuse_units(units: Mapping[str, object]) -> None:
    if not 0 < len(units) <= MOST_UNITS:
        raise PayloadError(f"{len(units)} units cannot share anything.", remedies=(f"Give 1 to {MOST_UNITS} units.",))
    for unit in units:
        refuse_name("The name of a unit", unit)


def _refuse_resources(capacities: Mapping[str, float]) -> None:
    if not 0 < len(capacities) <= MOST_RESOURCES:
        raise PayloadError(
            f"{len(capacities)} resources cannot be shared.", remedies=(f"Give 1 to {MOST_RESOURCES} resources.",)
        )
    for name, size in capacities.items():
        refuse_name("The name of a resource", name)
        refuse_outside(f"The capacity of {name!r}", size, (_LEAST, _LARGEST))


def _refuse_growing(gains: Mapping[str, Sequence[float]]) -> None:
    if sum(map(len, gains.values())) > MOST_STEPS:
        raise PayloadError("There are too many steps to choose from.", remedies=(f"Give at most {MOST_STEPS} steps.",))
    for unit, steps in gains.items():
        most = _LARGEST
        for place, gain in enumerate(steps, 1):
            refuse_outside(f"The gain of step {place} of {unit!r}", gain, (0.0, _LARGEST))
            if gain > most * (1.0 + _ROUNDING):
                raise PayloadError(
                    f"Step {place} of {unit!r} brings {gain:g}, more than the step before ({most:g}).",
                    remedies=("Merge steps that only help together into one, with its own cost.",),
                )
            most = gain


def _weights(
    units: Mapping[str, object], weights: Mapping[str, float] | None, *, what: str = "weight"
) -> Mapping[str, float]:
    given = {unit: (weights or {}).get(unit, 1.0) for unit in units}
    for unit, weight in given.items():
        refuse_outside(f"The {what} of {unit!r}", weight, (1e-9, 1e9))
    return given


def _limits(units: Mapping[str, object], limits: Mapping[str, float] | None) -> Mapping[str, float]:
    given = {unit: (limits or {}).get(unit, math.inf) for unit in units}
    for unit, limit in given.items():
        refuse_outside(f"The limit of {unit!r}", limit, (0.0, math.inf))
    return given


def _speeds(
    capacities: Mapping[str, float], needs: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]
) -> Mapping[str, float]:
    """Return how many tasks of each unit make up one unit of weighted dominant share."""
    speeds: dict[str, float] = {}
    for unit, need in needs.items():
        for name, amount in need.items():
            refuse_outside(f"What {unit!r} needs of {name!r}", amount, (0.0, _LARGEST))
        unknown = sorted(need.keys() - capacities.keys())
        if unknown:
            raise PayloadError(
                f"{unit!r} needs {unknown[0]!r}, of which no capacity is known.",
                remedies=(f"Give it a capacity. Known are: {', '.join(sorted(capacities))}.",),
            )
        largest = max((amount / capacities[name] for name, amount in need.items()), default=0.0)
        if largest <= 0.0:
            raise PayloadError(f"{unit!r} needs nothing.", remedies=("Name what it needs, or leave it out.",))
        speeds[unit] = weights[unit] / largest
    return speeds


def _spend(
    budget: float, gains: Mapping[str, Sequence[float]], cost_of: Mapping[str, float]
) -> tuple[dict[str, int], float, float]:
    """Return how many steps each unit gets, what is left of the budget, and what no other way could exceed."""
    heap = [(-steps[0] / cost_of[unit], unit) for unit, steps in gains.items() if steps and steps[0] > 0.0]
    heapq.heapify(heap)
    taken = dict.fromkeys(gains, 0)
    left, gained, bound = budget, 0.0, math.inf
    while heap:
        rate, unit = heapq.heappop(heap)
        if cost_of[unit] > left * (1.0 + _ROUNDING):
            # All before this step was the best use of what it cost; a part of this step is the most for the rest.
            bound = gained - rate * left if math.isinf(bound) else bound
            continue
        gained += gains[unit][taken[unit]]
        left = max(0.0, left - cost_of[unit])
        taken[unit] += 1
        following = gains[unit][taken[unit]] if taken[unit] < len(gains[unit]) else 0.0
        if following > 0.0:
            heapq.heappush(heap, (-following / cost_of[unit], unit))
    return taken, left, gained if math.isinf(bound) else bound
