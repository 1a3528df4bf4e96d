"""A held server: its processes, what happened to it, and what is told about each of its lives."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vsm_mcp.errors import CapacityError, CircuitOpenError, NeedsConfigurationError, PayloadError, StartError
from vsm_mcp.events import EventSink, ServerGivenUp, ServerStarted, ServerStopped
from vsm_mcp.model.enforcement import Usage
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.disabled import refusal
from vsm_mcp.servers.launcher import Opening
from vsm_mcp.servers.links.connections import ConnectionCount
from vsm_mcp.servers.pinned import Custody
from vsm_mcp.servers.supervision.connection import Connection
from vsm_mcp.servers.supervision.health import Condition, ServerHealth, ServerState, ServerStatus
from vsm_mcp.servers.supervision.pool import Pool, Slot
from vsm_mcp.servers.supervision.pulse import Pulse
from vsm_mcp.servers.supervision.restart import Budget

_Number = TypeVar("_Number", int, float)


class Held:
    """A server that is held, with what happened to it.

    Args:
        custody: Watches its tools.
        pool: Its processes.
        budget: What it may still fail.
        silence: Seconds after which an instance that was not heard of is suspect.
        disabled: The names of the servers that may not be used.

    Attributes:
        starts: How often a process of it was started.
        last_error: Why it failed last.
    """

    def __init__(
        self, custody: Custody, pool: Pool, budget: Budget, *, silence: float, disabled: Container[str] = ()
    ) -> None:
        """Begin with nothing running."""
        self.name: str = custody.proven.candidate.name
        self.custody = custody
        self.pool = pool
        self.budget = budget
        self.starts: int = 0
        self.last_error: str | None = None
        self._silence = silence
        self._disabled = disabled

    def refuse(self, now: float) -> None:
        """Do nothing if it may be started.

        Raises:
            DisabledError: The host has disabled it.
            CircuitOpenError: It failed too often and is left alone.
        """
        if self.name in self._disabled:
            raise refusal(self.name)
        seconds = self.budget.closed_for(now)
        if seconds is not None:
            raise CircuitOpenError(
                f"{self.name} failed {self.budget.count(now)} times in a short while and is left alone "
                f"for {seconds:.0f} seconds: {self.last_error}",
                remedies=("Try again later.", "Release it and acquire another server."),
            )

    def state(self, now: float | None) -> ServerState:
        """Return what it is doing at ``now``; ``None`` while nobody can start it."""
        running = self._running()
        first = running[0] if running else self.pool.first
        return ServerState(
            status=self._status(now),
            generation=self.starts,
            pid=first.opening.pid if running else None,
            tools=tuple(tool.name for tool in self.custody.proven.tools),
            enforcement=first.opening.enforcement if self.starts else None,
            last_error=self.last_error,
            held_back=self.custody.held_back,
            processes=len(running),
            waiting=sum(connection.waiting for connection in self.pool.connections),
        )

    def health(self, now: float | None) -> ServerHealth:
        """Return how well it is at ``now``, by what was heard of it."""
        status, pulses = self._status(now), self._pulses()
        silent = min(pulses, key=lambda pulse: pulse.last, default=None)
        answered = None if silent is None or now is None else max(0.0, now - silent.last)
        misses = max((pulse.misses for pulse in pulses), default=0)
        complaint = next((pulse.complaint for pulse in pulses if pulse.complaint is not None), None)
        return ServerHealth(
            server=self.name,
            condition=self._condition(status, answered, bad=misses > 0 or complaint is not None),
            status=status,
            processes=len(pulses),
            answered=answered,
            latency=None if silent is None else silent.latency,
            misses=misses,
            last_error=self.last_error,
            complaint=complaint,
        )

    def usage(self) -> Usage | None:
        """Return what its processes use together; ``None`` when it has none of its own."""
        usages = [usage for slot in self._running() if (usage := slot.opening.usage()) is not None]
        return usages[0] if len(usages) == 1 else _together(usages)

    def connections(self) -> ConnectionCount | None:
        """Count its HTTP connections; ``None`` when it is not reached over HTTP."""
        counted = [slot.opening.connections.count() for slot in self.pool if slot.opening.connections is not None]
        if not counted:
            return None
        return ConnectionCount(
            active=sum(one.active for one in counted),
            idle=sum(one.idle for one in counted),
            waiting=sum(one.waiting for one in counted),
            most=sum(one.most for one in counted),
        )

    def _running(self) -> list[Slot]:
        return [slot for slot in self.pool if slot.usable is not None and slot.usable.link is not None]

    def _pulses(self) -> list[Pulse]:
        lives = (slot.connection for slot in self._running())
        return [life.pulse for life in lives if life is not None and life.pulse is not None]

    def _status(self, now: float | None) -> ServerStatus:
        if self.name in self._disabled:
            return ServerStatus.DISABLED
        if self.pool.usable:
            return ServerStatus.RUNNING if self._running() else ServerStatus.STARTING
        if now is not None and self.budget.closed_for(now) is not None:
            return ServerStatus.RESTING
        if all(connection.stopped or clean(connection) for connection in self.pool.connections):
            return ServerStatus.IDLE
        return ServerStatus.FAILED

    def _condition(self, status: ServerStatus, answered: float | None, *, bad: bool) -> Condition:
        if status in (ServerStatus.FAILED, ServerStatus.RESTING):
            return Condition.DOWN
        if answered is None:
            return Condition.UNKNOWN
        return Condition.SUSPECT if bad or answered > self._silence else Condition.WELL


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is told, and remembered, about one connection from its beginning to its end.

    Attributes:
        opening: Opens it.
        emit: Hears of start and end.
        held: The server it is of; ``None`` for one that is thrown away.
        up: Called when it is up.
        failed: Called when it ended without being asked to.
    """

    opening: Opening
    emit: EventSink
    held: Held | None = None
    up: Callable[[Held], None] | None = None
    failed: Callable[[Held, Connection], None] | None = None

    async def own(self, connection: Connection) -> None:
        """Be the task that owns ``connection``."""
        await connection.run(started=self._started, over=self._over)

    def _started(self, connection: Connection) -> None:
        self.emit(ServerStarted(server=connection.name, pid=self.opening.pid, elapsed=connection.elapsed))
        if self.held is not None and self.up is not None:
            self.up(self.held)

    def _over(self, connection: Connection) -> None:
        failure, ending = connection.failure, connection.ending
        code = failure.exit_code if isinstance(failure, StartError) else ending.exit_code if ending else None
        reason = failure.message if failure else ending.reason if ending else "it was asked to"
        self.emit(ServerStopped(server=connection.name, reason=reason, exit_code=code))
        if self.held is not None and self.failed is not None and (failure or ending):
            self.held.last_error = reason
            self.failed(self.held, connection)


