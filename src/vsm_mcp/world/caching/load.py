"""One load under way: who waits for it, and what came of it."""

from types import TracebackType
from typing import Generic, TypeVar

import anyio

V = TypeVar("V")


class Load(Generic[V]):
    """A load that was begun.

    Attributes:
        began: When.
        scope: What cancels it.
        ended: Set when it ended, whether well, badly or cancelled.
        waiting: How many wait for it, the one included in whose task it runs.
        error: Why it failed.
    """

    __slots__ = ("_trace", "_value", "began", "ended", "error", "scope", "waiting")

    def __init__(self, began: float) -> None:
        """Begin at that moment."""
        self.began: float = began
        self.scope: anyio.CancelScope = anyio.CancelScope()
        self.ended: anyio.Event = anyio.Event()
        self.waiting: int = 0
        self.error: Exception | None = None
        self._value: tuple[V] | None = None
        self._trace: TracebackType | None = None

    @property
    def result(self) -> tuple[V] | None:
        """The value in a tuple; ``None`` when it did not end well."""
        return self._value

    @property
    def settled(self) -> bool:
        """Whether it ended well or badly, and was not cancelled."""
        return self._value is not None or self.error is not None

    def succeed(self, value: V) -> None:
        """End well."""
        self._value = (value,)

    def fail(self, error: Exception) -> None:
        """End badly."""
        self.error = error
        self._trace = error.__traceback__

    def value(self) -> V:
        """Return the value.

        Raises:
            Exception: What the load raised; the same for all who wait, each with the trace of the load alone.
            RuntimeError: It was not settled.
        """
        if self._value is not None:
            return self._value[0]
        raise (self.error or RuntimeError("This load is not settled.")).with_traceback(self._trace)
