"""Sockets as odd servers use them: refused handshakes, pieces, pings, codes of closing, messages without measure."""

import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from vsm_mcp.errors import LinkError, PayloadError
from vsm_mcp.servers.links.wire.sockets import SocketWire
from vsm_mcp.servers.links.wire.websocket import WebSocketWire
from vsm_mcp.servers.links.wire.wire import Bounds

pytestmark = pytest.mark.anyio

SMALL = Bounds(response=10)


class Other:
    """The other side of a WebSocket."""

    def __init__(self, stream: SocketStream, *, speaks: str) -> None:
        self.protocol = ServerProtocol(subprotocols=[Subprotocol(speaks)] if speaks else None, max_size=None)
        self._stream = stream

    async def greet(self) -> Request:
        self.protocol.receive_data(await self._stream.receive())
        request = self.protocol.events_received()[0]
        assert isinstance(request, Request)
        self.protocol.send_response(self.protocol.accept(request))
        await self.flush()
        return request

    async def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                await self._stream.send(data)

    async def write(self, act: Callable[[ServerProtocol], None]) -> None:
        act(self.protocol)
        await self.flush()

    async def hear(self) -> None:
        self.protocol.receive_data(await self._stream.receive())


async def pair() -> tuple[SocketStream, SocketStream]:
    ours, theirs = socket.socketpair()
    return await SocketStream.from_socket(ours), await SocketStream.from_socket(theirs)


@asynccontextmanager
async def two(*, speaks: str = "mcp") -> AsyncGenerator[tuple[WebSocketWire, Other]]:
    ours, theirs = await pair()
    with anyio.fail_after(10):
        async with ours, theirs:
            yield WebSocketWire(ours, "ws://here.example/", bounds=SMALL), Other(theirs, speaks=speaks)


@asynccontextmanager
async def greeted() -> AsyncGenerator[tuple[WebSocketWire, Other]]:
    async with two() as (wire, other):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other.greet)
            await wire.shake_hands({})
        yield wire, other


async def test_the_headers_are_part_of_the_opening_request() -> None:
    requests: list[Request] = []
    async with two() as (wire, other), anyio.create_task_group() as tasks:
        tasks.start_soon(wire.shake_hands, {"X-Key": "value"})
        requests.append(await other.greet())
    assert requests[0].headers["X-Key"] == "value"
    assert requests[0].headers["Sec-WebSocket-Protocol"] == "mcp"


@pytest.mark.parametrize("speaks", ["", "other"])
async def test_a_server_of_another_subprotocol_is_refused(speaks: str) -> None:
    async with two(speaks=speaks) as (wire, other), anyio.create_task_group() as tasks:
        tasks.start_soon(other.greet)
        with pytest.raises(LinkError, match=r"subprotocol|status 400"):
            await wire.shake_hands({})


async def test_a_server_that_hangs_up_or_speaks_something_else_is_refused() -> None:
    for said in (b"", b"220 mail.example ready\r\n\r\n"):
        ours, theirs = await pair()
        async with ours:
            async with theirs:
                if said:
                    await theirs.send(said)
            with anyio.fail_after(10), pytest.raises(LinkError, match="was not opened") as caught:
                await WebSocketWire(ours, "ws://here.example/", bounds=SMALL).shake_hands({})
            assert caught.value.remedies


async def test_pieces_are_joined_and_a_ping_is_answered_between_them() -> None:
    async with greeted() as (wire, other):
        assert wire.said == ()
        await other.write(lambda protocol: protocol.send_text(b'{"a"', fin=False))
        await other.write(lambda protocol: protocol.send_ping(b"?"))
        await other.write(lambda protocol: protocol.send_continuation(b": 1}", fin=True))
        assert await wire.receive() == b'{"a": 1}'
        await other.hear()
        assert [getattr(frame, "data", None) for frame in other.protocol.events_received()] == [b"?"]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013])
async def test_whatever_the_code_of_closing_it_is_the_end(code: int) -> None:
    async with greeted() as (wire, other):
        await other.write(lambda protocol: protocol.send_text(b"{}"))
        await other.write(lambda protocol: protocol.send_close(code))
        assert await wire.receive() == b"{}"
        with pytest.raises(anyio.EndOfStream):
            await wire.receive()
        with pytest.raises(anyio.BrokenResourceError):
            await wire.send(b"{}")
        await wire.shut()
        assert (await wire.ending("why")).reason == "why"


async def test_a_message_that_is_too_large_ends_it_and_says_so() -> None:
    async with greeted() as (wire, other), anyio.create_task_group() as tasks:
        other.protocol.send_text(b"x" * (SMALL.frame + 1))
        tasks.start_soon(other.flush)
        with pytest.raises(PayloadError, match=f"more than {SMALL.frame} bytes"):
            await wire.receive()
        tasks.cancel_scope.cancel()


async def test_a_socket_that_is_cut_ends_what_is_read_from_it() -> None:
    async with greeted() as (wire, _):
        wire.cut()
        with pytest.raises(anyio.EndOfStream):
            await wire.receive()
        await wire.aclose()
        await wire.shut()


async def test_lines_over_a_socket_end_when_the_other_side_goes() -> None:
    ours, theirs = await pair()
    with anyio.fail_after(10):
        wire = SocketWire(ours, bounds=SMALL)
        assert wire.said == ()
        await theirs.send(b"{}\n{")
        await theirs.aclose()
        assert await wire.receive() == b"{}"
        with pytest.raises(anyio.EndOfStream):
            await wire.receive()
        wire.cut()
        assert (await wire.ending("why")).reason == "why"
        await wire.aclose()
        await wire.shut()
        wire.cut()
