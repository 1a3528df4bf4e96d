"""How many confined processes there may be at once, over everything that starts some."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from vsm_mcp.errors import CapacityError, ConfigurationError


class SandboxPlaces:
    """A bounded number of places for confined processes; who finds none waits for a bounded time, in order.

    Args:
        most: How many processes there may be: servers, trials and package clients together.
        timeout: Seconds to wait for a place.

    Raises:
        ConfigurationError: There would be no place.
    """

    def __init__(self, most: int, *, timeout: float) -> None:
        """Begin with all places free."""
        if most < 1:
            raise ConfigurationError(f"{most} confined processes are too few.", remedies=("Allow at least one.",))
        self._free = anyio.Semaphore(most)
        self._most = most
        self._timeout = timeout

    def __repr__(self) -> str:
        """Show how many are taken."""
        return f"SandboxPlaces(busy={self.busy}, most={self._most}, waiting={self.waiting})"

    @property
    def most(self) -> int:
        """How many places there are."""
        return self._most

    @property
    def busy(self) -> int:
        """How many are taken."""
        return self._most - self._free.value

    @property
    def waiting(self) -> int:
        """How many processes wait for one."""
        return self._free.statistics().tasks_waiting

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Hold a place within the context.

        Raises:
            CapacityError: None became free in time.
        """
        held = False
        with anyio.move_on_after(self._timeout):
            await self._free.acquire()
            held = True
        if not held:
            raise CapacityError(
                f"There are {self._most} confined processes, as many as there may be, and none ended within "
                f"{self._timeout:g} seconds.",
                remedies=(
                    "Raise Settings(max_concurrent_sandboxes=...), if this machine has room for more.",
                    "Let servers go, or have idle ones end: Supervision(idle=...).",
                ),
            )
        try:
            yield
        finally:
            self._free.release()
