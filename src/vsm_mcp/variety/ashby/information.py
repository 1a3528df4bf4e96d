"""Entropies of finite joint distributions, and the ledger that makes the law of requisite variety an equation."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import islice
from math import fsum, log2
from sys import float_info
from typing import Self, TypeVar

from pydantic import Field

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.report import Report

K = TypeVar("K", bound=Hashable)
Cell = TypeVar("Cell", bound=tuple[Hashable, ...])

MOST_CELLS = 100_000
"""Cells that one distribution may have."""

MOST_SAMPLES = 1_000_000
"""Samples that are counted at once."""

MOST_VARIABLES = 8

LAW_TOLERANCE = 1e-9
"""Bits by which rounding may make the law look broken."""


def shares_of(weights: Mapping[K, float]) -> dict[K, float]:
    """Return each weight's share of their sum; what weighs nothing is left out.

    Raises:
        PayloadError: A weight is negative or not finite, all are zero, or there are more than 100,000.
    """
    if len(weights) > MOST_CELLS:
        raise PayloadError(
            f"A distribution of {len(weights)} cells is too large; at most {MOST_CELLS} are measured.",
            remedies=("Tell fewer kinds apart.",),
        )
    most = 0.0
    for key, weight in weights.items():
        refuse_weight(weight, of=key)
        most = max(most, float(weight))
    if not most:
        raise PayloadError("There is no weight to share.", remedies=("Give at least one weight above zero.",))
    # Scaled by the largest first: sums of huge weights do not overflow, and tiny ones keep their digits.
    scaled = {key: weight / most for key, weight in weights.items()}
    total = fsum(scaled.values())
    shares = {key: weight / total for key, weight in scaled.items()}
    return {key: share for key, share in shares.items() if share}


def refuse_weight(weight: float, *, of: Hashable) -> None:
    """Refuse what is no weight.

    Raises:
        PayloadError: ``weight`` is negative or not finite.
    """
    if not 0 <= weight <= float_info.max:
        raise PayloadError(f"The weight of {of!r} is not a finite number of zero or more.")


def entropy_bits(weights: Iterable[float]) -> float:
    """Return the entropy of weights: ``-sum p log2 p`` (Shannon 1948, section 6; Ashby 1956, 9/11).

    Raises:
        PayloadError: A weight is negative or not finite, all are zero, or there are more than 100,000.
    """
    return _entropy(shares_of(dict(enumerate(islice(weights, MOST_CELLS + 1)))).values())


class Joint:
    """A finite joint distribution of named variables.

    Args:
        names: The names of the variables, one to eight, such as ``("D", "R", "E")`` or ``"DRE"``.
        weights: What each combination weighs: a probability, a share or a count; they are made to sum to 1.
        n: How many observations the weights come from; ``None`` when they are not counts.

    Raises:
        PayloadError: The names are not distinct or do not fit the combinations, or the weights are none.
    """

    __slots__ = ("_entropies", "_shares", "n", "names")

    def __init__(self, names: Sequence[str], weights: Mapping[Cell, float], *, n: int | None = None) -> None:
        """Refuse what is no distribution; keep the shares."""
        self.names: tuple[str, ...] = tuple(names)
        self.n: int | None = n
        if len(set(self.names)) != len(self.names) or not 1 <= len(self.names) <= MOST_VARIABLES:
            raise PayloadError(f"The names {self.names} are not one to {MOST_VARIABLES} distinct names.")
        for cell in weights:
            if len(cell) != len(self.names):
                raise PayloadError(f"The cell {cell!r} does not have {len(self.names)} values.")
        self._shares = dict[tuple[Hashable, ...], float](shares_of(weights).items())
        self._entropies: dict[frozenset[str], float] = {}

    @classmethod
    def of_samples(cls, names: Sequence[str], samples: Iterable[tuple[Hashable, ...]]) -> Self:
        """Return the distribution of what was observed, at most a million samples.

        Entropies of few samples are too low and informations too high, by about ``cells / (1.39 n)`` bits (Miller
        1955); ``n`` tells how many samples there were.

        Raises:
            PayloadError: There are no samples, too many, or they do not fit the names.
        """
        counts = Counter(islice(samples, MOST_SAMPLES + 1))
        n = counts.total()
        if n > MOST_SAMPLES:
            raise PayloadError(f"More than {MOST_SAMPLES} samples are not counted at once.")
        return cls(names, dict[tuple[Hashable, ...], float](counts), n=n)

    def __repr__(self) -> str:
        """Show the variables and how many cells there are."""
        return f"Joint({', '.join(self.names)}; cells={len(self._shares)}, n={self.n})"

    def __len__(self) -> int:
        """Return the number of combinations that occur."""
        return len(self._shares)

    def shares(self, *names: str) -> Mapping[tuple[Hashable, ...], float]:
        """Return the distribution of some of the variables, in the order asked for; of all, when none is named.

        Raises:
            PayloadError: A name is not one of the variables.
        """
        places = tuple(self._place(name) for name in names) or tuple(range(len(self.names)))
        parts: dict[tuple[Hashable, ...], list[float]] = {}
        for cell, share in self._shares.items():
            parts.setdefault(tuple(cell[place] for place in places), []).append(share)
        return {key: fsum(part) for key, part in parts.items()}

    def entropy(self, *names: str) -> float:
        """Return ``H`` of some of the variables together, in bits; of all, when none is named.

        Raises:
            PayloadError: A name is not one of the variables.
        """
        wanted = frozenset(names or self.names)
        known = self._entropies.get(wanted)
        if known is None:
            known = self._entropies[wanted] = _entropy(self.shares(*sorted(wanted)).values())
        return known

    def conditional_entropy(self, name: str, *given: str) -> float:
        """Return ``H(name | given) = H(name, given) - H(given)`` in bits (Shannon 1948, section 6).

        Raises:
            PayloadError: A name is not one of the variables.
        """
        if not given:
            return self.entropy(name)
        return max(self.entropy(name, *given) - self.entropy(*given), 0.0)

    def information(self, one: str, other: str) -> float:
        """Return ``I(one; other) = H(one) + H(other) - H(one, other)`` in bits, at most the smaller entropy.

        Raises:
            PayloadError: A name is not one of the variables.
        """
        alone, beside = self.entropy(one), self.entropy(other)
        return min(max(alone + beside - self.entropy(one, other), 0.0), alone, beside)

    def seen_as(self, name: str, view: Callable[[Hashable], Hashable]) -> "Joint":
        """Return what an observer sees who does not tell apart what ``view`` maps to one value (Ashby 1956, 7/6).

        Raises:
            PayloadError: The name is not one of the variables.
        """
        place = self._place(name)
        seen: dict[tuple[Hashable, ...], float] = {}
        for cell, share in self._shares.items():
            key = (*cell[:place], view(cell[place]), *cell[place + 1 :])
            seen[key] = seen.get(key, 0.0) + share
        return Joint(self.names, seen, n=self.n)

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise PayloadError(f"There is no variable {name!r}; there are {', '.join(self.names)}.")
        return self.names.index(name)


class Ledger(Report, frozen=True):
    """What became of the variety of disturbances; all in bits.

    ``demand - residual = selection + attenuation - leak`` always; the law of requisite variety (Ashby 1956, 11/8)
    says that the residue is at least ``demand + H(R|D) - H(R) - attenuation``. What the residue exceeds that by is the
    leak, so the law is an equation with one term that cannot be negative.

    Attributes:
        demand_bits: ``H(D)``: the variety of disturbances.
        residual_bits: ``H(E)``: the variety of outcomes.
        selection_bits: ``I(D;R)``: what the regulator used of what it knew about disturbances.
        attenuation_bits: ``K = H(D|R) - H(E|R)``: absorbed without selection, as by a buffer (Ashby 1956, 11/9);
            negative when outcomes vary more than disturbances do.
        leak_bits: ``I(E;R)``: variety of outcomes that the regulator's own moves account for.
        slack_bits: How far the outcomes are above the law's limit; equal to the leak up to rounding.
        limit_bits: The law's limit: no outcome can vary less with this selection and attenuation.
        law_holds: The slack is not negative (up to rounding).
        cells: Combinations that occur.
        n: Observations it comes from; ``None`` when it comes from weights.
    """

    demand_bits: float
    residual_bits: float
    selection_bits: float
    attenuation_bits: float
    leak_bits: float
    slack_bits: float
    limit_bits: float
    law_holds: bool
    cells: int
    n: int | None

    def __str__(self) -> str:
        """Show the ledger as one line."""
        known = "weights" if self.n is None else f"n={self.n}"
        return (
            f"H(D) {self.demand_bits:z.3f} -> H(E) {self.residual_bits:z.3f} bits: "
            f"selection {self.selection_bits:z.3f}, attenuation {self.attenuation_bits:z.3f}, "
            f"leak {self.leak_bits:z.3f} ({known}, {self.cells} cells)"
        )


def ledger(joint: Joint, *, demand: str = "D", response: str = "R", outcome: str = "E") -> Ledger:
    """Return where the variety of ``demand`` went when ``response`` answered it and ``outcome`` resulted.

    Raises:
        PayloadError: A name is not one of the variables of ``joint``.
    """
    needed, residual = joint.entropy(demand), joint.entropy(outcome)
    attenuation = joint.conditional_entropy(demand, response) - joint.conditional_entropy(outcome, response)
    limit = needed + joint.conditional_entropy(response, demand) - joint.entropy(response) - attenuation
    return Ledger(
        demand_bits=needed,
        residual_bits=residual,
        selection_bits=joint.information(demand, response),
        attenuation_bits=attenuation,
        leak_bits=joint.information(outcome, response),
        slack_bits=residual - limit,
        limit_bits=limit,
        law_holds=residual - limit >= -LAW_TOLERANCE,
        cells=len(joint),
        n=joint.n,
    )


class Grouping(Report, frozen=True):
    """What merging kinds into groups keeps and loses of their variety: ``total = between + within``.

    Attributes:
        total_bits: The variety of the kinds.
        between_bits: The variety of the groups: all that is left when only groups are told apart.
        within_bits: The mean variety inside the groups: exactly what is lost.
        kinds: Kinds with weight.
        groups: Groups with weight.
    """

    total_bits: float = Field(ge=0)
    between_bits: float = Field(ge=0)
    within_bits: float = Field(ge=0)
    kinds: int
    groups: int


def grouping(weights: Mapping[K, float], *, seen_as: Callable[[K], Hashable]) -> Grouping:
    """Return what an observer loses who sees ``seen_as(kind)`` instead of each kind (Shannon 1948, section 6).

    Raises:
        PayloadError: The weights are none.
    """
    shares = shares_of(weights)
    members: dict[Hashable, list[float]] = {}
    for kind, share in shares.items():
        members.setdefault(seen_as(kind), []).append(share)
    sizes = {group: fsum(inside) for group, inside in members.items()}
    return Grouping(
        total_bits=_entropy(shares.values()),
        between_bits=_entropy(sizes.values()),
        within_bits=fsum(size * _entropy(p / size for p in members[group]) for group, size in sizes.items()),
        kinds=len(shares),
        groups=len(sizes),
    )


def _entropy(shares: Iterable[float]) -> float:
    return max(0.0, -fsum(share * log2(share) for share in shares if share))
