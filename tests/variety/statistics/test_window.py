"""The window of the newest demands: its bound, its trend and its drift."""

import math

import pytest

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.statistics.drift import DriftDetector
from vsm_mcp.variety.statistics.window import WINDOW, DemandWindow


def window_of(stages: list[Stage]) -> DemandWindow:
    window = DemandWindow()
    window.stages.extend(stages)
    window.kinds.extend("a" for _ in stages)
    return window


def test_it_keeps_the_newest_4096_demands_in_order() -> None:
    calculator = VarietyCalculator()
    for number in range(5000):
        calculator.observe(f"kind {number}", Stage.ABSORBED)
    assert calculator.window == tuple(f"kind {number}" for number in range(5000 - WINDOW, 5000))
    assert calculator.analyze().n_window == WINDOW


def test_fewer_than_60_demands_have_no_trend() -> None:
    assert window_of([Stage.ABSORBED] * 59).trend() is None
    assert window_of([Stage.ABSORBED] * 60).trend() == (0.0, 0.0)


@pytest.mark.parametrize("middle", [0, 1])
def test_the_trend_compares_the_newer_half_with_the_older(middle: int) -> None:
    older = [Stage.ABSORBED] * 80 + [Stage.UNKNOWN] * 20
    newer = [Stage.ABSORBED] * 50 + [Stage.FAILED] * 50
    trend = window_of(older + [Stage.ABSORBED] * middle + newer).trend()
    assert trend is not None
    assert trend.change == pytest.approx(0.3)
    assert trend.error == pytest.approx(math.sqrt(0.2 * 0.8 / 100 + 0.5 * 0.5 / 100))


def test_drift_is_what_the_detector_says_however_often_it_is_asked() -> None:
    calculator, seldom, detector = VarietyCalculator(), VarietyCalculator(), DriftDetector()
    for number in range(4000):
        kind = f"kind {number % 5}" if number < 3000 else "new"
        calculator.observe(kind, Stage.ABSORBED)
        seldom.observe(kind, Stage.ABSORBED)
        detector.observe(kind)
        if not number % 7:
            calculator.drift()
    drift = calculator.drift()
    assert drift is not None
    assert drift == seldom.drift() == seldom.drift()
    assert (drift.bits, drift.drifting) == (detector.bits, detector.drifting)


def test_a_drift_is_said_to_have_begun_when_it_did() -> None:
    calculator = VarietyCalculator()
    for number in range(3000):
        calculator.observe(f"kind {number % 5}", Stage.ABSORBED)
    calm = calculator.drift()
    assert calm is not None
    assert (calm.drifting, calm.began) == (False, None)
    for _ in range(100):
        calculator.observe("new", Stage.ABSORBED)
    drift = calculator.drift()
    assert drift is not None
    assert drift.drifting
    assert drift.began == pytest.approx(100, abs=5)
    analysis = calculator.analyze()
    assert (analysis.drift_bits, analysis.drifting, analysis.drift_began) == drift


def test_who_asks_too_seldom_skips_the_demands_that_are_gone() -> None:
    calculator, detector = VarietyCalculator(), DriftDetector()
    for number in range(WINDOW + 1000):
        kind = f"kind {number % 3}"
        calculator.observe(kind, Stage.ABSORBED)
        if number >= 1000:
            detector.observe(kind)
    drift = calculator.drift()
    assert drift is not None
    assert drift.bits == detector.bits


def test_the_newest_demands_of_another_window_are_taken_for_its_share() -> None:
    window, other = DemandWindow(observed=10), window_of([Stage.FAILED] * 4000 + [Stage.ABSORBED] * 96)
    window.extend(other, share=0.0234375)
    assert len(window) == 96
    assert set(window.stages) == {Stage.ABSORBED}
    assert window.counts() == (96,)
    assert window.drift(10) is None
