"""The report on variety: what it finds, and from what."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.analysis import VarietyAnalysis
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.meter import OTHER

DEMANDS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Stage)), min_size=1, max_size=60)


def calculator_of(demands: list[tuple[str, Stage]], *, half_life: float = math.inf) -> VarietyCalculator:
    calculator = VarietyCalculator(half_life=half_life)
    calculator.observe_many(demands)
    return calculator


def test_before_the_first_demand_nothing_is_made_up() -> None:
    analysis = VarietyCalculator().analyze()
    assert (analysis.total_gap, analysis.ratio, analysis.trend, analysis.trend_error) == (None,) * 4
    assert (analysis.required_bits_estimated, analysis.unseen_share, analysis.kinds_unseen) == (None,) * 3
    assert (analysis.conservative_gap_share, analysis.drift_bits, analysis.drifting) == (None,) * 3
    assert (analysis.forecast, analysis.n, analysis.n_window) == (None, 0, 0)
    assert all(gap.gap is None for gap in analysis.gaps_by_system.values())


@pytest.mark.promise("C73", "A39")
@given(DEMANDS)
def test_the_gap_of_each_system_adds_up_to_the_total_gap(demands: list[tuple[str, Stage]]) -> None:
    analysis = calculator_of(demands, half_life=7.0).analyze()
    gaps = analysis.gaps_by_system.values()
    assert sum(gap.gap or 0.0 for gap in gaps) == pytest.approx(analysis.total_gap)
    assert sum(gap.bits or 0.0 for gap in gaps) == pytest.approx(analysis.total_gap_bits)
    assert (analysis.total_gap or 0.0) + (analysis.absorbed_share or 0.0) == pytest.approx(1.0)
    assert (analysis.total_gap_bits or 0.0) + (analysis.absorbed_bits or 0.0) == pytest.approx(
        analysis.required_bits, abs=1e-9
    )
    assert analysis.ratio is None or 0.0 <= analysis.ratio <= 1.0
    assert all(gap.recommendation for gap in gaps)


def test_what_is_missing_is_named_with_what_is_lost_by_it() -> None:
    calculator = calculator_of([("slides", Stage.UNKNOWN)] * 3 + [("time", Stage.UNKNOWN), ("mail", Stage.FAILED)])
    calculator.note_capability("time", 3, 3)
    gaps = calculator.analyze().gaps_by_system
    assert gaps["system4"].kinds == ("slides", "time")
    assert [(need.kind, need.lost_share, need.coverage) for need in gaps["system4"].missing] == [("slides", 0.6, 0.0)]
    assert [need.kind for need in gaps["system1"].missing] == ["mail"]
    assert gaps["system3"].missing == ()


def test_kinds_are_shown_up_to_a_bound_and_counted_all() -> None:
    calculator = calculator_of([(f"kind {number}", Stage.UNKNOWN) for number in range(300)])
    gap = calculator.analyze(worst=5).gaps_by_system["system4"]
    assert (len(gap.kinds), len(gap.missing), gap.kinds_lost) == (5, 5, 300)
    assert "and 297 more kinds" in gap.recommendation
    assert calculator.analyze(worst=0).worst_kinds == ()


def test_the_ratio_is_the_absorbed_part_of_the_required_variety() -> None:
    half = calculator_of([("a", Stage.ABSORBED), ("b", Stage.UNKNOWN)]).analyze()
    assert (half.required_bits, half.absorbed_bits, half.ratio) == pytest.approx((1.0, 0.5, 0.5))
    assert calculator_of([("a", Stage.ABSORBED)]).analyze().ratio is None


def test_demand_of_kinds_never_seen_counts_as_lost_in_the_conservative_gap() -> None:
    demands = [("known", Stage.ABSORBED)] * 8 + [("once", Stage.ABSORBED), ("once too", Stage.ABSORBED)]
    analysis = calculator_of(demands).analyze()
    assert analysis.unseen_share == pytest.approx(0.2)
    assert analysis.expected_gap_share is not None
    assert analysis.conservative_gap_share == pytest.approx(0.8 * analysis.expected_gap_share + 0.2)
    assert analysis.kinds_unseen == pytest.approx(0.9)
    assert analysis.required_bits is not None
    assert analysis.required_bits_estimated is not None
    assert analysis.required_bits < analysis.required_bits_estimated < 3.0


def test_the_estimate_looks_at_the_window_even_where_kinds_are_counted_together() -> None:
    calculator = VarietyCalculator(half_life=math.inf, most_kinds=2)
    calculator.observe_many([(f"kind {number % 64}", Stage.UNKNOWN) for number in range(6400)])
    analysis = calculator.analyze()
    assert analysis.n_window == 4096
    assert analysis.required_bits_estimated == pytest.approx(6.0, abs=0.02)
    assert analysis.required_bits is not None
    assert analysis.required_bits < 1.0
    assert analysis.gaps_by_system["system4"].missing[0].kind == OTHER


def test_a_gap_that_opens_is_a_trend() -> None:
    analysis = calculator_of([("a", Stage.ABSORBED)] * 100 + [("a", Stage.FAILED)] * 100).analyze()
    assert (analysis.trend, analysis.trend_error) == (1.0, 0.0)


@settings(max_examples=30)
@given(DEMANDS)
def test_the_report_is_the_same_after_json(demands: list[tuple[str, Stage]]) -> None:
    analysis = calculator_of(demands, half_life=5.0).analyze()
    assert VarietyAnalysis.model_validate_json(analysis.model_dump_json()) == analysis
    forecast = analysis.model_copy(update={"forecast": 0.25})
    assert VarietyAnalysis.model_validate_json(forecast.model_dump_json()).forecast == 0.25


def test_what_each_system_loses_is_known_without_the_report() -> None:
    assert VarietyCalculator().lost_by_system() == {}
    calculator = calculator_of([("a", Stage.FAILED), ("b", Stage.UNKNOWN), ("b", Stage.UNKNOWN), ("c", Stage.ABSORBED)])
    gaps = calculator.analyze().gaps_by_system
    assert calculator.lost_by_system() == {system: gap.share for system, gap in gaps.items()}
    assert calculator.lost_by_system()["system4"] == 0.5
    assert calculator.failing_kinds == calculator.analyze().expected_failing_kinds
