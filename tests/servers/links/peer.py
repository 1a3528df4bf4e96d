"""A small well-behaved server that speaks over every kind of connection, for what all links have in common.

Runs as a program over standard input and output, and in a thread over TCP, WebSocket and both kinds of HTTP.
"""

import asyncio
import json
import os
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, Self, cast

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Json = dict[str, object]
Send = Callable[[Json], Awaitable[None]]
Asked = Callable[[object, Json, Send], Awaitable[None]]

HUGE = 11_000_000
STATELESS = "2026-07-28"
CAPABILITIES: Json = {"tools": {"listChanged": True}}
COMPLETE: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def tool(name: str) -> Json:
    return {"name": name, "description": f"Do {name}.", "inputSchema": {"type": "object"}, "vendor": {"x": 1}}


TOOLS = [
    tool(name) for name in ("echo", "add", "fail", "sleep", "count", "huge", "announce", "die", "cancelled", "ask")
]


class DeathError(Exception):
    """The server ends its connection at once."""


class Peer:
    """Answers messages; `cancelled` counts the calls that were given up."""

    def __init__(self, *, version: str = "2025-11-25", endless: bool = False) -> None:
        self.version = version
        self.endless = endless
        self.tools = TOOLS
        self.cancelled = 0
        self.initialized = 0
        self.headers: list[dict[str, str]] = []
        self.seen: list[str] = []
        self.listening: list[tuple[object, Send]] = []

    async def take(self, message: Json, send: Send) -> None:
        method, params = message.get("method"), members(message, "params")
        self.seen.append(str(method))
        if method == "notifications/cancelled":
            self.cancelled += 1
        if "id" not in message or method is None:
            return
        number = message["id"]
        era: dict[str, Asked] = {"initialize": self.initialize}
        if self.version == STATELESS:
            era = {"server/discover": discover, "subscriptions/listen": self.listen}
        known: dict[str, Asked] = {**era, "ping": ping, "tools/list": self.list_tools, "tools/call": self.call}
        if (act := known.get(str(method))) is not None:
            await act(number, params, send)
        else:
            error = {"code": -32601, "message": "Method not found"}
            await send({"jsonrpc": "2.0", "id": number, "error": error})

    async def initialize(self, number: object, _: Json, send: Send) -> None:
        self.initialized += 1
        info = {"name": "peer", "version": "1"}
        await answer(send, number, {"protocolVersion": self.version, "capabilities": CAPABILITIES, "serverInfo": info})

    async def list_tools(self, number: object, params: Json, send: Send) -> None:
        page = str(params.get("cursor") or "0")
        more = {"nextCursor": str(int(page) + 1)} if self.endless else {}
        await answer(send, number, {"tools": [] if self.endless else self.tools, **more})

    async def listen(self, number: object, _: Json, send: Send) -> None:
        """Keep a stream of announcements open until its other end goes."""
        about = {"io.modelcontextprotocol/subscriptionId": number}
        agreed: Json = {"_meta": about, "notifications": {"toolsListChanged": True}}
        await send({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": agreed})
        self.listening.append((number, send))
        await asyncio.sleep(60)

    async def announce(self, send: Send) -> None:
        """Tell that the tools changed: to those who listen, or to everybody, as the version wants it."""
        changed: Json = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        if self.version != STATELESS:
            await send(changed)
        for number, told in self.listening:
            with suppress(ConnectionError, ConnectionClosed):  # it listened once
                await told({**changed, "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": number}}})

    async def ask(self, number: object, params: Json, send: Send) -> None:
        """Ask the user for a name before anything is done; what was asked is known again by its state."""
        given = members(members(members(params, "inputResponses"), "who"), "content")
        if given:
            await text(send, number, f"{params.get('requestState')}: {given.get('name')}")
            return
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        asked: Json = {"method": "elicitation/create", "params": {"message": "Name?", "requestedSchema": schema}}
        wanted: Json = {"resultType": "input_required", "requestState": "s1", "inputRequests": {"who": asked}}
        await answer(send, number, wanted)

    async def call(self, number: object, params: Json, send: Send) -> None:
        name, given = str(params.get("name")), members(params, "arguments")
        if name == "count":
            await count(given, members(params, "_meta")["progressToken"], send)
        if name == "announce":
            await self.announce(send)
        await suffer(name)
        said = {
            "echo": str(given.get("text")),
            "fail": "it failed",
            "count": "counted",
            "announce": "announced",
            "cancelled": str(self.cancelled),
        }
        if name == "add":
            total = {"sum": float(str(given["a"])) + float(str(given["b"]))}
            await answer(send, number, {"content": [], "structuredContent": total})
        elif name == "ask":
            await self.ask(number, params, send)
        elif name == "huge":
            await text(send, number, "x" * HUGE)
        elif name in said:
            await text(send, number, said[name], is_error=name == "fail")
        else:
            error = {"code": -32602, "message": f"Unknown tool: {name}"}
            await send({"jsonrpc": "2.0", "id": number, "error": error})


