"""Raw pipes as anyio streams: no worker thread, no buffering, safe to cancel."""

import os
from collections.abc import Callable, Mapping
from typing import IO

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream
from anyio.streams.file import FileStreamAttribute

LARGEST_READ = 65536


class PipeReader(ByteReceiveStream):
    """The reading end of a pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        """Take over ``pipe``; it is closed with this stream."""
        self._pipe = pipe
        os.set_blocking(pipe.fileno(), False)

    @property
    def extra_attributes(self) -> Mapping[object, Callable[[], object]]:
        """Tell the number of the pipe, for those who watch it by themselves; it does not block."""
        return {FileStreamAttribute.fileno: self._pipe.fileno}

    async def receive(self, max_bytes: int = LARGEST_READ) -> bytes:
        """Return what has come, at most ``max_bytes``.

        Raises:
            anyio.EndOfStream: The other side closed.
            anyio.ClosedResourceError: This side was closed.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            if self._pipe.closed:
                raise anyio.ClosedResourceError
            try:
                data = os.read(self._pipe.fileno(), max_bytes)
            except BlockingIOError:
                await anyio.wait_readable(self._pipe)
                waited = True
                continue
            if not data:
                raise anyio.EndOfStream
            if not waited:  # who never falls silent must not keep others from their turn
                await anyio.lowlevel.cancel_shielded_checkpoint()
            return data

    async def aclose(self) -> None:
        """Close the pipe; a waiting reader hears of it."""
        _close(self._pipe)
        await anyio.lowlevel.cancel_shielded_checkpoint()


class PipeWriter(ByteSendStream):
    """The writing end of a pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        """Take over ``pipe``; it is closed with this stream."""
        self._pipe = pipe
        os.set_blocking(pipe.fileno(), False)

    @property
    def extra_attributes(self) -> Mapping[object, Callable[[], object]]:
        """Tell the number of the pipe, for those who watch it by themselves; it does not block."""
        return {FileStreamAttribute.fileno: self._pipe.fileno}

    async def send(self, item: bytes) -> None:
        """Write all of ``item``; other tasks get a turn when the pipe is full.

        Raises:
            anyio.BrokenResourceError: Nobody reads any more.
            anyio.ClosedResourceError: This side was closed.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()
        rest = memoryview(item)
        while rest:
            if self._pipe.closed:
                raise anyio.ClosedResourceError
            try:
                rest = rest[os.write(self._pipe.fileno(), rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._pipe)
            except BrokenPipeError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Close the pipe: the other side reads the end of the stream."""
        _close(self._pipe)
        await anyio.lowlevel.cancel_shielded_checkpoint()


def _close(pipe: IO[bytes]) -> None:
    if not pipe.closed:
        anyio.notify_closing(pipe)
        pipe.close()
