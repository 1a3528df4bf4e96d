"""Arguments and results are of bounded size and depth, and what is beyond is named by its place."""

import json
from collections.abc import Mapping
from math import inf, nan
from time import perf_counter
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.errors import PayloadError
from vsm_mcp.events import CallRefused, Event
from vsm_mcp.guard.payloads import MIB, Bounds, PayloadBounds, PayloadOptions, extent, small
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonValue


class Server:
    def __init__(self, result: ToolResult | None = None) -> None:
        self.result = result or ToolResult(text="done")
        self.calls = 0

    async def call(self, _call: ToolCall, /) -> ToolResult:
        self.calls += 1
        return self.result


SMALL = Bounds(bytes=1000, depth=3, values=20, name=10, text=500)


def nested(levels: int) -> JsonValue:
    value: JsonValue = "x"
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": "x" * 501}, "a has 501 characters, 500 are allowed."),
        ({"a": ["x" * 400, "x" * 400, "x" * 400]}, "a/2 is beyond the 1000 bytes that are allowed."),
        ({"a": ["\u20ac" * 320, "\u20ac" * 10]}, "a/1 is beyond the 1000 bytes that are allowed."),
        ({"a": {"b" * 11: 1}}, "a has a field whose name has 11 characters, 10 are allowed."),
        ({"a": list(range(20))}, "a/18 is one value more than the 20 that are allowed."),
        (nested(4), "in/in/in is deeper than 3 levels."),
        ({"a": {1: 2}}, "a has a field whose name is of type int."),
        ({"a": [nan]}, "a/0 is a number that JSON does not have."),
        ({"a": -inf}, "a is a number that JSON does not have."),
        ({"a": b"x"}, "a is of type bytes, which JSON does not have."),
        ({"a": {"b": {1, 2}}}, "a/b is of type set, which JSON does not have."),
        ({"a": 1 << 9000}, "a is beyond the 1000 bytes that are allowed."),
        ("x" * 501, "the whole has 501 characters, 500 are allowed."),
    ],
)
def test_what_is_out_of_bounds_is_named_by_its_place(value: JsonValue, why: str) -> None:
    with pytest.raises(PayloadError) as info:
        extent(value, SMALL)
    assert info.value.message == why


def test_the_names_of_fields_count_too() -> None:
    with pytest.raises(PayloadError, match="is beyond the 1000 bytes"):
        extent({"a" * 600: 1, "b" * 600: 2}, Bounds(bytes=1000))


def test_a_long_way_is_shown_by_its_last_steps() -> None:
    with pytest.raises(PayloadError, match=r"^\.\.\./in/in/in"):
        extent(nested(70), Bounds())


