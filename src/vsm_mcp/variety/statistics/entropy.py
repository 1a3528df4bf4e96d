"""Entropy from few samples: estimators of the variety of demand from how often each kind was seen.

All take the counts of a sample, in any order, and return bits. None is cut at ``log2 K`` for the ``K`` kinds that were
seen, because all but the first reckon with kinds that were not. A kind with a count of zero changes nothing. The work
grows with the number of kinds, never with the number of observations.
"""

from collections import Counter
from collections.abc import Sequence
from math import exp, expm1, fsum, log, log1p

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.statistics.gamma import digamma
from vsm_mcp.variety.statistics.unseen import frequencies, total_of


def plug_in(counts: Sequence[int]) -> float:
    """Return the entropy of the shares as they are: ``-sum p log p`` (Shannon 1948, section 6). Biased downwards.

    Raises:
        PayloadError: There are no observations, or the counts make no sense.
    """
    seen, total = _sample(counts)
    return _bits(_plug_in(seen, total))


def miller_madow(counts: Sequence[int]) -> float:
    """Return the plug-in entropy plus ``(K - 1) / (2 n)`` nats (Miller 1955).

    Raises:
        PayloadError: There are no observations, or the counts make no sense.
    """
    seen, total = _sample(counts)
    return _bits(_plug_in(seen, total) + (seen.total() - 1) / (2 * total))


def chao_shen(counts: Sequence[int]) -> float:
    """Return the coverage-adjusted entropy: ``-sum C p log(C p) / (1 - (1 - C p)**n)`` (Chao and Shen 2003).

    ``C = 1 - f1 / n`` is the share of demand that is of seen kinds. When every kind was seen exactly once that share
    would be 0 and nothing could be said; it is then taken to be ``1 / n``.

    Raises:
        PayloadError: There are no observations, or the counts make no sense.
    """
    seen, total = _sample(counts)
    covered = total - seen[1] or 1
    return _bits(fsum(kinds * _inflated(covered * count / total / total, total) for count, kinds in seen.items()))


def grassberger(counts: Sequence[int]) -> float:
    """Return ``log n - sum c G(c) / n`` with Grassberger's function ``G`` (Grassberger 2003).

    The sum over ``G``'s terms is closed: ``G(c) = digamma(c // 2 + 1/2) + log 2``. A result below 0, which rounding and
    a single kind can give, is returned as 0.

    Raises:
        PayloadError: There are no observations, or the counts make no sense.
    """
    seen, total = _sample(counts)
    known = fsum(kinds * count / total * (digamma(count // 2 + 0.5) + log(2)) for count, kinds in seen.items())
    return _bits(log(total) - known)


def chao_wang_jost(counts: Sequence[int]) -> float:
    """Return the entropy by the slope of the accumulation curve (Chao, Wang and Jost 2013).

    ``sum c/n (digamma n - digamma c)`` for the kinds that were seen, plus ``f1/n (1-A)**(1-n) (-log A - sum_{r<n}
    (1-A)**r / r)`` for the others, where ``A`` estimates the share of a kind that was seen once: ``2 f2 / ((n-1) f1 +
    2 f2)``, or ``2 / ((n-1)(f1-1) + 2)`` when none was seen twice. The bracket is the rest of a series of positive
    terms, ``sum_{j>=1} (1-A)**j / (n-1+j)``, and is computed as such: the difference above loses all digits.

    Raises:
        PayloadError: There are no observations, or the counts make no sense.
    """
    seen, total = _sample(counts)
    whole = digamma(total)
    known = fsum(kinds * count / total * (whole - digamma(count)) for count, kinds in seen.items())
    once, twice = seen[1], seen[2]
    doubles = 2 * twice if twice else 2
    singles = (total - 1) * (once if twice else once - 1)
    if once == 0 or singles == 0:
        return _bits(known)
    return _bits(known + once / total * _rest(total, log1p(doubles / singles)))


_LOG_2 = log(2)
_EULER = 0.57721566490153286061
_BERNOULLI_OVER_FACTORIAL = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)
_DIRECT_ABOVE = 0.1
_SMOOTH_FROM = 20.0
_SMALLEST = 1e-17


def _sample(counts: Sequence[int]) -> tuple[Counter[int], int]:
    seen = frequencies(counts)
    total = total_of(seen)
    if not total:
        raise PayloadError("There are no observations to estimate an entropy from.")
    return seen, total


def _bits(nats: float) -> float:
    return max(nats, 0.0) / _LOG_2


def _plug_in(seen: Counter[int], total: int) -> float:
    return fsum(kinds * count / total * log(total / count) for count, kinds in seen.items())


def _inflated(share: float, total: int) -> float:
    """Return ``-p log p`` over the probability that a kind with share ``p`` is in the sample at all."""
    if share >= 1.0:
        return 0.0
    return share * log(share) / expm1(total * log1p(-share))


def _rest(start: float, decay: float) -> float:
    """Return ``sum_{j>=1} x**j / (start - 1 + j)`` with ``x = exp(-decay)``.

    Term by term where the terms fall fast; otherwise by the formula of Euler and Maclaurin, after as many terms as it
    takes to make the rest smooth.
    """
    value, factor = 0.0, exp(-decay)
    power = factor
    while decay > _DIRECT_ABOVE or start < _SMOOTH_FROM:
        value += power / start
        if power <= value * start * _SMALLEST:
            return value
        power *= factor
        start += 1.0
    return value + power * _smooth_rest(start, decay)


def _smooth_rest(start: float, decay: float) -> float:
    """Return ``sum_{j>=0} exp(-decay j) / (start + j)``: integral, half the first term, derivatives at 0.

    The derivatives follow from ``(start + t) g(t) = exp(-decay t)``: ``start d_k = decay**k + k d_{k-1}``.
    """
    derivative = 1.0 / start
    value = _scaled_integral(start * decay) + 0.5 * derivative
    power = 1.0
    for order in range(1, 2 * len(_BERNOULLI_OVER_FACTORIAL)):
        power *= decay
        derivative = (power + order * derivative) / start
        if order % 2:
            value += _BERNOULLI_OVER_FACTORIAL[order // 2] * derivative
    return value


def _scaled_integral(x: float) -> float:
    """Return ``exp(x) E1(x)``, the exponential integral (Abramowitz and Stegun 1964, 5.1.11 and 5.1.22)."""
    if x < 1.0:
        value, term, order = -_EULER - log(x), 1.0, 0
        while abs(term) > _SMALLEST:
            order += 1
            term *= -x / order
            value -= term / order
        return exp(x) * value
    # The continued fraction 1/(x+1- 1/(x+3- 4/(x+5- ...))) from its end; 5 + 200/x terms leave no visible rest.
    value = 0.0
    for order in range(5 + int(200.0 / x), 0, -1):
        value = order * order / (x + 2 * order + 1 - value)
    return 1.0 / (x + 1.0 - value)
