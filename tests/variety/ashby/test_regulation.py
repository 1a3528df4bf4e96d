"""Tables of regulation: Ashby's worked tables, the law in counts, and hostile tables."""

import math
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.ashby.cover import smallest_cover
from vsm_mcp.variety.ashby.regulation import MOST_ELEMENTS, RegulationTable, variety

GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta"}


def table_of(*rows: str) -> RegulationTable[int, str, str]:
    return RegulationTable(range(1, len(rows) + 1), "αβγδ"[: len(rows[0])], rows)


SMALL = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.sampled_from("abcdef"), min_size=columns, max_size=columns).map("".join), min_size=1, max_size=5
    ).map(lambda rows: table_of(*rows))
)


def strategies(table: RegulationTable[int, str, str]) -> list[dict[int, str]]:
    moves = product(table.responses, repeat=len(table.disturbances))
    return [dict(zip(table.disturbances, answers, strict=True)) for answers in moves]


@pytest.mark.promise("A39", "C30")
@pytest.mark.parametrize(("target", "answers"), [("a", "βαγ"), ("b", "αγβ"), ("c", "γβα")])
def test_in_the_first_table_each_outcome_can_be_forced_by_the_strategy_in_the_book(target: str, answers: str) -> None:
    table = table_of("bac", "acb", "cba")
    assert table.strategy_for(target) == dict(zip((1, 2, 3), answers, strict=True))


@pytest.mark.promise("A39")
def test_in_the_second_table_a_and_d_can_be_forced_b_and_c_cannot() -> None:
    table = table_of("bdaa", "adad", "daaa", "dbab", "dabd")
    assert table.forcible == ("d", "a")
    assert [table.is_forcible(outcome) for outcome in "abcd"] == [True, False, False, True]
    assert [place for place, row in enumerate(("bdaa", "adad", "daaa", "dbab", "dabd"), 1) if "b" not in row] == [2, 3]
    assert table.strategy_for("b") is None


@pytest.mark.promise("A39")
def test_sums_modulo_four_leave_two_outcomes_at_least_and_four_without_regulation() -> None:
    table = RegulationTable.of_function(lambda d, r: (d + r) % 4, disturbances=range(4), responses=range(2))
    assert (table.repeats, table.bound, table.least_outcome_variety()) == (1, 2, 2)
    assert table.bound_bits == pytest.approx(1.0)
    assert len(table.outcomes_under(dict.fromkeys(range(4), 0))) == 4


