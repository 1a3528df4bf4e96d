"""The gamma function's relatives that the standard library lacks: all for positive arguments, to full precision."""

from collections.abc import Sequence
from math import lgamma, log, log1p

_ASYMPTOTIC_FROM = 20.0
_DIGAMMA_SERIES = (-1 / 12, 1 / 120, -1 / 252, 1 / 240)
_TRIGAMMA_SERIES = (1 / 6, -1 / 30, 1 / 42, -1 / 30)


def digamma(x: float) -> float:
    """Return the logarithmic derivative of the gamma function (Abramowitz and Stegun 1964, 6.3.5 and 6.3.18)."""
    value = 0.0
    while x < _ASYMPTOTIC_FROM:
        value -= 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    return value + log(x) - 0.5 / x + _series(_DIGAMMA_SERIES, square, first=square)


def trigamma(x: float) -> float:
    """Return the derivative of `digamma` (Abramowitz and Stegun 1964, 6.4.6 and 6.4.12)."""
    value = 0.0
    while x < _ASYMPTOTIC_FROM:
        value += 1.0 / (x * x)
        x += 1.0
    square = 1.0 / (x * x)
    return value + 1.0 / x + 0.5 * square + _series(_TRIGAMMA_SERIES, square, first=square / x)


def log_rising(start: float, factors: int) -> float:
    """Return ``log (start (start + 1) ... (start + factors - 1))``.

    For large ``start`` the difference of two values of ``lgamma`` loses all digits; that of Stirling's series does not
    (Abramowitz and Stegun 1964, 6.1.41).
    """
    if start < _ASYMPTOTIC_FROM:
        return lgamma(start + factors) - lgamma(start)
    end = start + factors
    rest = (1.0 / end - 1.0 / start) / 12.0 - (end**-3 - start**-3) / 360.0 + (end**-5 - start**-5) / 1260.0
    return (end - 0.5) * log1p(factors / start) + factors * log(start) - factors + rest


def _series(factors: Sequence[float], square: float, *, first: float) -> float:
    value, power = 0.0, first
    for factor in factors:
        value += factor * power
        power *= square
    return value
