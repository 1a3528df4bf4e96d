"""How long a call may take: without a sign of progress, and at most."""

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import anyio

from vsm_mcp.errors import CallTimeoutError, printable
from vsm_mcp.model.call import ToolCall

IDLE_SECONDS = 60.0
CAP_SECONDS = 600.0
_LONGEST_MESSAGE = 500

PutOff = Callable[[float], None]
"""Hears for how many seconds a deadline rested."""


class Patience:
    """The two deadlines of one call; the earlier one counts, and progress moves the first.

    A call that names a ``timeout`` and no ``idle`` may be silent until that timeout.

    Args:
        call: Names its own times, or ``None`` for the defaults.
        now: The time when the call begins, in seconds.
        idle: Default for seconds without progress.
        cap: Default for seconds altogether.

    Attributes:
        deadline: When the call ends if nothing more is heard.
    """

    __slots__ = ("_call", "_end", "_idle", "_seconds", "deadline")

    def __init__(self, call: ToolCall, *, now: float, idle: float = IDLE_SECONDS, cap: float = CAP_SECONDS) -> None:
        """Begin to wait."""
        timeout = call.timeout
        seconds, silent = (cap, idle) if timeout is None else (timeout, timeout)
        if call.idle is not None:
            silent = call.idle
        self._call, self._seconds, self._idle = call, seconds, silent
        self._end = now + seconds
        self.deadline: float = now + (silent if silent < seconds else seconds)  # noqa: FURB136 - at every call

    @property
    def heeds_progress(self) -> bool:
        """Whether progress changes anything: following it costs more than all else that a call does here."""
        call = self._call
        return call.timeout is None or call.idle is not None or call.progress is not None

    def heard(self, done: float, *, now: float, total: float | None = None, message: str = "") -> float:
        """Take note of progress, tell the caller of it, and return the new deadline."""
        self.deadline = min(self._end, now + self._idle)
        if self._call.progress is not None:
            self._call.progress(done, total, printable(message[:_LONGEST_MESSAGE]))
        return self.deadline

    def put_off(self, seconds: float) -> None:
        """Let both deadlines be later: so long, somebody else than the server was waited for."""
        self._end += seconds
        self.deadline += seconds

    @contextmanager
    def paused(self, scope: anyio.CancelScope) -> Generator[None]:
        """Let the host think, which is no silence of the server, for as long as the call may take altogether."""
        scope.deadline = self.deadline = self._end
        yield
        scope.deadline = self.deadline = min(self._end, anyio.current_time() + self._idle)

    def expired(self, server: str, now: float) -> CallTimeoutError:
        """Return the error of a call that got no answer."""
        if now >= self._end or self._idle >= self._seconds:
            return no_answer(server, f"the call of {self._call.tool}", self._seconds)
        return CallTimeoutError(
            f"{server} did not answer the call of {self._call.tool}: it showed no progress for {self._idle:g} seconds; "
            f"it may still have been executed.",
            remedies=("Allow more time without progress.", "Look at what it did before you call it again."),
        )


class Rests:
    """Deadlines that rest while somebody else than the server is waited for.

    Args:
        scopes: What ends at the deadlines, each with what hears for how many seconds it rested.

    Attributes:
        rested: For how many seconds altogether.
    """

    def __init__(self, scopes: Mapping[anyio.CancelScope, PutOff]) -> None:
        """Start with nobody waited for."""
        self.rested: float = 0.0
        self._scopes = scopes
        self._resting: dict[anyio.CancelScope, tuple[float, float, PutOff]] = {}
        self._waits = 0
        self._began = 0.0

    @contextmanager
    def rest(self) -> Generator[None]:
        """Let those deadlines rest that there are now; rests that overlap are one."""
        now = anyio.current_time()
        if not self._waits:
            self._began = now
        self._waits += 1
        for scope, put_off in self._scopes.items():
            if scope not in self._resting:
                self._resting[scope] = now, scope.deadline, put_off
                scope.deadline = math.inf
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits:
                self._go_on(anyio.current_time())

    def _go_on(self, now: float) -> None:
        self.rested += now - self._began
        for scope, (began, deadline, put_off) in self._resting.items():
            put_off(now - began)
            scope.deadline = deadline + (now - began)
        self._resting.clear()


def no_answer(server: str, what: str, seconds: float) -> CallTimeoutError:
    """Return the error for an answer that did not come."""
    return CallTimeoutError(
        f"{server} did not answer {what} within {seconds:g} seconds; it may still have been executed.",
        remedies=("Allow more time for it.", "Look at what it did before you call it again."),
    )


def nothing_put_off(_seconds: float) -> None:
    """Do nothing: there is no other deadline than the one that rested."""
