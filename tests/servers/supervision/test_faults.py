"""Each way in which a server can misbehave ends in the right error, with a remedy, and leaves nothing behind."""

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import (
    CallTimeoutError,
    LinkError,
    NeedsConfigurationError,
    PayloadError,
    StartError,
    ToolError,
    VSMError,
)
from vsm_mcp.events import Event, ResultMisshaped
from vsm_mcp.guard.schemas import SchemaOptions, SchemaValidation
from vsm_mcp.model.call import ToolCall, ToolSpec
from vsm_mcp.model.server import Running
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Connector
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.supervision.spawner import ServerStatus
from vsm_mcp.testing.hostile import FAULTS
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON, as_proven, hostile_server, make_spawner
from vsm_mcp.world.processes import Command, LocalProcesses

NAME = "example/hostile"
ALL_TOOLS = {"echo", "add", "write_file", "fail", "environment", "pid"}
HELLO = ToolCall(server=NAME, tool="echo", arguments={"text": "hello"})

AT_START: dict[str, tuple[type[VSMError], str]] = {
    "garbage-flood": (StartError, "lines"),
    "broken-json": (StartError, "lines"),
    "silence": (StartError, "did not answer the greeting"),
    "exit-at-once": (StartError, "exit code 3"),
    "old-version": (StartError, "2024-10-07"),
    "future-version": (StartError, "2099-01-01"),
    "needs-credentials": (NeedsConfigurationError, "DEMO_API_KEY"),
    "needs-credentials-in-list": (NeedsConfigurationError, "DEMO_API_KEY"),
    "no-list": (StartError, "Method not found"),
    "same-cursor": (StartError, "does not end"),
    "endless-cursor": (StartError, "does not end"),
    "endless-tools": (StartError, "more than 1000 tools"),
}
AT_CALL: dict[str, tuple[type[VSMError], str]] = {
    "garbage-on-call": (LinkError, "lines"),
    "long-line": (LinkError, "16777216 bytes"),
    "huge-result": (PayloadError, "10485760"),
    "needs-credentials-in-call": (NeedsConfigurationError, "DEMO_API_KEY"),
    "lying": (ToolError, "Unknown tool"),
    "wrong-id": (CallTimeoutError, "within 0.3 seconds"),
    "bad-result": (LinkError, "against the protocol"),
    "hang-on-call": (CallTimeoutError, "may still have been executed"),
    "deaf": (CallTimeoutError, "within 0.3 seconds"),
    "crash-on-call": (LinkError, "exit code 9"),
    "close-output": (LinkError, "closed its output"),
    "request-storm": (LinkError, "floods its connection with requests"),
    "half-line": (CallTimeoutError, "within 0.3 seconds"),
    "slow-drip": (CallTimeoutError, "within 0.3 seconds"),
    "progress-forever": (CallTimeoutError, "within 0.3 seconds"),
    "bad-utf8": (CallTimeoutError, "within 0.3 seconds"),
    "deep-json": (LinkError, "cannot be read"),
    "batch": (CallTimeoutError, "within 0.3 seconds"),
    "late-answer": (CallTimeoutError, "within 0.3 seconds"),
}
HARMLESS = {
    "good", "garbage", "exit-on-probe", "silent-on-probe", "modern-only", "both-eras", "slow-start", "bad-schema",
    "task-tool", "poisoned", "duplicate-tools", "duplicate-ids", "stderr-flood", "notification-storm", "elicits",
    "unending", "crash-after-call", "bad-output", "no-output", "endless-stderr",
}  # fmt: skip
ELSEWHERE = {"bad-headers", "wants-input", "error-as-text", "no-tools", "orphan"}


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path) -> Iterator[None]:
    """After every test: no process of a server, no open file of ours."""
    gc.collect()
    before = _open_files()
    yield
    assert not _processes(tmp_path)
    gc.collect()
    assert _open_files() <= before + 3, "asyncio and trio keep a few of their own"


def test_every_fault_is_tried() -> None:
    assert AT_START.keys() | AT_CALL.keys() | HARMLESS | ELSEWHERE == FAULTS.keys()


