"""Makes links with the MCP SDK, over processes, over the network, and within this process."""

from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Unpack

from vsm_mcp.errors import LinkError, StartError
from vsm_mcp.model.authorization import Authorization
from vsm_mcp.model.launch import HttpLaunch, RemoteLaunch, TcpLaunch, WebSocketLaunch, address_of
from vsm_mcp.servers.links.eras import Era, Greeter
from vsm_mcp.servers.links.link import Link, Remote, Start
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.quoting import Discretion
from vsm_mcp.servers.links.sdk.greeting import Carried, Greeting
from vsm_mcp.servers.links.sdk.memory import in_process
from vsm_mcp.servers.links.sdk.transports.authorization import Authorizer, Entrance
from vsm_mcp.servers.links.sdk.transports.framed import framed, stdio
from vsm_mcp.servers.links.sdk.transports.granting import Granting
from vsm_mcp.servers.links.sdk.transports.http import http
from vsm_mcp.servers.links.terms import Given, Terms
from vsm_mcp.servers.links.wire.sockets import tcp
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.servers.links.wire.wire import Bounds


class SdkConnector:
    """Makes links.

    A server is greeted in the newest way first. One that dies of it or stays silent is connected to afresh and greeted
    in the old way; what worked is remembered for its package.

    Args:
        eras: What was learned, by digest of the package. Given from outside so that it may outlive this object.
        terms: How long to wait, how much to read, and what servers may ask of the host.
    """

    def __init__(self, *, eras: MutableMapping[str, str], **terms: Unpack[Given]) -> None:
        """Keep memory and deadlines."""
        self._terms = Terms.of(**terms)
        self._greeter = Greeter(eras, self._terms)
        self._authorizers: dict[tuple[str, str, Authorization, str], Authorizer] = {}

    def __repr__(self) -> str:
        """Show the deadlines."""
        return f"SdkConnector({self._terms})"

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""

        def reach(listing: Listing, _: Era) -> AbstractAsyncContextManager[Carried]:
            return _started(start, listing=listing, bounds=self._terms.bounds, hide=hide)

        async with AsyncExitStack() as life:
            greeting = Greeting(reach=reach, name=name, terms=self._terms, discretion=Discretion(hide))
            yield await self._greeter.greet(greeting, life, digest)

    @asynccontextmanager
    async def remote(
        self, launch: RemoteLaunch, remote: Remote, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AsyncGenerator[Link]:
        """Speak with a server that runs elsewhere."""
        discretion, bounds = Discretion(hide), self._terms.bounds

        def reach(listing: Listing, era: Era) -> AbstractAsyncContextManager[Carried]:
            if not isinstance(launch, HttpLaunch):
                return _connected(launch, remote, listing=listing, bounds=bounds)
            authorizer = self._authorizer(launch, remote, name)
            entrance = None if authorizer is None else Entrance(authorizer=authorizer, told=discretion.hide)
            older = era is Era.OLDER_HTTP
            return http(launch, remote, listing=listing, bounds=bounds, older=older, entrance=entrance)

        async with AsyncExitStack() as life:
            greeting = Greeting(reach=reach, name=name, terms=self._terms, discretion=discretion)
            try:
                link = await self._greeter.greet(greeting, life, digest, package=False)
            except LinkError as error:
                raise StartError(
                    f"{name} cannot be reached at {address_of(launch)}: {error.message.removesuffix('.')}.",
                    remedies=(*error.remedies, "Make sure that the server runs and that its address is right."),
                ) from error
            yield link

    def _authorizer(self, launch: HttpLaunch, remote: Remote, name: str) -> Authorizer | None:
        """Return what gets tokens for a server: one for all connections, so that they do not renew it twice."""
        if launch.authorization is None:
            return None
        key = name, launch.url, launch.authorization, remote.client_secret
        if key not in self._authorizers:
            ask = self._terms.consent.authorize
            self._authorizers[key] = Authorizer(Granting(name, launch, launch.authorization, remote=remote, ask=ask))
        return self._authorizers[key]

    def forget(self, name: str) -> None:
        """Know nothing of what a server granted any more."""
        for key in [key for key in self._authorizers if key[0] == name]:
            del self._authorizers[key]

    def memory(self, make: Callable[[], object], *, name: str) -> AbstractAsyncContextManager[Link]:
        """Speak with a server object of this process."""
        return in_process(make, name=name, terms=self._terms)


@asynccontextmanager
async def _started(start: Start, *, listing: Listing, bounds: Bounds, hide: Sequence[str]) -> AsyncGenerator[Carried]:
    async with (
        start() as process,
        stdio(process, listing=listing, stderr=StderrRing(hide=hide), bounds=bounds) as transport,
    ):
        yield transport


@asynccontextmanager
async def _connected(
    launch: TcpLaunch | WebSocketLaunch, remote: Remote, *, listing: Listing, bounds: Bounds
) -> AsyncGenerator[Carried]:
    match launch:
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
