"""Tools of this process are called directly where that gives the same answer, and through the protocol otherwise."""

import anyio
import pytest
from mcp.server import MCPServer, Server
from mcp.server.extension import Extension
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError as RaisedError

from vsm_mcp.errors import CallTimeoutError, LinkError, PayloadError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonValue
from vsm_mcp.servers.links.sdk.answers import direct_to
from vsm_mcp.servers.links.sdk.client import SdkConnector

pytestmark = pytest.mark.anyio


async def double(number: int) -> int:
    await anyio.lowlevel.checkpoint()
    return 2 * number


async def told(ctx: Context) -> str:
    await ctx.report_progress(1)
    return "told"


def blocking() -> str:
    return "done"


async def refuse() -> str:
    await anyio.lowlevel.checkpoint()
    raise RaisedError("not today")


async def slow() -> str:
    await anyio.sleep_forever()
    return ""


class Beside(Extension):
    """May stand before every call."""

    identifier = "example.org/beside"


def server() -> MCPServer[object]:
    made: MCPServer[object] = MCPServer("here")
    for tool in (double, told, blocking, refuse, slow):
        made.add_tool(tool)
    return made


def test_only_plain_asynchronous_tools_are_called_directly() -> None:
    direct = direct_to(server())
    assert [name for name in ("double", "told", "blocking", "refuse", "nothing") if direct(name)] == [
        "double",
        "refuse",
    ]
    assert direct_to(Server("low"))("double") is None
    extended: MCPServer[object] = MCPServer("here", extensions=[Beside()])
    extended.add_tool(double)
    assert direct_to(extended)("double") is None


def call(tool: str, timeout: float | None = None, **arguments: JsonValue) -> ToolCall:
    return ToolCall(server="s", tool=tool, arguments=arguments, timeout=timeout)


async def test_a_direct_call_keeps_the_contract_of_every_call() -> None:
    with anyio.fail_after(20):
        async with SdkConnector(eras={}).memory(server, name="s") as link:
            assert (await link.call(call("double", number=21))).structured == {"result": 42}
            assert (await link.call(call("blocking"))).text == "done"
            assert (await link.call(call("told"))).text == "told"
            refused = await link.call(call("refuse"))
            assert refused.is_error
            assert "not today" in refused.text
            assert (await link.call(call("double", number="x"))).is_error
            with pytest.raises(CallTimeoutError):
                await link.call(call("slow", 0.05))
            with pytest.raises(PayloadError):
                await link.call(call("double", number=["x" * 2**20]))
        with pytest.raises(LinkError, match="it was closed"):
            await link.call(call("double", number=1))
