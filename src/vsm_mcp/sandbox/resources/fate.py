"""The fate of one confined tree: everything that may end it, whichever comes first, and what is said about it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import anyio

from vsm_mcp.events import EventSink, ResourceExceeded
from vsm_mcp.model.enforcement import ExitReason, Usage
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.controller import MIB, Exceeded, Hold
from vsm_mcp.sandbox.resources.kept import KeptDirectory
from vsm_mcp.world.groups import first_error

_NEARLY = 0.75

Watch = Callable[[], Awaitable[Exceeded | None]]


class TreeFate:
    """Watches over one tree, kills it when a limit is reached, and knows why it ended.

    Args:
        hold: Its limits on memory and CPU.
        kept: The directories it keeps.
        limits: What it may use.
        kill: Ends the tree at once.
        subject: Whom events name.
        emit: Hears when a limit is reached.
    """

    def __init__(
        self,
        hold: Hold,
        kept: Sequence[KeptDirectory],
        *,
        limits: Limits,
        kill: Callable[[], None],
        subject: str,
        emit: EventSink,
    ) -> None:
        """Join the parts; nothing is watched yet."""
        self._hold = hold
        self._kept = kept
        self._limits = limits
        self._kill = kill
        self._subject = subject
        self._emit = emit
        self._ended: Exceeded | None = None
        self._usage = Usage()
        self._closed = False

    @property
    def reason(self) -> ExitReason | None:
        """Which limit ended it, or that it was killed."""
        self._ask()
        return None if self._ended is None else self._ended.reason

    @property
    def detail(self) -> str:
        """The limit that ended it, or that it came near one: a process that gets no more memory often ends itself."""
        self._ask()
        if self._ended is not None:
            return self._ended.detail
        peak = self._usage.memory_peak_bytes or 0
        if peak < _NEARLY * self._limits.memory_mb * MIB:
            return ""
        return f"Its memory was at {peak / MIB:.0f} of the {self._limits.memory_mb} MiB allowed."

    def settle(self) -> None:
        """Apply the limit on CPU from now on; when that fails, the tree ends."""
        try:
            self._hold.settle()
        except (FileNotFoundError, ProcessLookupError):
            return  # it has ended
        except OSError as error:
            self._end(Exceeded(reason=ExitReason.UNSUPERVISED, detail=f"Its CPU could not be limited: {error}."))

    def usage(self) -> Usage:
        """Measure, as long as there is something to measure."""
        if not self._closed:
            with suppress(OSError):
                self._usage = self._hold.usage()
        return self._usage

    def end(self) -> None:
        """Kill the tree because whoever holds it wants that."""
        self._ask()
        if self._ended is None:
            self._ended = Exceeded(reason=ExitReason.KILLED, detail="")
        self._kill()

    def close(self, *, running: bool) -> None:
        """Take what is known at the end, before the limits are taken away; kill what still runs."""
        self.usage()
        self._ask()
        if running:
            self.end()
        self._closed = True

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Watch as long as the context lasts."""
        watches: list[Watch] = [self._limited, *(directory.watch for directory in self._kept)]
        if self._limits.lifetime is not None:
            watches.append(self._outlived)
        with first_error():
            async with anyio.create_task_group() as tasks:
                for watch in watches:
                    tasks.start_soon(self._guard, watch)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()

    async def _guard(self, watch: Watch) -> None:
        """Run one watch; when it fails, nothing holds the limit any more, so the tree ends."""
        try:
            exceeded = await watch()
        except Exception as error:  # noqa: BLE001 - whatever it is, the tree would go on without its limit
            exceeded = Exceeded(
                reason=ExitReason.UNSUPERVISED, detail=f"What it uses could not be watched any more: {error}."
            )
        if exceeded is not None:
            self._end(exceeded)

    async def _limited(self) -> Exceeded | None:
        await self._hold.watch()
        return self._hold.exceeded()

    async def _outlived(self) -> Exceeded:
        seconds = self._limits.lifetime or 0.0
        await anyio.sleep(seconds)
        return Exceeded(reason=ExitReason.LIFETIME, detail=f"It may live for {seconds:g} s.")

    def _ask(self) -> None:
        """Take over what the kernel did on its own."""
        if self._closed or self._ended is not None:
            return
        with suppress(OSError):
            exceeded = self._hold.exceeded()
            if exceeded is not None:
                self._end(exceeded)

    def _end(self, exceeded: Exceeded) -> None:
        """Kill the tree; the first reason counts, and is told once."""
        if self._ended is None:
            self._ended = exceeded
            self._emit(ResourceExceeded(subject=self._subject, aspect=str(exceeded.reason), detail=exceeded.detail))
        self._kill()
