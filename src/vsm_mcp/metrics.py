"""Metrics: the figures that go up and down, in one record of plain numbers."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import fsum, log2
from time import perf_counter_ns

from pydantic import BaseModel, Field

from vsm_mcp.model.operation import Stage
from vsm_mcp.model.report import Report, printable
from vsm_mcp.nerves.nervous_system import NervesCount
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.settings.settings import Settings
from vsm_mcp.status import status_of
from vsm_mcp.variety.analysis import CacheStats
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.wiring.parts import Parts

MOST_COUNTED = 5_000
"""Kinds of demand that are counted anew to see how much slower that is; of more it would hold up other work."""

_READS = 64
"""How often what is kept is read for that: once takes less than a clock can tell."""


class ResponseTimes(Report, frozen=True):
    """How long operations took that ran, well or not, waiting for a place included.

    Attributes:
        n: How many that were.
        mean: Seconds, exactly.
        p50: Seconds that half of them did not exceed; this and the next are at most 1/32 off.
        p99: Seconds that 99 of 100 did not exceed.
        longest: Seconds.
    """

    n: int = Field(ge=0)
    mean: float
    p50: float
    p99: float
    longest: float


class OperationMetrics(Report, frozen=True):
    """What became of the operations.

    Attributes:
        n: Operations that ended.
        absorbed: Those that were done.
        failed: Those that ran and failed.
        failed_share: The share that failed of those that ran; ``None`` before the first.
        by_stage: How many ended at each stage of the funnel.
        busy: Operations under way.
        waiting: Operations that wait for a place.
        response: How long they took; ``None`` before the first, and with ``Settings(telemetry=False)``.
        fallbacks: Operations for which another tool or unit was tried after the first choice did not work.
        fallbacks_absorbed: Those of them that were done so.
        fallback_share: The share of ``fallbacks`` in ``n``; ``None`` before the first.
    """

    n: int = Field(ge=0)
    absorbed: int = Field(ge=0)
    failed: int = Field(ge=0)
    failed_share: float | None = Field(ge=0, le=1)
    by_stage: Mapping[Stage, int]
    busy: int = Field(ge=0)
    waiting: int = Field(ge=0)
    response: ResponseTimes | None
    fallbacks: int = Field(ge=0)
    fallbacks_absorbed: int = Field(ge=0)
    fallback_share: float | None = Field(ge=0, le=1)


class BatchMetrics(Report, frozen=True):
    """How `ViableSystem.execute_many` did.

    Attributes:
        batches: Batches that ended.
        operations: Operations that were done in them.
        parallel_efficiency: The share of the time of the batches, times the operations that each did at once, in which
            operations were under way: 1 when nothing waited for a slower one of its batch. ``None`` without any batch.
        parallel_speedup: How many operations were under way at once, on average.
    """

    batches: int = Field(ge=0)
    operations: int = Field(ge=0)
    parallel_efficiency: float | None = Field(ge=0, le=1)
    parallel_speedup: float | None


class VarietyMetrics(Report, frozen=True):
    """Demand, and what is absorbed of it.

    Attributes:
        demands: Demands that were recorded.
        absorbed_share: The share of demand that was absorbed, newer demand weighing more.
        gap_share: The share that the present capabilities would not absorb.
        kinds_required: Kinds of demand that were met.
        kinds_gap: Those that nothing covers.
        speed_improvement: How many times faster the variety of demand is read from what is kept than counted anew
            over all kinds, as measured when these figures were taken. ``None`` before the first demand, and of more
            than 5000 kinds, where counting would hold up other work.
    """

    demands: int = Field(ge=0)
    absorbed_share: float | None
    gap_share: float | None
    kinds_required: int
    kinds_gap: int
    speed_improvement: float | None


class ServerMetrics(Report, frozen=True):
    """The servers that are held.

    Attributes:
        held: How many.
        processes: Their processes and connections that are up.
        starts: How often one was started or connected to.
        calls: Calls to them that are under way.
        waiting: Those of them that wait for a process or a connection that is not up yet.
    """

    held: int = Field(ge=0)
    processes: int = Field(ge=0)
    starts: int = Field(ge=0)
    calls: int = Field(ge=0)
    waiting: int = Field(ge=0)


class HttpMetrics(Report, frozen=True):
    """The HTTP connections to one server.

    Attributes:
        active: Connections with a request under way, or being made.
        idle: Connections that are kept for the next one.
        waiting: Requests that found all connections taken, and wait for one.
        most: Connections that there may be: ``Settings(http_connections=...)``.
    """

    active: int = Field(ge=0)
    idle: int = Field(ge=0)
    waiting: int = Field(ge=0)
    most: int = Field(ge=1)


class SandboxMetrics(Report, frozen=True):
    """The confined processes of this system: servers, trials, and package clients.

    Attributes:
        busy: How many there are.
        waiting: How many wait for a place.
        most: How many there may be: ``Settings(max_concurrent_sandboxes=...)``.
    """

    busy: int = Field(ge=0)
    waiting: int = Field(ge=0)
    most: int = Field(ge=1)


class Metrics(Report, frozen=True):
    """What a host reads again and again. Counts begin when the system is entered.

    Attributes:
        node_id: The name of this host: ``Settings(node_id=...)``.
        at: When the figures were taken.
        viable: Whether the whole is viable; ``None`` while there is no demand to judge by.
        health: The share of the readings of `ViableSystem.status` that ask for nothing; ``None`` before any demand.
        operations: What became of the operations.
        batches: How those did that were done together.
        variety: Demand, and what is absorbed of it.
        conflicts: How often two wanted the same thing at once.
        acquired: Acquisitions of this session.
        servers: The servers that are held.
        http: The connections to each server that is reached over HTTP.
        sandboxes: The confined processes.
        nerves: What went to other systems and came from them; ``None`` without a bus.
        caches: How the tables that are kept for speed do; as `ViableSystem.cache_stats`.
        cache_hit_rate: The share of all look-ups in them that found their entry; ``None`` before the first.
    """

    node_id: str | None
    at: datetime
    viable: bool | None
    health: float | None = Field(ge=0, le=1)
    operations: OperationMetrics
    batches: BatchMetrics
    variety: VarietyMetrics
    conflicts: int = Field(ge=0)
    acquired: int = Field(ge=0)
    servers: ServerMetrics
    http: Mapping[str, HttpMetrics]
    sandboxes: SandboxMetrics | None
    nerves: NervesCount | None
    caches: Mapping[str, CacheStats]
    cache_hit_rate: float | None = Field(ge=0, le=1)

    def __str__(self) -> str:
        """Show every figure that is known in a line of its own."""
        figures = (printable(f"  {name}: {value:.4g}") for name, value in self.to_dict().items())
        node = "" if self.node_id is None else f" of {self.node_id}"
        return "\n".join((f"Metrics{node} at {self.at:%Y-%m-%d %H:%M:%S} UTC", *figures))

    def to_dict(self) -> dict[str, float]:
        """Return the figures that are known by dotted names, such as ``operations.response.p99``; yes and no are 1, 0.

        What is not known is left out, so a name may be absent at first. Made for whoever exports figures.
        """
        return dict(_flat("", self))


def take_metrics(
    parts: Parts, settings: Settings, *, caches: Mapping[str, CacheStats], nerves: NervesCount | None = None
) -> Metrics:
    """Take the figures.

    Args:
        parts: The system.
        settings: Its options.
        caches: How its caches do.
        nerves: What went over its bus, if it has one.
    """
    status = status_of(parts, settings)
    seen = sum(stats.hits + stats.misses for stats in caches.values())
    return Metrics(
        node_id=settings.node_id,
        at=status.at,
        viable=status.viable,
        health=status.health,
        operations=_operations(parts),
        batches=_batches(parts),
        variety=_variety(parts.variety),
        conflicts=parts.system2.conflicts,
        acquired=len(parts.system4.reports),
        servers=_servers(parts),
        http={
            name: HttpMetrics(active=count.active, idle=count.idle, waiting=count.waiting, most=count.most)
            for name, count in sorted(parts.spawner.connections().items())
        },
        sandboxes=_sandboxes(parts.sandbox),
        nerves=nerves,
        caches=caches,
        cache_hit_rate=sum(stats.hits for stats in caches.values()) / seen if seen else None,
    )


def _operations(parts: Parts) -> OperationMetrics:
    system1, ended = parts.system1, parts.system1.ended
    n, ran = sum(ended.values()), system1.absorbed + system1.failed
    return OperationMetrics(
        n=n,
        absorbed=system1.absorbed,
        failed=system1.failed,
        failed_share=system1.failed / ran if ran else None,
        by_stage=dict(ended),
        busy=system1.busy,
        waiting=system1.waiting,
        response=_response(parts),
        fallbacks=system1.fallbacks,
        fallbacks_absorbed=system1.fallbacks_absorbed,
        fallback_share=system1.fallbacks / n if n else None,
    )


def _response(parts: Parts) -> ResponseTimes | None:
    durations = parts.vitals.durations
    if durations is None:
        return None
    mean, longest = durations.mean, durations.longest
    median, slow = durations.quantile(0.5), durations.quantile(0.99)
    if mean is None or longest is None or median is None or slow is None:
        return None
    return ResponseTimes(n=durations.n, mean=mean, p50=median, p99=slow, longest=longest)


def _batches(parts: Parts) -> BatchMetrics:
    batching = parts.vitals.batching
    return BatchMetrics(
        batches=batching.batches,
        operations=batching.operations,
        parallel_efficiency=batching.efficiency,
        parallel_speedup=batching.speedup,
    )


def _variety(variety: VarietyCalculator) -> VarietyMetrics:
    gap = variety.gap()
    return VarietyMetrics(
        demands=gap.n,
        absorbed_share=gap.observed_absorbed_share,
        gap_share=gap.share,
        kinds_required=gap.kinds_required,
        kinds_gap=gap.kinds_gap,
        speed_improvement=_speed_improvement(variety, kinds=gap.kinds_required),
    )


def _speed_improvement(variety: VarietyCalculator, *, kinds: int) -> float | None:
    """Read the variety of demand, count it anew, and return how many times longer that took."""
    if not 0 < kinds <= MOST_COUNTED:
        return None
    began = perf_counter_ns()
    for _ in range(_READS):
        variety.headline()
    read = perf_counter_ns()
    _bits_of(variety.weights())
    counted = perf_counter_ns()
    return (counted - read) * _READS / (read - began) if read > began else None


def _bits_of(weights: Mapping[str, float]) -> float:
    """Return the variety of demand: the entropy of its kinds."""
    total = fsum(weights.values())
    return -fsum(weight / total * log2(weight / total) for weight in weights.values())


def _servers(parts: Parts) -> ServerMetrics:
    states = parts.spawner.states().values()
    return ServerMetrics(
        held=len(states),
        processes=sum(state.processes for state in states),
        starts=sum(state.generation for state in states),
        calls=sum(parts.spawner.open_calls().values()),
        waiting=sum(state.waiting for state in states),
    )


def _sandboxes(sandbox: Sandbox) -> SandboxMetrics | None:
    places = sandbox.places
    return None if places is None else SandboxMetrics(busy=places.busy, waiting=places.waiting, most=places.most)


def _flat(name: str, value: object) -> Iterator[tuple[str, float]]:
    """Go through all numbers in ``value``, each with its name."""
    if isinstance(value, bool | int | float):
        yield name, float(value) if isinstance(value, float) else int(value)
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _flat(f"{name}.{field}" if name else field, getattr(value, field))
    elif isinstance(value, Mapping):
        for key in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _flat(f"{name}.{key}", value[key])  # pyright: ignore[reportUnknownArgumentType]
