"""What a call costs: on the raw path, through the SDK, with other clients, and with next to nothing at all.

Run ``python tests/benchmarks/calls.py [--json] [--quick]``. All ways call the same bare server, each a process of its
own, in turn and in the same run: ``lean`` is our raw path behind all guards, ``lean_full`` the same with work for each
of them: rules, a zone, a secret to hide, a log on disk. ``raw`` is that path without any guard, ``sdk`` our typed path
without any, ``client`` the SDK's own client, ``fastmcp`` that of FastMCP when it is installed, ``floor`` bare JSON
lines as one writes it by hand, ``least`` the same with a quicker parser and nothing held back. Beside that:
what the guards cost, calls within this process, what 10,000 calls leave behind, how soon fifty servers are there, how
soon a dead one is replaced, and what is left of servers that were killed or lost their host. A quick run makes fewer
of each.
"""

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from calls_guards import Cost, cost
from calls_life import Leaks, Lives, leaks, lives
from calls_ways import Measured, Rounds, compare, medians, share, shown, ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    rounds: int
    calls: int
    guard_calls: int
    leak_calls: int
    servers: int
    failovers: int
    kills: int


FULL = Extent(rounds=9, calls=4000, guard_calls=50_000, leak_calls=10_000, servers=50, failovers=10, kills=50)
QUICK = Extent(rounds=5, calls=600, guard_calls=2000, leak_calls=10_000, servers=50, failovers=2, kills=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured; the ratios are those of throughput at ten in flight, ``sdk_overhead`` that of CPU.

    A ratio is the median of those of all rounds: what is compared is measured within a second or so.

    Attributes:
        lean_per_s: Calls per second on the raw path, all guards on, with ten in flight.
        lean_p99_ms: How long all but one in a hundred of them took at most.
        lean_cpu_us: CPU of this process per call, in microseconds.
        lean_vs_sdk: How many times as many calls as with the SDK's own client.
        lean_vs_floor: What share of the calls that bare JSON lines allow, written by hand with the standard library.
        lean_vs_least: What share of the calls that are possible at all.
        lean_full_per_s: Calls per second on the raw path when every guard has work to do, up to the last one's record
            on disk.
        lean_full_p99_ms: How long all but one in a hundred of them took at most.
        lean_full_vs_floor: Their share of the calls that bare JSON lines allow.
        raw_per_s: Calls per second on the raw path without guards.
        raw_vs_floor: Their share of the calls that bare JSON lines allow.
        guard_us: CPU that the guards add to a call that does nothing, in microseconds.
        guard_in_situ_us: CPU that they add to a call to a server: more, because there they are met with cold caches.
        guards: Which guards those are.
        inprocess_per_s: Calls per second to a server object of this process.
        sdk_overhead: What our typed path costs more than the SDK's own client, as a share of it.
        failover_s: From the death of a server to the next answer, without the server's own start.
        orphans: Processes left by servers and hosts that were killed.
        seconds: How long this program took, from the start of its process.
        loop: Whose event loop it ran on.
        ways: Every way, by calls in flight.
        leaks: What many calls left behind.
        lives: Starts, failovers and kills.
    """

    lean_per_s: float
    lean_p99_ms: float
    lean_cpu_us: float
    lean_vs_sdk: float
    lean_vs_floor: float
    lean_vs_least: float
    lean_full_per_s: float
    lean_full_p99_ms: float
    lean_full_vs_floor: float
    raw_per_s: float
    raw_vs_floor: float
    guard_us: float
    guard_in_situ_us: float
    guards: str
    inprocess_per_s: float
    sdk_overhead: float
    failover_s: float
    orphans: int
    seconds: float
    loop: str
    ways: Mapping[str, Mapping[int, Measured]]
    leaks: Leaks
    lives: Lives


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="measure less")
    options = parser.parse_args()
    quick = importlib.util.find_spec("uvloop") is not None
    result = anyio.run(
        measure,
        QUICK if options.quick else FULL,
        "uvloop" if quick else "asyncio",
        backend_options={"use_uvloop": quick},
    )
    sys.stdout.write((json.dumps(asdict(result)) if options.json else _table(result)) + "\n")


async def measure(extent: Extent, loop: str) -> Result:
    """Measure everything, one after the other."""
    async with ways() as found:
        compared = await compare(found, rounds=extent.rounds, calls=extent.calls)
    return _summed(
        compared,
        await cost(extent.guard_calls),
        await leaks(extent.leak_calls),
        lived=await lives(servers=extent.servers, failovers=extent.failovers, kills=extent.kills),
        loop=loop,
    )


def _summed(compared: Rounds, guards: Cost, left: Leaks, *, lived: Lives, loop: str) -> Result:
    found = medians(compared)
    lean, raw, client, in_full = (found[name][10] for name in ("lean", "raw", "client", "lean_full"))
    return Result(
        lean_per_s=lean.per_s,
        lean_p99_ms=lean.p99_ms,
        lean_cpu_us=lean.cpu_us,
        lean_vs_sdk=share(compared, "lean", of="client"),
        lean_vs_floor=share(compared, "lean", of="floor"),
        lean_vs_least=share(compared, "lean", of="least"),
        lean_full_per_s=in_full.per_s,
        lean_full_p99_ms=in_full.p99_ms,
        lean_full_vs_floor=share(compared, "lean_full", of="floor"),
        raw_per_s=raw.per_s,
        raw_vs_floor=share(compared, "raw", of="floor"),
        guard_us=guards.guard_us,
        guard_in_situ_us=lean.cpu_us - raw.cpu_us,
        guards=guards.guards,
        inprocess_per_s=guards.inprocess_per_s,
        sdk_overhead=found["sdk"][10].cpu_us / client.cpu_us - 1,
        failover_s=lived.failover_s,
        orphans=lived.orphans,
        seconds=_lived(),
        loop=loop,
        ways=found,
        leaks=left,
        lives=lived,
    )


def _lived() -> float:
    """Return for how many seconds this process has been there, imports and all."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _table(result: Result) -> str:
    """Return the figures, one per line, then the comparison."""
    figures = {name: value for name, value in asdict(result).items() if not isinstance(value, dict)}
    parts = {**figures, **asdict(result.leaks), **asdict(result.lives)}
    lines = [
        f"{name:18} {value:12.3f}" if isinstance(value, float) else f"{name:18} {value!s:>12}"
        for name, value in parts.items()
    ]
    return "\n".join((*lines, "", shown(result.ways)))


if __name__ == "__main__":
    main()
