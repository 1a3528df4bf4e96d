"""What options are worth: additive utility, belief in success, caution, and the value of knowing more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from operator import itemgetter
from typing import NamedTuple

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.context import Option
from vsm_mcp.systems.policy.reading import LARGEST, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What is preferred: declared, not measured.

    Attributes:
        risk_aversion: How many standard deviations of the probability of success are taken off it; 0 is neutral.
        looking_cost: What one more look before acting costs, in the unit of utility.

    Raises:
        ConfigurationError: A figure is negative or not finite.
    """

    risk_aversion: float = 0.5
    looking_cost: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        number("risk_aversion", self.risk_aversion, low=0.0, high=LARGEST, error=ConfigurationError)
        number("looking_cost", self.looking_cost, low=0.0, high=LARGEST, error=ConfigurationError)


class Prior(NamedTuple):
    """A probability that is assumed, and how many outcomes the assumption is worth."""

    mean: float = 0.5
    weight: float = 2.0


class Belief(NamedTuple):
    """A Beta belief in success: mean, standard deviation, and how many outcomes it comes from."""

    mean: float
    spread: float
    outcomes: float


class Score(NamedTuple):
    """What one option is worth."""

    name: str
    value: float
    utility: float
    probability: float
    spread: float
    cost: float
    outcomes: float


Evidence = Mapping[str, tuple[int, int]]
"""Recorded successes and failures by the name of the option."""

IGNORANCE = Prior()
"""Beta(1, 1): every probability is equally likely."""

_ROUNDING = 1e-9
_Figures = tuple[str, float, float, float, float, float, float]
_score: Callable[[type[Score], _Figures], Score] = tuple.__new__  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
_value: Callable[[Score], float] = itemgetter(1)


def believe(prior: Prior, *, successes: float, failures: float) -> Belief:
    """Return the Beta belief after these outcomes (conjugate update; Raiffa & Schlaifer 1961, ch. 9).

    mean ``m = (prior.mean * prior.weight + successes) / n``, ``n = prior.weight + successes + failures``, variance
    ``m (1 - m) / (n + 1)``.
    """
    outcomes = successes + failures
    n = prior.weight + outcomes
    mean = min((prior.mean * prior.weight + successes) / n, 1.0)
    return Belief(mean, sqrt(mean * (1.0 - mean) / (n + 1.0)), outcomes)


def evaluate(
    options: Sequence[Option],
    *,
    weights: Sequence[tuple[str, float]],
    risk_aversion: float = 0.0,
    evidence: Evidence | None = None,
    prior: Prior = IGNORANCE,
) -> list[Score]:
    """Return what each option is worth, the best first; of equals the one that was named first.

    ``value = max(P - risk_aversion * sd, 0) * sum(weight * attribute) - cost``: additive utility (Keeney & Raiffa,
    Decisions with Multiple Objectives, 1976, ch. 3), which assumes that the attributes are additively independent.

    Args:
        options: What could be done; each has all weighted attributes.
        weights: How much each attribute counts; they sum to 1.
        risk_aversion: How many standard deviations are taken off the probability of success.
        evidence: Recorded outcomes, in addition to what the options know themselves.
        prior: For options that assume nothing themselves.
    """
    scores: list[Score] = []
    for option in options:
        attributes = option.attributes
        utility = 0.0
        for name, weight in weights:
            utility += weight * attributes[name]
        good, bad = option.successes, option.failures
        if evidence and option.name in evidence:
            more = evidence[option.name]
            good, bad = good + more[0], bad + more[1]
        mean, mass = prior if option.prior is None else (option.prior, option.prior_weight)
        n = mass + good + bad
        p = (mean * mass + good) / n
        if p > 1.0:  # noqa: PLR1730 - by rounding; on this path a call of a function is what costs
            p = 1.0
        spread = sqrt(p * (1.0 - p) / (n + 1.0) + option.risk * option.risk)
        cautious = p - risk_aversion * spread
        value = (cautious if cautious > 0.0 else 0.0) * utility - option.cost  # noqa: FURB136 - the same
        scores.append(_score(Score, (option.name, value, utility, p, spread, option.cost, good + bad)))
    scores.sort(key=_value, reverse=True)
    return scores


