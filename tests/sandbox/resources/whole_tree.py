"""Attacks the limits of whole trees: ``python whole_tree.py CONTROLLER DIRECTORY``, as whichever user runs this.

Writes, as one JSON object, what became of each attack.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import anyio

from vsm_mcp.events import Event, ResourceExceeded
from vsm_mcp.model.enforcement import Aspect
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.resources.cgroups.cgroup1 import CgroupV1
from vsm_mcp.sandbox.resources.watchdog import Watchdog
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

CONTROLLERS = {"cgroup v1": CgroupV1, "watchdog": Watchdog}
PYTHON = "/usr/bin/python3"
MEMORY = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        data = bytearray()
        for _ in range(12):
            data += b"x" * (1 << 20)
            time.sleep(0.02)
        time.sleep(600)
time.sleep(600)
"""
SHARED = """
import mmap, os, time
if os.fork() == 0:
    if os.fork() == 0:
        data = mmap.mmap(-1, 200 << 20)
        for place in range(0, 200 << 20, 4096):
            data[place] = 1
            if not place % (1 << 20):
                time.sleep(0.01)
    time.sleep(600)
time.sleep(600)
"""
BEHIND = """
import ctypes, os, threading, time
def eat():
    time.sleep(0.1)
    data = []
    for _ in range(40):
        data.append(b"x" * (1 << 20))
        time.sleep(0.005)
    time.sleep(600)
libc = ctypes.CDLL(None)
for _ in range(2):
    if os.fork() == 0:
        break
threading.Thread(target=eat).start()
libc.syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""
COPIES = """
import os, time
data = b"x" * (40 << 20)
for _ in range(3):
    if os.fork() == 0:
        break
print("up", flush=True)
time.sleep(600)
"""
BUSY = """
import os
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
while True:
    pass
"""
CHURN = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        end = time.monotonic() + 0.004
        while time.monotonic() < end:
            pass
        os._exit(0)
    time.sleep(0.004)
"""
FORKS = """
import os, time
made = 0
try:
    while made < 200:
        if os.fork() == 0:
            time.sleep(600)
        made += 1
except OSError:
    pass
print(made, flush=True)
time.sleep(600)
"""
FILL = """
import time
for number in range(100):
    with open(f"/work/{number}", "wb") as file:
        file.write(b"x" * (1 << 20))
    time.sleep(0.01)
time.sleep(600)
"""
REMOVED = """
import os, time
kept = []
for number in range(100):
    file = open(f"/work/x", "wb")
    os.unlink("/work/x")
    file.write(b"x" * (1 << 20))
    file.flush()
    kept.append(file)
    time.sleep(0.01)
time.sleep(600)
"""
SMALL = Limits(memory_mb=64)


class Attacks:
    """Runs attacks in one sandbox."""

    def __init__(self, sandbox: Sandbox, place: Path, heard: list[Event]) -> None:
        self.sandbox = sandbox
        self.place = place
        self.heard = heard

    async def memory(self) -> Mapping[str, object]:
        return await self.killed(MEMORY, SandboxPolicy(limits=SMALL, subject="bomb"))

    async def shared(self) -> Mapping[str, object]:
        return await self.killed(SHARED, SandboxPolicy(limits=SMALL))

    async def behind(self) -> Mapping[str, object]:
        """Take memory in processes whose first thread has ended; each alone may have what it takes."""
        return await self.killed(BEHIND, SandboxPolicy(limits=SMALL))

    async def copies(self) -> Mapping[str, object]:
        """Share memory with children: counted once, it is allowed."""
        async with self.open(COPIES, SandboxPolicy(limits=SMALL)) as confined:
            await anyio.sleep(0.6)
            return {"runs": confined.exit_reason is None, **asdict(confined.usage())}

    async def disk(self) -> Mapping[str, object]:
        return await self.killed(FILL, self.kept())

    async def removed(self) -> Mapping[str, object]:
        return await self.killed(REMOVED, self.kept())

    async def lifetime(self) -> Mapping[str, object]:
        return await self.killed("import time; time.sleep(600)", SandboxPolicy(limits=Limits(lifetime=0.3)))

    async def forks(self) -> Mapping[str, object]:
        async with self.open(FORKS, SandboxPolicy(limits=Limits(processes=16))) as confined:
            with anyio.fail_after(20):
                made = int(await confined.stdout.receive())
            return {"made": made, **asdict(confined.usage())}

    async def cpu(self) -> Mapping[str, object]:
        return await self.share(BUSY)

    async def churn(self) -> Mapping[str, object]:
        """Let children do the work, each for a moment, and wait for none of them."""
        return await self.share(CHURN)

    async def share(self, script: str) -> Mapping[str, object]:
        async with self.open(script, SandboxPolicy(limits=Limits(cpu_burst=5.0))) as confined:
            await anyio.sleep(0.3)
            start = used(confined)
            confined.settle()
            await anyio.sleep(0.4)
            before, settled = anyio.current_time(), used(confined)
            await anyio.sleep(1.6)
            spent = (used(confined) - settled) / (anyio.current_time() - before)
            return {"start": start, "share": spent, "programs": confined.usage().programs}

    def kept(self) -> SandboxPolicy:
        return SandboxPolicy(work=self.place / "work", limits=Limits(kept_mb=8))

    def open(self, script: str, policy: SandboxPolicy):  # noqa: ANN201 - a context of the sandbox
        return self.sandbox.open(Command(argv=(PYTHON, "-I", "-S", "-c", script)), policy)

    async def killed(self, script: str, policy: SandboxPolicy) -> Mapping[str, object]:
        del self.heard[:]
        before = anyio.current_time()
        async with self.open(script, policy) as confined:
            levels = {str(aspect): str(confined.enforcement.level(aspect)) for aspect in Aspect}
            with anyio.move_on_after(15):
                await confined.wait()
            reason, detail = confined.exit_reason, confined.exit_detail
            peak = confined.usage().memory_peak_bytes
        return {
            "reason": reason,
            "detail": detail,
            "peak": peak,
            "levels": levels,
            "seconds": anyio.current_time() - before,
            "events": [asdict(event) for event in self.heard if isinstance(event, ResourceExceeded)],
        }


def used(confined: Confined) -> float:
    return confined.usage().cpu_seconds or 0.0


async def main() -> None:
    heard: list[Event] = []
    controller = CONTROLLERS[sys.argv[1]]()
    sandbox = Sandbox.bubblewrap(LocalProcesses(), controllers=[controller], emit=heard.append)
    await sandbox.probe()
    attacks = Attacks(sandbox, Path(sys.argv[2]), heard)
    todo: tuple[Callable[[], Awaitable[Mapping[str, object]]], ...] = (
        attacks.memory, attacks.shared, attacks.behind, attacks.copies, attacks.disk, attacks.removed,
        attacks.lifetime, attacks.forks, attacks.cpu, attacks.churn,
    )  # fmt: skip
    found: dict[str, object] = {"pid": os.getpid()}
    for attack in todo:
        work = Path(sys.argv[2]) / "work"
        for path in work.iterdir():
            path.unlink()
        found[attack.__name__] = await attack()
    sys.stdout.write(json.dumps(found))


anyio.run(main)
