"""Forecasts go on with the trend, are honest about their error, and say nothing before they can."""

from math import inf, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.intelligence.forecast import LEAST_OBSERVATIONS, Forecast, TrendForecaster


def after(values: list[float], horizon: int = 1, *, damping: float = 0.9) -> Forecast | None:
    forecaster = TrendForecaster(damping=damping)
    for value in values:
        forecaster.observe(value)
    return forecaster.forecast(horizon)


def test_before_eight_observations_nothing_is_said() -> None:
    assert after([1.0] * (LEAST_OBSERVATIONS - 1)) is None
    assert after([1.0] * LEAST_OBSERVATIONS) is not None


@pytest.mark.promise("C154")
def test_a_straight_line_goes_on() -> None:
    forecast = after([float(step) for step in range(400)], 10, damping=1.0)
    assert forecast is not None
    assert forecast.mean == pytest.approx(409, abs=1e-3)


@pytest.mark.promise("C154")
def test_a_constant_stays_without_any_doubt() -> None:
    forecast = after([0.25] * 20, 50)
    assert forecast is not None
    assert (forecast.low, forecast.mean, forecast.high) == (0.25, 0.25, 0.25)
    assert (forecast.n, forecast.horizon) == (20, 50)


def test_two_steps_by_hand() -> None:
    forecaster = TrendForecaster(level_gain=0.5, trend_gain=0.25, damping=0.5)
    for value in (0.0, 2.0, *[1.0] * 6):
        forecaster.observe(value)
    level, trend, squares = 0.0, 0.0, list[float]()
    for value in (2.0, *[1.0] * 6):
        surprise = value - (level + 0.5 * trend)
        level, trend = level + 0.5 * trend + 0.5 * surprise, 0.5 * trend + 0.25 * surprise
        squares.append(surprise**2)
    forecast = forecaster.forecast(2, confidence=0.6826894921370859)
    assert forecast is not None
    assert forecast.mean == pytest.approx(level + trend * 0.75)
    variance = sum(squares) / 7 * (1 + (0.5 + 0.25 * 0.5) ** 2)
    assert forecast.high - forecast.mean == pytest.approx(variance**0.5)


@pytest.mark.promise("C154")
@pytest.mark.parametrize("horizon", [1, 5])
def test_the_interval_holds_as_often_as_it_says(horizon: int) -> None:
    draw = Random(7)  # noqa: S311 - a reproducible series
    walk = [0.0]
    for _ in range(6000):
        walk.append(walk[-1] + draw.gauss(0, 0.3))
    series = [value + draw.gauss(0, 1) for value in walk]
    forecaster, inside, asked = TrendForecaster(trend_gain=0.01), 0, 0
    for step, value in enumerate(series[:-horizon]):
        forecaster.observe(value)
        forecast = forecaster.forecast(horizon) if step > 100 else None
        if forecast is not None:
            asked += 1
            inside += forecast.low <= series[step + horizon] <= forecast.high
    assert 0.87 <= inside / asked <= 0.94


def test_the_interval_widens_with_the_horizon() -> None:
    draw = Random(3)  # noqa: S311 - a reproducible series
    values = [draw.gauss(0, 1) for _ in range(50)]
    widths = [forecast.high - forecast.low for step in (1, 4, 16, 64) if (forecast := after(values, step))]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


@given(st.lists(st.floats(0, 1), min_size=LEAST_OBSERVATIONS, max_size=60), st.integers(1, 500))
def test_a_share_stays_a_share(values: list[float], horizon: int) -> None:
    forecaster = TrendForecaster(lowest=0.0, highest=1.0)
    for value in values:
        forecaster.observe(value)
    forecast = forecaster.forecast(horizon)
    assert forecast is not None
    assert 0 <= forecast.low <= forecast.mean <= forecast.high <= 1


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_refused_and_changes_nothing(value: float) -> None:
    forecaster = TrendForecaster()
    forecaster.observe(1.0)
    before = repr(forecaster)
    with pytest.raises(PayloadError):
        forecaster.observe(value)
    assert repr(forecaster) == before


@pytest.mark.parametrize(
    "options", [{"level_gain": 0.0}, {"trend_gain": 0.5}, {"damping": 1.1}, {"lowest": 1.0, "highest": 1.0}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        TrendForecaster(**options)


@pytest.mark.parametrize(("horizon", "confidence"), [(0, 0.9), (10_001, 0.9), (1, 0.0), (1, nan)])
def test_a_horizon_or_confidence_out_of_range_is_refused(horizon: int, confidence: float) -> None:
    with pytest.raises(ConfigurationError):
        TrendForecaster().forecast(horizon, confidence=confidence)
