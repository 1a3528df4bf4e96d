"""The SDK's transport over a process of ours: bounded, linear, and aware of the death of the process."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel
from mcp.shared.message import SessionMessage
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)

from vsm_mcp.errors import PayloadError
from vsm_mcp.servers.links.link import Ending, Explained
from vsm_mcp.servers.links.sdk.listing import Listing
from vsm_mcp.servers.links.wire.framing import (
    MOST_REQUESTS,
    MOST_VALUES,
    REQUESTS_PER_SECOND,
    Framer,
    FrameReader,
    Noise,
    Pace,
    crowded,
    number_of,
)
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.world.processes import Process

LARGEST_RESULT = 10 * 2**20
LAST_WORDS_SECONDS = 1.0
DRAIN_SECONDS = 0.25
MOST_WAITING = 10_000
SHORTEST_PAUSE = 0.1
TOO_LARGE = object()
"""Marks, as the ``data`` of an error, an answer that was larger than allowed. Cannot come over the wire."""

Item = SessionMessage | Exception


class StdioTransport:
    """Carries messages to a process and back.

    Enter it once (the SDK's client does); `watch` and the draining of the error output run beside it, see `stdio`.

    Args:
        process: The server's process.
        listing: Hears of lists of tools, and cleans them before the SDK sees them.
        stderr: Gets the error output of the process.
    """

    def __init__(self, process: Process, *, listing: Listing, stderr: StderrRing) -> None:
        """Join process and listing."""
        self.process = process
        self.stderr = stderr
        self.noise: Noise = Noise()
        self._listing = listing
        self._frames = FrameReader(process.stdout, Framer())
        self._pace = Pace(now=anyio.current_time())
        self._requests = Pace(now=anyio.current_time(), what="requests", burst=MOST_REQUESTS, rate=REQUESTS_PER_SECOND)
        self._owed = 0
        self._asking: Callable[[], bool] = _always
        self._waiting: dict[str, RequestId] = {}
        self._broken: str | None = None
        self._down = anyio.Event()

    async def __aenter__(self) -> tuple["_Read", "_Write"]:
        """Return the stream of messages from the server and the one to it."""
        return _Read(self), _Write(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the server's input: it may end by itself."""
        await self.process.stdin.aclose()

    @property
    def broken(self) -> str | None:
        """Why the connection can no longer be used, or ``None`` while it can."""
        return self._broken

    def wait_while(self, asking: Callable[[], bool]) -> None:
        """Learn when something is waited for that has a deadline: until now that is the greeting."""
        self._asking = asking

    def break_off(self, reason: str) -> None:
        """Declare the connection unusable; the first reason counts."""
        if self._broken is None:
            self._broken = reason
        self._down.set()

    async def down(self) -> Ending:
        """Wait until the connection is unusable, then for the last words of the process, and tell both."""
        await self._down.wait()
        return await self.ending()

    async def ending(self) -> Ending:
        """Wait a moment for the exit code and the last words of the process, and tell them."""
        with anyio.move_on_after(LAST_WORDS_SECONDS):
            await self.process.wait()
            await self.stderr.finished()
        code = self.process.returncode
        reason = self._broken or "the connection closed"
        detail = self.process.exit_detail if isinstance(self.process, Explained) else ""
        if detail:
            reason = f"{reason}: {detail.removesuffix('.')}"
        return Ending(reason=reason, exit_code=code, stderr=self.stderr.lines)

    async def watch(self) -> None:
        """Notice the end of the process even when nobody waits for an answer."""
        code = await self.process.wait()
        with anyio.move_on_after(DRAIN_SECONDS):
            await self._down.wait()
        self.break_off(f"the process ended with exit code {code}")
        await self.process.stdout.aclose()

    def sent(self, message: JSONRPCMessage) -> None:
        """Take note of a message that is about to be written."""
        if not isinstance(message, JSONRPCRequest):
            return
        if len(self._waiting) >= MOST_WAITING:  # the oldest was given up long ago
            del self._waiting[next(iter(self._waiting))]
        self._waiting[str(message.id)] = message.id
        self._listing.sent(message.id, message.method)

    def wrote(self, message: JSONRPCMessage) -> None:
        """Take note of a message that was written."""
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._owed = max(0, self._owed - 1)

    async def receive(self) -> SessionMessage:
        """Return the next message of the server.

        Raises:
            anyio.EndOfStream: There will be none; `broken` says why.
        """
        try:
            while True:
                await self._pause()
                message = self._read(await self._frames.receive())
                if message is not None:
                    return SessionMessage(message)
        except anyio.EndOfStream:
            self.break_off("the server closed its output")
            raise
        except PayloadError as error:
            self.break_off(error.message.removesuffix("."))
            self.process.kill()
            raise anyio.EndOfStream from error

    async def _pause(self) -> None:
        """Leave a server that says too much to its pipe for a while, but not what a process said before it ended."""
        seconds = self._pace.ahead(now=anyio.current_time())
        if seconds >= SHORTEST_PAUSE:
            with anyio.move_on_after(seconds):
                await self._down.wait()

    def _read(self, frame: bytes) -> JSONRPCMessage | None:
        """Return the message in ``frame``, or ``None`` when it is none, or one that nobody waits for.

        Raises:
            PayloadError: It is one of too many that nobody waits for, or has so many values that it is not read.
        """
        if crowded(frame):
            return self._unread(frame)
        try:
            message = jsonrpc_message_adapter.validate_json(frame, by_name=False)
        except ValueError:
            self.noise.count(frame)
            return None
        match message:
            case JSONRPCNotification(method=method):
                self._pace.count(frame, now=anyio.current_time(), patient=self._asking())
                self._listing.heard(method)
                return None
            case JSONRPCRequest():
                return self._asked(message, frame)
            case _:
                return self._answer(message, frame)

    def _asked(self, message: JSONRPCRequest, frame: bytes) -> JSONRPCMessage:
        """Return a request of the server. It is not waited with: each one costs an answer, which has to be kept."""
        now = anyio.current_time()
        self._requests.count(frame, now=now)
        self._owed += 1
        if self._owed > MOST_REQUESTS or self._requests.ahead(now=now):
            raise self._requests.flood()
        return message

    def _answer(self, message: JSONRPCResponse | JSONRPCError, frame: bytes) -> JSONRPCMessage | None:
        """Return the answer under the very number that its request was sent with; one to no request is noise."""
        number = self._waiting.pop(str(message.id), None)
        if number is None:
            self.noise.count(frame)
            return message if message.id is None else None
        self.noise.forgive()
        self._pace.forgive()
        self._requests.forgive()
        self._owed = 0
        if isinstance(message, JSONRPCResponse) and len(frame) > LARGEST_RESULT:
            return _too_large(number, f"{len(frame)} bytes are more than the {LARGEST_RESULT} allowed")
        return self._listing.received(message.model_copy(update={"id": number}), size=len(frame))

    def _unread(self, frame: bytes) -> JSONRPCMessage:
        said = f"its {len(frame)} bytes hold more than the {MOST_VALUES} values allowed"
        number = self._waiting.pop(str(number_of(frame)), None)
        if number is None:
            raise PayloadError(
                f"The server wrote a message that is not read: {said}.",
                remedies=("Ask for less at once.", "Report it to the author of the server."),
            )
        return _too_large(number, said)


@asynccontextmanager
async def stdio(process: Process, *, listing: Listing, stderr: StderrRing) -> AsyncGenerator[StdioTransport]:
    """Make a transport over ``process``, with its error output drained and its end watched as long as this is open."""
    async with anyio.create_task_group() as tasks:
        transport = StdioTransport(process, listing=listing, stderr=stderr)
        tasks.start_soon(transport.stderr.drain, process.stderr)
        tasks.start_soon(transport.watch)
        try:
            yield transport
        finally:
            tasks.cancel_scope.cancel()


def _too_large(number: RequestId, said: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=0, message=said, data=TOO_LARGE))


