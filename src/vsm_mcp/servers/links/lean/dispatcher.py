"""Requests out, answers back to those who wait for them; everything else is bounded, answered with no, or counted."""

import math
from collections.abc import Callable

import anyio

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.links.lean.messages import cancellation, decoded, reply
from vsm_mcp.servers.links.lean.outcomes import Answered, Gone, Late, Outcome, Oversized, Refused, Spoiled, Unreadable
from vsm_mcp.servers.links.lean.wire import Waiter, Wire
from vsm_mcp.servers.links.wire.framing import (
    MOST_REQUESTS,
    MOST_VALUES,
    REQUESTS_PER_SECOND,
    Framer,
    Noise,
    Pace,
    crowded,
    number_of,
)
from vsm_mcp.servers.links.wire.wire import Bounds

MOST_GIVEN_UP = 10_000
MOST_UNSENT = 16 * 2**20
SHORTEST_PAUSE = 0.1
METHOD_NOT_FOUND = -32601

Heard = Callable[[float, float | None, str], float]
"""Hears of progress: how much is done, of how much, in words; returns the new deadline."""


_LATE, _GONE, _UNREADABLE = Late(), Gone(), Unreadable()


class Dispatcher:
    """Gives each answer to its request.

    Args:
        kill: Ends the server's process.
        noticed: Hears the method of each notification.
        bounds: How large messages may be.
        remembered: How many requests that were given up are known when their answers come all the same.
    """

    def __init__(
        self,
        *,
        kill: Callable[[], None],
        noticed: Callable[[str], None],
        bounds: Bounds,
        remembered: int = MOST_GIVEN_UP,
    ) -> None:
        """Wait for nothing; `join` it with a wire first."""
        self.broken: str | None = None
        self.closed: bool = False
        self.noise: Noise = Noise()
        self._kill = kill
        self._noticed = noticed
        self._remembered = remembered
        self._bounds = bounds
        self._framer = Framer(largest=bounds.frame)
        self._pending: dict[int, _Pending] = {}
        self._given_up: dict[int, None] = {}
        self._number = 0
        self._standing = 0
        self._owed = 0
        self._unasked = False
        self._earliest = math.inf
        self._hurry = anyio.Event()
        self._drained = anyio.Event()
        self._down = anyio.Event()

    def join(self, wire: Wire) -> None:
        """Speak over ``wire``."""
        self._wire = wire
        self._pace = Pace(now=wire.now())
        self._requests = Pace(now=wire.now(), what="requests", burst=MOST_REQUESTS, rate=REQUESTS_PER_SECOND)

    def now(self) -> float:
        """Return the time of the event loop, in seconds."""
        return self._wire.now()

    def next(self) -> int:
        """Return a number for a request that nobody used before."""
        self._number += 1
        return self._number

    async def ask(self, number: int, line: bytes, *, until: float, heard: Heard | None = None) -> Outcome:
        """Send a request and wait for what comes of it.

        Args:
            number: Its number, fresh from `next`.
            line: The request.
            until: When to give up.
            heard: Hears of its progress.
        """
        wire = self._wire
        began = wire.now()
        if wire.queued - wire.written > MOST_UNSENT and not await self._room(until):
            return _LATE
        if self.closed or self.broken is not None:
            return _GONE
        waiter = wire.waiter()
        self._pending[number] = _Pending(waiter, began, until, heard, wire.send(line))
        if until < self._earliest:
            self._earliest = until
            self._hurry.set()
        try:
            return await waiter
        except BaseException:
            if self._pending.pop(number, None) is not None and until < math.inf:  # a greeting is never taken back
                self._give_up(number, "caller cancelled")
            raise

    async def stand(self, number: int, line: bytes) -> Outcome:
        """Send a request that stays open until the server ends it; it is not what a flood is waited with for."""
        self._standing += 1
        try:
            return await self.ask(number, line, until=math.inf)
        finally:
            self._standing -= 1

    def tell(self, line: bytes) -> None:
        """Send a notification."""
        if self.broken is None:
            self._wire.send(line)

    def break_off(self, reason: str) -> None:
        """Declare the connection unusable; the first reason counts."""
        if self.broken is None:
            self.broken = reason
        self._down.set()
        self._end_all(_GONE)

    def close(self) -> None:
        """Declare the connection closed on purpose, and break off what still waits for an answer."""
        self.closed = True
        self._end_all(_GONE)

    async def down(self) -> None:
        """Wait until the connection is unusable."""
        await self._down.wait()

    async def expire(self) -> None:
        """End what is not answered in time, for ever."""
        while True:
            self._hurry = anyio.Event()
            with anyio.CancelScope(deadline=self._earliest):
                await self._hurry.wait()
            self._end_late(self._wire.now())

    def heard(self, chunk: bytes, /) -> float:
        """Take in what was read; return how many seconds to leave the rest unread: the server says too much."""
        try:
            for frame in self._frames(chunk):
                self._take(frame)
        except PayloadError as error:
            self.break_off(error.message.removesuffix("."))
            self._kill()
        if not self._unasked:
            return 0.0
        seconds = self._pace.ahead(now=self._wire.now())
        return seconds if seconds >= SHORTEST_PAUSE and not self._down.is_set() else 0.0

    def over(self) -> None:
        """Learn that nothing more will come."""
        self.break_off("the server closed its output")

    def refused(self) -> None:
        """Learn that nothing more can be sent."""
        self.break_off("the server closed its input")

    def drained(self) -> None:
        """Learn that everything was written."""
        self._owed = 0
        if self._wire.queued == self._wire.written:
            self._drained.set()

    async def _room(self, until: float) -> bool:
        """Wait until what others sent is written; tell whether that was in time."""
        while self._wire.queued - self._wire.written > MOST_UNSENT and self.broken is None:
            self._drained = anyio.Event()
            with anyio.CancelScope(deadline=until) as limit:
                await self._drained.wait()
            if limit.cancelled_caught:
                return False
        return True

    def _frames(self, chunk: bytes) -> list[bytes]:
        if chunk.endswith(b"\n") and not self._framer.waiting:  # whole lines, each far below the bound: no copying
            return chunk.split(b"\n")
        return self._framer.feed(chunk)

    def _take(self, frame: bytes) -> None:
        if len(frame) > MOST_VALUES and crowded(frame):
            self._unread(frame)
            return
        try:
            message = decoded(frame)
        except ValueError:
            if frame and not frame.isspace():
                self._garbled(frame)
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._garbled(frame)
        elif "method" in message:
            self._asked(message, frame)
        else:
            self._answer(message, frame)

    def _answer(self, message: dict[str, JsonValue], frame: bytes) -> None:
        number, outcome = message.get("id"), self._outcome(message, len(frame))
        if type(number) is not int:  # nearly always it is
            number = _number(number)
        if outcome is None:
            self._garbled(frame)
            return
        if number is None:
            self._useless(frame)
            return
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending.settle(outcome)
        elif number in self._given_up:
            del self._given_up[number]
        else:
            self._useless(frame)
            return
        if self._unasked:
            self._forgive()

    def _outcome(self, message: dict[str, JsonValue], size: int) -> Outcome | None:
        """Return what an answer says, or ``None`` when it is none."""
        error = message.get("error")
        if isinstance(error, dict):
            code, said = error.get("code"), error.get("message")
            if not isinstance(code, int) or not isinstance(said, str):
                return None
            return Refused(code=code, message=said, data=error.get("data"))
        result = message.get("result")
        if not isinstance(result, dict):
            return None
        if size > self._bounds.response:
            return Oversized(said=f"{size} bytes are more than the {self._bounds.response} allowed")
        return Answered(result, size)

    def _forgive(self) -> None:
        self._unasked = False
        self._owed = 0
        self.noise.forgive()
        self._pace.forgive()
        self._requests.forgive()

    def _useless(self, frame: bytes) -> None:
        self._unasked = True
        self.noise.count(frame)

    def _garbled(self, frame: bytes) -> None:
        """Take what is no message; whoever waits for just that answer need not wait any longer."""
        self._useless(frame)
        number = number_of(frame)
        pending = None if number is None else self._pending.pop(number, None)
        if pending is not None:
            pending.settle(_UNREADABLE)

    def _asked(self, message: dict[str, JsonValue], frame: bytes) -> None:
        """Take a request or a notification of the server. A request is not waited with: each one costs an answer."""
        method, number, params = message["method"], message.get("id"), message.get("params")
        if not isinstance(method, str) or not (params is None or isinstance(params, dict)):
            self._garbled(frame)
            return
        self._unasked = True
        now = self._wire.now()
        if isinstance(number, bool) or not isinstance(number, int | str):
            self._pace.count(frame, now=now, patient=len(self._pending) > self._standing)
            self._notified(method, params or {}, now)
            return
        self._requests.count(frame, now=now)
        self._owed += 1
        if self._owed > MOST_REQUESTS or self._requests.ahead(now=now):
            raise self._requests.flood()
        no: JsonObject = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
        self.tell(reply(number, "result", {}) if method == "ping" else reply(number, "error", no))

    def _notified(self, method: str, params: dict[str, JsonValue], now: float) -> None:
        if method != "notifications/progress":
            self._noticed(method)
            return
        number, done, said = _number(params.get("progressToken")), _float(params.get("progress")), params.get("message")
        pending = self._pending.get(number) if number is not None else None
        if number is None or done is None or pending is None or pending.heard is None:
            return
        try:
            pending.until = pending.heard(done, _float(params.get("total")), said if isinstance(said, str) else "")
        except Exception as error:  # noqa: BLE001 - the host's own code runs here; its call hears of it
            pending.settle(Spoiled(error=error))
            del self._pending[number]
            self._give_up(number, "caller failed")

    def _unread(self, frame: bytes) -> None:
        said = f"its {len(frame)} bytes hold more than the {MOST_VALUES} values allowed"
        number = number_of(frame)
        pending = None if number is None else self._pending.pop(number, None)
        if pending is None:
            raise PayloadError(
                f"The server wrote a message that is not read: {said}.",
                remedies=("Ask for less at once.", "Report it to the author of the server."),
            )
        pending.settle(Oversized(said=said))

    def _end_late(self, now: float) -> None:
        stuck = False
        for number in [number for number, pending in self._pending.items() if pending.until <= now]:
            pending = self._pending.pop(number)
            half = (now - pending.began) / 2
            stuck = stuck or (pending.end > self._wire.written and now - self._wire.moved >= half)
            pending.settle(_LATE)
            self._give_up(number, "timed out")
        self._earliest = min((pending.until for pending in self._pending.values()), default=math.inf)
        if stuck:  # the line may be torn, and a message after it would be lost in it
            self.break_off("the server stopped reading its input")
            self._kill()

    def _give_up(self, number: int, reason: str) -> None:
        """Tell the server, and know its answer when it comes all the same."""
        if len(self._given_up) >= self._remembered:
            del self._given_up[next(iter(self._given_up))]
        self._given_up[number] = None
        self.tell(cancellation(number, reason))

    def _end_all(self, outcome: Gone) -> None:
        for pending in self._pending.values():
            pending.settle(outcome)
        self._pending.clear()
        self._drained.set()


class _Pending:
    """A request that waits for its answer, and where in all that is sent it ends."""

    __slots__ = ("began", "end", "heard", "until", "waiter")

    def __init__(self, waiter: Waiter, began: float, until: float, heard: Heard | None, end: int) -> None:  # noqa: PLR0917 - at every call
        self.waiter = waiter
        self.began = began
        self.until = until
        self.heard = heard
        self.end = end

    def settle(self, outcome: Outcome) -> None:
        """Give the outcome, unless its caller was cancelled and has not had its turn since."""
        if not self.waiter.done():
            self.waiter.set_result(outcome)


def _number(value: JsonValue) -> int | None:
    """Return the number of a request of ours; it may come back as text, but not in another writing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004
        return int(value) if str(int(value)) == value else None
    return None


def _float(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
