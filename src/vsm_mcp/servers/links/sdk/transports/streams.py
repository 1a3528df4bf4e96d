"""The two sides of a transport, in the shape the SDK wants."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import anyio
from mcp.shared.message import SessionMessage

Item = SessionMessage | Exception
Close = Callable[[], Awaitable[None]]


class _Side:
    def __init__(self, close: Close) -> None:
        self._close = close

    async def aclose(self) -> None:
        """End it."""
        await self._close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """End it."""
        await self._close()


class Reading(_Side):
    """A stream of messages.

    Args:
        receive: Returns the next one, or raises ``anyio.EndOfStream``.
        close: Ends it.
    """

    def __init__(self, receive: Callable[[], Awaitable[Item]], close: Close) -> None:
        """Join both."""
        super().__init__(close)
        self._receive = receive

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Item:
        """Return the next message."""
        try:
            return await self._receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def receive(self) -> Item:
        """Return the next message.

        Raises:
            anyio.EndOfStream: There will be none.
        """
        return await self._receive()


class Writing(_Side):
    """What messages are written to.

    Args:
        send: Sends one, or raises ``anyio.BrokenResourceError``.
        close: Ends it.
    """

    def __init__(self, send: Callable[[SessionMessage], Awaitable[None]], close: Close) -> None:
        """Join both."""
        super().__init__(close)
        self._send = send

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message.

        Raises:
            anyio.BrokenResourceError: The other side is gone.
        """
        await self._send(item)
