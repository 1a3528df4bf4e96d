"""How fast leases are granted, against looking through everything that is held.

Run ``python tests/benchmarks/coordination.py [--json] [--quick]``. All sides are measured in the same run, with 1000
other leases held meanwhile. A grant is a lease on one of 100 resources with a time to live, and its release. Rates are
per second of CPU time of this process, so that a busy machine counts less; latencies are wall time.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import anyio
import anyio.lowlevel

from vsm_mcp.systems.coordination.flapping import FlapDamper
from vsm_mcp.systems.coordination.lease import Conflict
from vsm_mcp.systems.coordination.leases import Leases
from vsm_mcp.systems.coordination.oscillation import OscillationDetector
from vsm_mcp.systems.system2 import System2

HELD = 1000
RESOURCES = tuple(frozenset({f"resource {number}"}) for number in range(100))
Measured = tuple[float, float, float]
"""Per second of CPU time, and the median and the 99th percentile of the latency in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured; rates are per second of CPU time, latencies milliseconds of wall time."""

    held: int
    grants: int
    grants_per_second: float
    grant_median_ms: float
    grant_p99_ms: float
    looking_through_per_second: float
    looking_through_p99_ms: float
    times_faster_than_looking_through: float
    holds_per_second: float
    hold_median_ms: float
    hold_p99_ms: float
    contended_holds_per_second: float
    flaps_per_second: float
    oscillation_values_per_second: float


class LookingThrough:
    """The plain way: one list of what is held, gone through for every grant."""

    def __init__(self) -> None:
        """Hold nothing."""
        self.held: list[tuple[frozenset[str], float]] = []

    def grant(self, resources: frozenset[str], *, now: float, ttl: float) -> tuple[frozenset[str], float] | None:
        """Grant all of ``resources`` unless something among them is held."""
        self.held = [one for one in self.held if one[1] > now]
        if any(not one[0].isdisjoint(resources) for one in self.held):
            return None
        lease = (resources, now + ttl)
        self.held.append(lease)
        return lease


def measure_grants(n: int) -> Measured:
    """Grant and release ``n`` leases."""
    leases = Leases()
    for number in range(HELD):
        leases.try_grant({f"other {number}"}, holder="other", now=0.0, ttl=1e9)

    def once(number: int) -> None:
        now = number * 1e-6
        lease = leases.try_grant(RESOURCES[number % 100], holder="unit", now=now, ttl=30.0)
        if isinstance(lease, Conflict):
            raise TypeError(lease)
        leases.release(lease, now=now)

    return _measure(once, n)


def measure_looking_through(n: int) -> Measured:
    """Do the same by looking through everything that is held."""
    leases = LookingThrough()
    leases.held = [(frozenset({f"other {number}"}), 1e9) for number in range(HELD)]

    def once(number: int) -> None:
        lease = leases.grant(RESOURCES[number % 100], now=number * 1e-6, ttl=30.0)
        if lease is None:
            raise TypeError(lease)
        leases.held.remove(lease)

    return _measure(once, n)


def measure_holds(n: int) -> Measured:
    """Hold a resource ``n`` times through System 2, with its clock and its context manager."""
    return anyio.run(_hold, n)


def measure_contended_holds(n: int) -> float:
    """Return the holds per second of 10 units that all want the same: each hold is handed from one to the next."""
    return anyio.run(_contend, n)


def measure_flaps(n: int) -> float:
    """Return the flaps per second, over 1000 keys."""
    damper, keys = FlapDamper(), [f"key {number}" for number in range(1000)]
    start = time.process_time()
    for number in range(n):
        damper.flap(keys[number % 1000], now=number * 1e-3)
    return n / (time.process_time() - start)


def measure_oscillation(n: int) -> float:
    """Return the values of a square wave per second that are watched for oscillation."""
    detector = OscillationDetector()
    start = time.process_time()
    for number in range(n):
        detector.observe(float(number % 16 < 8))
    return n / (time.process_time() - start)


def measure(*, quick: bool) -> Result:
    """Measure everything."""
    n = 5_000 if quick else 200_000
    rate, median, p99 = measure_grants(n)
    plain_rate, _, plain_p99 = measure_looking_through(n // 100)
    hold_rate, hold_median, hold_p99 = measure_holds(n // 2)
    return Result(
        held=HELD,
        grants=n,
        grants_per_second=rate,
        grant_median_ms=median,
        grant_p99_ms=p99,
        looking_through_per_second=plain_rate,
        looking_through_p99_ms=plain_p99,
        times_faster_than_looking_through=rate / plain_rate,
        holds_per_second=hold_rate,
        hold_median_ms=hold_median,
        hold_p99_ms=hold_p99,
        contended_holds_per_second=measure_contended_holds(n // 10),
        flaps_per_second=measure_flaps(n),
        oscillation_values_per_second=measure_oscillation(n),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="measure less, in about a second")
    options = parser.parse_args()
    result = asdict(measure(quick=options.quick))
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    for name, value in result.items():
        sys.stdout.write(f"{name.replace('_', ' '):36} {value:>16,.4f}\n")


def _measure(once: Callable[[int], None], n: int) -> Measured:
    start = time.process_time()
    for number in range(n):
        once(number)
    rate = n / (time.process_time() - start)
    taken: list[float] = []
    for number in range(n, 2 * n):
        begun = time.perf_counter_ns()
        once(number)
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    return rate, *_middle_and_tail(taken)


def _middle_and_tail(taken: list[float]) -> tuple[float, float]:
    parts = statistics.quantiles(taken, n=100)
    return parts[49], parts[98]


async def _hold(n: int) -> Measured:
    system = System2()
    start = time.process_time()
    for number in range(n):
        async with system.hold(RESOURCES[number % 100], holder="unit"):
            pass
    rate = n / (time.process_time() - start)
    taken: list[float] = []
    for number in range(n):
        begun = time.perf_counter_ns()
        async with system.hold(RESOURCES[number % 100], holder="unit"):
            pass
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    return rate, *_middle_and_tail(taken)


async def _contend(n: int) -> float:
    system, units = System2(timeout=60.0), 10

    async def work(unit: str) -> None:
        for _ in range(n // units):
            async with system.hold(RESOURCES[0], holder=unit):
                await anyio.lowlevel.checkpoint()

    start = time.process_time()
    async with anyio.create_task_group() as tasks:
        for number in range(units):
            tasks.start_soon(work, f"unit {number}")
    return n / (time.process_time() - start)


if __name__ == "__main__":
    main()
