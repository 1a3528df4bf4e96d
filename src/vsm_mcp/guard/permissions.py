"""Permissions: the policy is asked at every call, not only when a server comes in."""

from collections.abc import Callable

from vsm_mcp.errors import PermissionDeniedError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

Objection = Callable[[str, str], str | None]
"""Says why a tool (second) of a server (first) may not be called; ``None`` when it may."""


def no_objection(_server: str, _tool: str) -> str | None:
    """Object to no tool of any server."""
    return None


class Permissions:
    """Lets pass what nobody objects to.

    Args:
        caller: Makes the calls that pass.
        objection: Is asked about server and tool of each call, so it must be quick.
        emit: Hears of calls that do not pass.

    Attributes:
        objection: What is asked.
    """

    def __init__(self, caller: Caller, objection: Objection, *, emit: EventSink = ignore) -> None:
        """Stand before ``caller``."""
        self._caller = caller
        self.objection: Objection = objection
        self._emit = emit

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"Permissions({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call, unless there is an objection; then nothing is sent.

        Raises:
            PermissionDeniedError: The policy does not allow this tool of this server.
        """
        self.check(call)
        return await self._caller.call(call)

    def check(self, call: ToolCall, /) -> None:
        """Do nothing if a call may be made.

        Raises:
            PermissionDeniedError: The policy does not allow this tool of this server.
        """
        reason = self.objection(call.server, call.tool)
        if reason is not None:
            self._emit(CallRefused(server=call.server, tool=call.tool, reason=reason))
            raise PermissionDeniedError(
                f"{call.tool!r} of {call.server} may not be called: {reason}",
                remedies=("Change the policy if it should be: allow and block, with tool:NAME terms.",),
            )
