"""Requisite information: closed forms of the rate-distortion function, its limits, and what a sensor must tell."""

import math
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.ashby.capacity import binary_entropy_bits
from vsm_mcp.variety.ashby.information import Joint, entropy_bits
from vsm_mcp.variety.ashby.requisite import (
    RequisiteInformation,
    check_sensor,
    requisite_bits,
    requisite_information,
    sensor_suffices,
)

CHANCES = st.integers(0, 4).map(lambda quarter: quarter / 4)
FLEETS = st.tuples(st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(1, 5), min_size=size[0], max_size=size[0]),
        st.lists(st.lists(CHANCES, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]),
    )
)
TOLERATED = st.floats(0, 1)


def own_tool_each(kinds: int) -> dict[int, dict[int, float]]:
    return {kind: {kind: 1.0} for kind in range(kinds)}


def needed(demand: list[int], quality: list[list[float]], tolerated: float) -> RequisiteInformation:
    rows = {kind: dict(enumerate(row)) for kind, row in enumerate(quality)}
    return requisite_information(dict(enumerate(demand)), rows, tolerated=tolerated)


@pytest.mark.promise("A39", "C30")
@pytest.mark.parametrize("kinds", [2, 3, 8, 20])
@pytest.mark.parametrize("failed", [0.0, 0.01, 0.1, 0.3, 0.45])
def test_equal_kinds_with_a_tool_each_need_the_textbook_rate(kinds: int, failed: float) -> None:
    rate = math.log2(kinds) - binary_entropy_bits(failed) - failed * math.log2(max(kinds - 1, 1))
    result = requisite_information(dict.fromkeys(range(kinds), 1.0), own_tool_each(kinds), tolerated=failed)
    assert result.bits == pytest.approx(rate, abs=1e-5)
    assert result.at_least_bits == pytest.approx(rate, abs=1e-5)
    assert result.at_least_bits <= rate + 1e-12
    assert result.converged


@pytest.mark.promise("A39")
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("failed", [0.0, 0.01, 0.05, 0.09, 0.2, 0.6])
def test_two_kinds_of_unequal_frequency_need_the_textbook_rate(share: float, failed: float) -> None:
    rate = max(binary_entropy_bits(share) - binary_entropy_bits(failed), 0.0) if failed < share else 0.0
    bits = requisite_bits({0: share, 1: 1 - share}, own_tool_each(2), tolerated=failed)
    assert bits == pytest.approx(rate, abs=1e-5)


@pytest.mark.promise("A39")
def test_one_tool_for_everything_needs_no_information_and_one_for_each_all_of_it() -> None:
    demand = {"a": 5, "b": 3, "c": 2}
    universal = requisite_information(demand, {kind: {"any": 1.0, kind: 1.0} for kind in demand}, tolerated=0)
    assert (universal.bits, universal.kinds_told_apart, universal.responses) == (0.0, 1, 1)
    each = requisite_information(demand, {kind: {kind: 1.0} for kind in demand}, tolerated=0)
    assert each.bits == pytest.approx(entropy_bits(demand.values()), abs=1e-9)
    assert each.demand_bits == pytest.approx(each.bits)


def test_tools_that_cannot_keep_the_limit_need_infinite_information() -> None:
    result = requisite_information({"a": 3, "b": 1}, {"a": {"t": 0.9}}, tolerated=0.3)
    assert (result.bits, result.at_least_bits, result.reachable, result.converged) == (math.inf, math.inf, False, True)
    assert result.least_failed_share == pytest.approx(0.325)
    assert RequisiteInformation.model_validate_json(result.model_dump_json()) == result
    assert requisite_bits({"a": 1}, dict[str, dict[str, float]](), tolerated=0.9) == math.inf
    assert requisite_bits({"a": 1}, dict[str, dict[str, float]](), tolerated=1.0) == 0.0


