"""Coverage per kind: how likely the capability there is for a kind absorbs its next demand."""

from dataclasses import dataclass

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.meter import DEFAULT_MOST_KINDS, refuse_bound

DEFAULT_DISCOUNT = 0.995


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is believed of one capability, and from what.

    Attributes:
        mean: Probability that the next demand is absorbed: the mean of ``Beta(1 + successes, 1 + failures)``.
        successes: Weight of the successes so far; each new outcome discounts the older ones.
        failures: Weight of the failures so far.
        trials: How many verification trials it comes from, and ``outcomes`` how many later outcomes, undiscounted.
        outcomes: How many outcomes of real demand it comes from.
    """

    mean: float
    successes: float
    failures: float
    trials: int
    outcomes: int


class Coverage:
    """Keeps a discounted Beta belief for each kind for which a capability was noted.

    A kind has a coverage of 0 while no capability for it was noted and none of its demand was absorbed. A capability
    starts from ``Beta(1, 1)`` (nothing is known: mean 0.5) and the verification trials it passed and failed: one
    success gives 2/3, three give 4/5. Each later outcome multiplies the older evidence by ``discount``, so that a
    capability that breaks is noticed: with 0.995 evidence weighs half after about 140 outcomes.

    Args:
        discount: What older evidence is multiplied by at each outcome; 1 forgets nothing.
        most_kinds: For how many kinds capabilities are learnt of from outcomes alone. Those that are noted are as many
            as the host has; they are not bounded.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(self, *, discount: float = DEFAULT_DISCOUNT, most_kinds: int = DEFAULT_MOST_KINDS) -> None:
        """Start without any capability."""
        refuse_bound(most_kinds)
        if not 0.0 < discount <= 1.0:
            raise ConfigurationError(
                f"A discount of {discount} cannot be used.", remedies=("Give a number above 0 and at most 1.",)
            )
        self._discount = discount
        self._most_kinds = most_kinds
        self._beliefs: dict[str, Belief] = {}

    def __len__(self) -> int:
        """Return for how many kinds there is a capability."""
        return len(self._beliefs)

    def note(self, kind: str, *, successes: int, trials: int) -> Belief:
        """Take note of a capability for ``kind`` and its verification; noting again adds to the evidence.

        To replace a capability by another one, forget the old one first.

        Raises:
            PayloadError: There cannot be that many successes.
        """
        if not 0 <= successes <= trials:
            raise PayloadError(f"{successes} successes in {trials} trials are impossible.")
        known = self._beliefs.get(kind, _NOTHING_KNOWN)
        belief = self._beliefs[kind] = _believe(
            known.successes + successes,
            known.failures + trials - successes,
            trials=known.trials + trials,
            outcomes=known.outcomes,
        )
        return belief

    def forget(self, kind: str) -> None:
        """Forget the capability for ``kind`` and all evidence about it; fine if there is none."""
        self._beliefs.pop(kind, None)

    def learn(self, kind: str, *, success: bool) -> Belief | None:
        """Learn from an outcome of real demand.

        A success shows that there is a capability, even if none was noted; a failure of none shows nothing.
        """
        known = self._beliefs.get(kind)
        if known is None:
            if not success or len(self._beliefs) >= self._most_kinds:
                return None
            known = _NOTHING_KNOWN
        belief = self._beliefs[kind] = _believe(
            known.successes * self._discount + success,
            known.failures * self._discount + (not success),
            trials=known.trials,
            outcomes=known.outcomes + 1,
        )
        return belief

    def of(self, kind: str) -> Belief | None:
        """Return what is believed of the capability for ``kind``; ``None`` when there is none."""
        return self._beliefs.get(kind)


def _believe(successes: float, failures: float, *, trials: int, outcomes: int) -> Belief:
    return Belief(
        mean=(1.0 + successes) / (2.0 + successes + failures),
        successes=successes,
        failures=failures,
        trials=trials,
        outcomes=outcomes,
    )


_NOTHING_KNOWN = _believe(0.0, 0.0, trials=0, outcomes=0)
