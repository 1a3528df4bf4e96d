"""System 3, control: holds the budget. What the whole can afford goes before what a part wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vsm_mcp.errors import PolicyError
from vsm_mcp.world.clock import Clock

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What acquisitions may cost: servers held at once, and acquisitions within 24 hours."""

    servers: int = 16
    acquisitions_per_day: int = 20


class System3:
    """Grants acquisitions within the budget.

    Args:
        budget: The limits.
        clock: Says when a day has passed.
    """

    def __init__(self, *, budget: Budget, clock: Clock) -> None:
        """Keep the budget."""
        self.budget = budget
        self._clock = clock

    def __repr__(self) -> str:
        """Show the budget."""
        return f"System3({self.budget})"

    def grant(self, acquired_at: Sequence[datetime]) -> None:
        """Let one more acquisition pass.

        Args:
            acquired_at: When each server that is held now was acquired.

        Raises:
            PolicyError: The budget is used up.
        """
        if len(acquired_at) >= self.budget.servers:
            raise PolicyError(
                f"{len(acquired_at)} servers are held and the budget allows {self.budget.servers}.",
                remedies=("Release a server: release_capability(name).", "Raise Settings(most_servers=...)."),
            )
        since = self._clock.now() - DAY
        recent = sum(moment > since for moment in acquired_at)
        if recent >= self.budget.acquisitions_per_day:
            raise PolicyError(
                f"{recent} servers were acquired within a day and the budget allows "
                f"{self.budget.acquisitions_per_day}.",
                remedies=("Wait, or raise Settings(acquisitions_per_day=...).",),
            )
