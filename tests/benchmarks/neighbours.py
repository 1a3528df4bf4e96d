"""What a healthy server loses while another one misbehaves: the slowest calls, side by side with quiet times.

Run it with ``python tests/benchmarks/neighbours.py [--json] [--quick] [--give-up]``. Each fault is measured in short
turns, one quiet and one beside the fault, so that what else happens on the machine counts for both. However often the
other server fails, it is not given up here: it misbehaves to the end of each turn. With ``--give-up`` it has the usual
budget of failures, so that it is soon left alone; that is what a host sees.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio

from vsm_mcp.errors import VSMError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.servers.supervision.restart import RestartPolicy
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.testing.servers import as_proven, hostile_server, make_spawner

GOOD = "example/good"
HELLO = ToolCall(server=GOOD, tool="echo", arguments={"text": "hello"})
FAULTS = (
    "hang-on-call", "crash-on-call", "long-line", "huge-result", "garbage-on-call", "request-storm",
    "notification-storm", "progress-forever", "endless-stderr", "slow-drip", "deep-json", "deaf", "stderr-flood",
    "garbage-flood", "broken-json", "endless-tools",
)  # fmt: skip
WORST = ("notification-storm", "huge-result", "garbage-on-call")
TURNS = 6
CALLS = 150
PAUSE = 0.002
FOREVER = RestartPolicy(most=1_000_000, first_pause=0.001, longest_pause=0.001)


async def measured(
    faults: Sequence[str], *, turns: int, calls: int, restarts: RestartPolicy = FOREVER
) -> dict[str, dict[str, float]]:
    """Return for each fault the p99 of a neighbour in milliseconds, quiet and beside it, and their ratio."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        async with make_spawner(root, probe=2.0, restarts=restarts) as spawner:
            spawner.adopt(as_proven(hostile_server(root / "good", name=GOOD)))
            await spawner.call(HELLO)
            for fault in faults:
                spawner.adopt(as_proven(hostile_server(root / fault, fault, name=fault)))
                found[fault] = await _compared(spawner, fault, turns=turns, calls=calls)
                await spawner.release(fault)
    return found


async def _compared(spawner: DynamicSpawner, fault: str, *, turns: int, calls: int) -> dict[str, float]:
    quiet: list[float] = []
    beside: list[float] = []
    for _ in range(turns):
        quiet += await _times(spawner, calls)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_misbehave, spawner, fault)
            beside += await _times(spawner, calls)
            tasks.cancel_scope.cancel()
    before, during = _p99(quiet), _p99(beside)
    return {"quiet_p99_ms": round(before, 2), "beside_p99_ms": round(during, 2), "ratio": round(during / before, 2)}


async def _times(spawner: DynamicSpawner, calls: int) -> list[float]:
    taken: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        await spawner.call(HELLO)
        taken.append((time.perf_counter() - began) * 1000)
        await anyio.sleep(PAUSE)
    return taken


async def _misbehave(spawner: DynamicSpawner, fault: str) -> None:
    while True:
        with suppress(VSMError):
            await spawner.call(ToolCall(server=fault, tool="echo", arguments={"text": "x"}, timeout=0.3))
        await anyio.sleep(0.05)


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[-1]


def main(words: list[str]) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--give-up", action="store_true", help="leave a server alone when it failed too often")
    given = options.parse_args(words)
    faults, turns = (WORST, 2) if given.quick else (FAULTS, TURNS)
    calls, restarts = CALLS // 2 if given.quick else CALLS, RestartPolicy() if given.give_up else FOREVER
    found = anyio.run(lambda: measured(faults, turns=turns, calls=calls, restarts=restarts))
    ratios = [one["ratio"] for one in found.values()]
    if given.json:
        whole = {"neighbour_worst": max(ratios), "neighbour_median": statistics.median(ratios), "faults": found}
        sys.stdout.write(json.dumps(whole) + "\n")
        return
    for fault, one in found.items():
        quiet, beside = one["quiet_p99_ms"], one["beside_p99_ms"]
        sys.stdout.write(f"{fault:20} {quiet:8.2f} ms quiet {beside:8.2f} ms beside it  x {one['ratio']:.2f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