def same_files(held: Proven, proven: Proven) -> bool:
    """Return whether both are the same files, approved with the same words; words that cannot be read are not."""
    try:
        return held.installed.digest == proven.installed.digest and held.pins == proven.pins
    except PayloadError:
        return False


def fault(connection: Connection) -> bool:
    """Return whether its end is a failure of the server itself, which trying again at once would not avoid."""
    return not (connection.blocked or isinstance(connection.failure, NeedsConfigurationError | CapacityError))


def clean(connection: Connection) -> bool:
    """Return whether it came up and ended by itself without an error."""
    return connection.failure is None and connection.ending is not None and connection.ending.exit_code == 0


def given_up(held: Held, now: float) -> ServerGivenUp:
    """Return what is told of a server that is left alone from ``now`` on."""
    return ServerGivenUp(
        server=held.name,
        failures=held.budget.count(now),
        rest=held.budget.closed_for(now) or 0.0,
        reason=held.last_error or "",
    )


def _together(usages: Sequence[Usage]) -> Usage | None:
    """Add up; what is not known of one is not known of all."""
    if not usages:
        return None
    return Usage(
        memory_bytes=_sum([usage.memory_bytes for usage in usages]),
        memory_peak_bytes=_sum([usage.memory_peak_bytes for usage in usages]),
        cpu_seconds=_sum([usage.cpu_seconds for usage in usages]),
        processes=_sum([usage.processes for usage in usages]),
        programs=tuple(sorted({program for usage in usages for program in usage.programs})),
    )


def _sum(values: Sequence[_Number | None]) -> _Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if len(known) == len(values) else None
