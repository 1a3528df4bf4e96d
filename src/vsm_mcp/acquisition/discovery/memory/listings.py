"""The listings of all sources: asked at once, each within its own time, remembered, and kept in use when one fails."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
from anyio.abc import TaskGroup

from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots, Taken
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.result import SourceReport, SourceState
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing, Source
from vsm_mcp.errors import ConfigurationError, DiscoveryError, VSMError
from vsm_mcp.events import EventSink, SourceFailed, SourceListed
from vsm_mcp.world.clock import Clock

FAILURES = 5
"""After so many failures in a row a source is left alone for a while; then it is asked once more."""

REST = 30.0
"""Seconds that it is left alone."""

MOST_AT_ONCE = 20
"""So many sources are read at the same time."""

LONGEST_READING = 600.0
"""Seconds that a source may take in the background, where nobody waits for it."""


class Listings:
    """What each source says, as new as it can be had.

    A source whose listing is fresh is not asked. One whose listing has grown old is asked, and where there is a
    background (`background`), the old listing is used meanwhile; nobody waits longer than ``timeout`` for one source.

    Args:
        sources: Who knows servers.
        clock: Says how old a listing is.
        snapshots: Remembers listings across processes; ``None`` remembers them in this one only.
        emit: Hears which source was read and which failed.
        timeout: Seconds a search waits for a source.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        clock: Clock,
        snapshots: Snapshots | None,
        emit: EventSink,
        timeout: float,
    ) -> None:
        """Ask nobody yet."""
        self._prompt = [_Standing(source) for source in sources if source.fresh_for == AT_ONCE]
        self._slow = [_Standing(source) for source in sources if source.fresh_for != AT_ONCE]
        by_name = {one.source.name: one for one in (*self._prompt, *self._slow)}
        self._all = [by_name[source.name] for source in sources]
        self._clock = clock
        self._snapshots = snapshots
        self._emit = emit
        self._timeout = timeout
        self._room = anyio.Semaphore(MOST_AT_ONCE)
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def background(self) -> AsyncGenerator[None]:
        """Let sources be read in the background while this is entered; what is not done at its end is given up."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()

    async def now(self) -> tuple[Listing, ...]:
        """Return the listings there are, in the order of the sources; a source without any gives none.

        Raises:
            DiscoveryError: There are sources, and none of them could answer.
        """
        for one in self._prompt:
            await self._ask_prompt(one)
        due = [one for one in self._slow if self._is_due(one)]
        if due:
            await self._ask_slow(due)
        known = tuple(one.listing for one in self._all if one.listing is not None)
        if self._all and not known:
            raise self._nobody_answers()
        return known

    def expire(self) -> None:
        """Let every source be asked again, also those that are being left alone; what they listed stays in use."""
        for one in self._slow:
            one.fresh_until, one.failures, one.rests_until = None, 0, -math.inf
            one.awaited = True

    def reports(self) -> tuple[SourceReport, ...]:
        """Return how each source stands."""
        return tuple(one.report() for one in self._all)

    async def _ask_prompt(self, one: "_Standing") -> None:
        try:
            with anyio.fail_after(self._timeout):
                one.listing = await one.source.listing(one.listing)
            one.error = ""
        except Exception as error:  # noqa: BLE001 - a source may be foreign code: its defects must not stop the others
            self._failed(one, error, self._timeout)

    def _is_due(self, one: "_Standing") -> bool:
        if anyio.current_time() < one.rests_until:
            return False
        return one.fresh_until is None or not one.taken or not one.taken <= self._clock.now() < one.fresh_until

    async def _ask_slow(self, due: Sequence["_Standing"]) -> None:
        async with anyio.create_task_group() as waiting:
            for one in due:
                waiting.start_soon(self._refresh, one)

    async def _refresh(self, one: "_Standing") -> None:
        await self._restore(one)
        if not self._is_due(one):
            return
        if self._tasks is None:
            await self._read(one, self._timeout)
            return
        if not one.reading.locked():
            one.read = anyio.Event()
            self._tasks.start_soon(self._read_in_background, one, one.read)
        if one.listing is None or one.awaited:
            with anyio.move_on_after(self._timeout) as patience:
                await one.read.wait()
            if patience.cancelled_caught and not one.error:
                one.error = f"It has not answered within {self._timeout:g} seconds, and is still being read."

    async def _read_in_background(self, one: "_Standing", done: anyio.Event) -> None:
        try:
            await self._read(one, LONGEST_READING)
        finally:
            done.set()

    async def _read(self, one: "_Standing", timeout: float) -> None:
        """Read a source; who comes meanwhile waits, and finds it read."""
        attempts = one.attempts
        async with one.reading, self._room:
            if one.attempts != attempts:
                return
            began = self._clock.now()
            try:
                with anyio.fail_after(timeout):
                    listing = await one.source.listing(one.listing)
            except Exception as error:  # noqa: BLE001 - as above
                one.attempts += 1
                self._failed(one, error, timeout)
                return
            one.attempts += 1
            one.took(listing, began)
        self._emit(SourceListed(source=one.source.name, servers=_servers(listing), omitted=listing.omitted))
        await self._remember(one)

    def _failed(self, one: "_Standing", error: Exception, timeout: float) -> None:
        one.failures += 1
        if one.failures >= FAILURES:
            one.rests_until = anyio.current_time() + REST
        one.error = _reason(error, timeout)
        self._emit(SourceFailed(source=one.source.name, reason=one.error))

    async def _restore(self, one: "_Standing") -> None:
        if self._snapshots is None:
            return
        async with one.restoring:
            if one.restored:
                return
            try:
                taken = await self._snapshots.listing(one.source.name)
            except ConfigurationError as error:
                self._emit(SourceFailed(source=one.source.name, reason=f"Its last listing is lost: {error.message}"))
                taken = None
            one.restored = True
            if taken is not None and one.listing is None:
                one.took(taken.listing, taken.at)

    async def _remember(self, one: "_Standing") -> None:
        if self._snapshots is None or one.listing is None or one.taken is None:
            return
        try:
            await self._snapshots.keep(one.source.name, Taken(listing=one.listing, at=one.taken))
        except ConfigurationError as error:
            self._emit(SourceFailed(source=one.source.name, reason=f"Its listing is not kept: {error.message}"))

    def _nobody_answers(self) -> DiscoveryError:
        failures = {one.source.name: one.error or "It is being left alone." for one in self._all}
        return DiscoveryError(
            f"None of the {len(failures)} sources could answer.",
            stage="discover",
            failures=failures,
            remedies=("Check the network, or add the bundled catalogue to the sources.",),
        )


class _Standing:
    """One source and what is known of it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.listing: Listing | None = None
        self.taken: datetime | None = None
        self.fresh_until: datetime | None = None
        self.error = ""
        self.failures = 0
        self.rests_until = -math.inf
        self.awaited = False  # somebody insists on what it says now
        self.attempts = 0
        self.restored = False
        self.reading = anyio.Lock()
        self.restoring = anyio.Lock()
        self.read = anyio.Event()

    def took(self, listing: Listing, at: datetime) -> None:
        self.listing, self.taken, self.fresh_until = listing, at, at + self.source.fresh_for
        self.error, self.failures, self.rests_until, self.awaited = "", 0, -math.inf, False

    def report(self) -> SourceReport:
        state = SourceState.FRESH
        if self.error or self.listing is None:
            state = SourceState.KEPT if self.listing is not None else SourceState.FAILED
        return SourceReport(
            name=self.source.name,
            state=state,
            servers=_servers(self.listing) if self.listing else 0,
            omitted=self.listing.omitted if self.listing else 0,
            taken=self.taken,
            error=self.error or None,
        )


def _servers(listing: Listing) -> int:
    return len(listing.candidates) + len(listing.descriptions)


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, VSMError):
        return error.message
    if isinstance(error, TimeoutError):
        return f"It did not answer within {timeout:g} seconds."
    return f"It broke: {type(error).__name__}: {clean(str(error), 200)}"
