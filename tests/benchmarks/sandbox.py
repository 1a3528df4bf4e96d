"""How long a confined start takes, against a plain start of the same program in the same run.

Run ``python tests/benchmarks/sandbox.py [--json] [--quick]``. Each round starts ``/bin/true`` once plainly and once
confined, and waits for its end; wall time, in milliseconds.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import anyio

from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

TRUE = Command(argv=("/bin/true",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, in milliseconds of wall time; the ratio is that of the medians."""

    rounds: int
    plain_median_ms: float
    plain_p99_ms: float
    confined_median_ms: float
    confined_p99_ms: float
    ratio: float
    added_median_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    result = asdict(anyio.run(measure, 20 if options.quick else 200))
    lines = [f"{name.replace('_', ' '):24} {value:10.2f}" for name, value in result.items()]
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(lines)) + "\n")


async def measure(rounds: int) -> Result:
    """Start the program ``rounds`` times each way, in turn."""
    processes = LocalProcesses()
    sandbox = Sandbox.bubblewrap(processes)
    await sandbox.probe()
    plain: list[float] = []
    confined: list[float] = []
    for _ in range(rounds):
        before = time.perf_counter()
        async with processes.open(TRUE) as process:
            await process.wait()
        between = time.perf_counter()
        async with sandbox.open(TRUE, SandboxPolicy()) as process:
            await process.wait()
        plain.append((between - before) * 1000)
        confined.append((time.perf_counter() - between) * 1000)
    return Result(
        rounds=rounds,
        plain_median_ms=statistics.median(plain),
        plain_p99_ms=_p99(plain),
        confined_median_ms=statistics.median(confined),
        confined_p99_ms=_p99(confined),
        ratio=statistics.median(confined) / statistics.median(plain),
        added_median_ms=statistics.median(confined) - statistics.median(plain),
    )


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
