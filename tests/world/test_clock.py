"""The clock: aware, in UTC; and seconds that never run back whatever the clock does."""

import math
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.world.clock import SteadyTime, SystemClock


def test_the_present_moment_is_aware_and_in_utc() -> None:
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert first <= second


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_time_never_runs_back_whatever_the_clock_does(readings: list[float]) -> None:
    time = SteadyTime()
    moments = [time.read(now) for now in readings]
    assert moments == sorted(moments)


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    time = SteadyTime()
    assert time.read(10_000) == 10_000
    assert time.read(6_400) == 10_000
    assert time.read(6_405) == 10_005


def test_late_news_does_not_make_time_run_faster() -> None:
    time = SteadyTime()
    for second in range(1000, 1100):
        assert time.read(second) == second
        assert time.read(second - 0.5) == second
    assert time.read(1100) == 1100


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf])
def test_what_is_no_moment_is_refused(now: float) -> None:
    with pytest.raises(PayloadError, match="not a moment"):
        SteadyTime().read(now)
