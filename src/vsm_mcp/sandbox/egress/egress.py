"""The way out of one sandbox: names and connections from inside arrive here, and only allowed ones get through.

A sandbox has a network of its own that leads nowhere: the kernel holds that. What listens in there are sockets of this
process, so nothing is installed inside, no program has to cooperate, and when this process ends the way is closed.
"""

import socket
import struct
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial

import anyio
from anyio.abc import TaskGroup

from vsm_mcp.events import EventSink
from vsm_mcp.model.enforcement import Held, Level
from vsm_mcp.sandbox.egress.addresses import Resolve, UnreachableError, host_resolver, reach
from vsm_mcp.sandbox.egress.dns import LONGEST_QUERY, Names, answer
from vsm_mcp.sandbox.egress.ledger import Ledger
from vsm_mcp.sandbox.egress.opening import Doors, network_of, open_doors
from vsm_mcp.sandbox.egress.relay import RelayError, carry, reset
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import Processes

RESOLVER_CONFIGURATION = "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n"
"""What a sandbox with a way out finds as ``/etc/resolv.conf``."""

NAME_CONNECTIONS = 8
NAME_SECONDS = 5.0

_LENGTH = struct.Struct("!H")
_BROKEN_SECONDS = 0.1
_OUT_OF_ORDER = "the relay is out of order"
_CLOSED = "a network of its own without a way out"

_Serve = Callable[[socket.socket], Coroutine[None, None, None]]


@asynccontextmanager
async def connected(
    first_pid: int,
    egress: Egress,
    *,
    processes: Processes,
    run_as: int | None,
    subject: str,
    emit: EventSink,
    resolve: Resolve | None = None,
) -> AsyncGenerator[Held]:
    """Give a sandbox whose program is still parked its way out, until the context is left.

    Args:
        first_pid: The first process of the sandbox, on this host.
        egress: What may be reached. Nothing: then nothing is opened.
        processes: Starts the process that opens sockets inside.
        run_as: The user of the sandbox when this process is root.
        subject: Whose way it is, for the events.
        emit: Hears of every decision.
        resolve: Finds the addresses of an allowed host; by default this machine does.

    Raises:
        SandboxError: It could not be opened; nothing leads out.
        StartError: The process that opens the sockets could not be started.
    """
    if not egress:
        number = network_of(first_pid)
        yield Held(requested=egress.words, level=Level.KERNEL, mechanism=_CLOSED, evidence=f"network {number}")
        return
    with ExitStack() as keep:
        doors = await open_doors(first_pid, egress.ports, processes=processes, run_as=run_as, keep=keep)
        ledger = Ledger(egress, subject=subject, emit=emit)
        outlet = _Outlet(egress, doors, ledger=ledger, resolve=resolve or host_resolver())
        with first_error():
            async with anyio.create_task_group() as tasks:
                outlet.start(tasks)
                try:
                    yield _held(egress, doors)
                finally:
                    tasks.cancel_scope.cancel()
                    ledger.close()


def _held(egress: Egress, doors: Doors) -> Held:
    return Held(
        requested=egress.words,
        level=Level.SUPERVISED,
        mechanism=f"{_CLOSED}, held by the kernel; names and connections pass through this process",
        evidence=f"network {doors.network}, names at 127.0.0.1:53, ports {', '.join(map(str, egress.ports))}",
    )


