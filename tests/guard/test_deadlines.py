"""Every call has an end, nobody gets more time than is allowed, and what does not end by itself is cut."""

import math

import anyio
import pytest
from pydantic import ValidationError

from vsm_mcp.errors import CallTimeoutError, PayloadError, PolicyError, VSMError
from vsm_mcp.events import CallRefused
from vsm_mcp.guard.deadline import Deadline, DeadlineOptions, DeadlineRule
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.testing.world import RecordingSink

pytestmark = pytest.mark.anyio


class Server:
    def __init__(self, *, hangs: bool = False) -> None:
        self.calls: list[ToolCall] = []
        self._hangs = hangs

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls.append(call)
        if self._hangs:
            await anyio.sleep_forever()
        return ToolResult(text="done")


async def test_a_call_without_a_deadline_gets_the_usual_one_and_one_with_a_deadline_keeps_it() -> None:
    server = Server()
    guarded = Deadline(server, DeadlineOptions(timeout=20, idle=5))
    await guarded.call(ToolCall(server="files", tool="read", arguments={"path": "a"}, agent="ann"))
    await guarded.call(ToolCall(server="files", tool="read", timeout=7))
    await guarded.call(given := ToolCall(server="files", tool="read", timeout=7, idle=2))
    assert [(call.timeout, call.idle) for call in server.calls] == [(20, 5), (7, 5), (7, 2)]
    assert (server.calls[0].arguments, server.calls[0].agent) == ({"path": "a"}, "ann")
    assert server.calls[2] is given


async def test_the_first_rule_that_fits_says_how_long_a_tool_may_take() -> None:
    server = Server()
    rules = (
        DeadlineRule(server="build-*", tool="compile", timeout=900, idle=60),
        DeadlineRule(server="build-*", timeout=30),
    )
    guarded = Deadline(server, DeadlineOptions(rules=rules, backstop=False))
    for _ in range(2):
        for tool, name in (("compile", "build-1"), ("list", "build-1"), ("compile", "files")):
            await guarded.call(ToolCall(server=name, tool=tool))
    assert [call.timeout for call in server.calls] == [900, 30, 300] * 2
    assert [call.idle for call in server.calls[:3]] == [60, None, None]


async def test_more_time_than_is_allowed_is_refused() -> None:
    server, sink = Server(), RecordingSink()
    guarded = Deadline(server, DeadlineOptions(most=600), emit=sink)
    with pytest.raises(PolicyError, match="'read' of files is not called: it asks for 601 seconds, and at most 600"):
        await guarded.call(ToolCall(server="files", tool="read", timeout=601))
    assert server.calls == []
    assert [event.guard for event in sink.of(CallRefused)] == ["deadline"]


@pytest.mark.parametrize(
    ("timeout", "idle"), [(0.0, None), (-1.0, None), (math.nan, None), (5.0, 0.0), (5.0, math.inf)]
)
async def test_what_is_no_time_is_refused(timeout: float, idle: float | None) -> None:
    server = Server()
    with pytest.raises(PayloadError, match="positive number of seconds"):
        await Deadline(server).call(ToolCall(server="files", tool="read", timeout=timeout, idle=idle))
    assert server.calls == []


async def test_a_caller_that_does_not_keep_to_the_deadline_is_cut() -> None:
    guarded = Deadline(Server(hangs=True), DeadlineOptions(timeout=0.01, grace=0.01))
    with anyio.fail_after(5):
        with pytest.raises(CallTimeoutError, match=r"did not end within 0\.01 seconds") as caught:
            await guarded.call(ToolCall(server="files", tool="read"))
    assert caught.value.retryable
    assert isinstance(caught.value, VSMError)


async def test_names_that_are_made_up_do_not_fill_the_memory() -> None:
    guarded = Deadline(Server(), DeadlineOptions(backstop=False))
    for number in range(5_000):
        await guarded.call(ToolCall(server="files", tool=f"tool-{number}"))
    assert len(guarded._rules) <= 4_096  # pyright: ignore[reportPrivateUsage]
    assert "Deadline(" in repr(guarded)


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="more than the most"):
        DeadlineOptions(timeout=100, most=50)
    with pytest.raises(ValidationError, match="more than the most"):
        DeadlineOptions(rules=(DeadlineRule(timeout=4_000),))