@pytest.mark.promise("D28")
@pytest.mark.anyio
async def test_a_request_of_more_than_a_mebibyte_is_refused_and_not_sent() -> None:
    server, heard = Server(), list[Event]()
    guarded = PayloadBounds(server, PayloadOptions(), emit=heard.append)
    await guarded.call(ToolCall(server="s", tool="t", arguments={"text": "x" * (MIB - 100)}))
    assert server.calls == 1
    with pytest.raises(PayloadError, match="The arguments for 't' of s cannot pass: text has 1048577 char") as info:
        await guarded.call(ToolCall(server="s", tool="t", arguments={"text": "x" * (MIB + 1)}))
    with pytest.raises(PayloadError, match="text/1 is beyond the 1048576 bytes"):
        await guarded.call(ToolCall(server="s", tool="t", arguments={"text": ["x" * (MIB // 2)] * 2}))
    assert server.calls == 1
    assert info.value.remedies
    assert [event.guard for event in heard if isinstance(event, CallRefused)] == ["payloads", "payloads"]
    assert "Server" in repr(guarded)


@pytest.mark.promise("D28")
@pytest.mark.parametrize(
    "result",
    [
        ToolResult(text="x" * (10 * MIB + 1)),
        ToolResult(text="", content=({"type": "text", "text": "x" * (10 * MIB)},)),
        ToolResult(text="ok", structured={"rows": [1] * 200_001}),
        ToolResult(text="ok", structured=nested(65)),
    ],
    ids=["text", "content", "values", "depth"],
)
@pytest.mark.anyio
async def test_a_result_that_is_out_of_bounds_is_withheld(result: ToolResult) -> None:
    heard = list[Event]()
    guarded = PayloadBounds(Server(result), PayloadOptions(), emit=heard.append)
    with pytest.raises(PayloadError, match="The call was made, but the result of 't' of s cannot pass"):
        await guarded.call(ToolCall(server="s", tool="t"))
    assert len(heard) == 1


@pytest.mark.parametrize(
    "result",
    [
        ToolResult(text="x" * 5000),
        ToolResult(text="ok", content=({"type": "text", "text": "ok"},) * 20, structured={"a": [1, {"b": None}]}),
        ToolResult(text="ok", content=({"type": "text", "text": "ok", "more": {"a": 1.5}},), structured=[1]),
    ],
    ids=["text", "content", "nested"],
)
@pytest.mark.anyio
async def test_a_result_within_bounds_is_returned(result: ToolResult) -> None:
    assert await PayloadBounds(Server(result), PayloadOptions()).call(ToolCall(server="s", tool="t")) is result


@pytest.mark.anyio
async def test_small_bounds_hold_for_small_messages_too() -> None:
    guarded = PayloadBounds(Server(ToolResult(text="abc")), PayloadOptions(arguments=SMALL, results=Bounds(text=2)))
    with pytest.raises(PayloadError, match="a has 501"):
        await guarded.call(ToolCall(server="s", tool="t", arguments={"a": "x" * 501}))
    few = PayloadBounds(Server(), PayloadOptions(arguments=Bounds(bytes=2000)))
    with pytest.raises(PayloadError, match="c is beyond the 2000 bytes"):
        await few.call(ToolCall(server="s", tool="t", arguments={"a": "x" * 900, "b": "x" * 900, "c": "x" * 900}))
    with pytest.raises(PayloadError, match="the text has 3 characters, 2 are allowed"):
        await guarded.call(ToolCall(server="s", tool="t"))


def test_a_value_that_holds_itself_or_doubles_at_each_level_ends_soon() -> None:
    endless: list[JsonValue] = []
    endless.append(endless)
    doubled: JsonValue = ["x"]
    for _ in range(60):
        doubled = [doubled, doubled]
    began = perf_counter()
    for value in (endless, doubled):
        with pytest.raises(PayloadError):
            extent(value, Bounds())
    assert perf_counter() - began < 5


def test_other_mappings_are_measured_like_dictionaries() -> None:
    assert extent(MappingProxyType({"a": (1, None)}), SMALL) == extent({"a": [1, None]}, SMALL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("a\u00e9\u20ac ", max_size=30),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text("ab\u20ac", max_size=9), inner, max_size=6),
)  # fmt: skip


def depth(value: JsonValue) -> int:
    if isinstance(value, Mapping):
        return 1 + max((depth(item) for item in value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def values(value: JsonValue) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(map(values, value.values()))
    return 1 + sum(map(values, value)) if isinstance(value, list) else 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_the_extent_of_a_value_is_that_of_its_json(value: JsonValue) -> None:
    size = extent(value, Bounds())
    written = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    assert (size.depth, size.values) == (depth(value), values(value))
    assert written / 3 - 20 <= size.bytes <= 3 * written + 20


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text("ab\u20ac", max_size=70), st.text(max_size=4) | JSON, max_size=4))
def test_what_needs_no_walk_is_within_bounds(value: dict[str, JsonValue]) -> None:
    if small(value):
        extent(value, Bounds(depth=1, values=33, name=64, text=4096))


@pytest.mark.parametrize("wrong", [{"bytes": 0}, {"depth": 201}, {"more": 1}], ids=str)
def test_bounds_that_cannot_be_are_an_error_where_they_are_written(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Bounds.model_validate(wrong)
