"""What a unit of System 1 takes in memory while it works, and how long choosing among tools takes.

Run ``python tests/benchmarks/units.py [--json] [--quick]``. Memory is what the interpreter allocated for the units, the
operations and the tasks that execute them, all at the same time. Choosing is compared with a learner that always takes
the best mean, in the same run.
"""

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random

import anyio

from vsm_mcp.errors import CapabilityMissingError
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.servers.routing.router import CapabilityRouter, Route
from vsm_mcp.systems.operations.routing import RouteLearner
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.systems.system1 import System1
from vsm_mcp.variety.calculator import VarietyCalculator

KIB = 1024
KIND = "convert time zones"
TOOLS = 5
EXECUTIONS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured; times in microseconds."""

    units: int
    live: int
    kib_per_unit: float
    picks: int
    pick_median_us: float
    pick_p99_us: float
    greedy_median_us: float
    execute_median_us: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer units and picks")
    options = parser.parse_args()
    result = asdict(measure(500 if options.quick else 10_000, picks=2000 if options.quick else 50_000))
    lines = [f"{name.replace('_', ' '):20} {value:10.2f}" for name, value in result.items()]
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(lines)) + "\n")


def measure(units: int, *, picks: int) -> Result:
    """Measure everything."""
    kib_per_unit, live = measure_units(units)
    median, p99, greedy = measure_pick(picks)
    return Result(
        units=units,
        live=live,
        kib_per_unit=kib_per_unit,
        picks=picks,
        pick_median_us=median,
        pick_p99_us=p99,
        greedy_median_us=greedy,
        execute_median_us=measure_execute(EXECUTIONS),
    )


def measure_units(n: int) -> tuple[float, int]:
    """Let ``n`` units of one System 1 all execute at once; return KiB per unit and how many were at work together."""
    return anyio.run(_units_at_work, n)


def measure_pick(n: int) -> tuple[float, float, float]:
    """Choose ``n`` times among five tools; return median and 99th percentile, and the median of the best mean alone."""
    routes = tuple(Route(server=f"server {place}", tool="convert", score=0.9, reason="") for place in range(TOOLS))
    luck, learner = Random(1), RouteLearner(random=Random(2))  # noqa: S311
    for _ in range(500):
        chosen = learner.pick(KIND, routes)[0]
        learner.learn(KIND, chosen.server, chosen.tool, success=luck.random() < 0.8)
    picked = _times(lambda: learner.pick(KIND, routes), n)
    means = {(one.server, one.tool): one.mean for one in learner.beliefs(KIND)}
    greedy = _times(lambda: max(routes, key=lambda route: means[route.server, route.tool]), n)
    return statistics.median(picked), statistics.quantiles(picked, n=100)[98], statistics.median(greedy)


def measure_execute(n: int) -> float:
    """Execute ``n`` operations of a unit, one after the other; return the median in microseconds."""
    return anyio.run(_executions, n)


class _Gate:
    """Performs only when everybody is here."""

    def __init__(self, all_here: int) -> None:
        self.all_here = all_here
        self.here = 0
        self.kib = 0.0
        self.opened = anyio.Event()

    async def execute(self, operation: Operation, /) -> Outcome:
        self.here += 1
        if self.here == self.all_here:
            self.kib = tracemalloc.get_traced_memory()[0] / KIB
            self.opened.set()
        await self.opened.wait()
        return Outcome(value=None, text="", server="host", tool="wait", elapsed=0.0)


class _Nobody:
    async def call(self, call: ToolCall, /) -> ToolResult:
        raise CapabilityMissingError(f"Nobody has {call.tool}.")


def _system1(most_at_once: int) -> System1:
    return System1(
        router=CapabilityRouter(),
        caller=_Nobody(),
        variety=VarietyCalculator(),
        random=Random(1),  # noqa: S311
        most_at_once=most_at_once,
        place_timeout=600.0,
    )


async def _units_at_work(n: int) -> tuple[float, int]:
    gate, system1 = _Gate(n), _system1(n)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0] / KIB
        async with anyio.create_task_group() as tasks:
            for number in range(n):
                policy = UnitPolicy(takes=frozenset({f"kind {number}"}))
                system1.add_unit(OperationalUnit(f"unit {number}", gate, policy=policy))
            for number in range(n):
                tasks.start_soon(system1.execute, Operation(needs=f"kind {number}"))
    finally:
        tracemalloc.stop()
    if system1.absorbed != n:
        raise AssertionError(f"{system1.absorbed} of {n} operations were done.")
    return (gate.kib - before) / n, gate.here


async def _executions(n: int) -> float:
    gate, system1 = _Gate(1), _system1(1)
    gate.opened.set()
    system1.add_unit(OperationalUnit("unit", gate))
    operation, spent = Operation(needs=KIND), list[float]()
    for _ in range(n):
        before = time.perf_counter()
        await system1.execute(operation)
        spent.append((time.perf_counter() - before) * 1_000_000)
    return statistics.median(spent)


def _times(act: Callable[[], object], n: int) -> list[float]:
    spent: list[float] = []
    for _ in range(n):
        before = time.perf_counter()
        act()
        spent.append((time.perf_counter() - before) * 1_000_000)
    return spent


if __name__ == "__main__":
    main()
