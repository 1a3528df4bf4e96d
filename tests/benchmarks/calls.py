"""How long a call takes through our link, against the SDK's own client and the SDK's own transport, in the same run.

Run ``python tests/benchmarks/calls.py [--json] [--quick]``. Each round makes one call each way, in turn, to one process
of the same server; wall time, in microseconds. The third way is a call through the spawner.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from vsm_mcp.model.call import ToolCall
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON, as_proven, hostile_server, make_spawner

NAME = "example/hostile"
TEXT = {"text": "x" * 64}
HELLO = ToolCall(server=NAME, tool="echo", arguments=TEXT)
WARM_UP = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, in microseconds of wall time; the ratio is that of the medians."""

    rounds: int
    sdk_median_us: float
    sdk_p99_us: float
    link_median_us: float
    link_p99_us: float
    spawner_median_us: float
    spawner_p99_us: float
    ratio: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    result = asdict(anyio.run(measure, 200 if options.quick else 3000))
    lines = [f"{name.replace('_', ' '):20} {value:10.2f}" for name, value in result.items()]
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(lines)) + "\n")


async def measure(rounds: int) -> Result:
    """Make ``rounds`` calls each way, in turn."""
    async with AsyncExitStack() as life:
        directory = Path(life.enter_context(tempfile.TemporaryDirectory()))
        installed = hostile_server(directory / "pkg")
        server = StdioServerParameters(command=SYSTEM_PYTHON, args=[str(HOSTILE), "good"])
        client = await life.enter_async_context(Client(server))
        spawner = await life.enter_async_context(make_spawner(directory))
        spawner.adopt(as_proven(installed))
        running = await life.enter_async_context(spawner.trial(installed))
        await client.list_tools()

        async def through_sdk() -> None:
            await client.call_tool("echo", TEXT)

        async def through_link() -> None:
            await running.link.call(HELLO)

        async def through_spawner() -> None:
            await spawner.call(HELLO)

        sdk, link, whole = await _in_turn((through_sdk, through_link, through_spawner), rounds)
    return Result(
        rounds=rounds,
        sdk_median_us=statistics.median(sdk),
        sdk_p99_us=_p99(sdk),
        link_median_us=statistics.median(link),
        link_p99_us=_p99(link),
        spawner_median_us=statistics.median(whole),
        spawner_p99_us=_p99(whole),
        ratio=statistics.median(whole) / statistics.median(sdk),
    )


async def _in_turn(ways: Sequence[Callable[[], Awaitable[None]]], rounds: int) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in ways]
    for number in range(WARM_UP + rounds):
        for way, spent in zip(ways, times, strict=True):
            before = time.perf_counter()
            await way()
            if number >= WARM_UP:
                spent.append((time.perf_counter() - before) * 1_000_000)
    return times


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


if __name__ == "__main__":
    main()
