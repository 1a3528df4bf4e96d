"""A bounded place where messages wait."""

from collections import deque
from typing import Self

import anyio

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.nerves.message import Message

DEFAULT_MOST = 1024


class Mailbox:
    """Messages that wait to be taken, in order. When it is full the oldest is given up, and counted.

    Args:
        most: Messages that may wait.

    Attributes:
        dropped: Messages that were given up.

    Raises:
        ConfigurationError: None may wait.
    """

    def __init__(self, *, most: int = DEFAULT_MOST) -> None:
        """Start empty."""
        if most < 1:
            raise ConfigurationError(f"{most} messages are too few.", remedies=("Let at least one wait.",))
        self.dropped: int = 0
        self._most = most
        self._waiting: deque[Message] = deque()
        self._changed = anyio.Event()

    def __repr__(self) -> str:
        """Show how many wait."""
        return f"Mailbox(waiting={len(self)}, dropped={self.dropped})"

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Let a message wait."""
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(message)
        self._tell()

    async def first(self) -> Message:
        """Return the oldest message, as soon as there is one. It stays until it is `done`."""
        while not self._waiting:
            await self._changed.wait()
        return self._waiting[0]

    def done(self, message: Message) -> None:
        """Remove the oldest message. If it was given up meanwhile, it was not lost after all."""
        if self._waiting and self._waiting[0] is message:
            self._waiting.popleft()
            self._tell()
        else:
            self.dropped -= 1

    def __aiter__(self) -> Self:
        """Take one message after the other, for ever."""
        return self

    async def __anext__(self) -> Message:
        """Take the oldest message, as soon as there is one."""
        message = await self.first()
        self.done(message)
        return message

    async def emptied(self) -> None:
        """Return when no message waits any more."""
        while self._waiting:
            await self._changed.wait()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
