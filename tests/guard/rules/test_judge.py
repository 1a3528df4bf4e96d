"""A schema judges values in bounded time, whoever wrote it, and refuses to begin what would take longer."""

import json
from time import perf_counter
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from vsm_mcp.errors import PayloadError
from vsm_mcp.guard.rules.effort import COUNTLESS, LONGEST_CHAIN, MOST_PARTS, UnjudgeableError, survey
from vsm_mcp.guard.rules.judge import LONGEST_MATCHED, Judge, digest
from vsm_mcp.model.json import JsonObject, JsonValue

SOON = 3.0
SEARCH: JsonObject = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1},
        "limit": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["query"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "breach"),
    [
        ({"query": "x", "limit": 2, "tags": ["a"]}, None),
        (MappingProxyType({"query": "x", "tags": ("a", "b")}), None),
        ({"limit": 2}, 'the whole: "query" is a required property'),
        ({"query": "x", "tags": ["a", 7]}, 'tags/1: it is not of type "string"'),
        (MappingProxyType({"query": 7}), 'query: it is not of type "string"'),
        (
            {"query": "x", "more": 1},
            "the whole: Additional properties are not allowed ('more' was unexpected)",
        ),
    ],
)
def test_a_breach_says_where_and_which_rule_and_never_the_value(value: JsonValue, breach: str | None) -> None:
    assert Judge(SEARCH).breach(value) == breach


@pytest.mark.parametrize("value", [{"query": "x", "tags": [{1}]}, {"query": b"x"}, MappingProxyType({"query": {1: 2}})])
def test_what_is_no_json_is_not_judged_where_a_rule_looks_at_it(value: JsonValue) -> None:
    with pytest.raises(PayloadError, match=r"JSON does not have|whose name is of type int"):
        Judge(SEARCH).breach(value)


def test_a_text_that_no_message_can_carry_is_not_judged() -> None:
    with pytest.raises(PayloadError, match="it cannot be judged: "):
        Judge({"properties": {"a": {"enum": ["x"]}}}).breach({"a": "\ud800"})


def test_one_schema_has_one_digest() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": (2,), "a": 1}) != digest({"a": 1, "b": [3]})


def doubling(levels: int, word: str) -> JsonObject:
    """Return a schema whose parts each refer twice to the next."""

    def part(number: int) -> JsonObject:
        further = {"$ref": f"#/$defs/p{number + 1}"}
        return {word: [further, further]} if word == "allOf" else {word: {"x": further, "y": further}}

    parts = {f"p{number}": part(number) for number in range(levels)}
    return {"$ref": "#/$defs/p0", "$defs": {**parts, f"p{levels}": {"type": "object"}}}


def chain(length: int) -> JsonObject:
    parts = {f"p{number}": {"$ref": f"#/$defs/p{number + 1}"} for number in range(length)}
    return {"$ref": "#/$defs/p0", "$defs": {**parts, f"p{length}": {"type": "object"}}}


def deep(levels: int) -> JsonObject:
    schema: JsonObject = {"type": "object"}
    for _ in range(levels):
        schema = {"properties": {"x": schema}}
    return schema


