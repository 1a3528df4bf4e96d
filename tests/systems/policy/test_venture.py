"""A venture is entered, tried or left alone by what each is worth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.policy.utility import weigh_payoffs
from vsm_mcp.systems.policy.venture import Venture, appraise

VENTURES = st.builds(
    Venture,
    probability=st.floats(0, 1),
    value=st.floats(0, 100),
    cost=st.floats(0, 100),
    pilot_share=st.floats(0, 1),
    accuracy=st.floats(0.5, 1),
)
SLACK = 1e-9


def staked(probability: float) -> Venture:
    return Venture(probability=probability, value=10.0, cost=5.0, pilot_share=0.2, accuracy=0.8)


def test_at_even_chances_the_pilot_is_worth_most() -> None:
    found = appraise(staked(0.5))
    assert found.commit == pytest.approx(0.0, abs=1e-12)
    assert found.pilot == pytest.approx(1.0, abs=1e-12)
    assert found.pilot_success == pytest.approx(0.40, abs=1e-12)
    assert found.evpi == pytest.approx(2.5, abs=1e-12)


def test_when_success_is_nearly_sure_one_commits_and_when_it_is_unlikely_one_waits() -> None:
    sure, unlikely = appraise(staked(0.95)), appraise(staked(0.1))
    assert sure.commit == sure.pilot == pytest.approx(4.5)
    assert max(unlikely.commit, unlikely.pilot) < 0
    assert unlikely.pilot_success == 0
    assert unlikely.pilot == pytest.approx(-1.0)


def test_the_thresholds_are_where_the_best_plan_changes() -> None:
    found = appraise(staked(0.5))
    assert found.acting_from == pytest.approx(1.8 / 5.6)
    assert found.commit_from == pytest.approx(3.2 / 4.4)
    assert found.acting_from is not None
    assert found.commit_from is not None
    assert appraise(staked(0.5), found.acting_from).pilot == pytest.approx(0.0, abs=1e-12)
    below, above = appraise(staked(0.5), found.commit_from - 1e-3), appraise(staked(0.5), found.commit_from + 1e-3)
    assert below.pilot > below.commit
    assert above.pilot == above.commit


@given(VENTURES)
def test_a_pilot_is_never_worth_less_than_committing_and_its_answer_never_more_than_knowing(venture: Venture) -> None:
    found = appraise(venture)
    best = max(found.commit, 0.0)
    assert found.pilot >= found.commit - SLACK
    assert found.pilot >= -venture.pilot_share * venture.cost - SLACK
    assert found.pilot <= best + found.evpi + SLACK
    assert -SLACK <= found.information <= found.evpi + SLACK


@given(VENTURES)
def test_a_free_pilot_is_worth_at_least_the_best_other_plan_and_adds_exactly_its_information(venture: Venture) -> None:
    free = Venture(
        probability=venture.probability,
        value=venture.value,
        cost=venture.cost,
        pilot_share=0.0,
        accuracy=venture.accuracy,
    )
    found = appraise(free)
    best = max(found.commit, 0.0)
    assert found.pilot >= best - SLACK
    assert found.pilot - best == pytest.approx(found.information, abs=SLACK)


@given(VENTURES)
def test_the_worth_of_knowing_is_that_of_the_table_of_payoffs(venture: Venture) -> None:
    p = venture.probability
    table = weigh_payoffs([(venture.value - venture.cost, -venture.cost), (0.0, 0.0)], [p, 1 - p])
    assert appraise(venture).evpi == pytest.approx(table.evpi, abs=1e-7)


@given(VENTURES)
def test_value_of_the_pilot_is_success_times_value_less_its_cost(venture: Venture) -> None:
    found = appraise(venture)
    assert found.pilot_success * venture.value - found.pilot_cost == pytest.approx(found.pilot, abs=1e-7)
    assert 0 <= found.pilot_success <= venture.probability + SLACK


@given(VENTURES)
def test_below_the_threshold_nothing_pays_and_above_it_something_does(venture: Venture) -> None:
    found = appraise(venture)
    best = max(found.commit, found.pilot)
    if found.acting_from is None or venture.probability < found.acting_from - 1e-6:
        assert best <= 1e-6
    elif venture.probability > found.acting_from + 1e-6:
        assert best >= -1e-6


@given(VENTURES)
def test_from_the_second_threshold_on_committing_is_the_best(venture: Venture) -> None:
    found = appraise(venture)
    if found.commit_from is not None and venture.probability > found.commit_from + 1e-6:
        assert found.commit >= max(found.pilot, 0.0) - 1e-6


@pytest.mark.parametrize(
    "wrong",
    [
        {"probability": 1.1},
        {"value": -1.0},
        {"cost": math.inf},
        {"pilot_share": math.nan},
        {"accuracy": 0.4},
    ],
)
def test_stakes_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PayloadError):
        Venture(**{"probability": 0.5, "value": 1.0, "cost": 1.0} | wrong)
