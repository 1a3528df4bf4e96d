"""How fast System 3 follows an index, draws audits, shares resources and hears of operations.

Run ``python tests/benchmarks/control.py [--json] [--quick]``. Times are those of this process (CPU), in microseconds.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable

from vsm_mcp.systems.control.allocation import max_min
from vsm_mcp.systems.control.audit import AuditSchedule
from vsm_mcp.systems.control.cyberfilter import Cyberfilter
from vsm_mcp.systems.control.reported import ReportedOutcomes
from vsm_mcp.systems.control.sequential import beta_interval

UNITS = 1_000
ROUNDS = 5


def _microseconds(work: Callable[[], int]) -> float:
    """Return the microseconds of CPU time for one of what ``work`` says it did; the median of five runs."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        done = work()
        taken.append((time.process_time() - start) / done * 1e6)
    return statistics.median(taken)


def measure_cyberfilter(n: int) -> float:
    """Return the microseconds of one observation, the verdict included, over ``n`` observations."""
    draw = random.Random(20_26)  # noqa: S311 - a reproducible stream, not a secret
    followed, series = Cyberfilter(), [draw.gauss(0.5, 0.1) for _ in range(n)]

    def work() -> int:
        for value in series:
            followed.observe(value)
        return n

    return _microseconds(work)


def measure_audit_draw(n: int, *, units: int = UNITS) -> float:
    """Return the microseconds to find the next due unit and draw its next time, over about ``n`` audits."""
    plan = AuditSchedule(random=random.Random(20_26), mean_gap=float(units))  # noqa: S311 - a reproducible stream
    for number in range(units):
        plan.put(f"unit {number}", risk=1.0, now=0.0)
    moment = 0.0

    def work() -> int:
        nonlocal moment
        done = 0
        while done < n:
            moment += 1.0
            done += len(plan.due(moment))
        return done

    return _microseconds(work)


def measure_sharing(n: int, *, units: int = 20) -> float:
    """Return the microseconds to share one resource among ``units``, over ``n`` times."""
    demands = {f"unit {number}": float(number) for number in range(units)}

    def work() -> int:
        for _ in range(n):
            max_min(95.0, demands)
        return n

    return _microseconds(work)


def measure_reporting(n: int, *, units: int = UNITS) -> float:
    """Return the microseconds to hear of one operation, over ``n`` of them."""
    reported, names = ReportedOutcomes(), [f"unit {number}" for number in range(units)]

    def work() -> int:
        for number in range(n):
            reported.note(names[number % units], absorbed=True, elapsed=0.1)
        return n

    return _microseconds(work)


def measure_interval(n: int) -> float:
    """Return the microseconds of one Beta interval, over ``n`` of them of all sizes."""

    def work() -> int:
        for number in range(n):
            beta_interval(number % 1_000, number % 37)
        return n

    return _microseconds(work)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="measure less, in about a second")
    options = parser.parse_args()
    n = 500 if options.quick else 10_000
    result = {
        "cyberfilter_us": measure_cyberfilter(n),
        "audit_draw_us": measure_audit_draw(4 * n),
        "audit_draw_among_16_times_as_many_us": measure_audit_draw(4 * n, units=16 * UNITS),
        "sharing_among_20_units_us": measure_sharing(n),
        "reporting_us": measure_reporting(n),
        "interval_us": measure_interval(n),
    }
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    for name, value in result.items():
        sys.stdout.write(f"{name.replace('_', ' '):42} {value:>10,.2f}\n")


if __name__ == "__main__":
    main()
