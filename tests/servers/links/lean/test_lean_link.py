"""The raw path: what it sends, what it hears, when it gives up, and that it is as quick to open as it is to close."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import cast

import anyio
import pytest

from vsm_mcp.errors import CallTimeoutError, LinkError, PayloadError, StartError, ToolError
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON
from vsm_mcp.world.processes import Command, LocalProcesses, Process

FRANK = Path(__file__).with_name("frank.py")
SECRET = "key-of-mine"  # noqa: S105 - opens nothing
HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})


def start(*words: str) -> AbstractAsyncContextManager[Process]:
    return LocalProcesses().open(Command(argv=(SYSTEM_PYTHON, *words)))


def hostile(*faults: str, call: float = 20.0, eras: dict[str, str] | None = None) -> AbstractAsyncContextManager[Link]:
    connector = LeanConnector(eras={} if eras is None else eras, probe=2.0, call=call)
    return connector.stdio(partial(start, str(HOSTILE), *faults), name="s", digest="d")


def frank(
    era: str = "old", *, call: float = 20.0, cap: float = 60.0, bounds: Bounds | None = None
) -> AbstractAsyncContextManager[Link]:
    connector = LeanConnector(eras={"d": "legacy" if era == "old" else "auto"}, call=call, cap=cap, bounds=bounds)
    return connector.stdio(partial(start, str(FRANK), era), name="s", digest="d", hide=(SECRET,))


def greeted(greeting: str) -> AbstractAsyncContextManager[Link]:
    return LeanConnector(eras={}, probe=20).stdio(partial(start, str(FRANK), greeting), name="s", digest="d")


async def said(link: Link, tool: str, **arguments: JsonValue) -> JsonValue:
    result = await link.call(ToolCall(server="s", tool=tool, arguments=arguments, timeout=20))
    return cast("JsonValue", json.loads(result.text))


def test_importing_the_raw_path_does_not_load_the_sdk() -> None:
    program = (
        "import sys; import vsm_mcp.servers.links.lean.connector; light = set(sys.modules); "
        "import vsm_mcp.servers.links.lean.opening; print('mcp_types' in light, 'mcp' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout
    assert printed.split() == ["False", "False"]


@pytest.mark.anyio
@pytest.mark.parametrize(("fault", "version"), [("good", "2025-11-25"), ("both-eras", "2026-07-28")])
async def test_the_newest_version_that_both_know_is_spoken(fault: str, version: str) -> None:
    async with hostile(fault) as link:
        assert (link.protocol_version, link.alive) == (version, True)
        await link.ping()
        assert len(await link.tools()) == 6
        assert (await link.call(HELLO)).text == "hello"
    assert not link.alive
    with pytest.raises(LinkError, match="it was closed"):
        await link.call(HELLO)


@pytest.mark.anyio
async def test_what_a_server_says_of_itself_is_kept() -> None:
    async with frank("old") as old, frank("new") as new:
        assert [(link.protocol_version, link.server_info) for link in (old, new)] == [
            ("2025-06-18", old.server_info),
            ("2026-07-28", new.server_info),
        ]
        assert old.server_info is not None
        assert new.server_info is not None
        assert (old.server_info.version, new.server_info.version) == ("1", "2")
        assert old.instructions is None
        assert [prompt.name for prompt in await new.prompts()] == ["hello"]


@pytest.mark.anyio
async def test_a_server_that_dies_of_the_new_greeting_is_greeted_in_the_old_way_and_that_is_remembered() -> None:
    eras: dict[str, str] = {}
    async with hostile("exit-on-probe", eras=eras) as link:
        assert (await link.call(HELLO)).text == "hello"
    assert eras == {"d": "legacy"}
    async with hostile("exit-on-probe", eras=eras) as link:
        assert link.protocol_version == "2025-11-25"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("greeting", "version"),
    [
        ("hesitating", "2026-07-28"), ("vague", "2025-06-18"), ("curt", "2025-06-18"), ("muddled", "2025-06-18"),
        ("older", "2025-06-18"),
    ],
)  # fmt: skip
async def test_whoever_can_be_understood_is_understood_at_once(greeting: str, version: str) -> None:
    async with greeted(greeting) as link:
        assert link.protocol_version == version


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        ("stern", "did not come up: not so"), ("elsewhere", "did not come up: Method not found"),
        ("wrong", "validation error"), ("huge", "bytes are more than the 10485760 allowed"),
    ],
)  # fmt: skip
async def test_whoever_cannot_be_understood_does_not_come_up(greeting: str, why: str) -> None:
    with pytest.raises(StartError, match=why) as caught:
        async with greeted(greeting):
            pytest.fail("it came up")
    assert caught.value.remedies


@pytest.mark.anyio
async def test_a_list_that_is_none_is_against_the_protocol_and_prompts_that_are_refused_are_none() -> None:
    async with greeted("listless") as link:
        with pytest.raises(LinkError, match="answered the request for its tools against the protocol"):
            await link.tools()
        assert await link.prompts() == ()


@pytest.mark.anyio
async def test_each_request_carries_what_its_era_asks_for() -> None:
    async with frank("old") as old, frank("new") as new:
        assert await said(old, "x", a=1) == {"name": "x", "arguments": {"a": 1}}
        sent = await said(new, "x")
        assert isinstance(sent, dict)
        assert isinstance(sent["_meta"], dict)
        assert sent["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        assert sent["_meta"].keys() == {
            "io.modelcontextprotocol/protocolVersion",
            "io.modelcontextprotocol/clientInfo",
            "io.modelcontextprotocol/clientCapabilities",
        }


@pytest.mark.anyio
async def test_other_lists_are_heard_of_in_both_eras() -> None:
    async with frank("old") as old, frank("new") as new:
        for link in (old, new):
            before = link.changes
            await said(link, "change")
            assert link.changes == before + 1
        before = new.changes
        await said(new, "end-listening")
        await said(new, "x")
        assert new.changes == before + 1, "what came after that is not known"


@pytest.mark.anyio
async def test_progress_is_told_and_moves_the_deadline_of_silence() -> None:
    heard: list[tuple[float, float | None, str]] = []

    def hear(done: float, total: float | None, message: str) -> None:
        heard.append((done, total, message))

    call = ToolCall(
        server="s", tool="progress", arguments={"pauses": "[0.2, 0.2, 0.2]"}, timeout=20, idle=0.5,
        progress=hear,
    )  # fmt: skip
    async with frank() as link:
        assert (await link.call(call)).text == '"done"'
    assert heard == [(1.0, 3.0, "[hidden]"), (2.0, 3.0, "[hidden]"), (3.0, 3.0, "[hidden]")]


@pytest.mark.anyio
async def test_a_call_that_names_no_time_may_take_long_as_long_as_it_shows_progress() -> None:
    async with frank(call=0.5) as link:
        assert (await link.call(_progress(0.2, 0.2, 0.2, 0.2))).text == '"done"'
        with pytest.raises(CallTimeoutError, match=r"showed no progress for 0\.5 seconds"):
            await link.call(_progress(0, 1))


@pytest.mark.anyio
async def test_progress_does_not_move_the_end() -> None:
    async with frank(call=0.4, cap=0.6) as link:
        with pytest.raises(CallTimeoutError, match=r"within 0\.6 seconds"):
            await link.call(_progress(*[0.1] * 9))


@pytest.mark.anyio
async def test_what_fails_while_it_hears_of_progress_fails_its_call_alone() -> None:
    def fail(*_: object) -> None:
        raise LookupError("mine")

    async with frank() as link:
        with pytest.raises(LookupError, match="mine"):
            await link.call(ToolCall(server="s", tool="progress", arguments={"pauses": "[0]"}, progress=fail))
        assert (await link.call(HELLO)).text
        assert link.alive


@pytest.mark.anyio
async def test_a_call_that_is_given_up_is_told_to_the_server_and_its_late_answer_harms_nobody() -> None:
    async with frank() as link:
        with pytest.raises(CallTimeoutError, match=r"within 0\.2 seconds"):
            await link.call(ToolCall(server="s", tool="silent", timeout=0.2))
        with anyio.move_on_after(0.2):
            await link.call(ToolCall(server="s", tool="silent", timeout=20))
        with pytest.raises(CallTimeoutError):
            await link.call(ToolCall(server="s", tool="late", timeout=0.1))
        noted = await said(link, "noted")
        assert isinstance(noted, list)
        told = [one["params"] for one in noted if isinstance(one, dict) and one["method"] == "notifications/cancelled"]
        assert [one["reason"] for one in told if isinstance(one, dict)] == [
            "timed out",
            "caller cancelled",
            "timed out",
        ]


@pytest.mark.anyio
async def test_what_a_server_asks_for_is_denied_and_signs_of_life_are_given() -> None:
    async with frank() as link:
        answers = await said(link, "asks")
    no = {"code": -32601, "message": "Method not found"}
    assert answers == [
        {"jsonrpc": "2.0", "id": "ping", "result": {}},
        {"jsonrpc": "2.0", "id": "elicitation/create", "error": no},
        {"jsonrpc": "2.0", "id": "roots/list", "error": no},
    ]


@pytest.mark.anyio
async def test_odd_answers_mean_what_they_mean_on_the_other_path() -> None:
    async with frank() as link:

        async def got(tool: str) -> ToolResult:
            return await link.call(ToolCall(server="s", tool=tool, timeout=20))

        assert str((await got("not-a-number")).structured) == "{'r': nan}"
        assert (await got("long-number")).structured == {"r": 123456789012345678901}
        assert await got("as-text") == await got("spaces") == ToolResult(text="")
        with pytest.raises(ToolError, match="both"):
            await got("both")
        image = await got("image")
        assert (image.text, image.is_error) == ("a\nb", True)
        assert image.content[0] == {"type": "image", "data": "AA==", "mimeType": "image/png"}
        for tool in ("bad-block", "bad-flag"):
            with pytest.raises(LinkError, match="against the protocol"):
                await got(tool)


@pytest.mark.anyio
async def test_arguments_may_be_any_mapping_and_any_sequence_and_nothing_else() -> None:
    arguments: JsonObject = MappingProxyType({"a": deque([("b",), MappingProxyType({"c": None})]), "d": "\ud800"})
    async with frank() as link:
        result = await link.call(ToolCall(server="s", tool="x", arguments=arguments))
        assert json.loads(result.text)["arguments"] == {"a": [["b"], {"c": None}], "d": "\ud800"}
        for bad in (object(), float("nan"), float("inf")):
            with pytest.raises(PayloadError, match="are no JSON values"):
                await link.call(ToolCall(server="s", tool="x", arguments=cast("JsonObject", {"a": bad})))


@pytest.mark.anyio
@pytest.mark.promise("E50")
async def test_too_much_is_refused_both_ways_and_the_link_lives() -> None:
    async with frank(bounds=Bounds(request=50_000, response=30_000)) as link:
        with pytest.raises(PayloadError, match="have 60012 bytes, more than the 50000 allowed"):
            await link.call(ToolCall(server="s", tool="x", arguments={"text": "x" * 60_000}))
        with pytest.raises(PayloadError, match="bytes are more than the 30000 allowed"):
            await link.call(ToolCall(server="s", tool="x", arguments={"text": "x" * 40_000}))
        assert (await link.call(HELLO)).text
        assert link.alive


@pytest.mark.anyio
async def test_many_large_calls_at_once_stay_whole() -> None:
    answers: list[str] = []

    async def call(link: Link, letter: str) -> None:
        text = letter * 300_000
        assert (await link.call(ToolCall(server="s", tool="echo", arguments={"text": text}))).text == text
        answers.append(letter)

    with anyio.fail_after(30):
        async with hostile("good", eras={"d": "legacy"}) as link, anyio.create_task_group() as tasks:
            for letter in "abcdefgh":
                tasks.start_soon(call, link, letter)
    assert sorted(answers) == list("abcdefgh")


@pytest.mark.anyio
async def test_a_server_that_stopped_reading_is_noticed_at_the_deadline_of_what_it_does_not_read() -> None:
    async with hostile("deaf", eras={"d": "legacy"}) as link:
        for size in (10, 500_000):
            with pytest.raises(CallTimeoutError, match=r"within 0\.3 seconds"):
                await link.call(ToolCall(server="s", tool="echo", arguments={"text": "x" * size}, timeout=0.3))
        with anyio.fail_after(5):
            ending = await link.ended()
        assert ending.reason == "the server stopped reading its input"
        assert ending.exit_code == -signal.SIGKILL
        with pytest.raises(LinkError, match="stopped reading"):
            await link.call(HELLO)


@pytest.mark.anyio
async def test_the_death_of_an_idle_server_ends_the_link_with_its_exit_code() -> None:
    async with hostile("good", eras={"d": "legacy"}) as link:
        os.kill(int((await link.call(ToolCall(server="s", tool="pid"))).text), signal.SIGKILL)
        with anyio.fail_after(5):
            ending = await link.ended()
        assert ending.exit_code == -signal.SIGKILL
        assert not link.alive
        with pytest.raises(LinkError, match="exit code -9"):
            await link.ping()


@pytest.mark.anyio
async def test_an_error_is_a_sign_of_life_and_silence_is_none() -> None:
    async with frank("new") as link:
        await link.ping()
    async with hostile("no-list", eras={"d": "legacy"}) as link:
        await link.ping()
        with pytest.raises(ToolError, match="Method not found"):
            await link.tools()


@pytest.mark.anyio
async def test_other_kinds_of_links_are_made_all_the_same() -> None:
    connector = LeanConnector(eras={})
    assert "LeanConnector" in repr(connector)
    with pytest.raises(StartError, match="no MCP server"):
        async with connector.memory(dict[str, str], name="s"):
            pytest.fail("it came up")


def _progress(*pauses: float) -> ToolCall:
    return ToolCall(server="s", tool="progress", arguments={"pauses": json.dumps(pauses)})