@pytest.mark.anyio
@pytest.mark.parametrize("fault", AT_START)
async def test_a_server_that_does_not_come_up_is_refused_with_the_right_error(tmp_path: Path, fault: str) -> None:
    kind, said = AT_START[fault]
    async with make_spawner(tmp_path, start=1.0, probe=0.5) as spawner:
        with anyio.fail_after(20), pytest.raises(VSMError) as caught:
            async with spawner.trial(hostile_server(tmp_path / "pkg", fault)):
                pytest.fail("it came up")
    assert type(caught.value) is kind
    assert said in caught.value.message
    assert caught.value.remedies
    assert caught.value.message.endswith(".")


@pytest.mark.anyio
@pytest.mark.parametrize("fault", AT_CALL)
async def test_a_call_that_goes_wrong_raises_the_right_error(tmp_path: Path, fault: str) -> None:
    kind, said = AT_CALL[fault]
    timeout = 0.3 if kind is CallTimeoutError else 20.0
    installed = hostile_server(tmp_path / "pkg", fault)
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        with anyio.fail_after(30), pytest.raises(VSMError) as caught:
            await running.link.call(ToolCall(server=NAME, tool="echo", arguments={"text": "x"}, timeout=timeout))
    assert type(caught.value) is kind
    assert said in caught.value.message
    assert caught.value.remedies
    assert caught.value.message.endswith(".")


@pytest.mark.anyio
@pytest.mark.parametrize("fault", sorted(HARMLESS))
async def test_a_fault_that_can_be_lived_with_costs_nothing_but_itself(tmp_path: Path, fault: str) -> None:
    async with make_spawner(tmp_path, probe=0.5 if fault == "silent-on-probe" else 5.0) as spawner:
        with anyio.fail_after(30):
            async with spawner.trial(hostile_server(tmp_path / "pkg", fault)) as running:
                assert {tool.name for tool in running.tools} >= ALL_TOOLS
                assert (await running.link.call(HELLO)).text == "hello"


@pytest.mark.anyio
@pytest.mark.parametrize("fault", ["crash-on-call", "hang-on-call", "long-line", "deaf", "request-storm", "silence"])
async def test_other_servers_do_not_notice(tmp_path: Path, fault: str) -> None:
    async with make_spawner(tmp_path, start=1.0, probe=0.5) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", fault)))
        spawner.adopt(as_proven(hostile_server(tmp_path / "good", name="example/good")))
        other = ToolCall(server="example/good", tool="pid")
        pid = (await spawner.call(other)).text
        with anyio.fail_after(30), pytest.raises(VSMError):
            await spawner.call(ToolCall(server=NAME, tool="echo", arguments={"text": "x"}, timeout=0.3))
        assert (await spawner.call(other)).text == pid
        assert spawner.states()["example/good"].status is ServerStatus.RUNNING


@pytest.mark.anyio
async def test_a_call_to_a_server_that_stopped_reading_ends_at_its_deadline_and_the_server_is_replaced(
    tmp_path: Path,
) -> None:
    large = ToolCall(server=NAME, tool="echo", arguments={"text": "x" * 500_000}, timeout=0.3)
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "deaf")))
        with anyio.fail_after(20):
            with pytest.raises(CallTimeoutError):
                await spawner.call(ToolCall(server=NAME, tool="echo", arguments={"text": "x"}, timeout=0.3))
            with pytest.raises(CallTimeoutError):
                await spawner.call(large)
            with pytest.raises(CallTimeoutError):
                await spawner.call(ToolCall(server=NAME, tool="echo", arguments={"text": "x"}, timeout=0.3))
        assert spawner.states()[NAME].generation == 2


