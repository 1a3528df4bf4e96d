"""The tools of all servers, as agents and other frameworks want them: listed, and called by name."""

from collections.abc import Sequence

from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import LONGEST_NEED, Operation, Outcome
from vsm_mcp.system.entered import Entered


class Tools(Entered):
    """A toolbox: what adapters for other frameworks are made from."""

    def tools(self, *, agent: str = "host") -> Sequence[OfferedTool]:
        """Return every tool that ``agent`` may call now, sorted by name; nothing is started for it.

        A tool that changed since it was approved is held back, and one that the policy forbids is not listed.

        Raises:
            ConfigurationError: The system is not entered.
        """
        parts = self.parts
        held_back = {name: frozenset(state.held_back) for name, state in parts.spawner.states().items()}
        return tuple(
            offered
            for offered in parts.router.offered()
            if offered.tool not in held_back.get(offered.server, ())
            and parts.permissions.objection(offered.server, offered.tool) is None
        )

    async def call_tool(
        self, name: str, arguments: JsonObject | None = None, *, agent: str = "host", timeout: float | None = None
    ) -> Outcome:
        """Call a tool by the name under which it is offered. It counts as an operation whose need is that name.

        Args:
            name: The name; a tool's own name on its server does as well while only one server has it.
            arguments: Its arguments, as JSON values.
            agent: Who asks: the principal for permissions, rates and the audit log.
            timeout: Seconds the call may take; ``None`` for the default.

        Raises:
            CapabilityMissingError: No tool that is held has this name; nothing is acquired for it.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A rule forbids it.
        """
        operation = Operation(
            needs=name[:LONGEST_NEED], tool=name, arguments=arguments or {}, agent=agent, timeout=timeout
        )
        return await self.parts.system1.execute(operation)
