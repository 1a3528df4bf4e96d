"""What is usual for one tool as one agent uses it."""

from dataclasses import dataclass

from vsm_mcp.guard.learning.errors import ErrorRate
from vsm_mcp.guard.learning.shapes import Shapes
from vsm_mcp.guard.learning.tail import Tail

_WINDOW = 10.0
_LEAST_WINDOWS = 30
_LEAST_CALLS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """In what a call is out of the usual.

    Attributes:
        what: In words.
        score: How far; 1 is at the limit.
        observed: The figure, if there is one.
        typical: The median of what was learned.
        limit: What would still have been usual.
        basis: How many observations are behind it.
    """

    what: str
    score: float
    observed: float | None = None
    typical: float | None = None
    limit: float | None = None
    basis: int = 0


class Baseline:
    """Learns sizes, shapes, rates and errors of the calls of one agent to one tool.

    Args:
        learn: How many calls are learned before anything is said.
        risk: The share of usual calls that one measure may take for unusual.
        factor: Sizes and rates of less than this many times their 90 % quantile are never too large.
        memory: After about this many calls, what was long ago begins to fade.
    """

    __slots__ = (
        "_calls",
        "_factor",
        "_learn",
        "_memory",
        "_next",
        "_risk",
        "errors",
        "rate",
        "received",
        "sent",
        "shapes",
    )

    def __init__(self, *, learn: int, risk: float, factor: float, memory: int) -> None:
        """Start without having seen a call."""
        self._learn, self._risk, self._factor, self._memory = learn, risk, factor, memory
        self.sent: Tail = self._tail()
        self.received: Tail = self._tail()
        self.rate: Tail = self._tail(_LEAST_WINDOWS)
        self.shapes: Shapes = Shapes(learn=learn, risk=10 * risk)
        self.errors: ErrorRate = ErrorRate(learn=learn, risk=risk)
        self._next = -_WINDOW
        self._calls = 0

    def forgive(self) -> None:
        """Learn everything anew: what seemed unusual was approved."""
        self.__init__(learn=self._learn, risk=self._risk, factor=self._factor, memory=self._memory)

    def passes(self, now: float, *, size: int | None, shape: int) -> bool:
        """Learn a call that is as usual in everything, as most are; of another nothing is learned, and that is told."""
        calls, sent = self._calls + 1, self.sent
        if size is None or size >= sent.edge or sent.run > 0 or not self._next - _WINDOW <= now < self._next:
            return False
        if calls > self.rate.limit or not self.shapes.again(shape):
            return False
        self._calls = calls
        sent.add_usual(size)
        return True

    def before(self, now: float, *, size: int | None, shape: int) -> Deviation | None:
        """Say what is unusual about a call that is about to be made; nothing of it is learned yet."""
        calls = self._calls + 1
        if calls > self.rate.limit and calls >= _LEAST_CALLS and now < self._next:
            return _too("calls come fast", self.rate, calls)
        if size is not None and size > self.sent.limit:
            return _too("arguments are large", self.sent, size)
        if self.shapes.surprises(shape):
            return Deviation(what="arguments have a new shape", score=1.0, basis=self.shapes.seen)
        return None

    def sending(self, now: float, *, size: int | None, shape: int) -> Deviation | None:
        """Learn a call that is made; say what is unusual about the last ones together."""
        if now >= self._next or now < self._next - _WINDOW:
            if self._calls:
                self.rate.add(self._calls)
            self._next, self._calls = now + _WINDOW, 0
        self._calls += 1
        self.shapes.add(shape)
        if size is not None and self.sent.add(size):
            return _too("arguments keep being large", self.sent, size)
        return None

    def answered(self, *, size: int | None, failed: bool) -> Deviation | None:
        """Learn how a call ended; say what is unusual about that."""
        if self.errors.add(failed=failed):
            return Deviation(what="calls fail", score=1.0, typical=self.errors.rate, basis=self.sent.seen)
        if size is None:
            return None
        received = self.received
        large = size > received.limit
        found = _too("results are large", received, size) if large else None
        keeps = received.add(size)
        return _too("results keep being large", received, size) if keeps and found is None else found

    def _tail(self, learn: int | None = None) -> Tail:
        return Tail(
            learn=self._learn if learn is None else min(learn, self._learn),
            risk=self._risk,
            factor=self._factor,
            memory=self._memory,
        )


def _too(what: str, tail: Tail, observed: float) -> Deviation:
    return Deviation(
        what=what,
        score=round(max(1.0, observed / tail.limit), 3),
        observed=observed,
        typical=round(tail.typical, 1),
        limit=round(tail.limit, 1),
        basis=tail.seen,
    )
