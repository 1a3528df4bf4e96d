"""How fast System 5 decides, against writing the same report by hand and against the weighing alone.

Run ``python tests/benchmarks/decisions.py [--json] [--quick]``. Each decision chooses among 8 options with 3 attributes
and makes the whole report: scores, reasons, actions, break-even, worth of knowing more, entry in the record. Rates are
per second of CPU time, so that a busy machine counts less; latencies are wall time, in milliseconds.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.utility import Score, evaluate
from vsm_mcp.systems.system5 import System5

OPTIONS = 8
ATTRIBUTES = ("speed", "quality", "reach")
WEIGHTS = tuple((name, 1 / len(ATTRIBUTES)) for name in ATTRIBUTES)
CONTEXTS = 100
PRESSED = {"variety_gap": 150, "system_load": 0.85, "external_pressure": "high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured: decisions per second of CPU time, milliseconds of wall time."""

    decisions: int
    decisions_per_second: float
    median_ms: float
    p99_ms: float
    weighings_per_second: float
    naive_weighings_per_second: float
    read_from_mappings_per_second: float
    under_pressure_per_second: float


def contexts() -> list[DecisionContext]:
    """Return the same contexts every time."""
    draw = random.Random(20_26)  # noqa: S311 - reproducible, not a secret
    return [
        DecisionContext(issue=f"issue {number}", options=tuple(_option(place, draw) for place in range(OPTIONS)))
        for number in range(CONTEXTS)
    ]


def _option(place: int, draw: random.Random) -> Option:
    return Option(
        name=f"option {place}",
        attributes={name: draw.random() for name in ATTRIBUTES},
        cost=draw.random() / 4,
        risk=draw.random() / 10,
        successes=draw.randrange(20),
        failures=draw.randrange(20),
    )


def measure_decisions(n: int) -> tuple[float, float, float]:
    """Make ``n`` decisions; return how many per second of CPU time, and median and 99th percentile in milliseconds."""
    system5, given = System5(), contexts()
    taken: list[float] = []
    start = time.process_time()
    for number in range(n):
        begun = time.perf_counter_ns()
        system5.weigh(given[number % CONTEXTS])
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    per_second = n / (time.process_time() - start)
    cuts = statistics.quantiles(taken, n=100)
    return per_second, cuts[49], cuts[98]


def measure_weighings(n: int) -> float:
    """Weigh ``n`` times, without reports; return how many per second of CPU time."""
    given = [context.options or () for context in contexts()]
    return _rate(lambda number: evaluate(given[number % CONTEXTS], weights=WEIGHTS, risk_aversion=0.5), n)


def measure_baseline(n: int) -> float:
    """Weigh ``n`` times the way it is written down first: comprehensions and no shared work."""
    given = [context.options or () for context in contexts()]
    return _rate(lambda number: naive(given[number % CONTEXTS]), n)


def naive(options: tuple[Option, ...]) -> list[Score]:
    """Return the same scores as ``evaluate``, straight from the formulas."""

    def score(option: Option) -> Score:
        total = sum(weight for _, weight in WEIGHTS)
        utility = sum(weight * option.attributes[name] for name, weight in WEIGHTS) / total
        a, b = 1 + option.successes, 1 + option.failures
        mean = a / (a + b)
        spread = (statistics.fmean([a * b / ((a + b) ** 2 * (a + b + 1))]) + option.risk**2) ** 0.5
        value = max(mean - 0.5 * spread, 0.0) * utility - option.cost
        return Score(option.name, value, utility, mean, spread, option.cost, option.successes + option.failures)

    return sorted((score(option) for option in options), key=lambda scored: scored.value, reverse=True)


def measure_mappings(n: int) -> float:
    """Decide ``n`` times on plain mappings, which have to be read first; return how many per second of CPU time."""
    system5, given = System5(), [_plain(context) for context in contexts()]
    return _rate(lambda number: system5.weigh(given[number % CONTEXTS]), n)


def _plain(context: DecisionContext) -> dict[str, object]:
    fields = ("name", "attributes", "cost", "risk", "successes", "failures")
    options = [{field: getattr(option, field) for field in fields} for option in context.options or ()]
    return {"issue": context.issue, "options": options}


def measure_pressure(n: int) -> float:
    """Decide ``n`` times under pressure; return how many per second of CPU time."""
    system5 = System5()
    return _rate(lambda _: system5.decide(PRESSED), n)


def _rate(work: Callable[[int], object], n: int) -> float:
    start = time.process_time()
    for number in range(n):
        work(number)
    return n / (time.process_time() - start)


def measure(*, quick: bool) -> Result:
    """Measure everything."""
    n = 2_000 if quick else 50_000
    per_second, median, p99 = measure_decisions(n)
    return Result(
        decisions=n,
        decisions_per_second=per_second,
        median_ms=median,
        p99_ms=p99,
        weighings_per_second=measure_weighings(n),
        naive_weighings_per_second=measure_baseline(n),
        read_from_mappings_per_second=measure_mappings(n),
        under_pressure_per_second=measure_pressure(n),
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
        sys.stdout.write(f"{name.replace('_', ' '):36} {value:>14,.3f}\n")


if __name__ == "__main__":
    main()