class _Outlet:
    """Serves one sandbox: each duty is one task that ends with the sandbox, and whose failure closes its part."""

    def __init__(self, egress: Egress, doors: Doors, *, ledger: Ledger, resolve: Resolve) -> None:
        self._ledger = ledger
        self._egress = egress
        self._doors = doors
        self._resolve = resolve
        self._names = Names(egress)
        self._slots = anyio.Semaphore(egress.connections)
        self._name_slots = anyio.Semaphore(NAME_CONNECTIONS)

    def start(self, tasks: TaskGroup) -> None:
        """Begin to serve."""
        tasks.start_soon(self._contained, self._answer_datagrams)
        tasks.start_soon(self._contained, partial(self._accept, self._doors.names, self._name_slots, self._serve_names))
        for listener in self._doors.listeners:
            tasks.start_soon(self._contained, partial(self._accept, listener, self._slots, self._serve))

    async def _contained(self, serve: Callable[[], Coroutine[None, None, None]]) -> None:
        """Serve; what fails there closes this part of the way, and does not touch whoever uses the sandbox."""
        try:
            await serve()
        except Exception as error:  # noqa: BLE001 - the boundary of a task: told, and closed
            self._ledger.refused(_OUT_OF_ORDER, None, f"{type(error).__name__}: {error}")

    async def _answer_datagrams(self) -> None:
        while True:
            await self._ledger.pace.pause()
            await anyio.wait_readable(self._doors.datagrams)
            try:
                query, sender = self._doors.datagrams.recvfrom(LONGEST_QUERY + 1)
                if reply := self._answer(query):
                    self._doors.datagrams.sendto(reply, sender)
            except OSError:
                continue  # who asked is gone, or does not read: no answer is fine

    def _answer(self, query: bytes) -> bytes | None:
        self._ledger.pace.spend(1)
        return answer(query, self._names, self._ledger.named)

    async def _accept(self, listener: socket.socket, slots: anyio.Semaphore, serve: _Serve) -> None:
        """Take connections, each in a task of its own; those above the bound wait in the kernel's queue."""

        async def attend(inside: socket.socket) -> None:
            try:
                with inside:
                    await self._contained(partial(serve, inside))
            finally:
                slots.release()

        async with anyio.create_task_group() as tasks:
            while True:
                await slots.acquire()
                tasks.start_soon(attend, await self._next(listener))

    async def _next(self, listener: socket.socket) -> socket.socket:
        while True:
            await self._ledger.pace.pause()
            await anyio.wait_readable(listener)
            try:
                inside, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError:
                await anyio.sleep(_BROKEN_SECONDS)  # broken at once, or this process has too many open files
                continue
            self._ledger.pace.spend(1)
            inside.settimeout(0)
            return inside

    async def _serve(self, inside: socket.socket) -> None:
        address, port = inside.getsockname()
        host = self._names.host(address)
        if host is None:
            self._refuse(inside, address, port, reason="no name leads to this address")
        elif not self._egress.permits(host, port):
            self._refuse(inside, host, port, reason="no rule allows this port")
        elif self._ledger.room <= 0:
            self._refuse(inside, host, port, reason="all connections together carried as many bytes as allowed")
        else:
            await self._connect(inside, host, port)

    async def _connect(self, inside: socket.socket, host: str, port: int) -> None:
        try:
            outside = await reach(host, port, private=host in self._egress.private, resolve=self._resolve)
        except UnreachableError as error:
            self._refuse(inside, host, port, reason=str(error))
            return
        with outside:
            self._ledger.opened(host, port)
            try:
                await carry(inside, outside, ledger=self._ledger, idle=self._egress.idle)
            except RelayError as error:
                reset(outside)
                self._refuse(inside, host, port, reason=str(error))

    def _refuse(self, inside: socket.socket, host: str, port: int, *, reason: str) -> None:
        reset(inside)
        self._ledger.refused(host, port, reason)

    async def _serve_names(self, inside: socket.socket) -> None:
        """Answer questions until the other side ends, breaks the rules or takes too long."""
        with anyio.move_on_after(NAME_SECONDS), suppress(OSError):
            while True:
                (length,) = _LENGTH.unpack(await _exactly(inside, _LENGTH.size))
                reply = None if length > LONGEST_QUERY else self._answer(await _exactly(inside, length))
                if reply is None:
                    return
                inside.send(_LENGTH.pack(len(reply)) + reply)
                await self._ledger.pace.pause()


async def _exactly(one: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        await anyio.wait_readable(one)
        more = one.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data
