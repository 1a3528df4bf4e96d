"""Places: how many may be at work at once; the others wait, the most urgent first, for a bounded time."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from heapq import heapify, heappop, heappush
from sys import float_info

import anyio

from vsm_mcp.errors import CapacityError, ConfigurationError

MOST_WAITING = 100_000
"""How many may wait for the same places; the next one is told at once that there is no room."""

MOST_RETURNS = 10
"""How often one piece of work may come back to places that it has passed and not left: more is a circle."""


class Places:
    """A bounded number of places. Taking a free one costs no waiting and makes no object.

    Those who wait come in by priority, equal ones in order. A place that is left goes to the first of them directly, so
    nobody who comes later overtakes. A low priority may be passed over again and again: its wait is bounded by the time
    it is willing to wait.

    Args:
        most: How many there are.
        owner: Whose places they are, for messages.
        most_waiting: How many may wait.

    Raises:
        ConfigurationError: There would be no place.
    """

    __slots__ = ("_busy", "_gone", "_most", "_most_waiting", "_order", "_owner", "_queue")

    def __init__(self, most: int, *, owner: str, most_waiting: int = MOST_WAITING) -> None:
        """Begin with all places free."""
        if most < 1:
            raise ConfigurationError(
                f"{owner} cannot work with {most} places.", remedies=("Let at least 1 operation run at once.",)
            )
        self._most = most
        self._owner = owner
        self._most_waiting = most_waiting
        self._busy = 0
        self._gone = 0
        self._order = 0
        self._queue: list[tuple[int, int, _Waiter]] | None = None

    def __repr__(self) -> str:
        """Show how many are taken."""
        return f"Places(busy={self._busy}, most={self._most}, waiting={self.waiting})"

    @property
    def most(self) -> int:
        """How many places there are."""
        return self._most

    @property
    def busy(self) -> int:
        """How many are taken."""
        return self._busy

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._queue) - self._gone if self._queue else 0

    @contextmanager
    def passed(self) -> Generator[None]:
        """Note that the work of this task, and what comes of it, passes through these places, within the context.

        Work may come back to where it is already done: who performs it may ask for something else. But it would wait
        for itself if it held all places, and go round for ever if nothing ended it. A task that outlives the context
        no longer counts as this work.

        Raises:
            ConfigurationError: It came back too often, or every place is held by this very work.
        """
        above = tuple(passage for passage in _PASSAGES.get() if passage.places is not None)
        times = sum(passage.places is self for passage in above)
        if times >= min(self._most, MOST_RETURNS):
            raise ConfigurationError(
                f"The work came back to {self._owner} while it was done there, {times} times over.",
                remedies=("Do not let what performs work hand the same work back.", "Allow more operations at once."),
            )
        passage = _Passage(self)
        before = _PASSAGES.set((*above, passage))
        try:
            yield
        finally:
            passage.places = None
            _PASSAGES.reset(before)

    async def enter(self, *, priority: int, timeout: float) -> None:
        """Take a place, or wait for one for at most ``timeout`` seconds. Whoever entered must `leave`.

        Raises:
            CapacityError: None became free in time, or too many wait already.
        """
        if self._busy < self._most:
            self._busy += 1
            return
        if self.waiting >= self._most_waiting:
            raise self._full(f"and {self.waiting} operations wait already")
        waiter = self._queue_up(priority)
        arrived = False
        try:
            with anyio.move_on_after(timeout):
                await waiter.called.wait()
            arrived = waiter.placed
        finally:
            if not arrived:
                self._give_up(waiter)
        if not arrived:
            raise self._full(f"and none became free within {timeout:g} seconds")

    def leave(self) -> None:
        """Give the place back: to the first who waits, if anybody does."""
        queue = self._queue
        while queue:
            waiter = heappop(queue)[2]
            if waiter.gone:
                self._gone -= 1
                continue
            waiter.placed = True
            waiter.called.set()
            return
        self._queue = None
        self._busy -= 1

    def _queue_up(self, priority: int) -> "_Waiter":
        waiter = _Waiter()
        if self._queue is None:
            self._queue = []
        self._order += 1
        heappush(self._queue, (-priority, self._order, waiter))
        return waiter

    def _give_up(self, waiter: "_Waiter") -> None:
        if waiter.placed:  # the place was given in the same moment in which its taker was cancelled
            self.leave()
            return
        waiter.gone = True
        self._gone += 1
        if self._queue is not None and self._gone * 2 > len(self._queue):
            self._queue = [entry for entry in self._queue if not entry[2].gone]
            heapify(self._queue)
            self._gone = 0

    def _full(self, why: str) -> CapacityError:
        return CapacityError(
            f"All {self._most} places of {self._owner} are taken {why}.",
            remedies=("Try again later.", "Allow more operations at once."),
        )


def refuse_wait(seconds: float, *, what: str) -> None:
    """Refuse a wait that is no number of seconds, or endless.

    Raises:
        ConfigurationError: ``seconds`` is negative or not finite.
    """
    if not 0 <= seconds <= float_info.max:
        raise ConfigurationError(f"{what} cannot be {seconds} seconds.", remedies=("Give 0 or more seconds.",))


class _Passage:
    """That some work is within some places; ``None`` once it has left them."""

    __slots__ = ("places",)

    def __init__(self, places: Places) -> None:
        self.places: Places | None = places


_PASSAGES: ContextVar[tuple[_Passage, ...]] = ContextVar("places that the work of this task is within", default=())


class _Waiter:
    __slots__ = ("called", "gone", "placed")

    def __init__(self) -> None:
        self.called = anyio.Event()
        self.placed = False
        self.gone = False
