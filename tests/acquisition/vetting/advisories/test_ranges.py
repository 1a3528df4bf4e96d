"""Ranges: which versions an advisory speaks of, in the order of each ecosystem."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from semver import Version as SemanticVersion

from vsm_mcp.acquisition.vetting.advisories.ranges import Affected, Event, holds, satisfies


def since(introduced: str = "0", *, fixed: str = "", last: str = "") -> Affected:
    ending = (Event(fixed=fixed, last=last),) if fixed or last else ()
    return Affected(ranges=((Event(introduced=introduced), *ending),))


@pytest.mark.promise("A14")
@pytest.mark.parametrize(
    ("affected", "version", "answer"),
    [
        (since("1.0.16"), "1.0.16", True),
        (since("1.0.16"), "1.0.15", False),
        (since("1.0.16"), "1.0.16-rc.1", False),
        (since("1.0.0", fixed="2.0.0"), "2.0.0-alpha.1", True),
        (since("1.0.0", fixed="2.0.0"), "2.0.0", False),
        (since("1.0.0", fixed="2.0.0"), "1.10.0", True),
        (since("0", last="1.4.2"), "1.4.2", True),
        (since("0", last="1.4.2"), "1.4.3", False),
        (since("0"), "0.0.1", True),
        (since("0"), "no version at all", True),
        (since("0", fixed="2.0.0"), "no version at all", None),
        (since("0", fixed="not a version"), "1.0.0", None),
        (Affected(versions=frozenset({"1.2.3"})), "1.2.3", True),
        (Affected(versions=frozenset({"1.2.3"})), "1.2.4", False),
        (Affected(versions=frozenset({"v1.2.3"})), "1.2.3", True),
        (Affected(versions=frozenset({"1.2.3"})), "strange", None),
        (Affected(versions=frozenset({"strange"})), "strange", True),
        (Affected(elsewhere=True), "1.0.0", None),
        (Affected(), "1.0.0", False),
    ],
)
def test_a_version_of_npm_is_affected_or_not(*, affected: Affected, version: str, answer: bool | None) -> None:
    assert holds(affected, version, ecosystem="npm") is answer


@pytest.mark.parametrize(
    ("affected", "version", "answer"),
    [
        (since("1.0", fixed="2.0"), "2.0rc1", True),
        (since("1.0", fixed="2.0"), "2.0.post1", False),
        (since("1.0", fixed="2.0"), "1.0", True),
        (since("1.0", fixed="2.0"), "1.0.dev3", False),
        (since("1.0", fixed="1!0.1"), "9.0", True),
        (Affected(versions=frozenset({"1.0"})), "1.0.0", True),
        (since("1.0", fixed="2.0"), "1.5+local", True),
    ],
)
def test_a_python_version_is_affected_or_not(*, affected: Affected, version: str, answer: bool | None) -> None:
    assert holds(affected, version, ecosystem="pypi") is answer


def test_what_was_fixed_and_broken_again_is_affected_between_and_after() -> None:
    again = Affected(
        ranges=((Event(introduced="3.0.0"), Event(fixed="1.5.0"), Event(introduced="1.0.0"), Event(fixed="3.1.0")),)
    )
    versions = ("0.9.0", "1.4.9", "1.5.0", "2.9.9", "3.0.0", "3.1.0")
    assert [holds(again, version, ecosystem="npm") for version in versions] == [False, True, False, False, True, False]


def test_a_range_with_too_many_events_cannot_be_told() -> None:
    many = Affected(ranges=((Event(introduced="1.0.0"),) * 5001,))
    assert holds(many, "1.0.0", ecosystem="npm") is None


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("4.17.20", "<4.17.21", True),
        ("4.17.21", "<4.17.21", False),
        ("1.0.0", "*", True),
        ("1.0.0", "", True),
        ("2.0.0", "< 1.0.0 || >= 2.0.0, <= 2.0.0", True),
        ("2.0.0", "=2.0.0", True),
        ("2.0.0", "2.0.1", False),
        ("2.0.0", ">2.0.0", False),
        ("2.0.0-rc.1", ">=1.0.0 <2.0.0", True),
        ("1.0.0", "^1.0.0", None),
        ("1.0.0", "1.x || <2.0.0", True),
        ("1.0.0", "gibberish", None),
        ("odd", "<2.0.0", None),
    ],
)
def test_ranges_in_npms_notation(*, version: str, wanted: str, answer: bool | None) -> None:
    assert satisfies(version, wanted) is answer


def joined(parts: tuple[int, int, int, str]) -> str:
    return f"{parts[0]}.{parts[1]}.{parts[2]}{parts[3]}"


NUMBERS = st.integers(0, 12)
SEMANTIC = st.tuples(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["", "-alpha", "-rc.1", "-1"])).map(joined)
PYTHON = st.tuples(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["", "rc1", ".dev2", ".post1"])).map(joined)
ECOSYSTEMS = st.sampled_from(["npm", "pypi"])


@given(SEMANTIC, SEMANTIC, SEMANTIC)
def test_a_range_of_npm_means_from_here_to_before_there(version: str, first: str, fixed: str) -> None:
    one, start, end = (SemanticVersion.parse(text) for text in (version, first, fixed))
    if start < end:
        assert holds(since(first, fixed=fixed), version, ecosystem="npm") is (start <= one < end)


@given(PYTHON, PYTHON, PYTHON)
def test_a_range_of_python_means_from_here_until_there(version: str, first: str, last: str) -> None:
    if Version(first) <= Version(last):
        inside = Version(first) <= Version(version) <= Version(last)
        assert holds(since(first, last=last), version, ecosystem="pypi") is inside


@given(st.text(max_size=40), st.tuples(st.text(max_size=40), st.text(max_size=40)), ECOSYSTEMS)
def test_no_text_breaks_the_reading_of_ranges(version: str, bounds: tuple[str, str], ecosystem: str) -> None:
    first, fixed = bounds
    affected = Affected(ranges=((Event(introduced=first), Event(fixed=fixed)),), versions=frozenset({first}))
    assert holds(affected, version, ecosystem=ecosystem) in {True, False, None}
    assert satisfies(version, first) in {True, False, None}
