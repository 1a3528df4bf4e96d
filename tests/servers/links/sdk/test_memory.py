"""Servers of the host's own process speak through the same link, with the same values and errors."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from mcp.server import MCPServer

from vsm_mcp.errors import CallTimeoutError, LinkError, PayloadError, StartError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.server import Installed
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.testing.servers import make_spawner, memory_installed, memory_server

NAME = "example/memory"


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def broken() -> str:
    """Fail."""
    raise RuntimeError


def large() -> str:
    """Return a lot."""
    return "x" * 11_000_000


async def slow() -> str:
    """Never return."""
    await anyio.sleep_forever()
    return ""


def installed() -> Installed:
    return memory_installed(
        lambda: memory_server(
            {"double": double, "broken": broken, "large": large, "slow": slow}, instructions="Hello."
        ),
        name=NAME,
    )


@pytest.mark.anyio
async def test_a_tool_of_this_process_is_listed_and_called(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed()) as running:
        listed = {tool.name: tool for tool in running.tools}
        assert listed["double"].description == "Return twice the number."
        assert listed["double"].raw["name"] == "double"
        result = await running.link.call(ToolCall(server=NAME, tool="double", arguments={"number": 21}))
        assert result.value == {"result": 42}
        assert result.text == "42"
        assert running.pid is None
        assert running.enforcement.warnings


@pytest.mark.anyio
async def test_its_failures_are_results_and_errors_like_everywhere(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed()) as running:
        assert (await running.link.call(ToolCall(server=NAME, tool="broken"))).is_error
        with pytest.raises(PayloadError, match="10485760"):
            await running.link.call(ToolCall(server=NAME, tool="large"))
        with pytest.raises(CallTimeoutError):
            await running.link.call(ToolCall(server=NAME, tool="slow", timeout=0.05))


@pytest.mark.anyio
async def test_a_link_tells_whom_it_speaks_with() -> None:
    connector = SdkConnector(eras={})
    server = memory_server({"double": double}, name="doubler", instructions="Hello.")
    async with connector.memory(lambda: server, name=NAME) as link:
        assert link.protocol_version
        assert link.server_info is not None
        assert link.server_info.name == "doubler"
        assert link.instructions == "Hello."
        assert link.alive
        await link.ping()
        with anyio.move_on_after(0.01) as waited:
            await link.ended()
        assert waited.cancelled_caught
    assert not link.alive
    assert "SdkConnector" in repr(connector)


@pytest.mark.anyio
async def test_a_call_under_way_ends_with_its_link() -> None:
    begun = anyio.Event()

    async def begin() -> str:
        begun.set()
        return await slow()

    async def call(link: Link) -> None:
        with pytest.raises(LinkError, match=r"broke during the call of begin, .* it was closed"):
            await link.call(ToolCall(server=NAME, tool="begin"))

    with anyio.fail_after(5):
        async with (
            anyio.create_task_group() as tasks,
            SdkConnector(eras={}).memory(lambda: memory_server({"begin": begin}), name=NAME) as link,
        ):
            tasks.start_soon(call, link)
            await begun.wait()


def no_server() -> object:
    raise OSError("no disk")


@asynccontextmanager
async def no_life(_: MCPServer[None]) -> AsyncGenerator[None]:
    await anyio.lowlevel.checkpoint()
    raise OSError("no cellar")
    yield


def lifeless() -> object:
    return MCPServer[None]("lifeless", lifespan=no_life)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("make", "said"),
    [(no_server, "no disk"), (dict, "dict, which is no MCP server"), (lifeless, "did not come up: no cellar")],
)
async def test_what_is_no_server_does_not_start(tmp_path: Path, make: Callable[[], object], said: str) -> None:
    async with make_spawner(tmp_path) as spawner:
        with pytest.raises(StartError, match=said):
            async with spawner.trial(memory_installed(make)):
                pytest.fail("it came up")
