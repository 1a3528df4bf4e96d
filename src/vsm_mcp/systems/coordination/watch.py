"""Watches several series for oscillation, and proposes what to damp one with: the mildest damper first."""

from collections import OrderedDict
from dataclasses import dataclass

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.coordination.damping import Damper
from vsm_mcp.systems.coordination.oscillation import INTERVALS, Oscillation, OscillationDetector

MOST_SERIES = 1000

_ORDER = tuple(Damper)
_HOW = {
    Damper.HYSTERESIS: "act only outside a band of {spread:.3g} around the trend, and stay {half:.0f} observations",
    Damper.GAIN: "correct by half as much",
    Damper.JITTER: "spread the moments of acting by {half:.0f} observations",
    Damper.LEASE: "let only the holder of a lease act on it",
    Damper.SUPPRESSION: "leave it alone until it has been still for a while",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to damp an oscillating series with.

    Attributes:
        series: Which series.
        damper: What to do next.
        r: How regular it is.
        period: Length of a swing, in observations.
        n: Values seen.
        reason: Why, and how, in a sentence.
    """

    series: str
    damper: Damper
    r: float
    period: float
    n: int
    reason: str


class _Series:
    __slots__ = ("advised_at", "detector", "step")

    def __init__(self, intervals: int) -> None:
        self.detector = OscillationDetector(intervals=intervals)
        self.step = -1
        self.advised_at = 0


class Watch:
    """Watches series by name.

    Args:
        intervals: How many intervals between crossings are judged.
        most_series: Bound on the series; beyond it, the one that was fed longest ago is forgotten.

    Raises:
        ConfigurationError: There is no room for any series.
    """

    def __init__(self, *, intervals: int = INTERVALS, most_series: int = MOST_SERIES) -> None:
        """Start without a series."""
        if most_series < 1:
            raise ConfigurationError(f"{most_series} series are too few.", remedies=("Allow at least one series.",))
        self._intervals = intervals
        self._most_series = most_series
        self._series = OrderedDict[str, _Series]()
        OscillationDetector(intervals=intervals)

    def __repr__(self) -> str:
        """Show how many series are watched."""
        return f"Watch(series={len(self._series)}, oscillating={len(self.oscillating())})"

    def observe(self, name: str, value: float) -> bool:
        """Take the next value of a series; return whether it oscillates now.

        Raises:
            PayloadError: ``value`` is not a finite number of reasonable size.
        """
        series = self._series.get(name) or _Series(self._intervals)
        oscillates = series.detector.observe(value)  # before another series makes room: the value may be refused
        if name not in self._series and len(self._series) >= self._most_series:
            self._series.popitem(last=False)
        self._series[name] = series
        self._series.move_to_end(name)
        return oscillates

    def report(self, name: str) -> Oscillation | None:
        """Return what is known of a series; ``None`` when it is not watched."""
        series = self._series.get(name)
        return None if series is None else series.detector.report()

    def oscillating(self) -> tuple[tuple[str, float], ...]:
        """Return the series that oscillate now and how regular each is, the most regular first."""
        seen = ((name, one.detector.r) for name, one in self._series.items() if one.detector.oscillating)
        known = ((name, r) for name, r in seen if r is not None)
        return tuple(sorted(known, key=lambda entry: (-entry[1], entry[0])))

    def advise(self, name: str) -> Advice | None:
        """Propose what to damp a series with; ``None`` when it does not oscillate.

        The next stronger damper is proposed when the series still oscillates after as many new crossings as are judged:
        then all that is judged happened under the damper before. A series that came to rest starts over.
        """
        series = self._series.get(name)
        if series is None:
            return None
        if not series.detector.oscillating:
            series.step = -1
            return None
        crossings = series.detector.crossings
        if series.step < 0 or crossings - series.advised_at >= self._intervals:
            series.step = min(series.step + 1, len(_ORDER) - 1)
            series.advised_at = crossings
        return _advice(name, _ORDER[series.step], series.detector)


def _advice(name: str, damper: Damper, detector: OscillationDetector) -> Advice:
    seen = detector.report()
    r, period, spread = seen.r or 0.0, seen.period or 0.0, detector.spread or 0.0  # known of whatever oscillates
    swings = f"It swings every {period:.3g} observations (r = {r:.3g} over {seen.intervals} intervals)"
    how = _HOW[damper].format(spread=spread, half=period / 2.0)
    return Advice(
        series=name,
        damper=damper,
        r=r,
        period=period,
        n=seen.n,
        reason=f"{swings}: {how}.",
    )
