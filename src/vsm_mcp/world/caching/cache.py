"""A cache of what has to be waited for: what is fresh is given at once, the rest is loaded once for all who ask."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
from anyio.abc import TaskGroup

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.caching.figures import CacheFigures
from vsm_mcp.world.caching.load import Load
from vsm_mcp.world.caching.table import K, Table

V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values for a time, and loads each of them once for all who ask at the same time.

    A value is fresh for some seconds and given at once. Then it is loaded anew while those who ask wait. An error of a
    load is raised to all who wait for that load and is never kept.

    Within ``async with cache:`` loads run in tasks of the cache: whoever asked for one may be cancelled, and it goes on
    for the others, or for those who come later. Leaving the context cancels the loads that are under way; enter and
    leave it in the same task. Outside of it a load runs in the task of whoever asks first; when that one is cancelled,
    one of those who wait begins anew.

    A load should have a deadline of its own; it must not ask for what it loads itself.

    Args:
        load: Gets the value of a key.
        most: How many values are kept; the one used longest ago makes room. A load that nobody waits for any more goes
            on only while no more than as many are under way.
        fresh: Seconds for which a value is fresh, from when its load began; ``inf`` until it is forgotten.
        now: Tells the time in seconds; never runs back.

    Raises:
        ConfigurationError: There is no room for a single value, or no time for it.
    """

    def __init__(
        self,
        load: Callable[[K], Awaitable[V]],
        *,
        most: int,
        fresh: float,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Start empty."""
        self._load = load
        self._table: Table[K, V] = Table(most=most, fresh=fresh)
        self._now = now
        self._loads: dict[K, Load[V]] = {}
        self._tasks: TaskGroup | None = None
        self._hits = 0
        self._misses = 0
        self._begun = 0
        self._shared = 0
        self._failures = 0

    def __repr__(self) -> str:
        """Show how full it is and what is under way."""
        return f"Cache({len(self._table)} of {self._table.most}, loading={len(self._loads)})"

    async def __aenter__(self) -> Self:
        """Let loads run in tasks of this cache from now on."""
        if self._tasks is not None:
            raise ConfigurationError("This cache is entered already.", remedies=("Enter it once, where it is owned.",))
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        self._tasks = tasks
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel the loads under way; what is kept stays. The body's own exception passes unchanged."""
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
            await tasks.__aexit__(None, None, None)  # what the body raised passes bare

    async def get(self, key: K) -> V:
        """Return the value of ``key``; one that is fresh without waiting and without giving way to other tasks.

        Raises:
            Exception: What the load raised.
        """
        entry = self._table.find(key)
        if entry is not None and self._now() < entry.until:
            self._hits += 1
            return entry.value
        self._misses += 1
        return (await self._settled(key)).value()

    def forget(self, key: K) -> None:
        """Drop the value of ``key``; a load of it that is under way serves those who wait for it and nobody else."""
        self._table.remove(key)
        load = self._loads.pop(key, None)
        if load is not None and not load.waiting:
            load.scope.cancel()

    def clear(self) -> None:
        """Drop all values, as ``forget`` does."""
        for key in tuple(self._loads):
            self.forget(key)
        self._table.clear()

    def figures(self) -> CacheFigures:
        """Return how it did since it was made."""
        return CacheFigures(
            hits=self._hits,
            misses=self._misses,
            loads=self._begun,
            shared=self._shared,
            failures=self._failures,
            evicted=self._table.evicted,
            size=len(self._table),
            most=self._table.most,
            fresh=self._table.fresh,
        )

    async def _settled(self, key: K) -> Load[V]:
        """Return a load that ended well or badly: one that is under way, or a new one."""
        alone = False
        self._shared += key in self._loads
        while True:
            load = self._loads.get(key)
            if load is None:
                load = self._begin(key)
                if alone or self._tasks is None:
                    await self._lead(key, load)
                    return load
                self._tasks.start_soon(self._run, key, load)
            await self._follow(key, load)
            if load.settled:
                return load
            alone = True  # who ran it was cancelled; what runs in this very task ends only with it

    def _begin(self, key: K) -> Load[V]:
        load = self._loads[key] = Load[V](self._now())
        self._begun += 1
        return load

    async def _lead(self, key: K, load: Load[V]) -> None:
        load.waiting += 1
        await self._run(key, load)

    async def _follow(self, key: K, load: Load[V]) -> None:
        load.waiting += 1
        try:
            await load.ended.wait()
        finally:
            load.waiting -= 1
            self._leave(key, load)

    def _leave(self, key: K, load: Load[V]) -> None:
        """End a load that nobody waits for, if nobody could have it later or if there are too many of them."""
        if load.waiting or load.ended.is_set():
            return
        current = self._loads.get(key) is load
        if current and len(self._loads) <= self._table.most:
            return
        if current:
            del self._loads[key]
        load.scope.cancel()

    async def _run(self, key: K, load: Load[V]) -> None:
        """Do a load to its end; what it raises is for those who wait."""
        try:
            with load.scope:
                load.succeed(await self._load(key))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised to those who wait
            load.fail(error)
        finally:
            self._end(key, load)

    def _end(self, key: K, load: Load[V]) -> None:
        """Keep what came of a load, unless it was forgotten meanwhile, and wake those who wait."""
        self._failures += load.error is not None
        if self._loads.get(key) is load:
            del self._loads[key]
            if load.result is not None:
                self._table.put(key, load.result[0], made=load.began)
        load.ended.set()
