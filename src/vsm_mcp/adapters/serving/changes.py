"""What clients that listen are told: the list of tools is another one now."""

from collections.abc import Callable
from itertools import count

from mcp.server.subscriptions import ServerEvent, ToolsListChanged

from vsm_mcp.events import CapabilityAdopted, CapabilityReleased, Event, Events, ToolsQuarantined


class Changes:
    """Gives the SDK's listeners what happens to the tools of a system, and what is published besides.

    Args:
        events: Where to listen. Nothing is attached to it while no client listens.
    """

    def __init__(self, events: Events) -> None:
        """Start without listeners."""
        self._events = events
        self._numbers = count()
        self._listeners: dict[int, Callable[[ServerEvent], None]] = {}

    async def publish(self, event: ServerEvent) -> None:
        """Tell every listener."""
        for listener in tuple(self._listeners.values()):
            listener(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Tell ``listener`` from now on; return what ends it."""
        number = next(self._numbers)

        def hear(event: Event) -> None:
            if isinstance(event, CapabilityAdopted | CapabilityReleased | ToolsQuarantined):
                listener(ToolsListChanged())

        subscription = self._events.attach(f"mcp-changes-{id(self)}-{number}", Event, hear)
        self._listeners[number] = listener

        def end() -> None:
            self._listeners.pop(number, None)
            subscription.detach()

        return end
