"""Durations are counted in a histogram of constant size; a quantile is at most a thirty-second off."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.systems.vitals.batching import Batching
from vsm_mcp.systems.vitals.durations import LONGEST, SHORTEST, Durations

USUAL = st.floats(SHORTEST, LONGEST * 0.999)


def counted(*seconds: float) -> Durations:
    durations = Durations()
    for one in seconds:
        durations.note(one)
    return durations


@given(st.lists(USUAL, min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_at_most_a_thirty_second_off_and_the_mean_is_exact(seconds: list[float], share: float) -> None:
    durations, rank = counted(*seconds), math.ceil(share * len(seconds))
    right = sorted(seconds)[max(rank, 1) - 1]
    assert durations.quantile(share) == pytest.approx(right, rel=1 / 32)
    assert durations.mean == pytest.approx(math.fsum(seconds) / len(seconds))
    assert durations.longest == max(seconds)
    assert durations.n == len(seconds)


def test_before_the_first_duration_nothing_is_known() -> None:
    durations = Durations()
    assert (durations.mean, durations.longest, durations.quantile(0.5)) == (None, None, None)


def test_what_is_no_number_of_seconds_is_left_out_and_what_is_out_of_range_counts_at_its_end() -> None:
    durations = counted(math.nan, math.inf, -1.0)
    assert durations.n == 0
    durations = counted(0.0, 1e-9, 1e9)
    assert durations.n == 3
    assert durations.longest == 1e9
    assert durations.quantile(0.5) == pytest.approx(SHORTEST, rel=1 / 16)
    assert durations.quantile(1.0) == pytest.approx(LONGEST, rel=1 / 16)


def test_batches_say_how_much_of_their_time_was_worked_in_and_how_many_worked_at_once() -> None:
    batching = Batching()
    assert (batching.efficiency, batching.speedup) == (None, None)
    batching.note(batches=2, operations=6, worked=3.0, elapsed=2.0, offered=4.0)
    batching.note(batches=1, operations=2, worked=3.0, elapsed=2.0, offered=4.0)
    assert (batching.batches, batching.operations) == (3, 8)
    assert batching.efficiency == pytest.approx(6.0 / 8.0)
    assert batching.speedup == pytest.approx(6.0 / 4.0)
