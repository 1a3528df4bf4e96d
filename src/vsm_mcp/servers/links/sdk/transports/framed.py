"""The SDK's transport over anything that carries frames: bounded, linear, and aware of the end of the other side."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType

import anyio
import anyio.lowlevel
from mcp.shared.message import SessionMessage

from vsm_mcp.errors import PayloadError
from vsm_mcp.servers.links.link import Ending
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.sdk.transports.streams import Reading, Writing
from vsm_mcp.servers.links.sdk.transports.traffic import Traffic
from vsm_mcp.servers.links.wire.process import ProcessWire
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.servers.links.wire.wire import Bounds, Wire
from vsm_mcp.world.processes import Process

DRAIN_SECONDS = 0.25
MOST_IN_A_ROW = 8


class FramedTransport:
    """Carries messages to a server and back.

    Enter it once (the SDK's client does); `watch` runs beside it, see `framed` and `stdio`.

    Args:
        wire: Carries the frames.
        traffic: Sorts the messages.
    """

    def __init__(self, wire: Wire, traffic: Traffic) -> None:
        """Join wire and traffic."""
        self.traffic: Traffic = traffic
        self.wire: Wire = wire
        self._turn = anyio.Lock(fast_acquire=True)

    async def __aenter__(self) -> tuple[Reading, Writing]:
        """Return the stream of messages from the server and the one to it."""
        return Reading(self.receive, self.wire.aclose), Writing(self.send, self.wire.shut)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that nothing more will be sent: the server may end by itself."""
        await self.wire.shut()

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines that the server wrote beside its messages."""
        return self.wire.said

    @property
    def broken(self) -> str | None:
        """Why the connection can no longer be used, or ``None`` while it can."""
        return self.traffic.broken

    async def rest(self) -> None:
        """Let a server whose input was closed end by itself: it may have files to finish."""
        await self.wire.rest()

    async def down(self) -> Ending:
        """Wait until the connection is unusable, then for the last words of the server, and tell both."""
        await self.traffic.down()
        return await self.ending()

    async def ending(self) -> Ending:
        """Wait a moment for the last words of the server, and tell them."""
        return await self.wire.ending(self.traffic.broken or "the connection closed")

    async def watch(self) -> None:
        """Notice the end of the server even when nobody waits for an answer."""
        how = await self.wire.gone()
        with anyio.move_on_after(DRAIN_SECONDS):
            await self.traffic.down()
        self.traffic.break_off(how)
        await self.wire.aclose()

    async def receive(self) -> SessionMessage:
        """Return the next message of the server.

        Raises:
            anyio.EndOfStream: There will be none; `broken` says why.
        """
        try:
            skipped = 0
            while True:
                await self.traffic.pause()
                message = self.traffic.read(await self.wire.receive())
                if message is not None:
                    return SessionMessage(message)
                skipped += 1
                if skipped % MOST_IN_A_ROW == 0:  # there may be thousands: the others have their turn between them
                    await anyio.lowlevel.checkpoint()
        except anyio.EndOfStream:
            self.traffic.break_off("the server closed its output")
            raise
        except PayloadError as error:
            self.traffic.break_off(error.message.removesuffix("."))
            self.wire.cut()
            raise anyio.EndOfStream from error

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message: one at a time, and never half of one followed by another.

        Raises:
            anyio.BrokenResourceError: The connection can no longer be used.
            anyio.ClosedResourceError: It was closed.
        """
        frame = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
        self.traffic.sent(item.message)
        async with self._turn:
            if self.traffic.broken is not None:
                raise anyio.BrokenResourceError
            await anyio.lowlevel.checkpoint_if_cancelled()
            await self._write(frame)
        self.traffic.wrote(item.message)

    async def _write(self, frame: bytes) -> None:
        try:
            await self.wire.send(frame)
        except anyio.get_cancelled_exc_class():
            # The server has not made room: the line may be torn, and a message after it would be lost in it.
            self.traffic.break_off("the server stopped reading its input")
            self.wire.cut()
            raise
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.traffic.break_off("the server closed its input")
            raise


@asynccontextmanager
async def framed(wire: Wire, *, listing: Listing, bounds: Bounds) -> AsyncGenerator[FramedTransport]:
    """Make a transport over ``wire``, with the end of the server watched as long as this is open."""
    async with anyio.create_task_group() as tasks:
        transport = FramedTransport(wire, Traffic(listing=listing, bounds=bounds))
        tasks.start_soon(transport.watch)
        try:
            yield transport
        finally:
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def stdio(
    process: Process, *, listing: Listing, stderr: StderrRing, bounds: Bounds | None = None
) -> AsyncGenerator[FramedTransport]:
    """Make a transport over ``process``, with its error output drained."""
    bounds = bounds or Bounds()
    async with anyio.create_task_group() as tasks:
        wire = ProcessWire(process, stderr=stderr, bounds=bounds)
        tasks.start_soon(wire.drain)
        try:
            async with framed(wire, listing=listing, bounds=bounds) as transport:
                yield transport
        finally:
            tasks.cancel_scope.cancel()
