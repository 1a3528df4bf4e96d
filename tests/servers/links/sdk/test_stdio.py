"""The link over a process: greeting, signs of life, writing that stays whole, and death that is noticed."""

import os
import signal
import uuid
from collections import deque
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import cast

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest

from vsm_mcp.errors import CallTimeoutError, LinkError, PayloadError, ToolError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.servers.links.sdk.transports.framed import stdio
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON
from vsm_mcp.world.processes import Command, LocalProcesses, Process

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})


def start(*faults: str) -> AbstractAsyncContextManager[Process]:
    """Start the server that misbehaves."""
    return LocalProcesses().open(Command(argv=(SYSTEM_PYTHON, str(HOSTILE), *faults)))


def connect(*faults: str, call: float = 20.0) -> AbstractAsyncContextManager[Link]:
    """Connect to the server that misbehaves."""
    return SdkConnector(eras={}, call=call).stdio(partial(start, *faults), name="s", digest="d")


@pytest.mark.anyio
@pytest.mark.parametrize(("fault", "version"), [("good", "2025-11-25"), ("both-eras", "2026-07-28")])
async def test_both_sides_agree_on_the_newest_version_that_the_server_knows(fault: str, version: str) -> None:
    async with connect(fault) as link:
        assert link.protocol_version == version
        assert link.alive
        await link.ping()
    assert not link.alive


@pytest.mark.anyio
async def test_what_the_server_says_of_itself_is_kept() -> None:
    async with connect("good") as link:
        assert link.server_info is not None
        assert (link.server_info.name, link.server_info.version) == ("hostile", "1.0")
        assert link.instructions == "Faults: good"


@pytest.mark.anyio
async def test_a_server_that_names_nothing_of_itself_is_fine() -> None:
    async with connect("modern-only") as link:
        assert link.server_info is None


@pytest.mark.anyio
async def test_an_error_is_a_sign_of_life_and_silence_is_none() -> None:
    async with connect("deaf", call=0.2) as link:
        await link.ping()
        with pytest.raises(CallTimeoutError):
            await link.call(HELLO)
        with pytest.raises(CallTimeoutError):
            await link.ping()


@pytest.mark.anyio
async def test_the_death_of_an_idle_server_ends_the_link_with_its_exit_code() -> None:
    async with connect("good") as link:
        os.kill(int((await link.call(ToolCall(server="s", tool="pid"))).text), signal.SIGKILL)
        with anyio.fail_after(5):
            ending = await link.ended()
        assert ending.exit_code == -signal.SIGKILL
        assert not link.alive
        with pytest.raises(LinkError):
            await link.ping()


@pytest.mark.anyio
async def test_the_death_of_a_server_is_noticed_although_a_grandchild_holds_its_output_open() -> None:
    mark = f"-{uuid.uuid4().hex}"
    async with connect("orphan", mark) as link:
        server = int((await link.call(ToolCall(server="s", tool="pid"))).text)
        orphans = _marked(mark) - {server}
        os.kill(server, signal.SIGKILL)
        try:
            with anyio.fail_after(5):
                ending = await link.ended()
            assert ending.exit_code == -signal.SIGKILL
        finally:
            for orphan in orphans:
                with suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
    assert orphans


@pytest.mark.anyio
async def test_a_call_after_the_end_says_that_the_link_is_closed() -> None:
    async with connect("good") as link:
        pass
    with pytest.raises(LinkError, match="it was closed"):
        await link.call(HELLO)


@pytest.mark.anyio
async def test_an_unknown_tool_is_refused_with_the_servers_words() -> None:
    async with connect("good") as link:
        with pytest.raises(ToolError, match=r"Unknown tool: nothing \(code -32602\)"):
            await link.call(ToolCall(server="s", tool="nothing"))


@pytest.mark.anyio
async def test_a_server_that_refuses_to_give_signs_of_life_gives_one() -> None:
    async with connect("no-list") as link:
        await link.ping()


@pytest.mark.anyio
async def test_arguments_may_be_any_mapping_and_any_sequence() -> None:
    arguments: JsonObject = MappingProxyType({"text": deque(["a", ("b",), MappingProxyType({"c": 1})])})
    async with connect("good") as link:
        result = await link.call(ToolCall(server="s", tool="echo", arguments=arguments))
    assert result.text == "['a', ['b'], {'c': 1}]"


@pytest.mark.anyio
async def test_an_argument_that_is_no_json_is_refused() -> None:
    async with connect("good") as link:
        with pytest.raises(PayloadError, match="object is not a JSON value"):
            await link.call(ToolCall(server="s", tool="echo", arguments=cast("JsonObject", {"text": object()})))


@pytest.mark.anyio
@pytest.mark.promise("D37")
async def test_many_large_calls_at_once_stay_whole() -> None:
    """Each is larger than a pipe, so that writes wait in the middle."""
    answers: list[str] = []

    async def call(link: Link, letter: str) -> None:
        text = letter * 300_000
        result = await link.call(ToolCall(server="s", tool="echo", arguments={"text": text}))
        assert result.text == text
        answers.append(letter)

    with anyio.fail_after(30):
        async with connect("good") as link, anyio.create_task_group() as tasks:
            for letter in "abcdefgh":
                tasks.start_soon(call, link, letter)
    assert sorted(answers) == list("abcdefgh")


@pytest.mark.anyio
async def test_a_message_that_was_broken_off_in_the_middle_is_never_followed_by_another() -> None:
    notification = JSONRPCNotification(jsonrpc="2.0", method="m", params={"text": "x" * 500_000})
    request = JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/call", params={"name": "pid"})
    with anyio.fail_after(10):
        async with start("deaf") as process, stdio(process, listing=Listing(), stderr=StderrRing()) as transport:
            async with transport as (_, write):
                await write.send(SessionMessage(request))
                with anyio.move_on_after(0.1):
                    await write.send(SessionMessage(notification))
                assert transport.broken == "the server stopped reading its input"
                with pytest.raises(anyio.BrokenResourceError):
                    await write.send(SessionMessage(request))
            assert (await transport.down()).exit_code == -signal.SIGKILL


@pytest.mark.anyio
async def test_the_streams_can_be_read_and_left_like_any() -> None:
    request = JSONRPCRequest(jsonrpc="2.0", id=1, method="ping")
    async with start("good") as process, stdio(process, listing=Listing(), stderr=StderrRing()) as transport:
        async with transport as (read, write), write, read:
            await write.send(SessionMessage(request))
            item = await read.receive()
            assert isinstance(item, SessionMessage)
        with pytest.raises(anyio.EndOfStream):
            await read.receive()


def _marked(mark: str) -> set[int]:
    """Return the processes that have ``mark`` among their words."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if mark.encode() in words:
            found.add(int(entry.name))
    return found
