"""The listings of all sources: asked at once, each within its own time, remembered, and kept in use when one fails."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from vsm_mcp.acquisition.discovery.memory.checking import checked
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots, Taken
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.result import SourceReport, SourceState
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing, Source
from vsm_mcp.errors import ConfigurationError, DiscoveryError, VSMError
from vsm_mcp.events import EventSink, SourceFailed, SourceListed
from vsm_mcp.world.clock import Clock

FIRST_REST = 2.0
LONGEST_REST = 30.0
"""Seconds that a source is left alone after a failure: twice as long after each further one, up to the longest."""

MOST_AT_ONCE = 20
"""So many sources are read at the same time."""

LONGEST_READING = 600.0
"""Seconds that a source may take in the background, where nobody waits for it."""

_FRESH_AT_MOST = timedelta(days=3650)
_LONGEST_REASON = 500


class Listings:
    """What each source says, as new as it can be had.

    A source whose listing is fresh is not asked. One whose listing has grown old is asked, and where there is a
    background (`background`), the old listing is used meanwhile; nobody waits longer than ``timeout`` for one source,
    and in the background nobody waits twice. A source that failed is left alone for a while.

    Args:
        sources: Who knows servers.
        clock: Says how old a listing is.
        snapshots: Remembers listings across processes; ``None`` remembers them in this one only.
        emit: Hears which source was read and which failed.
        timeout: Seconds a search waits for a source.
        changed: Called after a source was read in the background.
        now: Tells the time in seconds: how long a source that failed is left alone.

    Raises:
        ConfigurationError: A source does not say how long its listing is fresh.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        clock: Clock,
        snapshots: Snapshots | None,
        emit: EventSink,
        timeout: float,
        changed: Callable[[], Awaitable[None]],
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        """Ask nobody yet."""
        self._all = [_Standing(source) for source in sources]
        self._clock = clock
        self._snapshots = snapshots
        self._emit = emit
        self._timeout = timeout
        self._changed = changed
        self._now = now
        self._room = anyio.Semaphore(MOST_AT_ONCE)
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def background(self) -> AsyncGenerator[None]:
        """Let sources be read in the background while this is entered; what is not done at its end is given up.

        Raises:
            ConfigurationError: It is entered already.
        """
        if self._tasks is not None:
            raise ConfigurationError(
                "There is a background for these sources already.", remedies=("Enter it once, where it is owned.",)
            )
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        self._tasks = tasks
        try:
            yield
        finally:
            self._tasks = None
            tasks.cancel_scope.cancel()
            await tasks.__aexit__(None, None, None)  # what the body raised passes bare

    def aside(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Have some work done in the background, if there is one; what goes wrong there is told and stops nothing."""
        if self._tasks is not None:
            self._tasks.start_soon(self._survived, "background", work)

    async def now(self, *, insist: bool = False) -> Mapping[str, Listing]:
        """Return the listing of each source by its name, in the order of the sources; one without any is missing.

        Args:
            insist: Ask every source anew, also one that is being left alone, and wait for what it says.

        Raises:
            DiscoveryError: A source could not answer, and no other one knows any server.
        """
        await self._ask_prompt(insist=insist)
        due = [one for one in self._all if not one.is_prompt and (insist or self._is_due(one))]
        if due:
            async with anyio.create_task_group() as waiting:
                for one in due:
                    waiting.start_soon(self._refresh, one, insist)
        known = self.held()
        failures = {one.source.name: one.error for one in self._all if one.error}
        if failures and not any(listing.candidates for listing in known.values()):
            raise _nobody_knows(len(self._all), failures)
        return known

    def held(self) -> Mapping[str, Listing]:
        """Return what there is, without asking anybody."""
        return {one.source.name: one.listing for one in self._all if one.listing is not None}

    async def remembered(self) -> Mapping[str, Listing]:
        """Return what there is, from an earlier process as well; only those are asked that answer at once."""
        await self._ask_prompt(insist=True)
        for one in self._all:
            if not one.is_prompt:
                await self._restore(one)
        return self.held()

    @property
    def prompt(self) -> Sequence[str]:
        """The names of the sources that are asked for every search."""
        return [one.source.name for one in self._all if one.is_prompt]

    def reports(self) -> tuple[SourceReport, ...]:
        """Return how each source stands."""
        return tuple(one.report() for one in self._all)

    async def _ask_prompt(self, *, insist: bool) -> None:
        """Ask the sources that answer at once, or say that they do."""
        prompt = [one for one in self._all if one.is_prompt and (insist or self._now() >= one.rests_until)]
        if sum(one.is_foreign for one in prompt) <= 1:  # ours do answer at once, and tasks take longer than they do
            for one in prompt:
                await self._ask(one)
            return
        room = anyio.Semaphore(MOST_AT_ONCE)

        async def ask(one: "_Standing") -> None:
            async with room:
                await self._ask(one)

        async with anyio.create_task_group() as asking:
            for one in prompt:
                asking.start_soon(ask, one)

    async def _ask(self, one: "_Standing") -> None:
        """Ask a source that answers at once."""
        try:
            with anyio.fail_after(self._timeout):
                said = await one.source.listing(one.listing)
            listing = said if one.has_said(said) else checked(said)
        except Exception as error:  # noqa: BLE001 - a source may be foreign code: its defects must not stop the others
            self._failed(one, error, self._timeout)
            return
        one.took(listing, None)

    def _is_due(self, one: "_Standing") -> bool:
        if self._now() < one.rests_until:
            return False
        return one.fresh_until is None or not one.taken or not one.taken <= self._clock.now() < one.fresh_until

    async def _refresh(self, one: "_Standing", insist: bool) -> None:  # noqa: FBT001 - private, passed on
        await self._restore(one)
        if not insist and not self._is_due(one):
            return
        if self._tasks is None:
            if await self._read(one, self._timeout):
                await self._remember(one)
            return
        if one.read.is_set() and not one.reading.locked():
            one.read = anyio.Event()
            self._tasks.start_soon(self._survived, one.source.name, partial(self._read_in_background, one))
        if insist or (one.listing is None and not one.waited):
            await self._wait(one)

    async def _wait(self, one: "_Standing") -> None:
        """Wait for a reading under way, once: who comes later does without what is not there."""
        with anyio.move_on_after(self._timeout) as patience:
            await one.read.wait()
        if patience.cancelled_caught:
            one.waited = True
            one.error = f"It has not answered within {self._timeout:g} seconds, and is still being read."

    async def _survived(self, source: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Do something beside the searches, and tell what goes wrong: all else in the background goes on."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            reason = f"Work in the background failed: {type(error).__name__}: {clean(str(error), 200)}"
            self._emit(SourceFailed(source=source, reason=reason))

    async def _read_in_background(self, one: "_Standing") -> None:
        if await self._read(one, LONGEST_READING):
            await self._changed()
            await self._remember(one)

    async def _read(self, one: "_Standing", timeout: float) -> bool:
        """Read a source and tell whether it said something new; who comes meanwhile finds it read, or failed."""
        attempts, before = one.attempts, one.listing
        try:
            async with one.reading, self._room:
                if one.attempts != attempts:
                    return False
                if one.read.is_set():
                    one.read = anyio.Event()
                began = self._clock.now()
                try:
                    with anyio.fail_after(timeout):
                        said = await one.source.listing(one.listing)
                    listing = said if one.has_said(said) else await _checked_aside(said)
                except Exception as error:  # noqa: BLE001 - as above
                    self._failed(one, error, timeout)
                    return False
                except BaseException:
                    one.error = "Its reading was given up."
                    raise
                one.took(listing, began)
        finally:
            one.read.set()
        self._emit(SourceListed(source=one.source.name, servers=_servers(listing), omitted=listing.omitted))
        return listing is not before

    def _failed(self, one: "_Standing", error: Exception, timeout: float) -> None:
        one.attempts += 1
        rest = min(LONGEST_REST, FIRST_REST * 2.0 ** min(one.failures, 30))
        one.failures += 1
        one.rests_until = self._now() + rest
        one.error = _reason(error, timeout)
        self._emit(SourceFailed(source=one.source.name, reason=one.error))

    async def _restore(self, one: "_Standing") -> None:
        if self._snapshots is None:
            return
        async with one.restoring:
            if one.restored:
                return
            try:
                taken = await self._snapshots.listing(one.identity)
            except ConfigurationError as error:
                self._emit(SourceFailed(source=one.source.name, reason=f"Its last listing is lost: {error.message}"))
                taken = None
            one.restored = True
            if taken is not None and one.listing is None and taken.at <= self._clock.now():
                one.took(taken.listing, taken.at)

    async def _remember(self, one: "_Standing") -> None:
        if self._snapshots is None or one.listing is None or one.taken is None:
            return
        try:
            await self._snapshots.keep(one.identity, Taken(listing=one.listing, at=one.taken))
        except ConfigurationError as error:
            self._emit(SourceFailed(source=one.source.name, reason=f"Its listing is not kept: {error.message}"))


class _Standing:
    """One source and what is known of it."""

    def __init__(self, source: Source) -> None:
        fresh_for = source.fresh_for
        if not _is(fresh_for, timedelta) or fresh_for < AT_ONCE:
            raise ConfigurationError(
                f"The source {source.name} is fresh for {fresh_for!r}, which is no span of time.",
                remedies=("Give a timedelta, or AT_ONCE.",),
            )
        identity: object = getattr(source, "identity", source.name)
        self.source = source
        self.identity = str(identity)
        self.is_prompt = fresh_for == AT_ONCE
        self.is_foreign = type(source).__module__.partition(".")[0] != __name__.partition(".")[0]
        self.fresh_for = min(fresh_for, _FRESH_AT_MOST)
        self.listing: Listing | None = None
        self.taken: datetime | None = None
        self.fresh_until: datetime | None = None
        self.error = ""
        self.failures = 0
        self.rests_until = -math.inf
        self.waited = False  # somebody waited for it in vain
        self.attempts = 0
        self.restored = False
        self.restoring = anyio.Lock()
        self.reading = anyio.Lock()
        self.read = anyio.Event()
        self.read.set()

    def has_said(self, said: object) -> bool:
        """Tell whether it says what it said before, which was looked at then."""
        return said is not None and said is self.listing

    def took(self, listing: Listing, at: datetime | None) -> None:
        self.listing, self.taken = listing, at
        self.fresh_until = None if at is None else at + self.fresh_for
        self.attempts += 1
        self.error, self.failures, self.rests_until, self.waited = "", 0, -math.inf, False

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


def _nobody_knows(sources: int, failures: Mapping[str, str]) -> DiscoveryError:
    all_failed = f"None of the {sources} sources could answer."
    some_failed = f"{len(failures)} of the {sources} sources could not answer, and the others know no server."
    return DiscoveryError(
        all_failed if len(failures) == sources else some_failed,
        stage="discover",
        failures=failures,
        remedies=("Check the network, or add the bundled catalogue to the sources.",),
    )


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind)


async def _checked_aside(said: object) -> Listing:
    return await anyio.to_thread.run_sync(checked, said, abandon_on_cancel=True)


def _servers(listing: Listing) -> int:
    return len(listing.candidates) + len(listing.descriptions)


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, VSMError):
        return clean(error.message, _LONGEST_REASON)
    if isinstance(error, TimeoutError):
        return f"It did not answer within {timeout:g} seconds."
    return f"It broke: {type(error).__name__}: {clean(str(error), 200)}"
