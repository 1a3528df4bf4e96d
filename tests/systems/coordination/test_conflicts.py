"""Conflicts end in an order with reasons, by priority, by sharing time or by an arbiter."""

from collections.abc import Sequence
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.conflicts import ConflictPolicy, Conflicts, Contender, FairShare

A, B, C = Contender(unit="a"), Contender(unit="b", priority=2), Contender(unit="c", weight=3.0)


@pytest.mark.promise("C8")
def test_by_priority_the_highest_goes_first_then_the_heaviest_whoever_asked_first() -> None:
    conflicts = Conflicts()
    one = conflicts.resolve("gpu", [A, B, C])
    other = conflicts.resolve("gpu", [C, A, B])
    assert one == other
    assert one.order == ("b", "c", "a")
    assert one.reasons[0] == "b has priority 2 and weight 1."
    assert conflicts.recorded == (one, other)
    assert repr(conflicts) == "Conflicts(recorded=2)"


@pytest.mark.promise("C8")
def test_time_is_shared_in_proportion_to_weight() -> None:
    conflicts, served = Conflicts(), list[str]()
    for _ in range(500):
        resolution = conflicts.resolve("gpu", [A, B, C], policy=ConflictPolicy.TIME_SHARING)
        first = resolution.order[0]
        served.append(first)
        conflicts.shares.charge(first, 1.0, weight=3.0 if first == "c" else 1.0)
        assert dict(zip(resolution.order, resolution.shares, strict=True)) == pytest.approx(
            {"a": 0.2, "b": 0.2, "c": 0.6}
        )
    assert [served.count(unit) for unit in "abc"] == [100, 100, 300]
    assert all({"a", "b", "c"} <= set(served[at : at + 5]) for at in range(0, 500, 5)), "they take turns"


@pytest.mark.promise("C8")
def test_an_arbiter_decides_and_is_held_to_the_contenders() -> None:
    def last_first(resource: str, contenders: Sequence[Contender]) -> list[str]:
        assert resource == "gpu"
        return [one.unit for one in reversed(contenders)]

    conflicts, policy = Conflicts(), ConflictPolicy.ARBITRATION
    assert conflicts.resolve("gpu", [A, B, C], policy=policy, arbiter=last_first).order == ("c", "b", "a")
    with pytest.raises(ConfigurationError, match="no arbiter"):
        conflicts.resolve("gpu", [A, B], policy=policy)
    with pytest.raises(ConfigurationError, match="named 1 units for 2"):
        conflicts.resolve("gpu", [A, B], policy=policy, arbiter=lambda _, __: ["a"])
    assert len(conflicts.recorded) == 1


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0.5, 4.0), st.floats(0.1, 5.0)), min_size=2, max_size=5), st.integers(10, 200))
def test_units_that_always_want_it_differ_by_no_more_than_a_turn_each(
    units: list[tuple[float, float]], turns: int
) -> None:
    shares, used = FairShare(), [0.0] * len(units)
    for _ in range(turns):
        first = min(range(len(units)), key=lambda unit: (shares.turn(str(unit)), unit))
        weight, cost = units[first]
        shares.charge(str(first), cost, weight=weight)
        used[first] += cost
    for one, (weight, cost) in enumerate(units):
        for other, (other_weight, other_cost) in enumerate(units):
            apart = abs(used[one] / weight - used[other] / other_weight)
            assert apart <= cost / weight + other_cost / other_weight + 1e-6


def test_who_was_away_gets_no_arrears() -> None:
    shares = FairShare()
    for _ in range(100):
        shares.charge("busy", 1.0)
    assert shares.turn("new") == 99.0
    assert shares.turn("busy") == 100.0


def test_only_so_many_units_are_remembered() -> None:
    shares = FairShare(most_units=3)
    for number in range(100):
        shares.admit(f"unit {number}", 1.0 + number)
    assert repr(shares) == "FairShare(units=3)"
    assert shares.turn("unit 99") == 100.0
    assert shares.turn("unit 0") == 0.0
    shares.serve(98.5)
    shares.admit("after", 5.0)
    assert repr(shares) == "FairShare(units=3)"
    shares.serve(99.5)
    shares.admit("later", 5.0)
    assert repr(shares) == "FairShare(units=3)", "unit 97 had no more to wait for than a newcomer"


def test_only_the_last_resolutions_are_remembered() -> None:
    conflicts = Conflicts(recorded=2)
    for number in range(5):
        conflicts.resolve(str(number), [A, B])
    assert [one.resource for one in conflicts.recorded] == ["3", "4"]


@pytest.mark.parametrize("contenders", [[], [A], [A, A], [Contender(unit=str(n)) for n in range(1001)]])
def test_nobody_and_the_same_twice_are_no_conflict(contenders: list[Contender]) -> None:
    with pytest.raises(PayloadError):
        Conflicts().resolve("gpu", contenders)


@pytest.mark.parametrize("weight", [0.0, -1.0, nan, inf])
def test_a_weight_that_makes_no_sense_is_refused(weight: float) -> None:
    with pytest.raises(PayloadError):
        Contender(unit="a", weight=weight)
    with pytest.raises(PayloadError):
        FairShare().charge("a", 1.0, weight=weight)


@pytest.mark.parametrize("cost", [-1.0, nan, inf])
def test_a_cost_that_makes_no_sense_is_refused(cost: float) -> None:
    with pytest.raises(PayloadError):
        FairShare().charge("a", cost)


def test_options_of_conflicts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        FairShare(most_units=0)
    with pytest.raises(ConfigurationError):
        Conflicts(recorded=0)
