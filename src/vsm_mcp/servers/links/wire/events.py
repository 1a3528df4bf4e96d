"""What HTTP answers are made of: whole bodies and streams of events, bounded, and what became of those that failed."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

import anyio
import httpcore2
import httpx2

from vsm_mcp.errors import printable
from vsm_mcp.model.json import JsonValue
from vsm_mcp.servers.links.wire.framing import MOST_VALUES, crowded, number_of
from vsm_mcp.servers.links.wire.wire import Bounds

_MOST_FATES = 1000
_SEARCHED = 500
_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
FAILURES = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)


class Fate(StrEnum):
    """What became of a request that got no answer."""

    UNREACHED = "unreached"
    """It did not arrive, or its answer did not; others may."""
    GONE = "gone"
    """The server does not know the session any more: nothing will arrive."""
    NOT_LET_IN = "not let in"
    """The server wants to know who asks, and does not know this host."""
    TOO_LARGE = "too large"
    """Its answer was larger than allowed."""


class Failed(NamedTuple):
    """How a request failed, and why in words."""

    fate: Fate
    why: str


class Fates:
    """Remembers, by the number of a request, how it failed.

    Attributes:
        older: Whether the server refused a message in a way in which servers do that know only the older streams.
        not_let_in: Why the server did not let this host in; empty when it did.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.older: bool = False
        self.not_let_in: str = ""
        self._failed: dict[str, Failed] = {}

    def note(self, number: object, failed: Failed) -> None:
        """Remember how a request failed."""
        if number is None:
            return
        if len(self._failed) >= _MOST_FATES:
            del self._failed[next(iter(self._failed))]
        self._failed[str(number)] = failed

    def take(self, number: object) -> Failed | None:
        """Return how a request failed and forget it; ``None`` when it got its answer."""
        return self._failed.pop(str(number), None)


class Body(httpx2.AsyncByteStream):
    """The body of an answer; it is closed wherever its reading ends."""

    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    @staticmethod
    def of(response: httpx2.Response) -> "Body":
        """Return the body of an answer that this was made for.

        Raises:
            TypeError: It was made for another.
        """
        stream = response.stream
        if not isinstance(stream, Body):
            raise TypeError(f"{type(stream).__name__} is not a body of ours.")
        return stream

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        """Close the connection."""
        await self._answer.aclose()

    async def read(self, most: int) -> bytes | None:
        """Return everything, or ``None`` when that is more than ``most`` bytes."""
        data = bytearray()
        chunks = aiter(self)
        try:
            async for chunk in chunks:
                data += chunk
                if len(data) > most:
                    return None
            return bytes(data)
        finally:
            await self._answer.aclose()
            await _exhaust(chunks)


class Events(httpx2.AsyncByteStream):
    """A stream of events, passed on one whole event at a time and never more than allowed.

    Args:
        body: Where they come from.
        fates: Hears of answers that were too large.
        number: Which request they answer; ``None`` when they answer many.
        bounds: How large an event may be.
    """

    def __init__(self, body: Body, fates: Fates, *, number: object, bounds: Bounds) -> None:
        """Start with nothing read."""
        self._body = body
        self._fates = fates
        self._number = number
        self._bounds = bounds
        self._skipped = 0

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """Yield whole events; an answer that is too large is replaced by an error, or ends the stream."""
        waiting = bytearray()
        chunks = aiter(self._body)
        try:
            async for chunk in chunks:
                seen = max(0, len(waiting) - 3)
                waiting += chunk
                for event in _cut(waiting, seen):
                    if passed := self._passed(event):
                        yield passed
                if why := self._flaw(waiting):
                    yield self._instead(bytes(waiting[:_SEARCHED]), why)
                    self._skip(waiting)
        except (*FAILURES, _EndlessError):
            return  # the stream ends without an answer, and whoever reads it says so
        finally:
            with anyio.CancelScope(shield=True):
                await self._body.aclose()
                await _exhaust(chunks)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._body.aclose()

    def _passed(self, event: bytes) -> bytes:
        if self._skipped:
            self._skipped = 0
            return b""
        why = self._flaw(event) or (f"more than {MOST_VALUES} values" if crowded(event) else "")
        return self._instead(event, why) if why else event

    def _flaw(self, event: bytes | bytearray) -> str:
        most = self._bounds.response
        return f"more than {most} bytes" if len(event) > most and not self._skipped else ""

    def _skip(self, waiting: bytearray) -> None:
        """Drop what was read of an event that is too large, but for where its end may begin."""
        self._skipped += len(waiting)
        if self._skipped > self._bounds.frame:
            raise _EndlessError
        del waiting[:-3]

    def _instead(self, event: bytes, why: str) -> bytes:
        """Return the event that stands for an answer that is too large.

        Raises:
            _EndlessError: Whose answer it is cannot be told.
        """
        number = self._number if self._number is not None else number_of(data_of(event + b"\n") or event)
        if number is None:
            raise _EndlessError
        failed = too_large(why)
        self._fates.note(number, failed)
        return b"event: message\ndata: " + error_of(number, failed) + b"\n\n"


class _EndlessError(Exception):
    """A stream that is not read any further."""


def data_of(event: bytes) -> bytes:
    """Return the data of an event: its lines that say so, joined."""
    lines = (line for line in _LINE_END.split(event) if line.startswith(b"data:"))
    return b"\n".join(line.removeprefix(b"data:").removeprefix(b" ") for line in lines)


def is_answer(data: bytes) -> bool:
    """Tell whether a message answers a request, rather than asking for something or announcing it."""
    try:
        said: JsonValue = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, Mapping) and "method" not in said and ("result" in said or "error" in said)


def resumable(event: bytes) -> bytes:
    """Return what an event says about resuming its stream: its number, and when to come again."""
    lines = [line for line in _LINE_END.split(event) if line.startswith((b"id:", b"retry:"))]
    return b"".join(line + b"\n" for line in lines) if any(line.startswith(b"id:") for line in lines) else b""


def _cut(waiting: bytearray, seen: int) -> list[bytes]:
    """Take the whole events out of ``waiting``, of which ``seen`` bytes were searched before."""
    events: list[bytes] = []
    start = 0
    for end in _EVENT_END.finditer(waiting, seen):
        events.append(bytes(waiting[start : end.end()]))
        start = end.end()
    del waiting[:start]
    return events


async def _exhaust(chunks: AsyncIterator[bytes]) -> None:
    """Run an iterator of a closed body into its end: abandoned ones warn under trio."""
    with suppress(*FAILURES, RuntimeError):
        async for _ in chunks:
            pass


def too_large(why: str) -> Failed:
    """Return how a request failed whose answer is too large."""
    return Failed(Fate.TOO_LARGE, f"{why} are more than allowed")


def error_of(number: object, failed: Failed) -> bytes:
    """Return the message that stands for the answer to a request that failed."""
    error = {"code": -32000, "message": printable(failed.why)}
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()
