"""Whether forecasts can be believed: what was foretold against what happened."""

from math import floor, fsum

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report

DEFAULT_MOST_BINS = 1000

_TENTHS = 10


class CalibrationReport(Report, frozen=True):
    """How good forecasts of yes or no were; figures are ``None`` while there were none.

    ``brier = reliability - resolution + uncertainty + within_bins`` (Murphy 1973, with the rest that bins of
    unequal forecasts leave: Stephenson, Coelho and Jolliffe 2008).

    Attributes:
        n: How many forecasts have come to their outcome.
        bins: How many different forecasts were told apart.
        exact: Whether each bin holds equal forecasts only. Otherwise there were too many different ones.
        base_rate: Share of what was forecast that happened.
        brier: Mean of the squared difference between forecast and outcome (Brier 1950): 0 is best, 1 worst.
        reliability: How far forecasts are from what then happened, squared: 0 is best.
        resolution: How much what happened differs between forecasts: the more, the better.
        uncertainty: What always forecasting the base rate would score.
        within_bins: What is due to unequal forecasts in one bin: 0 when ``exact``.
        skill: ``1 - brier / uncertainty``: 1 is best, 0 as good as the base rate; ``None`` when all outcomes agree.
        expected_error: Mean distance between forecast and share of outcomes over ten bins of equal width (expected
            calibration error: Naeini, Cooper and Hauskrecht 2015).
    """

    n: int
    bins: int
    exact: bool
    base_rate: float | None = None
    brier: float | None = None
    reliability: float | None = None
    resolution: float | None = None
    uncertainty: float | None = None
    within_bins: float | None = None
    skill: float | None = None
    expected_error: float | None = None


class Calibration:
    """Compares forecasts with outcomes, one at a time, in bounded memory.

    Equal forecasts share a bin, so that the decomposition is exact. When there are more than ``most_bins`` different
    ones, all bins become as many of equal width, whatever the order of the forecasts was.

    Args:
        most_bins: How many different forecasts are told apart; a multiple of 10.

    Raises:
        ConfigurationError: ``most_bins`` is not a positive multiple of 10, or too large.
    """

    __slots__ = ("_bins", "_exact", "_happened", "_most_bins", "_observations", "_squares")

    def __init__(self, *, most_bins: int = DEFAULT_MOST_BINS) -> None:
        """Start without any forecast."""
        if most_bins % _TENTHS or not _TENTHS <= most_bins <= _MOST_BINS:
            raise ConfigurationError(
                f"{most_bins} bins cannot be used.",
                remedies=(f"Give a multiple of {_TENTHS}, at most {_MOST_BINS}.",),
            )
        self._most_bins = most_bins
        self._bins: dict[float, list[float]] = {}
        self._exact = True
        self._observations = 0
        self._happened = 0
        self._squares = 0.0

    def __repr__(self) -> str:
        """Show how much was compared."""
        return f"Calibration(n={self._observations}, bins={len(self._bins)}, exact={self._exact})"

    @property
    def observations(self) -> int:
        """How many forecasts have come to their outcome."""
        return self._observations

    def observe(self, forecast: float, *, happened: bool) -> None:
        """Take note of what became of one forecast.

        Args:
            forecast: The probability that was given.
            happened: Whether it came true.

        Raises:
            PayloadError: The forecast is not between 0 and 1.
        """
        if not 0.0 <= forecast <= 1.0:
            raise PayloadError(f"A forecast of {forecast} is not a probability.")
        key = forecast if self._exact else self._place(forecast)
        cell = self._bins.get(key)
        if cell is None:
            cell = self._bins[key] = [0.0, 0.0, 0.0]
        outcome = 1.0 if happened else 0.0
        miss = forecast - outcome
        cell[0] += 1.0
        cell[1] += outcome
        cell[2] += forecast
        self._observations += 1
        self._happened += happened
        self._squares += miss * miss
        if len(self._bins) > self._most_bins:
            self._coarsen()

    def report(self) -> CalibrationReport:
        """Return all figures. Takes time proportional to the number of bins."""
        n, cells = self._observations, tuple(self._bins.values())
        if not n:
            return CalibrationReport(n=0, bins=0, exact=True)
        base_rate, brier = self._happened / n, self._squares / n
        uncertainty = base_rate * (1.0 - base_rate)
        reliability = fsum((forecast - happened) ** 2 / count for count, happened, forecast in cells) / n
        resolution = fsum(count * (happened / count - base_rate) ** 2 for count, happened, _ in cells) / n
        return CalibrationReport(
            n=n,
            bins=len(cells),
            exact=self._exact,
            base_rate=base_rate,
            brier=brier,
            reliability=reliability,
            resolution=resolution,
            uncertainty=uncertainty,
            within_bins=0.0 if self._exact else brier - (reliability - resolution + uncertainty),
            skill=1.0 - brier / uncertainty if uncertainty else None,
            expected_error=self._expected_error(),
        )

    def _place(self, forecast: float) -> float:
        """Return the key of the bin of equal width that ``forecast`` is in; 1 is in the last one."""
        return float(min(floor(forecast * self._most_bins), self._most_bins - 1))

    def _coarsen(self) -> None:
        """Replace the bins of equal forecasts by bins of equal width."""
        equal, self._bins, self._exact = self._bins, {}, False
        for forecast, cell in equal.items():
            merged = self._bins.setdefault(self._place(forecast), [0.0, 0.0, 0.0])
            for part, value in enumerate(cell):
                merged[part] += value

    def _expected_error(self) -> float:
        tenths = [0.0] * _TENTHS
        for key, (_, happened, forecast) in self._bins.items():
            place = self._place(key) if self._exact else key
            tenths[int(place) * _TENTHS // self._most_bins] += forecast - happened
        return fsum(map(abs, tenths)) / self._observations


_MOST_BINS = 100_000
