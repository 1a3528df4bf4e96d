"""Messages as bytes: written and read as the slow and thorough way would, only sooner."""

import json
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.links.arguments import sendable
from vsm_mcp.servers.links.lean import messages
from vsm_mcp.servers.links.lean.lists import Lists
from vsm_mcp.servers.links.listing import Listing

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=20))
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4))
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS})
BLOCK = st.one_of(
    PLAIN, PLAIN.map(lambda block: {**block, "vendor": 1}), st.fixed_dictionaries({"type": st.just("text")}), VALUES
)
RESULTS = st.fixed_dictionaries(
    {"content": st.one_of(st.lists(BLOCK, max_size=3), st.none())},
    optional={
        "isError": st.one_of(st.booleans(), st.none(), st.text()),
        "structuredContent": st.one_of(st.none(), st.dictionaries(TEXTS, LEAVES, max_size=2), st.integers()),
        "resultType": st.sampled_from(["complete", "input_required"]),
        "_meta": st.dictionaries(TEXTS, TEXTS, max_size=1),
    },
)


@settings(max_examples=60)
@given(VALUES)
def test_what_is_read_is_what_the_thorough_parser_reads(value: JsonValue) -> None:
    frame = json.dumps(value).encode()
    assert _read(messages.decoded, frame) == _read(from_json, frame)


@pytest.mark.parametrize("depth", [10, 140, 160, 199, 210, 5000])
def test_what_is_nested_too_deep_is_not_read(depth: int) -> None:
    frame = b"[" * depth + b"]" * depth
    assert _read(messages.decoded, frame) == _read(from_json, frame)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_arguments_are_sent_as_they_are_or_refused_as_on_the_other_path(arguments: JsonObject) -> None:
    def quick() -> object:
        return json.loads(messages.call(1, "t", arguments, meta=b"", most=500))["params"]["arguments"]

    def thorough() -> object:
        return sendable(arguments, "the call of t", most=500)

    assert _made(quick) == _made(thorough)


@given(RESULTS, st.booleans())
def test_a_result_that_is_read_quickly_is_the_one_that_would_be_read_thoroughly(raw: JsonObject, modern: bool) -> None:  # noqa: FBT001
    quick = messages.quick_result(raw, modern=modern)
    version = messages.MODERN if modern else "2025-06-18"
    if quick is not None:
        assert quick == Lists(Listing(), name="s", version=version).result(raw, "it")


def test_what_every_request_carries_and_the_number_of_progress_stand_in_one_object() -> None:
    assert messages.stamp(b"") == b""
    assert messages.stamp(b'"a":1') == b',"_meta":{"a":1}'
    assert messages.stamp(b"", token=7) == b',"_meta":{"progressToken":7}'
    assert messages.stamp(b'"a":1', token=7) == b',"_meta":{"a":1,"progressToken":7}'


@given(st.text(st.characters()))
def test_any_text_is_written_as_one_line(text: str) -> None:
    line = messages.cancellation(3, text)
    assert line.count(b"\n") == 1
    assert json.loads(line)["params"] == {"requestId": 3, "reason": text}


def _read(read: Callable[[bytes], object], frame: bytes) -> str:
    try:
        return repr(read(frame))
    except ValueError:
        return "not read"


def _made(make: Callable[[], object]) -> object:
    try:
        return make()
    except PayloadError as error:
        return cast("object", error.message)
