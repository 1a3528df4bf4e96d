"""The watchdog on processes that nothing else holds: what is too much ends, and what is too busy stands still."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import anyio
import pytest

from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.controller import MIB, Tree
from vsm_mcp.sandbox.resources.family import Family
from vsm_mcp.sandbox.resources.watchdog import Watchdog

pytestmark = pytest.mark.anyio

HOLDS = "data = b'x' * (40 << 20)\n"
FORKS = (
    "import os, time\nfor _ in range(2):\n    if os.fork() == 0:\n        break\nelse:\n    print('up', flush=True)\n"
)
SLEEPS = "time.sleep(600)\n"
BURNS = "if os.getppid() == parent:\n    while True:\n        pass\n"
Start = Callable[[str], Tree]


@pytest.fixture
def start() -> Generator[Start]:
    """Return what starts a script and waits until it says that it is up."""
    with ExitStack() as stack:

        def run(script: str) -> Tree:
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
            )
            stack.callback(os.killpg, process.pid, 9)
            assert process.stdout is not None
            process.stdout.readline()
            return Tree(monitor=process.pid, first=process.pid, parked=process.pid)

        yield run


async def test_memory_that_is_really_too_much_ends_it_and_what_is_shared_does_not(start: Start) -> None:
    shared = start(HOLDS + FORKS + SLEEPS)
    async with Watchdog().attach(shared, Limits(memory_mb=80)) as hold:
        with anyio.move_on_after(0.2):
            await hold.watch()
        assert hold.exceeded() is None
        assert 40 * MIB < (hold.usage().memory_peak_bytes or 0) < 80 * MIB
    separate = start(FORKS + HOLDS + "print('up', flush=True)\n" + SLEEPS)
    async with Watchdog().attach(separate, Limits(memory_mb=60)) as hold:
        with anyio.fail_after(10):
            await hold.watch()
        exceeded = hold.exceeded()
    assert exceeded is not None
    assert exceeded.reason is ExitReason.MEMORY


async def test_what_is_too_busy_stands_still_most_of_the_time(start: Start) -> None:
    tree = start("import os\nparent = os.getpid()\n" + FORKS + BURNS + SLEEPS)
    states: list[str] = []

    async def look() -> None:
        while True:
            states.extend(member.state for member in Family(tree.first).members()[1:])
            await anyio.sleep(0.01)

    async with Watchdog().attach(tree, Limits(cpu_cores=0.05, cpu_burst=0.0)) as hold:
        hold.settle()
        with anyio.move_on_after(1.5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(look)
                await hold.watch()
        used = hold.usage().cpu_seconds or 0.0
    assert 0.02 < used < 0.5
    assert 0.2 < states.count("T") / len(states) < 1


async def test_private_file_systems_in_memory_count(start: Start) -> None:
    with tempfile.TemporaryDirectory(prefix="vsm-watch-", dir="/dev/shm") as directory:  # a file system in memory
        tree = start("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
        inside = Tree(monitor=tree.monitor, first=tree.first, parked=tree.parked, scratch=("/dev/shm",))
        async with Watchdog().attach(inside, Limits()) as hold:
            before = hold.usage().memory_bytes or 0
            (Path(directory) / "file").write_bytes(b"x" * 8 * MIB)
            after = hold.usage().memory_bytes or 0
    assert after - before > 6 * MIB


async def test_a_tree_that_has_ended_keeps_its_last_figures(start: Start) -> None:
    tree = start(HOLDS + FORKS + SLEEPS)
    async with Watchdog().attach(tree, Limits()) as hold:
        before = hold.usage()
        gone = Tree(monitor=1, first=(1 << 22) + 1, parked=1)
        async with Watchdog().attach(gone, Limits()) as empty:
            assert empty.usage().memory_bytes == 0
    assert before.processes == 2


@pytest.mark.parametrize("limits", [Limits(cpu_cores=None), Limits(cpu_cores=0.01, cpu_burst=0.0)])
async def test_neither_a_slow_look_nor_a_long_stop_leaves_a_tree_unwatched(
    start: Start, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = start("import os\nparent = os.getpid()\n" + FORKS + BURNS + SLEEPS)
    pauses: list[float] = []
    sleep = anyio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(min(seconds, 0.05))

    async with Watchdog().attach(tree, limits) as hold:
        hold.settle()
        monkeypatch.setattr(anyio, "sleep", noted)
        monkeypatch.setattr(anyio, "current_time", count(anyio.current_time(), 1.0).__next__)
        with anyio.move_on_after(0.5):
            await hold.watch()
    assert len(pauses) > 2
    assert max(pauses) <= 0.25
