"""The tools of a viable system as AutoGen's tools."""

from collections.abc import Mapping, Sequence

import anyio
from pydantic import BaseModel

from vsm_mcp.errors import ExtraMissingError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.offer import OfferedTool, Toolbox

try:
    from autogen_core import CancellationToken
    from autogen_core.tools import BaseTool, ParametersSchema, ToolSchema
except ImportError as _missing:
    raise ExtraMissingError("autogen") from _missing


class Arguments(BaseModel, extra="allow"):
    """Arguments of any tool: its own schema says which, and the server checks them."""


class Said(BaseModel):
    """What a tool said, as the model reads it."""

    text: str


class AutogenTool(BaseTool[Arguments, Said]):
    """A tool of a viable system, as AutoGen wants it.

    Args:
        offered: The tool.
        toolbox: Calls it.
        agent: Who asks.
    """

    def __init__(self, offered: OfferedTool, toolbox: Toolbox, *, agent: str) -> None:
        """Take name and description from the tool."""
        super().__init__(Arguments, Said, offered.name, offered.description or offered.name)
        self._offered = offered
        self._toolbox = toolbox
        self._agent = agent

    @property
    def schema(self) -> ToolSchema:
        """The tool's own schema, not that of a Python class."""
        schema = self._offered.input_schema
        parameters = ParametersSchema(type="object", properties=_object(schema.get("properties")))
        required = schema.get("required")
        if isinstance(required, Sequence) and not isinstance(required, str):
            parameters["required"] = [str(name) for name in required]
        parameters["additionalProperties"] = schema.get("additionalProperties", False) is not False
        return ToolSchema(name=self.name, description=self.description, parameters=parameters, strict=False)

    async def run(self, args: Arguments, cancellation_token: CancellationToken) -> Said:
        """Call the tool; AutoGen's token cancels the call.

        Raises:
            VSMError: The call failed, or was refused; AutoGen tells the model.
        """
        arguments: JsonObject = args.model_dump()
        with anyio.CancelScope() as scope:
            cancellation_token.add_callback(scope.cancel)
            outcome = await self._toolbox.call_tool(self.name, arguments, agent=self._agent)
            return Said(text=outcome.text)
        raise anyio.get_cancelled_exc_class()

    def return_value_as_string(self, value: object) -> str:
        """Return what the model reads."""
        return value.text if isinstance(value, Said) else str(value)


def autogen_tools(toolbox: Toolbox, *, agent: str = "autogen") -> Sequence[AutogenTool]:
    """Return what ``agent`` may call now as AutoGen tools, each call guarded and measured like any other.

    Args:
        toolbox: A viable system that is entered.
        agent: Whose permissions, rates and records the calls count for.

    Raises:
        ExtraMissingError: autogen-core is not installed.
    """
    return [AutogenTool(offered, toolbox, agent=agent) for offered in toolbox.tools(agent=agent)]


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return dict(value) if isinstance(value, Mapping) else {}
