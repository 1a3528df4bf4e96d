"""System 5, policy: says what the system is allowed to become. It is asked, it never does, and nobody overrules it."""

from collections.abc import Awaitable, Callable

from vsm_mcp.acquisition.report import Consent, PlannedServer
from vsm_mcp.errors import PolicyError
from vsm_mcp.systems.autonomy import Autonomy

Approver = Callable[[PlannedServer], Awaitable[bool]]
"""A human, or someone who answers for one: hears what would be installed and run, and says yes or no."""


class System5:
    """Permits acquisitions by level of autonomy.

    Args:
        autonomy: How far the system may go by itself.
        approve: Who is asked at level ``APPROVE``; a call may name somebody else.
    """

    def __init__(self, *, autonomy: Autonomy = Autonomy.APPROVE, approve: Approver | None = None) -> None:
        """Keep the level and who is asked."""
        self.autonomy = autonomy
        self._approve = approve

    def __repr__(self) -> str:
        """Show the level."""
        return f"System5(autonomy={self.autonomy.name})"

    def may_acquire(self, approve: Approver | None = None) -> None:
        """Refuse early what could never be permitted.

        Raises:
            PolicyError: The level is below ``APPROVE``, or it is ``APPROVE`` and there is nobody to ask.
        """
        if self.autonomy < Autonomy.APPROVE:
            raise PolicyError(
                f"At autonomy {self.autonomy.name} nothing is acquired.",
                remedies=(
                    "Look at `plan_acquisition(...)` for what could be done.",
                    "Set Settings(autonomy=Autonomy.APPROVE) or AUTO.",
                ),
            )
        if self.autonomy is Autonomy.APPROVE and (approve or self._approve) is None:
            raise PolicyError(
                "An acquisition needs approval and there is nobody to ask.",
                remedies=(
                    "Pass approve=..., a coroutine function that gets the plan and returns True or False.",
                    "Set Settings(autonomy=Autonomy.AUTO, allow=(...)) to acquire inside the allow list by itself.",
                ),
            )

    def consent(self, approve: Approver | None = None) -> Consent:
        """Return who is asked before a server is installed."""
        ask = approve or self._approve

        async def consent(plan: PlannedServer) -> None:
            if self.autonomy is Autonomy.AUTO:
                return
            if ask is None or not await ask(plan):
                raise PolicyError(f"{plan.name} was not approved.", remedies=("Approve it, or name another server.",))

        return consent
