"""The tools of a viable system as Pydantic AI's tools."""

from collections.abc import Sequence

from vsm_mcp.errors import CallError, ExtraMissingError, VSMError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.offer import OfferedTool, Toolbox

try:
    from pydantic_ai import ModelRetry, Tool
    from pydantic_ai.exceptions import ToolFailed
except ImportError as _missing:
    raise ExtraMissingError("pydantic-ai") from _missing


def pydantic_ai_tools(toolbox: Toolbox, *, agent: str = "pydantic-ai") -> Sequence[Tool[object]]:
    """Return what ``agent`` may call now as Pydantic AI tools, each call guarded and measured like any other.

    A call that the model can correct is given back to it for another try; what is refused, or cannot be reached, is
    told to it as final.

    Args:
        toolbox: A viable system that is entered.
        agent: Whose permissions, rates and records the calls count for.

    Raises:
        ExtraMissingError: pydantic-ai is not installed.
    """
    return [_tool(offered, toolbox, agent) for offered in toolbox.tools(agent=agent)]


def _tool(offered: OfferedTool, toolbox: Toolbox, agent: str) -> Tool[object]:
    async def call(**arguments: JsonValue) -> JsonValue:
        try:
            outcome = await toolbox.call_tool(offered.name, arguments, agent=agent)
        except CallError as error:
            raise ModelRetry(str(error)) from error
        except VSMError as error:
            raise ToolFailed(str(error)) from error
        return outcome.value

    schema: dict[str, JsonValue] = {"type": "object", "properties": {}, **offered.input_schema}
    return Tool[object].from_schema(call, offered.name, offered.description or None, schema)
