"""From a process to a link: started, greeted in the way it understands, watched, and left in good order."""

import math
from collections.abc import AsyncGenerator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass

import anyio

from vsm_mcp.errors import StartError, VSMError
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.lean.dispatcher import Dispatcher
from vsm_mcp.servers.links.lean.greeting import Era, GreetingError, agree
from vsm_mcp.servers.links.lean.link import Agreement, LeanLink
from vsm_mcp.servers.links.lean.lists import Lists
from vsm_mcp.servers.links.lean.outcomes import LONGEST_SAID
from vsm_mcp.servers.links.lean.wire import Wire, wire
from vsm_mcp.servers.links.link import Ending, Explained, Link, Start
from vsm_mcp.servers.links.quoting import SHORTEST_LISTED, Blotter
from vsm_mcp.servers.links.sdk.listing import Listing
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import Process

LAST_WORDS_SECONDS = 1.0
DRAIN_SECONDS = 0.25
GRACE_SECONDS = 1.0


class Opener:
    """Makes links over processes.

    A server is greeted in the newest way first. One that dies of it or stays silent is started again and greeted in the
    old way; what worked is remembered for its package.

    Args:
        eras: What was learned, by digest of the package.
        probe: Seconds the first greeting may take.
        start: Seconds all greetings may take together.
        call: Seconds a call may take without progress that names no time of its own.
        cap: Seconds such a call may take altogether.
        bounds: How large messages may be.
    """

    def __init__(
        self, *, eras: MutableMapping[str, str], probe: float, start: float, call: float, cap: float, bounds: Bounds
    ) -> None:
        """Keep memory and deadlines."""
        self._eras = eras
        self._probe = probe
        self._start = start
        self._terms = _Terms(idle=call, cap=cap, bounds=bounds)

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""
        async with AsyncExitStack() as life:
            greeting = _Greeting(start=start, name=name, terms=self._terms, hide=tuple(hide))
            era, link = await self._greet(greeting, life, digest)
            self._eras[digest] = era
            yield link

    async def _greet(self, greeting: "_Greeting", life: AsyncExitStack, digest: str) -> tuple[Era, Link]:
        end = anyio.current_time() + self._start
        known = self._eras.get(digest)
        if known is not None:
            return await _enter(greeting, life, era=Era(known), seconds=self._start)
        with suppress(StartError):
            return await _enter(greeting, life, era=Era.AUTO, seconds=min(self._probe, self._start))
        slow, greeting.silent = greeting.silent, False
        try:
            return await _enter(greeting, life, era=Era.LEGACY, seconds=_left(end))
        except StartError as error:
            if not slow or greeting.silent or error.exit_code is not None:
                raise
        # Slow, and it refuses the old greeting: a new server that needs more time than a probe has.
        return await _enter(greeting, life, era=Era.AUTO, seconds=_left(end))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What holds for every link of an opener."""

    idle: float
    cap: float
    bounds: Bounds


@dataclass(slots=True, kw_only=True)
class _Greeting:
    """Tries to come to an understanding, each time with a fresh process; knows whether the last one was just silent."""

    start: Start
    name: str
    terms: _Terms
    hide: tuple[str, ...] = ()
    silent: bool = False

    @asynccontextmanager
    async def open(self, era: Era, seconds: float) -> AsyncGenerator[Link]:
        """Start a process and greet it; the deadline ends with the greeting."""
        stderr, listing = StderrRing(hide=self.hide), Listing(Blotter(self.hide, shortest=SHORTEST_LISTED))
        refusal: GreetingError | None = None
        ending = Ending(reason="")
        with first_error(), anyio.CancelScope(deadline=anyio.current_time() + seconds) as limit:
            async with (
                self.start() as process,
                _carried(process, listing=listing, stderr=stderr, bounds=self.terms.bounds) as line,
            ):
                try:
                    agreement = await agree(line.dispatcher, era)
                except GreetingError as error:
                    refusal = error
                    ending = await line.refused()
                else:
                    limit.deadline = math.inf
                    link = self._link(line, agreement)
                    await line.tasks.start(link.announcements)
                    with closing(link):
                        yield link
                    await line.leave()
        if refusal is not None:
            raise _not_started(self.name, ending, refusal, hide=self.hide) from refusal
        if limit.cancelled_caught:
            self.silent = True
            raise _silent(self.name, seconds, stderr.lines)

    def _link(self, line: "_Line", agreement: Agreement) -> LeanLink:
        return LeanLink(
            line.dispatcher,
            agreement,
            lists=Lists(line.listing, name=self.name, version=agreement.version),
            name=self.name,
            seconds=self.terms.idle,
            cap=self.terms.cap,
            bounds=self.terms.bounds,
            ending=line.ending,
            stderr=lambda: line.stderr.lines,
            hide=self.hide,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A process with everything that is needed to speak with it."""

    process: Process
    dispatcher: Dispatcher
    carrier: Wire
    listing: Listing
    stderr: StderrRing
    tasks: anyio.abc.TaskGroup

    async def ending(self) -> Ending:
        """Wait a moment for the exit code and the last words of the process, and tell them."""
        with anyio.move_on_after(LAST_WORDS_SECONDS):
            await self.process.wait()
            await self.stderr.finished()
        code = self.process.returncode
        reason = self.dispatcher.broken or "the connection closed"
        detail = self.process.exit_detail if isinstance(self.process, Explained) else ""
        if detail:
            reason = f"{reason}: {detail.removesuffix('.')}"
        return Ending(reason=reason, exit_code=code, stderr=self.stderr.lines)

    async def refused(self) -> Ending:
        """Close the input of a server that was not understood, so that it ends, and tell how it did."""
        self.carrier.stop()
        await self.process.stdin.aclose()
        return await self.ending()

    async def leave(self) -> None:
        """Close the input of a server and let it end by itself: it may have files to finish."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS):
            await self.process.stdin.aclose()
            await self.process.wait()


@asynccontextmanager
async def _carried(process: Process, *, listing: Listing, stderr: StderrRing, bounds: Bounds) -> AsyncGenerator[_Line]:
    """Speak with ``process``, its error output drained and its end watched as long as this is open."""
    dispatcher = Dispatcher(kill=process.kill, noticed=listing.heard, bounds=bounds)
    carrier = wire(dispatcher, process.stdout, process.stdin)
    dispatcher.join(carrier)

    async def watch() -> None:
        """Notice the end of the process even when nobody waits for an answer."""
        code = await process.wait()
        carrier.resume()
        with anyio.move_on_after(DRAIN_SECONDS):
            await dispatcher.down()
        dispatcher.break_off(f"the process ended with exit code {code}")
        carrier.stop()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(carrier.run)
        tasks.start_soon(dispatcher.expire)
        tasks.start_soon(stderr.drain, process.stderr)
        tasks.start_soon(watch)
        try:
            yield _Line(
                process=process, dispatcher=dispatcher, carrier=carrier, listing=listing, stderr=stderr, tasks=tasks
            )
        finally:
            carrier.stop()
            tasks.cancel_scope.cancel()


async def _enter(greeting: _Greeting, life: AsyncExitStack, *, era: Era, seconds: float) -> tuple[Era, Link]:
    return era, await life.enter_async_context(greeting.open(era, seconds))


def _left(end: float) -> float:
    return max(0.0, end - anyio.current_time())


def _not_started(name: str, ending: Ending, refusal: GreetingError, *, hide: Sequence[str]) -> VSMError:
    said = Blotter(hide).quoted(str(refusal), most=LONGEST_SAID).rstrip(".")
    missing = needs_configuration(name, (*ending.stderr, said))
    if missing is not None:
        return missing
    code = ending.exit_code if refusal.gone else None
    why = said if code is None else f"{ending.reason} (exit code {code})"
    return StartError(
        f"{name} did not come up: {why}.",
        exit_code=code,
        stderr=ending.stderr,
        remedies=("Read the last lines of its error output.", "Try another version of it, or another server."),
    )


def _silent(name: str, seconds: float, said: tuple[str, ...]) -> VSMError:
    missing = needs_configuration(name, said)
    return missing or StartError(
        f"{name} did not answer the greeting within {round(seconds, 1):g} seconds.",
        stderr=said,
        remedies=("Allow more time for its start.", "Make sure that it is an MCP server that speaks over stdio."),
    )
