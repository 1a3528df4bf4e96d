"""A library that will be killed: holds a sandbox, parked or released, and tells which processes must not outlive it.

It runs as a process of its own: ``victim(moment, python)``.
"""

import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream

from vsm_mcp.sandbox.linux.bubblewrap import Bubblewrap
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses, Process

PARKED = "parked"
RELEASED = "released"
RAN = "ran\n"
LIFE = 600

_PROGRAM = f"import sys, time; sys.stdout.write({RAN!r}); sys.stdout.flush(); sys.stdin.read(); time.sleep({LIFE})"


def family(pid: int) -> tuple[int, ...]:
    """Return a process and all below it, as far as they still live."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return ()
    return (pid, *(below for child in children for below in family(int(child))))


def victim(moment: str, python: str) -> None:
    """Hold a sandbox until this process is killed."""
    anyio.run(_hold, moment, Path(python))


async def _hold(moment: str, python: Path) -> None:
    starting = _Starting(moment)
    sandbox = Bubblewrap(starting)
    await sandbox.enforces()
    starting.tried = True
    async with sandbox.open(Command(argv=(str(python), "-I", "-S", "-c", _PROGRAM)), SandboxPolicy()) as confined:
        await confined.stdout.receive()
        await _tell(starting.started)
        await anyio.sleep(LIFE)


async def _tell(pid: int) -> None:
    sys.stdout.write(json.dumps(family(pid)) + "\n")
    sys.stdout.flush()


class _Starting:
    """Starts processes; once the machine has been tried, and if that is the moment to hold, they stay parked."""

    def __init__(self, moment: str) -> None:
        self._local = LocalProcesses()
        self._moment = moment
        self.tried = False
        self.started = 0

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        return await self._local.run(command, timeout=timeout, stdin=stdin, limit=limit)

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        async with self._local.open(command, run_as=run_as, pass_fds=pass_fds) as process:
            self.started = process.pid
            yield _Parked(process) if self.tried and self._moment == PARKED else process


class _Parked:
    """A process whose input is never written to."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.stdin: ByteSendStream = _NeverReleased(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @property
    def stdout(self) -> ByteReceiveStream:
        return self._process.stdout

    @property
    def stderr(self) -> ByteReceiveStream:
        return self._process.stderr

    async def wait(self) -> int:
        return await self._process.wait()

    def kill(self) -> None:
        self._process.kill()


class _NeverReleased(ByteSendStream):
    """The input of a parked sandbox that nobody opens."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def send(self, item: bytes) -> None:
        await _tell(self._process.pid)
        await anyio.sleep(LIFE)

    async def aclose(self) -> None:
        await self._process.stdin.aclose()
