"""JSON of many authors: what is too deep becomes null, all else stays, and the time is that of its length."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.sources.lenient import DEEPEST, MOST_DIGITS, parse_leniently
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonValue

TEXT = st.text() | st.text(alphabet='"\\[]{}')
ANYTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(min_value=-(10**19), max_value=10**19) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)
BOMB = "[" * 100_000 + "]" * 100_000
MILLION = 1_000_000


@settings(max_examples=15)  # each of them is long
@given(ANYTHING, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]))
def test_all_but_what_is_too_deep_stays_as_it_is(value: JsonValue, plain: bool, encoding: str) -> None:  # noqa: FBT001
    told = json.dumps(value, ensure_ascii=plain)
    said = f"[{told}, {BOMB}, {told}]".encode(encoding, "surrogatepass")
    first, deep, last = _items(parse_leniently(said, what="It"))
    assert first == last == value
    for _ in range(DEEPEST - 1):
        (deep,) = _items(deep)
    assert deep is None


@pytest.mark.parametrize(("digits", "kind"), [(MOST_DIGITS, int), (MOST_DIGITS + 1, float), (5000, float)])
def test_a_whole_number_of_many_digits_is_a_fraction(digits: int, kind: type) -> None:
    assert type(parse_leniently(b"9" * digits, what="It")) is kind


@pytest.mark.security
@pytest.mark.parametrize("said", ["", "{", "[}", "[" * 100_000, "]" * 100_000, f'[{BOMB}, "', f"[{BOMB}", f"{BOMB},1"])
def test_what_is_no_json_is_refused(said: str) -> None:
    with pytest.raises(PayloadError, match="It is not readable JSON"):
        parse_leniently(said.encode(), what="It")


@pytest.mark.security
@pytest.mark.parametrize(
    "said",
    ["[" * 2 * MILLION, "[]" * MILLION, '"' * MILLION, '"' + "\\" * MILLION, '"' + '\\"' * MILLION, '"[' * MILLION],
    ids=["brackets", "pairs", "quotes", "backslashes", "escapes", "strings"],
)
def test_it_takes_no_longer_than_reading_once_whatever_is_sent(said: str) -> None:
    with pytest.raises(PayloadError):  # what grows faster than what is sent takes hours
        parse_leniently(("[" * 100_000 + said).encode(), what="It")


def _items(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return list(value)
