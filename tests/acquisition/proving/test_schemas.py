"""Whether a value fits a schema is judged on a budget, and nothing is fetched for it."""

import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.proving.schemas import violation
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue

NUMBER: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_the_place_and_the_rule_are_told_and_the_value_is_not() -> None:
    assert violation(NUMBER, {"n": 1}) is None
    assert violation(NUMBER, {"n": "confidential"}) == "n breaks 'type'"
    assert violation(NUMBER, {}) == "the whole breaks 'required'"
    assert violation({"items": {"enum": [1, 2]}}, [1, 3]) == "1 breaks 'enum'"
    assert (
        violation({"properties": {}, "additionalProperties": False}, {"m": 1})
        == "the whole breaks 'additionalProperties'"
    )


DOUBLING: JsonObject = {
    "$ref": "#/$defs/a0",
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)} | {"a60": {}},
}


@pytest.mark.parametrize(
    "schema",
    [
        DOUBLING,
        {"$ref": "#"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/nowhere"},
        {"type": 7},
        {"enum": list(range(100_000))},
        {"const": {"a": list(range(100_000))}},
    ],
)
def test_what_is_broken_elsewhere_or_endless_is_not_judged(schema: JsonObject) -> None:
    with pytest.raises(PayloadError, match="cannot be judged"):
        violation(schema, {"a": 1})


def test_nothing_is_read_or_fetched_for_a_schema(tmp_path: Path) -> None:
    elsewhere = tmp_path / "schema.json"
    elsewhere.write_text('{"type": "object"}')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(PayloadError, match="cannot be judged"):
            violation({"$ref": elsewhere.as_uri()}, {})


def test_patterns_of_a_server_are_never_run() -> None:
    evil, victim = "^(a+)+$", "a" * 40 + "!"
    assert violation({"pattern": evil}, victim) is None
    assert violation({"patternProperties": {evil: {}}, "additionalProperties": False}, {victim: 1}) is None
    assert violation({"uniqueItems": True}, [{"a": 1}] * 3) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(["type", "properties", "items", "anyOf", "not", "$ref", "required", "contains", "if", "then"])


@given(schema=st.dictionaries(WORDS, JSON), value=JSON)
def test_no_schema_and_no_value_break_it(schema: dict[str, JsonValue], value: JsonValue) -> None:
    try:
        reason = violation(schema, value)
    except PayloadError:
        return
    assert reason is None or "breaks" in reason
