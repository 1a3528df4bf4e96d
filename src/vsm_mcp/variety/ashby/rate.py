"""The rate-distortion function of a finite source, between two bounds that are each proved."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from operator import mul
from typing import TypeAlias

Matrix: TypeAlias = Sequence[Sequence[float]]

_NATS = log(2.0)
_SMALLEST = 1e-300
_LONGEST_LEAP = 1e3
_STEEPEST = 50.0
_KEPT_OPEN = 1e-3
"""Weight that is spread over all responses at a new slope, so that none is given up because another slope did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The least information, between what was reached and what is impossible.

    Attributes:
        upper: Bits with which the limit is kept: a channel that keeps it was found.
        lower: Bits below which no channel keeps it.
        sweeps: How many improvements it took.
    """

    upper: float
    lower: float
    sweeps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """A channel: for each kind the probability of each response; what it costs, and its information in nats."""

    rows: Matrix
    cost: float
    nats: float


def least_rate(shares: Sequence[float], costs: Matrix, *, limit: float, tolerance: float, most_sweeps: int) -> Rate:
    """Return ``R(limit)``: the least information about the kind with which the mean cost is at most ``limit``.

    Blahut's algorithm (Blahut 1972; Cover & Thomas, chapter 10) finds the point where the curve has a given slope. Two
    points on either side of the limit are kept, and their chord is the next slope, so that a straight piece of the
    curve ends the search at once. Mixing both channels keeps the limit exactly: that is the upper bound. The dual
    problem gives a lower bound at every slope, converged or not.

    Args:
        shares: The share of each kind, all above zero, with sum 1.
        costs: What each response costs for each kind: zero or more, and zero for one response per kind at least.
        limit: The mean cost that is tolerated, zero or more.
        tolerance: How many bits the bounds may be apart.
        most_sweeps: After how many improvements to stop, whether or not the bounds have met.
    """
    return _Search(shares, costs, limit=limit, tolerance=tolerance * _NATS, sweeps=most_sweeps).run()


class _Search:
    def __init__(self, shares: Sequence[float], costs: Matrix, *, limit: float, tolerance: float, sweeps: int) -> None:
        self._shares = shares
        self._costs = costs
        self._limit = limit
        self._tolerance = tolerance
        self._sweeps = sweeps
        self._left = sweeps
        self._weights = [1.0 / len(costs[0])] * len(costs[0])
        self._lower = 0.0

    def run(self) -> Rate:
        cheap = self._single()
        upper = 0.0
        if cheap.cost > self._limit:
            upper = self._narrow(cheap, self._at(inf, self._tolerance / 4)) / _NATS
        return Rate(upper=upper, lower=min(self._lower / _NATS, upper), sweeps=self._sweeps - self._left)

    def _single(self) -> _Point:
        """Return the channel that always gives the response that costs least on average: it needs no information."""
        means = [sum(map(mul, self._shares, column)) for column in zip(*self._costs, strict=True)]
        best = means.index(min(means))
        row = [float(place == best) for place in range(len(means))]
        return _Point(rows=[row] * len(self._shares), cost=means[best], nats=0.0)

    def _narrow(self, cheap: _Point, dear: _Point) -> float:
        """Return the upper bound, after bringing the points on either side of the limit as close as it takes."""
        upper = self._mixed(cheap, dear)
        goal = upper
        while upper - self._lower > self._tolerance and self._left > 0 and self._limit:
            goal = max(min((upper - self._lower) / 16, goal / 2), self._tolerance / 4)
            point = self._at((dear.nats - cheap.nats) / (cheap.cost - dear.cost), goal)
            if point.cost <= self._limit:
                dear = point
                cheap = cheap if cheap.nats < dear.nats else self._single()
            elif point.nats < dear.nats:
                cheap = point
            upper = min(upper, self._mixed(cheap, dear))
        return upper

    def _at(self, slope: float, goal: float) -> _Point:
        """Return the point of the curve where one unit of cost saves ``slope`` nats, up to ``goal`` nats."""
        kernel = _Kernel(self._shares, [[_factor(slope, cost) for cost in row] for row in self._costs])
        spread = _KEPT_OPEN / len(self._weights)
        state = kernel.at([(1.0 - _KEPT_OPEN) * weight + spread for weight in self._weights])
        self._left -= 1
        while state.open > goal and self._left > 1:
            state = self._improved(kernel, state)
        self._weights = list(state.weights)
        self._prove(slope, state)
        return self._point(kernel.channel(state))

    def _improved(self, kernel: "_Kernel", state: "_State") -> "_State":
        """Take one step of the algorithm, then leap in its direction (Varadhan & Roland 2008) where that is better."""
        step = kernel.at(state.stepped())
        leap = kernel.at(_leapt(state, step))
        self._left -= 2
        return leap if leap.value >= step.value else step

    def _prove(self, slope: float, state: "_State") -> None:
        """Raise the lower bound to the value of the dual problem (Blahut 1972, theorem 3)."""
        if self._limit and slope == inf:
            return
        spent = slope * self._limit if self._limit else 0.0
        self._lower = max(self._lower, -spent - state.value - log(max(state.gains)))

    def _point(self, rows: Matrix) -> _Point:
        cost = sum(
            share * sum(map(mul, row, costs)) for share, row, costs in zip(self._shares, rows, self._costs, strict=True)
        )
        marginal = [sum(map(mul, self._shares, column)) for column in zip(*rows, strict=True)]
        nats = sum(
            share * sum(p * log(p / q) for p, q in zip(row, marginal, strict=True) if p and q)
            for share, row in zip(self._shares, rows, strict=True)
        )
        return _Point(rows=rows, cost=cost, nats=max(nats, 0.0))

    def _mixed(self, cheap: _Point, dear: _Point) -> float:
        """Return the information of the mixture of both channels that just keeps the limit."""
        part = min((cheap.cost - self._limit) / (cheap.cost - dear.cost), 1.0)
        rows = [
            [part * b + (1.0 - part) * a for a, b in zip(one, other, strict=True)]
            for one, other in zip(cheap.rows, dear.rows, strict=True)
        ]
        return self._point(rows).nats


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """How often each response is given at one slope; ``value`` is to be made large, ``open`` is what may be missing."""

    weights: Sequence[float]
    sums: Sequence[float]
    gains: Sequence[float]
    value: float

    @property
    def open(self) -> float:
        return log(max(self.gains)) - sum(w * g * log(g) for w, g in zip(self.weights, self.gains, strict=True) if g)

    def stepped(self) -> list[float]:
        return list(map(mul, self.weights, self.gains))


class _Kernel:
    """The algorithm at one slope: response ``j`` answers kind ``i`` in proportion to ``weight_j * rows[i][j]``."""

    def __init__(self, shares: Sequence[float], rows: Matrix) -> None:
        self._shares = shares
        self._rows = rows
        self._columns: Matrix = list(zip(*rows, strict=True))

    def at(self, weights: Sequence[float]) -> _State:
        sums = [sum(map(mul, weights, row)) for row in self._rows]
        factors = [share / total for share, total in zip(self._shares, sums, strict=True)]
        return _State(
            weights=weights,
            sums=sums,
            gains=[sum(map(mul, factors, column)) for column in self._columns],
            value=sum(map(mul, self._shares, map(log, sums))),
        )

    def channel(self, state: _State) -> Matrix:
        return [
            [weight * factor / total for weight, factor in zip(state.weights, row, strict=True)]
            for row, total in zip(self._rows, state.sums, strict=True)
        ]


def _leapt(state: _State, step: _State) -> list[float]:
    """Return the weights to which the last two steps point, as if they went on and on."""
    first = [log(max(gain, _SMALLEST)) for gain in state.gains]
    change = [log(max(gain, _SMALLEST)) - before for gain, before in zip(step.gains, first, strict=True)]
    length = sum(w * r * r for w, r in zip(step.weights, first, strict=True))
    bend = sum(w * v * v for w, v in zip(step.weights, change, strict=True))
    reach = min(max(sqrt(length / bend), 1.0), _LONGEST_LEAP) if bend else 1.0
    leap = [
        w * exp(max(min(2.0 * reach * r + reach * reach * v, _STEEPEST), -_STEEPEST))
        for w, r, v in zip(state.weights, first, change, strict=True)
    ]
    total = sum(leap)
    return [max(weight / total, _SMALLEST) for weight in leap]  # never quite given up, so that no sum is zero


def _factor(slope: float, cost: float) -> float:
    return exp(-slope * cost) if cost else 1.0
