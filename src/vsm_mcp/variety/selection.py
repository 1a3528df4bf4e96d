"""The next-best capabilities: which offers to acquire, and how far that can be from the best.

Need ``i`` weighs ``w_i`` and is absorbed with probability ``a_i``; offer ``j`` would absorb it with ``q_ij`` and is had
with probability ``p_j`` when it is sought. If acquisitions succeed, and capabilities fail, independently of each other,
the expected weight that is absorbed with a set ``S`` of offers is exactly::

    f(S) = sum_i w_i (1 - (1 - a_i) prod_{j in S} (1 - q_ij p_j))

because the mean of a product of independent factors is the product of their means, and ``1 - q p`` is the mean of a
factor that is ``1 - q`` with probability ``p`` and else 1. ``f`` never falls and has diminishing returns (is monotone
and submodular), which is what everything here rests on. The gain of a set is ``f(S) - f({})``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace, nsmallest
from math import fsum, inf, isfinite
from operator import mul
from sys import float_info
from types import MappingProxyType

from vsm_mcp.errors import ConfigurationError, PayloadError

MOST_ENTRIES = 20_000
"""More needs or offers than this are refused."""

EXACT_UP_TO = 100
"""With more offers than this no search for the proven best is made."""

DEFAULT_EFFORT = 20_000

_LARGEST, _SMALLEST = 1e100, 1e-100
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Demand of one kind.

    Attributes:
        kind: Its kind.
        weight: What absorbing all of it is worth: its share ``p``, or ``p log2(1/p)`` to count in bits.
        absorbed: The probability that it is absorbed as things are.

    Raises:
        PayloadError: The weight is not between 0 and 1e100, or ``absorbed`` not between 0 and 1.
    """

    kind: str
    weight: float
    absorbed: float = 0.0

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        if not 0.0 <= self.weight <= _LARGEST:
            raise PayloadError(f"The need {self.kind!r} cannot have a weight of {self.weight}.")
        _refuse_probability(self.absorbed, of=f"that {self.kind!r} is absorbed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A capability that could be acquired.

    Attributes:
        name: What it is known by.
        quality: The probability that it absorbs demand, by kind; 0 for kinds that are left out.
        p_acquire: The probability that it is had and proven when it is sought.
        cost: What seeking it costs, in any unit that all offers share.

    Raises:
        PayloadError: A probability is not between 0 and 1, or the cost not between 1e-100 and 1e100.
    """

    name: str
    quality: Mapping[str, float]
    p_acquire: float = 1.0
    cost: float = 1.0

    def __post_init__(self) -> None:
        """Refuse figures that make no sense, and keep a copy of the others."""
        _refuse_probability(self.p_acquire, of=f"of acquiring {self.name!r}")
        if not _SMALLEST <= self.cost <= _LARGEST:
            raise PayloadError(f"The offer {self.name!r} cannot have a cost of {self.cost}.")
        quality = dict(self.quality)
        for kind, probability in quality.items():
            _refuse_probability(probability, of=f"that {self.name!r} absorbs {kind!r}")
        object.__setattr__(self, "quality", MappingProxyType(quality))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What one offer adds.

    Attributes:
        name: The offer.
        gain: The weight that it is expected to absorb in addition.
        cost: What seeking it costs.
    """

    name: str
    gain: float
    cost: float

    @property
    def per_cost(self) -> float:
        """The gain per unit of cost."""
        return self.gain / self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The offers to acquire.

    Attributes:
        chosen: In the order in which to acquire them, each with what it adds to those before it.
        gain: The weight that they are expected to absorb together.
        bound: No selection that was allowed can gain more.
        cost: What seeking all of them costs.
        exact: Whether it is proven that no allowed selection gains more.
        offers: How many offers there were to choose from.
        needs: For how many needs.
        evaluations: How often the gain of an offer was computed to find this.
    """

    chosen: tuple[Gain, ...]
    gain: float
    bound: float
    cost: float
    exact: bool
    offers: int
    needs: int
    evaluations: int

    @property
    def certificate(self) -> float:
        """The part of the best possible gain that is had at least; 1 when nothing can be gained."""
        return self.gain / self.bound if self.bound else 1.0


def rank_offers(needs: Sequence[Need], offers: Sequence[Offer], *, limit: int | None = None) -> tuple[Gain, ...]:
    """Return the offers that gain anything, each on its own, the most gain per cost first.

    Offers that gain as much per cost stay in their order.

    Raises:
        ConfigurationError: ``limit`` is less than 1.
        PayloadError: A kind or a name is given twice, or there is too much of them.
    """
    _refuse_limit(limit)
    market = _Market(needs, offers)
    gains = ((market.gain(place), place) for place in range(len(offers)))
    keys = ((-gain / market.costs[place], place, gain) for gain, place in gains if gain > 0.0)
    best = sorted(keys) if limit is None else nsmallest(limit, keys)
    return tuple(Gain(name=offers[place].name, gain=gain, cost=market.costs[place]) for _, place, gain in best)


def choose(
    needs: Sequence[Need],
    offers: Sequence[Offer],
    *,
    k: int | None = None,
    budget: float | None = None,
    effort: int = DEFAULT_EFFORT,
) -> Selection:
    """Return the offers to acquire together: at most ``k``, for at most ``budget``.

    The greedy choice comes first: always the offer that adds most, evaluating an offer anew only when it could be the
    next (Minoux 1978). Without a budget it gains at least ``1 - 1/e`` of the best (Nemhauser, Wolsey and Fisher 1978).
    With a budget there is a second greedy choice by gain per cost, and the better one is taken: at least half of
    ``1 - 1/e`` (Khuller, Moss and Naor 1999; Leskovec et al. 2007); with ``k`` and a budget there is no such promise.
    How far it really is from the best is bounded for each case by ``f(S)`` plus the most that the remaining gains can
    add (Leskovec et al. 2007). Then, with at most ``EXACT_UP_TO`` offers, a branch and bound looks for the proven best.

    Offers that add equally much are taken in their order. Offers that add nothing are not chosen.

    Args:
        needs: The demand, one entry per kind.
        offers: What could be acquired.
        k: How many at most; ``None`` for any number.
        budget: What all together may cost; ``None`` for any cost.
        effort: How many evaluations of an offer the search for the proven best may take; 0 for none.

    Raises:
        ConfigurationError: ``k`` is less than 1, the budget negative or not finite, or the effort negative.
        PayloadError: A kind or a name is given twice, or there is too much of them.
    """
    _refuse_limit(k)
    if not (budget is None or 0.0 <= budget <= float_info.max) or effort < 0:
        raise ConfigurationError(
            f"A budget of {budget} and an effort of {effort} cannot be used.",
            remedies=("Give numbers from 0, and no budget for an unlimited one.",),
        )
    market = _Market(needs, offers)
    limits = _Limits(k=len(offers) if k is None else k, budget=inf if budget is None else budget)
    places, bound = _greedily(market, limits)
    best = market.value(places)
    finished = best >= bound * (1.0 - _ROUNDING)
    if not finished and len(offers) <= EXACT_UP_TO:
        search = _Search(market, best=best, places=places, evaluations=market.evaluations + effort)
        finished = search.run(limits)
        places = search.places
    return _selection(market, places, bound=None if finished else bound)


def _refuse_probability(value: float, *, of: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise PayloadError(f"The probability {of} cannot be {value}.")


def _refuse_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise ConfigurationError(f"{limit} offers are too few to choose.", remedies=("Allow at least one.",))


def _refuse_entries(names: Sequence[str], *, what: str) -> None:
    if len(names) > MOST_ENTRIES:
        raise PayloadError(f"{len(names)} {what} are more than {MOST_ENTRIES}.")
    if len(set(names)) < len(names):
        (twice, _), *_ = Counter(names).most_common(1)
        raise PayloadError(f"{twice!r} is twice among the {what}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    k: int
    budget: float

    def after(self, cost: float) -> "_Limits":
        return _Limits(k=self.k - 1, budget=self.budget - cost)


class _Market:
    """The needs as what is left of each, and the offers as the needs they touch."""

    __slots__ = ("_left", "_offers", "_parts", "_places", "costs", "evaluations", "needs", "rest")

    def __init__(self, needs: Sequence[Need], offers: Sequence[Offer]) -> None:
        _refuse_entries([need.kind for need in needs], what="needs")
        _refuse_entries([offer.name for offer in offers], what="offers")
        self.needs = len(needs)
        self._left = [need.weight * (1.0 - need.absorbed) for need in needs]
        self.rest = self._left.copy()
        self._offers = offers
        self.costs = [offer.cost for offer in offers]
        self.evaluations = 0
        place_of = {need.kind: place for place, need in enumerate(needs)}
        self._places: list[list[int]] = []
        self._parts: list[list[float]] = []
        for offer in offers:
            touched = [(place_of[kind], q) for kind, q in offer.quality.items() if q > 0.0 and kind in place_of]
            self._places.append([place for place, _ in touched])
            self._parts.append([q * offer.p_acquire for _, q in touched])

    def __len__(self) -> int:
        return len(self._offers)

    def name(self, offer: int) -> str:
        return self._offers[offer].name

    def gain(self, offer: int) -> float:
        """Return what ``offer`` would add now."""
        self.evaluations += 1
        return sum(map(mul, map(self.rest.__getitem__, self._places[offer]), self._parts[offer]))

    def take(self, offer: int) -> None:
        """Add ``offer`` to what is there."""
        rest = self.rest
        for place, part in zip(self._places[offer], self._parts[offer], strict=True):
            rest[place] *= 1.0 - part

    def value(self, places: Iterable[int]) -> float:
        """Return what a set of offers gains in all; afterwards nothing but this set is there."""
        self.rest = self._left.copy()
        for place in places:
            self.take(place)
        return fsum(map(float.__sub__, self._left, self.rest))


def _greedily(market: _Market, limits: _Limits) -> tuple[tuple[int, ...], float]:
    """Return the best greedy choice, and a bound on what any choice can gain."""
    first = [(market.gain(offer), offer) for offer in range(len(market))]
    bound = _most(((gain, market.costs[offer]) for gain, offer in first), limits)
    best: tuple[int, ...] = ()
    value = -1.0
    for by_cost in (False, True) if isfinite(limits.budget) else (False,):
        market.value(())
        places, remaining = _take_best(market, first, limits, by_cost=by_cost)
        gain = market.value(places)
        fresh = ((market.gain(offer), market.costs[offer]) for offer in remaining)
        bound = min(bound, gain + _most(fresh, limits))
        if gain > value:
            best, value = places, gain
    return best, max(bound, value)


def _take_best(
    market: _Market, first: Sequence[tuple[float, int]], limits: _Limits, *, by_cost: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what was taken, in order, and what was not."""
    scale = market.costs if by_cost else [1.0] * len(market)
    heap = [(-gain / scale[offer], offer, 0) for gain, offer in first if gain > 0.0]
    heapify(heap)
    taken: list[int] = []
    passed: list[int] = []
    budget = limits.budget
    while heap and len(taken) < limits.k and heap[0][0] < 0.0:
        _, offer, when = heap[0]
        if market.costs[offer] > budget:
            passed.append(heappop(heap)[1])
        elif when == len(taken):
            heappop(heap)
            market.take(offer)
            taken.append(offer)
            budget -= market.costs[offer]
        else:
            heapreplace(heap, (-market.gain(offer) / scale[offer], offer, len(taken)))
    return tuple(taken), (*passed, *(offer for _, offer, _ in heap))


def _most(gains: Iterable[tuple[float, float]], limits: _Limits) -> float:
    """Return the most that offers of these gains and costs can add: the less of the two relaxed limits."""
    entries = [(gain, cost) for gain, cost in gains if cost <= limits.budget]
    by_count = fsum(sorted((gain for gain, _ in entries), reverse=True)[: limits.k])
    if not isfinite(limits.budget):
        return by_count
    entries.sort(key=lambda entry: entry[0] / entry[1], reverse=True)
    value, budget = 0.0, limits.budget
    for gain, cost in entries:
        if cost >= budget:
            value += gain * (budget / cost)
            break
        value += gain
        budget -= cost
    return min(by_count, value)


class _Search:
    """A branch and bound: depth first, the offer that adds most first, a branch cut when it cannot beat the best."""

    __slots__ = ("_best", "_evaluations", "_market", "places")

    def __init__(self, market: _Market, *, best: float, places: tuple[int, ...], evaluations: int) -> None:
        self._market = market
        self._best = best
        self._evaluations = evaluations
        self.places = places

    def run(self, limits: _Limits) -> bool:
        """Look until all is searched or the evaluations are spent; return whether all was searched."""
        self._market.value(())
        return self._branch((), tuple(range(len(self._market))), limits=limits, value=0.0)

    def _branch(self, taken: tuple[int, ...], offers: tuple[int, ...], *, limits: _Limits, value: float) -> bool:
        market = self._market
        if market.evaluations + len(offers) > self._evaluations:
            return False
        ranked = sorted(((market.gain(offer), offer) for offer in offers), key=lambda entry: (-entry[0], entry[1]))
        entries = [(gain, market.costs[offer]) for gain, offer in ranked]
        for place, (gain, offer) in enumerate(ranked):
            if value + _most(entries[place:], limits) <= self._best * (1.0 + _ROUNDING):
                return True
            cost = market.costs[offer]
            if cost > limits.budget:
                continue
            if value + gain > self._best:
                self._best, self.places = value + gain, (*taken, offer)
            later = tuple(offer for _, offer in ranked[place + 1 :])
            if limits.k > 1 and later:
                before = market.rest
                market.rest = before.copy()
                market.take(offer)
                finished = self._branch((*taken, offer), later, limits=limits.after(cost), value=value + gain)
                market.rest = before
                if not finished:
                    return False
        return True


def _selection(market: _Market, places: tuple[int, ...], *, bound: float | None) -> Selection:
    """Return the offers in the order of what each adds to those before it."""
    total = market.value(places)
    market.value(())
    chosen: list[Gain] = []
    left = list(places)
    while left:
        gain, best = max((market.gain(offer), -place) for place, offer in enumerate(left))
        offer = left.pop(-best)
        market.take(offer)
        chosen.append(Gain(name=market.name(offer), gain=gain, cost=market.costs[offer]))
    return Selection(
        chosen=tuple(chosen),
        gain=total,
        bound=total if bound is None else max(bound, total),
        cost=fsum(gain.cost for gain in chosen),
        exact=bound is None,
        offers=len(market),
        needs=market.needs,
        evaluations=market.evaluations,
    )