async def discover(number: object, _: Json, send: Send) -> None:
    await answer(send, number, {"supportedVersions": [STATELESS], "capabilities": CAPABILITIES})


async def ping(number: object, _: Json, send: Send) -> None:
    await answer(send, number, {})


async def suffer(name: str) -> None:
    if name == "sleep":
        await asyncio.sleep(60)
    if name == "die":
        raise DeathError


async def count(given: Json, token: object, send: Send) -> None:
    for step in range(int(str(given["steps"]))):
        await asyncio.sleep(float(str(given["pause"])))
        told = {"progressToken": token, "progress": step + 1, "total": 9, "message": "on"}
        await send({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})


def members(message: Json, key: str) -> Json:
    value = message.get(key)
    return cast("Json", value) if isinstance(value, dict) else {}


async def answer(send: Send, number: object, result: Json) -> None:
    await send({"jsonrpc": "2.0", "id": number, "result": {**COMPLETE, **result}})


async def text(send: Send, number: object, said: str, *, is_error: bool = False) -> None:
    await answer(send, number, {"content": [{"type": "text", "text": said}], "isError": is_error})


class Request(NamedTuple):
    """One request of HTTP."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Net:
    """Serves a peer in a thread of its own, so that clients under any event loop can talk to it.

    Paths of HTTP: ``/mcp`` (streamable), ``/sse`` with ``/messages`` (the older kind), ``/status/N`` (fails so),
    ``/moved`` (leads elsewhere), ``/gone`` (knows no session once greeted), ``/packed``, ``/wide``,
    ``/endless`` and ``/early`` (ends without the answer, and does not go on when it is asked to).
    """

    def __init__(self, peer: Peer, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.peer = peer
        self.tls = tls
        self.port = port
        self.websocket_port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._streams: list[asyncio.StreamWriter] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._greet, "127.0.0.1", self.port, limit=2**24, ssl=self.tls)
        sockets = await serve(
            self._websocket,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol("mcp")],
            max_size=None,
            compression=None,
            ssl=self.tls,
        )
        self.port = server.sockets[0].getsockname()[1]
        self.websocket_port = next(iter(sockets.sockets)).getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        sockets.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell a line of JSON from a line of HTTP by its first byte."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first = await reader.readline()
            if first.startswith(b"{"):
                await self._lines(first, reader, writer)
            while first and not first.startswith(b"{") and await self._http(first, reader, writer):
                first = await reader.readline()
        with suppress(ConnectionError, RuntimeError):
            writer.close()

    async def _lines(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(message: Json) -> None:
            writer.write(json.dumps(message).encode() + b"\n")
            await writer.drain()

        await attend(self.peer, send, line, receive=reader.readline, end=writer.close)

    async def _websocket(self, connection: ServerConnection) -> None:
        async def send(message: Json) -> None:
            await connection.send(json.dumps(message))

        async def receive() -> bytes:
            try:
                return str(await connection.recv()).encode()
            except ConnectionClosed:
                return b""

        await attend(self.peer, send, await receive(), receive=receive, end=connection.transport.abort)

    async def _http(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; tell whether another may follow on this connection."""
        method, path, _ = line.decode().split()
        headers: dict[str, str] = {}
        while header := (await reader.readline()).decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if self.at_the_door(writer, Request(method, path, headers, body)):
            return True
        self.peer.headers.append(headers)
        if path in {"/sse", "/older"} and method == "GET":
            return await self._older(reader, writer)
        if path == "/messages":
            asyncio.create_task(self._later(json.loads(body)))  # noqa: RUF006 - ends with the loop
        if (fixed := fixed_answer(method, path)) is not None:
            return plain(writer, fixed, b"no", location="http://localhost:1/elsewhere")
        return await self._streamable(writer, path, headers=headers, message=json.loads(body))

    def at_the_door(self, writer: asyncio.StreamWriter, request: "Request") -> bool:
        """Answer a request that does not get to the peer; tell whether it was one."""
        return False

    async def _streamable(
        self, writer: asyncio.StreamWriter, path: str, *, headers: dict[str, str], message: Json
    ) -> bool:
        called = message.get("method") == "tools/call"
        if called and (path != "/gone" or "mcp-session-id" in headers) and (wrong := WRONG.get(path)) is not None:
            status, body, told = wrong
            return plain(writer, status, body, content_type="application/json", **told)
        if "id" not in message:
            await self.peer.take(message, nowhere)
            return plain(writer, 202, b"")
        stateful = path in {"/gone", "/mcp"} and self.peer.version != STATELESS
        session = "mcp-session-id: s1\r\n" if stateful else ""
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{session}connection: close\r\n\r\n"
        writer.write(head.encode())

        async def send(told: Json) -> None:
            writer.write(b"event: message\ndata: " + json.dumps(told).encode() + b"\n\n")
            await writer.drain()

        with suppress(DeathError):
            if path == "/early" and called:
                writer.write(b"id: 7\nretry: 10\ndata:\n\n")
                return False
            if path == "/endless" and called:
                while True:
                    writer.write(b"data: " + b"x" * 100_000)
                    await writer.drain()
            await self.peer.take(message, send)
        return False

    async def _older(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: endpoint\ndata: /messages\n\n")
        await writer.drain()
        self._streams.append(writer)
        await reader.read()
        return False

    async def _later(self, message: Json) -> None:
        writer = self._streams[-1]

        async def send(told: Json) -> None:
            writer.write(b"event: message\ndata: " + json.dumps(told).encode() + b"\n\n")
            await writer.drain()

        try:
            await self.peer.take(message, send)
        except DeathError:
            writer.close()


WRONG: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "/gone": (404, b"", {}),
    "/packed": (200, b"x", {"content_encoding": "br"}),
    "/wide": (200, b"[" + b"1," * 300_000 + b"1]", {}),
    "/failing": (503, b"no", {}),
}


