"""From a process to a link: started, greeted in the way it understands, watched, and left in good order."""

import math
from collections.abc import AsyncGenerator, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass

import anyio

from vsm_mcp.servers.links.eras import Era, Greeter
from vsm_mcp.servers.links.lean.dispatcher import Dispatcher
from vsm_mcp.servers.links.lean.greeting import GreetingError, agree
from vsm_mcp.servers.links.lean.link import Agreement, LeanLink
from vsm_mcp.servers.links.lean.lists import Lists
from vsm_mcp.servers.links.lean.wire import Wire, wire
from vsm_mcp.servers.links.link import Ending, Link, Start
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.quoting import SHORTEST_LISTED, Blotter
from vsm_mcp.servers.links.terms import Terms
from vsm_mcp.servers.links.troubles import LONGEST_SAID, not_started, silent
from vsm_mcp.servers.links.wire.process import GRACE_SECONDS, ending_of
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import Process

DRAIN_SECONDS = 0.25


class Opener:
    """Makes links over processes.

    A server is greeted in the newest way first. One that dies of it or stays silent is started again and greeted in the
    old way; what worked is remembered for its package.

    Args:
        eras: What was learned, by digest of the package.
        terms: What holds for every link.
    """

    def __init__(self, eras: MutableMapping[str, str], terms: Terms) -> None:
        """Keep memory and deadlines."""
        self._greeter = Greeter(eras, terms)
        self._terms = terms

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""
        async with AsyncExitStack() as life:
            greeting = _Greeting(start=start, name=name, terms=self._terms, hide=tuple(hide))
            yield await self._greeter.greet(greeting, life, digest)


@dataclass(slots=True, kw_only=True)
class _Greeting:
    """Tries to come to an understanding, each time with a fresh process; knows whether the last one was just silent."""

    start: Start
    name: str
    terms: Terms
    hide: tuple[str, ...] = ()
    silent: bool = False
    rested: float = 0.0

    @property
    def older_http(self) -> bool:
        """A process does not speak HTTP."""
        return False

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
            said = Blotter(self.hide).quoted(str(refusal), most=LONGEST_SAID)
            raise not_started(self.name, ending, said=said, gone=refusal.gone) from refusal
        if limit.cancelled_caught:
            self.silent = True
            raise silent(self.name, seconds, stderr.lines)

    def _link(self, line: "_Line", agreement: Agreement) -> LeanLink:
        return LeanLink(
            line.dispatcher,
            agreement,
            lists=Lists(line.listing, name=self.name, version=agreement.version),
            name=self.name,
            seconds=self.terms.call,
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
        return await ending_of(self.process, self.stderr, self.dispatcher.broken or "the connection closed")

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
