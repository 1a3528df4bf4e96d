"""Systems nest to a bounded depth, never in a circle, and what the parts measure adds up to the whole."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.operations.recursion import Subsystem, check_part, check_recursion, depth, merged


@dataclass
class Part:
    name: str
    performer: object


@dataclass(eq=False)
class Whole:
    parts: list[Part] = field(default_factory=list[Part])

    def subsystems(self) -> Sequence[Subsystem]:
        return self.parts


def nested(levels: int) -> Whole:
    whole = Whole([Part("worker", object())])
    for level in range(1, levels):
        whole = Whole([Part("worker", object()), Part(f"level {level}", whole)])
    return whole


@pytest.mark.promise("C64")
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_by_default_three_levels_are_allowed(levels: int) -> None:
    assert check_recursion(nested(levels)) == levels


@pytest.mark.promise("C64")
def test_a_fourth_level_is_refused_and_the_way_to_it_is_named() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"more than 3 levels deep: Whole > level 3 > level 2 > level 1\.",
    ):
        check_recursion(nested(4))
    assert check_recursion(nested(4), limit=4) == 4


@pytest.mark.promise("C64")
def test_ten_levels_are_the_most_that_can_be_allowed() -> None:
    assert depth(nested(10)) == 10
    with pytest.raises(ConfigurationError, match="more than 10 levels"):
        depth(nested(11))
    for limit in (0, 11):
        with pytest.raises(ConfigurationError, match=f"recursion of {limit} levels"):
            check_recursion(nested(1), limit=limit)


def test_what_has_no_parts_has_no_levels() -> None:
    assert depth(object()) == 0
    assert depth(Whole()) == 1


def test_a_system_that_contains_itself_is_refused_and_the_way_is_named() -> None:
    inner = Whole()
    outer = Whole([Part("inner", inner)])
    inner.parts.append(Part("outer again", outer))
    with pytest.raises(ConfigurationError, match=r"part of itself: Whole > inner > outer again\."):
        check_recursion(outer)


def test_equal_systems_that_are_not_the_same_are_no_circle() -> None:
    @dataclass  # two of them with the same parts are equal
    class Alike:
        parts: list[Part] = field(default_factory=list[Part])

        def subsystems(self) -> Sequence[Subsystem]:
            return self.parts

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Alike)

        __hash__ = None  # type: ignore[assignment]

    assert check_recursion(Alike([Part("one", Alike()), Part("other", Alike())])) == 2


def test_one_system_in_several_places_is_no_circle_and_is_looked_at_once() -> None:
    looked = 0

    class Counting(Whole):
        def subsystems(self) -> Sequence[Subsystem]:
            nonlocal looked
            looked += 1
            return self.parts

    whole: Whole = Counting()
    for _ in range(9):
        whole = Counting([Part("left", whole), Part("right", whole)])
    assert depth(whole) == 10
    assert looked == 10


def test_a_shared_system_that_is_too_deep_in_one_of_its_places_is_refused() -> None:
    shared = nested(2)
    assert check_recursion(Whole([Part("here", shared)])) == 3
    with pytest.raises(ConfigurationError, match="Whole > deeper > there > level 1"):
        check_recursion(Whole([Part("here", shared), Part("deeper", Whole([Part("there", shared)]))]))


def test_a_part_is_checked_alone_before_it_joins() -> None:
    whole = nested(1)
    assert check_part(whole, Part("worker", object())) == 1
    assert check_part(whole, Part("team", nested(2))) == 3
    with pytest.raises(ConfigurationError, match="Whole > team > level 2"):
        check_part(whole, Part("team", nested(3)))
    with pytest.raises(ConfigurationError, match="part of itself: Whole > me"):
        check_part(whole, Part("me", whole))


WEIGHTS = st.dictionaries(
    st.sampled_from("uvw"), st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1e6), max_size=4), max_size=3
)


def entropy(weights: Sequence[float]) -> float:
    total = math.fsum(weights)
    return -sum(weight / total * log2(weight / total) for weight in weights if weight / total) if total else 0.0


@settings(max_examples=150)
@given(WEIGHTS)
@pytest.mark.promise("C32")
def test_the_variety_of_the_whole_is_that_between_its_parts_and_within_less_what_they_share(
    weights: Mapping[str, Mapping[str, float]],
) -> None:
    level = merged(weights)
    total = math.fsum(weight for kinds in weights.values() for weight in kinds.values())
    if not total:
        assert level is None
        return
    assert level is not None
    assert level.bits == pytest.approx(level.between_bits + level.within_bits - level.shared_bits, abs=1e-9)
    assert level.bits == pytest.approx(entropy(list(level.shares.values())), abs=1e-9)
    assert sum(level.shares.values()) == pytest.approx(1.0)
    assert sum(level.parts.values()) == pytest.approx(1.0)
    assert level.shared_bits >= 0


@settings(max_examples=100)
@given(WEIGHTS)
@pytest.mark.promise("C32")
def test_when_each_kind_has_one_part_nothing_is_shared(weights: Mapping[str, Mapping[str, float]]) -> None:
    level = merged({part: {part + kind: weight for kind, weight in kinds.items()} for part, kinds in weights.items()})
    assert level is None or level.shared_bits == pytest.approx(0.0, abs=1e-9)


def test_two_parts_with_two_equal_kinds_each_have_two_bits() -> None:
    level = merged({"u": {"a": 1, "b": 1}, "v": {"c": 1, "d": 1}})
    assert level is not None
    assert (level.bits, level.between_bits, level.within_bits, level.shared_bits) == (2.0, 1.0, 1.0, 0.0)
    same = merged({"u": {"a": 1, "b": 1}, "v": {"a": 1, "b": 1}})
    assert same is not None
    assert (same.bits, same.between_bits, same.within_bits, same.shared_bits) == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf, -math.inf])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(PayloadError, match=f"'u' cannot have met {weight} of 'a'"):
        merged({"u": {"a": weight}})


@pytest.mark.parametrize("weights", [{"u": {"a": 1e308, "b": 1e308}}, {"u": {"a": 1e308}, "v": {"a": 1e308}}])
def test_weights_beyond_all_numbers_are_refused(weights: Mapping[str, Mapping[str, float]]) -> None:
    with pytest.raises(PayloadError, match="more than a number can hold"):
        merged(weights)