def _always() -> bool:
    return True


class _Read:
    """The reading side, in the shape the SDK wants."""

    def __init__(self, transport: StdioTransport) -> None:
        self._transport = transport

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        try:
            return await self._transport.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def receive(self) -> Item:
        return await self._transport.receive()

    async def aclose(self) -> None:
        await self._transport.process.stdout.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


class _Write:
    """The writing side: one message at a time, and never half of one followed by another."""

    def __init__(self, transport: StdioTransport) -> None:
        self._transport = transport
        self._turn = anyio.Lock(fast_acquire=True)

    async def send(self, item: SessionMessage, /) -> None:
        line = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
        self._transport.sent(item.message)
        async with self._turn:
            if self._transport.broken is not None:
                raise anyio.BrokenResourceError
            await anyio.lowlevel.checkpoint_if_cancelled()
            await self._write(line)
        self._transport.wrote(item.message)

    async def _write(self, line: bytes) -> None:
        try:
            await self._transport.process.stdin.send(line)
        except anyio.get_cancelled_exc_class():
            # The server has not made room: the line may be torn, and a message after it would be lost in it.
            self._transport.break_off("the server stopped reading its input")
            self._transport.process.kill()
            raise
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._transport.break_off("the server closed its input")
            raise

    async def aclose(self) -> None:
        await self._transport.process.stdin.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()
