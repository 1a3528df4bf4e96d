"""HTTP for one server: every failure stays with the request that met it, and every answer is bounded.

The SDK's client gives up altogether when a connection fails. Here such a failure becomes the answer to the one request
it happened to, as an error that says so; why is kept in `Fates`, which nothing that comes over the wire can write to.
"""

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Protocol

import anyio
import httpcore2
import httpx2

from vsm_mcp.model.json import JsonValue
from vsm_mcp.servers.links.link import Remote
from vsm_mcp.servers.links.wire.dialing import DialedNetwork
from vsm_mcp.servers.links.wire.events import (
    FAILURES,
    Body,
    Events,
    Failed,
    Fate,
    Fates,
    data_of,
    error_of,
    is_answer,
    resumable,
    too_large,
)
from vsm_mcp.servers.links.wire.framing import MOST_VALUES, crowded
from vsm_mcp.servers.links.wire.wire import Bounds

CONNECT_SECONDS = 20.0
KEEP_SECONDS = 30.0
GOODBYE_SECONDS = 1.0
SESSION = "mcp-session-id"
_LARGEST_REFUSAL = 64 * 1024
_OLDER = frozenset({400, 404, 405, 406, 410, 415, 501})
_NOT_FOUND = 404
_NOT_ALLOWED = 405
_UNKNOWN = frozenset({401, 403})

Hear = Callable[[bytes], Awaitable[None]]
"""Hears one message that is no answer."""

Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
"""Sends a request as it is, to wherever it leads, and returns the beginning of its answer."""

Begun = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""Hears of each step of a connection with a request."""


class NotLetInError(Exception):
    """The server wants an authorization, and it could not be had."""


class Authorizes(Protocol):
    """Puts on requests what lets this host in."""

    async def sent(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        """Send a request, with whatever has to be asked for before; return the beginning of its answer.

        Raises:
            NotLetInError: What lets this host in could not be had.
        """
        ...


class PatientTransport(httpx2.AsyncBaseTransport):
    """Sends requests, and answers those that fail itself.

    Args:
        remote: Connects, to what may be reached only.
        fates: Hears how requests failed.
        bounds: How large answers may be.
        hear: Gets each message that a server writes before its answer to a request.
        authorizes: Puts on each request what lets this host in.
    """

    def __init__(
        self, remote: Remote, fates: Fates, *, bounds: Bounds, hear: Hear, authorizes: Authorizes | None = None
    ) -> None:
        """Prepare; nothing is connected yet."""
        self._hear = hear
        self._authorizes = authorizes
        self._fates = fates
        self._bounds = bounds
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=remote.connections.most,
            keepalive_expiry=KEEP_SECONDS,
            network_backend=DialedNetwork(remote.dial),
        )
        self._waiting = set[httpx2.Request]()
        self._connections = remote.connections
        self._connections.opened(self._count)

    async def aclose(self) -> None:
        """Close every connection."""
        try:
            await self._pool.aclose()
        finally:
            self._connections.closed(self._count)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its answer, or what stands for it."""
        if request.method != "DELETE":
            return await self._sent(request)
        with anyio.CancelScope(shield=True), anyio.move_on_after(GOODBYE_SECONDS):
            return await self._sent(request)
        return httpx2.Response(_NOT_ALLOWED, request=request)  # the end of a session is a courtesy

    def _count(self) -> tuple[int, int, int]:
        """Count the connections at work, those that are kept, and the requests that wait for one."""
        made = [one for one in self._pool.connections if not one.is_closed()]
        idle = [one for one in made if one.is_idle()]
        return len(made) - len(idle), sum(not one.has_expired() for one in idle), len(self._waiting)

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        number = _number_of(request)
        try:
            response = await self._answer(request)
        except FAILURES as error:
            return self._stand_in(number, Failed(Fate.UNREACHED, str(error) or type(error).__name__))
        except NotLetInError as error:
            return self._not_let_in(number, str(error))
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            return await self._refused(response, number, "it is packed, which was not asked for")
        if response.is_success:
            return await self._bounded(response, number)
        return await self._unsuccessful(response, number)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if self._authorizes is None:
            return await self._raw(request)
        return await self._authorizes.sent(request, self._raw)

    async def _raw(self, request: httpx2.Request) -> httpx2.Response:
        async def begun(_step: str, _about: Mapping[str, object]) -> None:
            self._waiting.discard(request)

        self._waiting.add(request)
        try:
            answer = await self._pool.handle_async_request(_core(request, begun))
        finally:
            self._waiting.discard(request)
        return httpx2.Response(answer.status, headers=answer.headers, stream=Body(answer), request=request)

    async def _bounded(self, response: httpx2.Response, number: object) -> httpx2.Response:
        kind = response.headers.get("content-type", "").lower()
        body = Body.of(response)
        if kind.startswith("text/event-stream"):
            events = Events(body, self._fates, number=number, bounds=self._bounds)
            return _with(response, events) if number is None else await self._answered(response, events, number)
        try:
            data = await body.read(self._bounds.response)
        except FAILURES as error:
            return self._stand_in(number, Failed(Fate.UNREACHED, f"its answer broke off: {error}"))
        if data is None:
            return self._stand_in(number, too_large(f"more than {self._bounds.response} bytes"))
        if crowded(data):
            return self._stand_in(number, too_large(f"more than {MOST_VALUES} values"))
        return _whole(response, data)

    async def _answered(self, response: httpx2.Response, events: "Events", number: object) -> httpx2.Response:
        """Read a stream up to the answer and return that alone; what came before it is heard.

        A stream that ends early and can be resumed is handed on as one event that says from where.
        """
        mark = b""
        async with aclosing(aiter(events)) as stream:
            async for event in stream:
                mark = resumable(event) or mark
                data = data_of(event)
                if data and is_answer(data):
                    return _whole(response, data, kind="application/json")
                if data:
                    await self._hear(data)
        if mark:  # it ended early, and can be resumed
            return _whole(response, mark + b"\n", kind="text/event-stream")
        return self._stand_in(number, Failed(Fate.UNREACHED, "its answer ended before it was complete"))

    async def _unsuccessful(self, response: httpx2.Response, number: object) -> httpx2.Response:
        """Tell a server that answers with an error of the protocol from one that does not answer."""
        status = response.status_code
        try:
            data = await Body.of(response).read(_LARGEST_REFUSAL)
        except FAILURES:
            data = None
        if status == _NOT_FOUND and SESSION in response.request.headers:
            return self._stand_in(number, Failed(Fate.GONE, "its session is gone (status 404)"))
        if status in _OLDER and response.request.method == "POST":
            self._fates.older = True
        if response.is_redirect or (data is not None and _is_error(data)):
            return _whole(response, data or b"")
        if number is None:
            return _whole(response, b"")
        if status in _UNKNOWN:
            return self._not_let_in(number, f"it answered with status {status}")
        return self._stand_in(number, Failed(Fate.UNREACHED, f"it answered with status {status}"))

    def _not_let_in(self, number: object, why: str) -> httpx2.Response:
        self._fates.not_let_in = why
        return self._stand_in(number, Failed(Fate.NOT_LET_IN, why))

    async def _refused(self, response: httpx2.Response, number: object, why: str) -> httpx2.Response:
        await Body.of(response).aclose()
        return self._stand_in(number, Failed(Fate.UNREACHED, f"its answer cannot be read: {why}"))

    def _stand_in(self, number: object, failed: Failed) -> httpx2.Response:
        """Return the answer that a failed request gets from us."""
        self._fates.note(number, failed)
        return httpx2.Response(
            httpx2.codes.SERVICE_UNAVAILABLE,
            headers={"content-type": "application/json"},
            content=error_of(number, failed),
        )


