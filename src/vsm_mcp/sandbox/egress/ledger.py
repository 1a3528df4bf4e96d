"""What went out of one sandbox: every decision is told, bytes and lookups are counted, and both are kept in bounds."""

from collections.abc import Callable

import anyio

from vsm_mcp.events import EgressDecided, EgressEnded, EventSink
from vsm_mcp.sandbox.egress.rules import Egress

TOLD_AT_ONCE = 64
TOLD_PER_SECOND = 2.0
DECIDED_AT_ONCE = 1000
DECIDED_PER_SECOND = 1000.0
COST_OF_REFUSAL = 10


class ExceededError(Exception):
    """A connection, or all of them together, carried more bytes than allowed; the text says which."""


class Pace:
    """Lets so many through at once, and so many each second after that."""

    def __init__(self, at_once: float, per_second: float) -> None:
        """Begin with everything let through that may be at once."""
        self._ahead = at_once / per_second
        self._each = 1 / per_second
        self._due = anyio.current_time() - self._ahead

    def free(self) -> bool:
        """Take one if it is free now, and tell whether it was."""
        if self._wait() > 0:
            return False
        self.spend(1)
        return True

    def spend(self, count: int) -> None:
        """Take ``count``, even if they are not free yet: those who come next wait for them."""
        self._due = max(self._due, anyio.current_time() - self._ahead) + count * self._each

    async def pause(self) -> None:
        """Wait until one is free."""
        await anyio.sleep(max(0.0, self._wait()))

    def _wait(self) -> float:
        return self._due - anyio.current_time()


class Ledger:
    """Counts what one sandbox does outside, and tells of it."""

    def __init__(self, egress: Egress, *, subject: str, emit: EventSink) -> None:
        """Begin with nothing counted."""
        self._total = egress.total_bytes
        self._each = egress.bytes_per_connection
        self._subject = subject
        self._emit = emit
        self._telling = {allowed: Pace(TOLD_AT_ONCE, TOLD_PER_SECOND) for allowed in (True, False)}
        self._known: set[tuple[str, int | None]] = set()
        self._reached: set[tuple[str, int]] = set()
        self._untold = self._never_told = 0
        self._connections = self._refused = 0
        self._sent = self._received = 0
        self.pace: Pace = Pace(DECIDED_AT_ONCE, DECIDED_PER_SECOND)

    def named(self, host: str, allowed: bool, reason: str) -> None:  # noqa: FBT001 - fits the callable that hears of names
        """Note that the address of a name was asked for."""
        if allowed:
            self._allowed(host, None, reason)
        else:
            self.refused(host, None, reason)

    def opened(self, host: str, port: int) -> None:
        """Note that a connection was made."""
        self._connections += 1
        self._reached.add((host, port))
        self._allowed(host, port, "connected")

    def refused(self, host: str, port: int | None, reason: str) -> None:
        """Note that something was refused, or was ended for a reason."""
        self._refused += 1
        self.pace.spend(COST_OF_REFUSAL)
        self._tell(host, port, allowed=False, reason=reason, always=False)

    def meter(self, alive: Callable[[], None]) -> "Meter":
        """Return what counts the bytes of one connection; ``alive`` is called whenever some pass."""
        return Meter(self, self._each, alive)

    @property
    def room(self) -> int:
        """How many bytes may still pass."""
        return self._total - self._sent - self._received

    def count(self, size: int, *, outward: bool) -> None:
        """Note that bytes passed."""
        if outward:
            self._sent += size
        else:
            self._received += size

    def close(self) -> None:
        """Tell what it was altogether."""
        reached = tuple(f"{host}:{port}" for host, port in sorted(self._reached))
        self._emit(
            EgressEnded(
                subject=self._subject,
                reached=reached,
                connections=self._connections,
                refused=self._refused,
                sent=self._sent,
                received=self._received,
                untold=self._never_told,
            )
        )

    def _allowed(self, host: str, port: int | None, reason: str) -> None:
        first = (host, port) not in self._known
        self._known.add((host, port))
        self._tell(host, port, allowed=True, reason=reason, always=first)

    def _tell(self, host: str, port: int | None, *, allowed: bool, reason: str, always: bool) -> None:
        if not self._telling[allowed].free() and not always:
            self._untold += 1
            self._never_told += 1
            return
        untold, self._untold = self._untold, 0
        self._emit(
            EgressDecided(subject=self._subject, host=host, port=port, allowed=allowed, reason=reason, untold=untold)
        )


class Meter:
    """Counts the bytes of one connection, both ways together."""

    def __init__(self, ledger: Ledger, most: int, alive: Callable[[], None]) -> None:
        """Begin with nothing passed."""
        self._ledger = ledger
        self._left = most
        self._alive = alive

    @property
    def room(self) -> int:
        """How many bytes may still pass."""
        return min(self._left, self._ledger.room)

    def count(self, size: int, *, outward: bool) -> None:
        """Note that bytes came, before they are passed on.

        Raises:
            ExceededError: They are more than may pass.
        """
        if size > self.room:
            whole = "this connection" if self._left <= self._ledger.room else "all connections together"
            raise ExceededError(f"{whole} would carry more bytes than allowed")
        self._left -= size
        self._ledger.count(size, outward=outward)
        self._alive()
