"""The newest records, in memory."""

from collections import deque
from collections.abc import Callable
from itertools import islice

from vsm_mcp.guard.auditing.record import AuditQuery, AuditRecord

CAPACITY = 1_000


class MemoryAudit:
    """Keeps the newest records; it never refuses one.

    Args:
        capacity: How many.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Start with none."""
        self._ring: deque[AuditRecord] = deque(maxlen=capacity)
        self.note: Callable[[AuditRecord], None] = self._ring.append

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"MemoryAudit({len(self._ring)} of {self._ring.maxlen})"

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ring)

    async def append(self, record: AuditRecord, /) -> None:
        """Keep a record."""
        self._ring.append(record)

    async def query(self, wanted: AuditQuery | None = None, /, *, limit: int = 10) -> tuple[AuditRecord, ...]:
        """Return the newest records that are wanted, newest first."""
        return self.recent(wanted, limit=limit)

    def recent(self, wanted: AuditQuery | None = None, /, *, limit: int = 10) -> tuple[AuditRecord, ...]:
        """Return the same at once."""
        wanted = wanted or AuditQuery()
        return tuple(islice(filter(wanted.fits, reversed(self._ring)), max(limit, 0)))
