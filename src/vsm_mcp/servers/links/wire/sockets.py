"""Frames over a TCP connection, one per line, to an address that may be reached."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream

from vsm_mcp.servers.links.link import Dial, Ending
from vsm_mcp.servers.links.wire.framing import Framer, FrameReader
from vsm_mcp.servers.links.wire.wire import Bounds


@asynccontextmanager
async def tcp(dial: Dial, host: str, port: int, *, bounds: Bounds) -> AsyncGenerator["SocketWire"]:
    """Connect, and close the connection in the end.

    Raises:
        LinkError: It may not or cannot be reached.
    """
    async with await SocketStream.from_socket(await dial(host, port)) as stream:
        yield SocketWire(stream, bounds=bounds)


class RemoteWire:
    """What is alike over every connection to another machine: no process is known of, and there is no second stream.

    Args:
        stream: The connection; whoever opened it closes it.
    """

    def __init__(self, stream: ByteStream) -> None:
        """Keep the connection."""
        self._stream = stream

    @property
    def said(self) -> tuple[str, ...]:
        """Nothing: there is no second stream."""
        return ()

    async def rest(self) -> None:
        """Do not wait: there is no process that could have files to finish."""

    async def aclose(self) -> None:
        """Close the connection."""
        await anyio.aclose_forcefully(self._stream)

    def cut(self) -> None:
        """Shut both directions down, in the middle of whatever happens."""
        with suppress(OSError):  # it is down already
            self._stream.extra(SocketAttribute.raw_socket).shutdown(socket.SHUT_RDWR)  # noqa: S610 - this is no database

    async def gone(self) -> str:
        """Wait for ever: the end of a connection is noticed by reading it."""
        await anyio.sleep_forever()
        return ""

    async def ending(self, reason: str) -> Ending:
        """Tell the reason; nothing else is known of the other side."""
        return Ending(reason=reason)


class SocketWire(RemoteWire):
    """Carries frames over a connected socket, one per line.

    Args:
        stream: The connection; whoever opened it closes it.
        bounds: How long a line may be.
    """

    def __init__(self, stream: SocketStream, *, bounds: Bounds) -> None:
        """Join stream and framer."""
        super().__init__(stream)
        self._frames = FrameReader(stream, Framer(largest=bounds.frame))

    async def receive(self) -> bytes:
        """Return the next line."""
        return await self._frames.receive()

    async def send(self, frame: bytes) -> None:
        """Write a line."""
        await self._stream.send(frame + b"\n")

    async def shut(self) -> None:
        """Say that nothing more will be sent, if anybody still listens."""
        try:
            await self._stream.send_eof()
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
