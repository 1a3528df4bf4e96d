"""Bytes to lines, in linear time and bounded memory; what nobody asked for is counted, and refused as a flood."""

import re
from collections import deque

import anyio
from anyio.abc import ByteReceiveStream

from vsm_mcp.errors import PayloadError

LARGEST_FRAME = 16 * 2**20
MOST_NOISE_LINES = 1000
MOST_NOISE_BYTES = 4 * 2**20
MOST_VALUES = 200_000
"""A message of so many values takes a few tenths of a second to read; ten megabytes can hold millions."""

MOST_REQUESTS = 300
REQUESTS_PER_SECOND = 100
MOST_NOTICES = 10_000
NOTICES_PER_SECOND = 1_000
MOST_NOTICE_BYTES = 8 * 2**20
NOTICE_BYTES_PER_SECOND = 2 * 2**20
LONGEST_FLOOD = 3.0
"""Seconds that notices may stay ahead of their pace while nothing was asked; a call that is waited for has its end."""

_SEARCHED = 500
_NUMBER = rb'"id"\s*:\s*"?(\d{1,15})"?\s*'
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_NUMBER_FIRST = re.compile(rb"\{\s*(?:" + _VERSION + rb",\s*)?" + _NUMBER + rb",")
_NUMBER_LAST = re.compile(rb",\s*" + _NUMBER + rb"(?:,\s*" + _VERSION + rb")?\}$")


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


def crowded(frame: bytes, *, most: int = MOST_VALUES) -> bool:
    """Tell whether a message has more than ``most`` values, without reading it: what is inside of texts is not counted.

    A few passes over its bytes, and none over those of a message that is too short for so many.
    """
    if len(frame) <= most or _marks(frame) <= most:
        return False
    bare = frame.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > 4 * most:  # each value may have a name
        return True
    return _marks(b"".join(bare.split(b'"')[::2])) > most


def number_of(frame: bytes) -> int | None:
    """Return which request a message that is not read answers; ``None`` when that is not at its beginning or end."""
    found = _NUMBER_FIRST.match(frame[:_SEARCHED]) or _NUMBER_LAST.search(frame[-_SEARCHED:])
    return None if found is None else int(found[1])


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


class Pace:
    """Tells how long to wait with a server that says more than it was asked: a burst with each answer, then a rate.

    Args:
        now: The time when this begins, in seconds.
        what: What is counted.
        burst: Messages at once.
        rate: Messages per second in the long run.
    """

    def __init__(
        self, *, now: float, what: str = "notifications", burst: int = MOST_NOTICES, rate: int = NOTICES_PER_SECOND
    ) -> None:
        """Start with the whole burst left."""
        self._what = what
        self._seen = now
        self._burst = self._left = float(burst)
        self._rate = rate
        self._bytes_left = float(MOST_NOTICE_BYTES)
        self._since: float | None = None

    def forgive(self) -> None:
        """Allow the whole burst again: an answer came."""
        self._left, self._bytes_left = self._burst, float(MOST_NOTICE_BYTES)
        self._since = None

    def ahead(self, *, now: float) -> float:
        """Return how many seconds the messages counted so far are ahead of their pace."""
        return max(0.0, self._seen - now - self._left / self._rate)

    def count(self, frame: bytes, *, now: float, patient: bool = False) -> None:
        """Count one message.

        Args:
            frame: The message.
            now: The time, in seconds.
            patient: Whether something ends that also ends a flood, such as the deadline of a call.

        Raises:
            PayloadError: They are too large, or stay ahead of their pace for too long.
        """
        passed, self._seen = now - self._seen, now
        earned = self._left + passed * self._rate
        if patient or earned >= self._rate:  # a second of rest ends a flood
            self._since = None
        self._left = min(self._burst, earned) - 1
        if self._left < 0 and self._since is None:
            self._since = now
        earned_bytes = self._bytes_left + passed * NOTICE_BYTES_PER_SECOND
        self._bytes_left = min(float(MOST_NOTICE_BYTES), earned_bytes) - len(frame)
        if self._bytes_left < 0 or (self._since is not None and now - self._since > LONGEST_FLOOD):
            raise self.flood()

    def flood(self) -> PayloadError:
        """Return the error that ends a flood."""
        return PayloadError(
            f"The server floods its connection with {self._what}: more than {self._rate} in a second, "
            f"or {NOTICE_BYTES_PER_SECOND} bytes of them.",
            remedies=("Use another server.", "Report it to the author of the server."),
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


def _marks(text: bytes) -> int:
    """Count what comes before each value but the first: a comma, or what opens a list or an object."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")
