"""System 2, coordination: two who want the same thing at once do not get in each other's way."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio


class System2:
    """Lets one acquisition of a kind go ahead and the others wait for its result. Different kinds never wait."""

    def __init__(self) -> None:
        """Begin without anybody waiting."""
        self._locks: dict[str, tuple[anyio.Lock, int]] = {}
        self.conflicts: int = 0

    def __repr__(self) -> str:
        """Show how often somebody had to wait."""
        return f"System2(conflicts={self.conflicts})"

    @asynccontextmanager
    async def exclusively(self, kind: str) -> AsyncGenerator[bool]:
        """Be the only one to acquire ``kind``.

        Yields:
            True when nobody else was at it; False when one waited, and should look again before doing it anew.
        """
        lock, users = self._locks.get(kind, (anyio.Lock(), 0))
        self._locks[kind] = (lock, users + 1)
        self.conflicts += users > 0
        try:
            async with lock:
                yield users == 0
        finally:
            _, users_now = self._locks[kind]
            if users_now == 1:
                del self._locks[kind]
            else:
                self._locks[kind] = (lock, users_now - 1)