@pytest.mark.anyio
async def test_bad_tools_are_left_out_one_by_one_and_each_with_its_reason(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", "bad-schema", "task-tool", "duplicate-tools")
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        assert {tool.name for tool in running.tools} == ALL_TOOLS
        assert "against the protocol" in running.dropped["no_schema"]
        assert "as a task" in running.dropped["slow_task"]
        assert "more than once" in running.dropped["echo"]
        assert "not an object" in running.dropped["#9"]
        assert "its name" in running.dropped["#8"]


@pytest.mark.anyio
async def test_a_tool_that_asks_for_forbidden_headers_is_left_out(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", "bad-headers", "modern-only")
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        assert {tool.name for tool in running.tools} == ALL_TOOLS
        assert "headers" in running.dropped["bad_headers"]


@pytest.mark.anyio
async def test_a_tool_that_asks_its_user_for_more_gets_nothing(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", "wants-input", "modern-only")
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        with pytest.raises(ToolError, match="more input"):
            await running.link.call(HELLO)


@pytest.mark.anyio
async def test_a_tool_keeps_the_raw_form_it_came_in(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner, spawner.trial(hostile_server(tmp_path / "pkg")) as running:
        echo = _tool(running, "echo")
    assert echo.raw["inputSchema"] == echo.input_schema
    assert echo.raw["annotations"] == {"readOnlyHint": True}
    assert echo.read_only
    assert not echo.idempotent


@pytest.mark.anyio
@pytest.mark.parametrize("engine", [LeanConnector, LazyConnector])
async def test_a_promise_of_values_that_only_text_comes_of_is_told_and_refused_where_the_host_is_strict(
    engine: Callable[..., Connector],
) -> None:
    start = partial(LocalProcesses().open, Command(argv=(SYSTEM_PYTHON, str(HOSTILE), "no-output")))
    with anyio.fail_after(20):
        async with engine(eras={}).stdio(start, name=NAME, digest="d") as link:
            (echo,) = [tool for tool in await link.tools() if tool.name == "echo"]
            assert echo.output_schema is not None
            heard: list[Event] = []

            def held_to(*, strict: bool) -> SchemaValidation:
                options = SchemaOptions(strict_results=strict)
                return SchemaValidation(link, options, lookup=lambda _server, _tool: echo, emit=heard.append)

            result = await held_to(strict=False).call(HELLO)
            assert (result.text, result.structured, result.is_error) == ("hello", None, False)
            with pytest.raises(PayloadError, match=r"The call was made, but .* without structured content"):
                await held_to(strict=True).call(HELLO)
    why = "it declares an output schema and answered without structured content"
    assert heard == [ResultMisshaped(server=NAME, tool="echo", why=why)] * 2


@pytest.mark.anyio
async def test_a_server_without_tools_comes_up_with_none(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", "no-tools")
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        assert running.tools == ()


@pytest.mark.anyio
async def test_a_failure_in_plain_words_is_a_complaint(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", "error-as-text")
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        result = await running.link.call(HELLO)
    assert not result.is_error
    assert result.complaint is not None


@pytest.mark.anyio
async def test_a_tool_that_says_it_failed_returns_its_word(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner, spawner.trial(hostile_server(tmp_path / "pkg")) as running:
        result = await running.link.call(ToolCall(server=NAME, tool="fail"))
    assert result.is_error
    assert result.text == "it failed, as it always does"


@pytest.mark.anyio
async def test_the_last_words_of_a_server_are_in_the_error(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        with pytest.raises(StartError) as caught:
            async with spawner.trial(hostile_server(tmp_path / "pkg", "stderr-flood", "old-version")):
                pytest.fail("it came up")
    assert len(caught.value.stderr) == 50
    assert caught.value.stderr[-1].startswith("4999 xxx")


@pytest.mark.anyio
async def test_how_a_server_wants_to_be_greeted_is_learned_once(tmp_path: Path) -> None:
    eras: dict[str, str] = {}
    installed = hostile_server(tmp_path / "pkg", "exit-on-probe")
    async with make_spawner(tmp_path, eras=eras) as spawner:
        async with spawner.trial(installed):
            assert eras == {installed.digest: "legacy"}
        async with spawner.trial(installed) as running:
            assert running.tools


@pytest.mark.anyio
async def test_a_slow_server_that_knows_only_the_new_greeting_gets_the_time_it_needs(tmp_path: Path) -> None:
    eras: dict[str, str] = {}
    installed = hostile_server(tmp_path / "pkg", "slow-start", "modern-only")
    async with make_spawner(tmp_path, eras=eras, probe=0.3, start=20.0) as spawner, spawner.trial(installed):
        assert eras == {installed.digest: "auto"}


def _tool(running: Running, name: str) -> ToolSpec:
    return next(tool for tool in running.tools if tool.name == name)


def _processes(directory: Path) -> list[str]:
    """Return the command lines of all processes that name ``directory``."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(directory).encode() in line:
            found.append(line.decode(errors="replace"))
    return found


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
