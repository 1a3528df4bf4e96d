"""Starts servers when they are first called, keeps them, starts them anew after a crash, and ends them."""

from collections.abc import AsyncGenerator, Container, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from random import Random
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from vsm_mcp.errors import CapabilityMissingError, CircuitOpenError, ConfigurationError, DisabledError
from vsm_mcp.events import EventSink, OrphanEnded, ignore
from vsm_mcp.guard.permissions import Objection, no_objection
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.enforcement import Usage
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import Installed, Proven, Running
from vsm_mcp.servers.disabled import refusal
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.connections import ConnectionCount
from vsm_mcp.servers.pinned import Custody, Quarantine
from vsm_mcp.servers.supervision.connection import Connection
from vsm_mcp.servers.supervision.health import ServerHealth, ServerState, ServerStatus
from vsm_mcp.servers.supervision.held import Held, Life, clean, fault, given_up, same_files
from vsm_mcp.servers.supervision.pool import Pool, Slot
from vsm_mcp.servers.supervision.pulse import Watch
from vsm_mcp.servers.supervision.records import ProcessRecords
from vsm_mcp.servers.supervision.restart import Budget, RestartPolicy
from vsm_mcp.servers.supervision.supervision import Order, RestartType, Supervision
from vsm_mcp.servers.workspace import Workspace

__all__ = ["DynamicSpawner", "ServerState", "ServerStatus"]

DRAIN_SECONDS = 5.0
CLEANUP_SECONDS = 10.0


