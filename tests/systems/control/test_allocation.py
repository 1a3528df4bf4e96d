"""Scarce resources are shared fairly, wholly, and where they bring most."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.control.allocation import dominant_share, marginal, max_min

AMOUNT = st.floats(0.0, 1e6)
WEIGHT = st.floats(0.01, 100.0)
UNITS = st.lists(st.tuples(AMOUNT, WEIGHT), min_size=1, max_size=20)


def named(values: list[float]) -> dict[str, float]:
    return {f"u{place}": value for place, value in enumerate(values)}


@pytest.mark.promise("C11")
def test_the_published_shares_of_one_resource() -> None:
    plain = max_min(10, {"a": 2, "b": 2.6, "c": 4, "d": 5})
    assert plain.granted == pytest.approx({"a": 2, "b": 2.6, "c": 2.7, "d": 2.7})
    assert (plain.level, plain.left) == (pytest.approx(2.7), 0)
    weighted = max_min(16, {"a": 4, "b": 2, "c": 10, "d": 4}, weights={"a": 2.5, "b": 4, "c": 0.5, "d": 1})
    assert weighted.granted == pytest.approx({"a": 4, "b": 2, "c": 6, "d": 4})


def test_enough_for_all_leaves_a_rest_and_no_level() -> None:
    shared = max_min(10, {"a": 2, "b": 3})
    assert (shared.granted, shared.level, shared.left) == ({"a": 2, "b": 3}, None, 5)


def test_nothing_is_shared_as_nothing() -> None:
    assert max_min(0, {"a": 2, "b": 0}).granted == {"b": 0, "a": 0}


@given(AMOUNT, UNITS)
def test_shares_are_feasible_use_up_what_is_wanted_and_favour_nobody(
    capacity: float, units: list[tuple[float, float]]
) -> None:
    demands, weights = named([demand for demand, _ in units]), named([weight for _, weight in units])
    shared = max_min(capacity, demands, weights=weights)
    given_away = math.fsum(shared.granted.values())
    assert given_away == pytest.approx(min(capacity, math.fsum(demands.values())), rel=1e-9, abs=1e-9)
    for unit, granted in shared.granted.items():
        assert 0.0 <= granted <= demands[unit]
        if granted < demands[unit] * (1 - 1e-9):
            assert shared.level is not None
            assert granted == pytest.approx(shared.level * weights[unit], rel=1e-9)
        elif shared.level is not None:
            assert granted <= shared.level * weights[unit] * (1 + 1e-9)


@given(UNITS, st.floats(1.0, 1e5), st.floats(1.0, 10.0))
def test_more_to_share_gives_nobody_less(units: list[tuple[float, float]], capacity: float, factor: float) -> None:
    demands, weights = named([demand for demand, _ in units]), named([weight for _, weight in units])
    less = max_min(capacity, demands, weights=weights).granted
    more = max_min(capacity * factor, demands, weights=weights).granted
    assert all(more[unit] >= less[unit] * (1 - 1e-9) for unit in demands)


@pytest.mark.promise("C11")
def test_the_published_shares_of_two_resources() -> None:
    shared = dominant_share({"cpu": 9, "gb": 18}, {"A": {"cpu": 1, "gb": 4}, "B": {"cpu": 3, "gb": 1}})
    assert shared.multiples == pytest.approx({"A": 3, "B": 2})
    assert shared.dominant == pytest.approx({"A": 2 / 3, "B": 2 / 3})
    assert shared.used == pytest.approx({"cpu": 1, "gb": 14 / 18})
    assert shared.tightest == "cpu"


def test_who_does_not_need_what_ran_out_goes_on_growing() -> None:
    shared = dominant_share({"cpu": 10, "gb": 10}, {"a": {"cpu": 1}, "b": {"cpu": 1}, "c": {"gb": 1}}, limits={"c": 8})
    assert shared.multiples == pytest.approx({"a": 5, "b": 5, "c": 8})


NEEDS = st.lists(
    st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 10.0), WEIGHT, st.floats(0.0, 20.0)).filter(
        lambda one: one[0] + one[1] > 0.01
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@settings(max_examples=80)
@given(NEEDS, st.floats(1.0, 100.0), st.floats(1.0, 100.0))
def test_dominant_shares_are_feasible_and_nobody_could_have_more_without_taking_it_from_the_poorer(
    units: list[tuple[float, float, float, float]], cpu: float, gb: float
) -> None:
    needs = {f"u{place}": {"cpu": one[0], "gb": one[1]} for place, one in enumerate(units)}
    weights, limits = named([one[2] for one in units]), named([one[3] for one in units])
    shared = dominant_share({"cpu": cpu, "gb": gb}, needs, weights=weights, limits=limits)
    assert all(0 <= share <= 1 + 1e-9 for share in shared.used.values())
    full = {name for name, share in shared.used.items() if share >= 1 - 1e-7}
    for unit, need in needs.items():
        assert shared.multiples[unit] <= limits[unit] * (1 + 1e-9)
        if shared.multiples[unit] >= limits[unit] * (1 - 1e-7):
            continue
        level = shared.dominant[unit] / weights[unit]
        assert any(
            level
            >= max(shared.dominant[other] / weights[other] for other in needs if needs[other][name] > 0) * (1 - 1e-6)
            for name in full
            if need[name] > 0
        )


@given(
    AMOUNT.filter(lambda value: value > 0.01), st.lists(st.tuples(st.floats(0.01, 1e5), WEIGHT), min_size=1, max_size=8)
)
def test_of_a_single_resource_the_dominant_shares_are_the_max_min_shares(
    capacity: float, units: list[tuple[float, float]]
) -> None:
    demands, weights = named([demand for demand, _ in units]), named([weight for _, weight in units])
    one = dominant_share({"r": capacity}, {unit: {"r": 1.0} for unit in demands}, weights=weights, limits=demands)
    assert one.multiples == pytest.approx(max_min(capacity, demands, weights=weights).granted, rel=1e-6, abs=1e-9)


def best_by_trying_everything(budget: float, gains: dict[str, list[float]], costs: dict[str, float]) -> float:
    choices = product(*(range(len(steps) + 1) for steps in gains.values()))
    feasible = (
        math.fsum(math.fsum(steps[:taken]) for steps, taken in zip(gains.values(), choice, strict=True))
        for choice in choices
        if math.fsum(costs[unit] * taken for unit, taken in zip(gains, choice, strict=True)) <= budget
    )
    return max(feasible)


GAINS = st.lists(st.lists(st.integers(0, 50).map(float), max_size=4), min_size=1, max_size=4)


@settings(max_examples=80)
@given(GAINS, st.integers(0, 12))
def test_steps_that_cost_the_same_are_spent_as_well_as_can_be(steps: list[list[float]], budget: int) -> None:
    gains = {f"u{place}": sorted(one, reverse=True) for place, one in enumerate(steps)}
    spent = marginal(budget, gains)
    assert spent.gained == pytest.approx(best_by_trying_everything(budget, gains, dict.fromkeys(gains, 1.0)))
    assert spent.upper_bound == spent.gained
    assert spent.spent == sum(spent.steps.values()) <= budget


@settings(max_examples=80)
@given(GAINS, st.integers(0, 12), st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_with_different_costs_the_bound_is_never_below_the_best(
    steps: list[list[float]], budget: int, prices: list[int]
) -> None:
    gains = {f"u{place}": sorted(one, reverse=True) for place, one in enumerate(steps)}
    costs = {unit: float(price) for unit, price in zip(gains, prices, strict=False)}
    spent = marginal(budget, gains, costs=costs)
    best = best_by_trying_everything(budget, gains, costs)
    assert spent.gained <= best + 1e-9
    assert best <= spent.upper_bound + 1e-9
    assert spent.spent <= budget


def test_gains_that_grow_are_refused() -> None:
    with pytest.raises(PayloadError, match="Step 2 of 'a' brings 3, more than the step before"):
        marginal(5, {"a": [1, 3]})


def test_a_unit_without_gains_gets_nothing() -> None:
    assert marginal(5, {"a": [], "b": [0.0], "c": [1.0]}).steps == {"a": 0, "b": 0, "c": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_figures_that_make_no_sense_are_refused(value: float) -> None:
    for attempt in (
        lambda: max_min(value, {"a": 1}),
        lambda: max_min(1, {"a": value}),
        lambda: max_min(1, {"a": 1}, weights={"a": value}),
        lambda: dominant_share({"r": value}, {"a": {"r": 1}}),
        lambda: dominant_share({"r": 1}, {"a": {"r": value}}),
        lambda: dominant_share({"r": 1}, {"a": {"r": 1}}, limits={"a": -1.0 if value > 0 else value}),
        lambda: marginal(value, {"a": [1]}),
        lambda: marginal(1, {"a": [value]}),
        lambda: marginal(1, {"a": [1]}, costs={"a": value}),
    ):
        with pytest.raises(PayloadError, match="cannot be"):
            attempt()


def test_too_many_too_few_unknown_and_empty_are_refused() -> None:
    many = {f"u{place}": 1.0 for place in range(1_001)}
    for attempt, reason in (
        (lambda: max_min(1, {}), "0 units cannot share"),
        (lambda: max_min(1, many), "1001 units cannot share"),
        (lambda: max_min(1, {"": 1}), "1 to 200 characters"),
        (lambda: dominant_share({}, {"a": {"r": 1}}), "0 resources cannot be shared"),
        (lambda: dominant_share(many, {"a": {"r": 1}}), "1001 resources cannot be shared"),
        (lambda: dominant_share({"r": 1}, {"a": {"s": 1}}), "of which no capacity is known"),
        (lambda: dominant_share({"r": 1}, {"a": {"r": 0}}), "'a' needs nothing"),
        (lambda: dominant_share({"r": 1}, {"a": {}}), "'a' needs nothing"),
        (lambda: marginal(1, {"a": [1.0] * 1_000_001}), "too many steps"),
    ):
        with pytest.raises(PayloadError, match=reason):
            attempt()


def test_when_the_best_step_leaves_no_room_for_a_larger_one_the_bound_tells_what_was_missed() -> None:
    spent = marginal(4, {"small": [3.0], "large": [8.0]}, costs={"large": 4.0})
    assert (spent.steps, spent.spent, spent.gained) == ({"small": 1, "large": 0}, 1.0, 3.0)
    assert spent.upper_bound == 9.0
