"""One kind of demand: where it ended, and what is believed of the capability for it."""

from array import array
from collections.abc import Mapping, Sequence
from math import log2
from typing import Self

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.operation import Stage

STAGES = (Stage.REFUSED, Stage.UNKNOWN, Stage.STARVED, Stage.CONTENDED, Stage.FAILED, Stage.ABSORBED)
"""The stages by their place in a cell; at the last two something ran."""
PLACE: Mapping[Stage, int] = {stage: place for place, stage in enumerate(STAGES)}
FAILED = PLACE[Stage.FAILED]
ABSORBED = PLACE[Stage.ABSORBED]

DEFAULT_DISCOUNT = 0.995
MOST_TRIALS = 10**9


def place_of(stage: Stage) -> int:
    """Return the place of a stage in a cell.

    Raises:
        PayloadError: ``stage`` is none.
    """
    place = PLACE.get(stage)
    if place is None:
        raise PayloadError(f"{stage!r} is not a stage.", remedies=(f"Give one of {', '.join(PLACE)}.",))
    return place


def refuse_discount(discount: float) -> None:
    """Refuse a discount that is no share of the older evidence.

    Raises:
        ConfigurationError: ``discount`` is not above 0 and at most 1.
    """
    if not 0.0 < discount <= 1.0:
        raise ConfigurationError(
            f"A discount of {discount} cannot be used.", remedies=("Give a number above 0 and at most 1.",)
        )


def refuse_threshold(available_above: float) -> None:
    """Refuse a threshold that is no probability.

    Raises:
        ConfigurationError: ``available_above`` is not between 0 and 1.
    """
    if not 0.0 <= available_above <= 1.0:
        raise ConfigurationError(
            f"A threshold of {available_above} is not a probability.", remedies=("Give a number from 0 to 1.",)
        )


class Belief:
    """A discounted Beta belief of one capability; it learns in place, in constant time and space.

    It starts from ``Beta(1, 1)`` (nothing is known: mean 0.5) and the verification trials that were passed and failed:
    one success gives 2/3, three give 4/5. Each later outcome multiplies the older evidence by a discount, so that a
    capability that breaks is noticed: with 0.995 evidence weighs half after about 140 outcomes.

    Attributes:
        successes: Weight of the successes so far.
        failures: Weight of the failures so far.
        trials: How many verification trials it comes from, undiscounted.
        outcomes: How many outcomes of real demand it comes from, undiscounted.
    """

    __slots__ = ("failures", "outcomes", "successes", "trials")

    def __init__(self) -> None:
        """Know nothing."""
        self.successes: float = 0.0
        self.failures: float = 0.0
        self.trials: int = 0
        self.outcomes: int = 0

    def __repr__(self) -> str:
        """Show the mean and where it comes from."""
        return f"Belief(mean={self.mean:.3f}, trials={self.trials}, outcomes={self.outcomes})"

    @property
    def mean(self) -> float:
        """Probability that the next demand is absorbed: the mean of ``Beta(1 + successes, 1 + failures)``."""
        return (1.0 + self.successes) / (2.0 + self.successes + self.failures)

    def note(self, successes: int, trials: int) -> float:
        """Add verification trials to the evidence; return the new mean.

        Raises:
            PayloadError: There cannot be that many successes, or there are too many trials.
        """
        if not 0 <= successes <= trials <= MOST_TRIALS:
            raise PayloadError(
                f"{successes} successes in {trials} trials are impossible.",
                remedies=(f"Give 0 <= successes <= trials <= {MOST_TRIALS}.",),
            )
        self.successes += successes
        self.failures += trials - successes
        self.trials += trials
        return self.mean

    def succeeded(self, discount: float) -> float:
        """Learn that a demand was absorbed; return the new mean."""
        self.successes = successes = self.successes * discount + 1.0
        self.failures = failures = self.failures * discount
        self.outcomes += 1
        return (1.0 + successes) / (2.0 + successes + failures)

    def failed(self, discount: float) -> float:
        """Learn that a demand was tried and failed; return the new mean."""
        self.successes = successes = self.successes * discount
        self.failures = failures = self.failures * discount + 1.0
        self.outcomes += 1
        return (1.0 + successes) / (2.0 + successes + failures)

    def add(self, other: Self) -> None:
        """Add the evidence of another belief on the same kind."""
        self.successes += other.successes
        self.failures += other.failures
        self.trials += other.trials
        self.outcomes += other.outcomes


class Cell:
    """All that is known of one kind: read it, and change it through the meter, which keeps the sums.

    Attributes:
        weight: Weight of its demand; 0 when there is none.
        log: ``weight * log2(weight)``.
        coverage: Probability that its next demand is absorbed.
        stages: Its weight by the stage where demand ended, in the order of ``STAGES``.
        belief: Where the coverage comes from, if it is learnt.
        held: Whether the coverage was set, and so outlives the demand.
    """

    __slots__ = ("belief", "coverage", "held", "log", "stages", "weight")

    def __init__(self) -> None:
        """Start without demand and coverage."""
        self.belief: Belief | None = None
        self.held: bool = False
        self.coverage: float = 0.0
        self.fade()

    def weigh(self, stages: Sequence[float]) -> None:
        """Set the weights by stage."""
        self.stages: array[float] = array("d", stages)
        self.weight: float = sum(stages)
        self.log: float = self.weight * log2(self.weight) if self.weight else 0.0

    def fade(self) -> None:
        """Forget the demand."""
        self.weigh(_NO_WEIGHTS)

    def uncover(self) -> None:
        """Forget that there is a capability."""
        self.belief = None
        self.held = False
        self.coverage = 0.0

    def join(self, other: Self, unit: float) -> None:
        """Add what is known elsewhere of the same kind, where a weight of 1 is worth ``unit`` here.

        The coverage becomes the mean, weighted by demand: the probability that a demand of either is absorbed.
        """
        theirs = other.weight * unit
        total = self.weight + theirs
        if total:
            self.coverage = min((self.weight * self.coverage + theirs * other.coverage) / total, 1.0)
        else:
            self.coverage = max(self.coverage, other.coverage)
        self.weigh([mine + weight * unit for mine, weight in zip(self.stages, other.stages, strict=True)])
        self.held = self.held or other.held
        if other.belief is not None:
            self.belief = self.belief or Belief()
            self.belief.add(other.belief)


_NO_WEIGHTS = (0.0,) * len(STAGES)
