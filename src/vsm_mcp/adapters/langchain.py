"""The tools of a viable system as LangChain's tools."""

from collections.abc import Mapping, Sequence

from vsm_mcp.errors import ExtraMissingError, VSMError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.offer import OfferedTool, Toolbox
from vsm_mcp.model.operation import Outcome

try:
    from langchain_core.tools import BaseTool, StructuredTool, ToolException
except ImportError as _missing:
    raise ExtraMissingError("langchain") from _missing


def langchain_tools(toolbox: Toolbox, *, agent: str = "langchain") -> Sequence[BaseTool]:
    """Return what ``agent`` may call now as LangChain tools, each call guarded and measured like any other.

    What goes wrong with a call is told to the model in words; the outcome itself is the artifact of the message.

    Args:
        toolbox: A viable system that is entered.
        agent: Whose permissions, rates and records the calls count for.

    Raises:
        ExtraMissingError: langchain-core is not installed.
    """
    return [_tool(offered, toolbox, agent) for offered in toolbox.tools(agent=agent)]


def _tool(offered: OfferedTool, toolbox: Toolbox, agent: str) -> BaseTool:
    async def call(**arguments: JsonValue) -> tuple[str, Outcome]:
        try:
            outcome = await toolbox.call_tool(offered.name, arguments, agent=agent)
        except VSMError as error:
            raise ToolException(str(error)) from error
        return outcome.text, outcome

    return StructuredTool(
        name=offered.name,
        description=offered.description or offered.name,
        args_schema=_schema(offered.input_schema),
        coroutine=call,
        response_format="content_and_artifact",
        handle_tool_error=True,
        metadata={"server": offered.server, "tool": offered.tool, "read_only": offered.read_only},
    )


def _schema(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a schema that LangChain takes: it looks for properties in each."""
    return {"type": "object", "properties": {}, **schema}
