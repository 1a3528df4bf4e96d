"""Bytes to a server and back, all requests of one turn of the event loop in one write."""

import os
from collections.abc import Callable, Generator
from typing import Protocol, runtime_checkable

import anyio
import anyio.lowlevel
from anyio import TypedAttributeProvider
from anyio.abc import ByteReceiveStream, ByteSendStream
from anyio.streams.file import FileStreamAttribute

from vsm_mcp.servers.links.lean.outcomes import Late, Outcome

LARGEST_READ = 65536
LARGEST_WRITE = 16384
MOST_LAST_READS = 64
LAST_READ_SECONDS = 0.25


class Peer(Protocol):
    """Hears what comes over a wire. None of its methods may block or raise."""

    def heard(self, chunk: bytes, /) -> float:
        """Take in what was read; return how many seconds to leave the rest unread."""
        ...

    def over(self) -> None:
        """Learn that nothing more will come."""
        ...

    def refused(self) -> None:
        """Learn that nothing more can be sent."""
        ...

    def drained(self) -> None:
        """Learn that everything was written."""
        ...


class Waiter(Protocol):
    """Where one outcome is waited for; a future of the event loop is one."""

    def done(self) -> bool:
        """Tell whether there is an outcome, or nobody waits for it any more."""
        ...

    def set_result(self, result: Outcome, /) -> None:
        """Give the outcome."""
        ...

    def __await__(self) -> Generator[object, None, Outcome]:
        """Wait for the outcome."""
        ...


class Wire(Protocol):
    """Carries bytes between a peer and a server.

    Attributes:
        queued: Bytes given to it since the beginning.
        written: Bytes of them that the server's side has taken.
        moved: When the last of them were taken, in seconds.
    """

    queued: int
    written: int
    moved: float

    def now(self) -> float:
        """Return the time, in seconds."""
        ...

    def waiter(self) -> Waiter:
        """Return a fresh place to wait for an outcome."""
        ...

    def send(self, line: bytes, /) -> int:
        """Write ``line`` soon; return what `written` will be when it is."""
        ...

    def resume(self) -> None:
        """Read on at once, whatever pause was asked for."""
        ...

    def stop(self) -> None:
        """Touch the streams no more."""
        ...

    async def run(self) -> None:
        """Carry until cancelled."""
        ...


@runtime_checkable
class Loop(Protocol):
    """An event loop that watches file descriptors and calls back: asyncio's own, or one in its place."""

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> object:
        """Call back whenever ``fd`` can be read."""
        ...

    def remove_reader(self, fd: int, /) -> object:
        """Stop that."""
        ...

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> object:
        """Call back whenever ``fd`` can be written."""
        ...

    def remove_writer(self, fd: int, /) -> object:
        """Stop that."""
        ...

    def call_soon(self, callback: Callable[[], None], /) -> object:
        """Call back after what is ready now."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        """Call back after ``delay`` seconds."""
        ...

    def create_future(self) -> Waiter:
        """Return a fresh future."""
        ...

    def time(self) -> float:
        """Return the time, in seconds."""
        ...


def wire(peer: Peer, source: ByteReceiveStream, sink: ByteSendStream) -> Wire:
    """Return the quickest wire that is possible here: both streams are pipes and the event loop can watch them, or not.

    Must be called in the event loop.
    """
    loop = anyio.lowlevel.current_token().native_token
    reading, writing = _number(source), _number(sink)
    if isinstance(loop, Loop) and reading is not None and writing is not None:
        return LoopWire(peer, loop, reading=reading, writing=writing)
    return StreamWire(peer, source, sink)


class LoopWire:
    """Reads and writes two pipes in callbacks of the event loop: no task is woken for a message.

    Args:
        peer: Hears what comes.
        loop: Watches the pipes.
        reading: File descriptor to read; it does not block.
        writing: File descriptor to write, likewise.
    """

    def __init__(self, peer: Peer, loop: Loop, *, reading: int, writing: int) -> None:
        """Join both; nothing is watched before `run`."""
        self.queued: int = 0
        self.written: int = 0
        self.moved: float = loop.time()
        self.now: Callable[[], float] = loop.time
        self.waiter: Callable[[], Waiter] = loop.create_future
        self._peer = peer
        self._loop = loop
        self._reading = reading
        self._writing = writing
        self._lines: list[bytes] = []
        self._rest = memoryview(b"")
        self._due = False
        self._paused = False
        self._open = False

    def send(self, line: bytes, /) -> int:
        """Write ``line`` at the end of this turn of the loop, together with all others of the turn."""
        self._lines.append(line)
        self.queued += len(line)
        if not self._due:
            self._due = True
            self._loop.call_soon(self._flush)
        return self.queued

    def resume(self) -> None:
        """Read on at once."""
        if self._paused and self._open:
            self._paused = False
            self._loop.add_reader(self._reading, self._readable)

    def stop(self) -> None:
        """Watch the pipes no more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._reading)
            self._loop.remove_writer(self._writing)

    async def run(self) -> None:
        """Watch the pipes until cancelled."""
        self._open = True
        self._loop.add_reader(self._reading, self._readable)
        try:
            await anyio.sleep_forever()
        finally:
            self.stop()

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        """Read once; tell whether there may be more."""
        try:
            chunk = os.read(self._reading, LARGEST_READ)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self.stop()
            self._peer.over()
            return False
        seconds = self._peer.heard(chunk)
        if seconds and self._open:
            self._paused = True
            self._loop.remove_reader(self._reading)
            self._loop.call_later(seconds, self.resume)
        return True

    def _flush(self) -> None:
        """Write what fits; the loop calls again when there is room for more."""
        self._due = False
        if not self._open:
            return
        if not self._rest:
            self._rest = memoryview(b"".join(self._lines))
            self._lines.clear()
        try:
            count = os.write(self._writing, self._rest)
        except BlockingIOError:
            count = 0
        except OSError:
            self._refused()
            return
        if count:
            self.written += count
            self.moved = self._loop.time()
        self._rest = self._rest[count:]
        self._go_on()

    def _go_on(self) -> None:
        if self._rest or self._lines:
            if not self._due:
                self._due = True
                self._loop.add_writer(self._writing, self._flush_on)
        else:
            self._peer.drained()

    def _flush_on(self) -> None:
        self._loop.remove_writer(self._writing)
        self._flush()

    def _refused(self) -> None:
        """Nobody reads any more: what was answered before that is still of use."""
        for _ in range(MOST_LAST_READS):
            if not self._open or not self._read():
                break
        self._peer.refused()


