"""Frames over a WebSocket with the subprotocol ``mcp``: the protocol is the library's, the connection is ours.

The library's core does no input or output, so this works under every event loop, and the address that was checked is
the one that is connected to.
"""

import ssl
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream

from vsm_mcp.errors import ExtraMissingError, LinkError, PayloadError
from vsm_mcp.model.launch import WebSocketLaunch
from vsm_mcp.servers.links.link import Remote
from vsm_mcp.servers.links.wire.sockets import RemoteWire
from vsm_mcp.servers.links.wire.wire import Bounds

try:
    from websockets.client import ClientProtocol
    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.frames import CloseCode, Frame, Opcode
    from websockets.protocol import State
    from websockets.typing import Subprotocol
    from websockets.uri import parse_uri
except ImportError as _missing:
    raise ExtraMissingError("ws") from _missing

SUBPROTOCOL = "mcp"
GOODBYE_SECONDS = 1.0
_CHUNK = 64 * 1024


@asynccontextmanager
async def websocket(launch: WebSocketLaunch, remote: Remote, *, bounds: Bounds) -> AsyncGenerator["WebSocketWire"]:
    """Connect and shake hands; close the connection in the end.

    Raises:
        LinkError: It may not or cannot be reached, or does not speak this subprotocol.
    """
    async with await SocketStream.from_socket(await remote.dial(launch.host, launch.port)) as plain:
        stream: ByteStream = plain
        if launch.url.startswith("wss:"):
            stream = await _encrypted(plain, launch.host)
        wire = WebSocketWire(stream, launch.url, bounds=bounds)
        try:
            await wire.shake_hands(remote.headers)
            yield wire
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(GOODBYE_SECONDS):
                await wire.shut()
            await anyio.aclose_forcefully(stream)


async def _encrypted(plain: SocketStream, host: str) -> TLSStream:
    try:
        return await TLSStream.wrap(
            plain, hostname=host, ssl_context=ssl.create_default_context(), standard_compatible=False
        )
    except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        raise LinkError(
            f"{host} cannot be trusted to be {host}: {error or type(error).__name__}.",
            remedies=("Give the server a certificate that this machine trusts.",),
        ) from error


class WebSocketWire(RemoteWire):
    """Carries frames as the text messages of a WebSocket.

    Args:
        stream: The connection; whoever opened it closes it.
        url: Where it leads.
        bounds: How large a message may be.
    """

    def __init__(self, stream: ByteStream, url: str, *, bounds: Bounds) -> None:
        """Prepare the protocol; nothing is sent before `shake_hands`."""
        super().__init__(stream)
        self._largest = bounds.frame
        self._protocol = ClientProtocol(parse_uri(url), subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=bounds.frame)
        self._turn = anyio.Lock(fast_acquire=True)
        self._ready: deque[bytes] = deque()
        self._parts: list[bytes] = []

    async def shake_hands(self, headers: Mapping[str, str]) -> None:
        """Ask for the subprotocol and wait until it is granted.

        Raises:
            LinkError: It is not.
        """
        request = self._protocol.connect()
        for name, value in headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        try:
            await self._flush()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise _refused(error) from error
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            await self._feed()
        if self._protocol.handshake_exc is not None:
            raise _refused(self._protocol.handshake_exc) from None
        if self._protocol.subprotocol != SUBPROTOCOL:
            raise LinkError(
                f"The server does not speak the subprotocol {SUBPROTOCOL!r} over its WebSocket.",
                remedies=("Make sure that the address is that of an MCP server.",),
            )

    async def receive(self) -> bytes:
        """Return the next message."""
        while not self._ready:
            self._take()
            if self._ready:
                break
            if self._protocol.state is State.CLOSED or self._protocol.close_expected():
                self._explain_close()
                raise anyio.EndOfStream
            await self._feed()
        return self._ready.popleft()

    async def send(self, frame: bytes) -> None:
        """Write a message."""
        if self._protocol.state is not State.OPEN:
            raise anyio.BrokenResourceError
        self._protocol.send_text(frame)
        await self._flush()

    async def shut(self) -> None:
        """Say goodbye, if anybody still listens."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._flush()

    async def _feed(self) -> None:
        """Read once, and answer what the protocol itself answers: a ping, a close."""
        try:
            self._protocol.receive_data(await self._stream.receive(_CHUNK))
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._protocol.receive_eof()
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._flush()

    async def _flush(self) -> None:
        async with self._turn:
            for data in self._protocol.data_to_send():
                if data:
                    await self._stream.send(data)

    def _take(self) -> None:
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                continue
            self._parts.append(bytes(event.data))
            if event.fin:
                self._ready.append(b"".join(self._parts).strip())
                self._parts.clear()

    def _explain_close(self) -> None:
        closed = self._protocol.close_sent
        if closed is not None and closed.code == CloseCode.MESSAGE_TOO_BIG:
            raise PayloadError(
                f"The server wrote a message of more than {self._largest} bytes.",
                remedies=("Ask for less at once.", "Report it to the author of the server."),
            )


def _refused(error: Exception) -> LinkError:
    why = f"it answered with status {error.response.status_code}" if isinstance(error, InvalidStatus) else ""
    if not why:
        why = str(error).rstrip(".") if isinstance(error, InvalidHandshake) else "the connection closed"
    return LinkError(
        f"The WebSocket was not opened: {why}.",
        remedies=("Make sure that the address is that of an MCP server, and that its credentials are right.",),
    )
