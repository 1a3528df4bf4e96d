"""Wall time. Sleeping and deadlines go through anyio; only dates need a port."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Knows what time it is."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)
