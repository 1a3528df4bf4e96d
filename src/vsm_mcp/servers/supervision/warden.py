"""Who outlives this host: a process that waits for its end and then ends what it started, however it went.

The process is a shell that reads from a pipe. Only this host holds the other end, which no process that it starts
inherits, so the shell reads the end of its input as soon as this host is gone; then it becomes a Python that sweeps.
"""

import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from weakref import WeakMethod

import anyio
from anyio.streams.file import FileStreamAttribute

from vsm_mcp.errors import StartError, VSMError
from vsm_mcp.events import EventSink, HostUnwatched, ignore
from vsm_mcp.servers.supervision.records import ProcessRecords
from vsm_mcp.world.processes import Command, Process, Processes

_WAIT = """trap "" HUP INT TERM; read -r end; exec "$@" >/dev/null 2>&1"""
_SWEEP = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from pathlib import Path
from vsm_mcp.servers.supervision.records import ProcessRecords
ProcessRecords(Path(sys.argv[2])).sweep_after(sys.argv[3])
"""


class Warden:
    """Sees to it that nothing outlives this host, by one small process that lives as long as anything is watched.

    Where that process cannot be started everything runs as without it, and what a killed host leaves behind is ended by
    the next one.

    Args:
        processes: Starts the process.
        records: Where what is watched is written down.
        emit: Hears, once, that nothing watches.
    """

    def __init__(self, processes: Processes, records: ProcessRecords, *, emit: EventSink = ignore) -> None:
        """Keep all; nothing is started before there is something to watch."""
        self._processes = processes
        self._records = records
        self._emit = emit
        self._lock = anyio.Lock()
        self._life = AsyncExitStack()
        self._process: Process | None = None
        self._watched = 0
        self._told = False
        os.register_at_fork(after_in_child=_as_long_as_there(WeakMethod(self._let_go)))

    def __repr__(self) -> str:
        """Show whether it watches."""
        return f"Warden(watched={self._watched}, process={self._process!r})"

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Watch what is started and ended within the context; the last one to leave ends the process that watches."""
        await self._begin()
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._end()

    async def _begin(self) -> None:
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                await self._post()
            self._watched += 1

    async def _end(self) -> None:
        async with self._lock:
            self._watched -= 1
            if not self._watched:
                self._process = None
                await self._life.aclose()

    async def _post(self) -> None:
        """Start the process that waits, instead of one that somebody ended."""
        self._process = None
        await self._life.aclose()
        try:
            self._process = await self._life.enter_async_context(self._processes.open(self._command()))
        except VSMError as error:
            if not self._told:
                self._told = True
                self._emit(HostUnwatched(reason=error.message))

    def _let_go(self) -> None:
        """Let go of the pipe in a copy of this host, such as a worker of ``multiprocessing``, that may outlive it."""
        if self._process is None:
            return
        pipe = self._process.stdin.extra(FileStreamAttribute.fileno, None)  # noqa: S610 - not what the rule looks for
        if pipe is None:
            return
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nothing, pipe, inheritable=False)  # not closed: whoever closes the copy's stream closes this number
        os.close(nothing)

    def _command(self) -> Command:
        """Return what waits: in a directory that nobody wants to remove, and without a mark that a sweep would find.

        Raises:
            StartError: Nothing here can run the sweep.
        """
        python = Path(sys.executable)
        if not python.name.startswith(("python", "pypy")):  # a program with an interpreter inside would begin anew
            raise StartError(
                f"The program {sys.executable!r} is no Python interpreter, so it cannot sweep after this host.",
                remedies=("Run this host with a Python interpreter, or confine its servers.",),
            )
        path = json.dumps([str(Path(place).absolute()) for place in sys.path])
        words = (str(python), "-I", "-c", _SWEEP, path, *self._records.here())
        return Command(argv=("/bin/sh", "-c", _WAIT, "sh", *words), inherit=("LD_LIBRARY_PATH",), cwd=Path("/"))


def _as_long_as_there(method: WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    """Return what calls a method of an object without keeping that: what is called at a fork is so for ever."""

    def call() -> None:
        found = method()
        if found is not None:
            found()

    return call
