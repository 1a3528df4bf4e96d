"""Detects oscillation in a series, in constant time per value: crossings that come at regular intervals.

Thornhill, Huang & Zhang (2003): a series oscillates when the intervals between its crossings are regular, that is when
``r = mean / (3 sd)`` of the last intervals exceeds 1. A crossing is counted when the series has gone from one standard
deviation above its trend to one below, or back, so noise around the trend makes none. An interval is known to one
observation, so its standard deviation is taken to be at least that of rounding, ``1 / sqrt(12)``, and ``r`` is finite.

The trend is a straight line fitted by discounted least squares (Brown 1963), in its error-correction form. A level
alone lags behind a drift and then sees no crossing.
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt

from vsm_mcp.errors import ConfigurationError, PayloadError

INTERVALS = 12
HALF_LIFE = 100.0
REGULAR_ABOVE = 1.0
IRREGULAR_BELOW = 0.6

_WARM_UP = 20
_ROUNDING = 1.0 / sqrt(12.0)
_LARGEST = 1e120
_PRECISION = 1e-12
_SILENT_AFTER = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Oscillation:
    """How regular the crossings of a series are.

    Attributes:
        oscillating: True from the moment ``r`` exceeds 1 until it falls below 0.6 or the crossings stop.
        r: Regularity of the last intervals; ``None`` until there are enough of them.
        period: Length of a whole swing, in observations; ``None`` as long as ``r`` is.
        intervals: How many intervals ``r`` is taken from.
        n: Values seen.
    """

    oscillating: bool
    r: float | None
    period: float | None
    intervals: int
    n: int


class OscillationDetector:
    """Watches one series.

    Args:
        intervals: How many of the last intervals are judged; fewer see sooner and err more often.
        half_life: Observations after which a value counts half in the trend and in the standard deviation.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = (
        "_ages",
        "_changed_at",
        "_intervals",
        "_judged",
        "_level",
        "_retain",
        "_side",
        "_slope",
        "_squares",
        "_sum",
        "_sum_of_squares",
        "crossings",
        "n",
        "oscillating",
    )

    def __init__(self, *, intervals: int = INTERVALS, half_life: float = HALF_LIFE) -> None:
        """Start without a value."""
        if not 2 <= intervals <= 1000:  # noqa: PLR2004 - a spread takes two, and memory is bounded
            raise ConfigurationError(f"{intervals} intervals cannot be judged.", remedies=("Give 2 to 1000.",))
        if not 2.0 <= half_life <= 1e6:  # noqa: PLR2004 - the line is fitted in double precision
            raise ConfigurationError(
                f"A half-life of {half_life} observations cannot be fitted.", remedies=("Give 2 to 1000000.",)
            )
        self.n: int = 0
        self.crossings: int = 0
        self.oscillating: bool = False
        self._judged = intervals
        self._retain: float = 2.0 ** (-1.0 / half_life)
        self._ages = (0.0, 0.0, 0.0)
        self._level: float = 0.0
        self._slope: float = 0.0
        self._squares: float = 0.0
        self._side = 0
        self._changed_at = 0
        self._intervals = deque[int]()
        self._sum = 0
        self._sum_of_squares = 0

    def __repr__(self) -> str:
        """Show what is known of the series."""
        return f"OscillationDetector(oscillating={self.oscillating}, r={self.r}, n={self.n})"

    def observe(self, value: float) -> bool:
        """Take the next value of the series; return whether it oscillates now.

        Raises:
            PayloadError: ``value`` is not a finite number of reasonable size; it is left out.
        """
        if not -_LARGEST <= value <= _LARGEST:
            raise PayloadError(
                f"A series cannot have the value {value}.", remedies=("Leave out what was not measured.",)
            )
        self.n += 1
        deviation = self._deviate(value)
        if self.n > _WARM_UP:
            side = self._side_of(deviation)
            if side and side != self._side:
                self._cross(side)
        self.oscillating = self._is_regular()
        return self.oscillating

    @property
    def r(self) -> float | None:
        """Regularity of the last intervals; ``None`` until there are enough of them."""
        if len(self._intervals) < self._judged:
            return None
        count = self._judged
        variance = (self._sum_of_squares - self._sum * self._sum / count) / (count - 1)
        return self._sum / count / (3.0 * max(sqrt(max(variance, 0.0)), _ROUNDING))

    @property
    def spread(self) -> float | None:
        """Standard deviation around the trend; ``None`` before there are three values."""
        return sqrt(self._squares / self._ages[0]) if self.n > 2 else None  # noqa: PLR2004 - a line fits two exactly

    def report(self) -> Oscillation:
        """Return what is known of the series."""
        r = self.r
        return Oscillation(
            oscillating=self.oscillating,
            r=r,
            period=None if r is None else 2.0 * self._sum / self._judged,
            intervals=len(self._intervals),
            n=self.n,
        )

    def _deviate(self, value: float) -> float:
        """Move the line towards ``value``; return how far ``value`` still is from it."""
        retain = self._retain
        count, age, square = self._ages
        square = retain * (square + 2.0 * age + count)
        age = retain * (age + count)
        count = retain * count + 1.0
        self._ages = (count, age, square)
        determinant = count * square - age * age
        gain, slope_gain = (square / determinant, age / determinant) if self.n > 1 else (1.0, 0.0)
        expected = self._level + self._slope
        error = value - expected
        self._level = expected + gain * error
        self._slope += slope_gain * error
        deviation = (1.0 - gain) * error
        self._squares = retain * self._squares + deviation * deviation
        return deviation

    def _side_of(self, deviation: float) -> int:
        rounding = _PRECISION * self._level
        if deviation * deviation <= max(self._squares / self._ages[0], rounding * rounding):
            return 0
        return 1 if deviation > 0 else -1

    def _cross(self, side: int) -> None:
        if self._side:
            self.crossings += 1
            self._remember(self.n - self._changed_at)
        self._side, self._changed_at = side, self.n

    def _remember(self, interval: int) -> None:
        if len(self._intervals) == self._judged:
            gone = self._intervals.popleft()
            self._sum -= gone
            self._sum_of_squares -= gone * gone
        self._intervals.append(interval)
        self._sum += interval
        self._sum_of_squares += interval * interval

    def _is_regular(self) -> bool:
        if len(self._intervals) < self._judged:
            return False
        if (self.n - self._changed_at) * self._judged > _SILENT_AFTER * self._sum:
            return False
        r = self.r or 0.0
        return r > (IRREGULAR_BELOW if self.oscillating else REGULAR_ABOVE)