class StreamWire:
    """Reads and writes any two streams, under any event loop.

    Args:
        peer: Hears what comes.
        source: What to read.
        sink: What to write.
    """

    def __init__(self, peer: Peer, source: ByteReceiveStream, sink: ByteSendStream) -> None:
        """Join both; nothing is read before `run`."""
        self.queued: int = 0
        self.written: int = 0
        self.moved: float = anyio.current_time()
        self.now: Callable[[], float] = anyio.current_time
        self.waiter: Callable[[], Waiter] = _Slot
        self._peer = peer
        self._source = source
        self._sink = sink
        self._lines: list[bytes] = []
        self._due = anyio.Event()
        self._resumed = anyio.Event()
        self._over = anyio.Event()
        self._life = anyio.CancelScope()

    def send(self, line: bytes, /) -> int:
        """Write ``line`` as soon as the writing task has its turn, together with all that came until then."""
        self._lines.append(line)
        self.queued += len(line)
        self._due.set()
        return self.queued

    def resume(self) -> None:
        """Read on at once."""
        self._resumed.set()

    def stop(self) -> None:
        """Read and write no more."""
        self._life.cancel()

    async def run(self) -> None:
        """Carry until cancelled or stopped."""
        with self._life:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read)
                tasks.start_soon(self._write)

    async def _read(self) -> None:
        try:
            while True:
                seconds = self._peer.heard(await self._source.receive())
                if seconds:
                    with anyio.move_on_after(seconds):
                        await self._resumed.wait()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._over.set()
            self._peer.over()

    async def _write(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due = anyio.Event()
                data = memoryview(b"".join(self._lines))
                self._lines.clear()
                for start in range(0, len(data), LARGEST_WRITE):
                    piece = bytes(data[start : start + LARGEST_WRITE])
                    await self._sink.send(piece)
                    self.written += len(piece)
                    self.moved = anyio.current_time()
                if not self._lines:
                    self._peer.drained()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            with anyio.move_on_after(LAST_READ_SECONDS):  # what was answered before that is still of use
                await self._over.wait()
            self._peer.refused()


def _number(stream: TypedAttributeProvider) -> int | None:
    """Return the file descriptor behind ``stream``, or ``None`` when it says nothing of one."""
    return stream.extra(FileStreamAttribute.fileno, None)  # noqa: S610 - not what the rule looks for


class _Slot:
    """Holds one outcome for the task that waits for it."""

    __slots__ = ("_event", "_result")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._result: Outcome = Late()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: Outcome, /) -> None:
        self._result = result
        self._event.set()

    def __await__(self) -> Generator[object, None, Outcome]:
        yield from self._event.wait().__await__()
        return self._result
