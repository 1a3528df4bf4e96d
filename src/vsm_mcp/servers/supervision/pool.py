"""The processes of one server: which of them serves a call, and when there should be one more."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from vsm_mcp.servers.launcher import Opening
from vsm_mcp.servers.supervision.connection import Connection
from vsm_mcp.servers.supervision.supervision import Supervision

FIRST_STATELESS = "2026-07-28"
"""The first version of the protocol in which a server keeps nothing between two calls; versions are dates."""


class Slot:
    """A place for one process of a server.

    Attributes:
        opening: Opens its connection, again and again.
        connection: The newest one.
        agents: How many principals it is theirs.
    """

    __slots__ = ("agents", "connection", "opening")

    def __init__(self, opening: Opening) -> None:
        """Begin without a process."""
        self.opening: Opening = opening
        self.connection: Connection | None = None
        self.agents: int = 0

    @property
    def usable(self) -> Connection | None:
        """Its connection while that is starting or alive."""
        connection = self.connection
        return connection if connection is not None and connection.usable else None

    @property
    def under_way(self) -> int:
        """How many calls to it have not ended."""
        return 0 if self.connection is None else self.connection.under_way


class Pool:
    """The slots of one server. Slots are made when they are first needed.

    Args:
        prepare: Makes what opens a connection.
        size: How many slots there may be.
        supervision: Says how many are kept ready, and how many principals are remembered.
    """

    def __init__(self, prepare: Callable[[], Opening], *, size: int, supervision: Supervision) -> None:
        """Begin with one empty slot."""
        self._prepare = prepare
        self._size = size
        self._spares = supervision.spares
        self._most = supervision.principals
        self._slots: list[Slot] = [Slot(prepare())]
        self._owned: OrderedDict[str, Slot] = OrderedDict()

    def __iter__(self) -> Iterator[Slot]:
        """Go through the slots."""
        return iter(self._slots)

    @property
    def first(self) -> Slot:
        """The slot that is there from the beginning."""
        return self._slots[0]

    @property
    def usable(self) -> tuple[Slot, ...]:
        """The slots whose process is starting or alive."""
        return tuple(slot for slot in self._slots if slot.usable is not None)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The newest connection of every slot that had one."""
        return tuple(slot.connection for slot in self._slots if slot.connection is not None)

    def follow(self, other: "Pool") -> None:
        """Take the place of ``other``: what runs there is stopped, and nothing starts before it is gone."""
        for number, slot in enumerate(other):
            if slot.connection is None:
                continue
            slot.connection.stop()
            if number == len(self._slots):
                self._slots.append(Slot(self._prepare()))
            self._slots[number].connection = slot.connection

    def choose(self, agent: str, *, grow: bool) -> Slot:
        """Return the slot that serves a call of ``agent``; its process may have to be started first.

        Where servers keep nothing between calls, the one with the fewest calls under way serves. Where they do, every
        agent keeps its process.

        Args:
            agent: Who calls.
            grow: Whether a process may be started although others run.
        """
        if self._size == 1:
            return self._slots[0]
        running = self.usable
        if not running:
            return self._bound(agent, self._empty() or self.first)
        if _stateless(running):
            return min(running, key=_load)
        return self._own(agent, running, grow=grow)

    def wanted(self, chosen: Slot) -> Slot | None:
        """Return a slot whose process should be started besides ``chosen``, or ``None`` when there are enough."""
        if self._size == 1:
            return None
        running = self.usable
        idle = sum(slot is not chosen and not slot.under_way for slot in running)
        if idle < self._spares or (chosen.under_way and not idle):
            return self._empty(besides=chosen)
        return None

    def _own(self, agent: str, running: Sequence[Slot], *, grow: bool) -> Slot:
        slot = self._owned.get(agent)
        if slot is not None and slot.usable is not None:
            self._owned.move_to_end(agent)
            return slot
        free = next((slot for slot in running if not slot.agents), None)
        if free is None and grow:
            free = self._empty()
        return self._bound(agent, free or min(running, key=lambda slot: slot.agents))

    def _bound(self, agent: str, slot: Slot) -> Slot:
        before = self._owned.pop(agent, None)
        if before is not None:
            before.agents -= 1
        self._owned[agent] = slot
        slot.agents += 1
        if len(self._owned) > self._most:
            _, oldest = self._owned.popitem(last=False)
            oldest.agents -= 1
        return slot

    def _empty(self, *, besides: Slot | None = None) -> Slot | None:
        """Return a slot without a process: one that was used before, or else a new one while there may be more."""
        for slot in self._slots:
            if slot is not besides and slot.usable is None:
                return slot
        if len(self._slots) >= self._size:
            return None
        self._slots.append(Slot(self._prepare()))
        return self._slots[-1]


def _stateless(running: Sequence[Slot]) -> bool:
    """Return whether what runs keeps nothing between calls; what is not known yet is taken for the contrary."""
    links = [slot.connection.link for slot in running if slot.connection is not None]
    return any(link is not None and link.protocol_version >= FIRST_STATELESS for link in links)


def _load(slot: Slot) -> tuple[bool, int]:
    """Those that are up first, then those with the fewest calls."""
    return slot.connection is None or slot.connection.link is None, slot.under_way
