"""The alarm: thresholds with hysteresis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.variety.alarm import AlarmLevel, Thresholds


def levels(*shares: float) -> list[str]:
    level, seen = AlarmLevel.UNKNOWN, list[str]()
    for share in shares:
        level = Thresholds().next_level(level, share)
        seen.append(level.value)
    return seen


def test_it_alerts_below_the_threshold_and_clears_only_above_a_higher_one() -> None:
    assert levels(0.9, 0.81, 0.79, 0.81, 0.849, 0.85, 0.81) == [
        "clear", "clear", "alert", "alert", "alert", "clear", "clear",
    ]  # fmt: skip


def test_below_the_lowest_threshold_it_is_critical_and_then_on_alert_until_clear() -> None:
    assert levels(0.59, 0.6, 0.82, 0.9) == ["critical", "alert", "alert", "clear"]


@pytest.mark.parametrize("limits", [(0.9, 0.8, 0.85), (0.6, 0.9, 0.85), (-0.1, 0.8, 0.9), (0.6, 0.8, 1.1)])
def test_thresholds_out_of_order_are_refused(limits: tuple[float, float, float]) -> None:
    critical, alert, clear = limits
    with pytest.raises(ConfigurationError, match="not in order"):
        Thresholds(critical=critical, alert=alert, clear=clear)


@pytest.mark.promise("C63")
def test_by_default_it_alerts_below_80_percent() -> None:
    assert (Thresholds().critical, Thresholds().alert, Thresholds().clear) == (0.6, 0.8, 0.85)
    assert levels(0.8, 0.7999) == ["clear", "alert"]


@given(st.sampled_from(AlarmLevel), st.floats(0, 1))
def test_within_its_band_a_level_stays_and_outside_it_does_not(level: AlarmLevel, share: float) -> None:
    low, high = Thresholds().band(level)
    assert (low <= share < high) == (Thresholds().next_level(level, share) is level)
