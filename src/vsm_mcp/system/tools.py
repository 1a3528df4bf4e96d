"""The tools of all servers, as agents and other frameworks want them: listed, called by name, and used by programs."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.codemode.result import CodeResult
from vsm_mcp.guard.audit_log import AuditTrail
from vsm_mcp.model.call import ProgressHeard
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import LONGEST_NEED, Operation, Outcome
from vsm_mcp.servers.supervision.health import ServerHealth
from vsm_mcp.system.entered import Entered


class Coder(Protocol):
    """Runs programs; what really does needs an extra."""

    async def run(self, code: str, *, agent: str, inputs: JsonObject | None, limits: CodeLimits | None) -> CodeResult:
        """Run a program to its end."""
        ...

    def declarations(self, *, agent: str) -> str:
        """Return what a program finds."""
        ...


class Tools(Entered):
    """A toolbox: what adapters for other frameworks are made from."""

    _coder: Coder | None

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
            and parts.guarded.objection(agent, offered.server, offered.tool) is None
        )

    async def call_tool(
        self,
        name: str,
        arguments: JsonObject | None = None,
        *,
        agent: str = "host",
        timeout: float | None = None,
        progress: ProgressHeard | None = None,
    ) -> Outcome:
        """Call a tool by the name under which it is offered. It counts as an operation whose need is that name.

        Args:
            name: The name; a tool's own name on its server does as well while only one server has it.
            arguments: Its arguments, as JSON values.
            agent: Who asks: the principal for permissions, rates and the audit log.
            timeout: Seconds the call may take; ``None`` for the default.
            progress: Hears how far the call is; must neither block nor raise.

        Raises:
            CapabilityMissingError: No tool that is held has this name; nothing is acquired for it.
            CallError: The tool failed.
            ServerError: Its server is not usable.
            RefusedError: A rule forbids it.
        """
        operation = Operation(
            needs=name[:LONGEST_NEED],
            tool=name,
            arguments=arguments or {},
            agent=agent,
            timeout=timeout,
            progress=progress,
        )
        return await self.parts.system1.execute(operation)

    async def run_code(
        self,
        code: str,
        *,
        agent: str = "host",
        inputs: JsonObject | None = None,
        limits: CodeLimits | None = None,
    ) -> CodeResult:
        """Run a program that an agent wrote against the tools it may call; every call passes the guards.

        The program runs in an interpreter of its own that knows nothing but the tools, within budgets.

        Args:
            code: The program, in Python; servers are namespaces: ``await files.read("a.txt")``.
            agent: Who wrote it: the principal of every call.
            inputs: Its global variables at the beginning.
            limits: Its budgets; by default those of `CodeLimits`.

        Raises:
            CodeError: It is no program, failed, or went beyond a budget (`CodeBudgetError`).
            ExtraMissingError: The extra ``codemode`` is not installed.
        """
        return await self._coding().run(code, agent=agent, inputs=inputs, limits=limits)

    def declarations(self, *, agent: str = "host") -> str:
        """Return the tools that ``agent`` may call as a program sees them: the text of a ``.pyi`` file, for its prompt.

        Raises:
            ExtraMissingError: The extra ``codemode`` is not installed.
        """
        return self._coding().declarations(agent=agent)

    def health(self) -> Mapping[str, ServerHealth]:
        """Return how well every held server is, by its last signs of life; none is asked for it."""
        return self.parts.spawner.health()

    @property
    def audit(self) -> AuditTrail:
        """What was recorded of calls, installations and starts.

        The newest records of a server: ``await vsm.audit.query(AuditQuery(server="files"))``.
        """
        return self.parts.guarded.trail

    def _coding(self) -> Coder:
        if self._coder is None:
            from vsm_mcp.codemode.runner import CodeRunner  # noqa: PLC0415 - needs an extra

            self._coder = CodeRunner(self)
        return self._coder
