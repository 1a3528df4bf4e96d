"""Variety engineering: attenuate demand or amplify the responses to it, in declared steps that can be undone.

Beer (The Heart of Enterprise, 1979): a regulator that lacks variety has two ways out, to let less variety in or to have
more of its own. Both are done here on the classifier of demand, before anything is acquired, and each is measured: what
it gives, and, for attenuation, exactly what can no longer be told apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import fsum, log2
from types import MappingProxyType
from typing import assert_never

from vsm_mcp.errors import ConfigurationError, PayloadError

MOST_STEPS = 100
MOST_KINDS = 10_000


class Lever(StrEnum):
    """The two ways to make varieties meet."""

    ATTENUATE = "attenuate"
    AMPLIFY = "amplify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Shares of kinds of demand, and how likely each kind is absorbed.

    Attributes:
        shares: The weight of each kind. Only their proportions matter; what is next to nothing is left out.
        absorbed: The probability that demand of a kind is absorbed; 0 for kinds that are left out.
        n: How many demands the shares come from; ``None`` when they were only assumed.

    Raises:
        PayloadError: A weight is negative or not finite, all are zero, a probability is none, or there are more than
            ``MOST_KINDS`` kinds.
    """

    shares: Mapping[str, float]
    absorbed: Mapping[str, float]
    n: int | None = None

    def __post_init__(self) -> None:
        """Refuse figures that make no sense, and make the shares add up to 1."""
        _refuse_weights(self.shares)
        total = fsum(self.shares.values())
        shares = {kind: weight / total for kind, weight in self.shares.items() if weight / total > _SMALLEST_SHARE}
        absorbed = {kind: self.absorbed.get(kind, 0.0) for kind in shares}
        for kind, probability in absorbed.items():
            _refuse_probability(probability, of=f"that {kind!r} is absorbed")
        object.__setattr__(self, "shares", MappingProxyType(shares))
        object.__setattr__(self, "absorbed", MappingProxyType(absorbed))

    @property
    def required_bits(self) -> float:
        """The variety of the demand: ``-sum p log2 p`` (Shannon 1948, section 6)."""
        return _entropy(self.shares.values())

    @property
    def absorbed_share(self) -> float:
        """The share of the demand that is absorbed: ``sum p a``."""
        return fsum(share * self.absorbed[kind] for kind, share in self.shares.items())

    @property
    def absorbed_bits(self) -> float:
        """The part of its variety that is absorbed: ``sum p a log2(1/p)``."""
        return fsum(share * self.absorbed[kind] * -log2(share) for kind, share in self.shares.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Attenuator:
    """Merges kinds of demand, so that they are no longer told apart (coarse-graining).

    Attributes:
        groups: What each kind is counted as from now on.
        reason: Why it is right not to tell them apart.
        rest: What all other kinds are counted as, also those that come later; ``None`` leaves them as they are.

    Raises:
        ConfigurationError: Nothing is merged, there is no reason, or there are more than ``MOST_KINDS`` kinds.
    """

    groups: Mapping[str, str]
    reason: str
    rest: str | None = None

    def __post_init__(self) -> None:
        """Refuse a step that does nothing or that nobody could justify, and keep a copy of the groups."""
        _refuse_step(self.reason, kinds=len(self.groups))
        if not self.groups and self.rest is None:
            raise ConfigurationError("An attenuator without groups merges nothing.", remedies=("Name the groups.",))
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))

    @classmethod
    def of_rare(cls, demand: Demand, *, below: float, into: str, reason: str) -> "Attenuator":
        """Return one that keeps the kinds with at least a share of ``below``, and merges all others ``into`` one.

        Raises:
            ConfigurationError: ``below`` is not between 0 and 1, or there is no reason.
        """
        if not 0.0 <= below <= 1.0:
            raise ConfigurationError(f"A share of {below} is not between 0 and 1.", remedies=("Give such a share.",))
        kept = {kind: kind for kind, share in demand.shares.items() if share >= below}
        return cls(groups=kept, rest=into, reason=reason)

    @property
    def lever(self) -> Lever:
        """Which of the two ways it is."""
        return Lever.ATTENUATE

    def apply(self, kind: str) -> str:
        """Return what ``kind`` is counted as."""
        return self.groups.get(kind, kind if self.rest is None else self.rest)

    def change(self, demand: Demand) -> Demand:
        """Return the demand as it is seen afterwards. The share that is absorbed stays what it was."""
        shares: defaultdict[str, float] = defaultdict(float)
        absorbed: defaultdict[str, float] = defaultdict(float)
        for kind, share in demand.shares.items():
            group = self.apply(kind)
            shares[group] += share
            absorbed[group] += share * demand.absorbed[kind]
        means = {group: min(part / shares[group], 1.0) for group, part in absorbed.items()}
        return Demand(shares=shares, absorbed=means, n=demand.n)

    def lost(self, demand: Demand) -> Mapping[str, float]:
        """Return the bits that can no longer be told, by group: its share times the variety within it.

        They add up to exactly what the variety of the demand falls by (the grouping axiom: Shannon 1948, section 6).
        """
        members: defaultdict[str, list[float]] = defaultdict(list)
        for kind, share in demand.shares.items():
            members[self.apply(kind)].append(share)
        return {group: _within(shares) for group, shares in members.items() if len(shares) > 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amplifier:
    """Declares that one capability responds to several kinds of demand.

    Attributes:
        capability: Which one.
        quality: How likely it absorbs demand, by kind: as measured, or as whoever declares it will answer for.
        reason: Why it can be expected to.

    Raises:
        ConfigurationError: No kind is declared, there is no reason, or there are more than ``MOST_KINDS`` kinds.
        PayloadError: A quality is not between 0 and 1.
    """

    capability: str
    quality: Mapping[str, float]
    reason: str

    def __post_init__(self) -> None:
        """Refuse a step that does nothing or that nobody could justify, and keep a copy of the qualities."""
        _refuse_step(self.reason, kinds=len(self.quality))
        if not self.quality:
            raise ConfigurationError("An amplifier without kinds responds to nothing.", remedies=("Name the kinds.",))
        for kind, probability in self.quality.items():
            _refuse_probability(probability, of=f"that {self.capability!r} absorbs {kind!r}")
        object.__setattr__(self, "quality", MappingProxyType(dict(self.quality)))

    @property
    def lever(self) -> Lever:
        """Which of the two ways it is."""
        return Lever.AMPLIFY

    def apply(self, kind: str) -> str:
        """Return ``kind``: demand stays as it is."""
        return kind

    def change(self, demand: Demand) -> Demand:
        """Return the demand with the better of what absorbed each kind before and of the capability (one attempt)."""
        absorbed = {kind: max(before, self.quality.get(kind, 0.0)) for kind, before in demand.absorbed.items()}
        return Demand(shares=demand.shares, absorbed=absorbed, n=demand.n)


Step = Attenuator | Amplifier
"""One declared step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one step changes, for given shares.

    Attributes:
        lever: Which way it is.
        reason: Why it was taken.
        before: The demand before it.
        after: The demand after it.
        lost: For attenuation: the bits that can no longer be told, by group.
    """

    lever: Lever
    reason: str
    before: Demand
    after: Demand
    lost: Mapping[str, float]

    @property
    def required_bits(self) -> float:
        """By how much the variety of demand changes: never up."""
        return self.after.required_bits - self.before.required_bits

    @property
    def absorbed_share(self) -> float:
        """By how much the absorbed share changes: 0 for attenuation, never down for amplification."""
        return self.after.absorbed_share - self.before.absorbed_share

    @property
    def absorbed_bits(self) -> float:
        """By how much the absorbed variety changes."""
        return self.after.absorbed_bits - self.before.absorbed_bits

    @property
    def lost_bits(self) -> float:
        """How much variety can no longer be told apart."""
        return fsum(self.lost.values())

    def __str__(self) -> str:
        """Show the effect in one line, for people."""
        basis = "assumed shares" if self.before.n is None else f"{self.before.n} observations"
        return (
            f"{self.lever}: {self.before.required_bits:.2f} -> {self.after.required_bits:.2f} bits of demand, "
            f"{self.before.absorbed_share:.1%} -> {self.after.absorbed_share:.1%} absorbed, "
            f"{self.lost_bits:.2f} bits no longer told apart (from {basis})"
        )


class VarietyEngineering:
    """An ordered list of steps; each can be undone, the last one first."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        """Start with these steps.

        Raises:
            ConfigurationError: There are more than ``MOST_STEPS``.
        """
        self._steps: list[Step] = []
        for step in steps:
            self.add(step)

    def __repr__(self) -> str:
        """Show how many steps there are."""
        return f"VarietyEngineering(steps={len(self._steps)})"

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in the order in which they apply."""
        return tuple(self._steps)

    def add(self, step: Step) -> None:
        """Take one more step after the others.

        Raises:
            ConfigurationError: There are ``MOST_STEPS`` already.
        """
        if len(self._steps) >= MOST_STEPS:
            raise ConfigurationError(
                f"There are {MOST_STEPS} steps already.", remedies=("Undo some, or merge several into one.",)
            )
        self._steps.append(step)

    def undo(self) -> Step | None:
        """Take back the last step and return it; ``None`` when there is none."""
        return self._steps.pop() if self._steps else None

    def apply(self, kind: str) -> str:
        """Return what demand of ``kind`` is counted as after all steps."""
        for step in self._steps:
            kind = step.apply(kind)
        return kind

    def responses(self, kind: str) -> tuple[str, ...]:
        """Return the capabilities that are declared for demand of ``kind``, in the order of the steps."""
        capabilities: list[str] = []
        for step in self._steps:
            match step:
                case Attenuator():
                    kind = step.apply(kind)
                case Amplifier():
                    if kind in step.quality:
                        capabilities.append(step.capability)
                case _:
                    assert_never(step)
        return tuple(dict.fromkeys(capabilities))

    def change(self, demand: Demand) -> Demand:
        """Return the demand as it is after all steps."""
        for step in self._steps:
            demand = step.change(demand)
        return demand

    def effects(self, demand: Demand) -> tuple[Effect, ...]:
        """Return what each step changes, measured on ``demand`` as the steps before it leave it."""
        effects: list[Effect] = []
        for step in self._steps:
            effects.append(effect_of(step, demand))
            demand = effects[-1].after
        return tuple(effects)


def effect_of(step: Step, demand: Demand) -> Effect:
    """Return what ``step`` changes, measured on ``demand``; nothing is taken."""
    return Effect(
        lever=step.lever,
        reason=step.reason,
        before=demand,
        after=step.change(demand),
        lost=step.lost(demand) if isinstance(step, Attenuator) else {},
    )


def _refuse_weights(weights: Mapping[str, float]) -> None:
    if len(weights) > MOST_KINDS:
        raise PayloadError(f"{len(weights)} kinds are more than {MOST_KINDS}.")
    for kind, weight in weights.items():
        if not 0.0 <= weight <= _LARGEST_WEIGHT:
            raise PayloadError(f"Demand of {kind!r} cannot weigh {weight}.")
    if not any(weights.values()):
        raise PayloadError("There is no demand to engineer.")


def _refuse_probability(value: float, *, of: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise PayloadError(f"The probability {of} cannot be {value}.")


def _refuse_step(reason: str, *, kinds: int) -> None:
    if not reason.strip():
        raise ConfigurationError("The step has no reason.", remedies=("Say why it is right.",))
    if kinds > MOST_KINDS:
        raise ConfigurationError(f"{kinds} kinds are more than {MOST_KINDS}.", remedies=("Declare fewer kinds.",))


def _entropy(shares: Iterable[float]) -> float:
    return max(fsum(share * -log2(share) for share in shares), 0.0)


def _within(shares: list[float]) -> float:
    """Return the share of a group times the variety within it."""
    whole = fsum(shares)
    return fsum(share * log2(whole / share) for share in shares)


_LARGEST_WEIGHT = 1e100
_SMALLEST_SHARE = 1e-300
