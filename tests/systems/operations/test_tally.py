"""The tally of a unit keeps true shares in bounded memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.systems.operations.tally import HALF_LIFE, MOST_KINDS, Tally
from vsm_mcp.variety.meter import OTHER


def test_without_demand_nothing_is_known() -> None:
    tally = Tally()
    assert (tally.n, tally.shares(), tally.absorbed_shares(), tally.bits()) == (0, {}, {}, None)


def test_four_equal_kinds_have_two_bits_as_long_as_little_was_forgotten() -> None:
    tally = Tally()
    for number in range(400):
        tally.observe("abcd"[number % 4], absorbed=number % 8 < 4)
    bits = tally.bits()
    assert bits == pytest.approx(2.0, abs=1e-5)
    assert tally.n == 400
    assert tally.absorbed_shares() == pytest.approx(dict.fromkeys("abcd", 0.5), abs=1e-3)


def test_a_half_life_ago_counts_half() -> None:
    tally = Tally()
    tally.observe("old", absorbed=True)
    for _ in range(HALF_LIFE - 1):
        tally.observe("other things", absorbed=True)
    tally.observe("new", absorbed=True)
    shares = tally.shares()
    assert shares["old"] / shares["new"] == pytest.approx(0.5)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=300))
def test_shares_are_those_of_the_definition(demand: list[tuple[str, bool]]) -> None:
    tally = Tally()
    for kind, absorbed in demand:
        tally.observe(kind, absorbed=absorbed)
    weights = [2.0 ** (place / HALF_LIFE) for place in range(len(demand))]
    for kind, share in tally.shares().items():
        mine = [(weight, done) for weight, (one, done) in zip(weights, demand, strict=True) if one == kind]
        met = sum(weight for weight, _ in mine)
        assert share == pytest.approx(met / sum(weights))
        assert tally.absorbed_shares()[kind] == pytest.approx(sum(weight for weight, done in mine if done) / met)


def test_a_flood_of_kinds_takes_no_memory_and_no_weight_is_lost() -> None:
    tally = Tally()
    for number in range(20_000):
        tally.observe(f"kind {number}", absorbed=True)
        assert len(tally.shares()) <= MOST_KINDS + 1 if number % 500 == 0 else True
    shares = tally.shares()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares[OTHER] > 0.9


def test_kinds_that_have_faded_make_room_for_new_ones() -> None:
    tally = Tally()
    for number in range(MOST_KINDS):
        tally.observe(f"once {number}", absorbed=False)
    for _ in range(5 * HALF_LIFE):
        tally.observe("once 0", absorbed=True)
    tally.observe("new", absorbed=True)
    shares = tally.shares()
    assert "new" in shares
    assert "once 1" not in shares
    assert sum(shares.values()) == pytest.approx(1.0)


def test_very_many_demands_do_not_overflow() -> None:
    tally = Tally()
    for number in range(1030 * HALF_LIFE):
        tally.observe("ab"[number % 2], absorbed=number % 4 < 2)
    assert tally.shares() == pytest.approx({"a": 0.5, "b": 0.5}, abs=1e-3)
    assert tally.absorbed_shares() == pytest.approx({"a": 0.5, "b": 0.5}, abs=1e-3)
    assert tally.n == 1030 * HALF_LIFE
