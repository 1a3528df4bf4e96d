"""A server on this machine that is reached over a network, and misbehaves where it is asked to: by path of its URL.

It runs in a thread of its own: clients under any event loop can talk to it, blocking ones too. Where it listened,
nobody listens any more when it is left: that is a connection that is refused.
"""

import json
import logging
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from types import MappingProxyType
from typing import NamedTuple, Self

import anyio
from anyio.abc import ByteStream, SocketAttribute, TaskGroup
from anyio.from_thread import start_blocking_portal
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

from vsm_mcp.testing.peer import STATELESS, DeathError, Json, Peer, attend

FAULTS: Mapping[str, str] = {
    "/failing": "answers calls with status 503",
    "/gone": "has forgotten the session: answers calls within it with status 404",
    "/packed": "packs its answers to calls, which nobody asked for",
    "/wide": "answers calls with a list of 300,000 values",
    "/endless": "answers calls with a body that does not end",
    "/early": "breaks off its answers to calls, and does not go on when it is asked to",
    "/moved": "leads elsewhere, with status 307",
    "/status/N": "answers everything with the status N",
}
"""What goes wrong at which path. At ``/failing`` to ``/early`` it is calls only: greetings and lists are well."""

_LONGEST_LINE = 2**24
_LOG = logging.getLogger(__name__)


