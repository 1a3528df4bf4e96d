"""Bytes to lines, in linear time and bounded memory; what is not a message is counted and skipped."""

from collections import deque

import anyio
from anyio.abc import ByteReceiveStream

from vsm_mcp.errors import PayloadError

LARGEST_FRAME = 16 * 2**20
MOST_NOISE_LINES = 1000
MOST_NOISE_BYTES = 4 * 2**20


class Framer:
    """Cuts a stream of bytes into lines, each byte touched a constant number of times.

    Args:
        largest: The most bytes a line may have.
    """

    def __init__(self, *, largest: int = LARGEST_FRAME) -> None:
        """Start with nothing."""
        self._largest = largest
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def waiting(self) -> int:
        """Bytes of the line that is not complete yet."""
        return self._size

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take in ``chunk`` and return the lines it completes, without their ends and without empty ones.

        Raises:
            PayloadError: A line is longer than the bound. There is no way to find the next one reliably: give up.
        """
        *complete, rest = chunk.split(b"\n")
        frames: list[bytes] = []
        for piece in complete:
            self._keep(piece)
            frame = b"".join(self._parts).strip()
            self._parts.clear()
            self._size = 0
            if frame:
                frames.append(frame)
        if rest:
            self._keep(rest)
        return frames

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._largest:
            self._parts.clear()
            raise PayloadError(
                f"The server wrote a line of more than {self._largest} bytes.",
                remedies=("Ask for less at once.", "Report it to the author of the server."),
            )
        self._parts.append(piece)


class Noise:
    """Counts what a server writes between answers: a little is forgiven, a flood is not.

    Args:
        most_lines: Lines without one answer among them.
        most_bytes: Bytes without one answer among them.

    Attributes:
        total: Lines skipped since the beginning.
    """

    def __init__(self, *, most_lines: int = MOST_NOISE_LINES, most_bytes: int = MOST_NOISE_BYTES) -> None:
        """Start at nothing."""
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._lines = 0
        self._bytes = 0
        self.total: int = 0

    def forgive(self) -> None:
        """Begin anew: an answer came."""
        self._lines = 0
        self._bytes = 0

    def count(self, frame: bytes) -> None:
        """Count one line that is of no use.

        Raises:
            PayloadError: There were too many without an answer.
        """
        self.total += 1
        self._lines += 1
        self._bytes += len(frame)
        if self._lines > self._most_lines or self._bytes > self._most_bytes:
            raise PayloadError(
                f"The server wrote {self._lines} lines ({self._bytes} bytes) that answer nothing.",
                remedies=("Its standard output must carry the protocol only; messages belong on standard error.",),
            )


class FrameReader:
    """Reads lines from a stream.

    Args:
        stream: Where the bytes come from.
        framer: Cuts them.
    """

    def __init__(self, stream: ByteReceiveStream, framer: Framer) -> None:
        """Join stream and framer."""
        self._stream = stream
        self._framer = framer
        self._ready: deque[bytes] = deque()

    async def receive(self) -> bytes:
        """Return the next line. An unfinished last line is dropped.

        Raises:
            anyio.EndOfStream: The stream ended, broke or was closed.
            PayloadError: A line is longer than the bound.
        """
        while not self._ready:
            try:
                chunk = await self._stream.receive()
            except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
                raise anyio.EndOfStream from error
            self._ready.extend(self._framer.feed(chunk))
        return self._ready.popleft()
