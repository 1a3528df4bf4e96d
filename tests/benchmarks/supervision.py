"""What it costs to keep servers alive: kills of servers and of hosts, time to the next served call, many at once.

Run ``python tests/benchmarks/supervision.py [--json] [--quick] [--kills N] [--hosts N] [--servers N] [--minutes N]``.
Servers run unconfined and ignore the end of their input, so that nothing but supervision ends them.
"""

import argparse
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import anyio
import anyio.to_thread

from vsm_mcp.errors import LinkError
from vsm_mcp.events import Event, ServerStarted
from vsm_mcp.model.call import ToolCall
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.supervision.records import ProcessRecords, RecordedProcesses
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.supervision.supervision import RestartType, Supervision
from vsm_mcp.servers.supervision.warden import Warden
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.testing.servers import as_proven, hostile_server
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.secrets import ReferencedSecrets

SERVERS = 8
PERMANENT = Supervision(otherwise=RestartType.PERMANENT, intensity=1000, longest_pause=0.001, stable=0.001)
PATIENCE = 10.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured: kills of servers and of hosts, and how many servers live for how long."""

    kills: int
    hosts: int
    servers: int
    minutes: float


QUICK = Plan(kills=12, hosts=2, servers=10, minutes=0.03)
WHOLE = Plan(kills=500, hosts=20, servers=200, minutes=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured. Seconds are wall time; a failover is what lies between a kill and the next served call.

    What killed hosts left is counted in the moment of the kill; ``left_gone_s`` is the longest that any of it lived on.
    """

    kills: int
    host_kills: int
    orphans: int
    left_by_hosts: int
    left_gone_s: float
    start_median_s: float
    failover_median_s: float
    failover_p99_s: float
    failover_beyond_start_median_s: float
    failover_beyond_start_p99_s: float
    servers: int
    minutes: float
    servers_started_s: float
    host_rss_start_mb: float
    host_rss_end_mb: float
    descriptors_start: int
    descriptors_end: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer kills, fewer servers, a few seconds")
    parser.add_argument("--kills", type=int, help="how many servers are killed")
    parser.add_argument("--hosts", type=int, help="how many hosts are killed")
    parser.add_argument("--servers", type=int, help="how many servers live at once")
    parser.add_argument("--minutes", type=float, help="how long they live")
    parser.add_argument("--host", nargs=2, metavar=("DIRECTORY", "MARK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.host:
        anyio.run(be_host, Path(options.host[0]), f"-{options.host[1]}")
        return
    usual = asdict(QUICK if options.quick else WHOLE)
    plan = Plan(**{name: value if (own := getattr(options, name)) is None else own for name, value in usual.items()})
    result = asdict(anyio.run(measure, plan))
    lines = [f"{name.replace('_', ' '):32} {value:10.3f}" for name, value in result.items()]
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(lines)) + "\n")


async def measure(plan: Plan) -> Result:
    """Kill servers, kill hosts, and let many servers live."""
    mark, random = f"-mark-{secrets.token_hex(8)}", Random(7)  # noqa: S311 - chooses whom to kill
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        starts, failovers, beyond = await kill_servers(directory / "a", mark, kills=plan.kills, random=random)
        left, gone = await kill_hosts(directory / "b", mark, hosts=plan.hosts, random=random)
        many = await live(directory / "c", mark, plan)
        orphans = len(marked(mark))
    return Result(
        kills=plan.kills,
        host_kills=plan.hosts,
        orphans=orphans,
        left_by_hosts=left,
        left_gone_s=gone,
        start_median_s=statistics.median(starts),
        failover_median_s=statistics.median(failovers),
        failover_p99_s=_p99(failovers),
        failover_beyond_start_median_s=statistics.median(beyond),
        failover_beyond_start_p99_s=_p99(beyond),
        servers=plan.servers,
        minutes=plan.minutes,
        servers_started_s=many[0],
        host_rss_start_mb=many[1][0],
        host_rss_end_mb=many[2][0],
        descriptors_start=many[1][1],
        descriptors_end=many[2][1],
    )


