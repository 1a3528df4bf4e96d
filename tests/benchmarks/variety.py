"""How fast the calculator of variety is, against recomputing the same figures from their definition.

Run ``python tests/benchmarks/variety.py [--json] [--quick] [--events N]``. Everything goes through the public object,
and both sides are measured in the same run, on the same stream: 1000 kinds with Zipf-distributed demand that ends at
all stages alike. Rates are per second of this process (CPU), so that a busy machine counts less; latencies are wall
time of one ``observe`` and one ``headline``.
"""

import argparse
import json
import math
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.gap import Headline

KINDS = 1000
HALF_LIFE = 1000.0
PROVEN = 9
"""Trials that the capability for every second kind has passed."""


class Observed(NamedTuple):
    """What ``observe`` with the five headline figures achieves.

    Attributes:
        per_second: Demands per second of CPU time.
        median_us: Microseconds of wall time that half of them take at most.
        p99_us: Microseconds of wall time that 99 of 100 take at most.
        ratio: How many times faster that is than recomputing the five figures, each by its own formula.
    """

    per_second: float
    median_us: float
    p99_us: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured: rates per second of CPU time, latencies in microseconds of wall time."""

    kinds: int
    events: int
    calculator_observe_per_second: float
    calculator_observe_many_per_second: float
    calculator_observe_and_headline_per_second: float
    calculator_observe_and_gap_per_second: float
    note_capability_per_second: float
    recomputed_per_second: float
    times_faster_than_recomputing: float
    times_faster_than_recomputing_in_one_pass: float
    latency_median_us: float
    latency_p99_us: float
    top_gaps_us: float
    analyze_us: float
    bytes_per_kind: float
    deviation_from_definition: float
    deviation_from_recomputing: float


def demand(events: int) -> list[tuple[str, Stage]]:
    """Return the same stream of demand every time."""
    draw = random.Random(20_26)  # noqa: S311 - a reproducible stream, not a secret
    kinds = [f"kind {number}" for number in range(KINDS)]
    weights = [1.0 / (rank + 1) for rank in range(KINDS)]
    return list(
        zip(draw.choices(kinds, weights, k=events), draw.choices(tuple(Stage), k=events), strict=True),
    )


def started() -> VarietyCalculator:
    """Return a calculator with a capability for every second kind."""
    calculator = VarietyCalculator(half_life=HALF_LIFE)
    for number in range(0, KINDS, 2):
        calculator.note_capability(f"kind {number}", PROVEN, PROVEN)
    return calculator


def rate(work: Callable[[], object], events: int, *, repeat: int) -> float:
    """Return the events per second of CPU time, the median of ``repeat`` runs."""
    seconds: list[float] = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return events / max(statistics.median(seconds), 1e-9)


def observe_all(stream: Sequence[tuple[str, Stage]]) -> None:
    """Observe one demand after the other."""
    observe = started().observe
    for kind, stage in stream:
        observe(kind, stage)


def observe_with_headline(stream: Sequence[tuple[str, Stage]]) -> None:
    """Observe the stream, and look at the five figures after each demand."""
    calculator = started()
    observe, headline = calculator.observe, calculator.headline
    for kind, stage in stream:
        observe(kind, stage)
        headline()


def observe_with_gap(stream: Sequence[tuple[str, Stage]]) -> None:
    """Observe the stream, and take the gap after each demand."""
    calculator = started()
    for kind, stage in stream:
        calculator.observe(kind, stage)
        calculator.gap()


class Recomputing:
    """The same five figures without running sums: from the definition, over all kinds, after each demand."""

    def __init__(self) -> None:
        """Start as the calculator does: all kinds known, a capability for every second one."""
        self._weights = {f"kind {number}": 1e-9 for number in range(KINDS)}
        self._absorbed = dict.fromkeys(self._weights, 0.0)
        self._successes = dict.fromkeys(self._weights, 0.0)
        self._failures = dict.fromkeys(self._weights, 0.0)
        self._coverage = dict.fromkeys(self._weights, 0.0)
        for number in range(0, KINDS, 2):
            self._successes[f"kind {number}"] = PROVEN
            self._coverage[f"kind {number}"] = (1.0 + PROVEN) / (2.0 + PROVEN)
        self._weight = 1.0

    def observe(self, kind: str, stage: Stage) -> None:
        """Count a demand, and learn from its outcome."""
        self._weights[kind] += self._weight
        if stage is Stage.ABSORBED:
            self._absorbed[kind] += self._weight
        if stage is Stage.ABSORBED or (stage is Stage.FAILED and self._coverage[kind]):
            self._successes[kind] = self._successes[kind] * 0.995 + (stage is Stage.ABSORBED)
            self._failures[kind] = self._failures[kind] * 0.995 + (stage is Stage.FAILED)
            self._coverage[kind] = (1.0 + self._successes[kind]) / (2.0 + self._successes[kind] + self._failures[kind])
        self._weight *= 2.0 ** (1.0 / HALF_LIFE)

    def headline(self) -> Headline:
        """Compute each of the five figures by its own formula."""
        weights, total, log2 = self._weights.values(), sum(self._weights.values()), math.log2
        shares, coverage = [weight / total for weight in weights], self._coverage.values()
        return Headline(
            required_bits=-sum(p * log2(p) for p in shares),
            absorbed_bits=-sum(p * a * log2(p) for p, a in zip(shares, coverage, strict=True)),
            gap_bits=-sum(p * (1.0 - a) * log2(p) for p, a in zip(shares, coverage, strict=True)),
            gap_share=sum(p * (1.0 - a) for p, a in zip(shares, coverage, strict=True)),
            observed_absorbed_share=sum(self._absorbed.values()) / total,
        )

    def headline_in_one_pass(self) -> Headline:
        """Compute them as fast as it goes without running sums: in one loop, with one logarithm per kind."""
        log2, total = math.log2, sum(self._weights.values())
        required = absorbed = share = 0.0
        for weight, coverage in zip(self._weights.values(), self._coverage.values(), strict=True):
            p = weight / total
            bits = -p * log2(p)
            required += bits
            absorbed += bits * coverage
            share += p * coverage
        return Headline(required, absorbed, required - absorbed, 1.0 - share, sum(self._absorbed.values()) / total)


def recompute(stream: Sequence[tuple[str, Stage]], *, in_one_pass: bool = False) -> Headline | None:
    """Observe the stream, and recompute the five figures after each demand; return the last ones."""
    recomputing, head = Recomputing(), None
    headline = recomputing.headline_in_one_pass if in_one_pass else recomputing.headline
    for kind, stage in stream:
        recomputing.observe(kind, stage)
        head = headline()
    return head


def latencies(stream: Sequence[tuple[str, Stage]]) -> list[float]:
    """Return the microseconds that each observation with its five figures took."""
    calculator = started()
    taken: list[float] = []
    for kind, stage in stream:
        start = time.perf_counter_ns()
        calculator.observe(kind, stage)
        calculator.headline()
        taken.append((time.perf_counter_ns() - start) / 1000)
    return taken


def measure_observe(events: int, *, repeat: int = 3) -> Observed:
    """Measure ``observe`` with the five headline figures on ``events`` demands, and recomputing them on fewer."""
    stream = demand(events)
    few = stream[: max(events // 200, 100)]
    recomputed = rate(lambda: recompute(few), len(few), repeat=repeat)
    per_second = rate(lambda: observe_with_headline(stream), events, repeat=repeat)
    taken = statistics.quantiles(latencies(stream), n=100)
    return Observed(per_second, taken[49], taken[98], per_second / recomputed)


def deviation(events: int) -> float:
    """Return by how much a headline figure differs from its definition after ``events`` demands, at most.

    The definition is computed from the newest 60 half-lives alone (older demand weighs less than a rounding error), and
    for the shares of the capabilities from what the calculator believes of them.
    """
    calculator, stream = started(), demand(min(events, 400_000))
    newest: list[tuple[str, Stage]] = []
    for start in range(0, events, len(stream)):
        part = stream[: events - start]
        calculator.observe_many(part)
        newest = [*newest, *part][-int(60 * HALF_LIFE) :]
    weights = dict.fromkeys((kind for kind, _ in newest), 0.0)
    absorbed = 0.0
    for age, (kind, stage) in enumerate(reversed(newest)):
        weights[kind] += 2.0 ** (-age / HALF_LIFE)
        absorbed += 2.0 ** (-age / HALF_LIFE) * (stage is Stage.ABSORBED)
    total = math.fsum(weights.values())
    bits = {kind: -weight / total * math.log2(weight / total) for kind, weight in weights.items()}
    coverage = {kind: calculator.coverage_of(kind) for kind in weights}
    required, covered = math.fsum(bits.values()), math.fsum(bits[kind] * coverage[kind] for kind in bits)
    share = math.fsum(weights[kind] / total * (1.0 - coverage[kind]) for kind in weights)
    head = calculator.headline()
    defined = Headline(required, covered, required - covered, share, absorbed / total)
    return max(abs(one - other) for one, other in zip(head or (), defined, strict=True))


def disagreement(stream: Sequence[tuple[str, Stage]]) -> float:
    """Return by how much a headline figure differs from what either way of recomputing comes to, at most."""
    calculator = started()
    calculator.observe_many(stream)
    head = calculator.headline() or ()
    ways = recompute(stream) or (), recompute(stream, in_one_pass=True) or ()
    return max(abs(one - other) for way in ways for one, other in zip(head, way, strict=True))


def bytes_per_kind() -> float:
    """Return how much memory a kind takes that ended at every stage and has a capability, its name included."""
    tracemalloc.start()
    calculator = VarietyCalculator(most_kinds=KINDS)
    before = tracemalloc.get_traced_memory()[0]
    kinds = [f"kind {number}" for number in range(KINDS)]
    for kind in kinds:
        for stage in Stage:
            calculator.observe(kind, stage)
    taken = tracemalloc.get_traced_memory()[0] - before
    window = len(calculator.window) * 2 * 8
    tracemalloc.stop()
    return (taken - window) / KINDS


def measure(events: int, *, repeat: int) -> Result:
    """Measure everything."""
    stream = demand(events)
    few = stream[: max(events // 200, 100)]
    observed = measure_observe(events, repeat=repeat)
    in_one_pass = rate(lambda: recompute(few, in_one_pass=True), len(few), repeat=repeat)
    full = started()
    full.observe_many(stream)
    kinds = [f"kind {number}" for number in range(KINDS)]
    return Result(
        kinds=KINDS,
        events=events,
        calculator_observe_per_second=rate(lambda: observe_all(stream), events, repeat=repeat),
        calculator_observe_many_per_second=rate(lambda: started().observe_many(stream), events, repeat=repeat),
        calculator_observe_and_headline_per_second=observed.per_second,
        calculator_observe_and_gap_per_second=rate(lambda: observe_with_gap(stream), events, repeat=repeat),
        note_capability_per_second=rate(
            lambda: [full.note_capability(kind, 1, 1) for kind in kinds], KINDS, repeat=repeat
        ),
        recomputed_per_second=observed.per_second / observed.ratio,
        times_faster_than_recomputing=observed.ratio,
        times_faster_than_recomputing_in_one_pass=observed.per_second / in_one_pass,
        latency_median_us=observed.median_us,
        latency_p99_us=observed.p99_us,
        top_gaps_us=1e6 / rate(lambda: [full.top_gaps(10) for _ in range(20)], 20, repeat=repeat),
        analyze_us=1e6 / rate(lambda: [full.analyze() for _ in range(5)], 5, repeat=repeat),
        bytes_per_kind=bytes_per_kind(),
        deviation_from_definition=deviation(events),
        deviation_from_recomputing=disagreement(few),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="measure less, in about a second")
    parser.add_argument("--events", type=int, help="demands to measure with")
    options = parser.parse_args()
    events = options.events or (20_000 if options.quick else 400_000)
    result = asdict(measure(events, repeat=1 if options.quick else 5))
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    for name, value in result.items():
        sys.stdout.write(f"{name.replace('_', ' '):44} {value:>16,.6g}\n")


if __name__ == "__main__":
    main()
