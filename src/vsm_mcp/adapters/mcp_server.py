"""The viable system as an MCP server: its reports, its deeds and its tools for any client, over every transport."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from anyio.abc import SocketAttribute, SocketStream
from mcp.server import Server
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.streamable_http import EventStore
from mcp.server.subscriptions import ListenHandler
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from vsm_mcp.adapters.serving.beside import Beside
from vsm_mcp.adapters.serving.changes import Changes
from vsm_mcp.adapters.serving.options import (
    CONNECTED,
    Peer,
    Permitted,
    Principal,
    ServeLimits,
    ServePermissions,
    Wire,
    connected,
    principal_of,
)
from vsm_mcp.adapters.serving.resources import ServedResources
from vsm_mcp.adapters.serving.tools import ServedTools
from vsm_mcp.adapters.serving.wires.sse import LISTEN_PATH, EventDoor, asks_for_tokens
from vsm_mcp.adapters.serving.wires.streams import Bytes, Frames, Incoming, LineFrames, Outgoing, StandardStreams
from vsm_mcp.adapters.serving.wires.web import SocketDoor, listening, protection, refuse_public
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.system.viable import ViableSystem
from vsm_mcp.world.groups import first_error

PATH = "/mcp"

_INSTRUCTIONS = (
    "A viable system: it measures what it is asked for and cannot do, and acquires MCP servers that can, as far as its "
    "host allows. Use vsm_execute to have something done, vsm_tools to see with what, vsm_status to see how it is."
)


class McpServer:
    """A viable system, served. Make it with `mcp_server`.

    Each connection speaks the protocol version that its client opens with, old or new.

    Attributes:
        server: The SDK's server: give it to a ``Client`` to use it without any wire.
        changes: Tells listening clients what changed: ``await served.changes.publish(...)``.
        limits: How much there may be.
    """

    server: Server[Peer]
    changes: Changes
    limits: ServeLimits

    def __init__(
        self, vsm: ViableSystem, *, name: str, tools: ServedTools, limits: ServeLimits, beside: Beside
    ) -> None:
        """Join the parts; nothing is opened."""
        self.limits = limits
        self.changes = Changes(vsm.events)
        resources = ServedResources(tools.asked, limits=limits, beside=beside)
        self.server = Server(
            name,
            version=version("vsm_mcp"),
            title="Viable system",
            instructions=_INSTRUCTIONS,
            lifespan=connected,
            on_list_tools=tools.list,
            on_call_tool=tools.call,
            on_list_resources=resources.list,
            on_list_resource_templates=resources.templates,
            on_read_resource=resources.read,
            on_subscriptions_listen=ListenHandler(self.changes, max_subscriptions=limits.connections),
        )
        beside.join(self.server)

    def __repr__(self) -> str:
        """Show its name."""
        return f"McpServer({self.server.name!r})"

    async def run_stdio(self) -> None:
        """Serve whoever started this process, over its standard input and output, until they close it.

        Meanwhile nothing else can write there: what is printed goes to the standard error.
        """
        streams = StandardStreams()
        try:
            await self.serve_stream(streams, Peer(wire=Wire.STDIO))
        finally:
            with anyio.CancelScope(shield=True):
                await streams.aclose()

    async def serve_stream(self, stream: Bytes, peer: Peer) -> None:
        """Serve one client over any stream of bytes, one message per line, until it is gone; close it then."""
        await self.serve_frames(LineFrames(stream, largest=self.limits.request_bytes), peer)

    async def serve_frames(self, frames: Frames, peer: Peer) -> None:
        """Serve one client over anything that carries whole messages, until it is gone; close it then."""
        before = CONNECTED.set(peer)
        outgoing = Outgoing(frames, self.limits)
        try:
            options = self.server.create_initialization_options()
            await self.server.run(Incoming(frames, self.limits), outgoing, options)
        finally:
            CONNECTED.reset(before)
            await outgoing.aclose()

    @asynccontextmanager
    async def listen_tcp(
        self, host: str = "127.0.0.1", port: int = 0, *, public: bool = False
    ) -> AsyncGenerator[tuple[str, int]]:
        """Serve whoever connects over TCP, one message per line, while the body runs; yields the address.

        There is no password: whoever can connect is served.

        Args:
            host: Where to be reached.
            port: The port; 0 for any.
            public: Whether others than this machine may connect.

        Raises:
            ConfigurationError: The address is public and nobody said so, or it cannot be had.
        """
        refuse_public(host, public=public)
        places = anyio.Semaphore(self.limits.connections)

        async def serve(stream: SocketStream) -> None:
            async with stream:
                try:
                    places.acquire_nowait()
                except anyio.WouldBlock:
                    return
                try:
                    address = stream.extra(SocketAttribute.remote_address)  # noqa: S610 - of a socket
                    await self.serve_stream(stream, Peer(wire=Wire.TCP, address=str(address[0])))
                finally:
                    places.release()

        try:
            listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"Nothing can be served at {host} port {port}: {error}.", remedies=("Choose another port; 0 for any.",)
            ) from error
        with first_error():
            async with listener, anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, serve)
                yield listener.extra(SocketAttribute.local_address)[:2]  # type: ignore[misc]  # noqa: S610 - of a socket
                tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def listen_http(
        self, host: str = "127.0.0.1", port: int = 0, *, public: bool = False, hosts: Sequence[str] = ()
    ) -> AsyncGenerator[str]:
        """Serve streamable HTTP while the body runs; yields the URL.

        There is no password; for one, give `streamable_http_app` to a server of your own. asyncio only.

        Args:
            host: Where to be reached.
            port: The port; 0 for any.
            public: Whether others than this machine may connect.
            hosts: Under which names else clients know it, such as ``tools.example.com:*``.

        Raises:
            ConfigurationError: The address is public and nobody said so, or it cannot be had.
        """
        app = self.streamable_http_app(hosts=hosts)
        async with listening(app, host=host, port=port, public=public, limits=self.limits) as address:
            yield f"http://{address}{PATH}"

    @asynccontextmanager
    async def listen_websocket(
        self, host: str = "127.0.0.1", port: int = 0, *, public: bool = False, hosts: Sequence[str] = ()
    ) -> AsyncGenerator[str]:
        """Serve WebSocket, and streamable HTTP beside it, while the body runs; yields the URL.

        Args:
            host: Where to be reached.
            port: The port; 0 for any.
            public: Whether others than this machine may connect.
            hosts: Under which names else clients know it, such as ``tools.example.com:*``.

        Raises:
            ConfigurationError: The address is public and nobody said so, or it cannot be had.
            ExtraMissingError: The extra ``ws`` is not installed.
        """
        app = self.streamable_http_app(hosts=hosts, websocket=True)
        async with listening(app, host=host, port=port, public=public, limits=self.limits, websocket=True) as address:
            yield f"ws://{address}{PATH}"

    @asynccontextmanager
    async def listen_sse(
        self, host: str = "127.0.0.1", port: int = 0, *, public: bool = False, hosts: Sequence[str] = ()
    ) -> AsyncGenerator[str]:
        """Serve the older HTTP with SSE, and streamable HTTP beside it, while the body runs; yields the URL.

        It is for clients that know nothing newer: the protocol gave it up in 2025. asyncio only.

        Args:
            host: Where to be reached.
            port: The port; 0 for any.
            public: Whether others than this machine may connect.
            hosts: Under which names else clients know it, such as ``tools.example.com:*``.

        Raises:
            ConfigurationError: The address is public and nobody said so, or it cannot be had.
        """
        app = self.streamable_http_app(hosts=hosts, sse=True)
        async with listening(app, host=host, port=port, public=public, limits=self.limits) as address:
            yield f"http://{address}{LISTEN_PATH}"

    def streamable_http_app(
        self,
        *,
        hosts: Sequence[str] = (),
        websocket: bool = False,
        sse: bool = False,
        auth: AuthSettings | None = None,
        token_verifier: TokenVerifier | None = None,
        event_store: EventStore | None = None,
        retry_interval: int | None = None,
    ) -> Starlette:
        """Return an ASGI application that serves at ``/mcp``.

        A request with the name of another host, or from the page of another origin, is refused.

        Args:
            hosts: Under which names else clients know it.
            websocket: Whether it also takes WebSockets, with the subprotocol ``mcp``. These know no tokens.
            sse: Whether it also serves the older transport of two addresses, ``/sse`` and ``/messages/``.
            auth: How clients get tokens, if they need some.
            token_verifier: Reads them; whom a token names becomes the agent.
            event_store: Keeps what was sent, for clients that come back.
            retry_interval: Milliseconds after which a client should come back.

        Raises:
            ConfigurationError: Tokens are asked for, and WebSockets would do without.
        """
        if websocket and token_verifier is not None:
            raise ConfigurationError(
                "WebSockets know no tokens, so they would be a way around them.", remedies=("Serve HTTP alone.",)
            )
        security = protection(hosts)
        app = self.server.streamable_http_app(
            streamable_http_path=PATH,
            max_request_body_size=self.limits.request_bytes,
            max_sessions=self.limits.connections,
            transport_security=security,
            auth=auth,
            token_verifier=token_verifier,
            event_store=event_store,
            retry_interval=retry_interval,
        )
        if websocket:
            door = SocketDoor(self.serve_frames, security=security, limits=self.limits)
            app.router.routes.append(WebSocketRoute(PATH, door.serve))
        if sse:
            older = EventDoor(self.serve_frames, security=security, limits=self.limits)
            app.router.routes.extend(older.routes(asks_for_tokens(auth) if token_verifier else ()))
        return app


def mcp_server(
    vsm: ViableSystem,
    *,
    permissions: Permitted | None = None,
    principal: Principal = principal_of,
    name: str = "vsm_mcp",
    offer_tools: bool = False,
    plain_names: bool = False,
    beside: Server[Peer] | None = None,
    limits: ServeLimits | None = None,
) -> McpServer:
    """Return a system as an MCP server.

    Args:
        vsm: The system; entered before a client comes.
        permissions: What a client may use: one value for all, or one per agent; an agent that is not named may use
            nothing. By default everything that changes nothing, and ``vsm_execute``; nothing is acquired for a client.
        principal: Names the agent that a client acts as: for permissions, rates and the audit log. By default whom its
            token names (``mcp:NAME``), else how it is connected (``mcp-stdio``). What a client says of itself does not
            count.
        name: What the server is called.
        offer_tools: Whether the acquired tools are listed as tools of their own.
        plain_names: Whether they have the names that their servers gave them, where these are free.
        beside: A server of the host's own, made with ``lifespan=connected``: its tools, resources, prompts, completion
            and logging are served on the same connections.
        limits: How much there may be.
    """
    bounds, other = limits or ServeLimits(), Beside(beside)
    tools = ServedTools(
        vsm,
        permitted=ServePermissions() if permissions is None else permissions,
        principal=principal,
        limits=bounds,
        offer=offer_tools,
        plain=plain_names,
        beside=other,
    )
    return McpServer(vsm, name=name, tools=tools, limits=bounds, beside=other)
