"""Bus: what carries messages between systems, and the one within a process."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from anyio.lowlevel import checkpoint

from vsm_mcp.nerves.mailbox import DEFAULT_MOST, Mailbox
from vsm_mcp.nerves.message import Message, Nerve, fits, refuse_no_pattern


class Bus(Protocol):
    """Carries messages to whoever subscribed."""

    async def publish(self, message: Message, /) -> None:
        """Hand a message over, and return when the bus has it.

        Raises:
            BusError: The bus cannot take it now.
            PayloadError: The bus will never take it.
        """
        ...

    def subscribe(self, nerve: Nerve, /, topic: str = "#") -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Return a context within which the messages of a nerve can be iterated.

        Args:
            nerve: Which nerve.
            topic: A pattern of topics: ``*`` stands for one word, ``#`` for any number of words.
        """
        ...


class MemoryBus:
    """Carries messages between the systems of one process.

    A subscriber that is slower than the others loses its own oldest messages, and holds up nobody.

    Args:
        most: Messages that may wait for one subscriber.

    Attributes:
        dropped: Messages that subscribers were too slow for.
    """

    def __init__(self, *, most: int = DEFAULT_MOST) -> None:
        """Start without subscribers."""
        self._most = most
        self._dropped = 0
        self._boxes: dict[Mailbox, tuple[Nerve, str]] = {}

    def __repr__(self) -> str:
        """Show how many listen."""
        return f"MemoryBus(subscribers={len(self._boxes)}, dropped={self.dropped})"

    @property
    def dropped(self) -> int:
        """Messages that subscribers were too slow for."""
        return self._dropped + sum(box.dropped for box in self._boxes)

    async def publish(self, message: Message, /) -> None:
        """Hand a message to whoever wants it now."""
        await checkpoint()  # or who answers to what it hears would never let others in
        for box, (nerve, topic) in self._boxes.items():
            if nerve is message.nerve and fits(message.topic, topic):
                box.put(message)

    @asynccontextmanager
    async def subscribe(self, nerve: Nerve, /, topic: str = "#") -> AsyncGenerator[AsyncIterator[Message]]:
        """Hear a nerve within the context.

        Raises:
            ConfigurationError: ``topic`` is no pattern.
        """
        refuse_no_pattern(topic)
        box = Mailbox(most=self._most)
        self._boxes[box] = nerve, topic
        try:
            yield box
        finally:
            del self._boxes[box]
            self._dropped += box.dropped
