"""One connection to one server and the task that owns it from its first byte to its last."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from math import inf

import anyio

from vsm_mcp.errors import (
    CallError,
    CallTimeoutError,
    CapabilityMissingError,
    LinkError,
    NeedsConfigurationError,
    PayloadError,
    QuarantinedError,
    StartError,
    ToolError,
    VSMError,
)
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.servers.diagnosis import complaint_of
from vsm_mcp.servers.links.link import Ending, Link
from vsm_mcp.servers.pinned import Custody, Listed
from vsm_mcp.servers.supervision.pulse import Pulse, Watch

LAST_WORDS_SECONDS = 1.5

Open = Callable[[], AbstractAsyncContextManager[Link]]


class Connection:
    """A link that lives in a task of its own.

    Run `run` in a task; others wait with `ready`, call while it lives, and `stop` it. The task contains every failure
    of the server: it records it and ends, and never disturbs the task group it runs in.

    Args:
        name: The server's name.
        open: Makes the link.
        pause: Seconds to wait first.
        drain: Seconds that calls under way get to end when it is stopped.
        custody: Says which tools may be called, from what the server lists; ``None`` lets every call pass.
        watch: Looks whether the server still answers, and is still needed; ``None``: nobody looks. It also says for
            how long a list of tools is believed.
        starts: Lets only so many start at once.
        previous: The one whose place it takes; that is gone before anything starts.
        rests_on: Those that have to be up first.

    Attributes:
        link: The link, while it lives.
        listed: What the server said about itself when it was last asked.
        elapsed: Seconds from start to the list of tools.
        failure: Why it did not come up, or broke.
        ending: How it ended.
        blocked: True when it did not come up because one that it rests on is not up.
        pulse: Its signs of life, once it was up.
    """

    def __init__(
        self,
        name: str,
        open: Open,  # noqa: A002 - says what it does
        *,
        pause: float,
        drain: float,
        custody: Custody | None = None,
        watch: Watch | None = None,
        starts: anyio.Semaphore | None = None,
        previous: "Connection | None" = None,
        rests_on: Sequence["Connection"] = (),
    ) -> None:
        """Prepare; nothing is started before `run`."""
        self.name = name
        self.link: Link | None = None
        self.listed: Listed = Listed()
        self.elapsed: float = 0.0
        self.failure: VSMError | None = None
        self.ending: Ending | None = None
        self.blocked: bool = False
        self.pulse: Pulse | None = None
        self._open = open
        self._pause = pause
        self._drain = drain
        self._custody = custody
        self._watch = watch
        self._starts = starts
        self._previous = previous
        self._rests_on = tuple(rests_on)
        self._changes, self._reviewed = 0, -inf
        self._one_review = anyio.Lock()
        self._under_way = 0
        self._scope = anyio.CancelScope()
        self._settled = anyio.Event()
        self._stopping = anyio.Event()
        self._quiet = anyio.Event()
        self._over = anyio.Event()

    @property
    def usable(self) -> bool:
        """True while it is starting or alive and nobody asked it to stop."""
        if self._stopping.is_set() or self._over.is_set() or self.ending is not None:
            return False
        return self.link.alive if self.link is not None else not self._settled.is_set()

    @property
    def dropped(self) -> Mapping[str, str]:
        """What it lists and cannot be used, with the reasons; nothing is known of one that is not up."""
        return {} if self.link is None else self.link.dropped

    @property
    def under_way(self) -> int:
        """How many calls have not ended, those that wait for its start included."""
        return self._under_way

    @property
    def waiting(self) -> int:
        """How many of them wait for its start."""
        return 0 if self._settled.is_set() else self._under_way

    @property
    def stopped(self) -> bool:
        """True when somebody asked it to stop."""
        return self._stopping.is_set()

    def lived(self, now: float) -> float:
        """Return for how many seconds it was up until ``now``."""
        return 0.0 if self.pulse is None else now - self.pulse.since

    async def run(self, *, started: Callable[["Connection"], None], over: Callable[["Connection"], None]) -> None:
        """Own the link: make it, keep it until it breaks or is stopped, and clean up.

        Args:
            started: Called when the server is up.
            over: Called at the very end.
        """
        try:
            await self._succeed()
            with self._scope:
                await anyio.sleep(self._pause)
                await self._rest()
                await self._live(started)
        except VSMError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - the boundary of a task that must not disturb its group
            self.failure = LinkError(f"The connection to {self.name} failed: {type(error).__name__}: {error}.")
            self.failure.__cause__ = error
        finally:
            self.link = None
            self._settled.set()
            over(self)
            self._over.set()

    async def ready(self) -> Link:
        """Wait until the server is up.

        Raises:
            VSMError: It did not come up.
        """
        await self._settled.wait()
        if self.link is None:
            why = f"broke: {self.ending.reason}" if self.ending else "was stopped"
            raise self.failure or LinkError(
                f"The connection to {self.name} {why}.", remedies=("Call again: the server is started anew.",)
            )
        return self.link

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call over the link, once it is up and what it lists now was compared with what was approved.

        Raises:
            QuarantinedError: The tool is not what was approved.
            CapabilityMissingError: There is no such tool, or not any more.
            VSMError: It did not come up, did not list its tools again, or the call failed.
        """
        self._under_way += 1  # before anything waits: one that is called is not idle
        try:
            link = await self.ready()
            await self._admit(link, call.tool)
            return await self._served(link, call)
        finally:
            self._under_way -= 1
            if self._stopping.is_set() and not self._under_way:
                self._quiet.set()

    def stop(self) -> None:
        """Ask it to end; calls under way may finish within the time to drain."""
        self._stopping.set()
        if not self._under_way:
            self._quiet.set()
        if not self._settled.is_set():
            self._scope.cancel()

    async def over(self) -> None:
        """Wait until everything is cleaned up."""
        await self._over.wait()

    async def _admit(self, link: Link, tool: str) -> None:
        """Let a call of ``tool`` pass, if by what the server lists now it is what was approved."""
        if self._custody is None:
            return
        if self._is_outdated(link):
            await self._review_again(link)
        self._custody.check(tool)

    async def _served(self, link: Link, call: ToolCall) -> ToolResult:
        """Make the call; what comes of it tells how well the server is."""
        began = anyio.current_time()
        pulse = self.pulse or Pulse(began)
        pulse.used = began
        try:
            result = await link.call(call)
        except CallTimeoutError:
            if self._watch is None or self._watch.is_late(anyio.current_time() - began):
                pulse.missed(began)
            raise
        except ToolError:
            pulse.answered(anyio.current_time(), anyio.current_time() - began)
            raise
        finally:
            pulse.used = anyio.current_time()
        pulse.served(result, pulse.used, pulse.used - began)
        return result

    async def _succeed(self) -> None:
        """Wait until the one before is gone, and keep nothing of it: there is no end to how many there may be."""
        previous, self._previous = self._previous, None
        if previous is not None:
            await previous.over()

    async def _rest(self) -> None:
        others, self._rests_on = self._rests_on, ()
        for other in others:
            try:
                await other.ready()
            except VSMError as error:
                self.blocked = True
                raise StartError(
                    f"{self.name} rests on {other.name}, which is not up: {error.message}", remedies=error.remedies
                ) from error

    async def _live(self, started: Callable[["Connection"], None]) -> None:
        async with AsyncExitStack() as turn:
            if self._starts is not None:
                await turn.enter_async_context(self._starts)
            began = anyio.current_time()
            async with self._open() as link:
                self.failure = await self._list(link)
                await turn.aclose()
                if self.failure is not None:
                    return
                self.pulse = Pulse(anyio.current_time())
                self.elapsed = self.pulse.since - began
                self.link = link
                started(self)
                self._settled.set()
                await self._until_over(link, self.pulse)

    async def _list(self, link: Link) -> VSMError | None:
        """Ask for the tools. A failure is returned: raised through the link's tasks it would come out as a group."""
        try:
            await self._review(link)
        except NeedsConfigurationError as error:
            return error
        except (LinkError, CallError, PayloadError) as error:
            if not link.alive:
                self.ending = await link.ended()
            failure = StartError(
                f"{self.name} came up and did not list its tools: {error.message}",
                exit_code=self.ending.exit_code if self.ending else None,
                stderr=self.ending.stderr if self.ending else (),
                remedies=error.remedies,
            )
            failure.__cause__ = error
            return failure
        return None

    async def _review_again(self, link: Link) -> None:
        """List once for all who wait: however often the server announced changes meanwhile."""
        async with self._one_review:
            if self._is_outdated(link):
                await self._review(link)

    def _is_outdated(self, link: Link) -> bool:
        """Return whether the server announced a change, or was not asked for its tools for too long."""
        if link.changes != self._changes:
            return True
        return self._watch is not None and (anyio.current_time() - self._reviewed >= self._watch.supervision.list_every)

    async def _review(self, link: Link) -> None:
        changes, asked = link.changes, anyio.current_time()  # what changes from here on is of the next list
        tools = await link.tools()
        self.listed = Listed(tools=tools, prompts=await link.prompts(), instructions=link.instructions or "")
        if self._custody is not None:
            self._custody.review(self.listed)
        self._changes, self._reviewed = changes, asked

    async def _check(self, link: Link, watch: Watch) -> str | None:
        """Have it show that it works; return what speaks against it.

        This is no call of anybody: it goes to the link itself, so it counts in no limit and keeps no idle server.

        Raises:
            LinkError: The connection broke.
            CallTimeoutError: No answer came.
        """
        try:
            call = await self._repeatable(link, watch)
            if call is None:
                with suppress(ToolError):  # an error is an answer, too: not every server knows what a ping is
                    await link.ping()
                return None
            complaint = complaint_of(await link.call(call))
        except CallTimeoutError:
            raise
        except (CallError, NeedsConfigurationError, PayloadError) as error:
            complaint = error.message
        return None if complaint is None else link.quoted(complaint)

    async def _repeatable(self, link: Link, watch: Watch) -> ToolCall | None:
        """Return the call that it can be checked by, if that may be made now."""
        call = None if self._custody is None else watch.proof(self._custody.proven)
        if call is None:
            return None
        try:
            await self._admit(link, call.tool)
        except (CapabilityMissingError, QuarantinedError):
            return None
        return call

    async def _until_over(self, link: Link, pulse: Pulse) -> None:
        async with anyio.create_task_group() as tasks:

            async def notice() -> None:
                self.ending = await link.ended()
                tasks.cancel_scope.cancel()

            async def cut(watch: Watch) -> None:
                self.ending = Ending(
                    reason=await watch.until_hung(partial(self._check, link, watch), pulse, self._busy)
                )
                tasks.cancel_scope.cancel()

            async def retire(watch: Watch, seconds: float) -> None:
                await watch.until_idle(seconds, pulse, self._busy)
                self.stop()

            tasks.start_soon(notice)
            if self._watch is not None:
                tasks.start_soon(cut, self._watch)
                if self._watch.supervision.idle is not None:
                    tasks.start_soon(retire, self._watch, self._watch.supervision.idle)
            await self._stopping.wait()
            with anyio.move_on_after(self._drain if link.alive else LAST_WORDS_SECONDS):
                if not link.alive:
                    await anyio.sleep_forever()
                await self._quiet.wait()
            tasks.cancel_scope.cancel()

    def _busy(self) -> int:
        return self._under_way