@pytest.mark.promise("A39")
@pytest.mark.parametrize(("rows", "columns"), [(5, 2), (7, 3), (1, 1), (9, 3), (10, 3), (6, 6), (12, 5), (30, 4)])
def test_the_law_in_counts_is_sharp_for_every_shape(rows: int, columns: int) -> None:
    table = RegulationTable.of_function(
        lambda d, r: (d // columns, (d - r) % columns), disturbances=range(rows), responses=range(columns)
    )
    assert table.repeats == 1
    assert table.least_outcome_variety() == table.bound == math.ceil(rows / columns)


@pytest.mark.promise("A39")
def test_a_column_that_repeats_outcomes_absorbs_variety_by_itself() -> None:
    table = table_of("a", "a", "b", "b")
    assert (table.repeats, table.bound, table.least_outcome_variety()) == (2, 2, 2)
    assert table.bound_bits == pytest.approx(1.0)


def test_repeats_are_those_of_the_column_that_repeats_most() -> None:
    table = table_of("ab", "ac", "ad", "ae")
    assert (table.repeats, table.bound, table.least_outcome_variety()) == (4, 1, 1)


@pytest.mark.promise("A39", "C30")
@given(SMALL)
@settings(max_examples=150)
def test_the_least_variety_is_that_of_the_best_of_all_strategies_and_never_below_the_law(
    table: RegulationTable[int, str, str],
) -> None:
    best = min(len(table.outcomes_under(strategy)) for strategy in strategies(table))
    report = table.report()
    assert table.least_outcome_variety() == best == report.least_outcome_variety == report.best_found
    assert best >= table.bound
    assert math.log2(best) >= table.bound_bits - 1e-12
    found = table.strategy_within(table.least_outcomes())
    assert found is not None
    assert table.outcomes_under(found) <= table.least_outcomes()


@pytest.mark.promise("A39")
@given(SMALL)
@settings(max_examples=100)
def test_perfect_regulation_is_complete_control(table: RegulationTable[int, str, str]) -> None:
    for target in table.outcomes:
        forced = any(table.outcomes_under(strategy) == frozenset((target,)) for strategy in strategies(table))
        assert table.is_forcible(target) is forced is (table.control([target]) is not None)
    regulator = table.control(table.outcomes)
    assert (regulator is not None) is (table.forcible == table.outcomes)
    if regulator is not None:
        for target in table.outcomes:
            obeyed = {disturbance: regulator[disturbance, target] for disturbance in table.disturbances}
            assert table.outcomes_under(obeyed) == frozenset((target,))


def test_with_the_first_table_a_controller_has_all_three_outcomes_on_command() -> None:
    moves = table_of("bac", "acb", "cba").control("abc")
    assert moves is not None
    assert [GREEK[moves[row, "b"]] for row in (1, 2, 3)] == ["alpha", "gamma", "beta"]
    assert table_of("ab", "bc").control("abc") is None


def test_a_table_of_rows_is_read_by_the_names_of_its_columns() -> None:
    table = RegulationTable.of_rows({"rain": {"coat": "dry", "none": "wet"}, "sun": {"none": "dry", "coat": "hot"}})
    assert table.strategy_for("dry") == {"rain": "coat", "sun": "none"}
    assert table.strategy_within({"dry", "wet"}) == {"rain": "coat", "sun": "none"}
    assert repr(table) == "RegulationTable(disturbances=2, responses=2, outcomes=3)"
    assert "least_outcome_variety: 1" in str(table.report())


@pytest.mark.promise("A39")
def test_variety_depends_on_what_the_observer_tells_apart() -> None:
    assert variety("gbcggc").count == 3
    shapes = ["b", "c", "a", "a", "C", "a", "B", "a"]
    assert variety(shapes).count == 5
    assert variety(shapes, seen_as=str.lower).count == 3
    assert variety(range(52)).bits == pytest.approx(5.7, abs=0.01)
    assert variety("cbcaccabcbba").count == 3
    assert str(variety("ab")) == "2 kinds (1.00 bits)"


def test_nothing_has_no_variety_and_no_bits() -> None:
    assert variety("").count == 0
    assert variety("").bits is None
    assert str(variety("")) == "0 kinds"


def test_elements_without_end_are_refused() -> None:
    with pytest.raises(PayloadError, match="More than"):
        variety(range(MOST_ELEMENTS + 1), seen_as=lambda _: 0)


@pytest.mark.parametrize(
    ("rows", "columns", "cells"),
    [
        ((), "a", ()),
        ("1", "", ("",)),
        ("11", "a", ("x", "y")),
        ("1", "aa", ("xy",)),
        ("12", "ab", ("xy",)),
        ("12", "ab", ("xy", "x")),
        ("1", "ab", ("xy", "xy")),
    ],
)
def test_what_is_no_table_is_refused(rows: str, columns: str, cells: tuple[str, ...]) -> None:
    with pytest.raises(PayloadError):
        RegulationTable(rows, columns, cells)


def test_rows_with_other_responses_are_refused() -> None:
    with pytest.raises(PayloadError, match="same responses"):
        RegulationTable.of_rows({1: {"a": 0}, 2: {"b": 0}})
    with pytest.raises(PayloadError, match="distinct"):
        RegulationTable.of_rows(dict[int, dict[str, int]]())


def test_a_huge_table_is_refused_before_it_is_read() -> None:
    def outcome(disturbance: int, response: int) -> int:
        raise AssertionError((disturbance, response))

    with pytest.raises(PayloadError, match="too large"):
        RegulationTable.of_function(outcome, disturbances=range(1000), responses=range(1000))


def test_outcomes_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(PayloadError, match="equal itself"):
        RegulationTable("1", "a", [[float("nan")]])
    with pytest.raises(PayloadError, match="hashed"):
        RegulationTable("1", "a", [[["list"]]])  # type: ignore[type-var]


def test_a_strategy_that_is_none_is_refused() -> None:
    table = table_of("ab", "ba")
    with pytest.raises(PayloadError, match="does not answer 2"):
        table.outcomes_under({1: "α"})
    with pytest.raises(PayloadError, match="does not answer 1"):
        table.outcomes_under({1: "ω", 2: "α"})
    with pytest.raises(PayloadError, match="too many"):
        table.control([str(number) for number in range(50_001)])


def test_beyond_the_size_of_an_exact_search_the_least_variety_is_unknown_and_says_so() -> None:
    table = RegulationTable.of_function(lambda d, r: d // 2 + r, disturbances=range(300), responses=range(2))
    report = table.report()
    assert report.least_outcome_variety is None
    assert report.bound <= report.best_found == 150
    with pytest.raises(PayloadError, match="not found exactly; it is 75 to 150"):
        table.least_outcomes()


def sets_of(seed: int, *, elements: int, count: int, each: int = 4) -> list[int]:
    random, sets = Random(seed), [0] * count  # noqa: S311
    for element in range(elements):
        for _ in range(each):
            sets[random.randrange(count)] |= 1 << element
    return sets


def test_the_search_gives_up_in_bounded_time_with_a_cover_that_covers() -> None:
    sets = sets_of(1, elements=200, count=200, each=20)
    cover = smallest_cover(sets, size=200, most_branches=2_000)
    covered = 0
    for place in cover.chosen:
        covered |= sets[place]
    assert not cover.exact
    assert covered == (1 << 200) - 1


@pytest.mark.parametrize("seed", [*range(40), 124, 330, 465, 591, 647])
def test_a_cover_called_exact_is_smallest_among_all_choices(seed: int) -> None:
    elements, count = 12 + seed % 9, 11
    sets = sets_of(seed, elements=elements, count=count, each=2 + seed % 2)
    covered = [0]
    for place in range(count):
        covered += [union | sets[place] for union in covered]
    full = (1 << elements) - 1
    least = min(choice.bit_count() for choice, union in enumerate(covered) if union == full)
    cover = smallest_cover(sets, size=elements)
    assert cover.exact
    assert len(cover.chosen) == least
    assert covered[sum(1 << place for place in cover.chosen)] == full


def test_a_choice_that_looks_best_at_first_is_given_up_for_a_smaller_one() -> None:
    tempting, left, right = 0b01111110, 0b11110000, 0b00001111
    cover = smallest_cover([tempting, left, right], size=8)
    assert (cover.chosen, cover.exact) == ((1, 2), True)


@pytest.mark.parametrize("seed", range(3))
def test_tables_of_some_size_are_searched_to_the_end(seed: int) -> None:
    assert smallest_cover(sets_of(seed, elements=60, count=40), size=60).exact
