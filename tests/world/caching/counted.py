"""Where the values of these tests come from: numbers, counted up; slow or broken when a test says so."""

from collections.abc import Callable

import anyio
import anyio.lowlevel

from vsm_mcp.world.caching.cache import Cache


class Counted:
    """Loads numbers and tells the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.under_way = 0
        self.most_at_once = 0
        self.cancelled = 0
        self.broken: Exception | None = None
        self.gate: anyio.Event | None = None

    async def load(self, key: str) -> int:
        self.asked.append(key)
        number, broken, gate = len(self.asked), self.broken, self.gate
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await (anyio.lowlevel.checkpoint() if gate is None else gate.wait())
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        if broken is not None:
            raise broken
        return number

    def close(self) -> anyio.Event:
        """Let loads that begin from now on wait until the returned event is set."""
        self.gate = anyio.Event()
        return self.gate

    def cache(self, *, most: int = 10, fresh: float = 300.0) -> Cache[str, int]:
        return Cache(self.load, most=most, fresh=fresh, now=lambda: self.now)


async def eventually(so: Callable[[], object]) -> None:
    """Wait until something is so; fail when everybody had time enough and it is not."""
    for _ in range(1000):
        if so():
            return
        await anyio.lowlevel.checkpoint()
    assert so()
