"""The tools of a viable system as tools of the OpenAI Agents SDK."""

import json
from collections.abc import Sequence
from typing import cast

from vsm_mcp.errors import ExtraMissingError, PayloadError, VSMError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool, Toolbox

try:
    from agents import FunctionTool
    from agents.tool_context import ToolContext
except ImportError as _missing:
    raise ExtraMissingError("openai-agents") from _missing


def openai_agents_tools(toolbox: Toolbox, *, agent: str = "openai-agents") -> Sequence[FunctionTool]:
    """Return what ``agent`` may call now as function tools, each call guarded and measured like any other.

    What goes wrong with a call is told to the model in words; the run goes on.

    Args:
        toolbox: A viable system that is entered.
        agent: Whose permissions, rates and records the calls count for.

    Raises:
        ExtraMissingError: openai-agents is not installed.
    """
    return [_tool(offered, toolbox, agent) for offered in toolbox.tools(agent=agent)]


def _tool(offered: OfferedTool, toolbox: Toolbox, agent: str) -> FunctionTool:
    async def invoke(_context: ToolContext[object], written: str) -> str:
        try:
            outcome = await toolbox.call_tool(offered.name, _arguments(written), agent=agent)
        except VSMError as error:
            return str(error)
        return outcome.text

    return FunctionTool(
        name=offered.name,
        description=offered.description or offered.name,
        params_json_schema={"type": "object", "properties": {}, **offered.input_schema},
        on_invoke_tool=invoke,
        strict_json_schema=False,  # strict ones forbid optional arguments
    )


def _arguments(written: str) -> JsonObject:
    """Return the arguments that a model wrote.

    Raises:
        PayloadError: They are no JSON object.
    """
    try:
        arguments: object = json.loads(written or "{}")
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"The arguments are no JSON: {error}.", remedies=("Write one JSON object.",)) from error
    if not isinstance(arguments, dict):
        raise PayloadError("The arguments are no JSON object.", remedies=("Write one JSON object.",))
    return cast("JsonObject", arguments)
