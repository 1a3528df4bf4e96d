"""The HTTP connections to one server: how many there may be, and how many there are."""

from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_CONNECTIONS = 50

Count = Callable[[], tuple[int, int, int]]
"""Counts for one pool the connections at work, those that are kept for the next request, and requests without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCount:
    """How many connections there are.

    Attributes:
        active: With a request under way, or being made.
        idle: Kept for the next request.
        waiting: Requests that found all of them taken, and wait for one.
        most: How many there may be.
    """

    active: int
    idle: int
    waiting: int
    most: int


class HttpConnections:
    """Says how many connections a server may have, and knows who counts them.

    Args:
        most: How many there may be.

    Attributes:
        most: The same.
    """

    def __init__(self, most: int = DEFAULT_CONNECTIONS) -> None:
        """Begin without any connection."""
        self.most: int = most
        self._counts: list[Count] = []

    def __repr__(self) -> str:
        """Show how many there may be."""
        return f"HttpConnections(most={self.most})"

    def opened(self, count: Count) -> None:
        """Take note of a pool that is counted by ``count`` from now on."""
        self._counts.append(count)

    def closed(self, count: Count) -> None:
        """Take note that it has no connections any more; again is fine."""
        if count in self._counts:
            self._counts.remove(count)

    def count(self) -> ConnectionCount:
        """Count the connections that there are now."""
        counted = [count() for count in self._counts]
        active, idle, waiting = map(sum, zip(*counted, strict=True)) if counted else (0, 0, 0)
        return ConnectionCount(active=active, idle=idle, waiting=waiting, most=self.most)
