"""Makes links with the MCP SDK, over processes, over the network, and within this process."""

from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import anyio

from vsm_mcp.errors import LinkError, StartError
from vsm_mcp.model.launch import HttpLaunch, RemoteLaunch, TcpLaunch, WebSocketLaunch, address_of
from vsm_mcp.servers.links.link import Consent, Link, Remote, Start
from vsm_mcp.servers.links.patience import CAP_SECONDS, IDLE_SECONDS
from vsm_mcp.servers.links.sdk.greeting import Carried, Era, Greeting, Terms
from vsm_mcp.servers.links.sdk.listing import Listing
from vsm_mcp.servers.links.sdk.memory import in_process
from vsm_mcp.servers.links.sdk.transports.framed import framed, stdio
from vsm_mcp.servers.links.sdk.transports.http import HttpTransport, http
from vsm_mcp.servers.links.wire.sockets import tcp
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.servers.links.wire.wire import Bounds

PROBE_SECONDS = 5.0
START_SECONDS = 30.0
CALL_SECONDS = IDLE_SECONDS


class SdkConnector:
    """Makes links.

    A server is greeted in the newest way first. One that dies of it or stays silent is connected to afresh and greeted
    in the old way; what worked is remembered for its package.

    Args:
        eras: What was learned, by digest of the package. Given from outside so that it may outlive this object.
        probe: Seconds the first greeting may take.
        start: Seconds all greetings may take together.
        call: Seconds a call may take without progress that names no time of its own.
        cap: Seconds such a call may take altogether.
        bounds: How large messages may be.
        consent: What servers may ask of the host; nothing, unless this allows it.
    """

    def __init__(
        self,
        *,
        eras: MutableMapping[str, str],
        probe: float = PROBE_SECONDS,
        start: float = START_SECONDS,
        call: float = CALL_SECONDS,
        cap: float = CAP_SECONDS,
        bounds: Bounds | None = None,
        consent: Consent | None = None,
    ) -> None:
        """Keep memory and deadlines."""
        self._eras = eras
        self._probe = probe
        self._start = start
        self._terms = Terms(idle=call, cap=cap, bounds=bounds or Bounds(), consent=consent or Consent())

    def __repr__(self) -> str:
        """Show the deadlines."""
        return f"SdkConnector(probe={self._probe}, start={self._start}, call={self._terms.idle})"

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""

        def reach(listing: Listing, _: Era) -> AbstractAsyncContextManager[Carried]:
            return _started(start, listing=listing, bounds=self._terms.bounds, hide=hide)

        async with AsyncExitStack() as life:
            greeting = Greeting(reach=reach, name=name, terms=self._terms, hide=tuple(hide))
            era, link = await self._greet(greeting, life, digest)
            self._eras[digest] = era
            yield link

    @asynccontextmanager
    async def remote(
        self, launch: RemoteLaunch, remote: Remote, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AsyncGenerator[Link]:
        """Speak with a server that runs elsewhere."""

        def reach(listing: Listing, era: Era) -> AbstractAsyncContextManager[Carried]:
            return _reached(launch, remote, listing=listing, bounds=self._terms.bounds, era=era)

        async with AsyncExitStack() as life:
            greeting = Greeting(reach=reach, name=name, terms=self._terms, hide=tuple(hide))
            try:
                era, link = await self._greet(greeting, life, digest)
            except LinkError as error:
                raise StartError(
                    f"{name} cannot be reached at {address_of(launch)}: {error.message.removesuffix('.')}.",
                    remedies=(*error.remedies, "Make sure that the server runs and that its address is right."),
                ) from error
            self._eras[digest] = era
            yield link

    def memory(self, make: Callable[[], object], *, name: str) -> AbstractAsyncContextManager[Link]:
        """Speak with a server object of this process."""
        return in_process(make, name=name, terms=self._terms)

    async def _greet(self, greeting: Greeting, life: AsyncExitStack, digest: str) -> tuple[Era, Link]:
        end = anyio.current_time() + self._start
        known = self._eras.get(digest)
        if known is not None:
            return await _enter(greeting, life, era=Era(known), seconds=self._start)
        try:
            return await _enter(greeting, life, era=Era.AUTO, seconds=min(self._probe, self._start))
        except StartError:
            if _knows_older_http(greeting):
                return await _enter(greeting, life, era=Era.OLDER_HTTP, seconds=_left(end))
        slow, greeting.silent = greeting.silent, False
        try:
            return await _enter(greeting, life, era=Era.LEGACY, seconds=_left(end))
        except StartError as error:
            if not slow or greeting.silent or error.exit_code is not None:
                raise
        # Slow, and it refuses the old greeting: a new server that needs more time than a probe has.
        return await _enter(greeting, life, era=Era.AUTO, seconds=_left(end))


@asynccontextmanager
async def _started(start: Start, *, listing: Listing, bounds: Bounds, hide: Sequence[str]) -> AsyncGenerator[Carried]:
    async with (
        start() as process,
        stdio(process, listing=listing, stderr=StderrRing(hide=hide), bounds=bounds) as transport,
    ):
        yield transport


@asynccontextmanager
async def _reached(
    launch: RemoteLaunch, remote: Remote, *, listing: Listing, bounds: Bounds, era: Era
) -> AsyncGenerator[Carried]:
    match launch:
        case HttpLaunch():
            older = era is Era.OLDER_HTTP
            async with http(launch, remote, listing=listing, bounds=bounds, older=older) as transport:
                yield transport
        case TcpLaunch(host=host, port=port):
            async with (
                tcp(remote.dial, host, port, bounds=bounds) as wire,
                framed(wire, listing=listing, bounds=bounds) as transport,
            ):
                yield transport
        case WebSocketLaunch():
            from vsm_mcp.servers.links.wire.websocket import websocket  # noqa: PLC0415 - an extra: `ws`

            async with (
                websocket(launch, remote, bounds=bounds) as wire,
                framed(wire, listing=listing, bounds=bounds) as transport,
            ):
                yield transport


async def _enter(greeting: Greeting, life: AsyncExitStack, *, era: Era, seconds: float) -> tuple[Era, Link]:
    return era, await life.enter_async_context(greeting.open(era, seconds))


def _knows_older_http(greeting: Greeting) -> bool:
    """Tell whether the server refused in a way in which servers do that know only the older kind of HTTP."""
    return isinstance(greeting.last, HttpTransport) and greeting.last.fates.older


def _left(end: float) -> float:
    return max(0.0, end - anyio.current_time())
