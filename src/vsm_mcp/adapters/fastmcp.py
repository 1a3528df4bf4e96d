"""The tools of a viable system as tools of a FastMCP server."""

from collections.abc import Sequence
from typing import ClassVar

from mcp_types import ContentBlock
from pydantic import ConfigDict, PrivateAttr, TypeAdapter

from vsm_mcp.errors import ExtraMissingError, VSMError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool, Toolbox

try:
    from fastmcp.exceptions import ToolError
    from fastmcp.tools import Tool
    from fastmcp.tools.base import ToolResult
    from mcp_types import ToolAnnotations
except ImportError as _missing:
    raise ExtraMissingError("fastmcp") from _missing

_BLOCKS: TypeAdapter[list[ContentBlock]] = TypeAdapter(list[ContentBlock])


class FastMCPTool(Tool):
    """A tool of a viable system, as FastMCP wants it; made by `fastmcp_tools`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)
    _toolbox: Toolbox = PrivateAttr()
    _agent: str = PrivateAttr()

    async def run(self, arguments: JsonObject) -> ToolResult:
        """Call the tool.

        Raises:
            ToolError: The call failed, or was refused; FastMCP tells its client why.
        """
        try:
            outcome = await self._toolbox.call_tool(self.name, arguments, agent=self._agent)
        except VSMError as error:
            raise ToolError(str(error)) from error
        structured = outcome.structured if isinstance(outcome.structured, dict) else None
        return ToolResult(content=_BLOCKS.validate_python(list(outcome.content)), structured_content=structured)

    @classmethod
    def of(cls, offered: OfferedTool, toolbox: Toolbox, *, agent: str) -> "FastMCPTool":
        """Return ``offered`` as a tool that ``toolbox`` calls for ``agent``."""
        tool = cls(
            name=offered.name,
            description=offered.description,
            parameters={"type": "object", "properties": {}, **offered.input_schema},
            output_schema=None if offered.output_schema is None else dict(offered.output_schema),
            annotations=ToolAnnotations(read_only_hint=offered.read_only, idempotent_hint=offered.idempotent),
        )
        tool._toolbox, tool._agent = toolbox, agent
        return tool


def fastmcp_tools(toolbox: Toolbox, *, agent: str = "fastmcp") -> Sequence[FastMCPTool]:
    """Return what ``agent`` may call now as FastMCP tools, each call guarded and measured like any other.

    Add them to a server: ``for tool in fastmcp_tools(vsm): server.add_tool(tool)``.

    Args:
        toolbox: A viable system that is entered.
        agent: Whose permissions, rates and records the calls count for.

    Raises:
        ExtraMissingError: fastmcp is not installed.
    """
    return [FastMCPTool.of(offered, toolbox, agent=agent) for offered in toolbox.tools(agent=agent)]
