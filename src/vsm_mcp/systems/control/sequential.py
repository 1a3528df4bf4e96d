"""How much evidence is enough: intervals for a share, sample sizes, and Wald's test that stops as soon as it can."""

import math
from enum import StrEnum
from statistics import NormalDist

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.control.figures import refuse_outside

EXACT_UP_TO = 5_000.0
"""Up to this much evidence of the rarer kind a quantile is exact; beyond, it is a very good approximation."""

_MOST_EVIDENCE = 1e15
_LEAST_SHAPE = 0.5
_MOST_TERMS = 10_000
_MOST_STEPS = 100
_LARGE = 30.0
_TINY = 1e-300
_ENOUGH = 1e-15
_NARROW = 1e-13
_NORMAL = NormalDist()


class Decision(StrEnum):
    """What a sequential test has come to."""

    UNDECIDED = "undecided"
    ACCEPTABLE = "acceptable"
    UNACCEPTABLE = "unacceptable"


class SequentialTest:
    """Tells an acceptable rate of faults from an unacceptable one with as few inspections as possible.

    Each inspection adds the logarithm of its likelihood ratio; the test ends when the sum leaves the corridor between
    ``log(beta / (1 - alpha))`` and ``log((1 - beta) / alpha)`` (Wald 1947, Sequential Analysis, ch. 3). The two
    probabilities of error then hold to Wald's approximation.

    Args:
        alpha: Probability of calling an acceptable rate unacceptable.
        beta: Probability of calling an unacceptable rate acceptable.

    Attributes:
        upper: The likelihood ratio from which on the rate is unacceptable.
        lower: The likelihood ratio up to which it is acceptable.
        inspections: How many inspections this test has seen.

    Raises:
        ConfigurationError: A probability is not between 0 and 1/2.
    """

    __slots__ = ("_log_ratio", "inspections", "lower", "upper")

    def __init__(self, *, alpha: float = 0.05, beta: float = 0.1) -> None:
        """Begin without any inspection."""
        for what, value in (("alpha", alpha), ("beta", beta)):
            refuse_outside(what, value, (0.0, 0.5), above=True, error=ConfigurationError)
        self.upper: float = (1.0 - beta) / alpha
        self.lower: float = beta / (1.0 - alpha)
        self.inspections: int = 0
        self._log_ratio = 0.0

    def __repr__(self) -> str:
        """Show where the test stands."""
        return f"SequentialTest({self.decision}, inspections={self.inspections}, ratio={self.ratio:.4g})"

    @property
    def ratio(self) -> float:
        """How many times likelier the evidence is under the unacceptable rate."""
        return math.exp(min(self._log_ratio, 700.0))

    @property
    def decision(self) -> Decision:
        """What the evidence so far comes to."""
        if self._log_ratio >= math.log(self.upper):
            return Decision.UNACCEPTABLE
        return Decision.ACCEPTABLE if self._log_ratio <= math.log(self.lower) else Decision.UNDECIDED

    def observe(self, *, fault: bool, acceptable: float, unacceptable: float) -> Decision:
        """Add one inspection.

        Args:
            fault: Whether it found a fault.
            acceptable: The rate of faults that is fine. It may differ from one inspection to the next.
            unacceptable: The greater rate that is not.

        Raises:
            ConfigurationError: The rates are not in the order ``0 < acceptable < unacceptable < 1``.
        """
        if not 0.0 < acceptable < unacceptable < 1.0:
            raise ConfigurationError(
                f"The rates {acceptable} and {unacceptable} cannot be told apart.",
                remedies=("Give 0 < acceptable < unacceptable < 1.",),
            )
        likelier = unacceptable / acceptable if fault else (1.0 - unacceptable) / (1.0 - acceptable)
        self._log_ratio += math.log(likelier)
        self.inspections += 1
        return self.decision

    def restart(self) -> None:
        """Forget the evidence and test anew: what was acceptable once may change."""
        self._log_ratio = 0.0
        self.inspections = 0


def inspections_for_one_hit(rate: float, *, confidence: float = 0.95) -> int:
    """Return how many inspections find at least one fault with this confidence: ``log(1 - confidence)/log(1 - rate)``.

    Raises:
        PayloadError: ``rate`` or ``confidence`` is not between 0 and 1.
    """
    refuse_outside("The rate of faults", rate, (1e-12, 1.0 - 1e-12))
    refuse_outside("The confidence", confidence, (0.0, 1.0 - 1e-12), above=True)
    # What the division leaves of rounding must not cost one more inspection than there need be.
    return math.ceil(math.log1p(-confidence) / math.log1p(-rate) - 1e-9)


