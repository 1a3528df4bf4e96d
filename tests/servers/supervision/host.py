"""A host that starts processes of every kind, says so, and waits to be killed: ``python host.py RECORDS``."""

import sys
from pathlib import Path

import anyio

from vsm_mcp.servers.supervision.records import ProcessRecords, RecordedProcesses
from vsm_mcp.world.processes import Command, LocalProcesses

SCRIPT = """
import os, signal, subprocess, sys, time
for signum in (signal.SIGHUP, signal.SIGPIPE): signal.signal(signum, signal.SIG_IGN)
def child(**options): return subprocess.Popen(["/bin/sleep", "1000"], **options).pid
pids = [os.getpid(), child(), child(start_new_session=True)]
print(*pids, flush=True)
time.sleep(1000)
"""
LEADERLESS = "/bin/sleep 1000 > /dev/null 2>&1 < /dev/null & echo $!"


async def main() -> None:
    """Start one that ignores its end, with a child in its group and one beside it, and one whose leader ends first."""
    processes = RecordedProcesses(LocalProcesses(), ProcessRecords(Path(sys.argv[1])))
    whole, rest = Command(argv=(sys.executable, "-c", SCRIPT)), Command(argv=("/bin/sh", "-c", LEADERLESS))
    async with processes.open(whole) as first, processes.open(rest) as second:
        words = [(await process.stdout.receive()).decode().strip() for process in (first, second)]
        sys.stdout.write(" ".join(words) + "\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


anyio.run(main)
