"""What units report is kept, the newest weighing most, in bounded memory."""

import math

import pytest

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.control.reported import Reported, ReportedOutcomes


def test_a_unit_that_reported_nothing_is_unknown() -> None:
    assert ReportedOutcomes().of("a") is None


def test_reports_are_counted_by_unit() -> None:
    reported = ReportedOutcomes(discount=1.0)
    news = [reported.note("a", absorbed=absorbed, elapsed=elapsed) for absorbed, elapsed in ((True, 1.0), (False, 3.0))]
    assert news == [True, False]
    assert reported.of("a") == Reported(successes=1.0, failures=1.0, elapsed=2.0, n=2)
    assert repr(reported) == "ReportedOutcomes(units=1)"


def test_what_happened_lately_weighs_most() -> None:
    reported = ReportedOutcomes()
    for absorbed in [True] * 1_000 + [False] * 139:
        reported.note("a", absorbed=absorbed, elapsed=1.0)
    told = reported.of("a")
    assert told is not None
    assert told.share == pytest.approx(0.5, abs=0.01)
    assert told.successes + told.failures <= 200.0
    assert told.n == 1_139


@pytest.mark.parametrize("elapsed", [math.nan, math.inf, -1.0, 1e300])
def test_a_time_that_is_none_is_left_out(elapsed: float) -> None:
    reported = ReportedOutcomes()
    reported.note("a", absorbed=True, elapsed=elapsed)
    told = reported.of("a")
    assert told is not None
    assert (told.elapsed, told.share, told.n) == (None, 1.0, 1)


def test_beyond_the_bound_the_unit_that_was_silent_longest_is_forgotten() -> None:
    reported = ReportedOutcomes(most_units=2)
    for unit in ("a", "b", "a", "c"):
        reported.note(unit, absorbed=True, elapsed=1.0)
    assert reported.units == ("a", "c")
    reported.forget("a")
    reported.forget("never known")
    assert len(reported) == 1


def test_a_name_is_cut_and_still_found() -> None:
    reported = ReportedOutcomes()
    reported.note("x" * 5_000, absorbed=True, elapsed=1.0)
    assert reported.units == ("x" * 200,)
    assert reported.of("x" * 5_000) is not None


@pytest.mark.parametrize("discount", [0.0, math.nan, 1.1])
def test_a_discount_that_makes_no_sense_is_refused(discount: float) -> None:
    with pytest.raises(ConfigurationError, match="A discount cannot be"):
        ReportedOutcomes(discount=discount)
    with pytest.raises(ConfigurationError, match="A number of units cannot be 0"):
        ReportedOutcomes(most_units=0)
