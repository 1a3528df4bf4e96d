"""HTTP and WebSocket: an application for any ASGI server, and a server for it that stays on this machine by default."""

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TypeAlias

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from vsm_mcp.adapters.serving.options import Peer, ServeLimits, Wire
from vsm_mcp.adapters.serving.wires.streams import Frames
from vsm_mcp.errors import ConfigurationError, ExtraMissingError, PayloadError
from vsm_mcp.model.addresses import is_here
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.loops import refuse_other_loops

SUBPROTOCOL = "mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_DRAIN_SECONDS = 5
_POLICY_VIOLATION = 1008
_TRY_AGAIN = 1013

ServeFrames: TypeAlias = Callable[[Frames, Peer], Awaitable[None]]


class SocketFrames:
    """One message per WebSocket message.

    Args:
        websocket: An accepted one.
        largest: The most bytes a message may have.
    """

    def __init__(self, websocket: WebSocket, *, largest: int) -> None:
        """Join socket and bound."""
        self._websocket = websocket
        self._largest = largest

    async def receive(self) -> bytes:
        """Return the next message."""
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise anyio.EndOfStream
        text: str | None = message.get("text")
        frame = text.encode() if text is not None else bytes(message.get("bytes") or b"")
        if len(frame) > self._largest:
            raise PayloadError(f"A message has {len(frame)} bytes; at most {self._largest} are read.")
        return frame

    async def send(self, frame: bytes, /) -> None:
        """Send a message."""
        try:
            await self._websocket.send_text(frame.decode())
        except (WebSocketDisconnect, RuntimeError) as error:  # what Starlette says of a socket that is closed
            raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Close it; fine if it is closed."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self._websocket.close()
            except (WebSocketDisconnect, RuntimeError):
                return


def protection(hosts: Sequence[str]) -> TransportSecuritySettings:
    """Return which host names and origins a request may come with: those of this machine, and ``hosts``."""
    names = [*(f"{name}:*" for name in _LOOPBACK), *_LOOPBACK, *hosts]
    origins = [f"{scheme}://{name}" for name in names for scheme in ("http", "https")]
    return TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=names, allowed_origins=origins)


class SocketDoor:
    """Lets WebSockets in: with the right host, origin and subprotocol, and not too many.

    Args:
        serve: Serves one connection.
        security: Which host names and origins are right.
        limits: How many there may be.
    """

    def __init__(self, serve: ServeFrames, *, security: TransportSecuritySettings, limits: ServeLimits) -> None:
        """Start without any."""
        self._serve = serve
        self._security = TransportSecurityMiddleware(security)
        self._limits = limits
        self._places = anyio.Semaphore(limits.connections)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one, or turn it away before it is accepted."""
        as_request = Request({**websocket.scope, "type": "http", "method": "GET"})
        wrong = await self._security.validate_request(as_request)
        if wrong is not None or SUBPROTOCOL not in websocket.scope.get("subprotocols", ()):
            await websocket.close(_POLICY_VIOLATION)
            return
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            await websocket.close(_TRY_AGAIN)
            return
        try:
            await websocket.accept(subprotocol=SUBPROTOCOL)
            address = websocket.client.host if websocket.client else None
            frames = SocketFrames(websocket, largest=self._limits.request_bytes)
            await self._serve(frames, Peer(wire=Wire.WEBSOCKET, address=address))
        finally:
            self._places.release()


def refuse_public(host: str, *, public: bool) -> None:
    """Refuse to be reached from elsewhere by accident.

    Raises:
        ConfigurationError: Others than this machine could connect, and nobody said that they may.
    """
    if not public and not is_here(host):
        raise ConfigurationError(
            f"A server at {host} could be reached from elsewhere, and nothing says that it may.",
            remedies=(
                "Serve at 127.0.0.1.",
                "Say so: public=True, or --public; and put a proxy that knows its users before it.",
            ),
        )


@asynccontextmanager
async def listening(
    app: Starlette, *, host: str, port: int, public: bool, limits: ServeLimits, websocket: bool = False
) -> AsyncGenerator[str]:
    """Serve an application while the body runs; yields the address as it stands in a URL.

    Raises:
        ConfigurationError: The address is public and nobody said so, or it cannot be had; or the event loop is not
            asyncio's.
        ExtraMissingError: WebSocket is wanted, and its library is not installed.
    """
    refuse_public(host, public=public)
    if websocket and find_spec("websockets") is None:
        raise ExtraMissingError("ws")
    refuse_other_loops(
        "HTTP and WebSocket are served", instead="Give streamable_http_app() to an ASGI server for this event loop."
    )
    leaving = anyio.Event()
    with _bound(host, port) as bound:
        server = uvicorn.Server(_config(_let_go(app, leaving), limits, websocket=websocket))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[bound])
        try:
            with first_error():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(server.main_loop)
                    yield _shown(*bound.getsockname()[:2])
                    tasks.cancel_scope.cancel()
        finally:
            leaving.set()
            with anyio.CancelScope(shield=True), anyio.move_on_after(2 * _DRAIN_SECONDS):
                await server.shutdown(sockets=[bound])


def _let_go(app: ASGIApp, leaving: anyio.Event) -> ASGIApp:
    """Return an application that takes clients who only listen for gone once we leave; calls have time to end."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        async def next_message() -> Message:
            message: Message = {"type": "http.disconnect"}
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_after, leaving, tasks.cancel_scope)
                message = await receive()
                tasks.cancel_scope.cancel()
            return message

        listens = scope["type"] == "http" and scope["method"] == "GET"
        await app(scope, next_message if listens else receive, send)

    return served


async def _cancel_after(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _config(app: ASGIApp, limits: ServeLimits, *, websocket: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio" if websocket else "none",
        ws_max_size=limits.request_bytes,
        limit_concurrency=10 * limits.connections,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"Nothing can be served at {host} port {port}: {error}.", remedies=("Choose another port; 0 for any.",)
        ) from error
    # What is accepted here inherits it. Without it the second part of an answer waits 40 ms for the first to be
    # acknowledged, and asyncio sees only to sockets that it made itself.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def _shown(host: str, port: int) -> str:
    """Return an address as it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
