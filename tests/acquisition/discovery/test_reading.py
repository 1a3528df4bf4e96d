"""Untrusted JSON: any shape is read with bounds, and only bytes that are no JSON are refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.reading import clean, items, mapping, moment, parse, text, words
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonValue

ANYTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

# What Unicode calls default-ignorable.
WITHOUT_SHAPE = [
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
]


def test_unseen_characters_are_removed_and_white_space_is_folded() -> None:
    assert clean("a\u200bb\u202ec\ufe0f  d\n\te\U000e0041\x00 \ud800f") == "abc d e f"
    assert clean("\uff30\uff24\uff26") == "PDF"


@pytest.mark.security
@pytest.mark.parametrize(("first", "last"), WITHOUT_SHAPE)
def test_a_character_without_a_shape_is_removed_and_words_stay_whole(first: int, last: int) -> None:
    for code in range(first, last + 1):
        assert clean(f"data{chr(code)}base") == "database"


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_cleaned_text_is_printable_bounded_and_stays_as_it_is(raw: str, longest: int) -> None:
    cleaned = clean(raw, longest)
    assert cleaned.isprintable()
    assert len(cleaned) <= longest
    assert clean(cleaned, longest).strip() == clean(cleaned.strip(), longest)


@pytest.mark.security
@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_or_too_deep_is_refused(data: bytes) -> None:
    with pytest.raises(PayloadError, match="The page is not readable JSON"):
        parse(data, what="The page")


@given(ANYTHING)
def test_no_shape_of_json_breaks_a_reader(value: JsonValue) -> None:
    assert len(items(value, 3)) <= 3
    assert isinstance(text(value), str)
    assert isinstance(mapping(value), dict)
    assert all(isinstance(word, str) for word in words(value, most=3, longest=5).values())
    assert moment(value) is None or moment(value) is not None


def test_entries_that_are_no_text_or_too_long_are_left_out() -> None:
    assert words({"a": "1", "b": 2, "c": "123456", "toolong": "1"}, most=4, longest=5) == {"a": "1"}


def test_a_date_without_a_zone_is_in_utc() -> None:
    assert moment("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment("2026-01-02T03:04:05+01:00") == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert moment("0001-01-01T00:00:00+23:59") is None
    assert moment("soon") is None
    assert moment(5) is None
