"""Entropy from few samples when it is known how many kinds there are: the mean over all distributions that could be.

For reports: it takes some hundred evaluations of the likelihood. Where the number of kinds is not known, take
`vsm_mcp.variety.statistics.entropy.chao_wang_jost`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import exp, fsum, inf, log

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.statistics.gamma import digamma, log_rising, trigamma
from vsm_mcp.variety.statistics.unseen import frequencies, total_of

MOST_POSSIBLE_KINDS = 1_000_000

_LOG_2 = log(2)
_FROM, _TO, _STEP = -40.0, 40.0, 0.25
_POINTS = 400
_NEGLIGIBLE = 50.0


def nemenman_shafee_bialek(counts: Sequence[int], *, kinds: int) -> float:
    """Return the entropy in bits of ``kinds`` kinds, of which those with a count were seen (Nemenman et al. 2002).

    Each Dirichlet prior ``beta`` makes one entropy nearly certain before anything was seen; mixed with the density of
    that entropy, ``d xi / d beta`` with ``xi = psi(K beta + 1) - psi(beta + 1)``, they leave it open. The result is the
    mean of the posterior entropies ``psi(N + K beta + 1) - sum (n + beta) / (N + K beta) psi(n + beta + 1)``, each
    weighted by that density and by the likelihood of the counts (equations 6 to 9).

    Raises:
        PayloadError: There are no observations, the counts make no sense, or there are not that many kinds.
    """
    seen = frequencies(counts)
    total = total_of(seen)
    if not total:
        raise PayloadError("There are no observations to estimate an entropy from.")
    if not seen.total() <= kinds <= MOST_POSSIBLE_KINDS:
        raise PayloadError(
            f"{seen.total()} kinds were seen, and {kinds} are said to be possible.",
            remedies=(f"Give at least as many as were seen, and at most {MOST_POSSIBLE_KINDS}.",),
        )
    if kinds == 1:
        return 0.0
    return _mean(_Posterior(seen, total, kinds)) / _LOG_2


class _Posterior:
    """What the counts say about ``beta``, and about the entropy given ``beta``."""

    __slots__ = ("_kinds", "_seen", "_total")

    def __init__(self, seen: Counter[int], total: int, kinds: int) -> None:
        self._seen = seen
        self._total = total
        self._kinds = kinds

    def log_weight(self, log_beta: float) -> float:
        beta = exp(log_beta)
        together = self._kinds * beta
        likelihood = fsum(kinds * log_rising(beta, count) for count, kinds in self._seen.items())
        density = self._kinds * trigamma(together + 1.0) - trigamma(beta + 1.0)
        if density <= 0.0:  # beyond what can be told apart from nothing
            return -inf
        return likelihood - log_rising(together, self._total) + log(density) + log_beta

    def entropy(self, log_beta: float) -> float:
        beta = exp(log_beta)
        whole = self._total + self._kinds * beta
        unseen = (self._kinds - self._seen.total()) * beta * digamma(beta + 1.0)
        known = fsum(kinds * (count + beta) * digamma(count + beta + 1.0) for count, kinds in self._seen.items())
        return digamma(whole + 1.0) - (known + unseen) / whole


def _mean(posterior: _Posterior) -> float:
    """Return the mean entropy over ``log beta``; the rule of trapezoids is exact for what falls off at both ends."""
    low, high = _support(posterior.log_weight)
    places = [low + (high - low) * point / _POINTS for point in range(_POINTS + 1)]
    logs = [posterior.log_weight(place) for place in places]
    highest = max(logs)
    weights = [exp(weight - highest) for weight in logs]
    return fsum(weight * posterior.entropy(place) for weight, place in zip(weights, places, strict=True)) / fsum(
        weights
    )


def _support(log_weight: Callable[[float], float]) -> tuple[float, float]:
    """Return the range outside of which nothing weighs anything."""
    weighed = [(place, log_weight(place)) for place in _steps()]
    least = max(weight for _, weight in weighed) - _NEGLIGIBLE
    inside = [place for place, weight in weighed if weight >= least]
    return inside[0] - _STEP, inside[-1] + _STEP


def _steps() -> Iterator[float]:
    return (_FROM + _STEP * step for step in range(int((_TO - _FROM) / _STEP) + 1))
