"""A bounded table of values with the moment until which each is fresh; what was used longest ago makes room."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.caching.figures import CacheFigures

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Entry(Generic[V]):
    """A value that is kept.

    Attributes:
        value: The value.
        until: The moment until which it is fresh.
    """

    __slots__ = ("until", "value")

    def __init__(self, value: V, until: float) -> None:
        """Keep a value that is fresh until then."""
        self.value: V = value
        self.until: float = until


class Table(Generic[K, V]):
    """Keeps entries, at most so many.

    Args:
        most: How many.
        fresh: Seconds for which they are fresh; ``inf`` for ever.

    Attributes:
        fresh: The same.
        evicted: How many made room for others.

    Raises:
        ConfigurationError: There is no room for a single one, or no time for it.
    """

    def __init__(self, *, most: int, fresh: float) -> None:
        """Start empty."""
        if most < 1:
            raise ConfigurationError(f"A cache cannot keep {most} values.", remedies=("Let it keep at least one.",))
        if not fresh > 0:
            raise ConfigurationError(
                f"A value cannot be fresh for {fresh} seconds.", remedies=("Give more than 0 seconds, or 'inf'.",)
            )
        self._entries: LRUCache[K, Entry[V]] = LRUCache(most)
        self.fresh: float = fresh
        self.evicted: int = 0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._entries)

    @property
    def most(self) -> int:
        """How many may be kept."""
        return int(self._entries.maxsize)

    def find(self, key: K) -> Entry[V] | None:
        """Return what is kept under ``key``, however old, and count that as a use."""
        return self._entries.get(key)

    def put(self, key: K, value: V, *, made: float) -> None:
        """Keep a value that was true at the moment ``made``."""
        if len(self._entries) >= self.most and key not in self._entries:
            self.evicted += 1
        self._entries[key] = Entry(value, made + self.fresh)

    def remove(self, key: K) -> None:
        """Keep nothing under ``key`` any more; fine if that is so already."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Keep nothing any more."""
        self._entries.clear()


class Memo(Generic[K, V]):
    """Keeps what is computed at once, for a time. For what has to be waited for there is ``Cache``.

    Args:
        most: How many values are kept.
        fresh: Seconds for which they are given.
        now: Tells the time in seconds; never runs back.

    Raises:
        ConfigurationError: There is no room for a single one, or no time for it.
    """

    def __init__(self, *, most: int, fresh: float, now: Callable[[], float]) -> None:
        """Start empty."""
        self._table: Table[K, V] = Table(most=most, fresh=fresh)
        self._now = now
        self._hits = 0
        self._misses = 0

    def __repr__(self) -> str:
        """Show how full it is."""
        return f"Memo({len(self._table)} of {self._table.most})"

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of ``key``; it is made when there is none that is fresh. Errors are not kept."""
        entry = self._table.find(key)
        now = self._now()
        if entry is not None and now < entry.until:
            self._hits += 1
            return entry.value
        self._misses += 1
        value = make()
        self._table.put(key, value, made=now)
        return value

    def clear(self) -> None:
        """Keep nothing any more: what the values are made of has changed."""
        self._table.clear()

    def figures(self) -> CacheFigures:
        """Return how it did since it was made."""
        return CacheFigures(
            hits=self._hits,
            misses=self._misses,
            loads=self._misses,
            shared=0,
            failures=0,
            evicted=self._table.evicted,
            size=len(self._table),
            most=self._table.most,
            fresh=self._table.fresh,
        )
