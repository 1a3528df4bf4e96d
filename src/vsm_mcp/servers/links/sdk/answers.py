"""Answers of tools of this process, fetched directly: no message, a tenth of the time.

Directly only what gives the same answer either way: an asynchronous function that asks for nothing of the connection,
on a server that nobody put anything in front of. Everything else goes through the protocol.
"""

from collections.abc import Awaitable, Callable

from mcp import MCPError
from mcp.server import MCPServer, Server
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, TextContent

from vsm_mcp.model.json import JsonValue
from vsm_mcp.servers.links.results import Answer

Run = Callable[[dict[str, JsonValue]], Awaitable[Answer]]
Direct = Callable[[str], Run | None]
"""Returns what calls a tool directly, or ``None`` when it has to be called through the protocol."""


def never(_: str) -> None:
    """Call nothing directly."""


def direct_to(server: "Server[object] | MCPServer[object]") -> Direct:
    """Return what calls the tools of ``server`` directly, as far as that gives the same answer."""
    if not isinstance(server, MCPServer) or len(server.middleware) > len(MCPServer[object]("").middleware):
        return never
    if server._extensions:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - they may stand before every call
        return never
    find = server._tool_manager.get_tool  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nothing public tells
    context = Context[object, object](mcp_server=server)

    def direct(name: str) -> Run | None:
        tool = find(name)
        if tool is None or not tool.is_async or tool.context_kwarg is not None or tool.resolved_params:
            return None
        return _Plain(tool, context).run

    return direct


class _Plain:
    __slots__ = ("_context", "_tool")

    def __init__(self, tool: Tool, context: Context[object, object]) -> None:
        self._tool = tool
        self._context = context

    async def run(self, arguments: dict[str, JsonValue]) -> Answer:
        try:
            answer: Answer = await self._tool.run(arguments, self._context, convert_result=True)
        except MCPError:
            raise
        except ToolError as error:
            return CallToolResult(content=[TextContent(type="text", text=str(error))], is_error=True)
        return answer
