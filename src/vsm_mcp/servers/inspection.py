"""Inspection: calls a held server directly, with the call that proved it, and believes only the answer."""

import anyio

from vsm_mcp.errors import (
    CallError,
    CapabilityMissingError,
    PayloadError,
    PermissionDeniedError,
    QuarantinedError,
    ServerError,
)
from vsm_mcp.guard.permissions import Objection, no_objection
from vsm_mcp.model.call import Caller, ToolCall
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import Proven, Running
from vsm_mcp.servers.diagnosis import complaint_of
from vsm_mcp.servers.proofs import first_proof, only_reads
from vsm_mcp.servers.supervision.spawner import DynamicSpawner


class Inspection:
    """Repeats the proof of a held server, past routing and reports: the hands of the audit channel.

    A tool that says it only reads is called on the living server. For any other the proof is repeated on a throw-away
    instance, because nobody knows what a second call would do; that shows that the server still works, not that the
    living one does. What may not be called is not called there either: a tool that the policy forbids, or that is not
    what was approved.

    Args:
        spawner: Holds the servers.
        caller: Makes calls to living servers; the spawner itself when ``None``.
        objection: Says why a tool of a server may not be called.
        timeout: Seconds one inspection may take.
    """

    def __init__(
        self,
        spawner: DynamicSpawner,
        *,
        caller: Caller | None = None,
        objection: Objection = no_objection,
        timeout: float = 60.0,
    ) -> None:
        """Keep the spawner."""
        self._spawner = spawner
        self._caller: Caller = caller or spawner
        self._objection = objection
        self._timeout = timeout

    def can_inspect(self, server: str) -> bool:
        """Return whether there is a proof that could be repeated."""
        proven = self._spawner.proven(server)
        disabled = self._spawner.is_disabled(server)
        return proven is not None and first_proof(proven) is not None and not disabled

    async def inspect(self, server: str) -> bool:
        """Return whether the server answers the call that proved it as well as it did then.

        Raises:
            CapabilityMissingError: No such server is held, or nothing was recorded that could be repeated.
        """
        proven = self._spawner.proven(server)
        trial = None if proven is None else first_proof(proven)
        if proven is None or trial is None:
            raise CapabilityMissingError(
                f"There is no proof of {server!r} that could be repeated.",
                remedies=("Inspect servers that are held and were proven by a call.",),
            )
        call = ToolCall(server=server, tool=trial.tool, arguments=trial.arguments, timeout=self._timeout)
        try:
            with anyio.fail_after(self._timeout):
                if only_reads(proven, trial.tool):
                    return complaint_of(await self._caller.call(call)) is None
                return self._objection(server, trial.tool) is None and await self._repeat(proven, call)
        except (CallError, PayloadError, PermissionDeniedError, QuarantinedError, ServerError, TimeoutError):
            return False

    async def _repeat(self, proven: Proven, call: ToolCall) -> bool:
        async with self._spawner.trial(proven.installed) as running:
            return _is_as_approved(proven, running, call.tool) and complaint_of(await running.link.call(call)) is None


def _is_as_approved(proven: Proven, running: Running, tool: str) -> bool:
    return Pins.of(running.tools).tools.get(tool) == proven.pins.tools.get(tool)
