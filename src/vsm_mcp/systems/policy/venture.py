"""Ventures: what it is worth to commit at once, to try a part first, or to wait."""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from vsm_mcp.systems.policy.reading import LARGEST, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Venture:
    """What is at stake.

    Attributes:
        probability: Of success if it is carried through.
        value: What success brings.
        cost: What carrying it through costs, succeed or not.
        pilot_share: The part of the cost that a pilot spends; the rest follows only if one goes on.
        accuracy: How often the pilot tells right what will come: 0.5 tells nothing, 1 everything.

    Raises:
        PayloadError: A figure cannot be.
    """

    probability: float
    value: float
    cost: float
    pilot_share: float = 0.2
    accuracy: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        number("The probability of a venture", self.probability, low=0.0, high=1.0)
        number("The value of a venture", self.value, low=0.0, high=LARGEST)
        number("The cost of a venture", self.cost, low=0.0, high=LARGEST)
        number("The pilot share of a venture", self.pilot_share, low=0.0, high=1.0)
        number("The accuracy of a venture", self.accuracy, low=0.5, high=1.0)


class Appraisal(NamedTuple):
    """What the three plans of a venture are worth.

    Attributes:
        commit: Worth of carrying it through at once; waiting is worth 0.
        pilot: Worth of trying a part first, and going on only if that is better than stopping.
        pilot_success: Probability that the piloted venture is carried through and succeeds.
        pilot_cost: What the piloted venture costs on average.
        evpi: What it would be worth to know the end beforehand.
        information: What the answer of the pilot would be worth if it were free.
        acting_from: From which probability of success on something is better than waiting; ``None``: from none.
        commit_from: From which on committing at once is the best; ``None``: from none.
    """

    commit: float
    pilot: float
    pilot_success: float
    pilot_cost: float
    evpi: float
    information: float
    acting_from: float | None
    commit_from: float | None


def appraise(venture: Venture, probability: float | None = None) -> Appraisal:
    """Return what the plans of ``venture`` are worth, if it succeeds with ``probability`` (else its own).

    Preposterior analysis of a two-state, two-signal trial (Raiffa & Schlaifer, Applied Statistical Decision Theory,
    1961, ch. 4). With p the probability, V the value, C the cost, s the pilot share and r the accuracy: commit
    ``pV - C``; pilot ``-sC + max(prV - (pr + (1-p)(1-r))(1-s)C, 0) + max(p(1-r)V - (p(1-r) + (1-p)r)(1-s)C, 0)``:
    after each answer one goes on only if that is worth more than stopping; wait 0.
    """
    p = venture.probability if probability is None else probability
    value, rest = venture.value, (1.0 - venture.pilot_share) * venture.cost
    spent = venture.pilot_share * venture.cost
    commit = p * value - venture.cost
    good, bad = _answer(p, venture.accuracy), _answer(p, 1.0 - venture.accuracy)
    go_good, go_bad = good.goes_on(value, rest), bad.goes_on(value, rest)
    pilot = good.worth(value, rest) + bad.worth(value, rest) - spent
    known = good.worth(value, venture.cost) + bad.worth(value, venture.cost)
    return Appraisal(
        # Whoever always goes on has only paid in two parts: exactly the same, not up to rounding.
        pilot=commit if go_good and go_bad else pilot,
        commit=commit,
        pilot_success=go_good * good.success + go_bad * bad.success,
        pilot_cost=spent + rest * (go_good * good.chance + go_bad * bad.chance),
        evpi=max(p * max(value - venture.cost, 0.0) - max(commit, 0.0), 0.0),
        information=max(known - max(commit, 0.0), 0.0),
        acting_from=_acting_from(venture),
        commit_from=_commit_from(venture),
    )


class _Answer(NamedTuple):
    """One answer of the pilot: how likely it is, and how likely it comes together with success."""

    chance: float
    success: float

    def goes_on(self, value: float, cost: float) -> bool:
        return self.success * value > self.chance * cost

    def worth(self, value: float, cost: float) -> float:
        return max(self.success * value - self.chance * cost, 0.0)


def _answer(p: float, r: float) -> _Answer:
    return _Answer(p * r + (1.0 - p) * (1.0 - r), p * r)


def _commit_from(venture: Venture) -> float | None:
    """Solve ``p(1-r)V = (p(1-r) + (1-p)r)(1-s)C``, where even after bad news one goes on, and ``pV = C``."""
    r, rest = venture.accuracy, (1.0 - venture.pilot_share) * venture.cost
    heedless = _root(constant=r * rest, slope=(1.0 - r) * (venture.value - rest) + r * rest)
    pays = _root(constant=venture.cost, slope=venture.value)
    return None if heedless is None or pays is None else max(heedless, pays)


def _acting_from(venture: Venture) -> float | None:
    """Return the lesser of where committing and where piloting begins to be worth more than nothing."""
    r, rest = venture.accuracy, (1.0 - venture.pilot_share) * venture.cost
    pilot = _root(
        constant=(1.0 - r) * rest + venture.pilot_share * venture.cost,
        slope=r * (venture.value - rest) + (1.0 - r) * rest,
    )
    found = [p for p in (pilot, _root(constant=venture.cost, slope=venture.value)) if p is not None]
    return min(found, default=None)


def _root(*, constant: float, slope: float) -> float | None:
    p = constant / slope if slope > 0.0 else inf
    return p if p <= 1.0 else None
