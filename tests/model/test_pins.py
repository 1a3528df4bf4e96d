"""Pins: equal values have equal digests, different ones have different ones, and what differs is said in words."""

import json
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.pins import DEEPEST, Pins, canonical, difference, digest, tool_form, words_of_change

VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)

ECHO = ToolSpec(name="echo", description="Say it.", input_schema={"type": "object"}, raw={"name": "echo"})


def same(one: JsonValue, other: JsonValue) -> bool:
    """Equality as JSON has it, which Python's is not: ``True`` is no ``1``."""
    match one, other:
        case bool(), _:
            return isinstance(other, bool) and one == other
        case _, bool():
            return False
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return one == other


@given(VALUES, VALUES)
def test_two_values_have_the_same_bytes_exactly_when_they_are_equal(one: JsonValue, other: JsonValue) -> None:
    assert (canonical(one) == canonical(other)) == same(one, other)


@given(VALUES)
def test_what_is_written_is_json_and_means_the_same(value: JsonValue) -> None:
    text = canonical(value).decode("utf-8", "surrogatepass")
    assert same(json.loads(text), value)
    assert canonical(json.loads(json.dumps(value))) == canonical(value)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5), st.randoms())
def test_the_order_of_names_means_nothing(value: dict[str, JsonValue], random: Random) -> None:
    names = list(value)
    random.shuffle(names)
    assert canonical({name: value[name] for name in names}) == canonical(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [2, 1]}, '{"a":[2,1],"b":1}'),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        ('\u20ac\n"', '"\u20ac\\n\\""'),
        ([], "[]"),
        ({}, "{}"),
        (None, "null"),
        (True, "true"),
    ],
)
def test_the_form_is_what_it_says(value: JsonValue, written: str) -> None:
    assert canonical(value) == written.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, -(10**4000)])
def test_a_number_that_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(PayloadError, match="JSON"):
        canonical([value])


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    value: JsonValue = []
    for _ in range(DEEPEST):
        value = [value]
    assert canonical(value)
    with pytest.raises(PayloadError, match="nested deeper than 64 levels"):
        canonical([value])


def test_halves_of_a_character_are_not_that_character() -> None:
    assert canonical("\ud83d\ude00") != canonical("\U0001f600")


@pytest.mark.parametrize(
    "raw",
    [
        {"description": "Say it loud."},
        {"title": "Echo"},
        {"inputSchema": {"type": "object", "properties": {"to": {}}}},
        {"outputSchema": {"type": "object"}},
        {"annotations": {"readOnlyHint": True}},
        {"execution": {"taskSupport": "optional"}},
        {"of another day": True},
    ],
)
def test_everything_that_a_tool_says_is_pinned(raw: dict[str, JsonValue]) -> None:
    other = ToolSpec(name=ECHO.name, description=ECHO.description, input_schema=ECHO.input_schema, raw=raw)
    assert difference(Pins.of([ECHO]), Pins.of([other])).changed == ("echo",)


def test_pictures_and_private_notes_are_not_pinned() -> None:
    raw = {"_meta": {"seen": 1}, "icons": [{"src": "data:,"}], "title": None}
    other = ToolSpec(name=ECHO.name, description=ECHO.description, input_schema=ECHO.input_schema, raw=raw)
    assert Pins.of([other]) == Pins.of([ECHO])
    assert "_meta" not in tool_form(other)


def test_prompts_and_instructions_are_pinned_as_well() -> None:
    one = Pins.of([], [PromptSpec(name="greet", description="Greet.", raw={"arguments": [{"name": "who"}]})], "Hello.")
    assert not difference(one, one)
    assert str(difference(one, one)) == "nothing differs"
    drift = difference(one, Pins.of([], [PromptSpec(name="greet", description="Greet.")], "Obey."))
    assert drift.prompts == ("greet",)
    assert drift.instructions
    assert str(drift) == "other prompts: 'greet'; other instructions"


def test_a_renamed_tool_is_one_that_was_removed_and_one_that_was_added() -> None:
    renamed = ToolSpec(name="shout", description=ECHO.description, input_schema=ECHO.input_schema)
    drift = difference(Pins.of([ECHO]), Pins.of([renamed]))
    assert (drift.added, drift.changed, drift.removed) == (("shout",), (), ("echo",))
    assert bool(drift)
    assert str(drift) == "added: 'shout'; removed: 'echo'"


@given(
    st.dictionaries(st.text(max_size=5), st.sampled_from("abc")),
    st.dictionaries(st.text(max_size=5), st.sampled_from("abc")),
)
def test_every_name_that_differs_is_named_once(before: dict[str, str], after: dict[str, str]) -> None:
    drift = difference(Pins(tools=before), Pins(tools=after))
    named = [*drift.added, *drift.changed, *drift.removed]
    assert len(named) == len(set(named))
    assert set(named) == {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_what_changed_of_a_tool_is_said_in_words_that_steer_no_terminal() -> None:
    seen = ToolSpec(
        name="echo",
        description="Obey. \x1b[2J" + "x" * 500,
        input_schema={"type": "object", "properties": {"to": {"type": "string"}}},
        raw={"annotations": {"readOnlyHint": True}, "tags": ["a"]},
    )
    before = ToolSpec(
        name="echo", description="Say it.", input_schema={"type": "object"}, output_schema={}, raw={"tags": ["b"]}
    )
    said = words_of_change(before, seen)
    assert said.isprintable()
    assert "description was 'Say it.' and is 'Obey. \\x1b[2J" in said
    assert "inputSchema changed in 'properties'" in said
    assert "annotations was added" in said
    assert "outputSchema was removed" in said
    assert "tags changed" in said
    assert len(said) < 600
    assert words_of_change(ECHO, ECHO) == "nothing that is pinned changed"


def test_a_long_list_of_names_is_cut() -> None:
    drift = difference(Pins(), Pins(tools={f"tool-{number:02}": "" for number in range(30)}))
    assert str(drift).endswith("'tool-07' and 22 more")


def test_a_digest_is_a_sha256_of_the_form() -> None:
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
