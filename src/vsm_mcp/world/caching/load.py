"""One load under way: who waits for it, what it waits for itself, and what came of it."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Generic, TypeVar

import anyio

from vsm_mcp.errors import ConfigurationError

V = TypeVar("V")


class Step:
    """Work that others wait for and that may wait for the work of others: a circle of these is refused."""

    __slots__ = ("_awaits",)

    def __init__(self) -> None:
        """Start without waiting for anything."""
        self._awaits: list[Step] = []

    @contextmanager
    def underway(self) -> Generator[None]:
        """Count what this task waits for within the context as what this work waits for."""
        token = _WITHIN.set(self)
        try:
            yield
        finally:
            _WITHIN.reset(token)

    @contextmanager
    def awaited(self) -> Generator[None]:
        """Let the work that this task is part of, if any, wait for this one within the context.

        Raises:
            ConfigurationError: This work waits for that one, so neither could ever end.
        """
        asker = _WITHIN.get()
        if asker is None:
            yield
            return
        if self._needs(asker):
            raise ConfigurationError(
                "A value cannot be loaded: loading it asks for that same value, so it would wait for itself.",
                remedies=("Let the load do without the value that it makes.",),
            )
        asker._awaits.append(self)  # noqa: SLF001 - of its own class
        try:
            yield
        finally:
            asker._awaits.remove(self)  # noqa: SLF001 - of its own class

    def _needs(self, other: "Step") -> bool:
        """Return whether this work waits for ``other``, however far away, or is that itself."""
        seen: set[Step] = set()
        left: list[Step] = [self]
        while left:
            step = left.pop()
            if step is other:
                return True
            if step not in seen:
                seen.add(step)
                left += step._awaits  # noqa: SLF001 - of its own class
        return False


_WITHIN: ContextVar[Step | None] = ContextVar("the load that the work of this task is part of", default=None)


class Load(Generic[V]):
    """A load that was begun.

    Attributes:
        began: When.
        step: What it is to those who wait for it.
        scope: What cancels it.
        ended: Set when it ended, whether well, badly or cancelled.
        waiting: How many wait for it, the one included in whose task it runs.
        error: Why it failed.
    """

    __slots__ = ("_trace", "_value", "began", "ended", "error", "scope", "step", "waiting")

    def __init__(self, began: float) -> None:
        """Begin at that moment."""
        self.began: float = began
        self.step: Step = Step()
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
