"""The double-entry ledger of variety: what the environment brings in, who absorbs it, and what nobody does.

Beer's three axioms of management (The Heart of Enterprise, 1979, pp. 217 ff.) say that variety which is not absorbed on
one side has to be absorbed on the other. The ledger books both sides, so that the sums agree whatever is written into
it; an axiom *holds* when nothing is left over on its page. All amounts are in one unit, usually bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import fsum

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.report import Report

MOST_UNITS = 10_000
MOST_VARIETY = 1e12
"""No amount can be larger; so no sum can overflow."""


_ROUNDING = 1e-9
"""What two sums over the same demand may differ by."""


class VerticalChannel(StrEnum):
    """The six vertical channels that hold the units of System 1 together."""

    ENVIRONMENT = "environment"
    OPERATIONS = "operations"
    INTERVENTION = "corporate_intervention"
    BARGAIN = "resource_bargain"
    COORDINATION = "anti_oscillation"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEntry:
    """The books of one unit of System 1.

    Attributes:
        unit: Its name.
        demand: The variety that its environment brings to it.
        horizontal: The part that the unit absorbs by itself.

    Raises:
        PayloadError: An amount is negative, too large or no number, or more is absorbed than was brought.
    """

    unit: str
    demand: float
    horizontal: float

    def __post_init__(self) -> None:
        """Refuse books that cannot be."""
        _refuse_amount(f"demand on {self.unit!r}", self.demand)
        _refuse_amount(f"variety absorbed by {self.unit!r}", self.horizontal)
        if self.horizontal > self.demand * (1.0 + _ROUNDING):
            raise PayloadError(
                f"{self.unit!r} cannot absorb {self.horizontal} of a demand of {self.demand}.",
                remedies=("Count demand and what was absorbed of it over the same period.",),
            )

    @property
    def residual(self) -> float:
        """What the unit leaves to the whole."""
        return max(self.demand - self.horizontal, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What came in and where it went.

    Attributes:
        units: The books of each unit of System 1; empty when none was measured.
        vertical: What each of the six vertical channels absorbed; one that is missing was not measured.
        to_system4: What System 3 passed on to System 4; ``None`` when not measured, and so for the others.
        by_system4: What System 4 absorbed of it.
        to_system5: The residue that was left to System 5.
        by_system5: What System 5 absorbed of that.

    Raises:
        PayloadError: An amount is negative, too large or no number, or there are too many units.
    """

    units: Sequence[UnitEntry] = ()
    vertical: Mapping[VerticalChannel, float] = field(default_factory=dict[VerticalChannel, float])
    to_system4: float | None = None
    by_system4: float | None = None
    to_system5: float | None = None
    by_system5: float | None = None

    def __post_init__(self) -> None:
        """Refuse amounts that cannot be."""
        if len(self.units) > MOST_UNITS:
            raise PayloadError(
                f"{len(self.units)} units are more than the {MOST_UNITS} that one ledger takes.",
                remedies=("Keep a ledger of its own for each part of the recursion.",),
            )
        for channel, amount in self.vertical.items():
            _refuse_amount(f"variety absorbed by the {channel} channel", amount)
        beyond = (self.to_system4, self.by_system4, self.to_system5, self.by_system5)
        for name, amount in zip(("to System 4", "by System 4", "to System 5", "by System 5"), beyond, strict=True):
            if amount is not None:
                _refuse_amount(f"variety {name}", amount)

    def balance(self) -> "Balance":
        """Close the books."""
        measured = {channel for channel in VerticalChannel if channel in self.vertical}
        cohesion = fsum(self.vertical.values()) if len(measured) == len(VerticalChannel) else None
        residual = fsum(unit.residual for unit in self.units) if self.units else None
        return Balance(
            demand=fsum(unit.demand for unit in self.units) if self.units else None,
            horizontal=fsum(unit.horizontal for unit in self.units) if self.units else None,
            vertical=cohesion,
            unmeasured=tuple(channel for channel in VerticalChannel if channel not in measured),
            first=_page(residual, cohesion, passed=self.to_system4),
            second=_page(self.to_system4, self.by_system4, passed=self.to_system5),
            third=_page(self.to_system5, self.by_system5, passed=0.0),
        )


class Page(Report, frozen=True):
    """One axiom's page of the ledger: ``received + surplus = absorbed + passed + lost``.

    Attributes:
        received: What came to this page.
        absorbed: What its owner absorbed.
        passed: What was handed to the next page.
        lost: What nobody absorbed or took over.
        surplus: What is said to have been absorbed or handed on without having come in: a fault of measurement.
    """

    received: float
    absorbed: float
    passed: float
    lost: float
    surplus: float


class Balance(Report, frozen=True):
    """The closed books.

    Attributes:
        demand: What the environments of all units brought in.
        horizontal: What the units absorbed by themselves.
        vertical: What the six vertical channels absorbed; ``None`` unless all six were measured.
        unmeasured: The vertical channels that were not measured.
        first: The page of the first axiom: from the units to Systems 2 and 3; ``None`` when an amount is missing.
        second: The page of the second axiom: from System 3 to System 4.
        third: The page of the third axiom: from System 4 to System 5, who can pass on nothing.
    """

    demand: float | None
    horizontal: float | None
    vertical: float | None
    unmeasured: tuple[VerticalChannel, ...]
    first: Page | None
    second: Page | None
    third: Page | None

    @property
    def lost(self) -> float | None:
        """What no owner absorbed on any page; ``None`` unless all three pages are known."""
        if self.first is None or self.second is None or self.third is None:
            return None
        return fsum((self.first.lost, self.second.lost, self.third.lost))


def _refuse_amount(name: str, amount: float) -> None:
    if not 0.0 <= amount <= MOST_VARIETY:
        raise PayloadError(
            f"{amount} is not an amount of {name}.", remedies=(f"Give a number from 0 to {MOST_VARIETY:g}.",)
        )


def _page(received: float | None, absorbed: float | None, *, passed: float | None) -> Page | None:
    if received is None or absorbed is None or passed is None:
        return None
    left = fsum((received, -absorbed, -passed))
    return Page(received=received, absorbed=absorbed, passed=passed, lost=max(left, 0.0), surplus=max(-left, 0.0))