def test_kinds_that_all_tools_treat_alike_are_merged_first() -> None:
    random = Random(3)  # noqa: S311
    demand = {kind: 1.0 + kind % 7 for kind in range(300)}
    rows = [{tool: random.random() for tool in range(4)} for _ in range(3)]
    merged = {group: sum(w for kind, w in demand.items() if kind % 3 == group) for group in range(3)}
    many = requisite_information(demand, {kind: rows[kind % 3] for kind in demand}, tolerated=0.3)
    few = requisite_information(merged, dict(enumerate(rows)), tolerated=0.3)
    assert (many.kinds, many.kinds_told_apart) == (300, 3)
    assert many.bits == pytest.approx(few.bits, abs=2e-6)


@pytest.mark.promise("A39")
@given(FLEETS, TOLERATED)
@settings(max_examples=80)
def test_the_bounds_hold_against_every_deterministic_regulator(
    fleet: tuple[list[int], list[list[float]]], tolerated: float
) -> None:
    demand, quality = fleet
    result = needed(demand, quality, tolerated)
    reached: list[float] = []
    for answers in product(range(len(quality[0])), repeat=len(demand)):
        total = sum(demand)
        failed = sum(w * (1 - quality[kind][answers[kind]]) for kind, w in enumerate(demand)) / total
        if failed <= tolerated:
            cells = {(kind, answers[kind]): float(w) for kind, w in enumerate(demand)}
            reached.append(Joint("DR", cells).information("D", "R"))
    assert result.at_least_bits <= min(reached, default=math.inf) + 1e-9
    assert 0.0 <= result.at_least_bits <= result.bits
    assert result.converged
    assert result.reachable or not reached
    if result.reachable:
        assert result.bits <= result.demand_bits + 1e-6
    if tolerated >= result.blind_failed_share + 1e-9:
        assert result.bits == 0.0
    elif tolerated < result.blind_failed_share - 1e-2:
        assert result.at_least_bits > 0.0


@given(FLEETS, TOLERATED, TOLERATED)
@settings(max_examples=60)
def test_who_tolerates_more_needs_no_more_and_the_need_is_convex(
    fleet: tuple[list[int], list[list[float]]], one: float, other: float
) -> None:
    low, middle, high = (needed(*fleet, tolerated) for tolerated in sorted((one, other, (one + other) / 2)))
    assert high.at_least_bits <= middle.bits
    assert middle.at_least_bits <= low.bits
    if low.reachable:
        assert middle.at_least_bits <= (low.bits + high.bits) / 2 + 1e-9


@pytest.mark.parametrize(("kinds", "tools"), [(10, 5), (30, 10), (60, 20)])
def test_random_fleets_are_solved_to_the_tolerance(kinds: int, tools: int) -> None:
    random = Random(kinds)  # noqa: S311
    demand = {kind: random.random() for kind in range(kinds)}
    quality = {kind: {tool: random.random() for tool in range(tools)} for kind in demand}
    ends = requisite_information(demand, quality, tolerated=1.0)
    for part in (0.01, 0.3, 0.9):
        limit = ends.least_failed_share + part * (ends.blind_failed_share - ends.least_failed_share)
        result = requisite_information(demand, quality, tolerated=limit)
        assert result.converged
        assert 0.0 <= result.bits - result.at_least_bits <= 1e-6


