import math
from collections.abc import Iterable, Sequence
from itertools import combinations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.selection import EXACT_UP_TO, MOST_ENTRIES, Need, Offer, choose, rank_offers

KINDS = ("a", "b", "c", "d", "e")
PROBABILITIES = st.floats(0, 1)
NEEDS = st.lists(st.builds(Need, kind=st.sampled_from(KINDS), weight=st.floats(0, 5), absorbed=PROBABILITIES)).map(
    lambda needs: list({need.kind: need for need in needs}.values())
)
OFFERS = st.lists(
    st.builds(
        Offer,
        name=st.sampled_from("12345678"),
        quality=st.dictionaries(st.sampled_from(KINDS), PROBABILITIES),
        p_acquire=PROBABILITIES,
        cost=st.floats(0.1, 3),
    )
).map(lambda offers: list({offer.name: offer for offer in offers}.values()))


def gain_of(needs: Sequence[Need], offers: Iterable[Offer]) -> float:
    """Compute the gain as it is defined."""
    chosen = tuple(offers)
    return math.fsum(
        need.weight
        * (1 - need.absorbed)
        * (1 - math.prod(1 - offer.quality.get(need.kind, 0) * offer.p_acquire for offer in chosen))
        for need in needs
    )


def best_gain(needs: Sequence[Need], offers: Sequence[Offer], *, k: int, budget: float = math.inf) -> float:
    """Try every selection."""
    return max(
        gain_of(needs, chosen)
        for count in range(min(k, len(offers)) + 1)
        for chosen in combinations(offers, count)
        if sum(offer.cost for offer in chosen) <= budget
    )


def fleet(kinds: int, candidates: int, *, seed: int = 1) -> tuple[list[Need], list[Offer]]:
    random = Random(seed)  # noqa: S311
    needs = [Need(kind=str(kind), weight=1 / (1 + kind), absorbed=random.random() / 2) for kind in range(kinds)]
    offers = [
        Offer(
            name=str(number),
            quality={str(kind): random.random() for kind in random.sample(range(kinds), random.randint(1, 15))},
            p_acquire=random.uniform(0.2, 1),
            cost=random.uniform(0.5, 3),
        )
        for number in range(candidates)
    ]
    return needs, offers


@given(NEEDS, OFFERS)
def test_the_gain_is_the_mean_over_what_acquisition_may_bring(needs: list[Need], offers: list[Offer]) -> None:
    offers = offers[:4]
    mean = 0.0
    for had in product((False, True), repeat=len(offers)):
        chance = math.prod(
            offer.p_acquire if got else 1 - offer.p_acquire for offer, got in zip(offers, had, strict=True)
        )
        certain = [Offer(name=offer.name, quality=offer.quality) for offer, got in zip(offers, had, strict=True) if got]
        mean += chance * gain_of(needs, certain)
    assert choose(needs, offers).gain == pytest.approx(mean, abs=1e-9)


@pytest.mark.promise("C30")
@given(NEEDS, OFFERS, st.integers(1, 4))
def test_the_proven_best_is_what_trying_everything_finds(needs: list[Need], offers: list[Offer], k: int) -> None:
    best = choose(needs, offers, k=k)
    assert best.exact
    assert best.gain == best.bound
    assert best.gain == pytest.approx(best_gain(needs, offers, k=k), abs=1e-9)
    assert len(best.chosen) <= k


@given(NEEDS, OFFERS, st.tuples(st.integers(1, 8), st.floats(0, 6)))
def test_the_proven_best_within_a_budget_is_what_trying_everything_finds(
    needs: list[Need], offers: list[Offer], limits: tuple[int, float]
) -> None:
    k, budget = limits
    best = choose(needs, offers, k=k, budget=budget)
    assert best.exact
    assert best.gain == pytest.approx(best_gain(needs, offers, k=k, budget=budget), abs=1e-9)
    assert best.cost <= budget + 1e-9


@given(NEEDS, OFFERS, st.integers(1, 4))
def test_the_greedy_choice_is_within_1_minus_1_over_e_of_the_best(
    needs: list[Need], offers: list[Offer], k: int
) -> None:
    greedy = choose(needs, offers, k=k, effort=0)
    best = best_gain(needs, offers, k=k)
    assert (1 - 1 / math.e) * best - 1e-9 <= greedy.gain <= best + 1e-9
    assert best <= greedy.bound + 1e-9
    assert 0 <= greedy.certificate <= 1 + 1e-12
    assert greedy.certificate * best <= greedy.gain + 1e-9


@given(NEEDS, OFFERS, st.floats(0, 6))
def test_the_greedy_choice_within_a_budget_is_within_half_of_that(
    needs: list[Need], offers: list[Offer], budget: float
) -> None:
    greedy = choose(needs, offers, budget=budget, effort=0)
    best = best_gain(needs, offers, k=8, budget=budget)
    assert 0.5 * (1 - 1 / math.e) * best - 1e-9 <= greedy.gain <= best + 1e-9
    assert best <= greedy.bound + 1e-9
    assert greedy.cost <= budget + 1e-9


