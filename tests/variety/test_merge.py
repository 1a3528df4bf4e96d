"""The whole and its parts: the calculator of a system of systems is the merge of theirs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.alarm import AlarmLevel
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.meter import OTHER

DEMANDS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Stage)), min_size=1, max_size=60)
CAPABILITIES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5))


def calculator_of(demands: list[tuple[str, Stage]]) -> VarietyCalculator:
    calculator = VarietyCalculator(half_life=math.inf)
    calculator.observe_many(demands)
    return calculator


def share_of(calculator: VarietyCalculator) -> float:
    share = calculator.gap().share
    assert share is not None
    return share


@given(st.lists(DEMANDS, min_size=1, max_size=3), CAPABILITIES)
def test_a_whole_loses_what_its_parts_lose(parts: list[list[tuple[str, Stage]]], capabilities: dict[str, int]) -> None:
    children = [calculator_of(demands) for demands in parts]
    for kind, trials in capabilities.items():
        children[0].note_capability(kind, trials, trials)
    whole = VarietyCalculator.merge(children)
    count = sum(map(len, parts))
    assert whole.gap().n == count
    assert share_of(whole) == pytest.approx(
        sum(len(demands) * share_of(child) for demands, child in zip(parts, children, strict=True)) / count
    )
    together = calculator_of([demand for demands in parts for demand in demands])
    assert whole.weights() == pytest.approx(together.weights())
    assert whole.gap().required_bits == pytest.approx(together.gap().required_bits, abs=1e-9)
    assert sorted(whole.window) == sorted(together.window)
    assert (whole.analyze().total_gap_bits or 0.0) == pytest.approx(together.analyze().total_gap_bits or 0.0, abs=1e-9)
    assert whole.level in {AlarmLevel.CLEAR, AlarmLevel.ALERT, AlarmLevel.CRITICAL}


def test_a_whole_knows_no_drift_of_its_parts_and_leaves_them_as_they_are() -> None:
    child = calculator_of([("a", Stage.ABSORBED)] * 5)
    before = child.analyze()
    whole = VarietyCalculator.merge([child, child, VarietyCalculator()])
    assert (child.analyze(), whole.gap().n) == (before, 10)
    assert whole.drift() is None
    assert whole.cache_stats().hits == 0
    whole.observe("a", Stage.FAILED)
    assert (whole.gap().n, whole.cache_stats().hits) == (11, 1)
    assert whole.drift() is not None
    assert VarietyCalculator.merge([]).gap().n == VarietyCalculator.merge([VarietyCalculator()]).gap().n == 0


def test_a_child_with_most_of_the_demand_has_most_of_the_window() -> None:
    large = calculator_of([("large", Stage.ABSORBED)] * 9000)
    small = calculator_of([("small", Stage.ABSORBED)] * 1000)
    window = VarietyCalculator.merge([large, small]).window
    assert len(window) == 4096
    assert window.count("small") == pytest.approx(410, abs=1)


def test_kinds_that_do_not_fit_into_the_whole_are_counted_together_and_never_covered() -> None:
    child = calculator_of([(kind, Stage.ABSORBED) for kind in "aab" * 10])
    whole = VarietyCalculator.merge([child], most_kinds=1)
    assert whole.shares() == {"a": pytest.approx(2 / 3), OTHER: pytest.approx(1 / 3)}
    assert share_of(whole) == pytest.approx(1 - 2 / 3 * child.coverage_of("a"))
    assert whole.gap().observed_absorbed_share == 1.0