def knowing_success(scores: Sequence[Score]) -> float:
    """Return what it would be worth to know beforehand which options succeed (EVPI; Raiffa 1968, ch. 2).

    Each option brings ``utility - cost`` with probability P, else ``-cost``, independently of the others:
    ``EVPI = E[max] - max E``. Exact: the largest sure payoff is the floor, and only better successes matter.
    """
    if not scores:
        return 0.0
    floor = expected = -inf
    hopes: list[tuple[float, float]] = []
    for _, _, utility, probability, _, cost, _ in scores:
        mean = probability * utility - cost
        floor = floor if floor > -cost else -cost  # noqa: FURB136 - on this path a call of a function is what costs
        expected = expected if expected > mean else mean  # noqa: FURB136 - the same
        hopes.append((utility - cost, probability))
    hopes.sort(reverse=True)
    none_yet, best = 1.0, 0.0
    for payoff, probability in hopes:
        if payoff <= floor:
            break
        best += none_yet * probability * payoff
        none_yet *= 1.0 - probability
    return max(best + none_yet * floor - expected, 0.0)


class Payoffs(NamedTuple):
    """The place of the best act, its expected value, and what perfect information would add (EVPI)."""

    best: int
    expected: float
    evpi: float


def weigh_payoffs(payoffs: Sequence[Sequence[float]], probabilities: Sequence[float]) -> Payoffs:
    """Weigh acts by their payoff in each state (Raiffa, Decision Analysis, 1968).

    ``EVPI = sum_s p_s max_a payoff_as - max_a sum_s p_s payoff_as``.

    Args:
        payoffs: Per act, the payoff in each state.
        probabilities: Of the states.

    Raises:
        PayloadError: There is no act, a row has another length, or the probabilities do not sum to 1.
    """
    for p in probabilities:
        number("A probability", p, low=0.0, high=1.0)
    if not payoffs or any(len(row) != len(probabilities) for row in payoffs) or not _sums_to_one(probabilities):
        raise PayloadError(
            f"{len(payoffs)} acts and {len(probabilities)} states with probabilities of {sum(probabilities):g} "
            "in all cannot be weighed.",
            remedies=("Give a payoff per act and state, and probabilities that sum to 1.",),
        )
    for row in payoffs:
        for payoff in row:
            number("A payoff", payoff, low=-LARGEST, high=LARGEST)
    expected = [sum(p * payoff for p, payoff in zip(probabilities, row, strict=True)) for row in payoffs]
    known = sum(p * max(row[state] for row in payoffs) for state, p in enumerate(probabilities))
    best = max(range(len(payoffs)), key=expected.__getitem__)
    return Payoffs(best, expected[best], max(known - expected[best], 0.0))


def break_even(score: Score, *, other: float, risk_aversion: float) -> float | None:
    """Return the probability of success at which ``score`` is worth just ``other``; ``None`` if there is none."""
    if score.utility <= 0.0:
        return None
    probability = (other + score.cost) / score.utility + risk_aversion * score.spread
    return probability if 0.0 <= probability <= 1.0 else None


def normalised(weights: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Return ``weights`` so that they sum to 1.

    Raises:
        PayloadError: None of them is positive.
    """
    total = sum(weights.values())
    if not 0.0 < total < inf:
        raise PayloadError(
            f"The weights of {', '.join(weights) or 'no attribute'} sum to {total:g}.",
            remedies=("Give at least one attribute a positive weight.",),
        )
    return tuple([(name, weight / total) for name, weight in weights.items()])


def _sums_to_one(probabilities: Sequence[float]) -> bool:
    return abs(sum(probabilities) - 1.0) <= _ROUNDING
