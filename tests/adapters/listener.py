"""A client of the older transport that listens without a network between, under any event loop."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import orjson
from starlette.types import ASGIApp, Message, Scope


def scope_of(method: str, target: str, *, token: str = "", root: str = "") -> Scope:
    path, _, query = target.partition("?")
    headers = {"host": "localhost", "content-type": "application/json", "authorization": f"Bearer {token}"}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "root_path": root,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value != "Bearer "],
        "client": ("127.0.0.1", 1),
    }


class Listener:
    """A client that listens, without a network between."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.gone = anyio.Event()
        self.deaf_from = 1_000_000
        self.ended = anyio.Event()
        self._heard: list[Message] = []
        self._new = anyio.Event()
        self._next = 0

    async def run(self, scope: Scope) -> None:
        await self.app(scope, self._receive, self._send)
        self.ended.set()

    async def hear(self) -> Message:
        while len(self._heard) <= self._next:
            await self._new.wait()
        self._next += 1
        return self._heard[self._next - 1]

    async def _receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if len(self._heard) >= self.deaf_from:
            await anyio.sleep_forever()
        if self.gone.is_set():
            raise OSError
        await anyio.lowlevel.checkpoint()
        self._heard.append(message)
        self._new.set()
        self._new = anyio.Event()


@asynccontextmanager
async def listening(app: ASGIApp, *, token: str = "", root: str = "") -> AsyncGenerator[tuple[Listener, str]]:
    """Listen, and give where to post; at the end the client goes, and the application must end by itself."""
    listener = Listener(app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.run, scope_of("GET", f"{root}/sse", token=token, root=root))
        assert (await listener.hear())["status"] == 200
        first = (await listener.hear())["body"].decode()
        assert first.startswith("event: endpoint\r\ndata: ")
        yield listener, first.split("data: ")[1].strip()
        listener.gone.set()


async def asked(app: ASGIApp, scope: Scope, body: bytes = b"") -> int:
    """Ask for something that is answered at once; return the status."""
    told: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    heard: list[Message] = []

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        return told.pop()

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(message)

    await app(scope, receive, send)
    return heard[0]["status"]


async def post(app: ASGIApp, address: str, message: Mapping[str, object], *, token: str = "", root: str = "") -> int:
    return await asked(app, scope_of("POST", address, token=token, root=root), orjson.dumps(message))


def data_of(message: Message) -> dict[str, dict[str, object]]:
    body: str = message["body"].decode()
    assert body.startswith("event: message\r\ndata: ")
    assert body.endswith("\r\n\r\n")
    return orjson.loads(body.split("data: ", 1)[1])