@asynccontextmanager
async def hold(
    directory: Path, mark: str, count: int, *, emit: Callable[[Event], None], supervision: Supervision = PERMANENT
) -> AsyncGenerator[tuple[DynamicSpawner, Sequence[str]]]:
    """Hold servers; their processes are written down and watched."""
    records = ProcessRecords(directory / "records")
    warden = Warden(LocalProcesses(), records)
    launcher = Launcher(
        Sandbox.none(RecordedProcesses(LocalProcesses(), records, watching=warden.watching)),
        LazyConnector(eras={}, start=60, call=60),
        policy_for=lambda installed, work: SandboxPolicy(package=installed.path, work=work),
        secrets=ReferencedSecrets(),
        references=lambda _: {},
    )
    workspace = Workspace(directory / "work")
    names = [f"example/server-{number}" for number in range(count)]
    spawner = DynamicSpawner(
        launcher, workspace, emit=emit, supervision=supervision, records=records, trust_first_use=True
    )
    async with spawner:
        for name in names:
            spawner.adopt(as_proven(hostile_server(directory / "pkg", "unending", mark, name=name)))
        yield spawner, names


async def kill_servers(
    directory: Path, mark: str, *, kills: int, random: Random
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Kill servers, one by one, some of them under a call; return starts, failovers, and what these took beyond."""
    starts: list[float] = []
    failovers: list[float] = []
    beyond: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, ServerStarted):
            starts.append(event.elapsed)

    async with hold(directory, mark, SERVERS, emit=hear) as (spawner, names):
        for name in names:
            await serve(spawner, name)
        for _ in range(kills):
            name = random.choice(names)
            pid = int(await serve(spawner, name))
            await anyio.sleep(random.random() * 0.01)
            began = anyio.current_time()
            os.kill(pid, signal.SIGKILL)
            while int(await serve(spawner, name)) == pid:
                pass
            failovers.append(anyio.current_time() - began)
            beyond.append(failovers[-1] - starts[-1])
    return starts, failovers, beyond


async def serve(spawner: DynamicSpawner, name: str) -> str:
    """Call until a call is served; one that met the crash is another call's business."""
    while True:
        try:
            return (await spawner.call(ToolCall(server=name, tool="pid"))).text
        except LinkError:
            continue


async def kill_hosts(directory: Path, mark: str, *, hosts: int, random: Random) -> tuple[int, float]:
    """Kill hosts at a random moment of their lives; return how much they left in all, and how long that lived on."""
    left, longest = 0, 0.0
    for _ in range(hosts):
        left += await anyio.to_thread.run_sync(_kill_host, directory, mark, random.random() * 1.5)
        killed = anyio.current_time()
        with anyio.move_on_after(PATIENCE):
            while marked(mark):  # noqa: ASYNC110 - the end of processes of others is no event of ours
                await anyio.sleep(0.01)
        longest = max(longest, anyio.current_time() - killed)
    return left, longest


def _kill_host(directory: Path, mark: str, seconds: float) -> int:
    """Kill a host; return how many processes of its servers lived in that moment."""
    words = [sys.executable, __file__, "--host", str(directory), mark.removeprefix("-")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as host:
        try:
            if host.stdout is not None:
                host.stdout.readline()
            host.wait(seconds)
        except subprocess.TimeoutExpired:
            left = len(marked(mark))
            host.kill()
            return left
    return 0


async def be_host(directory: Path, mark: str) -> None:
    """Hold servers, kill some, and wait to be killed."""
    random = Random()  # noqa: S311 - chooses whom to call
    async with hold(directory, mark, 4, emit=lambda _: None) as (spawner, names):
        await serve(spawner, names[0])  # so that there is something to leave, however slow the machine is
        sys.stdout.write("entered\n")
        sys.stdout.flush()
        while True:
            pid = int(await serve(spawner, random.choice(names)))
            if random.random() < 0.1:
                os.kill(pid, signal.SIGKILL)


async def live(directory: Path, mark: str, plan: Plan) -> tuple[float, tuple[float, int], tuple[float, int]]:
    """Hold many servers and call each now and then; return how long all took to come up, and what the host uses."""
    options = Supervision(check_every=10)
    async with hold(directory, mark, plan.servers, emit=lambda _: None, supervision=options) as (spawner, names):
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(serve, spawner, name)
        started = anyio.current_time() - began
        for name in names:
            await serve(spawner, name)
        first, end = _used(), anyio.current_time() + plan.minutes * 60
        while anyio.current_time() < end:
            for name in names:
                await serve(spawner, name)
            await anyio.sleep(1)
        return started, first, _used()


def marked(mark: str) -> set[int]:
    """Return the processes of servers that live, by the word that marks them."""
    found: set[int] = set()
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and mark.encode() in (path / "cmdline").read_bytes().split(b"\0")[1:]:
                found.add(int(path.name))
        except OSError:
            continue
    return found - {os.getpid()}


def _used() -> tuple[float, int]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE / 2**20, len(list(Path("/proc/self/fd").iterdir()))


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
