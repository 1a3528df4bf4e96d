"""Holds a sandbox until it is killed: ``python victim.py parked|released DIRECTORY``.

It tells, as JSON, the processes that must not outlive it: bubblewrap, the first process of the sandbox, and the shell
or program in it.
"""

import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream

from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, Completed, LocalProcesses, Process

MOMENT, WORK = sys.argv[1], Path(sys.argv[2])


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in family(int(child)))]


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("PPid:")[2].split()[0])


def tell(pid: int) -> None:
    """Write the family of a process down for whoever kills this one."""
    sys.stdout.write(json.dumps({"pids": family(pid)}) + "\n")
    sys.stdout.flush()


class NeverReleased(ByteSendStream):
    """The input of a parked sandbox that nobody opens."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def send(self, item: bytes) -> None:
        tell(self._process.pid)
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        await self._process.stdin.aclose()


class Parked:
    """A process whose input is never written to."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.stdin: ByteSendStream = NeverReleased(process)

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


class Processes:
    """Starts processes; from the second on they stay parked, if that is the moment to hold."""

    def __init__(self) -> None:
        self._local = LocalProcesses()
        self._started = 0

    async def run(self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = 1000) -> Completed:
        return await self._local.run(command, timeout=timeout, stdin=stdin, limit=limit)

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        self._started += 1
        async with self._local.open(command, run_as=run_as, pass_fds=pass_fds) as process:
            yield Parked(process) if MOMENT == "parked" and self._started > 1 else process


async def main() -> None:
    sandbox = Sandbox.bubblewrap(Processes())
    await sandbox.probe()
    command = Command(argv=("/bin/sh", "-c", "touch /work/ran; echo up; sleep 600 & wait"))
    async with sandbox.open(command, SandboxPolicy(work=WORK)) as confined:
        await confined.stdout.receive()
        tell(parent(parent(confined.pid)))
        await anyio.sleep_forever()


anyio.run(main)
