"""Messages over streams: one per line, bounded in size, and in the time that a client may take."""

import os
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from vsm_mcp.adapters.serving.options import ServeLimits
from vsm_mcp.errors import PayloadError
from vsm_mcp.servers.links.sdk.transports.streams import Reading, Writing
from vsm_mcp.servers.links.wire.framing import Framer, crowded

_CHUNK = 65_536
_AT_ONCE = 4096
"""Bytes that a pipe takes without waiting once it takes any."""

_GONE = (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, PayloadError, TimeoutError)


class Frames(Protocol):
    """Carries whole messages."""

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            anyio.EndOfStream: There is none any more.
            PayloadError: It is larger than allowed.
        """
        ...

    async def send(self, frame: bytes, /) -> None:
        """Send a message.

        Raises:
            anyio.BrokenResourceError: The other end is gone.
        """
        ...

    async def aclose(self) -> None:
        """Close both ways."""
        ...


class Bytes(Protocol):
    """Carries bytes both ways."""

    async def receive(self) -> bytes:
        """Return some bytes, or raise `anyio.EndOfStream`."""
        ...

    async def send(self, item: bytes, /) -> None:
        """Send all of them."""
        ...

    async def aclose(self) -> None:
        """Close both ways."""
        ...


class LineFrames:
    """One message per line.

    Args:
        stream: Carries the bytes.
        largest: The most bytes a line may have.
    """

    def __init__(self, stream: Bytes | ByteStream, *, largest: int) -> None:
        """Start with nothing."""
        self._stream = stream
        self._framer = Framer(largest=largest)
        self._ready: deque[bytes] = deque()

    async def receive(self) -> bytes:
        """Return the next line that is not empty."""
        while not self._ready:
            self._ready.extend(self._framer.feed(await self._stream.receive()))
        return self._ready.popleft()

    async def send(self, frame: bytes, /) -> None:
        """Send a line."""
        await self._stream.send(frame + b"\n")

    async def aclose(self) -> None:
        """Close both ways."""
        await self._stream.aclose()


class Incoming(Reading):
    """What the SDK reads: messages, and an error in the place of each that cannot be read.

    It ends when the client is gone, or sends too much that cannot be read. Closing it closes nothing: what is answered
    yet must still get out.

    Args:
        frames: Carries the messages.
        limits: How much there may be.
    """

    def __init__(self, frames: Frames, limits: ServeLimits) -> None:
        """Start without any bad message."""
        super().__init__(self._next, _nothing)
        self._frames = frames
        self._left = limits.bad_messages

    async def _next(self) -> SessionMessage | Exception:
        try:
            frame = await self._frames.receive()
        except _GONE as error:
            raise anyio.EndOfStream from error
        try:
            return message_of(frame)
        except (ValueError, PayloadError) as wrong:
            self._left -= 1
            if self._left < 0:
                raise anyio.EndOfStream from wrong
            return wrong


class Outgoing(Writing):
    """What the SDK writes to, one message at a time. A client that does not take one in time is let go.

    Args:
        frames: Carries the messages.
        limits: How long a client may take.
    """

    def __init__(self, frames: Frames, limits: ServeLimits) -> None:
        """Join frames and deadline."""
        super().__init__(self._write, self._shut)
        self._frames = frames
        self._seconds = limits.write_seconds
        self._turn = anyio.Lock()

    async def _write(self, item: SessionMessage, /) -> None:
        frame = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
        async with self._turn:
            try:
                with anyio.fail_after(self._seconds):
                    await self._frames.send(frame)
            except _GONE as error:
                await self._shut()
                raise anyio.BrokenResourceError from error

    async def _shut(self) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(1):
            await self._frames.aclose()


class StandardStreams:
    """The standard input and output of this process as a stream of bytes, taken away from everything else.

    While it is open, what is printed goes to the standard error, and nobody else can read what the client says.
    """

    def __init__(self) -> None:
        """Take them: descriptors 0 and 1 mean something harmless from now on."""
        self._input = os.dup(0)
        self._output = os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        os.dup2(2, 1)
        self._open = True

    async def receive(self) -> bytes:
        """Return what came.

        Raises:
            anyio.EndOfStream: The client closed its end.
        """
        await _ready(anyio.wait_readable, self._input)
        chunk = os.read(self._input, _CHUNK) if self._open else b""
        if not chunk:
            raise anyio.EndOfStream
        return chunk

    async def send(self, item: bytes, /) -> None:
        """Send all of it, in pieces that never make this process wait.

        Raises:
            anyio.BrokenResourceError: The client closed its end.
        """
        left = memoryview(item)
        while left:
            await _ready(anyio.wait_writable, self._output)
            try:
                left = left[os.write(self._output, left[:_AT_ONCE]) :]
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Give them back."""
        if not self._open:
            return
        self._open = False
        for taken, place in ((self._input, 0), (self._output, 1)):
            os.dup2(taken, place)
            os.close(taken)
        await anyio.lowlevel.checkpoint()


def message_of(frame: bytes) -> SessionMessage:
    """Read a message.

    Raises:
        PayloadError: It has more values than are read.
        ValueError: It is none.
    """
    if crowded(frame):
        raise PayloadError("A message has more values than are read.")
    return SessionMessage(jsonrpc_message_adapter.validate_json(frame, by_name=False))


async def _ready(wait: Callable[[int], Awaitable[None]], descriptor: int) -> None:
    """Wait until a descriptor is ready; a regular file always is."""
    try:
        await wait(descriptor)
    except PermissionError:
        await anyio.lowlevel.checkpoint()


async def _nothing() -> None:
    return
