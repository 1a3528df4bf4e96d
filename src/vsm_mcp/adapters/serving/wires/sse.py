"""The older transport over HTTP (protocol 2024-11-05): a client listens at one address, and posts to another."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import quote
from uuid import uuid4

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, RequireAuthMiddleware
from mcp.server.auth.provider import principal_components
from mcp.server.auth.routes import build_resource_metadata_url
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import (
    RequestBodyLimitMiddleware,
    TransportSecurityMiddleware,
    TransportSecuritySettings,
)
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vsm_mcp.adapters.serving.options import ServeLimits, peer_at
from vsm_mcp.adapters.serving.wires.streams import message_of
from vsm_mcp.adapters.serving.wires.web import ServeFrames
from vsm_mcp.errors import PayloadError
from vsm_mcp.world.groups import first_error

LISTEN_PATH = "/sse"
POST_PATH = "/messages/"
_SIGN_SECONDS = 15.0
_HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)

Owner: TypeAlias = tuple[str, str | None, str | None] | None
"""Whom a token names; ``None`` without one."""


class EventFrames:
    """One message per event of an answer that does not end, and one per request that is posted.

    Args:
        send: Sends the parts of that answer.
    """

    def __init__(self, send: Send) -> None:
        """Start with an answer of which nothing is sent."""
        self._send = send
        self._turn = anyio.Lock()
        self._posted, self._taken = anyio.create_memory_object_stream[bytes]()
        self._open = False

    async def begin(self, address: str) -> None:
        """Tell the client where to post.

        Raises:
            anyio.BrokenResourceError: The client is gone.
        """
        self._open = True
        await self._write({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await self.say(f"event: endpoint\r\ndata: {address}".encode())

    async def say(self, event: bytes) -> None:
        """Send an event.

        Raises:
            anyio.BrokenResourceError: The client is gone.
        """
        await self._write({"type": "http.response.body", "body": event + b"\r\n\r\n", "more_body": True})

    async def send(self, frame: bytes, /) -> None:
        """Send a message."""
        await self.say(b"event: message\r\ndata: " + frame)

    async def post(self, frame: bytes) -> None:
        """Hand over what the client posted.

        Raises:
            anyio.BrokenResourceError: Nobody takes it any more.
        """
        try:
            await self._posted.send(frame)
        except anyio.ClosedResourceError as error:
            raise anyio.BrokenResourceError from error

    async def receive(self) -> bytes:
        """Return the next message."""
        return await self._taken.receive()

    async def aclose(self) -> None:
        """End the answer; fine if it has ended, or has not begun."""
        self._posted.close()
        self._taken.close()
        if self._open:
            self._open = False
            with suppress(anyio.BrokenResourceError):
                await self._write({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, part: Message) -> None:
        async with self._turn:
            try:
                await self._send(part)
            except OSError as error:
                raise anyio.BrokenResourceError from error


class EventDoor:
    """Lets clients in that know only the older transport: with the right host and origin, and not too many.

    Args:
        serve: Serves one client.
        security: Which host names and origins are right.
        limits: How many there may be, and how much they may send.
    """

    def __init__(self, serve: ServeFrames, *, security: TransportSecuritySettings, limits: ServeLimits) -> None:
        """Start without any."""
        self._serve = serve
        self._security = TransportSecurityMiddleware(security)
        self._limits = limits
        self._sessions: dict[tuple[str, Owner], EventFrames] = {}

    def routes(self, guards: Sequence[Middleware]) -> list[Route]:
        """Return the two addresses.

        Args:
            guards: What a request must pass first.
        """
        bound = Middleware(RequestBodyLimitMiddleware, max_body_size=self._limits.request_bytes)
        return [
            Route(LISTEN_PATH, self._listened, methods=["GET"], middleware=guards),
            Route(POST_PATH, self._posted, methods=["POST"], middleware=[*guards, bound]),
        ]

    async def _listened(self, request: Request) -> ASGIApp:
        """Let a client in, or turn it away."""
        wrong = await self._security.validate_request(request)
        if wrong is not None:
            return wrong
        if request.method != "GET":  # of an answer that does not end there is no head to show
            return Response(status_code=405, headers={"allow": "GET"})
        if len(self._sessions) >= self._limits.connections:
            return Response("As many clients are connected as may be.", status_code=503)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._answer(Request(scope, receive), send)

        return answer

    async def _answer(self, request: Request, send: Send) -> None:
        """Serve a client until it is gone; what it has under way ends with it."""
        name, frames = uuid4().hex, EventFrames(send)
        self._sessions[name, _owner(request)] = frames
        here = quote(request.scope.get("root_path", "").rstrip("/") + POST_PATH)
        try:
            with suppress(anyio.BrokenResourceError), first_error():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_until_gone, request.receive, tasks.cancel_scope)
                    tasks.start_soon(self._show_life, frames)
                    await frames.begin(f"{here}?session_id={name}")
                    await self._serve(frames, peer_at(request.scope))
                    tasks.cancel_scope.cancel()
        finally:
            del self._sessions[name, _owner(request)]
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await frames.aclose()

    async def _show_life(self, frames: EventFrames) -> None:
        """Say something now and then, so that nobody between takes the silence for an end, and an end is noticed."""
        while True:
            await anyio.sleep(_SIGN_SECONDS)
            with anyio.move_on_after(self._limits.write_seconds) as waited:
                await frames.say(b": still here")
            if waited.cancelled_caught:
                raise anyio.BrokenResourceError

    async def _posted(self, request: Request) -> Response:
        """Take a message of a client that listens."""
        wrong = await self._security.validate_request(request, is_post=True)
        if wrong is not None:
            return wrong
        frames = self._sessions.get((request.query_params.get("session_id", ""), _owner(request)))
        if frames is None:
            return _unknown()
        try:
            frame = await request.body()
            message_of(frame)
            await frames.post(frame)
        except (ValueError, PayloadError):
            return Response("That is no message of the protocol that is read here.", status_code=400)
        except (anyio.BrokenResourceError, ClientDisconnect):
            return _unknown()
        return Response("Accepted", status_code=202)


def asks_for_tokens(auth: AuthSettings | None) -> list[Middleware]:
    """Return what lets only those pass whose token was read and found good."""
    resource = auth and auth.resource_server_url
    return [
        Middleware(
            RequireAuthMiddleware,
            required_scopes=(auth and auth.required_scopes) or [],
            resource_metadata_url=resource and build_resource_metadata_url(resource),
        )
    ]


def _owner(request: Request) -> Owner:
    user = request.scope.get("user")
    return principal_components(user.access_token) if isinstance(user, AuthenticatedUser) else None


def _unknown() -> Response:
    return Response("There is no such session; listen at /sse for one.", status_code=404)


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
