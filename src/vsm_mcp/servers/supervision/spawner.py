"""Starts servers when they are first called, keeps them, starts them anew after a crash, and ends them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from vsm_mcp.errors import (
    CapabilityMissingError,
    CircuitOpenError,
    ConfigurationError,
    NeedsConfigurationError,
    PayloadError,
    StartError,
)
from vsm_mcp.events import EventSink, ServerStarted, ServerStopped, ignore
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.enforcement import Enforcement, Usage
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import Installed, Proven, Running
from vsm_mcp.servers.launcher import Launcher, Opening
from vsm_mcp.servers.pinned import Custody, Quarantine
from vsm_mcp.servers.supervision.connection import Connection
from vsm_mcp.servers.supervision.restart import Failures, RestartPolicy
from vsm_mcp.servers.workspace import Workspace

DRAIN_SECONDS = 5.0
CLEANUP_SECONDS = 10.0


class ServerStatus(StrEnum):
    """What a held server is doing."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    RESTING = "resting"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """One held server, at one moment.

    Attributes:
        status: Idle until the first call; failed after a crash, until the next call starts it anew; resting when it
            failed too often and is left alone.
        generation: How often it was started.
        pid: Its process on this host, while it runs.
        tools: The names of its tools, as proven.
        enforcement: What confines it, once it was started.
        last_error: Why it failed last.
        held_back: Tools that it lists and that are not callable: nobody approved what they say now.
    """

    status: ServerStatus
    generation: int
    pid: int | None
    tools: tuple[str, ...]
    enforcement: Enforcement | None
    last_error: str | None
    held_back: tuple[str, ...] = ()


class DynamicSpawner:
    """Holds servers. Nothing runs before its first call; each server lives in a task of its own.

    Use it as an asynchronous context manager: when it is left, every server it started is gone.

    Args:
        launcher: Opens links to installed servers.
        workspace: Where each has its writable directory.
        emit: Hears of starts and ends.
        restarts: How patient it is with servers that fail.
        drain: Seconds that calls under way get to end when a server is let go.
        trust_first_use: Take what a server lists at its first start for approved if it was held without any known tool.
            For servers that the host made by hand; what was proven always knows its tools.
    """

    def __init__(
        self,
        launcher: Launcher,
        workspace: Workspace,
        *,
        emit: EventSink = ignore,
        restarts: RestartPolicy | None = None,
        drain: float = DRAIN_SECONDS,
        trust_first_use: bool = False,
    ) -> None:
        """Join the parts; nothing is started."""
        self._launcher = launcher
        self._workspace = workspace
        self._emit = emit
        self._restarts = restarts or RestartPolicy()
        self._drain = drain
        self._trust_first_use = trust_first_use
        self._held: dict[str, _Held] = {}
        self._tasks: TaskGroup | None = None

    def __repr__(self) -> str:
        """Show what is held."""
        return f"DynamicSpawner({ {name: str(state.status) for name, state in self.states().items()} })"

    async def __aenter__(self) -> Self:
        """Make it ready to start servers."""
        if self._tasks is not None:
            raise ConfigurationError("This spawner is entered already.", remedies=("Make another one.",))
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        self._tasks = tasks
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every server. What the body raised passes unchanged: it is not shown to the tasks."""
        tasks, self._tasks = self._tasks, None
        if tasks is None:
            return
        with anyio.CancelScope(shield=True), anyio.move_on_after(self._drain + CLEANUP_SECONDS):
            await _end([held.connection for held in self._held.values()])
        tasks.cancel_scope.cancel()
        await tasks.__aexit__(None, None, None)

    def adopt(self, proven: Proven) -> None:
        """Hold a proven server: it is started when it is first called. An older one of its name is let go.

        The one that is held already goes on: what was noticed about its tools stays noticed when it is proven anew, but
        it is not left alone any longer for having failed before.
        """
        name = proven.candidate.name
        previous = self._held.get(name)
        custody = self._custody(previous, proven)
        if previous is not None and custody is previous.custody and previous.opening.installed == proven.installed:
            previous.failures = Failures(self._restarts)
            return
        held = _Held(
            custody,
            self._launcher.prepare(proven.installed, self._workspace.directory(name)),
            self._restarts,
        )
        if previous is not None:
            held.starts = previous.starts
            held.connection = previous.connection
            if held.connection is not None:
                held.connection.stop()
        self._held[name] = held

    async def release(self, server: str) -> None:
        """Let a server go: calls under way may finish, then it is ended. Unknown names are fine."""
        held = self._held.pop(server, None)
        if held is not None:
            await _end([held.connection])

    def states(self) -> Mapping[str, ServerState]:
        """Return what every held server is doing."""
        now = anyio.current_time() if self._tasks is not None else None
        return {name: held.state(now) for name, held in self._held.items()}

    def open_calls(self) -> Mapping[str, int]:
        """Return, per server that is connected, how many calls are under way now."""
        living = ((name, held.connection) for name, held in self._held.items())
        return {name: connection.under_way for name, connection in living if connection is not None}

    def usages(self) -> Mapping[str, Usage]:
        """Return what every server that runs in a process of its own uses, and has used at most."""
        running = (name for name, state in self.states().items() if state.status is ServerStatus.RUNNING)
        used = ((name, self._held[name].opening.usage()) for name in running)
        return {name: usage for name, usage in used if usage is not None}

    def proven(self, server: str) -> Proven | None:
        """Return a held server with its proof; ``None`` when there is none of this name."""
        held = self._held.get(server)
        return None if held is None else held.custody.proven

    def quarantined(self, server: str) -> Quarantine | None:
        """Return what of a held server is not what was approved; ``None`` when nothing is known to differ."""
        held = self._held.get(server)
        return None if held is None else held.custody.quarantine

    def reviewed(self, server: str, pins: Pins) -> Proven:
        """Return a held server as it would be if ``pins`` were approved; nothing changes yet.

        Raises:
            CapabilityMissingError: No server of this name is held.
            PayloadError: ``pins`` is not what it says now.
        """
        return self._known(server).custody.reviewed(pins)

    def approve(self, server: str, pins: Pins) -> Proven:
        """Let everything be called that ``pins`` pins, and return the server as approved; write that down.

        Raises:
            CapabilityMissingError: No server of this name is held.
            PayloadError: ``pins`` is not what it says now: whoever approved it saw something else.
        """
        return self._known(server).custody.approve(pins)

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call; the server is started first when it does not run. Starting does not count as calling time.

        A call is never repeated: when the connection breaks it may have been executed.

        Raises:
            CapabilityMissingError: No server of this name is held.
            CircuitOpenError: It failed too often and is left alone for a while.
            NeedsConfigurationError: It does not start without settings that are not given.
            StartError: It did not come up.
            LinkError: The connection broke; the call may have been executed.
            CallTimeoutError: No answer came in time; the call may have been executed.
            ToolError: The server refused the call.
            PayloadError: Arguments or answer are too large.
            QuarantinedError: The tool is not what was approved.
        """
        return await self._connected(self._known(call.server)).call(call)

    @asynccontextmanager
    async def trial(self, installed: Installed) -> AsyncGenerator[Running]:
        """Start a throw-away instance with an empty writable directory; it ends with the context.

        Raises:
            NeedsConfigurationError: It does not work without settings that are not given.
            StartError: It did not come up.
            SandboxError: It could not be confined as required.
        """
        opening = self._launcher.prepare(installed, None)
        connection = Connection(installed.candidate.name, opening.open, pause=0.0, drain=0.0)
        life = _Life(opening, self._emit)
        self._group().start_soon(life.own, connection, None)
        try:
            await connection.ready()
            yield Running(
                installed=installed,
                link=connection,
                tools=connection.listed.tools,
                enforcement=opening.enforcement,
                pid=opening.pid,
                elapsed=connection.elapsed,
                dropped=connection.dropped,
                instructions=connection.listed.instructions,
                prompts=connection.listed.prompts,
                usage=opening.usage,
            )
        finally:
            with anyio.CancelScope(shield=True):
                await _end([connection])

    def _custody(self, previous: "_Held | None", proven: Proven) -> Custody:
        """Return who watches the tools: for the same files, approved with the same words, whoever did before."""
        if previous is None or not _same(previous.custody.proven, proven):
            return Custody(proven, emit=self._emit, first_use=self._trust_first_use)
        previous.custody.proven = proven
        return previous.custody

    def _known(self, server: str) -> "_Held":
        held = self._held.get(server)
        if held is None:
            raise CapabilityMissingError(
                f"No server named {server!r} is held.",
                remedies=(f"Held are: {', '.join(sorted(self._held)) or 'none'}.", "Acquire it first."),
            )
        return held

    def _connected(self, held: "_Held") -> Connection:
        """Return the living connection of a server, or begin one. Nothing waits in here: two callers get the same."""
        tasks, previous = self._group(), held.connection
        if previous is not None and previous.usable:
            return previous
        now = anyio.current_time()
        seconds = held.failures.closed_for(now)
        if seconds is not None:
            raise CircuitOpenError(
                f"{held.name} failed {held.failures.count(now)} times in a short while and is left alone "
                f"for {seconds:.0f} seconds: {held.last_error}",
                remedies=("Try again later.", "Release it and acquire another server."),
            )
        held.starts += 1
        held.connection = Connection(
            held.name,
            held.opening.open,
            pause=held.failures.pause(now),
            drain=self._drain,
            custody=held.custody,
        )
        tasks.start_soon(_Life(held.opening, self._emit, held).own, held.connection, previous)
        return held.connection

    def _group(self) -> TaskGroup:
        if self._tasks is None:
            raise ConfigurationError(
                "This spawner is not entered, so it cannot start a server.",
                remedies=("Use it as `async with spawner:`.",),
            )
        return self._tasks


class _Held:
    """A server that is held, with what happened to it."""

    def __init__(self, custody: Custody, opening: Opening, restarts: RestartPolicy) -> None:
        self.name = custody.proven.candidate.name
        self.custody = custody
        self.opening = opening
        self.failures = Failures(restarts)
        self.connection: Connection | None = None
        self.starts = 0
        self.last_error: str | None = None

    def state(self, now: float | None) -> ServerState:
        status = self._status(now)
        return ServerState(
            status=status,
            generation=self.starts,
            pid=self.opening.pid if status is ServerStatus.RUNNING else None,
            tools=tuple(tool.name for tool in self.custody.proven.tools),
            enforcement=self.opening.enforcement if self.starts else None,
            last_error=self.last_error,
            held_back=self.custody.held_back,
        )

    def _status(self, now: float | None) -> ServerStatus:
        if self.connection is not None and self.connection.usable:
            return ServerStatus.STARTING if self.connection.link is None else ServerStatus.RUNNING
        if now is not None and self.failures.closed_for(now) is not None:
            return ServerStatus.RESTING
        if self.connection is None or self.connection.stopped:
            return ServerStatus.IDLE
        return ServerStatus.FAILED


@dataclass(frozen=True, slots=True)
class _Life:
    """What is told, and remembered, about one connection from its beginning to its end."""

    opening: Opening
    emit: EventSink
    held: _Held | None = None

    async def own(self, connection: Connection, previous: Connection | None) -> None:
        """Be the task that owns ``connection``; the one before it is gone first."""
        if previous is not None:
            await previous.over()
        await connection.run(started=self._started, over=self._over)

    def _started(self, connection: Connection) -> None:
        self.emit(ServerStarted(server=connection.name, pid=self.opening.pid, elapsed=connection.elapsed))

    def _over(self, connection: Connection) -> None:
        failure, ending = connection.failure, connection.ending
        code = failure.exit_code if isinstance(failure, StartError) else ending.exit_code if ending else None
        reason = "it was asked to"
        if failure or ending:
            reason = failure.message if failure else ending.reason if ending else ""
            self._remember(connection, reason)
        self.emit(ServerStopped(server=connection.name, reason=reason, exit_code=code))

    def _remember(self, connection: Connection, reason: str) -> None:
        if self.held is None:
            return
        self.held.last_error = reason
        if not isinstance(connection.failure, NeedsConfigurationError):
            self.held.failures.note(anyio.current_time())


def _same(held: Proven, proven: Proven) -> bool:
    """Return whether both are the same files, approved with the same words; words that cannot be read are not."""
    try:
        return held.installed.digest == proven.installed.digest and held.pins == proven.pins
    except PayloadError:
        return False


async def _end(connections: Sequence[Connection | None]) -> None:
    """Stop connections, all at once, and wait until they are gone."""
    living = [connection for connection in connections if connection is not None]
    for connection in living:
        connection.stop()
    for connection in living:
        await connection.over()