class Request(NamedTuple):
    """One request of HTTP.

    Attributes:
        method: How it asks.
        path: What for.
        headers: Its headers, their names in small letters.
        body: What it brings.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """A whole answer of HTTP, after which the connection stays open.

    Attributes:
        status: How it went.
        body: What it brings.
        headers: Further headers; the length of the body is told anyway.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType[str, str]({})

    @classmethod
    def of(cls, said: object, *, status: int = 200) -> Self:
        """Return an answer that says something as JSON."""
        return cls(status, json.dumps(said).encode(), {"content-type": "application/json"})

    def written(self) -> bytes:
        """Return it as it is sent."""
        headers = {"content-length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} X\r\n{lines}\r\n".encode() + self.body


class Connection:
    """A connection of a client, which many tasks may send over.

    Args:
        stream: The connection.
    """

    def __init__(self, stream: ByteStream) -> None:
        """Send nothing yet."""
        self._stream = stream
        self._reading = BufferedByteReceiveStream(stream)
        self._sending = anyio.Lock()

    async def line(self) -> bytes:
        """Return the next line with its end; nothing when there is none any more."""
        with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return await self._reading.receive_until(b"\n", _LONGEST_LINE) + b"\n"
        return b""

    async def exactly(self, count: int) -> bytes:
        """Return so many bytes.

        Raises:
            ConnectionError: There are not so many.
        """
        try:
            return await self._reading.receive_exactly(count)
        except (anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise ConnectionError("The client went away in the midst of a request.") from error

    async def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            ConnectionError: The client went away.
        """
        try:
            async with self._sending:
                await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise ConnectionError("The client went away.") from error

    async def tell(self, message: Json) -> None:
        """Send a message as an event of a stream.

        Raises:
            ConnectionError: The client went away.
        """
        await self.send(b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n")

    async def aclose(self) -> None:
        """End it."""
        await self._stream.aclose()


_JSON = {"content-type": "application/json"}
_WRONG: Mapping[str, Answer] = {
    "/gone": Answer(404),
    "/packed": Answer(200, b"x", {**_JSON, "content-encoding": "br"}),
    "/wide": Answer(200, b"[" + b"1," * 300_000 + b"1]", _JSON),
    "/failing": Answer(503, b"no", _JSON),
}


class RemoteServer:
    """Serves a peer over TCP and both kinds of HTTP, all on one port of this machine, while its context lasts.

    A connection that begins with ``{`` speaks lines of JSON. Over HTTP it is well-behaved at ``/mcp``, ``/sse`` (which
    knows the older kind of HTTP, too) and ``/older`` (which knows only that); at the paths of `FAULTS` it is not.

    Args:
        peer: Answers the messages.
        port: Where to listen; 0 for any port that is free.
        tls: Encrypts the connections.

    Attributes:
        peer: What answers the messages; it keeps what it saw.
        tls: What encrypts the connections.
        port: Where it listens, once entered.
    """

    def __init__(self, peer: Peer | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen to nobody yet."""
        self.peer: Peer = peer or Peer()
        self.tls: ssl.SSLContext | None = tls
        self.port: int = port
        self._life = ExitStack()
        self._tasks: TaskGroup | None = None
        self._streams: list[Connection] = []

    def __enter__(self) -> Self:
        """Start to listen.

        Raises:
            OSError: The port is taken.
        """
        with ExitStack() as life:
            portal = life.enter_context(start_blocking_portal())
            life.enter_context(portal.wrap_async_context_manager(self.listening()))
            self._life = life.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self._life.close()

    def url(self, path: str = "/mcp") -> str:
        """Return the address of a path: a good one, or one of `FAULTS`."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}{path}"

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Listen within the context, which is entered in the thread; a subclass may listen elsewhere as well."""
        plain = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
        self.port = plain.extra(SocketAttribute.local_port)  # noqa: S610 - this is no query
        listener = plain if self.tls is None else TLSListener(plain, self.tls, standard_compatible=False)
        async with listener, anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(listener.serve, self._greet)
            yield
            tasks.cancel_scope.cancel()

    def at_the_door(self, request: Request) -> Answer | None:
        """Return the answer to a request that does not get to the peer; subclasses decide, here all of them do."""
        return None

    async def streamable(self, connection: Connection, path: str, *, headers: Mapping[str, str], message: Json) -> bool:
        """Answer a message that came over the newer kind of HTTP; tell whether the connection stays open."""
        called = message.get("method") == "tools/call"
        if called and (path != "/gone" or "mcp-session-id" in headers) and (wrong := _WRONG.get(path)) is not None:
            await connection.send(wrong.written())
            return True
        if "id" not in message:
            await self.peer.take(message, _nowhere)
            await connection.send(Answer(202).written())
            return True
        stateful = path in {"/gone", "/mcp"} and self.peer.version != STATELESS
        session = "mcp-session-id: s1\r\n" if stateful else ""
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{session}connection: close\r\n\r\n"
        await connection.send(head.encode())
        if called and path == "/early":
            await connection.send(b"id: 7\nretry: 10\ndata:\n\n")
            return False
        while called and path == "/endless":
            await connection.send(b"data: " + b"x" * 100_000)
        with suppress(DeathError):
            await self.peer.take(message, connection.tell)
        return False

    async def _greet(self, stream: ByteStream) -> None:
        """Tell a line of JSON from a line of HTTP by its first byte."""
        connection = Connection(stream)
        try:
            async with stream:
                await self._speak(connection)
        except ConnectionError:
            return
        except Exception:  # noqa: BLE001 - what one client sends ends its own connection, and no other
            _LOG.exception("A connection ended.")

    async def _speak(self, connection: Connection) -> None:
        async def send(message: Json) -> None:
            await connection.send(json.dumps(message).encode() + b"\n")

        first = await connection.line()
        if first.startswith(b"{"):
            await attend(self.peer, send, first, receive=connection.line, end=connection.aclose)
            return
        while first and await self._http(first, connection):
            first = await connection.line()

    async def _http(self, line: bytes, connection: Connection) -> bool:
        """Answer one request; tell whether another may follow on this connection."""
        method, path, _ = line.decode().split()
        headers: dict[str, str] = {}
        while header := (await connection.line()).decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = await connection.exactly(int(headers.get("content-length", "0")))
        said = self.at_the_door(Request(method, path, headers, body))
        if said is None:
            self.peer.headers.append(headers)
            if path in {"/sse", "/older"} and method == "GET":
                return await self._older(connection)
            if path == "/messages" and self._tasks is not None:
                self._tasks.start_soon(self._later, json.loads(body))
            said = _fixed_answer(method, path)
        if said is None:
            return await self.streamable(connection, path, headers=headers, message=json.loads(body))
        await connection.send(said.written())
        return True

    async def _older(self, connection: Connection) -> bool:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        await connection.send(head + b"event: endpoint\ndata: /messages\n\n")
        self._streams.append(connection)
        while await connection.line():
            pass
        return False

    async def _later(self, message: Json) -> None:
        """Answer a message of the older kind of HTTP: over the stream that was opened last."""
        connection = self._streams[-1]
        try:
            await self.peer.take(message, connection.tell)
        except DeathError:
            await connection.aclose()
        except ConnectionError:
            return


def _fixed_answer(method: str, path: str) -> Answer | None:
    """Return what a path answers whatever it is asked; ``None`` when it depends."""
    if path.startswith("/status/"):
        return Answer(int(path.rpartition("/")[2]), b"no")
    if path == "/older" or (method != "POST" and path != "/messages"):
        return Answer(405, b"no")
    if path == "/moved":
        return Answer(307, b"no", {"location": "http://localhost:1/elsewhere"})
    return Answer(202, b"no") if path == "/messages" else None


async def _nowhere(_: Json) -> None:
    return