def fixed_answer(method: str, path: str) -> int | None:
    """Return the status with which a path answers whatever it is asked; ``None`` when it depends."""
    if path.startswith("/status/"):
        return int(path.rpartition("/")[2])
    if path == "/older" or (method != "POST" and path != "/messages"):
        return 405
    return {"/moved": 307, "/messages": 202}.get(path)


async def nowhere(_: Json) -> None:
    return


def plain(writer: asyncio.StreamWriter, status: int, body: bytes, **headers: str) -> bool:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body)
    return True


async def attend(
    peer: Peer, send: Send, line: bytes, *, receive: Callable[[], Awaitable[bytes]], end: Callable[[], None]
) -> None:
    """Take one message after the other, without waiting for the answer to the one before."""

    async def take(message: Json) -> None:
        try:
            await peer.take(message, send)
        except DeathError:
            end()
        except ConnectionError:
            return

    async with asyncio.TaskGroup() as tasks:
        running: list[asyncio.Task[None]] = []
        while line:
            running.append(tasks.create_task(take(json.loads(line))))
            line = await receive()
        for task in running:
            task.cancel()


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def send(message: Json) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    peer = Peer(version=sys.argv[1], endless="endless" in sys.argv)
    await attend(peer, send, await reader.readline(), receive=reader.readline, end=lambda: os._exit(9))


if __name__ == "__main__":
    asyncio.run(main())
