"""What comes from outside is taken exactly as it was meant, or refused with its name."""

import math
from collections import UserDict
from fractions import Fraction

import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.reading import entries, items, number, numbers, only, shown, text


@pytest.mark.parametrize("value", [0, 0.5, 1, 1.0])
def test_a_number_within_its_limits_is_taken(value: float) -> None:
    assert number("share", value, low=0.0, high=1.0) == value
    assert isinstance(number("share", value, low=0.0, high=1.0), float)


def test_large_numbers_are_taken_where_they_are_allowed() -> None:
    assert number("count", 1e300, low=0.0) == 1e300
    assert number("count", -1e300) == -1e300


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", None, Fraction(1, 2), 10**400, [1]])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(PayloadError, match="weight"):
        number("weight", value)
    with pytest.raises(PayloadError, match="weight 'a'"):
        numbers("weight", {"a": value}, most=3)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.0, 1.0, "between 0 and 1"), (0.0, math.inf, "at least 0"), (-math.inf, -9.0, "at most -9")],
)
def test_a_number_outside_says_where_it_should_be(low: float, high: float, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        number("figure", -3, low=low, high=high, error=ConfigurationError)


def test_a_text_is_stripped_and_bounded() -> None:
    assert text("name", "  a b ", longest=9) == "a b"
    for wrong in ("", "   ", "x" * 10, None, 3):
        with pytest.raises(PayloadError, match="name"):
            text("name", wrong, longest=9)


def test_a_mapping_of_any_make_is_taken_and_its_keys_are_texts() -> None:
    assert entries("figures", UserDict({"a": 1}), most=1) == {"a": 1}
    assert numbers("figures", {}, most=0) == {}
    for wrong in ({"a": 1, "b": 2}, {1: 1}, {"": 1}, {" ": 1}, {"k" * 201: 1}, 3):
        with pytest.raises(PayloadError, match="figures"):
            entries("figures", wrong, most=1)


def test_a_list_is_bounded() -> None:
    assert items("names", ["a"], most=1) == ("a",)
    for wrong in (["a", "b"], "ab", {"a"}):
        with pytest.raises(PayloadError, match="names"):
            items("names", wrong, most=1)


def test_unknown_keys_are_named() -> None:
    only("it", {"a": 1}, allowed=frozenset("ab"))
    with pytest.raises(PayloadError, match="it has no 'c', 'd'"):
        only("it", {"d": 1, "c": 1}, allowed=frozenset("ab"))


@pytest.mark.parametrize("value", ["x" * 1000, 10**4_000, object(), [0] * 1000, 1e300])
def test_whatever_it_is_it_is_shown_in_short(value: object) -> None:
    assert len(shown(value)) < 80
