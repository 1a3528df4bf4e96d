"""A FastMCP server offers the tools of a viable system."""

import pytest

from vsm_mcp import ViableSystem

fastmcp = pytest.importorskip("fastmcp", reason="allowed: needs vsm_mcp[fastmcp]")
from fastmcp import Client, FastMCP  # noqa: E402
from fastmcp.exceptions import ToolError  # noqa: E402

from vsm_mcp.adapters.fastmcp import fastmcp_tools  # noqa: E402


@pytest.mark.anyio
async def test_a_client_of_the_server_lists_and_calls_the_tools(toolbox: ViableSystem) -> None:
    server = FastMCP("offers")
    for tool in fastmcp_tools(toolbox):
        server.add_tool(tool)
    async with Client(server) as client:
        (listed,) = await client.list_tools()
        assert listed.name == "words__count_words"
        assert set(listed.input_schema["properties"]) == {"text", "least"}
        result = await client.call_tool(listed.name, {"text": "one two"})
        assert result.structured_content == {"result": 2}
        with pytest.raises(ToolError, match="text"):
            await client.call_tool(listed.name, {"txt": "one"})
