"""The figures of a viable system as Prometheus has them: one collector for any registry."""

from collections.abc import Iterator

from vsm_mcp.errors import ExtraMissingError
from vsm_mcp.metrics import BatchMetrics, HttpMetrics, Metrics, OperationMetrics, ResponseTimes, VarietyMetrics
from vsm_mcp.system.viable import ViableSystem

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
    from prometheus_client.metrics_core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        InfoMetricFamily,
        Metric,
        SummaryMetricFamily,
    )
    from prometheus_client.registry import Collector
except ImportError as _missing:
    raise ExtraMissingError("prometheus") from _missing

__all__ = ["CONTENT_TYPE", "FiguresCollector", "figures_text"]


class FiguresCollector(Collector):
    """Collects the figures of a system whenever a registry is read.

    ``vsm_up`` says whether the system is entered; while it is not, that is all there is. What is not known yet is left
    out. Counters begin when the system is entered.

    A registry must be read on the thread of the system's event loop, as `monitoring_app` does: Prometheus's own
    ``start_http_server`` reads it from another one.

    Args:
        vsm: The system; it may be entered later.
    """

    def __init__(self, vsm: ViableSystem) -> None:
        """Take the system; nothing is read."""
        self._vsm = vsm

    def __repr__(self) -> str:
        """Show the system."""
        return f"FiguresCollector({self._vsm!r})"

    def collect(self) -> Iterator[Metric]:
        """Take the figures."""
        entered = self._vsm.entered
        yield GaugeMetricFamily("vsm_up", "Whether the system is entered.", value=float(entered))
        if entered:
            yield from _families(self._vsm.metrics())


def figures_text(vsm: ViableSystem) -> bytes:
    """Return the figures in Prometheus's text format, whose media type is ``CONTENT_TYPE``."""
    registry = CollectorRegistry()
    registry.register(FiguresCollector(vsm))
    return generate_latest(registry)


def _families(metrics: Metrics) -> Iterator[Metric]:
    if metrics.node_id is not None:
        yield InfoMetricFamily("vsm_node", "The name of this host.", value={"id": metrics.node_id})
    yield from _gauges(
        ("vsm_viable", "Whether the whole is viable: 1 or 0.", metrics.viable),
        ("vsm_health_ratio", "The share of the readings that ask for nothing.", metrics.health),
        ("vsm_cache_hit_ratio", "The share of all look-ups that found their entry.", metrics.cache_hit_rate),
        ("vsm_servers", "MCP servers that are held.", metrics.servers.held),
        ("vsm_server_links", "Processes and connections of servers that are up.", metrics.servers.processes),
        ("vsm_server_starts", "Starts of the servers that are held.", metrics.servers.starts),
        ("vsm_server_calls", "Calls to servers that are under way.", metrics.servers.calls),
    )
    yield from _counters(
        ("vsm_conflicts", "How often two wanted the same thing at once.", metrics.conflicts),
        ("vsm_acquisitions", "Acquisitions.", metrics.acquired),
    )
    yield from _operations(metrics.operations)
    yield from _batches(metrics.batches)
    yield from _variety(metrics.variety)
    yield from _pools(metrics)
    yield from _caches(metrics)


def _operations(operations: OperationMetrics) -> Iterator[Metric]:
    stages = CounterMetricFamily("vsm_operations", "Operations by the stage where they ended.", labels=("stage",))
    for stage, count in operations.by_stage.items():
        stages.add_metric((stage.value,), count)
    yield stages
    yield from _counters(
        ("vsm_fallbacks", "Operations that another tool or unit was tried for.", operations.fallbacks),
        ("vsm_fallbacks_absorbed", "Those that were done so.", operations.fallbacks_absorbed),
    )
    yield from _gauges(
        ("vsm_operations_busy", "Operations under way.", operations.busy),
        ("vsm_operations_waiting", "Operations that wait for a place.", operations.waiting),
    )
    if operations.response is not None:
        yield _response(operations.response)


def _response(times: ResponseTimes) -> Metric:
    """Say how long operations took; quantiles are since the beginning, not of the last minutes."""
    name = "vsm_operation_seconds"
    summary = SummaryMetricFamily(
        name, "How long operations took that ran.", count_value=times.n, sum_value=times.mean * times.n
    )
    for quantile, seconds in (("0.5", times.p50), ("0.99", times.p99), ("1", times.longest)):
        summary.add_sample(name, {"quantile": quantile}, seconds)
    return summary


def _batches(batches: BatchMetrics) -> Iterator[Metric]:
    yield from _counters(
        ("vsm_batches", "Batches that ended.", batches.batches),
        ("vsm_batch_operations", "Operations that were done in batches.", batches.operations),
    )
    yield from _gauges(
        ("vsm_batch_efficiency_ratio", "How evenly the operations of batches last.", batches.parallel_efficiency),
        ("vsm_batch_speedup", "Operations of a batch under way at once, on average.", batches.parallel_speedup),
    )


def _variety(variety: VarietyMetrics) -> Iterator[Metric]:
    yield from _counters(("vsm_demands", "Demands that were recorded.", variety.demands))
    yield from _gauges(
        ("vsm_variety_absorbed_ratio", "The share of demand that was absorbed.", variety.absorbed_share),
        ("vsm_variety_gap_ratio", "The share that present capabilities would not absorb.", variety.gap_share),
        ("vsm_variety_kinds_required", "Kinds of demand that were met.", variety.kinds_required),
        ("vsm_variety_kinds_gap", "Those that nothing covers.", variety.kinds_gap),
    )


def _pools(metrics: Metrics) -> Iterator[Metric]:
    """Say how full what is bounded is."""
    links = GaugeMetricFamily("vsm_http_connections", "HTTP connections to a server.", labels=("server", "state"))
    most = GaugeMetricFamily("vsm_http_connections_most", "How many there may be.", labels=("server",))
    for server, pool in metrics.http.items():
        for state, count in _states(pool):
            links.add_metric((server, state), count)
        most.add_metric((server,), pool.most)
    yield from (links, most)
    places = metrics.sandboxes
    if places is not None:
        yield from _gauges(
            ("vsm_sandboxes_busy", "Confined processes.", places.busy),
            ("vsm_sandboxes_waiting", "Confined processes that wait for a place.", places.waiting),
            ("vsm_sandboxes_most", "How many there may be.", places.most),
        )


def _states(pool: HttpMetrics) -> Iterator[tuple[str, int]]:
    yield "active", pool.active
    yield "idle", pool.idle


def _caches(metrics: Metrics) -> Iterator[Metric]:
    looked = CounterMetricFamily("vsm_cache_lookups", "Look-ups in what is kept.", labels=("cache", "found"))
    entries = GaugeMetricFamily("vsm_cache_entries", "Entries that are kept.", labels=("cache",))
    for name, stats in metrics.caches.items():
        looked.add_metric((name, "yes"), stats.hits)
        looked.add_metric((name, "no"), stats.misses)
        entries.add_metric((name,), stats.size)
    yield from (looked, entries)


def _gauges(*figures: tuple[str, str, float | None]) -> Iterator[Metric]:
    """Leave out what is not known."""
    for name, meaning, value in figures:
        if value is not None:
            yield GaugeMetricFamily(name, meaning, value=float(value))


def _counters(*figures: tuple[str, str, int]) -> Iterator[Metric]:
    for name, meaning, value in figures:
        yield CounterMetricFamily(name, meaning, value=value)
