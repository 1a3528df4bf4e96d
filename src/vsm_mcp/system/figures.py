"""The figures of a living system: what it does, what it cannot do, and what ails it."""

from collections.abc import Mapping

from vsm_mcp.acquisition.report import AcquisitionReport
from vsm_mcp.diagnostics import (
    GapDiagnosis,
    PerformanceReport,
    analyze,
    diagnose_gap,
    diagnose_performance,
    diagnose_whole,
)
from vsm_mcp.measured import principles_of
from vsm_mcp.metrics import Metrics, take_metrics
from vsm_mcp.status import SystemStatus, status_of
from vsm_mcp.system.entered import Entered
from vsm_mcp.systems.vitals.diagnosis.diagnosis import Diagnosis
from vsm_mcp.systems.vitals.principles import Principles
from vsm_mcp.variety.analysis import CacheStats, VarietyAnalysis
from vsm_mcp.world.caching.figures import CacheFigures


class Figures(Entered):
    """Everything that only looks."""

    @property
    def acquisitions(self) -> tuple[AcquisitionReport, ...]:
        """The reports of this session's acquisitions, oldest first."""
        return tuple(self.parts.system4.reports)

    def status(self) -> SystemStatus:
        """Return a snapshot of the whole: measured figures only, at a cost that does not grow with demand."""
        return status_of(self.parts, self.settings)

    def analyze_variety(self) -> VarietyAnalysis:
        """Return the variety gap, per system and per kind, from the recorded demand."""
        return analyze(self.parts)

    def cache_stats(self) -> Mapping[str, CacheStats]:
        """Return how what is kept for speed does, by name.

        ``kinds`` are the kinds of demand, ``discovery`` the answers to searches, ``matches`` the tools for a need.
        """
        return {
            "kinds": self.parts.variety.cache_stats(),
            "discovery": _stats(self.parts.discovery.figures()),
            "matches": _stats(self.parts.router.figures()),
        }

    def metrics(self) -> Metrics:
        """Return the figures that a host reads again and again: operations, response times, fallbacks, caches, pools.

        They are plain numbers since the system was entered, and ``to_dict()`` gives them by dotted names. Takes time
        that grows with the number of kinds of demand: about a millisecond for a thousand.
        """
        nerves = None if self._nerves is None else self._nerves.count
        return take_metrics(self.parts, self.settings, caches=self.cache_stats(), nerves=nerves)

    def diagnose_variety_gap(self) -> GapDiagnosis:
        """Say which system loses how much of demand, and what to do: tools, units, thresholds, or less variety."""
        return diagnose_gap(self.parts)

    def diagnose_performance(self) -> PerformanceReport:
        """Say what slows the system down: coordination, too few scans, queues, slow tools."""
        return diagnose_performance(self.parts, every=self.settings.variety_check_interval)

    def diagnose(self) -> Diagnosis:
        """Say which pathologies of viable systems the figures show; what is not measured is named as such."""
        return diagnose_whole(self.parts, identity=self._charter.identity)

    def check_principles(self) -> Principles:
        """Say which of Beer's principles and axioms the figures keep; what is not measured is never taken for kept.

        Amounts of variety are shares of the demand that was met since the system was entered, newer demand weighing
        more; loops are due every ``Settings(variety_check_interval=...)``. Takes time that grows with the number of
        units and kinds.
        """
        return principles_of(self.parts, every=self.settings.variety_check_interval)


def _stats(figures: CacheFigures) -> CacheStats:
    return CacheStats(
        size=figures.size,
        max_size=figures.most,
        hits=figures.hits,
        misses=figures.misses,
        hit_rate=figures.hit_rate,
        evictions=figures.evicted,
        ttl=figures.fresh,
    )