@given(NEEDS, OFFERS, st.integers(1, 8))
def test_gains_add_up_and_fall_in_the_order_of_acquisition(needs: list[Need], offers: list[Offer], k: int) -> None:
    selection = choose(needs, offers, k=k)
    gains = [step.gain for step in selection.chosen]
    assert sum(gains) == pytest.approx(selection.gain, abs=1e-9)
    assert all(gain > 0 for gain in gains)
    assert gains == sorted(gains, reverse=True)
    by_name = {offer.name: offer for offer in offers}
    before: list[Offer] = []
    for step in selection.chosen:
        after = [*before, by_name[step.name]]
        assert step.gain == pytest.approx(gain_of(needs, after) - gain_of(needs, before), abs=1e-9)
        before = after


@given(NEEDS, OFFERS, st.integers(1, 5))
def test_a_further_offer_never_makes_it_worse(needs: list[Need], offers: list[Offer], k: int) -> None:
    assert choose(needs, offers[1:], k=k).gain <= choose(needs, offers, k=k).gain + 1e-9


@given(NEEDS, OFFERS)
def test_offers_rank_by_what_each_gains_for_its_cost(needs: list[Need], offers: list[Offer]) -> None:
    ranked = rank_offers(needs, offers)
    rates = [entry.per_cost for entry in ranked]
    assert rates == sorted(rates, reverse=True)
    by_name = {offer.name: offer for offer in offers}
    for entry in ranked:
        assert entry.gain == pytest.approx(gain_of(needs, [by_name[entry.name]]), abs=1e-9)
        assert entry.cost == by_name[entry.name].cost
    assert {entry.name for entry in ranked} >= {o.name for o in offers if gain_of(needs, [o]) > 1e-9}
    assert rank_offers(needs, offers, limit=2) == ranked[:2]


def test_an_offer_that_is_likelier_to_be_had_is_preferred() -> None:
    needs = [Need(kind="a", weight=1)]
    sure = Offer(name="sure", quality={"a": 0.6}, p_acquire=0.9)
    good = Offer(name="good", quality={"a": 0.9}, p_acquire=0.5)
    assert choose(needs, [good, sure], k=1).chosen[0].name == "sure"
    assert [entry.name for entry in rank_offers(needs, [good, sure])] == ["sure", "good"]


def test_what_is_absorbed_already_is_not_acquired_again() -> None:
    needs = [Need(kind="a", weight=10, absorbed=1), Need(kind="b", weight=1)]
    offers = [Offer(name="again", quality={"a": 1}), Offer(name="new", quality={"b": 0.5, "c": 1})]
    assert [entry.name for entry in choose(needs, offers).chosen] == ["new"]


def test_the_best_is_found_where_greed_fails() -> None:
    needs = [Need(kind=kind, weight=1) for kind in "abcd"]
    greedy_bait = Offer(name="bait", quality={"a": 0.7, "b": 0.7, "c": 0.7})
    left, right = Offer(name="left", quality={"a": 1, "b": 1}), Offer(name="right", quality={"c": 1, "d": 1})
    offers = [greedy_bait, left, right]
    greedy = choose(needs, offers, k=2, effort=0)
    assert greedy.chosen[0].name == "bait"
    assert not greedy.exact
    best = choose(needs, offers, k=2)
    assert {entry.name for entry in best.chosen} == {"left", "right"}
    assert (best.gain, best.exact, best.certificate) == (pytest.approx(4), True, 1)


def test_the_best_that_can_be_afforded_is_found_where_greed_fails() -> None:
    needs = [Need(kind=kind, weight=1) for kind in "abcd"]
    offers = [
        Offer(name="all", quality=dict.fromkeys("abcd", 1.0), cost=9),
        Offer(name="bait", quality=dict.fromkeys("abc", 0.7)),
        Offer(name="left", quality={"a": 1, "b": 1}),
        Offer(name="right", quality={"c": 1, "d": 1}),
    ]
    assert choose(needs, offers, budget=2, effort=0).chosen[0].name == "bait"
    best = choose(needs, offers, budget=2)
    assert {entry.name for entry in best.chosen} == {"left", "right"}
    assert (best.exact, best.cost) == (True, 2)


def test_a_cheap_offer_does_not_keep_out_the_one_that_matters() -> None:
    needs = [Need(kind="a", weight=1), Need(kind="b", weight=100)]
    offers = [Offer(name="cheap", quality={"a": 1}, cost=0.001), Offer(name="dear", quality={"b": 1}, cost=10)]
    assert [entry.name for entry in choose(needs, offers, budget=10, effort=0).chosen] == ["dear"]


def test_among_equal_offers_the_first_is_taken() -> None:
    offers = [Offer(name=name, quality={"a": 0.5}) for name in "xyz"]
    chosen = choose([Need(kind="a", weight=1)], offers, k=2)
    assert [entry.name for entry in chosen.chosen] == ["x", "y"]
    assert chosen.exact


