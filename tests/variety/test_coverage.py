"""Coverage: what verification and outcomes teach about a capability."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.coverage import Belief, Coverage


def mean(belief: Belief | None) -> float:
    assert belief is not None
    return belief.mean


@pytest.mark.parametrize(
    ("successes", "trials", "expected"), [(0, 0, 1 / 2), (1, 1, 2 / 3), (3, 3, 4 / 5), (1, 4, 1 / 3)]
)
def test_verification_gives_the_posterior_mean(successes: int, trials: int, expected: float) -> None:
    coverage = Coverage()
    belief = coverage.note("a", successes=successes, trials=trials)
    assert belief.mean == pytest.approx(expected)
    assert (belief.trials, belief.outcomes) == (trials, 0)
    assert coverage.of("a") == belief


def test_without_a_capability_there_is_no_belief() -> None:
    coverage = Coverage()
    assert coverage.of("a") is None
    assert coverage.learn("a", success=False) is None
    assert len(coverage) == 0


def test_a_success_shows_that_there_is_a_capability() -> None:
    coverage = Coverage()
    assert mean(coverage.learn("a", success=True)) == pytest.approx(2 / 3)
    assert mean(coverage.learn("a", success=False)) == pytest.approx(1.995 / 3.995)


def test_noting_again_adds_to_the_evidence_and_forgetting_drops_it() -> None:
    coverage = Coverage()
    coverage.note("a", successes=1, trials=1)
    assert coverage.note("a", successes=2, trials=2).mean == pytest.approx(4 / 5)
    coverage.forget("a")
    coverage.forget("a")
    assert coverage.of("a") is None


def test_a_capability_that_breaks_is_noticed_although_it_worked_a_thousand_times() -> None:
    coverage = Coverage()
    for _ in range(1000):
        coverage.learn("a", success=True)
    assert mean(coverage.of("a")) > 0.99
    for _ in range(200):
        coverage.learn("a", success=False)
    assert mean(coverage.of("a")) < 0.5


@given(st.lists(st.booleans()), st.floats(0.01, 1.0))
def test_what_was_learnt_step_by_step_equals_the_definition(outcomes: list[bool], discount: float) -> None:
    coverage = Coverage(discount=discount)
    belief = coverage.note("a", successes=1, trials=2)
    for success in outcomes:
        belief = coverage.learn("a", success=success)
        assert belief is not None
    ages = [discount**age for age in range(len(outcomes) + 1)]
    good = ages[-1] + sum(w for w, success in zip(ages, reversed(outcomes), strict=False) if success)
    bad = ages[-1] + sum(w for w, success in zip(ages, reversed(outcomes), strict=False) if not success)
    assert belief.mean == pytest.approx((1 + good) / (2 + good + bad))
    assert 0 < belief.mean < 1
    assert (belief.trials, belief.outcomes) == (2, len(outcomes))


def test_outcomes_alone_teach_of_a_bounded_number_of_kinds_but_all_noted_ones_are_kept() -> None:
    coverage = Coverage(most_kinds=2)
    for kind in "abc":
        coverage.learn(kind, success=True)
    assert coverage.of("c") is None
    coverage.note("c", successes=1, trials=1)
    assert len(coverage) == 3


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 1), (0, -1)])
def test_impossible_trials_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(PayloadError, match="impossible"):
        Coverage().note("a", successes=successes, trials=trials)


@pytest.mark.parametrize("discount", [0.0, 1.1, float("nan")])
def test_a_discount_that_is_none_is_refused(discount: float) -> None:
    with pytest.raises(ConfigurationError, match="discount"):
        Coverage(discount=discount)


def test_a_bound_without_room_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Coverage(most_kinds=0)
