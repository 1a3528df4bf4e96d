"""Makes links with the MCP SDK: the only user of its client over processes."""

import math
from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from enum import StrEnum

import anyio
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, Implementation

from vsm_mcp.errors import StartError, VSMError
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.link import Ending, Link, Start
from vsm_mcp.servers.links.quoting import SHORTEST_LISTED, Blotter
from vsm_mcp.servers.links.sdk.announcements import announcements
from vsm_mcp.servers.links.sdk.listing import Listing
from vsm_mcp.servers.links.sdk.memory import in_process
from vsm_mcp.servers.links.sdk.session import LONGEST_SAID, SdkLink
from vsm_mcp.servers.links.sdk.stdio import stdio
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.world.groups import first_error, first_leaf
from vsm_mcp.world.processes import Process

PROBE_SECONDS = 5.0
START_SECONDS = 30.0
CALL_SECONDS = 60.0
GRACE_SECONDS = 1.0
_US = Implementation(name="vsm_mcp", version="1")


class Era(StrEnum):
    """How a server wants to be greeted: a property of its code, learned once per installed package."""

    AUTO = "auto"
    LEGACY = "legacy"


class SdkConnector:
    """Makes links.

    A server is greeted in the newest way first. One that dies of it or stays silent is started again and greeted in the
    old way; what worked is remembered for its package.

    Args:
        eras: What was learned, by digest of the package. Given from outside so that it may outlive this object.
        probe: Seconds the first greeting may take.
        start: Seconds all greetings may take together.
        call: Seconds a call may take that names no timeout of its own.
    """

    def __init__(
        self,
        *,
        eras: MutableMapping[str, str],
        probe: float = PROBE_SECONDS,
        start: float = START_SECONDS,
        call: float = CALL_SECONDS,
    ) -> None:
        """Keep memory and deadlines."""
        self._eras = eras
        self._probe = probe
        self._start = start
        self._call = call

    def __repr__(self) -> str:
        """Show the deadlines."""
        return f"SdkConnector(probe={self._probe}, start={self._start}, call={self._call})"

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""
        async with AsyncExitStack() as life:
            greeting = _Greeting(start=start, name=name, call=self._call, hide=tuple(hide))
            era, link = await self._greet(greeting, life, digest)
            self._eras[digest] = era
            yield link

    def memory(self, make: Callable[[], object], *, name: str) -> AbstractAsyncContextManager[Link]:
        """Speak with a server object of this process."""
        return in_process(make, name=name, seconds=self._call)

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


@dataclass(slots=True, kw_only=True)
class _Greeting:
    """Tries to come to an understanding, each time with a fresh process; knows whether the last one was just silent."""

    start: Start
    name: str
    call: float
    hide: tuple[str, ...] = ()
    silent: bool = False

    @asynccontextmanager
    async def open(self, era: Era, seconds: float) -> AsyncGenerator[Link]:
        """Start a process and greet it; the deadline ends with the greeting."""
        stderr, listing = StderrRing(hide=self.hide), Listing(Blotter(self.hide, shortest=SHORTEST_LISTED))
        refusal: BaseException | None = None
        ending = Ending(reason="")
        link: SdkLink | None = None
        with first_error(), anyio.CancelScope(deadline=anyio.current_time() + seconds) as limit:
            async with self.start() as process, stdio(process, listing=listing, stderr=stderr) as transport:
                try:
                    async with Client(transport, mode=era, client_info=_US, cache=None) as client:
                        limit.deadline = math.inf
                        link = SdkLink(
                            client.session,
                            name=self.name,
                            listing=listing,
                            seconds=self.call,
                            transport=transport,
                            hide=self.hide,
                        )
                        async with announcements(client, listing):
                            with closing(link):
                                yield link
                    await _grace(process)
                except Exception as error:  # whatever the SDK raises before the link is there means: it did not come up
                    if link is not None:
                        raise
                    refusal, ending = first_leaf(error), await transport.ending()
        if refusal is not None:
            said = Blotter(self.hide).quoted(str(refusal) or type(refusal).__name__, most=LONGEST_SAID)
            raise _not_started(self.name, ending, refusal, said=said.rstrip(".")) from refusal
        if limit.cancelled_caught:
            self.silent = True
            raise _silent(self.name, seconds, stderr.lines)


async def _enter(greeting: _Greeting, life: AsyncExitStack, *, era: Era, seconds: float) -> tuple[Era, Link]:
    return era, await life.enter_async_context(greeting.open(era, seconds))


def _left(end: float) -> float:
    return max(0.0, end - anyio.current_time())


async def _grace(process: Process) -> None:
    """Let a server whose input was closed end by itself: it may have files to finish."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS):
        await process.wait()


def _not_started(name: str, ending: Ending, cause: BaseException, *, said: str) -> VSMError:
    missing = needs_configuration(name, (*ending.stderr, said))
    if missing is not None:
        return missing
    code = ending.exit_code if _is_closed(cause) else None
    why = said if code is None else f"{ending.reason} (exit code {code})"
    return StartError(
        f"{name} did not come up: {why}.",
        exit_code=code,
        stderr=ending.stderr,
        remedies=("Read the last lines of its error output.", "Try another version of it, or another server."),
    )


def _is_closed(cause: BaseException) -> bool:
    """Tell whether the server went away by itself; otherwise it ends because we leave it."""
    if isinstance(cause, MCPError):
        return cause.code == CONNECTION_CLOSED
    return isinstance(cause, anyio.ClosedResourceError | anyio.BrokenResourceError)


def _silent(name: str, seconds: float, said: tuple[str, ...]) -> VSMError:
    missing = needs_configuration(name, said)
    return missing or StartError(
        f"{name} did not answer the greeting within {round(seconds, 1):g} seconds.",
        stderr=said,
        remedies=("Allow more time for its start.", "Make sure that it is an MCP server that speaks over stdio."),
    )
