"""Subscriptions to some of the facts."""

from collections.abc import Callable
from typing import Self, TypeVar

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.events.event import Event, EventSink, ignore
from vsm_mcp.events.work import HandlerDetached

E = TypeVar("E", bound=Event)

FAILURES_ALLOWED = 3
"""A handler that raises this often in a row is detached."""


class Subscription:
    """A handler that hears events of one type. As a context manager it is detached when the context is left.

    Attributes:
        name: What it is known by.
        kind: The type of events it hears; events of derived types are heard as well.
        failures: How often it raised in a row.
    """

    def __init__(self, events: "Events", name: str, *, kind: type[Event], handler: Callable[[Event], object]) -> None:
        """Keep who hears what."""
        self.name: str = name
        self.kind: type[Event] = kind
        self.failures: int = 0
        self._events = events
        self._handler = handler

    def __repr__(self) -> str:
        """Show who hears what."""
        return f"Subscription({self.name!r}, {self.kind.__name__})"

    def __enter__(self) -> Self:
        """Hear events within the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hear nothing any more."""
        self.detach()

    def detach(self) -> None:
        """Hear nothing any more; fine if that is so already."""
        self._events.detach(self.name)

    def hear(self, event: Event) -> str | None:
        """Give an event to the handler; return why the handler should be detached, if it should."""
        try:
            self._handler(event)
        except Exception as error:  # noqa: BLE001 - a handler is foreign code; it must not break what it listens to
            self.failures += 1
            return f"{type(error).__name__}: {error}" if self.failures >= FAILURES_ALLOWED else None
        self.failures = 0
        return None


class Events:
    """Gives each event to those who subscribed to its type, and to the host's sink.

    A handler that raises does not disturb the others, nor what it listens to. When it has failed three times in a row
    it is detached, and `HandlerDetached` says so.

    Args:
        sink: Hears everything, last.
    """

    def __init__(self, sink: EventSink = ignore) -> None:
        """Start without any subscription."""
        self._sink = sink
        self._subscriptions: dict[str, Subscription] = {}

    def __repr__(self) -> str:
        """Show who listens."""
        return f"Events({', '.join(self._subscriptions) or 'nobody listens'})"

    def attach(self, name: str, kind: type[E], handler: Callable[[E], object]) -> Subscription:
        """Let ``handler`` hear every event of type ``kind`` from now on.

        Args:
            name: What the subscription is known by.
            kind: A type of event; `Event` for all.
            handler: Called at the moment of the fact; must not block.

        Raises:
            ConfigurationError: The name is taken.
        """
        if name in self._subscriptions:
            raise ConfigurationError(
                f"{name!r} is attached already.", remedies=("Detach it first, or choose another name.",)
            )

        def hear(event: Event) -> object:
            return handler(event) if isinstance(event, kind) else None

        subscription = self._subscriptions[name] = Subscription(self, name, kind=kind, handler=hear)
        return subscription

    def detach(self, name: str) -> None:
        """Let the subscription of this name hear nothing any more; fine if there is none."""
        self._subscriptions.pop(name, None)

    def __call__(self, event: Event, /) -> None:
        """Give an event to all who want to hear it."""
        for subscription in tuple(self._subscriptions.values()):
            if not isinstance(event, subscription.kind):
                continue
            reason = subscription.hear(event)
            if reason is not None:
                self.detach(subscription.name)
                self(HandlerDetached(name=subscription.name, reason=reason))
        self._sink(event)
