import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.statistics.calibration import Calibration, CalibrationReport

FORECASTS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0]), st.booleans()), min_size=1)
ANY_FORECASTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1)


def report_of(history: list[tuple[float, bool]], *, most_bins: int = 1000) -> CalibrationReport:
    calibration = Calibration(most_bins=most_bins)
    for forecast, happened in history:
        calibration.observe(forecast, happened=happened)
    return calibration.report()


def value(figure: float | None) -> float:
    assert figure is not None
    return figure


def test_before_the_first_outcome_nothing_is_known() -> None:
    report = Calibration().report()
    assert report == CalibrationReport(n=0, bins=0, exact=True)
    assert report.brier is None
    assert report.skill is None


@pytest.mark.promise("A39")
@given(FORECASTS)
def test_murphys_identity_is_exact_for_bins_of_equal_forecasts(history: list[tuple[float, bool]]) -> None:
    report = report_of(history)
    brier = sum((forecast - happened) ** 2 for forecast, happened in history) / len(history)
    assert report.exact
    assert report.within_bins == 0
    assert value(report.brier) == pytest.approx(brier, abs=1e-12)
    assert value(report.reliability) - value(report.resolution) + value(report.uncertainty) == pytest.approx(
        brier, abs=1e-12
    )


@given(ANY_FORECASTS)
def test_with_too_many_different_forecasts_the_rest_is_told(history: list[tuple[float, bool]]) -> None:
    report = report_of(history, most_bins=10)
    parts = (report.reliability, report.uncertainty, report.within_bins)
    assert sum(map(value, parts)) - value(report.resolution) == pytest.approx(value(report.brier), abs=1e-12)
    assert report.bins <= 10
    assert report.exact is (len({forecast for forecast, _ in history}) <= 10)
    assert abs(value(report.within_bins)) <= 0.2


@given(ANY_FORECASTS, st.randoms(use_true_random=False))
def test_the_order_of_forecasts_does_not_matter(history: list[tuple[float, bool]], shuffle: Random) -> None:
    other = history.copy()
    shuffle.shuffle(other)
    one, two = report_of(history, most_bins=10), report_of(other, most_bins=10)
    assert (one.bins, one.exact) == (two.bins, two.exact)
    for name in ("brier", "reliability", "resolution", "expected_error"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), abs=1e-12)


@given(ANY_FORECASTS)
def test_figures_stay_within_their_bounds(history: list[tuple[float, bool]]) -> None:
    report = report_of(history, most_bins=20)
    for figure in (report.brier, report.reliability, report.expected_error, report.base_rate):
        assert 0 <= value(figure) <= 1
    assert 0 <= value(report.resolution) <= value(report.uncertainty) + 1e-12
    assert value(report.uncertainty) <= 0.25
    assert report.n == len(history)


def test_a_worked_example() -> None:
    history = [(0.9, True)] * 4 + [(0.9, False)] + [(0.2, False)] * 4 + [(0.2, True)]
    report = report_of(history)
    assert report.brier == pytest.approx((4 * 0.01 + 0.81 + 4 * 0.04 + 0.64) / 10)
    assert report.reliability == pytest.approx((5 * 0.1**2 + 0) / 10)
    assert report.resolution == pytest.approx(0.3**2)
    assert report.uncertainty == pytest.approx(0.25)
    assert report.skill == pytest.approx(1 - 0.165 / 0.25)
    assert report.expected_error == pytest.approx((5 * 0.1 + 0) / 10)
    assert (report.base_rate, report.bins) == (0.5, 2)


def test_always_forecasting_the_base_rate_has_no_skill() -> None:
    report = report_of([(0.5, True), (0.5, False)] * 10)
    assert report.skill == pytest.approx(0)
    assert report.expected_error == pytest.approx(0)


def test_certainty_that_is_right_has_all_the_skill_there_is() -> None:
    report = report_of([(1.0, True), (0.0, False)] * 10)
    assert (report.brier, report.skill) == (0, 1)
    assert report.resolution == report.uncertainty


def test_without_variation_in_what_happened_skill_is_not_known() -> None:
    assert report_of([(0.7, True)] * 5).skill is None


def test_overconfidence_shows_as_expected_error_also_when_no_two_forecasts_are_equal() -> None:
    random = Random(6)  # noqa: S311
    honest: list[tuple[float, bool]] = []
    bold: list[tuple[float, bool]] = []
    for _ in range(20_000):
        truth = random.uniform(0.2, 0.8)
        happened = random.random() < truth
        honest.append((truth, happened))
        bold.append((0.0 if truth < 0.5 else 1.0, happened))
    assert value(report_of(honest).expected_error) < 0.02
    assert report_of(bold).expected_error == pytest.approx(0.35, abs=0.02)
    assert value(report_of(bold).skill) < 0 < value(report_of(honest).skill)


def test_forecasts_of_one_tenth_are_weighed_against_each_other() -> None:
    assert report_of([(0.91, True), (0.99, False)]).expected_error == pytest.approx(0.45)
    assert report_of([(0.41, True), (0.99, False)]).expected_error == pytest.approx((0.59 + 0.99) / 2)


@pytest.mark.parametrize("forecast", [-0.1, 1.1, math.nan, math.inf])
def test_a_forecast_that_is_no_probability_is_refused_and_changes_nothing(forecast: float) -> None:
    calibration = Calibration()
    with pytest.raises(PayloadError, match="not a probability"):
        calibration.observe(forecast, happened=True)
    assert calibration.observations == 0
    assert repr(calibration) == "Calibration(n=0, bins=0, exact=True)"


@pytest.mark.parametrize("most_bins", [0, -10, 15, 1_000_000])
def test_numbers_of_bins_that_make_no_sense_are_refused(most_bins: int) -> None:
    with pytest.raises(ConfigurationError, match="bins cannot be used"):
        Calibration(most_bins=most_bins)
