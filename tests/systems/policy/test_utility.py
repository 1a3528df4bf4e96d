"""What options are worth, against the published examples and the definitions."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.context import Option
from vsm_mcp.systems.policy.utility import (
    Preferences,
    Prior,
    Score,
    believe,
    break_even,
    evaluate,
    knowing_success,
    normalised,
    weigh_payoffs,
)

UNIT = st.floats(0.0, 1.0)
SCORES = st.lists(
    st.builds(
        Score,
        name=st.sampled_from("abcdef"),
        value=st.just(0.0),
        utility=st.floats(0.0, 5.0),
        probability=UNIT,
        spread=st.just(0.0),
        cost=st.floats(0.0, 3.0),
        outcomes=st.just(0.0),
    ),
    min_size=1,
    max_size=6,
)


def test_the_oil_wildcatter_expects_20_from_drilling_and_would_pay_35_to_know() -> None:
    drill, leave = (-70.0, 50.0, 200.0), (0.0, 0.0, 0.0)
    found = weigh_payoffs([drill, leave], [0.5, 0.3, 0.2])
    assert found.best == 0
    assert found.expected == pytest.approx(20.0, abs=1e-12)
    assert found.evpi == pytest.approx(35.0, abs=1e-12)


UNWEIGHABLE: list[tuple[list[list[float]], list[float]]] = [
    ([], [1.0]),
    ([[1.0]], [0.5, 0.5]),
    ([[1.0, 2.0]], [0.5, 0.4]),
    ([[math.nan, 1.0]], [0.5, 0.5]),
    ([[1.0, 1.0]], [math.nan, 0.5]),
    ([[1.0, 1.0]], [1.5, -0.5]),
    ([[]], []),
]


@pytest.mark.parametrize(("payoffs", "probabilities"), UNWEIGHABLE)
def test_payoffs_that_cannot_be_weighed_are_refused(payoffs: list[list[float]], probabilities: list[float]) -> None:
    with pytest.raises(PayloadError):
        weigh_payoffs(payoffs, probabilities)


@given(
    st.integers(1, 4).flatmap(
        lambda states: st.tuples(
            st.lists(st.lists(st.floats(-100, 100), min_size=states, max_size=states), min_size=1, max_size=4),
            st.lists(st.integers(1, 9), min_size=states, max_size=states),
        )
    )
)
def test_knowing_the_state_is_never_worth_less_than_nothing(case: tuple[list[list[float]], list[int]]) -> None:
    payoffs, parts = case
    found = weigh_payoffs(payoffs, [part / sum(parts) for part in parts])
    assert found.evpi >= 0
    if len(payoffs) == 1:
        assert found.evpi == pytest.approx(0, abs=1e-9)


def test_the_value_is_cautious_probability_times_additive_utility_less_cost() -> None:
    option = Option(name="a", attributes={"x": 1.0, "y": 0.5}, cost=0.1, risk=0.3, successes=6, failures=2, prior=0.5)
    [score] = evaluate([option], weights=(("x", 0.75), ("y", 0.25)), risk_aversion=0.5)
    assert score.probability == pytest.approx(0.7)
    assert score.utility == pytest.approx(0.875)
    assert score.spread == pytest.approx(math.sqrt(0.7 * 0.3 / 11 + 0.09))
    assert score.value == pytest.approx((0.7 - 0.5 * score.spread) * 0.875 - 0.1)
    assert score.outcomes == 8


def test_caution_never_makes_success_unwelcome() -> None:
    [score] = evaluate([Option(name="a", attributes={"x": 1.0}, cost=0.2)], weights=(("x", 1.0),), risk_aversion=99.0)
    assert score.value == -0.2


def test_recorded_outcomes_add_to_what_an_option_knows_and_the_prior_is_for_those_that_assume_nothing() -> None:
    options = [Option(name="a", attributes={"x": 1.0}, successes=1), Option(name="b", attributes={"x": 1.0}, prior=0.2)]
    scores = evaluate(options, weights=(("x", 1.0),), evidence={"a": (2, 1)}, prior=Prior(0.25, 4.0))
    found = {score.name: score for score in scores}
    assert found["a"].probability == pytest.approx((0.25 * 4 + 3) / 8)
    assert found["a"].outcomes == 4
    assert found["b"].probability == pytest.approx(0.2)
    assert found["b"].outcomes == 0


@given(UNIT, st.floats(0.1, 100), st.tuples(st.integers(0, 1000), st.integers(0, 1000)))
def test_belief_moves_from_the_prior_to_what_happened(mean: float, weight: float, outcomes: tuple[int, int]) -> None:
    good, bad = outcomes
    belief = believe(Prior(mean, weight), successes=good, failures=bad)
    seen = good / (good + bad) if good + bad else mean
    assert min(mean, seen) - 1e-9 <= belief.mean <= max(mean, seen) + 1e-9
    assert 0 <= belief.spread <= 0.5
    assert belief.outcomes == good + bad


@given(UNIT, st.floats(0.1, 9), st.tuples(st.floats(0, 9), st.floats(0, 9)))
def test_belief_and_evaluation_agree(mean: float, weight: float, outcomes: tuple[float, float]) -> None:
    good, bad = outcomes
    option = Option(name="a", attributes={"x": 1.0}, prior=mean, prior_weight=weight, successes=good, failures=bad)
    [score] = evaluate([option], weights=(("x", 1.0),))
    belief = believe(Prior(mean, weight), successes=good, failures=bad)
    assert (score.probability, score.spread) == pytest.approx((belief.mean, belief.spread))


@given(st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=1, max_size=6), st.floats(0, 2))
def test_the_order_is_by_value_and_does_not_depend_on_the_names(
    figures: list[tuple[float, float, float]], risk_aversion: float
) -> None:
    options = [
        Option(name=str(place), attributes={"x": x}, cost=cost, prior=prior)
        for place, (x, cost, prior) in enumerate(figures)
    ]
    scores = evaluate(options, weights=(("x", 1.0),), risk_aversion=risk_aversion)
    again = evaluate(options[::-1], weights=(("x", 1.0),), risk_aversion=risk_aversion)
    assert [score.value for score in scores] == sorted((score.value for score in scores), reverse=True)
    assert [score.value for score in scores] == [score.value for score in again]


@settings(max_examples=60)
@given(SCORES)
def test_the_worth_of_knowing_success_is_that_of_enumerating_all_ends(scores: list[Score]) -> None:
    known = 0.0
    for ends in itertools.product((True, False), repeat=len(scores)):
        chance, best = 1.0, -math.inf
        for score, succeeds in zip(scores, ends, strict=True):
            chance *= score.probability if succeeds else 1 - score.probability
            best = max(best, (score.utility if succeeds else 0.0) - score.cost)
        known += chance * best
    expected = max(score.probability * score.utility - score.cost for score in scores)
    assert knowing_success(scores) == pytest.approx(known - expected, abs=1e-9)


def test_of_nothing_nothing_is_worth_knowing() -> None:
    assert knowing_success([]) == 0.0


def test_break_even_is_where_the_runner_up_is_reached() -> None:
    option = Option(name="a", attributes={"x": 0.8}, cost=0.1)
    [score] = evaluate([option], weights=(("x", 1.0),), risk_aversion=0.5)
    even = break_even(score, other=0.2, risk_aversion=0.5)
    assert even is not None
    assert (even - 0.5 * score.spread) * 0.8 - 0.1 == pytest.approx(0.2)
    assert break_even(score, other=9.0, risk_aversion=0.5) is None
    assert break_even(score._replace(utility=0.0), other=0.0, risk_aversion=0.5) is None


def test_weights_are_made_to_sum_to_one() -> None:
    assert normalised({"x": 3.0, "y": 1.0}) == (("x", 0.75), ("y", 0.25))
    for wrong in ({}, {"x": 0.0}):
        with pytest.raises(PayloadError, match="sum to 0"):
            normalised(wrong)


@pytest.mark.parametrize("wrong", [{"risk_aversion": -1.0}, {"looking_cost": math.nan}, {"risk_aversion": math.inf}])
def test_preferences_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Preferences(**wrong)
