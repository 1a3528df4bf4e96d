"""Bytes over pipes: one write per turn of the loop, all of them in the end, and ends that are noticed."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
from anyio.abc import ByteReceiveStream, ByteSendStream

from vsm_mcp.servers.links.lean.outcomes import Gone, Late
from vsm_mcp.servers.links.lean.wire import LoopWire, StreamWire, Wire, wire
from vsm_mcp.world.pipes import PipeReader, PipeWriter


@dataclass(slots=True)
class Ear:
    """Notes what it hears."""

    chunks: list[bytes] = field(default_factory=list[bytes])
    said: list[str] = field(default_factory=list[str])
    pause: float = 0.0
    changed: anyio.Event = field(default_factory=anyio.Event)

    def heard(self, chunk: bytes, /) -> float:
        self.chunks.append(chunk)
        self._change()
        return self.pause

    def over(self) -> None:
        self._note("over")

    def refused(self) -> None:
        self._note("refused")

    def drained(self) -> None:
        self._note("drained")

    def _note(self, what: str) -> None:
        self.said.append(what)
        self._change()

    def _change(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, true: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not true():
                await self.changed.wait()


class Unnumbered(ByteReceiveStream):
    """A stream that says nothing of file descriptors."""

    def __init__(self, inner: ByteReceiveStream) -> None:
        self.inner = inner

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self.inner.receive(max_bytes)

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """A wire, and the other side of it."""

    wire: Wire
    ear: Ear
    theirs_to_read: int
    theirs_to_write: int


@asynccontextmanager
async def opened(*, numbered: bool = True) -> AsyncGenerator[Ends]:
    reading, theirs_to_write = os.pipe()
    theirs_to_read, writing = os.pipe()
    source: ByteReceiveStream = PipeReader(os.fdopen(reading, "rb", buffering=0))
    sink: ByteSendStream = PipeWriter(os.fdopen(writing, "wb", buffering=0))
    ear = Ear()
    line = wire(ear, source if numbered else Unnumbered(source), sink)
    ends = Ends(wire=line, ear=ear, theirs_to_read=theirs_to_read, theirs_to_write=theirs_to_write)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.run)
            await anyio.wait_all_tasks_blocked()
            yield ends
            line.stop()
            tasks.cancel_scope.cancel()
    finally:
        await source.aclose()
        await sink.aclose()
        for number in (theirs_to_read, theirs_to_write):
            try:
                os.close(number)
            except OSError:
                assert number in {theirs_to_read, theirs_to_write}, "a test closed it already"


@pytest.mark.anyio
async def test_an_event_loop_that_watches_descriptors_is_used_directly(anyio_backend_name: str) -> None:
    async with opened() as ends:
        assert isinstance(ends.wire, LoopWire if anyio_backend_name == "asyncio" else StreamWire)
    async with opened(numbered=False) as ends:
        assert isinstance(ends.wire, StreamWire)


@pytest.mark.anyio
@pytest.mark.parametrize("numbered", [True, False])
async def test_all_that_is_sent_in_one_turn_is_one_write(*, numbered: bool) -> None:
    async with opened(numbered=numbered) as ends:
        assert [ends.wire.send(b"%d\n" % number) for number in range(3)] == [2, 4, 6]
        await ends.ear.until(lambda: "drained" in ends.ear.said)
        assert os.read(ends.theirs_to_read, 100) == b"0\n1\n2\n"
        assert ends.ear.said == ["drained"]
        assert (ends.wire.queued, ends.wire.written) == (6, 6)


@pytest.mark.anyio
@pytest.mark.parametrize("numbered", [True, False])
async def test_what_does_not_fit_waits_for_room_and_stays_whole(*, numbered: bool) -> None:
    lines = [bytes([65 + number]) * 100_000 + b"\n" for number in range(5)]
    async with opened(numbered=numbered) as ends:
        os.set_blocking(ends.theirs_to_read, False)
        got = bytearray()
        ends.wire.send(lines[0])
        await anyio.wait_all_tasks_blocked()
        for line in lines[1:]:
            ends.wire.send(line)
        with anyio.fail_after(10):
            while len(got) < sum(map(len, lines)):
                await anyio.wait_readable(ends.theirs_to_read)
                got += os.read(ends.theirs_to_read, 65536)
        assert bytes(got) == b"".join(lines)
        await ends.ear.until(lambda: "drained" in ends.ear.said)


@pytest.mark.anyio
@pytest.mark.parametrize("numbered", [True, False])
async def test_both_ends_are_noticed(*, numbered: bool) -> None:
    async with opened(numbered=numbered) as ends:
        os.write(ends.theirs_to_write, b"last words\n")
        os.close(ends.theirs_to_write)
        await ends.ear.until(lambda: "over" in ends.ear.said)
        assert b"".join(ends.ear.chunks) == b"last words\n"
    async with opened(numbered=numbered) as ends:
        os.write(ends.theirs_to_write, b"last words\n")
        os.close(ends.theirs_to_read)
        ends.wire.send(b"to nobody\n")
        await ends.ear.until(lambda: "refused" in ends.ear.said)
        assert ends.ear.chunks == [b"last words\n"], "what was said before that is still of use"


@pytest.mark.anyio
@pytest.mark.parametrize("numbered", [True, False])
async def test_a_pause_leaves_the_rest_unread_until_it_ends_or_is_ended(*, numbered: bool) -> None:
    async with opened(numbered=numbered) as ends:
        ends.ear.pause = 0.05
        os.write(ends.theirs_to_write, b"1\n")
        await ends.ear.until(lambda: len(ends.ear.chunks) == 1)
        os.write(ends.theirs_to_write, b"2\n")
        ends.ear.pause = 3600
        await ends.ear.until(lambda: len(ends.ear.chunks) == 2)
        os.write(ends.theirs_to_write, b"3\n")
        await anyio.wait_all_tasks_blocked()
        assert len(ends.ear.chunks) == 2
        ends.wire.resume()
        await ends.ear.until(lambda: len(ends.ear.chunks) == 3)


@pytest.mark.anyio
@pytest.mark.parametrize("numbered", [True, False])
async def test_a_stopped_wire_touches_nothing_any_more(*, numbered: bool) -> None:
    async with opened(numbered=numbered) as ends:
        ends.wire.stop()
        ends.wire.send(b"to nobody\n")
        os.write(ends.theirs_to_write, b"from nobody\n")
        await anyio.wait_all_tasks_blocked()
        ends.wire.resume()
        assert (ends.ear.chunks, ends.ear.said, ends.wire.written) == ([], [], 0)


@pytest.mark.anyio
async def test_an_outcome_is_waited_for() -> None:
    async with opened() as ends, anyio.create_task_group() as tasks:
        waiter = ends.wire.waiter()
        assert not waiter.done()

        async def give() -> None:
            waiter.set_result(Gone())

        tasks.start_soon(give)
        assert isinstance(await waiter, Gone)
        assert waiter.done()
        assert not isinstance(await waiter, Late)
