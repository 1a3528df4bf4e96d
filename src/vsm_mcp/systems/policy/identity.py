"""Identity: what the system is for, what must stay within limits for it to remain itself, and who owns what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.policy.reading import LARGEST, entries, number, numbers, text
from vsm_mcp.systems.policy.rules import LONGEST_NAME, Bound, Refusal

LONGEST_PURPOSE = 1000
MOST_VARIABLES = 256
MOST_RESIDUALS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the system is.

    The essential variables are those that must stay within limits if the system is to survive as what it is
    (Ashby, An Introduction to Cybernetics, 1956, 10/3); System 5 answers for them.

    Attributes:
        purpose: What the system is for.
        essential: The essential variables, with their limits.

    Raises:
        ConfigurationError: There is no purpose, or a variable is named twice.
    """

    purpose: str
    essential: tuple[Bound, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an identity that contradicts itself."""
        text("The purpose", self.purpose, longest=LONGEST_PURPOSE, error=ConfigurationError)
        names = [variable.figure for variable in self.essential]
        double = sorted({name for name in names if names.count(name) > 1})
        if double or len(names) > MOST_VARIABLES:
            raise ConfigurationError(
                f"There are {len(names)} essential variables; named twice: {', '.join(double) or 'none'}.",
                remedies=(f"Name each once, and at most {MOST_VARIABLES}.",),
            )

    def align(self, subject: str, figures: Mapping[str, float | None]) -> "Alignment":
        """Hold the figures of a goal, a decision or this moment against the limits of the essential variables.

        Args:
            subject: What the figures belong to.
            figures: The essential variables as measured or expected; ``None``, or none at all, when not known.

        Raises:
            PayloadError: A figure cannot be.
        """
        subject = text("The subject", subject, longest=LONGEST_PURPOSE)
        given = entries("Figures", figures, most=MOST_RESIDUALS)
        known = numbers("Figure", {k: v for k, v in given.items() if v is not None}, most=MOST_RESIDUALS)
        standings = tuple(_standing(variable, known) for variable in self.essential)
        violated = tuple(standing.variable for standing in standings if standing.within is False)
        unknown = tuple(standing.variable for standing in standings if standing.within is None)
        return Alignment(
            subject=subject,
            purpose=self.purpose,
            aligned=_aligned(standings, violated, unknown),
            violated=violated,
            not_assessable=unknown,
            variables=standings,
            basis=f"{len(standings) - len(unknown)} of {len(standings)} essential variables are known.",
        )

    def refusals(self, figures: Mapping[str, float]) -> tuple[Refusal, ...]:
        """Return which essential variables ``figures`` would take out of their limits; those not known are left out."""
        known = (variable for variable in self.essential if variable.figure in figures)
        pairs = ((variable.figure, variable.breach(figures)) for variable in known)
        return tuple(Refusal(f"identity: {name}", breach) for name, breach in pairs if breach)


class Standing(Report, frozen=True):
    """One essential variable: its value (``None``: not known), its limits, and whether it is within them."""

    variable: str
    value: float | None
    low: float | None
    high: float | None
    within: bool | None


class Alignment(Report, frozen=True):
    """Whether something fits what the system is.

    Attributes:
        subject: What was held against the identity.
        purpose: What the system is for.
        aligned: False when an essential variable is out of its limits, True when all are known and within; ``None``
            (not assessable) when none is out and one is not known, or when none is declared.
        violated: The essential variables out of their limits.
        not_assessable: Those that are not known.
        variables: All of them.
        basis: How many are known.
    """

    subject: str
    purpose: str
    aligned: bool | None
    violated: tuple[str, ...]
    not_assessable: tuple[str, ...]
    variables: tuple[Standing, ...]
    basis: str


class Closure(Report, frozen=True):
    """Whether everything that is left over has somebody who answers for it (System 5 closes the whole).

    Attributes:
        closed: True when every residual has an owner.
        unowned: The residuals without owner: those not known in size first, then the largest.
        unowned_amount: Their sum; ``None`` when one of them is not known.
        residual_amount: The sum of all residuals; ``None`` when one of them is not known.
        owners: Who owns which residual.
        basis: How many residuals there are.
    """

    closed: bool
    unowned: tuple[str, ...]
    unowned_amount: float | None
    residual_amount: float | None
    owners: Mapping[str, str]
    basis: str


def closure(residuals: Mapping[str, float | None], owners: Mapping[str, str]) -> Closure:
    """Find the residuals that nobody owns.

    Args:
        residuals: What is left over, by name: 0 needs no owner, ``None`` (how much is not known) needs one.
        owners: Who answers for which.

    Raises:
        PayloadError: An amount is negative or no number, or an owner has no name.
    """
    given = entries("Residuals", residuals, most=MOST_RESIDUALS)
    amounts = {
        name: None if amount is None else number(f"Residual {name!r}", amount, low=0.0, high=LARGEST)
        for name, amount in given.items()
    }
    named = {
        name: text(f"The owner of {name!r}", owner, longest=LONGEST_NAME)
        for name, owner in entries("Owners", owners, most=MOST_RESIDUALS).items()
    }
    left = {name: amount for name, amount in amounts.items() if amount != 0}
    unowned = {name: amount for name, amount in left.items() if name not in named}
    return Closure(
        closed=not unowned,
        unowned=tuple(sorted(unowned, key=lambda name: (-_size(unowned[name]), name))),
        unowned_amount=_total(unowned),
        residual_amount=_total(left),
        owners={name: named[name] for name in left if name in named},
        basis=f"{len(left)} residuals, {len(left) - len(unowned)} of them owned.",
    )


def _standing(variable: Bound, known: Mapping[str, float]) -> Standing:
    value = known.get(variable.figure)
    return Standing(
        variable=variable.figure,
        value=value,
        low=None if variable.low == -inf else variable.low,
        high=None if variable.high == inf else variable.high,
        within=None if value is None else variable.breach(known) is None,
    )


def _aligned(standings: tuple[Standing, ...], violated: tuple[str, ...], unknown: tuple[str, ...]) -> bool | None:
    if violated:
        return False
    return None if unknown or not standings else True


def _size(amount: float | None) -> float:
    return inf if amount is None else amount


def _total(amounts: Mapping[str, float | None]) -> float | None:
    known = [amount for amount in amounts.values() if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
