"""Arguments that cannot be right are told apart from those that may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.routing.fitting import misfit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("described", "value", "fits"),
    [
        ({"type": "string"}, "x", True),
        ({"type": "string"}, 1, False),
        ({"type": "integer"}, 1, True),
        ({"type": "integer"}, 1.0, True),
        ({"type": "integer"}, 1.5, False),
        ({"type": "integer"}, True, False),
        ({"type": "number"}, 1.5, True),
        ({"type": "number"}, True, False),
        ({"type": "boolean"}, False, True),
        ({"type": "boolean"}, 0, False),
        ({"type": "null"}, None, True),
        ({"type": "array"}, [1], True),
        ({"type": "array"}, "no", False),
        ({"type": "object"}, {}, True),
        ({"type": "object"}, [], False),
        ({"type": ["string", "null"]}, None, True),
        ({"type": ["string", "null"]}, 3, False),
        ({"enum": ["a", "b"]}, "a", True),
        ({"enum": ["a", "b"]}, "c", False),
        ({"type": "unheard-of"}, 3, True),
        ({"anyOf": [{"type": "string"}]}, 3, True),
        ({}, 3, True),
        (True, 3, True),
    ],
)
def test_plain_types_and_enumerations_are_compared(described: JsonValue, value: JsonValue, *, fits: bool) -> None:
    schema: JsonObject = {"type": "object", "properties": {"x": described}}
    assert (misfit(schema, {"x": value}) is None) is fits


def test_what_is_required_and_missing_is_named() -> None:
    assert misfit({"required": ["b", "a", "c"]}, {"c": 1}) == "a, b is missing"


def test_unknown_names_count_only_where_the_schema_forbids_them() -> None:
    closed: JsonObject = {"properties": {"a": {}}, "additionalProperties": False}
    assert misfit(closed, {"a": 1, "b": 2}) == "b is not known"
    assert misfit({**closed, "patternProperties": {"^b": {}}}, {"b": 2}) is None
    assert misfit({"properties": {"a": {}}}, {"b": 2}) is None


@given(st.dictionaries(st.sampled_from(["type", "properties", "required", "additionalProperties"]), JSON), JSON)
def test_no_schema_of_a_hostile_server_breaks_it(schema: dict[str, JsonValue], value: JsonValue) -> None:
    reason = misfit(schema, {"x": value})
    assert reason is None or reason


def test_a_name_that_the_schema_does_not_know_is_wrong_where_only_known_ones_are_wanted() -> None:
    schema: dict[str, JsonValue] = {"properties": {"text": {"type": "string"}}, "required": ["text"]}
    assert misfit(schema, {"text": "x", "more": 1}) is None
    assert misfit(schema, {"text": "x", "more": 1}, known_only=True) == "more is not known"
    assert misfit(schema, {"text": "x"}, known_only=True) is None
    assert misfit(schema, {}, known_only=True) == "text is missing"
