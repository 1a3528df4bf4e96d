"""Pipes: streams without threads, whole under load, and woken when they are closed."""

import os
from collections.abc import Generator

import anyio
import pytest

from vsm_mcp.world.pipes import PipeReader, PipeWriter

pytestmark = pytest.mark.anyio

Ends = tuple[PipeReader, PipeWriter]


@pytest.fixture
def ends() -> Generator[Ends]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as source, os.fdopen(writing, "wb", buffering=0) as sink:
        yield PipeReader(source), PipeWriter(sink)


async def test_bytes_come_through_in_pieces_of_the_asked_size(ends: Ends) -> None:
    reader, writer = ends
    with anyio.fail_after(5):
        await writer.send(b"hello")
        assert await reader.receive(2) == b"he"
        assert await reader.receive() == b"llo"


async def test_more_than_a_pipe_holds_comes_through_whole(ends: Ends) -> None:
    reader, writer = ends
    data = os.urandom(1_000_000)
    received = bytearray()

    async def send() -> None:
        await writer.send(data)
        await writer.aclose()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            async for chunk in reader:
                received += chunk
    assert received == data


async def test_the_end_of_the_other_side_is_heard(ends: Ends) -> None:
    reader, writer = ends
    with anyio.fail_after(5):
        await writer.aclose()
        await writer.aclose()
        with pytest.raises(anyio.EndOfStream):
            await reader.receive()
        with pytest.raises(anyio.ClosedResourceError):
            await writer.send(b"x")


async def test_writing_to_nobody_is_an_error(ends: Ends) -> None:
    reader, writer = ends
    with anyio.fail_after(5):
        await reader.aclose()
        with pytest.raises(anyio.BrokenResourceError):
            await writer.send(b"x")
        with pytest.raises(anyio.ClosedResourceError):
            await reader.receive()


async def test_a_writer_that_waits_hears_that_nobody_reads_any_more(ends: Ends) -> None:
    reader, writer = ends

    async def send() -> None:
        with pytest.raises(anyio.BrokenResourceError):
            await writer.send(bytes(1_000_000))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            await reader.aclose()


async def test_whoever_waits_is_woken_when_his_own_side_is_closed(ends: Ends) -> None:
    reader, writer = ends

    async def receive() -> None:
        with pytest.raises(anyio.ClosedResourceError):
            await reader.receive()

    async def send() -> None:
        with pytest.raises(anyio.ClosedResourceError):
            await writer.send(bytes(1_000_000))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            await reader.aclose()
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0), anyio.fail_after(5):
        writer = PipeWriter(os.fdopen(writing, "wb", buffering=0))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            await writer.aclose()


async def test_a_wait_can_be_cancelled_and_nothing_is_lost(ends: Ends) -> None:
    reader, writer = ends
    with anyio.fail_after(5):
        with anyio.move_on_after(0.01) as scope:
            await reader.receive()
        assert scope.cancelled_caught
        await writer.send(b"kept")
        with anyio.CancelScope() as cancelled:
            cancelled.cancel()
            await reader.receive()
        assert await reader.receive() == b"kept"
