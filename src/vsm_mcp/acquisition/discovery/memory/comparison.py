"""What an embedder makes of all servers that are known: looked at in the background, remembered across processes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import anyio.to_thread

from vsm_mcp.acquisition.discovery.memory.merging import Merged
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder, told
from vsm_mcp.acquisition.discovery.semantic.meanings import Alike, Meanings
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.events import EventSink, SourceFailed

KEPT_AFTER = 32
"""After so many goes of `AT_ONCE` servers what is known so far is stored."""

_LONGEST_REASON = 500
_T = TypeVar("_T")


class Comparison:
    """Compares queries with all servers by meaning.

    Args:
        embedder: Makes the vectors, in a thread.
        snapshots: Remembers them across processes; ``None`` remembers them in this one only.
        emit: Hears when the embedder fails, or the snapshots.
    """

    def __init__(self, embedder: Embedder, *, snapshots: Snapshots | None, emit: EventSink) -> None:
        """Know no servers yet."""
        self._meanings = Meanings(embedder)
        self._snapshots = snapshots
        self._emit = emit
        self._recalled = False
        self._looking = False

    def __repr__(self) -> str:
        """Show how far it has come."""
        return f"Comparison({self._meanings!r})"

    async def follow(self, servers: Mapping[str, Merged]) -> None:
        """Compare with ``servers`` from now on."""
        if not self._recalled:
            self._recalled = True
            await self._recall()
        await anyio.to_thread.run_sync(self._follow, servers, abandon_on_cancel=True)

    async def look(self) -> bool:
        """Have the embedder look at all servers, and tell whether it looked at any; at once when it is doing so."""
        if self._looking:
            return False
        self._looking = True
        try:
            return await self._look()
        finally:
            self._looking = False

    async def alike(self, wanted: str, first: Sequence[str]) -> Alike | None:
        """Return how like ``wanted`` is to all servers that were looked at; ``None`` when the embedder fails.

        Args:
            wanted: What is wanted.
            first: Servers that are looked at now if they were not yet.
        """
        return await self._tried(lambda: self._meanings.alike(wanted, first))

    def _follow(self, servers: Mapping[str, Merged]) -> None:
        self._meanings.follow({key: told(one.document(key)) for key, one in sorted(servers.items())})

    async def _look(self) -> bool:
        goes = 0
        while self._meanings.left and await self._tried(self._meanings.learn):
            goes += 1
            if goes % KEPT_AFTER == 0:
                await self._keep()
        if self._meanings.unstored:
            await self._keep()
        return goes > 0

    async def _recall(self) -> None:
        if self._snapshots is None:
            return
        try:
            data = await self._snapshots.meanings()
            if data is not None:
                await self._tried(lambda: self._meanings.recall(data))
        except ConfigurationError as error:
            self._emit(SourceFailed(source="embedder", reason=f"What it saw cannot be read: {error.message}"))

    async def _keep(self) -> None:
        if self._snapshots is None or (stored := await self._tried(self._meanings.stored)) is None:
            return
        try:
            await self._snapshots.keep_meanings(stored)
        except ConfigurationError as error:
            self._emit(SourceFailed(source="embedder", reason=f"What it saw is not kept: {error.message}"))

    async def _tried(self, work: Callable[[], _T]) -> _T | None:
        try:
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        except PayloadError:  # what was stored is damaged, of another version or another embedder: it is made anew
            return None
        except Exception as error:  # noqa: BLE001 - foreign code: what is found by words stands without it
            self._emit(
                SourceFailed(source="embedder", reason=f"{type(error).__name__}: {clean(str(error), _LONGEST_REASON)}")
            )
            return None
