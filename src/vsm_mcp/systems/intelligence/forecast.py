"""Forecasts: where a recorded figure is going, with an interval from how wrong earlier forecasts were.

Holt's linear trend with damping (Gardner & McKenzie 1985). The intervals are those of its state-space form, with the
variance of the recorded one-step errors (Hyndman, Koehler, Ord & Snyder 2008, table 6.2), so they are as wide as the
series has been hard to foresee, and wider further ahead.
"""

from collections import deque
from math import isfinite, sqrt
from statistics import NormalDist

from pydantic import Field

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report

LEAST_OBSERVATIONS = 8
"""Fewer say nothing about how wrong the next forecast may be."""

MOST_ERRORS = 200
MOST_HORIZON = 10_000


class Forecast(Report, frozen=True):
    """Where a figure will be.

    Attributes:
        mean: The most likely value.
        low: Lower end of the interval.
        high: Upper end of the interval.
        confidence: How probable it is that the value lies in the interval, if the series goes on as it went.
        horizon: How many observations ahead.
        n: From how many observations.
        method: How it was made.
    """

    mean: float
    low: float
    high: float
    confidence: float
    horizon: int = Field(ge=1)
    n: int = Field(ge=0)
    method: str


class TrendForecaster:
    """Follows one figure and says where it is going.

    Args:
        level_gain: How much of a surprise changes the level, above 0 and below 1.
        trend_gain: How much of a surprise changes the trend, 0 to ``level_gain``.
        damping: By which the trend fades with each step ahead, above 0 and at most 1.
        lowest: The figure is never less.
        highest: The figure is never more.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        level_gain: float = 0.3,
        trend_gain: float = 0.1,
        damping: float = 0.9,
        lowest: float = float("-inf"),
        highest: float = float("inf"),
    ) -> None:
        """Start without any observation."""
        if not (0 < level_gain < 1 and 0 <= trend_gain <= level_gain and 0 < damping <= 1 and lowest < highest):
            raise ConfigurationError(
                f"The gains {level_gain} and {trend_gain}, the damping {damping} and the bounds {lowest} to {highest} "
                "cannot be used together.",
                remedies=(
                    "Give 0 < level_gain < 1, 0 <= trend_gain <= level_gain, 0 < damping <= 1, lowest < highest.",
                ),
            )
        self._level_gain = level_gain
        self._trend_gain = trend_gain
        self._damping = damping
        self._bounds = (lowest, highest)
        self._level = 0.0
        self._trend = 0.0
        self._squares: deque[float] = deque(maxlen=MOST_ERRORS)
        self._n = 0

    def __repr__(self) -> str:
        """Show what was observed."""
        return f"TrendForecaster(n={self._n}, level={self._level:.4g}, trend={self._trend:.4g})"

    def observe(self, value: float) -> None:
        """Take note of the next value.

        Raises:
            PayloadError: ``value`` is not a finite number; nothing was changed.
        """
        if not isfinite(value):
            raise PayloadError(f"{value} cannot be forecast from.", remedies=("Leave out what was not measured.",))
        self._n += 1
        if self._n == 1:
            self._level = value
            return
        expected = self._level + self._damping * self._trend
        surprise = value - expected
        self._squares.append(surprise * surprise)
        self._level = expected + self._level_gain * surprise
        self._trend = self._damping * self._trend + self._trend_gain * surprise

    def forecast(self, horizon: int = 1, *, confidence: float = 0.9) -> Forecast | None:
        """Return where the figure will be ``horizon`` observations ahead; ``None`` before eight observations.

        Raises:
            ConfigurationError: ``horizon`` or ``confidence`` is out of range.
        """
        if not (1 <= horizon <= MOST_HORIZON and 0 < confidence < 1):
            raise ConfigurationError(
                f"A horizon of {horizon} with confidence {confidence} cannot be forecast.",
                remedies=(f"Give a horizon of 1 to {MOST_HORIZON} and a confidence between 0 and 1.",),
            )
        if self._n < LEAST_OBSERVATIONS:
            return None
        mean = self._level + self._trend * _faded(self._damping, horizon)
        margin = NormalDist().inv_cdf(0.5 + confidence / 2) * sqrt(self._variance(horizon))
        return Forecast(
            mean=self._clip(mean),
            low=self._clip(mean - margin),
            high=self._clip(mean + margin),
            confidence=confidence,
            horizon=horizon,
            n=self._n,
            method="damped linear trend (Holt)",
        )

    def _variance(self, horizon: int) -> float:
        """Return the variance of the error ``horizon`` steps ahead: ``s2 (1 + sum over j<h of c_j^2)``.

        ``c_j = level_gain + trend_gain (damping + ... + damping^j)`` is how much a surprise of today moves the forecast
        ``j`` steps later.
        """
        one_step = sum(self._squares) / len(self._squares)
        carried, faded, step = 1.0, 0.0, 1.0
        for _ in range(1, horizon):
            step *= self._damping
            faded += step
            carried += (self._level_gain + self._trend_gain * faded) ** 2
        return one_step * carried

    def _clip(self, value: float) -> float:
        return min(max(value, self._bounds[0]), self._bounds[1])


def _faded(damping: float, horizon: int) -> float:
    """Return ``damping + damping^2 + ... + damping^horizon``."""
    if damping == 1.0:
        return float(horizon)
    return damping * (1.0 - damping**horizon) / (1.0 - damping)