def test_nothing_to_choose_or_to_gain_gives_an_empty_selection() -> None:
    for needs, offers in (
        ([], []),
        ([Need(kind="a", weight=1)], []),
        ([], [Offer(name="x", quality={"a": 1})]),
        ([Need(kind="a", weight=1)], [Offer(name="x", quality={"a": 0}), Offer(name="y", quality={"b": 1})]),
    ):
        selection = choose(needs, offers, k=3)
        assert (selection.chosen, selection.gain, selection.bound, selection.cost) == ((), 0, 0, 0)
        assert (selection.certificate, selection.exact) == (1, True)
        assert rank_offers(needs, offers) == ()


def test_nothing_is_chosen_that_cannot_be_afforded() -> None:
    selection = choose([Need(kind="a", weight=1)], [Offer(name="x", quality={"a": 1}, cost=2)], budget=1)
    assert (selection.chosen, selection.bound, selection.exact) == ((), 0, True)


def test_an_offer_that_adds_nothing_to_the_others_is_left_out() -> None:
    offers = [Offer(name="all", quality={"a": 1}), Offer(name="more", quality={"a": 0.5})]
    assert [entry.name for entry in choose([Need(kind="a", weight=1)], offers, effort=0).chosen] == ["all"]


def test_the_greedy_choice_evaluates_few_offers_again() -> None:
    needs, offers = fleet(100, 50)
    selection = choose(needs, offers, k=5, effort=0)
    assert selection.evaluations < 50 + 45 + 40  # all, those that are left for the bound, and a few in between
    assert (selection.offers, selection.needs) == (50, 100)
    assert 0.5 < selection.certificate < 1


def test_a_search_that_takes_too_long_stops_with_the_best_so_far_and_a_bound() -> None:
    needs = [Need(kind=str(kind), weight=1) for kind in range(30)]
    offers = [
        Offer(
            name=str(number), quality={str(kind % 30): 0.5 for kind in range(number, number + 9)}, cost=1 + number % 3
        )
        for number in range(60)
    ]
    for budget in (None, 14):
        short = choose(needs, offers, k=9, budget=budget, effort=2000)
        greedy = choose(needs, offers, k=9, budget=budget, effort=0)
        assert not short.exact
        assert greedy.gain <= short.gain <= short.bound
        assert short.evaluations <= greedy.evaluations + 2000
        assert short.certificate >= greedy.certificate > 0.6


def test_with_very_many_offers_no_proof_is_sought() -> None:
    needs, offers = fleet(50, EXACT_UP_TO + 1)
    assert choose(needs, offers, k=4).evaluations == choose(needs, offers, k=4, effort=0).evaluations
    assert choose(needs, offers[:EXACT_UP_TO], k=4).exact


@given(NEEDS, OFFERS, st.integers(1, 3))
@settings(max_examples=30)
def test_the_unit_of_weights_and_costs_does_not_matter(needs: list[Need], offers: list[Offer], k: int) -> None:
    thousand = [Need(kind=n.kind, weight=n.weight * 1024, absorbed=n.absorbed) for n in needs]
    dearer = [Offer(name=o.name, quality=o.quality, p_acquire=o.p_acquire, cost=o.cost * 8) for o in offers]
    one, other = choose(needs, offers, k=k, budget=2), choose(thousand, dearer, k=k, budget=16)
    assert other.gain == pytest.approx(one.gain * 1024)


def test_what_an_offer_promises_cannot_be_changed_afterwards() -> None:
    quality = {"a": 0.5}
    offer = Offer(name="x", quality=quality)
    quality["a"] = 7.0
    assert offer.quality["a"] == 0.5


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_figures_that_make_no_sense_are_refused(value: float) -> None:
    with pytest.raises(PayloadError, match="weight of"):
        Need(kind="a", weight=value)
    with pytest.raises(PayloadError, match="'a' is absorbed"):
        Need(kind="a", weight=1, absorbed=value)
    with pytest.raises(PayloadError, match="acquiring 'x'"):
        Offer(name="x", quality={}, p_acquire=value)
    with pytest.raises(PayloadError, match="'x' absorbs 'a'"):
        Offer(name="x", quality={"a": value})
    with pytest.raises(PayloadError, match="cost of"):
        Offer(name="x", quality={}, cost=value)
    with pytest.raises(ConfigurationError, match="budget"):
        choose([], [], budget=value)


def test_an_offer_for_nothing_is_refused() -> None:
    with pytest.raises(PayloadError, match="cost of 0"):
        Offer(name="x", quality={}, cost=0)


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 offers"):
        choose([], [], k=0)
    with pytest.raises(ConfigurationError, match="0 offers"):
        rank_offers([], [], limit=0)
    with pytest.raises(ConfigurationError, match="effort of -1"):
        choose([], [], effort=-1)


def test_kinds_and_names_that_are_given_twice_are_refused() -> None:
    with pytest.raises(PayloadError, match="'a' is twice among the needs"):
        choose([Need(kind="a", weight=1)] * 2, [])
    with pytest.raises(PayloadError, match="'x' is twice among the offers"):
        rank_offers([], [Offer(name="x", quality={})] * 2)


def test_more_than_can_be_weighed_is_refused() -> None:
    with pytest.raises(PayloadError, match="more than 20000"):
        choose([Need(kind="a", weight=1)] * (MOST_ENTRIES + 1), [])
