"""What goes over one connection: each message sorted, counted and bounded before the SDK sees it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import anyio
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
from vsm_mcp.servers.links.link import Ending
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.patience import PutOff, Rests
from vsm_mcp.servers.links.wire.framing import (
    MOST_REQUESTS,
    MOST_VALUES,
    REQUESTS_PER_SECOND,
    Noise,
    Pace,
    crowded,
    number_of,
)
from vsm_mcp.servers.links.wire.wire import Bounds

MOST_WAITING = 10_000
SHORTEST_PAUSE = 0.1
TOO_LARGE = object()
"""Marks, as the ``data`` of an error, an answer that was larger than allowed. Cannot come over the wire."""

UNREACHED = object()
"""Marks likewise a request that did not arrive, or whose answer did not: only this one failed."""

NOT_LET_IN = object()
"""Marks likewise a request of somebody whom the server does not know."""

UNREADABLE = object()
"""Marks likewise an answer that is no message: broken, or deeper than anything is read."""

Heard = Callable[[float, float | None, str], None]


class Carrier(Protocol):
    """What carries the messages of a session, and knows why it ended."""

    traffic: "Traffic"

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines that the server wrote beside its messages."""
        ...

    async def ending(self) -> Ending:
        """Wait a moment for the last words of the server, and tell why the connection ended."""
        ...


class Traffic:
    """Sorts the messages of one connection.

    Args:
        listing: Hears of lists of tools, and cleans them before the SDK sees them.
        bounds: How large messages may be.

    Attributes:
        asking: What ends the waits for answers, the greeting among them, each at its deadline, and what hears for how
            long it rested.
    """

    def __init__(self, *, listing: Listing, bounds: Bounds) -> None:
        """Start with nothing said."""
        self.noise: Noise = Noise()
        self._listing = listing
        self._bounds = bounds
        self._pace = Pace(now=anyio.current_time())
        self._requests = Pace(now=anyio.current_time(), what="requests", burst=MOST_REQUESTS, rate=REQUESTS_PER_SECOND)
        self._owed = 0
        self.asking: dict[anyio.CancelScope, PutOff] = {}
        self._rests = Rests(self.asking)
        self._waiting: dict[str, RequestId] = {}
        self._progress: dict[str, Heard] = {}
        self._broken: str | None = None
        self._down = anyio.Event()
        self._when_broken: Callable[[], None] = _nothing

    @property
    def broken(self) -> str | None:
        """Why the connection can no longer be used, or ``None`` while it can."""
        return self._broken

    @property
    def rested(self) -> float:
        """For how many seconds somebody else than the server was waited for."""
        return self._rests.rested

    def unhurried(self) -> AbstractContextManager[None]:
        """Return what somebody else than the server is waited for in: no deadline ends meanwhile."""
        return self._rests.rest()

    def follow(self, token: str, heard: Heard) -> None:
        """Tell ``heard`` of the progress that the server reports under ``token``."""
        self._progress[token] = heard

    def forget(self, token: str) -> None:
        """Tell nobody of it any more."""
        self._progress.pop(token, None)

    def break_off(self, reason: str) -> None:
        """Declare the connection unusable; the first reason counts."""
        if self._broken is None:
            self._broken = reason
        self._down.set()
        self._when_broken()

    def whenever_broken(self, act: Callable[[], None]) -> None:
        """Do ``act`` as soon as the connection is declared unusable: at once when it is already."""
        self._when_broken = act
        if self._broken is not None:
            act()

    async def down(self) -> None:
        """Wait until the connection is unusable."""
        await self._down.wait()

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

    async def pause(self) -> None:
        """Leave a server that says too much to its pipe for a while, but not what a process said before it ended."""
        seconds = self._pace.ahead(now=anyio.current_time())
        if seconds >= SHORTEST_PAUSE:
            with anyio.move_on_after(seconds):
                await self._down.wait()

    def read(self, frame: bytes) -> JSONRPCMessage | None:
        """Return the message in ``frame``, or ``None`` when it is none, or one that nobody waits for.

        Raises:
            PayloadError: It is one of too many that nobody waits for, or has so many values that it is not read.
        """
        if (
            len(frame) > self._bounds.response
            and (number := self._waiting.pop(str(number_of(frame)), None)) is not None
        ):
            return too_large(number, f"{len(frame)} bytes are more than the {self._bounds.response} allowed")
        if crowded(frame):
            return self._unread(frame)
        try:
            message = jsonrpc_message_adapter.validate_json(frame, by_name=False)
        except ValueError:
            self.noise.count(frame)
            number = self._waiting.pop(str(number_of(frame)), None)
            return None if number is None else _unreadable(number)
        return self.sorted(message, frame)

    def sorted(self, message: JSONRPCMessage, frame: bytes) -> JSONRPCMessage | None:
        """Return ``message``, or ``None`` when nobody waits for it.

        Raises:
            PayloadError: It is one of too many that nobody waits for.
        """
        match message:
            case JSONRPCNotification():
                self._pace.count(frame, now=anyio.current_time(), patient=bool(self.asking))
                self._notice(message)
                return None
            case JSONRPCRequest():
                return self._asked(message, frame)
            case _:
                return self._answer(message, frame)

    def _notice(self, notice: JSONRPCNotification) -> None:
        """Take note of a notification; none is for the SDK: of use are progress and announcements, heard here."""
        self._listing.heard(notice.method)
        params = notice.params or {}
        if notice.method == "notifications/progress":
            heard = self._progress.get(str(params.get("progressToken")))
            done, total, said = params.get("progress"), params.get("total"), params.get("message")
            if heard is not None and isinstance(done, int | float):
                heard(done, total if isinstance(total, int | float) else None, said if isinstance(said, str) else "")

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
        largest = self._bounds.response
        if isinstance(message, JSONRPCResponse) and len(frame) > largest:
            return too_large(number, f"{len(frame)} bytes are more than the {largest} allowed")
        return self._listing.received(message.model_copy(update={"id": number}), size=len(frame))

    def _unread(self, frame: bytes) -> JSONRPCMessage:
        said = f"its {len(frame)} bytes hold more than the {MOST_VALUES} values allowed"
        number = self._waiting.pop(str(number_of(frame)), None)
        if number is None:
            raise PayloadError(
                f"The server wrote a message that is not read: {said}.",
                remedies=("Ask for less at once.", "Report it to the author of the server."),
            )
        return too_large(number, said)


def too_large(number: RequestId, said: str) -> JSONRPCError:
    """Return what stands for an answer that was larger than allowed."""
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=0, message=said, data=TOO_LARGE))


def _unreadable(number: RequestId) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=0, message="no message", data=UNREADABLE))


def _nothing() -> None:
    return