@pytest.mark.parametrize("seed", [577, 1758, 1944, 2079])
def test_a_leap_that_makes_it_worse_is_not_taken(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    kinds, tools = 3 + seed % 6, 2 + seed % 5
    demand = {kind: random.random() for kind in range(kinds)}
    quality = {kind: {tool: random.random() for tool in range(tools)} for kind in demand}
    ends = requisite_information(demand, quality, tolerated=1.0)
    limit = ends.least_failed_share + 0.02 * (ends.blind_failed_share - ends.least_failed_share)
    assert requisite_information(demand, quality, tolerated=limit).converged


def test_few_sweeps_leave_the_bounds_apart_and_say_so() -> None:
    random = Random(1)  # noqa: S311
    demand = {kind: random.random() for kind in range(20)}
    quality = {kind: {tool: random.random() for tool in range(8)} for kind in demand}
    rough = requisite_information(demand, quality, tolerated=0.3, most_sweeps=5)
    exact = requisite_information(demand, quality, tolerated=0.3)
    assert (rough.converged, exact.converged) == (False, True)
    assert rough.sweeps <= 5
    assert rough.at_least_bits <= exact.at_least_bits <= exact.bits <= rough.bits
    assert "converged: False" in str(rough)
    assert requisite_information(demand, quality, tolerated=0.3, most_sweeps=1).bits >= exact.bits


CLEAR = {("a", "A"): 1.0, ("b", "B"): 1.0}
BLURRED = {("a", "A"): 9.0, ("a", "B"): 1.0, ("b", "B"): 9.0, ("b", "A"): 1.0}
TOOLS = {"a": {"x": 1.0}, "b": {"y": 1.0}}


@pytest.mark.promise("A39", "C30")
def test_a_sensor_that_tells_less_than_is_requisite_cannot_do() -> None:
    strict = requisite_bits({"a": 1, "b": 1}, TOOLS, tolerated=0.05)
    assert sensor_suffices(CLEAR, strict)
    assert not sensor_suffices(BLURRED, strict)
    assert sensor_suffices(BLURRED, requisite_bits({"a": 1, "b": 1}, TOOLS, tolerated=0.11))
    assert not sensor_suffices(CLEAR, math.inf)


def test_what_a_sensor_reaches_is_told_exactly() -> None:
    good = check_sensor(CLEAR, TOOLS, tolerated=0.0)
    assert (good.sensed_bits, good.failed_share, good.suffices, good.law_allows) == (1.0, 0.0, True, True)
    poor = check_sensor(BLURRED, TOOLS, tolerated=0.05, n=20)
    assert (poor.failed_share, poor.suffices, poor.law_allows, poor.n) == (pytest.approx(0.1), False, False, 20)
    just = check_sensor(BLURRED, TOOLS, tolerated=0.1)
    assert (just.suffices, just.law_allows) == (True, True)
    none = check_sensor({("c", "A"): 1.0}, TOOLS, tolerated=0.5)
    assert (none.needed_bits, none.failed_share, none.suffices) == (math.inf, 1.0, False)


@given(FLEETS, st.lists(st.integers(0, 2), min_size=4, max_size=4), TOLERATED)
@settings(max_examples=60)
def test_a_sensor_that_suffices_never_tells_less_than_is_requisite(
    fleet: tuple[list[int], list[list[float]]], seen_as: list[int], tolerated: float
) -> None:
    demand, quality = fleet
    confusion = {(kind, seen_as[kind]): float(weight) for kind, weight in enumerate(demand)}
    check = check_sensor(confusion, {k: dict(enumerate(row)) for k, row in enumerate(quality)}, tolerated=tolerated)
    assert check.law_allows or not check.suffices


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(PayloadError, match="not a probability"):
        requisite_bits({"a": 1}, {"a": {"t": value}}, tolerated=0.1)
    with pytest.raises(PayloadError, match="not a probability"):
        requisite_bits({"a": 1}, {"a": {"t": 1.0}}, tolerated=value)


def test_demand_that_is_none_and_fleets_that_are_too_large_are_refused() -> None:
    with pytest.raises(PayloadError):
        requisite_bits(dict[str, float](), TOOLS, tolerated=0.1)
    with pytest.raises(PayloadError, match="too many"):
        requisite_bits({"a": 1}, {"a": dict.fromkeys(range(1001), 0.5)}, tolerated=0.1)
    with pytest.raises(PayloadError, match="too many"):
        requisite_bits(
            dict.fromkeys(range(101), 1.0), {k: dict.fromkeys(range(200), 0.5) for k in range(101)}, tolerated=0.1
        )
    for bits in (math.nan, -1.0):
        with pytest.raises(PayloadError, match="zero or more"):
            sensor_suffices(CLEAR, bits)


@pytest.mark.parametrize(("tolerance", "sweeps"), [(0.0, 10), (math.nan, 10), (math.inf, 10), (1e-6, 0)])
def test_options_that_make_no_sense_are_refused(tolerance: float, sweeps: int) -> None:
    with pytest.raises(ConfigurationError):
        requisite_information({"a": 1}, TOOLS, tolerated=0.1, tolerance=tolerance, most_sweeps=sweeps)
