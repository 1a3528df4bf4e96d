"""The figures of a viable system as Prometheus has them: one collector for any registry."""

from collections.abc import Callable, Iterator

from vsm_mcp.errors import ExtraMissingError
from vsm_mcp.metrics import Metrics, ResponseTimes
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

_GAUGES: tuple[tuple[str, str, Callable[[Metrics], float | None]], ...] = (
    ("vsm_viable", "Whether the whole is viable: 1 or 0.", lambda of: of.viable),
    ("vsm_health_ratio", "The share of the readings that ask for nothing.", lambda of: of.health),
    ("vsm_cache_hit_ratio", "The share of all look-ups that found their entry.", lambda of: of.cache_hit_rate),
    ("vsm_servers", "MCP servers that are held.", lambda of: of.servers.held),
    ("vsm_server_links", "Processes and connections of servers that are up.", lambda of: of.servers.processes),
    ("vsm_server_starts", "Starts of the servers that are held.", lambda of: of.servers.starts),
    ("vsm_server_calls", "Calls to servers that are under way.", lambda of: of.servers.calls),
    ("vsm_server_calls_waiting", "Calls that wait for a server to come up.", lambda of: of.servers.waiting),
    ("vsm_operations_busy", "Operations under way.", lambda of: of.operations.busy),
    ("vsm_operations_waiting", "Operations that wait for a place.", lambda of: of.operations.waiting),
    ("vsm_batch_efficiency_ratio", "How evenly operations of batches last.", lambda of: of.batches.parallel_efficiency),
    ("vsm_batch_speedup", "Operations of a batch at once, on average.", lambda of: of.batches.parallel_speedup),
    ("vsm_variety_absorbed_ratio", "The share of demand that was absorbed.", lambda of: of.variety.absorbed_share),
    ("vsm_variety_gap_ratio", "The share that present capabilities would not absorb.", lambda of: of.variety.gap_share),
    ("vsm_variety_kinds_required", "Kinds of demand that were met.", lambda of: of.variety.kinds_required),
    ("vsm_variety_kinds_gap", "Those that nothing covers.", lambda of: of.variety.kinds_gap),
    ("vsm_sandboxes_busy", "Confined processes.", lambda of: of.sandboxes and of.sandboxes.busy),
    ("vsm_sandboxes_waiting", "Confined processes that wait.", lambda of: of.sandboxes and of.sandboxes.waiting),
    ("vsm_sandboxes_most", "How many there may be.", lambda of: of.sandboxes and of.sandboxes.most),
    ("vsm_bus_connected", "Whether messages reach the bus: 1 or 0.", lambda of: of.nerves and of.nerves.connected),
    ("vsm_messages_waiting", "Messages to be sent.", lambda of: of.nerves and of.nerves.waiting),
)
"""What is one number, as it is now; what is not known is ``None``."""

_COUNTERS: tuple[tuple[str, str, Callable[[Metrics], int | None]], ...] = (
    ("vsm_conflicts", "How often two wanted the same thing at once.", lambda of: of.conflicts),
    ("vsm_acquisitions", "Acquisitions.", lambda of: of.acquired),
    ("vsm_fallbacks", "Operations that another tool or unit was tried for.", lambda of: of.operations.fallbacks),
    ("vsm_fallbacks_absorbed", "Those that were done so.", lambda of: of.operations.fallbacks_absorbed),
    ("vsm_batches", "Batches that ended.", lambda of: of.batches.batches),
    ("vsm_batch_operations", "Operations that were done in batches.", lambda of: of.batches.operations),
    ("vsm_demands", "Demands that were recorded.", lambda of: of.variety.demands),
    ("vsm_messages_sent", "Messages that the bus took.", lambda of: of.nerves and of.nerves.sent),
    ("vsm_messages_heard", "Messages of other systems.", lambda of: of.nerves and of.nerves.heard),
    ("vsm_messages_dropped", "Messages that were given up.", lambda of: of.nerves and of.nerves.dropped),
)
"""What is one number, and only grows."""


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
    for name, meaning, figure in _GAUGES:
        if (value := figure(metrics)) is not None:
            yield GaugeMetricFamily(name, meaning, value=float(value))
    for name, meaning, count in _COUNTERS:
        if (counted := count(metrics)) is not None:
            yield CounterMetricFamily(name, meaning, value=counted)
    if metrics.operations.response is not None:
        yield _response(metrics.operations.response)
    yield from _of_each(metrics)


def _response(times: ResponseTimes) -> Metric:
    """Say how long operations took; quantiles are since the beginning, not of the last minutes."""
    name = "vsm_operation_seconds"
    summary = SummaryMetricFamily(
        name, "How long operations took that ran.", count_value=times.n, sum_value=times.mean * times.n
    )
    for quantile, seconds in (("0.5", times.p50), ("0.99", times.p99), ("1", times.longest)):
        summary.add_sample(name, {"quantile": quantile}, seconds)
    return summary


def _of_each(metrics: Metrics) -> Iterator[Metric]:
    """Give what is one number for each of several, by their labels."""
    stages = CounterMetricFamily("vsm_operations", "Operations by the stage where they ended.", labels=("stage",))
    links = GaugeMetricFamily("vsm_http_connections", "HTTP connections to a server.", labels=("server", "state"))
    most = GaugeMetricFamily("vsm_http_connections_most", "How many there may be.", labels=("server",))
    queue = GaugeMetricFamily("vsm_http_requests_waiting", "Requests without a connection.", labels=("server",))
    looked = CounterMetricFamily("vsm_cache_lookups", "Look-ups in what is kept.", labels=("cache", "found"))
    entries = GaugeMetricFamily("vsm_cache_entries", "Entries that are kept.", labels=("cache",))
    for stage, count in metrics.operations.by_stage.items():
        stages.add_metric((stage.value,), count)
    for server, pool in metrics.http.items():
        links.add_metric((server, "active"), pool.active)
        links.add_metric((server, "idle"), pool.idle)
        most.add_metric((server,), pool.most)
        queue.add_metric((server,), pool.waiting)
    for cache, stats in metrics.caches.items():
        looked.add_metric((cache, "yes"), stats.hits)
        looked.add_metric((cache, "no"), stats.misses)
        entries.add_metric((cache,), stats.size)
    yield from (stages, links, most, queue, looked, entries)