class DynamicSpawner:
    """Holds servers. Nothing runs before its first call; each server lives in a task of its own.

    Use it as an asynchronous context manager: when it is left, every server it started is gone.

    Args:
        launcher: Opens links to installed servers.
        workspace: Where each has its writable directory.
        emit: Hears of starts and ends.
        supervision: How servers are kept alive; by default each is started anew by the call that needs it.
        restarts: How patient it is with servers that fail, if not as ``supervision`` says.
        records: Where its processes are written down; what an earlier host left behind is ended when it is entered.
        random: Spreads pauses and checks in time.
        objection: Says why a tool of a server may not be called, not even to check whether the server works.
        disabled: The names of the servers that are held and not used.
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
        supervision: Supervision | None = None,
        restarts: RestartPolicy | None = None,
        records: ProcessRecords | None = None,
        random: Random | None = None,
        objection: Objection = no_objection,
        disabled: Container[str] = (),
        drain: float = DRAIN_SECONDS,
        trust_first_use: bool = False,
    ) -> None:
        """Join the parts; nothing is started."""
        self._launcher = launcher
        self._workspace = workspace
        self._emit = emit
        self._options = supervision or Supervision(otherwise=RestartType.TEMPORARY)
        self._restarts = restarts or self._options.policy
        self._records = records
        self._random = random or Random()  # noqa: S311 - spreads load, keeps no secret
        self._watch = Watch(self._options, self._random, objection)
        self._order = Order(self._options.groups)
        self._starts = anyio.Semaphore(self._options.starts_at_once)
        self._disabled = disabled
        self._drain = drain
        self._trust_first_use = trust_first_use
        self._held: dict[str, Held] = {}
        self._tasks: TaskGroup | None = None

    def __repr__(self) -> str:
        """Show what is held."""
        return f"DynamicSpawner({', '.join(self.names)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the servers that are held, sorted."""
        return tuple(sorted(self._held))

    async def __aenter__(self) -> Self:
        """Make it ready to start servers; end those that a host left behind which was killed."""
        if self._tasks is not None:
            raise ConfigurationError("This spawner is entered already.", remedies=("Make another one.",))
        for orphan in await self._records.sweep() if self._records is not None else ():
            self._emit(OrphanEnded(pid=orphan.pid, program=orphan.program))
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
            await _end([connection for held in self._held.values() for connection in held.pool.connections])
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
        if previous is None:
            self._held[name] = self._hold(custody, proven)
            return
        if custody is previous.custody and previous.pool.first.opening.installed == proven.installed:
            previous.budget.restore()
            return
        held = self._hold(custody, proven)
        held.starts = previous.starts
        held.pool.follow(previous.pool)
        self._held[name] = held

    async def release(self, server: str) -> None:
        """Let a server go: calls under way may finish, then it is ended. Unknown names are fine."""
        held = self._held.pop(server, None)
        if held is not None:
            await _end(held.pool.connections)

    async def stop(self, server: str) -> None:
        """End what runs of a server that stays held: calls under way may finish. Unknown names are fine."""
        held = self._held.get(server)
        if held is not None:
            held.custody.tell_again()
            await _end(held.pool.connections)

    def is_disabled(self, server: str) -> bool:
        """Return whether the host has disabled the server of this name, whether it is held or not."""
        return server in self._disabled

    async def forget(self, installed: Installed) -> None:
        """Forget what a server elsewhere granted that was released and is not meant to come back."""
        await self._launcher.forget(installed)

    def states(self) -> Mapping[str, ServerState]:
        """Return what every held server is doing."""
        now = self._now()
        return {name: held.state(now) for name, held in self._held.items()}

    def health(self) -> Mapping[str, ServerHealth]:
        """Return how well every held server is, by its last signs of life; nobody is asked."""
        now = self._now()
        return {name: held.health(now) for name, held in self._held.items()}

    def open_calls(self) -> Mapping[str, int]:
        """Return, per server that is connected, how many calls are under way now."""
        started = ((name, held.pool.connections) for name, held in self._held.items())
        return {name: sum(each.under_way for each in living) for name, living in started if living}

    def usages(self) -> Mapping[str, Usage]:
        """Return what every server that runs in processes of its own uses, and has used at most."""
        used = ((name, held.usage()) for name, held in self._held.items())
        return {name: usage for name, usage in used if usage is not None}

    def connections(self) -> Mapping[str, ConnectionCount]:
        """Return, per server that is reached over HTTP, how many connections there are to it."""
        counted = ((name, held.connections()) for name, held in self._held.items())
        return {name: count for name, count in counted if count is not None}

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
            CapabilityMissingError: No server of this name is held, or it is disabled (`DisabledError`).
            CircuitOpenError: It failed too often and is left alone for a while.
            NeedsConfigurationError: It does not start without settings that are not given.
            StartError: It did not come up.
            LinkError: The connection broke; the call may have been executed.
            CallTimeoutError: No answer came in time; the call may have been executed.
            ToolError: The server refused the call.
            PayloadError: Arguments or answer are too large.
            QuarantinedError: The tool is not what was approved.
        """
        held = self._known(call.server)
        if call.server in self._disabled:  # what still runs of it only ends what it has begun
            raise refusal(call.server, call.tool)
        self._group()
        result = await self._serving(held, call.agent).call(call)
        if held.budget.spent and held.budget.trying(anyio.current_time()):
            held.budget.restore()
        return result

    @asynccontextmanager
    async def trial(self, installed: Installed) -> AsyncGenerator[Running]:
        """Start a throw-away instance with an empty writable directory; it ends with the context.

        Raises:
            NeedsConfigurationError: It does not work without settings that are not given.
            StartError: It did not come up.
            SandboxError: It could not be confined as required.
        """
        opening = self._launcher.prepare(installed, None)
        connection = Connection(installed.candidate.name, opening.open, pause=0.0, drain=0.0, starts=self._starts)
        life = Life(opening=opening, emit=self._emit)
        self._group().start_soon(life.own, connection)
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
            with anyio.move_on_after(CLEANUP_SECONDS, shield=True):  # its owner goes on ending it
                await _end([connection])

    def _now(self) -> float | None:
        return anyio.current_time() if self._tasks is not None else None

    def _hold(self, custody: Custody, proven: Proven) -> Held:
        name, options = proven.candidate.name, self._options
        prepare = partial(self._launcher.prepare, proven.installed, self._workspace.directory(name))
        pool = Pool(prepare, size=options.size_of(name), supervision=options)
        silence = options.check_every * (1 + options.check_jitter) + options.check_timeout
        return Held(custody, pool, Budget(self._restarts, self._random), silence=silence, disabled=self._disabled)

    def _custody(self, previous: Held | None, proven: Proven) -> Custody:
        """Return who watches the tools: for the same files, approved with the same words, whoever did before."""
        if previous is None or not same_files(previous.custody.proven, proven):
            return Custody(proven, emit=self._emit, first_use=self._trust_first_use)
        previous.custody.proven = proven
        return previous.custody

    def _known(self, server: str) -> Held:
        held = self._held.get(server)
        if held is None:
            raise CapabilityMissingError(
                f"No server named {server!r} is held.",
                remedies=(f"Held are: {', '.join(sorted(self._held)) or 'none'}.", "Acquire it first."),
            )
        return held

    def _serving(self, held: Held, agent: str) -> Connection:
        """Return the connection that serves ``agent``, or begin one. Nothing waits here: two callers get the same."""
        pool = held.pool
        slot = pool.choose(agent, grow=not held.budget.spent)
        connection = slot.usable or self._begin(held, slot)
        spare = pool.wanted(slot)
        if spare is not None:
            self._begin_again(held, spare)
        return connection

    def _begin(self, held: Held, slot: Slot) -> Connection:
        """Begin a connection.

        Raises:
            CircuitOpenError: The server, or one that it rests on, is left alone.
            DisabledError: It is disabled, or one that it rests on is.
        """
        tasks, now = self._group(), anyio.current_time()
        held.refuse(now)
        rests_on = [self._standing(self._held[name]) for name in self._order.before(held.name) if name in self._held]
        held.starts += 1
        slot.connection = Connection(
            held.name,
            slot.opening.open,
            pause=held.budget.pause(now),
            drain=self._drain,
            custody=held.custody,
            watch=self._watch,
            starts=self._starts,
            previous=slot.connection,
            rests_on=rests_on,
        )
        life = Life(opening=slot.opening, emit=self._emit, held=held, up=self._came_up, failed=self._failed)
        tasks.start_soon(life.own, slot.connection)
        return slot.connection

    def _standing(self, held: Held) -> Connection:
        """Return a connection of a server that another one rests on."""
        slot = next(iter(held.pool.usable), held.pool.first)
        return slot.usable or self._begin(held, slot)

    def _begin_again(self, held: Held, slot: Slot) -> None:
        """Begin a connection that nobody waits for; what is left alone stays alone."""
        with suppress(CircuitOpenError, DisabledError):
            self._begin(held, slot)

    def _came_up(self, held: Held) -> None:
        """Bring back what rests on a server that is up again and is to be there always."""
        for other in self._after(held.name):
            if other.starts and not other.pool.usable and self._kept_up(other):
                self._begin_again(other, other.pool.first)

    def _failed(self, held: Held, connection: Connection) -> None:
        """Count a failure, let go what rests on the server, and begin anew what is to be there always."""
        if not fault(connection):
            return
        now = anyio.current_time()
        kind = self._options.restart_of(held.name)
        counted = kind is RestartType.PERMANENT or not clean(connection)
        if counted and held.budget.spend(now, ran=connection.lived(now)):
            self._emit(given_up(held, now))
        if self._tasks is None or self._held.get(held.name) is not held:
            return
        fallen = [] if held.pool.usable else self._fell(held)
        slot = next((slot for slot in held.pool if slot.connection is connection), None)
        if slot is not None and counted and kind is not RestartType.TEMPORARY:
            self._begin_again(held, slot)
        for other in fallen:
            self._begin_again(other, other.pool.first)

    def _fell(self, held: Held) -> list[Held]:
        """Let go what rests on ``held``; return what of it is to come back at once."""
        running = [other for other in self._after(held.name) if other.pool.usable]
        for other in running:
            for connection in other.pool.connections:
                connection.stop()
        if self._options.restart_of(held.name) is RestartType.TEMPORARY:
            return []
        return [other for other in running if self._kept_up(other)]

    def _after(self, server: str) -> list[Held]:
        return [self._held[name] for name in self._order.after(server) if name in self._held]

    def _kept_up(self, held: Held) -> bool:
        return self._options.restart_of(held.name) is not RestartType.TEMPORARY

    def _group(self) -> TaskGroup:
        if self._tasks is None:
            raise ConfigurationError(
                "This spawner is not entered, so it cannot start a server.",
                remedies=("Use it as `async with spawner:`.",),
            )
        return self._tasks


async def _end(connections: Sequence[Connection]) -> None:
    """Stop connections, all at once, and wait until they are gone."""
    for connection in connections:
        connection.stop()
    for connection in connections:
        await connection.over()
