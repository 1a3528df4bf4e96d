"""Arguments are made from what a schema says: they fit, they are the same every time, and they stay in /work."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.proving.samples import MOST_ITEMS, nonsense, sample_arguments, variants
from vsm_mcp.acquisition.proving.schemas import violation
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue

SEED = "0a1b2c3d"


def requiring(name: str = "x", **described: JsonValue) -> JsonObject:
    return _requiring(name, described)


def _requiring(name: str, described: JsonObject) -> JsonObject:
    return {"type": "object", "properties": {name: described}, "required": [name]}


@pytest.mark.parametrize(
    ("described", "value"),
    [
        ({"type": "string", "default": "a"}, "a"),
        ({"const": 3}, 3),
        ({"enum": ["b", "c"]}, "b"),
        ({"type": "string", "examples": ["d"]}, "d"),
        ({"type": "string", "description": "A zone (e.g., 'Europe/Rome', 'Asia/Tokyo')."}, "Europe/Rome"),
        ({"type": "string", "description": 'A colour, for example "red".'}, "red"),
        ({"type": "string", "description": "A colour such as `blue`."}, "blue"),
        ({"type": "integer", "description": "A number, e.g. 'seven'."}, 1),
        ({"type": "string"}, "test"),
        ({"type": "string", "minLength": 6}, "testtest"),
        ({"type": "string", "minLength": 6, "maxLength": 6}, "testte"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "pattern": "^[0-9]{7}$"}, "0000000"),
        ({"type": "string", "format": "uri"}, "https://example.com/"),
        ({"type": "string", "format": "date-time"}, "2024-02-29T12:00:00Z"),
        ({"type": "string", "format": "unheard-of"}, "test"),
        ({"type": ["string", "null"]}, "test"),
        ({"type": ["null"]}, None),
        ({}, "test"),
        ({"minimum": 3}, 3),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5, "maximum": 9}, 5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "multipleOf": 4}, 4),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": "array"}, []),
        ({"type": "array", "minItems": 2, "items": {"type": "integer"}}, [1, 1]),
        ({"type": "array", "minItems": 2, "prefixItems": [{"const": "a"}], "items": {"const": "b"}}, ["a", "b"]),
        ({"items": {"type": "integer"}}, []),
        ({"type": "object"}, {}),
        ({"type": "object", "properties": {"y": {"type": "integer"}, "z": {}}, "required": ["y"]}, {"y": 1}),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"oneOf": [{"type": "null"}]}, None),
        ({"allOf": [{"type": "integer"}, {"minimum": 4}]}, 4),
    ],
)
def test_a_sample_argument_is_what_the_schema_says_first(described: dict[str, JsonValue], value: JsonValue) -> None:
    assert sample_arguments(_requiring("x", described)) == {"x": value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", "/work"),
        ("repo_path", "/work"),
        ("repoPath", "/work"),
        ("directory", "/work"),
        ("filename", "/work/sample.txt"),
        ("file_path", "/work/sample.txt"),
        ("timezone", "UTC"),
        ("source_timezone", "UTC"),
        ("baseUrl", "https://example.com/"),
        ("start_date", "2024-02-29"),
        ("update", "test"),
        ("profile", "test"),
    ],
)
def test_the_name_of_a_property_suggests_its_value(name: str, value: str) -> None:
    assert sample_arguments(requiring(name, type="string")) == {name: value}


@pytest.mark.parametrize("value", ["/etc/passwd", "~/.ssh/id_rsa", "../up", "a/../../b", "\\\\host\\share"])
def test_a_path_never_leaves_the_writable_directory(value: str) -> None:
    assert sample_arguments(requiring("path", type="string", default=value)) == {"path": "/work"}
    assert sample_arguments(requiring("path", type="string", description=f"e.g. '{value}'")) == {"path": "/work"}
    assert all(
        str(made["path"]).startswith("/work") for made in variants(requiring("path", type="string"), {}, seed=SEED)
    )


@pytest.mark.parametrize("value", ["here.txt", "/work/here.txt", "/work"])
def test_a_path_within_it_is_taken_as_it_is(value: str) -> None:
    assert sample_arguments(requiring("path", type="string", default=value)) == {"path": value}
    assert sample_arguments(requiring("path", enum=["/only/this"])) == {"path": "/only/this"}


def test_lists_of_paths_hold_paths() -> None:
    schema = requiring("paths", type="array", items={"type": "string"}, minItems=1)
    assert sample_arguments(schema) == {"paths": ["/work"]}


def test_references_within_the_schema_are_followed() -> None:
    schema: JsonObject = {
        "$defs": {
            "a/b": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]},
            "n": {"const": 7},
        },
        "properties": {"q": {"$ref": "#/$defs/a~1b", "description": "A question."}},
        "required": ["q"],
    }
    assert sample_arguments(schema) == {"q": {"n": 7}}


def test_what_alternatives_require_together_is_all_given() -> None:
    one: JsonObject = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    two: JsonObject = {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}
    assert sample_arguments(_requiring("x", {"allOf": [one, two]})) == {"x": {"a": 1, "b": False}}
    assert sample_arguments(_requiring("x", {**one, "anyOf": [two]})) == {"x": {"a": 1, "b": False}}


ENDLESS: JsonObject = {
    "$defs": {"a": {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}}, "required": ["next"]}},
    "properties": {"x": {"$ref": "#/$defs/a"}},
    "required": ["x"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {"required": 7},
        {"required": ["x"], "properties": []},
        {"required": ["x"], "properties": {}},
        {"required": ["x"], "properties": {"x": 7}},
        requiring(type="string", pattern="(?=x)"),
        requiring(type="string", minLength=10**9),
        requiring(type="string", minLength="many"),
        requiring(type="array", minItems=10**9),
        requiring(type="integer", minimum=1e300),
        requiring(type="integer", minimum=2, maximum=1),
        requiring(**{"$ref": "https://example.com/schema"}),
        requiring(**{"$ref": "#/nowhere"}),
        requiring(**{"$ref": "#/properties/x"}),
        requiring(type="string", const=7),
        ENDLESS,
    ],
)
def test_an_argument_that_cannot_be_known_is_not_guessed(schema: JsonObject) -> None:
    assert sample_arguments(schema) is None


def test_further_arguments_differ_in_one_thing_each_and_reach_the_bounds() -> None:
    schema: JsonObject = {
        "properties": {
            "text": {"type": "string", "maxLength": 9},
            "n": {"type": "integer", "minimum": 1, "maximum": 4},
            "kind": {"enum": ["a", "b"]},
            "deep": {"type": "boolean"},
            "path": {"type": "string"},
        },
        "required": ["text"],
    }
    plain: JsonObject = {"text": "test", "deep": False}
    made = list(variants(schema, plain, seed="9"))
    changed = [{name: value for name, value in one.items() if plain.get(name, ...) != value} for one in made]
    assert changed[0] == {"text": "test 9"}
    for expected in (
        {"text": ""},
        {"text": "x" * 9},
        {"n": 1},
        {"n": 4},
        {"kind": "b"},
        {"deep": True},
        {"path": "/work"},
    ):
        assert expected in changed
    assert all(len(one) == 1 for one in changed)
    assert {"n": 0} not in changed
    assert list(variants(schema, plain, seed="9")) == made


def test_a_number_is_varied_and_what_cannot_be_known_is_left_alone() -> None:
    assert {"x": 2} in list(variants(requiring(type="integer"), {"x": 1}, seed=SEED))
    assert not list(variants(requiring(type="string", pattern="(?=x)"), {"x": "1"}, seed=SEED))
    assert not list(variants({"required": ["x"]}, {"x": "1"}, seed=SEED))


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        (requiring(type="string"), {"x": {"nonsense": ["nonsense"]}}),
        (requiring(type="object"), {"x": "nonsense"}),
        (requiring(**{"$ref": "#/nowhere"}), {}),
        ({"required": ["x"]}, {}),
        ({"properties": {"x": {"type": "string"}}}, None),
        ({"type": 7, "required": ["x"]}, None),
    ],
)
def test_nonsense_is_what_must_be_refused(schema: JsonObject, made: JsonObject | None) -> None:
    assert nonsense(schema) == made


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
WORDS = st.sampled_from(["type", "enum", "const", "default", "properties", "required", "items", "minItems", "$ref"])
BOUNDS = st.sampled_from(["anyOf", "allOf", "minimum", "maximum", "multipleOf", "pattern", "format", "minLength"])
SUBSCHEMA = st.dictionaries(
    WORDS | BOUNDS, JSON | st.sampled_from(["string", "integer", "object", "array", "#/$defs/a"]), max_size=5
)


@given(
    schema=st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["x", "path"]), SUBSCHEMA) | JSON,
            "required": st.just(["x"]) | JSON,
            "$defs": st.fixed_dictionaries({"a": SUBSCHEMA}) | JSON,
            "type": JSON,
        },
    )
)
def test_whatever_a_hostile_server_lists_what_is_made_fits_or_nothing_is_made(schema: dict[str, JsonValue]) -> None:
    made = sample_arguments(schema)
    nonsense(schema)
    for arguments in ([made] if made is not None else []) + list(islice(variants(schema, made or {}, seed=SEED), 30)):
        try:
            assert violation(schema, arguments) is None
        except PayloadError:  # not judged: it is tried
            continue


def test_a_schema_of_very_many_properties_costs_little() -> None:
    properties: JsonObject = {f"p{number}": {"type": "string"} for number in range(5000)}
    made = sample_arguments({"properties": properties, "required": ["p1"]}) or {}
    assert made == {"p1": "test"}
    assert len(list(variants({"properties": properties, "required": ["p1"]}, made, seed=SEED))) < MOST_ITEMS * 12
    assert sample_arguments({"properties": properties, "required": list(properties)}) is None
