"""The triple index says what is lost now and what is lost for want of development."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.control.performance import Better, PerformanceIndex, triple_index

MEASURE = st.one_of(st.none(), st.floats(0.0, 1e6))


@pytest.mark.promise("C12")
def test_the_published_example() -> None:
    index = triple_index(actuality=40, capability=60, potentiality=100, n=7, unit="tasks per day", window="one day")
    assert (index.productivity, index.latency, index.performance) == pytest.approx((2 / 3, 0.6, 0.4))
    assert (index.n, index.window, index.raised) == (7, "one day", ())
    assert PerformanceIndex.model_validate_json(index.model_dump_json()) == index


def test_of_seconds_and_costs_less_is_better() -> None:
    index = triple_index(
        actuality=100, capability=60, potentiality=40, n=1, unit="seconds per task", better=Better.LESS
    )
    assert (index.productivity, index.latency, index.performance) == pytest.approx((0.6, 2 / 3, 0.4))


def test_what_was_done_could_be_done_and_the_correction_is_told() -> None:
    index = triple_index(actuality=0.7, capability=0.5, potentiality=0.6, n=1)
    assert (index.capability, index.potentiality, index.raised) == (0.7, 0.7, ("capability", "potentiality"))
    assert index.performance == 1.0
    cost = triple_index(actuality=3, capability=None, potentiality=5, n=1, better=Better.LESS)
    assert (cost.potentiality, cost.raised) == (3, ("potentiality",))


def test_what_was_not_measured_is_unknown_and_not_a_number() -> None:
    index = triple_index(actuality=None, capability=0.5, potentiality=1.0, n=0)
    assert (index.productivity, index.latency, index.performance) == (None, 0.5, None)
    nothing = triple_index(actuality=0, capability=0, potentiality=0, n=3)
    assert (nothing.productivity, nothing.latency, nothing.performance) == (None, None, None)
    assert triple_index(actuality=0, capability=0, potentiality=1, n=3).latency == 0.0


@given(st.tuples(MEASURE, MEASURE, MEASURE), st.sampled_from(Better))
def test_performance_is_productivity_times_latency_and_each_is_a_share(
    measures: tuple[float | None, float | None, float | None], better: Better
) -> None:
    actuality, capability, potentiality = measures
    index = triple_index(actuality=actuality, capability=capability, potentiality=potentiality, n=1, better=better)
    for ratio in (index.productivity, index.latency, index.performance):
        assert ratio is None or 0.0 <= ratio <= 1.0
    if None not in (index.productivity, index.latency, index.performance):
        assert index.performance == pytest.approx((index.productivity or 0) * (index.latency or 0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1])
def test_measures_that_make_no_sense_are_refused(value: float) -> None:
    with pytest.raises(PayloadError, match="The capability of 'system' cannot be"):
        triple_index(actuality=0.1, capability=value, potentiality=None, n=1)


def test_names_and_counts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(PayloadError, match="A subject must have"):
        triple_index(actuality=None, capability=None, potentiality=None, n=0, subject="")
    with pytest.raises(PayloadError, match="A number of observations cannot be -1"):
        triple_index(actuality=None, capability=None, potentiality=None, n=-1)
