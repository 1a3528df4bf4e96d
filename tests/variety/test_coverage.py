"""One kind: what verification and outcomes teach about its capability, and how its cells in two meters join."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.coverage import DEFAULT_DISCOUNT, MOST_TRIALS, STAGES, Belief, Cell


def believed(successes: int, trials: int) -> Belief:
    belief = Belief()
    belief.note(successes, trials)
    return belief


def cell_of(weights: list[float], coverage: float) -> Cell:
    cell = Cell()
    cell.weigh(weights)
    cell.coverage = coverage
    return cell


CELLS = st.builds(
    cell_of, st.lists(st.floats(0.0, 1e6), min_size=len(STAGES), max_size=len(STAGES)), st.floats(0.0, 1.0)
)


@pytest.mark.parametrize(
    ("successes", "trials", "expected"), [(0, 0, 1 / 2), (1, 1, 2 / 3), (3, 3, 4 / 5), (1, 4, 1 / 3)]
)
def test_verification_gives_the_posterior_mean(successes: int, trials: int, expected: float) -> None:
    belief = Belief()
    assert belief.note(successes, trials) == pytest.approx(expected) == belief.mean
    assert (belief.trials, belief.outcomes) == (trials, 0)
    assert repr(belief) == f"Belief(mean={expected:.3f}, trials={trials}, outcomes=0)"


def test_noting_again_adds_to_the_evidence() -> None:
    assert believed(1, 1).note(2, 2) == pytest.approx(4 / 5)


def test_a_capability_that_breaks_is_noticed_although_it_worked_a_thousand_times() -> None:
    belief = Belief()
    for _ in range(1000):
        belief.succeeded(DEFAULT_DISCOUNT)
    assert belief.mean > 0.99
    for _ in range(200):
        belief.failed(DEFAULT_DISCOUNT)
    assert belief.mean < 0.5


@given(st.lists(st.booleans()), st.floats(0.01, 1.0))
def test_what_was_learnt_step_by_step_equals_the_definition(outcomes: list[bool], discount: float) -> None:
    belief = believed(1, 2)
    for success in outcomes:
        learnt = belief.succeeded(discount) if success else belief.failed(discount)
        assert learnt == belief.mean
    ages = [discount**age for age in range(len(outcomes) + 1)]
    good = ages[-1] + sum(w for w, success in zip(ages, reversed(outcomes), strict=False) if success)
    bad = ages[-1] + sum(w for w, success in zip(ages, reversed(outcomes), strict=False) if not success)
    assert belief.mean == pytest.approx((1 + good) / (2 + good + bad))
    assert 0 < belief.mean < 1
    assert (belief.trials, belief.outcomes) == (2, len(outcomes))


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 1), (0, -1), (1, MOST_TRIALS + 1), (10**400, 10**400)])
def test_impossible_trials_are_refused_and_teach_nothing(successes: int, trials: int) -> None:
    belief = believed(1, 1)
    with pytest.raises(PayloadError, match="impossible"):
        belief.note(successes, trials)
    assert belief.mean == pytest.approx(2 / 3)


@pytest.mark.parametrize("discount", [0.0, -1.0, 1.1, float("nan"), float("inf")])
def test_a_discount_that_is_none_is_refused(discount: float) -> None:
    with pytest.raises(ConfigurationError, match="discount"):
        VarietyCalculator(discount=discount)


@pytest.mark.parametrize("above", [-0.1, 1.1, float("nan")])
def test_a_threshold_of_coverage_that_is_no_probability_is_refused(above: float) -> None:
    with pytest.raises(ConfigurationError, match="threshold"):
        VarietyCalculator(available_above=above)


@given(CELLS, CELLS, st.floats(0.1, 10))
def test_joined_cells_absorb_what_both_absorb(one: Cell, other: Cell, unit: float) -> None:
    absorbed = one.weight * one.coverage + other.weight * unit * other.coverage
    weight = one.weight + other.weight * unit
    one.join(other, unit)
    assert one.weight == pytest.approx(weight)
    assert 0.0 <= one.coverage <= 1.0
    assert one.weight * one.coverage == pytest.approx(absorbed)


def test_joined_cells_have_the_evidence_of_both() -> None:
    one, other = Cell(), Cell()
    other.belief, other.held, other.coverage = believed(2, 3), True, 0.6
    one.join(other, 1.0)
    one.join(other, 1.0)
    assert one.held
    assert one.coverage == 0.6
    assert one.belief is not None
    assert (one.belief.successes, one.belief.failures, one.belief.trials) == (4.0, 2.0, 6)
    assert other.belief.trials == 3
