"""The token bucket: nobody gets more than the burst once and the rate from then on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.sandbox.resources.bucket import SMOOTHED_SECONDS, Bucket

RATES = st.floats(min_value=0.01, max_value=64)
STEPS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


@given(rate=RATES, burst=st.floats(0, 10), steps=STEPS)
def test_use_never_exceeds_the_burst_plus_the_rate_by_more_than_one_look(
    rate: float, burst: float, steps: list[tuple[float, bool]]
) -> None:
    settle = len(steps) // 2
    bucket, used, passed, largest = Bucket(rate=rate, burst=burst), 0.0, 0.0, 0.0
    for number, (elapsed, wants) in enumerate(steps):
        if number == settle:
            bucket.settle()
        spent = 2 * elapsed if wants and not bucket.pause else 0.0
        bucket.spend(spent, elapsed=elapsed)
        used, passed, largest = used + spent, passed + elapsed, max(largest, spent)
    assert used <= max(burst, rate * SMOOTHED_SECONDS) + rate * passed + largest + 1e-6


def test_the_burst_is_used_once_and_taken_away_when_start_up_is_over() -> None:
    bucket = Bucket(rate=0.5, burst=2.0)
    bucket.spend(1.4, elapsed=1.0)
    bucket.spend(0.0, elapsed=100.0)
    assert bucket.left == pytest.approx(0.6)
    bucket.settle()
    assert bucket.left == 0.25
    bucket.spend(0.0, elapsed=100.0)
    assert bucket.left == 0.25


@given(rate=RATES, used=st.floats(0.1, 100))
def test_a_pause_is_as_long_as_it_takes_until_something_is_left(rate: float, used: float) -> None:
    bucket = Bucket(rate=rate, burst=0.0)
    bucket.spend(used + rate, elapsed=0.0)
    pause = bucket.pause
    assert pause > 0
    bucket.spend(0.0, elapsed=pause)
    assert bucket.left > -1e-9 * (used + rate)