BROKEN: list[tuple[JsonObject, str]] = [
    ({"$ref": "https://evil.example/schema"}, "only '#/...' is followed"),
    ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "only '#/...' is followed"),
    ({"$ref": "other.json#/a"}, "only '#/...' is followed"),
    ({"$ref": 7}, "only '#/...' is followed"),
    ({"$ref": "#/$defs/nowhere"}, "which is not in it"),
    ({"$ref": "#/anyOf/7", "anyOf": [{}]}, "which is not in it"),
    ({"$dynamicRef": "#a"}, "uses '$dynamicRef'"),
    ({"properties": {"a": {"$id": "https://a.example/"}}}, "an address of its own"),
    ({"$schema": "https://evil.example/language"}, "no usable schema"),
    ({"allOf": [{"$ref": "#"}]}, "refers to itself without end"),
    ({"anyOf": [{"not": {"$ref": "#/anyOf/0"}}]}, "refers to itself without end"),
    (chain(LONGEST_CHAIN + 1), "parts of it refer to one another"),
    (chain(1500), "parts of it refer to one another"),
    ({"properties": {f"p{number}": {} for number in range(MOST_PARTS)}}, "more than 2000 parts"),
    (
        {"unevaluatedProperties": False, "allOf": [{"anyOf": [{"unevaluatedProperties": False}]}]},
        "one within the other",
    ),
    ({"type": "float"}, "no usable schema"),
    ({"properties": {"a": {"required": True}}}, "no usable schema"),
    ({"pattern": "("}, "no usable schema"),
    ({"pattern": "((a{100}){100}){100}"}, "no usable schema"),
    ({"$schema": "http://json-schema.org/draft-04/schema#", "pattern": "a"}, "cannot bound them"),
]


@pytest.mark.security
@pytest.mark.parametrize(
    ("schema", "why"),
    BROKEN,
    ids=lambda value: value if isinstance(value, str) else json.dumps(value)[:40],
)
def test_a_schema_that_cannot_be_judged_by_says_why(schema: JsonObject, why: str) -> None:
    began = perf_counter()
    with pytest.raises(UnjudgeableError) as info:
        Judge(schema)
    assert why in str(info.value)
    assert perf_counter() - began < SOON


@pytest.mark.security
@pytest.mark.parametrize("schema", [deep(65), {"enum": ["x" * 300_000]}, {"const": list(range(30_000))}], ids=len)
def test_a_schema_that_is_too_large_is_not_looked_at(schema: JsonObject) -> None:
    with pytest.raises(PayloadError):
        Judge(schema)


@pytest.mark.security
def test_work_that_doubles_is_refused_before_it_is_begun() -> None:
    nested: JsonValue = {}
    for _ in range(40):
        nested = {"x": nested, "y": 1}
    began = perf_counter()
    for schema, value in ((doubling(25, "allOf"), {}), (doubling(40, "properties"), nested)):
        with pytest.raises(PayloadError, match=r"could take \d+ steps; 1000000 are allowed"):
            Judge(schema).breach(value)
    assert Judge(doubling(40, "properties")).breach({"x": {"y": {}}}) is None
    assert perf_counter() - began < SOON


def test_a_schema_that_refers_to_itself_judges_trees() -> None:
    tree: JsonObject = {
        "$ref": "#/$defs/a~1node%20",
        "$defs": {
            "a/node ": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/$defs/a~1node%20"}}},
                "required": ["name"],
            }
        },
    }
    judge = Judge(tree)
    assert judge.breach({"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}) is None
    assert judge.breach({"name": "a", "children": [{"name": "b", "children": [{}]}]}) == (
        'children/0/children/0: "name" is a required property'
    )
    value: JsonValue = {"name": "leaf"}
    for _ in range(40):
        value = {"name": "a", "children": [value]}
    with pytest.raises(PayloadError, match="is deeper than 64 levels"):
        judge.breach(value)


@pytest.mark.security
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^(a+)+$", "a" * 3000 + "!"),
        (r"(a|b)*a(a|b){200}$", "ab" * 1900),
        (r"(?=a)(a+)+\1$", "a" * 3000 + "!"),
        (r"(?=.*b.*c.*d$)(a|aa)*(?=.*e$)\w", "a" * 3900 + "!"),
        (r"(.*a){25}", "a" * 20 + "b" * 3000),
    ],
)
def test_no_pattern_keeps_us_busy(pattern: str, text: str) -> None:
    judge = Judge({"properties": {"a": {"pattern": pattern}}})
    began = perf_counter()
    assert judge.breach({"a": text}) is not None
    assert perf_counter() - began < SOON


