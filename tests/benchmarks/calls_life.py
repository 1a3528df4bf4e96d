"""What calls and servers leave behind, how soon many servers are there, and how soon a dead one is replaced."""

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
from calls_ways import HELLO, Way, in_flight, starting

from vsm_mcp.errors import LinkError, VSMError
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON, as_proven, hostile_server, make_spawner

NAME = "example/hostile"
STARTS_AT_ONCE = 8
HOST_SERVERS = 5
SETTLE_SECONDS = 5.0
SEED = 20260728


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """How much more there was of each after the calls."""

    calls: int
    rss_kib: int
    descriptors: int
    threads: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """What was measured.

    Attributes:
        servers: How many were connected at once, and answered a call when all of them were there.
        ready_s: Seconds until all of them had listed their tools.
        failover_s: Seconds from the death of a server to the next answer, without the server's own start.
        own_start_s: Seconds that such a server needs to start and answer when nothing else is done.
        kills: How many servers and hosts were killed.
        orphans: Processes that were left afterwards.
    """

    servers: int
    ready_s: float
    failover_s: float
    own_start_s: float
    kills: int
    orphans: int


def connector() -> LeanConnector:
    """Return what makes the links here."""
    return LeanConnector(eras={"e": "legacy"})


async def leaks(calls: int) -> Leaks:
    """Make ``calls`` calls over one link, after as many to warm up as a tenth of them."""
    async with connector().stdio(starting(), name="echo", digest="e") as link:
        way = Way(lambda: link.call(HELLO))
        await in_flight(way, 10, calls // 10)
        before = _state()
        await in_flight(way, 10, calls)
        after = _state()
    rss, descriptors, threads, processes = (new - old for new, old in zip(after, before, strict=True))
    return Leaks(calls=calls, rss_kib=rss, descriptors=descriptors, threads=threads, processes=processes)


async def lives(*, servers: int, failovers: int, kills: int) -> Lives:
    """Measure starts, failovers and kills."""
    ready, answered = await _ready(servers)
    own, whole = await _own_start(failovers), await _failover(failovers)
    orphans = await _orphans_of_servers(kills) + await _orphans_of_host(max(1, kills // 10))
    return Lives(
        servers=answered,
        ready_s=ready,
        failover_s=max(0.0, whole - own),
        own_start_s=own,
        kills=kills + max(1, kills // 10),
        orphans=orphans,
    )


async def _ready(servers: int) -> tuple[float, int]:
    """Start servers, a few at a time, and list the tools of each; when the last is there, call them all at once.

    Returns the seconds until the last was there, and how many answered that call.
    """
    limit, makes = anyio.CapacityLimiter(STARTS_AT_ONCE), connector()
    there, count = anyio.Event(), iter(range(1, servers))
    answers: list[ToolResult] = []

    async def keep() -> None:
        async with AsyncExitStack() as life:
            async with limit:
                link = await life.enter_async_context(makes.stdio(starting(), name="echo", digest="e"))
                await link.tools()
            if next(count, None) is None:
                there.set()
            await there.wait()
            answers.append(await link.call(HELLO))

    began = lasted = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(servers):
            tasks.start_soon(keep)
        await there.wait()
        lasted = time.perf_counter()
    return lasted - began, sum(not answer.is_error for answer in answers)


async def _own_start(times: int) -> float:
    """Return how long the server itself takes from its start to its first answer, without any client of ours."""
    return statistics.median([await anyio.to_thread.run_sync(_started_bare) for _ in range(times)])


def _started_bare() -> float:
    began = time.perf_counter()
    command = [SYSTEM_PYTHON, str(HOSTILE), "good"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        process.stdout.readline()
        lasted = time.perf_counter() - began
        process.kill()
    return lasted


async def _failover(times: int) -> float:
    """Return how long it takes from the kill of a supervised server to the next answer; each was well until then."""
    return statistics.median([await _one_failover() for _ in range(times)])


async def _one_failover() -> float:
    with tempfile.TemporaryDirectory() as name:
        async with make_spawner(Path(name)) as spawner:
            spawner.adopt(as_proven(hostile_server(Path(name) / "pkg")))
            pid = int((await spawner.call(ToolCall(server=NAME, tool="pid"))).text)
            began = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            await _answer(spawner.call, pid)
            return time.perf_counter() - began


async def _answer(call: Callable[[ToolCall], Awaitable[ToolResult]], pid: int) -> None:
    """Call until another process answers; a call that was under way when the server died may fail."""
    with anyio.fail_after(20):
        while True:
            with suppress(VSMError):
                if int((await call(ToolCall(server=NAME, tool="pid"))).text) != pid:
                    return
            await anyio.sleep(0.001)


async def _orphans_of_servers(kills: int) -> int:
    """Kill servers at random moments, under load, and count what is left of them."""
    mark, chance = f"-{uuid.uuid4().hex}", random.Random(SEED)  # noqa: S311 - the same moments every time
    for _ in range(kills):
        link_of_one = connector().stdio(starting(mark), name="echo", digest="e")
        async with link_of_one as link, anyio.create_task_group() as tasks:
            tasks.start_soon(_kill_soon, mark, chance.random() / 100)
            while link.alive:
                with suppress(LinkError):
                    await link.call(HELLO)
    return await _left(mark)


async def _kill_soon(mark: str, seconds: float) -> None:
    await anyio.sleep(seconds)
    for pid in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _orphans_of_host(kills: int) -> int:
    """Kill hosts that hold servers, and count what is left of those: they are not confined here."""
    left = 0
    for _ in range(kills):
        mark = f"-{uuid.uuid4().hex}"
        async with await anyio.open_process([sys.executable, __file__, mark], stderr=None) as host:
            assert host.stdout is not None
            await host.stdout.receive()
            host.kill()
        left += await _left(mark)
    return left


async def _left(mark: str) -> int:
    """Wait a while for the last of them, and count those that do not end."""
    with anyio.move_on_after(SETTLE_SECONDS):
        while marked(mark):  # noqa: ASYNC110 - the end of somebody else's processes is no event of ours
            await anyio.sleep(0.02)
    return len(marked(mark))


def marked(mark: str) -> set[int]:
    """Return the processes that have ``mark`` among their words, but for this one."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def _state() -> tuple[int, int, int, int]:
    """Return memory, descriptors, threads and children of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return (
        pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        len(list(Path("/proc/self/fd").iterdir())),
        threading.active_count(),
        len(children),
    )


async def _be_host(mark: str) -> None:
    """Hold servers until killed."""
    async with AsyncExitStack() as life:
        makes = connector()
        for _ in range(HOST_SERVERS):
            link = await life.enter_async_context(makes.stdio(starting(mark), name="echo", digest="e"))
            await link.call(HELLO)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(_be_host, sys.argv[1])
