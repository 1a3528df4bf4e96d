"""Text for a pattern is made without running the pattern."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.proving.patterns import LONGEST_PATTERN, LONGEST_TEXT, text_for


@pytest.mark.parametrize(
    "pattern",
    [
        "^[0-9]{7}$",
        r"^\d{4}-\d{2}-\d{2}$",
        "^(?:npm|pypi):[a-z]+$",
        "^(a|b)c$",
        r"^[A-Za-z_][\w.-]*$",
        "a{2,}b?",
        r"^https?://.+\.[a-z]{2,}$",
        "^#[0-9a-fA-F]{6}$",
        r"^[\w-]+@example\.com$",
        r"^\S+\s\S+$",
        "x*?y+?",
        "^(?:(?:a){2}b){2}$",
        "",
    ],
)
def test_the_text_matches(pattern: str) -> None:
    text = text_for(pattern)
    assert text is not None
    assert re.search(pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)b",
        "[^x]",
        r"\bword",
        r"(a)\1",
        "[]a]",
        "[ab",
        "(ab",
        "ab)",
        "*a",
        "a{5000}",
        r"[\]]",
        "\\",
        "(" * 20 + ")" * 20,
        "x" * (LONGEST_PATTERN + 1),
        "(?i)a",
        "{2}",
        f"a{{{LONGEST_TEXT + 1}}}",
        "(?:a{99}){9}",
    ],
)
def test_what_is_not_understood_is_not_guessed(pattern: str) -> None:
    assert text_for(pattern) is None


def test_a_pattern_that_could_run_for_ever_does_not() -> None:
    assert text_for("^((a+)+)+$") == "a"


@given(st.text(alphabet="ab()[]{}|*+?^$\\d-,019.", max_size=20))
def test_any_pattern_gives_a_short_text_or_none(pattern: str) -> None:
    text = text_for(pattern)
    assert text is None or len(text) <= LONGEST_TEXT
