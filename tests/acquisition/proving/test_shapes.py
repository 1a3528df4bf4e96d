"""The shape of an answer is its types without its values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.proving.shapes import alike, shape_of, timeless
from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonValue

IMAGE = ToolResult(text="", content=({"type": "image", "data": "AAAA"},))


@pytest.mark.parametrize(
    ("result", "shape"),
    [
        (ToolResult(text="confidential"), "text"),
        (ToolResult(text='{"a": 1, "b": [true]}'), {"a": "number", "b": ["boolean"]}),
        (ToolResult(text="{not json"), "text"),
        (ToolResult(text="[" * 100_000), "text"),
        (ToolResult(text="x", structured={"result": None}), {"result": "null"}),
        (ToolResult(text="", structured=[]), []),
        (ToolResult(text="", structured={"a": {"b": {"c": {"d": 1}}}}), {"a": {"b": {"c": {}}}}),
        (IMAGE, {"image": "content"}),
        (ToolResult(text=""), "nothing"),
    ],
)
def test_a_shape_holds_no_value(result: ToolResult, shape: JsonValue) -> None:
    assert shape_of(result) == shape


@pytest.mark.parametrize(
    ("recorded", "seen", "same"),
    [
        ("text", "text", True),
        ("text", "number", False),
        ({"a": "text"}, {"a": "text", "b": "text"}, True),
        ({"a": "text"}, {"b": "text"}, False),
        ({"a": "text"}, "text", False),
        (["text"], ["number"], False),
        (["text"], [], True),
        ([], {"a": "text"}, True),
        (None, "text", True),
        ({"a": "null"}, {"a": "text"}, True),
        ("text", {"image": "content"}, False),
    ],
)
def test_answers_are_alike_when_nothing_is_missing_or_of_another_type(
    recorded: JsonValue, seen: JsonValue, *, same: bool
) -> None:
    assert alike(recorded, seen) is same


def test_what_tells_the_time_does_not_make_an_answer_another_one() -> None:
    first = ToolResult(
        text="", structured={"created_at": "a", "rows": [{"id": 1, "name": "x"}], "said": "2024-01-01 10:00"}
    )
    second = ToolResult(
        text="", structured={"created_at": "b", "rows": [{"id": 2, "name": "x"}], "said": "2025-02-02 11:11"}
    )
    other = ToolResult(text="", structured={"created_at": "b", "rows": [{"id": 2, "name": "y"}], "said": ""})
    assert timeless(first) == timeless(second) != timeless(other)
    deep: JsonValue = 1
    for _ in range(50):
        deep = [deep]
    assert timeless(ToolResult(text="", structured=deep))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_every_answer_is_like_itself(value: JsonValue) -> None:
    shape = shape_of(ToolResult(text="", structured=value))
    assert alike(shape, shape)