def _core(request: httpx2.Request, begun: Begun) -> httpcore2.Request:
    url = httpcore2.URL(
        scheme=request.url.raw_scheme,
        host=request.url.raw_host,
        port=request.url.port,
        target=request.url.raw_path,
    )
    return httpcore2.Request(
        method=request.method,
        url=url,
        headers=request.headers.raw,
        content=request.content,
        extensions={**request.extensions, "trace": begun},
    )


def method_of(request: httpx2.Request) -> str | None:
    """Return what the message asks for that a request carries; ``None`` when it carries none, or an answer."""
    method = _message_of(request).get("method")
    return method if isinstance(method, str) else None


def _number_of(request: httpx2.Request) -> object:
    """Return the number of the message that a request carries; ``None`` when it waits for no answer."""
    message = _message_of(request)
    return message.get("id") if "method" in message else None


def _message_of(request: httpx2.Request) -> Mapping[str, object]:
    """Return the message that a request carries; an empty one when it carries none."""
    return json.loads(request.content) if request.method == "POST" else {}


def _whole(response: httpx2.Response, data: bytes, *, kind: str = "") -> httpx2.Response:
    kept = {name: value for name, value in response.headers.items() if name in _KEPT}
    if kind:
        kept["content-type"] = kind
    return httpx2.Response(response.status_code, headers=kept, content=data, request=response.request)


_KEPT = frozenset({"content-type", "location", "mcp-session-id"})


def _with(response: httpx2.Response, stream: Events) -> httpx2.Response:
    kept = {name: value for name, value in response.headers.items() if name in _KEPT}
    return httpx2.Response(response.status_code, headers=kept, stream=stream, request=response.request)


def _is_error(data: bytes) -> bool:
    """Tell whether ``data`` is an error of the protocol; such an answer is for the one who asked."""
    try:
        said: JsonValue = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, Mapping) and isinstance(said.get("error"), Mapping) and said.get("jsonrpc") == "2.0"
