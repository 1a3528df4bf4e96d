"""How fast the calculator of variety is, against recomputing the same figures from their definition.

Run ``python tests/benchmarks/variety.py [--json] [--quick]``. Both sides are measured in the same run, on the same
stream: 1000 kinds with Zipf-distributed demand. Times are those of this process (CPU), so that a busy machine counts
less; latencies are wall time of one ``observe`` with the five headline figures.
"""

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.meter import VarietyMeter

KINDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured; rates are events per second of CPU time, latencies microseconds of wall time."""

    kinds: int
    events: int
    meter_observe_per_second: float
    meter_observe_and_figures_per_second: float
    calculator_observe_per_second: float
    calculator_observe_and_gap_per_second: float
    recomputed_per_second: float
    times_faster_than_recomputing: float
    latency_median_us: float
    latency_p99_us: float


def demand(events: int) -> list[tuple[str, Stage]]:
    """Return the same stream of demand every time."""
    draw = random.Random(20_26)  # noqa: S311 - a reproducible stream, not a secret
    kinds = [f"kind {number}" for number in range(KINDS)]
    weights = [1.0 / (rank + 1) for rank in range(KINDS)]
    return list(
        zip(draw.choices(kinds, weights, k=events), draw.choices(tuple(Stage), k=events), strict=True),
    )


def rate(work: Callable[[], object], events: int, *, repeat: int) -> float:
    """Return the events per second of CPU time, the median of ``repeat`` runs."""
    seconds: list[float] = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return events / statistics.median(seconds)


def figures(meter: VarietyMeter) -> tuple[float | None, ...]:
    """Return the five headline figures: required, covered and gap in bits, covered share, effective observations."""
    required, covered = meter.required_bits, meter.covered_bits
    gap = None if required is None or covered is None else required - covered
    return required, covered, gap, meter.covered_share, meter.effective_observations


def recompute(weights: dict[str, float], coverage: dict[str, float]) -> tuple[float, ...]:
    """Return the same figures from their definition, without running sums."""
    total = sum(weights.values())
    required = covered = share = 0.0
    for kind, weight in weights.items():
        p = weight / total
        bits = -p * math.log2(p)
        required += bits
        covered += bits * coverage.get(kind, 0.0)
        share += p * coverage.get(kind, 0.0)
    return required, covered, required - covered, share


def run_meter(stream: Sequence[tuple[str, Stage]], *, with_figures: bool) -> None:
    """Observe the whole stream, with the figures after each event if asked for."""
    meter = VarietyMeter()
    for number in range(0, KINDS, 2):
        meter.set_coverage(f"kind {number}", 0.9)
    for kind, _ in stream:
        meter.observe(kind)
        if with_figures:
            figures(meter)


def run_calculator(stream: Sequence[tuple[str, Stage]], *, with_gap: bool) -> None:
    """Observe the whole stream with the calculator, with the gap after each event if asked for."""
    calculator = VarietyCalculator()
    for kind, stage in stream:
        calculator.observe(kind, stage)
        if with_gap:
            calculator.gap()


def run_recomputing(stream: Sequence[tuple[str, Stage]]) -> None:
    """Do the same as the meter with its figures, from the definition."""
    weights = {f"kind {number}": 1e-9 for number in range(KINDS)}
    coverage = {f"kind {number}": 0.9 for number in range(0, KINDS, 2)}
    weight = 1.0
    for kind, _ in stream:
        weights[kind] = weights[kind] + weight
        weight *= 2.0 ** (1.0 / 1000.0)
        recompute(weights, coverage)


def latencies(stream: Sequence[tuple[str, Stage]]) -> list[float]:
    """Return the microseconds that each observation with its five figures took."""
    meter = VarietyMeter()
    taken: list[float] = []
    for kind, _ in stream:
        start = time.perf_counter_ns()
        meter.observe(kind)
        figures(meter)
        taken.append((time.perf_counter_ns() - start) / 1000)
    return taken


def measure(*, quick: bool) -> Result:
    """Measure everything."""
    events = 20_000 if quick else 400_000
    repeat = 1 if quick else 5
    stream = demand(events)
    few = stream[: events // 200]
    recomputed = rate(lambda: run_recomputing(few), len(few), repeat=repeat)
    with_figures = rate(lambda: run_meter(stream, with_figures=True), events, repeat=repeat)
    taken = statistics.quantiles(latencies(stream), n=100)
    return Result(
        kinds=KINDS,
        events=events,
        meter_observe_per_second=rate(lambda: run_meter(stream, with_figures=False), events, repeat=repeat),
        meter_observe_and_figures_per_second=with_figures,
        calculator_observe_per_second=rate(lambda: run_calculator(stream, with_gap=False), events, repeat=repeat),
        calculator_observe_and_gap_per_second=rate(
            lambda: run_calculator(stream, with_gap=True), events, repeat=repeat
        ),
        recomputed_per_second=recomputed,
        times_faster_than_recomputing=with_figures / recomputed,
        latency_median_us=taken[49],
        latency_p99_us=taken[98],
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
        sys.stdout.write(f"{name.replace('_', ' '):42} {value:>14,.1f}\n")


if __name__ == "__main__":
    main()
