"""How fast and how large variety and the five systems are, each beside a baseline that was measured in the same run.

Run ``python tests/benchmarks/cybernetics.py [--json] [--quick]``. Rates are events per second of CPU time, so that a
busy machine counts less; latencies are wall time. The baselines recompute from the definition, look through everything
that is held, or are written the way one would first write them; the single benchmarks beside this file say how.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import anyio
import control
import coordination
import decisions

import units
import variety
from vsm_mcp import Autonomy, Operation, Outcome, Settings, Shelf, ViableSystem
from vsm_mcp.model.operation import Stage
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.operations.unit import OperationalUnit

KINDS = 1000
UNITS = 1000
STAGES = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured."""

    observe_per_s: float
    observe_median_us: float
    observe_p99_us: float
    observe_vs_recompute: float
    observe_drift: float
    kind_bytes: float
    grants_per_s: float
    grants_median_ms: float
    grants_p99_ms: float
    grants_vs_looking_through: float
    decisions_per_s: float
    decisions_median_ms: float
    decisions_p99_ms: float
    weighing_vs_naive: float
    status_ms: float
    status_p99_ms: float
    status_vs_analysis: float
    pick_median_us: float
    pick_p99_us: float
    pick_vs_best_mean: float
    audit_draw_us: float
    audit_draw_vs_looking_through: float
    cyberfilter_us: float
    unit_kib: float
    units_live: int
    seconds: float


class Idle:
    """Does nothing, well."""

    async def execute(self, operation: Operation, /) -> Outcome:
        """Be done."""
        return Outcome(value=None, text="", server="idle", tool="idle", elapsed=0.0)


async def measure_status(times: int) -> tuple[float, float, float]:
    """Return median and 99th percentile of a status, and the median of a whole analysis, in milliseconds.

    The system has 1,000 kinds of demand that ended at all stages and 1,000 units that did work.
    """
    shelf, idle = Shelf(), Idle()
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(state=Path(state), sandbox=Confinement.NONE, autonomy=Autonomy.AUTO, allow=("memory:*",))
        workers = [OperationalUnit(f"unit {number:04}", idle) for number in range(UNITS)]
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,), units=workers) as vsm:
            for number in range(20 * KINDS):
                vsm.parts.variety.observe(f"kind {number % KINDS}", STAGES[number % len(STAGES)])
            for unit in workers:
                await unit.execute(Operation(needs="kind 0"))
            async with vsm.regulate(every=3600) as regulation:
                while not regulation.reports:  # noqa: ASYNC110 - nothing tells of a cycle that goes well
                    await anyio.sleep(0.01)
            status = [_milliseconds(vsm.status) for _ in range(times)]
            analysis = [_milliseconds(vsm.analyze_variety) for _ in range(max(times // 10, 3))]
    status.sort()
    return statistics.median(status), status[int(0.99 * (times - 1))], statistics.median(analysis)


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000.0 * (time.perf_counter() - start)


def _forget_garbage() -> None:
    """Let what one part of the run leaves behind not be looked through by the collector during the next."""
    gc.collect()
    gc.freeze()


def looking_for_due(draws: int) -> float:
    """Return the microseconds to find the next due of 1,000 units by looking through all of them."""
    luck = Random(20_26)  # noqa: S311 - a reproducible stream
    times = {f"unit {number}": luck.expovariate(1.0 / UNITS) for number in range(UNITS)}
    start = time.process_time()
    for _ in range(draws):
        unit = min(times, key=lambda name: times[name])
        times[unit] += luck.expovariate(1.0 / UNITS)
    return 1e6 * (time.process_time() - start) / draws


def measure(*, quick: bool) -> Result:
    """Measure everything."""
    began, scale = time.perf_counter(), 0.05 if quick else 1.0
    observed = variety.measure_observe(int(400_000 * scale), repeat=3)
    _forget_garbage()
    grants = coordination.measure_grants(int(200_000 * scale))
    looking = coordination.measure_looking_through(max(int(2_000 * scale), 200))
    _forget_garbage()
    made = decisions.measure_decisions(int(50_000 * scale))
    weighings, naive = decisions.measure_weighings(int(20_000 * scale)), decisions.measure_baseline(int(10_000 * scale))
    _forget_garbage()
    status = anyio.run(measure_status, max(int(1_000 * scale), 50))
    _forget_garbage()
    pick = units.measure_pick(int(20_000 * scale))
    draw = control.measure_audit_draw(int(50_000 * scale))
    kib, live = units.measure_units(500 if quick else 10_000)
    return Result(
        observe_per_s=observed.per_second,
        observe_median_us=observed.median_us,
        observe_p99_us=observed.p99_us,
        observe_vs_recompute=observed.ratio,
        observe_drift=variety.deviation(int(5_000_000 * scale)),
        kind_bytes=variety.bytes_per_kind(),
        grants_per_s=grants[0],
        grants_median_ms=grants[1],
        grants_p99_ms=grants[2],
        grants_vs_looking_through=grants[0] / looking[0],
        decisions_per_s=made[0],
        decisions_median_ms=made[1],
        decisions_p99_ms=made[2],
        weighing_vs_naive=weighings / naive,
        status_ms=status[0],
        status_p99_ms=status[1],
        status_vs_analysis=status[2] / status[0],
        pick_median_us=pick[0],
        pick_p99_us=pick[1],
        pick_vs_best_mean=pick[2] / pick[0],
        audit_draw_us=draw,
        audit_draw_vs_looking_through=looking_for_due(int(2_000 * scale)) / draw,
        cyberfilter_us=control.measure_cyberfilter(int(5_000 * scale)),
        unit_kib=kib,
        units_live=live,
        seconds=time.perf_counter() - began,
    )


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="measure less, for a look")
    arguments = parser.parse_args()
    result = asdict(measure(quick=arguments.quick))
    if arguments.json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    width = max(map(len, result))
    sys.stdout.writelines(f"{name.replace('_', ' '):{width}} {value:>14,.5g}\n" for name, value in result.items())


if __name__ == "__main__":
    main()