def test_patterns_hold_and_what_is_too_long_for_them_breaks_them() -> None:
    lookahead = r"^(?!\.)(?!.*\.\.)[a-z.]+@([a-z-]+\.)+[a-z]{2,}$"
    judge = Judge({"properties": {"mail": {"pattern": lookahead}, "code": {"allOf": [{}], "pattern": "^[A-Z]{3}$"}}})
    assert judge.breach({"mail": "ada.l@mail.example", "code": "ABC"}) is None
    assert judge.breach({"mail": "ada..l@mail.example"}) is not None
    assert judge.breach({"code": "ABCD"}) == 'code: it does not match "^[A-Z]{3}$"'
    assert Judge({"pattern": "a"}).breach("a" * LONGEST_MATCHED) is None
    assert Judge({"pattern": "a"}).breach("a" * (LONGEST_MATCHED + 1)) is not None


@pytest.mark.parametrize(
    "language",
    [
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
def test_the_languages_that_servers_write_are_understood(language: str) -> None:
    node: JsonObject = {
        "type": "object",
        "properties": {"id": {"pattern": "^[a-z]+$"}, "next": {"$ref": "#/definitions/n"}},
    }
    judge = Judge({"$schema": language, "definitions": {"n": node}, **node})
    assert judge.breach({"id": "a", "next": {"id": "b"}}) is None
    assert judge.breach({"id": "a", "next": {"next": {"id": "B"}}}) == 'next/next/id: it does not match "^[a-z]+$"'


def test_names_that_are_matched_are_short() -> None:
    judge = Judge({"patternProperties": {"^x_": {"type": "integer"}}})
    assert judge.breach({"x_a": 1, "b": "c"}) is None
    assert judge.breach({"x_a": "c"}) == 'x_a: it is not of type "integer"'
    with pytest.raises(PayloadError, match="name has 2000 characters"):
        judge.breach({"x" * 2000: 1})


def test_a_light_schema_takes_large_values_and_a_heavy_one_only_what_it_can_judge() -> None:
    rows: list[JsonValue] = [{"a": number} for number in range(20_000)]
    assert Judge({"items": {"properties": {"a": {"type": "integer"}}}}).breach(rows) is None
    heavy: JsonObject = {"items": {"allOf": [{"type": "object"}] * 100}}
    assert Judge(heavy).breach(rows[:10]) is None
    with pytest.raises(PayloadError, match="are allowed"):
        Judge(heavy).breach(rows)
    assert repr(Judge({"type": "object"})) == "Judge(steps=3)"


def test_the_work_of_parts_that_look_back_is_counted_twice() -> None:
    plain = survey({"allOf": [{"properties": {"a": {}}}]}).steps_by_depth(1000)
    back = survey({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}).steps_by_depth(1000)
    assert back[-1] > plain[-1]
    assert Judge({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}).breach({"b": 1}) is not None
    assert survey({"items": {"$ref": "#"}}).steps_by_depth(10_000)[-1] == COUNTLESS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.sampled_from([
        {}, {"type": "string"}, {"type": ["integer", "null"]}, {"minimum": 1}, {"maxLength": 2}, {"pattern": "^a"},
        {"enum": ["a", 1, None]}, {"const": {"a": 1}}, {"minItems": 1}, {"uniqueItems": True}, {"required": ["a"]},
        {"maxProperties": 1},
    ]),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "items": inner, "additionalProperties": inner, "not": inner, "if": inner, "then": inner, "else": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2), "allOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2), "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner, "propertyNames": inner, "dependentSchemas": st.dictionaries(st.just("a"), inner),
            "patternProperties": st.dictionaries(st.just("^a"), inner),
        },
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS, VALUES)
def test_what_breaks_a_schema_is_what_another_judge_says(schema: JsonObject, value: JsonValue) -> None:
    assert (Judge(schema).breach(value) is None) == Draft202012Validator(schema).is_valid(value)  # pyright: ignore[reportUnknownMemberType]
