"""Tools as they are offered to others: one list over all servers, each tool under a name of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.operation import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A tool that may be called, whichever server has it.

    Attributes:
        name: Stands for this tool of this server only: at most 64 of ``A-Z a-z 0-9 _ -``.
        description: What the server says about it; untrusted text.
        input_schema: JSON Schema of its arguments (an object schema).
        output_schema: JSON Schema of its structured result, if it declares one.
        read_only: The server's hint that it changes nothing.
        idempotent: The server's hint that calling twice equals calling once.
        server: The server that has it.
        tool: Its own name there.
    """

    name: str
    description: str = ""
    input_schema: JsonObject = field(default_factory=dict[str, JsonValue])
    output_schema: JsonObject | None = None
    read_only: bool = False
    idempotent: bool = False
    server: str
    tool: str


class Toolbox(Protocol):
    """Offers tools, and calls them: what adapters for other frameworks are made from."""

    def tools(self, *, agent: str = "host") -> Sequence[OfferedTool]:
        """Return every tool that ``agent`` may call now, sorted by name."""
        ...

    async def call_tool(
        self, name: str, arguments: JsonObject | None = None, *, agent: str = "host", timeout: float | None = None
    ) -> Outcome:
        """Call a tool by the name under which it is offered.

        Args:
            name: The name; a tool's own name on its server does as well while only one server has it.
            arguments: Its arguments, as JSON values.
            agent: Who asks: the principal for permissions, rates and the audit log.
            timeout: Seconds the call may take; ``None`` for the default.

        Raises:
            CapabilityMissingError: No tool that is held has this name.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A rule forbids it.
        """
        ...
