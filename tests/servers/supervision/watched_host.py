"""A host that is watched: ``python watched_host.py RECORDS BACKEND [fork]``; it leaves in order when it reads a line.

It starts two servers that ignore the end of their input, each with a child in its group and one beside it, and says
their numbers. At an interrupt it says so and lives on. With ``fork`` it also makes a copy of itself, which only waits,
and says its number last.
"""

import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.supervision.records import ProcessRecords, RecordedProcesses
from vsm_mcp.servers.supervision.warden import Warden
from vsm_mcp.world.processes import Command, LocalProcesses

SERVERS = 2
SCRIPT = """
import os, signal, subprocess, time
for signum in (signal.SIGHUP, signal.SIGPIPE): signal.signal(signum, signal.SIG_IGN)
def child(**options): return subprocess.Popen(["/bin/sleep", "1000"], **options).pid
print(os.getpid(), child(), child(start_new_session=True), flush=True)
time.sleep(1000)
"""


async def main() -> None:
    """Start servers and live until a line is read."""
    records = ProcessRecords(Path(sys.argv[1]))
    warden = Warden(LocalProcesses(), records)
    sandbox = Sandbox.none(RecordedProcesses(LocalProcesses(), records, watching=warden.watching))
    async with AsyncExitStack() as life, anyio.create_task_group() as tasks:
        pids: list[str] = []
        for _ in range(SERVERS):
            command = Command(argv=(sys.executable, "-c", SCRIPT))
            server = await life.enter_async_context(sandbox.open(command, SandboxPolicy()))
            pids.append((await server.stdout.receive()).decode().strip())
        await tasks.start(live_on)
        pids += map(str, copies())
        say(" ".join(pids))
        await anyio.to_thread.run_sync(sys.stdin.readline)
        tasks.cancel_scope.cancel()


def copies() -> list[int]:
    """Make a copy if one is wanted, as workers of ``multiprocessing`` are; it holds whatever this host holds."""
    if sys.argv[3:] != ["fork"]:
        return []
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return [pid]


async def live_on(*, task_status: anyio.abc.TaskStatus[None]) -> None:
    """Tell of interrupts, as an interactive program does."""
    with anyio.open_signal_receiver(signal.SIGINT) as interrupts:
        task_status.started()
        async for _ in interrupts:
            say("interrupted")


def say(words: str) -> None:
    """Write a line at once."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


anyio.run(main, backend=sys.argv[2])