def beta_interval(successes: float, failures: float, level: float = 0.95, *, prior: float = 1.0) -> tuple[float, float]:
    """Return the central interval for a share: quantiles of ``Beta(prior + successes, prior + failures)``.

    Args:
        successes: How many, or how much weight, had what the share is of.
        failures: How many had not.
        level: Probability that the interval holds.
        prior: Of each kind, how many are assumed before anything is seen: 1 means every share is as likely
            (Laplace), 1/2 is Jeffreys' choice.

    Returns:
        The lower and the upper end; nearly (0, 1) when nothing was seen.

    Raises:
        PayloadError: A figure makes no sense.
    """
    for what, value in (("A number of successes", successes), ("A number of failures", failures)):
        refuse_outside(what, value, (0.0, _MOST_EVIDENCE))
    refuse_outside("The level", level, (1e-6, 1.0 - 1e-6))
    refuse_outside("A prior", prior, (_LEAST_SHAPE, _MOST_EVIDENCE))
    tail = (1.0 - level) / 2.0
    a, b = prior + successes, prior + failures
    # The upper end is taken from the other side: 1 - x keeps its digits when x is small.
    return beta_quantile(tail, a, b), 1.0 - beta_quantile(tail, b, a)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the point below which ``Beta(a, b)`` has this probability.

    The first guess is formula 26.5.22 of Abramowitz and Stegun (1964). It is then improved by Newton's method inside
    a bracket that only ever shrinks. When both shapes are above 5,000 the guess is the answer: its error is then
    less than a thousandth of the standard deviation.

    Raises:
        PayloadError: A figure makes no sense.
    """
    refuse_outside("A probability", probability, (0.0, 1.0))
    for what, value in (("The first shape of a Beta distribution", a), ("The second shape", b)):
        refuse_outside(what, value, (_LEAST_SHAPE, 2.0 * _MOST_EVIDENCE))
    if probability in {0.0, 1.0}:
        return probability
    guess = _guess(probability, a, b)
    return guess if min(a, b) > EXACT_UP_TO else _improve(guess, probability, (a, b))


def regularised_beta(x: float, a: float, b: float) -> float:
    """Return the probability of ``Beta(a, b)`` below ``x``: the regularised incomplete beta function.

    By the continued fraction 26.5.8 of Abramowitz and Stegun (1964), on the side where it converges fast.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    scale = _log_scale(a, b)
    return _below(x, (a, b), scale)


def _guess(probability: float, a: float, b: float) -> float:
    if min(a, b) <= 1.0:
        return a / (a + b)
    y = -_NORMAL.inv_cdf(probability)
    least, most = 1.0 / (2.0 * a - 1.0), 1.0 / (2.0 * b - 1.0)
    h = 2.0 / (least + most)
    curve = (y * y - 3.0) / 6.0
    w = y * math.sqrt(max(h + curve, 0.0)) / h - (most - least) * (curve + 5.0 / 6.0 - 2.0 / (3.0 * h))
    return a / (a + b * math.exp(min(2.0 * w, 700.0)))


def _improve(guess: float, probability: float, shape: tuple[float, float]) -> float:
    a, b = shape
    scale = _log_scale(a, b)
    low, high, x = 0.0, 1.0, guess
    for _ in range(_MOST_STEPS):
        x = x if low < x < high else (low + high) / 2.0
        excess = _below(x, shape, scale) - probability
        low, high = (low, x) if excess > 0.0 else (x, high)
        density = math.exp((a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x) - scale)
        step = excess / density if density > _TINY else math.inf
        if abs(step) <= _NARROW * x or high - low <= _NARROW * x:
            break
        x -= step
    return min(max(x, low), high)


def _log_scale(a: float, b: float) -> float:
    """Return ``log B(a, b)``; by Stirling's series for a large shape, where gammas would cancel each other's digits."""
    small, large = min(a, b), max(a, b)
    if large < _LARGE:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    correction = _stirling(large) - _stirling(small + large)
    grown = (small + large - 0.5) * math.log1p(small / large) + small * math.log(large) - small
    return math.lgamma(small) - grown + correction


def _stirling(z: float) -> float:
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * z * z)) / (z * z)) / z


def _below(x: float, shape: tuple[float, float], scale: float) -> float:
    a, b = shape
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - scale)
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1.0 - x, b, a) / b)


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction by Lentz's method (1976), from the front."""
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST_TERMS):
        place = a + 2.0 * m
        even = m * (b - m) * x / ((place - 1.0) * place)
        odd = -(a + m) * (a + b + m) * x / (place * (place + 1.0))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        value *= c * d
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        value *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
