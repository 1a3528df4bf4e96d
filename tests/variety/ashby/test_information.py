"""Entropies and the ledger: identities on random distributions, known answers, hostile weights."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.ashby.capacity import symmetric_capacity_bits
from vsm_mcp.variety.ashby.information import (
    MOST_CELLS,
    MOST_SAMPLES,
    Joint,
    Ledger,
    entropy_bits,
    grouping,
    ledger,
    shares_of,
)

WEIGHTS = st.floats(1e-6, 1e6) | st.integers(1, 9).map(float)
KINDS = st.dictionaries(st.sampled_from("abcdefgh"), WEIGHTS, min_size=1)
SYMBOLS = st.sampled_from("abc")
CELLS = st.dictionaries(st.tuples(SYMBOLS, SYMBOLS, SYMBOLS), WEIGHTS, min_size=1, max_size=27)
EXAMPLES = settings(max_examples=120)


def information(joint: Mapping[tuple[str, ...], float], one: int, other: int) -> float:
    """The definition: the divergence between the joint distribution and the product of its marginals."""
    total = sum(joint.values())
    first, second, both = dict[str, float](), dict[str, float](), dict[tuple[str, str], float]()
    for cell, weight in joint.items():
        share = weight / total
        first[cell[one]] = first.get(cell[one], 0.0) + share
        second[cell[other]] = second.get(cell[other], 0.0) + share
        pair = (cell[one], cell[other])
        both[pair] = both.get(pair, 0.0) + share
    return sum(p * math.log2(p / (first[x] * second[y])) for (x, y), p in both.items())


@given(KINDS)
@EXAMPLES
def test_entropy_lies_between_none_and_that_of_equal_shares(weights: dict[str, float]) -> None:
    assert 0.0 <= entropy_bits(weights.values()) <= math.log2(len(weights)) + 1e-12
    assert entropy_bits([1.0] * len(weights)) == pytest.approx(math.log2(len(weights)))


@given(KINDS, st.permutations("abcdefgh"), st.floats(1e-3, 1e3))
@EXAMPLES
def test_order_names_and_scale_do_not_matter(weights: dict[str, float], order: list[str], scale: float) -> None:
    renamed = {order["abcdefgh".index(kind)]: weight * scale for kind, weight in reversed(weights.items())}
    assert entropy_bits(renamed.values()) == pytest.approx(entropy_bits(weights.values()), abs=1e-9)


@pytest.mark.promise("A39")
@given(KINDS, KINDS)
@EXAMPLES
def test_varieties_of_independent_sources_add_up(one: dict[str, float], other: dict[str, float]) -> None:
    joint = Joint("XY", {(x, y): p * q for x, p in one.items() for y, q in other.items()})
    assert joint.entropy() == pytest.approx(entropy_bits(one.values()) + entropy_bits(other.values()), abs=1e-8)
    assert joint.information("X", "Y") == pytest.approx(0.0, abs=1e-8)


@pytest.mark.promise("A39", "C30")
@given(KINDS, st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2)))
@EXAMPLES
def test_grouping_loses_exactly_the_variety_inside_the_groups(weights: dict[str, float], to: dict[str, int]) -> None:
    grouped = grouping(weights, seen_as=lambda kind: to.get(kind, 0))
    assert grouped.total_bits == pytest.approx(grouped.between_bits + grouped.within_bits, abs=1e-9)
    assert grouped.between_bits <= grouped.total_bits + 1e-9
    assert (grouped.kinds, grouped.groups) == (len(weights), len({to.get(kind, 0) for kind in weights}))


@given(CELLS)
@EXAMPLES
def test_information_equals_its_definition_and_lies_within_its_bounds(cells: dict[tuple[str, ...], float]) -> None:
    joint = Joint("DRE", cells)
    for one, other in ("DR", "ER", "DE"):
        shared = joint.information(one, other)
        assert shared == pytest.approx(information(cells, "DRE".index(one), "DRE".index(other)), abs=1e-8)
        assert shared == pytest.approx(joint.entropy(one) - joint.conditional_entropy(one, other), abs=1e-9)
        assert 0.0 <= shared <= min(joint.entropy(one), joint.entropy(other)) + 1e-12
    assert joint.information("D", "D") == pytest.approx(joint.entropy("D"))


@pytest.mark.promise("A39", "C30")
@given(CELLS)
@EXAMPLES
def test_the_ledger_balances_and_the_slack_of_the_law_is_the_leak(cells: dict[tuple[str, ...], float]) -> None:
    book = ledger(Joint("DRE", cells))
    selection, leak = information(cells, 0, 1), information(cells, 2, 1)
    assert book.demand_bits - book.residual_bits == pytest.approx(selection + book.attenuation_bits - leak, abs=1e-8)
    assert book.slack_bits == pytest.approx(leak, abs=1e-8)
    assert (book.selection_bits, book.leak_bits) == pytest.approx((selection, leak), abs=1e-8)
    assert book.residual_bits >= book.limit_bits - 1e-9
    assert book.law_holds


@given(CELLS, st.dictionaries(SYMBOLS, st.integers(0, 1)))
@EXAMPLES
def test_an_observer_who_tells_less_apart_never_learns_more(
    cells: dict[tuple[str, ...], float], to: dict[str, int]
) -> None:
    joint = Joint("DRE", cells)
    coarse = joint.seen_as("D", lambda kind: to.get(str(kind), 0))
    assert coarse.entropy("D") <= joint.entropy("D") + 1e-9
    assert coarse.information("D", "R") <= joint.information("D", "R") + 1e-9
    assert coarse.entropy("R", "E") == pytest.approx(joint.entropy("R", "E"))


def book_of(*cells: tuple[str, str, str]) -> Ledger:
    return ledger(Joint.of_samples("DRE", cells))


def test_a_perfect_regulator_selects_all_of_the_demand() -> None:
    book = book_of(("a", "1", "good"), ("b", "2", "good"))
    assert (book.demand_bits, book.residual_bits, book.selection_bits) == (1.0, 0.0, 1.0)
    assert (book.attenuation_bits, book.leak_bits, book.n, book.cells) == (0.0, 0.0, 2, 2)
    assert str(book) == ("H(D) 1.000 -> H(E) 0.000 bits: selection 1.000, attenuation 0.000, leak 0.000 (n=2, 2 cells)")


def test_one_response_for_all_absorbs_variety_without_selecting() -> None:
    book = book_of(("a", "any", "good"), ("b", "any", "good"))
    assert (book.selection_bits, book.attenuation_bits, book.residual_bits) == (0.0, 1.0, 0.0)


def test_a_regulator_that_only_makes_noise_leaks_it_into_the_outcome() -> None:
    book = book_of(("a", "1", "x"), ("a", "2", "y"))
    assert (book.demand_bits, book.residual_bits, book.leak_bits, book.slack_bits) == (0.0, 1.0, 1.0, 1.0)


def test_the_names_of_the_variables_can_be_other_ones() -> None:
    joint = Joint(("kind", "tool", "end"), {("a", "t", "ok"): 0.5, ("b", "u", "ok"): 0.5})
    book = ledger(joint, demand="kind", response="tool", outcome="end")
    assert book.selection_bits == 1.0
    assert book.n is None
    assert str(book).endswith("(weights, 2 cells)")
    assert repr(joint) == "Joint(kind, tool, end; cells=2, n=None)"


@pytest.mark.promise("A39")
def test_a_symmetric_channel_with_equal_inputs_carries_its_capacity() -> None:
    flips = {(sent, got): 0.445 if sent == got else 0.055 for sent in "01" for got in "01"}
    known = 1 + 0.11 * math.log2(0.11) + 0.89 * math.log2(0.89)
    assert Joint("XY", flips).information("X", "Y") == pytest.approx(known, abs=1e-12)
    assert symmetric_capacity_bits(0.11) == pytest.approx(known, abs=1e-12)


def test_conditional_entropy_follows_the_chain_rule() -> None:
    joint = Joint("DRE", {("a", "1", "x"): 1, ("a", "2", "y"): 2, ("b", "1", "y"): 3, ("b", "1", "x"): 4})
    assert joint.entropy() == pytest.approx(
        joint.entropy("D") + joint.conditional_entropy("R", "D") + joint.conditional_entropy("E", "D", "R")
    )
    assert joint.conditional_entropy("D") == joint.entropy("D")
    assert joint.shares("E", "D")["y", "b"] == pytest.approx(0.3)
    assert len(joint) == 4


def test_a_variable_that_is_not_there_is_refused() -> None:
    joint = Joint("DR", {("a", "1"): 1})
    with pytest.raises(PayloadError, match="no variable 'E'; there are D, R"):
        ledger(joint)
    with pytest.raises(PayloadError, match="no variable"):
        joint.seen_as("E", str)


@pytest.mark.parametrize(
    "weights", [{}, {"a": 0.0}, {"a": 1, "b": -1}, {"a": math.nan}, {"a": math.inf}, {"a": 10**400}]
)
def test_weights_that_are_none_are_refused(weights: dict[str, float]) -> None:
    for use in (
        lambda: shares_of(weights),
        lambda: entropy_bits(weights.values()),
        lambda: grouping(weights, seen_as=str),
    ):
        with pytest.raises(PayloadError):
            use()
    with pytest.raises(PayloadError):
        Joint("D", {(kind,): weight for kind, weight in weights.items()})


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e300, 1.7e308])
def test_weights_of_any_size_have_the_right_shares(scale: float) -> None:
    assert shares_of({"a": scale, "b": scale}) == {"a": 0.5, "b": 0.5}
    assert entropy_bits([scale, scale, 0.0]) == 1.0


def test_a_weight_that_vanishes_beside_another_is_left_out() -> None:
    assert shares_of({"a": 1e308, "b": 5e-324}) == {"a": 1.0}


def test_names_that_do_not_fit_are_refused() -> None:
    for names in ("DD", "", "DREABCFGH"):
        with pytest.raises(PayloadError, match="distinct names"):
            Joint(names, {tuple(names): 1.0})
    with pytest.raises(PayloadError, match="does not have 2 values"):
        Joint("DR", {("a", "1"): 1.0, ("a",): 1.0})


def test_too_many_cells_or_samples_are_refused() -> None:
    with pytest.raises(PayloadError, match="too large"):
        Joint("D", {(number,): 1.0 for number in range(MOST_CELLS + 1)})
    with pytest.raises(PayloadError, match="too large"):
        entropy_bits(iter([1.0] * (MOST_CELLS + 1)))
    with pytest.raises(PayloadError, match="samples"):
        Joint.of_samples("D", (("a",) for _ in range(MOST_SAMPLES + 1)))
    with pytest.raises(PayloadError):
        Joint.of_samples("D", ())
