"""What confinement costs: a confined start against a plain one, and what holds a whole tree of processes.

Run ``python tests/benchmarks/sandbox.py [--json] [--quick]``. Each round starts ``/bin/true`` once plainly and once in
each way of holding the tree that this machine allows, and waits for its end; wall time, in milliseconds. Then, for each
way: how far eight processes of 100 MB come with a limit of 512 MiB (256 MiB when quick, so that fewer are enough), the
share of a core that 1, 2 and 6 busy processes get when half a core is allowed, and how much of a core the watching
takes while the server does nothing.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import anyio

from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.sandbox.resources.choose import known_controllers
from vsm_mcp.sandbox.resources.controller import MIB
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

TRUE = Command(argv=("/bin/true",))
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
BOMB = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        data = bytearray(b"x") * (100 << 20)
        time.sleep(600)
time.sleep(600)
"""
BUSY = """
import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
while True:
    pass
"""
IDLE = "import time; time.sleep(600)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What was measured for one way of holding a tree.

    Attributes:
        start_median_ms: A confined start.
        attach_ms: What it adds to the quickest way.
        overshoot_mb: How much more memory was taken than allowed.
        killed_ms: How long that took.
        cpu_share: Cores used, per number of busy processes, where half a core is allowed.
        watching_percent: Share of a core that this process takes while the server does nothing.
    """

    start_median_ms: float
    attach_ms: float
    overshoot_mb: float
    killed_ms: float
    cpu_share: Mapping[str, float]
    watching_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, in milliseconds of wall time; the ratio is that of the medians, for the way chosen here."""

    rounds: int
    plain_median_ms: float
    plain_p99_ms: float
    confined_median_ms: float
    confined_p99_ms: float
    ratio: float
    added_median_ms: float
    trees: Mapping[str, Tree]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    result = asdict(anyio.run(measure, options.quick))
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(_lines(result))) + "\n")


def _lines(result: Mapping[str, object], indent: str = "") -> list[str]:
    lines: list[str] = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_lines(value, indent + "  ")]  # pyright: ignore[reportUnknownArgumentType]
        else:
            lines.append(f"{indent}{name.replace('_', ' '):24} {value:10.2f}")
    return lines


async def measure(quick: bool) -> Result:  # noqa: FBT001 - anyio.run passes positions only
    """Start the program each way, in turn; then try the limits of each way."""
    processes = LocalProcesses()
    ways = [way for way in known_controllers(processes) if await way.unavailable() is None]
    sandboxes = {way.name: Sandbox.bubblewrap(processes, controllers=[way]) for way in ways}
    for sandbox in sandboxes.values():
        await sandbox.probe()
    rounds = 20 if quick else 200
    plain, confined = await _starts(processes, sandboxes, rounds)
    chosen = confined[ways[0].name]
    quickest = min(statistics.median(times) for times in confined.values())
    return Result(
        rounds=rounds,
        plain_median_ms=statistics.median(plain),
        plain_p99_ms=_p99(plain),
        confined_median_ms=statistics.median(chosen),
        confined_p99_ms=_p99(chosen),
        ratio=statistics.median(chosen) / statistics.median(plain),
        added_median_ms=statistics.median(chosen) - statistics.median(plain),
        trees={
            name: await _tree(sandbox, statistics.median(confined[name]), quickest, quick=quick)
            for name, sandbox in sandboxes.items()
        },
    )


async def _starts(
    processes: LocalProcesses, sandboxes: Mapping[str, Sandbox], rounds: int
) -> tuple[list[float], dict[str, list[float]]]:
    plain: list[float] = []
    confined: dict[str, list[float]] = {name: [] for name in sandboxes}
    for _ in range(rounds):
        before = time.perf_counter()
        async with processes.open(TRUE) as process:
            await process.wait()
        plain.append((time.perf_counter() - before) * 1000)
        for name, sandbox in sandboxes.items():
            before = time.perf_counter()
            async with sandbox.open(TRUE, SandboxPolicy()) as process:
                await process.wait()
            confined[name].append((time.perf_counter() - before) * 1000)
    return plain, confined


async def _tree(sandbox: Sandbox, start: float, quickest: float, *, quick: bool) -> Tree:
    overshoot, killed = await _bomb(sandbox, 256 if quick else 512)
    seconds = 0.6 if quick else 4.0
    busy = (2,) if quick else (1, 2, 6)
    return Tree(
        start_median_ms=start,
        attach_ms=start - quickest,
        overshoot_mb=overshoot,
        killed_ms=killed,
        cpu_share={str(number): await _share(sandbox, number, seconds) for number in busy},
        watching_percent=await _watching(sandbox, seconds),
    )


async def _bomb(sandbox: Sandbox, limit: int) -> tuple[float, float]:
    policy = SandboxPolicy(limits=Limits(memory_mb=limit))
    before = time.perf_counter()
    async with sandbox.open(Command(argv=(*PYTHON, BOMB)), policy) as confined:
        with anyio.fail_after(30):
            await confined.wait()
        peak = confined.usage().memory_peak_bytes or 0
    return peak / MIB - limit, (time.perf_counter() - before) * 1000


async def _share(sandbox: Sandbox, number: int, seconds: float) -> float:
    policy = SandboxPolicy(limits=Limits(cpu_burst=0.1))
    async with sandbox.open(Command(argv=(*PYTHON, BUSY, str(number))), policy) as confined:
        await anyio.sleep(0.3)
        confined.settle()
        await anyio.sleep(0.5)
        before, used = time.perf_counter(), confined.usage().cpu_seconds or 0.0
        await anyio.sleep(seconds)
        return ((confined.usage().cpu_seconds or 0.0) - used) / (time.perf_counter() - before)


async def _watching(sandbox: Sandbox, seconds: float) -> float:
    async with sandbox.open(Command(argv=(*PYTHON, IDLE)), SandboxPolicy()) as confined:
        await anyio.sleep(0.3)
        confined.settle()
        before = time.process_time()
        await anyio.sleep(seconds)
        return (time.process_time() - before) / seconds * 100


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
