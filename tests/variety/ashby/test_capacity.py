"""Capacities: Ashby's exercises on the insect, the ship, the general and the controller."""

import math

import pytest

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.ashby.capacity import (
    binary_entropy_bits,
    capacity_bits,
    carried_bits,
    check_capacity,
    symmetric_capacity_bits,
)


@pytest.mark.promise("A39")
def test_the_law_does_not_forbid_an_insect_to_meet_ten_dangers() -> None:
    needed = capacity_bits(2, channels=10)
    available = capacity_bits(2, seconds=1 / 20, channels=100)
    assert (needed, available) == pytest.approx((10, 2000))
    assert check_capacity(needed=needed, available=available).possible


@pytest.mark.promise("A39")
def test_a_ship_is_controlled_at_six_bits_a_second_at_most() -> None:
    telegraph, wheel = capacity_bits(9, seconds=5), capacity_bits(50)
    assert carried_bits(telegraph, wheel, independent=True) == pytest.approx(6.278, abs=5e-4)


@pytest.mark.promise("A39")
def test_a_general_cannot_command_ten_divisions_by_ten_signallers() -> None:
    letters_a_day = 60 * 60 * 8
    available = capacity_bits(4, seconds=1, channels=10) * letters_a_day
    check = check_capacity(needed=10 * 1e6, available=available)
    assert available == 576_000
    assert not check.possible
    assert check.utilisation == pytest.approx(17.36, abs=0.01)


@pytest.mark.promise("A39")
def test_regulation_and_control_share_a_channel_by_their_sum_only_when_it_has_two_parts() -> None:
    to_regulate, to_control = carried_bits(2, independent=True), carried_bits(20, independent=True)
    assert (to_regulate, to_control) == (2, 20)
    assert carried_bits(to_regulate, to_control, independent=True) == 22
    assert carried_bits(to_regulate, to_control, independent=False) == 20
    assert carried_bits(independent=False) == carried_bits(independent=True) == 0.0


def test_a_channel_without_capacity_carries_nothing_and_has_no_utilisation() -> None:
    idle = check_capacity(needed=0, available=0)
    assert (idle.utilisation, idle.possible) == (None, True)
    assert not check_capacity(needed=1, available=0).possible
    assert "possible: False" in str(check_capacity(needed=1, available=0))


def test_a_symmetric_channel_carries_all_none_or_the_rest() -> None:
    assert symmetric_capacity_bits(0.0, symbols=4) == 2.0
    assert symmetric_capacity_bits(1.0) == 1.0
    assert symmetric_capacity_bits(0.75, symbols=4) == pytest.approx(0.0, abs=1e-12)
    assert binary_entropy_bits(0.5) == 1.0
    assert binary_entropy_bits(0.0) == binary_entropy_bits(1.0) == 0.0


@pytest.mark.parametrize(("states", "channels", "seconds"), [(0, 1, 1), (2, 0, 1), (2, 1, 0), (2, 1, math.nan)])
def test_what_is_no_channel_is_refused(states: int, channels: int, seconds: float) -> None:
    with pytest.raises(PayloadError):
        capacity_bits(states, seconds=seconds, channels=channels)


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(PayloadError):
        check_capacity(needed=rate, available=1)
    with pytest.raises(PayloadError):
        check_capacity(needed=1, available=rate)
    with pytest.raises(PayloadError):
        carried_bits(1, rate, independent=True)
    with pytest.raises(PayloadError):
        binary_entropy_bits(rate)
    with pytest.raises(PayloadError):
        symmetric_capacity_bits(rate)


def test_one_symbol_is_no_channel() -> None:
    with pytest.raises(PayloadError, match="no channel"):
        symmetric_capacity_bits(0.1, symbols=1)
