"""Resolves conflicts between units over a resource: by priority, by sharing time, or by asking an arbiter.

Every resolution is a value that says who goes first and why; the same contenders get the same resolution every time.
Time is shared by start-time fair queueing (Goyal, Vin & Cheng 1996): a unit's next turn begins where its last one ended
in virtual time, which runs slower the more weight the unit has, and never before what is being served now. So two units
that always want the resource use it in proportion to their weights, and one that was away gets no arrears.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import nsmallest
from typing import assert_never

from vsm_mcp.errors import ConfigurationError, PayloadError

MOST_UNITS = 10_000
MOST_CONTENDERS = 1000
RECORDED = 1000

_LARGEST = 1e100
_SMALLEST = 1e-100
_FORGOTTEN_AT_ONCE = 16


class ConflictPolicy(StrEnum):
    """How a conflict is resolved."""

    PRIORITY = "weighted_priority"
    TIME_SHARING = "time_sharing"
    ARBITRATION = "arbitration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A unit that wants a resource which others want too."""

    unit: str
    priority: int = 0
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a weight that no time could be shared by.

        Raises:
            PayloadError: The unit has no name, or the weight is not a positive number of usable size.
        """
        if not self.unit or not _SMALLEST <= self.weight <= _LARGEST:
            raise PayloadError(
                f"{self.unit!r} cannot contend with weight {self.weight}.",
                remedies=("Give the unit a name and a positive weight.",),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Who goes first, and why.

    Attributes:
        resource: What they want.
        policy: How it was resolved.
        order: The units, first one first.
        shares: The share of time that each of them is due in the long run, in the same order; only when time is shared.
        reasons: Why each stands where it does, in the same order.
    """

    resource: str
    policy: ConflictPolicy
    order: tuple[str, ...]
    shares: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ()


Arbiter = Callable[[str, Sequence[Contender]], Sequence[str]]
"""Decides a conflict: hears the resource and the contenders, and returns every unit once, first one first."""


class FairShare:
    """Says whose turn it is when time is shared by weight.

    Args:
        most_units: Bound on the units that are remembered; beyond it, those that used least are forgotten.

    Raises:
        ConfigurationError: There is no room for any unit.
    """

    def __init__(self, *, most_units: int = MOST_UNITS) -> None:
        """Start without any use."""
        if most_units < 1:
            raise ConfigurationError(f"{most_units} units are too few.", remedies=("Allow at least one unit.",))
        self._most_units = most_units
        self._finish: dict[str, float] = {}
        self._virtual = 0.0

    def __repr__(self) -> str:
        """Show how many units have used more than their share lately."""
        return f"FairShare(units={len(self._finish)})"

    def turn(self, unit: str) -> float:
        """Return the virtual time at which the next turn of ``unit`` begins; the smallest goes first."""
        return max(self._virtual, self._finish.get(unit, 0.0))

    def admit(self, unit: str, cost: float = 1.0, *, weight: float = 1.0) -> float:
        """Queue one more turn of ``unit``, which will use ``cost``; return when it begins, in virtual time.

        Raises:
            PayloadError: The cost is not a number from 0 on, or the weight not a positive one.
        """
        if not (0.0 <= cost <= _LARGEST and _SMALLEST <= weight <= _LARGEST):
            raise PayloadError(
                f"{unit!r} cannot be charged {cost} at weight {weight}.", remedies=("Give numbers that are positive.",)
            )
        start = self.turn(unit)
        self._finish[unit] = start + cost / weight
        if len(self._finish) > self._most_units:
            self._forget(unit)
        return start

    def refund(self, unit: str, cost: float = 1.0, *, weight: float = 1.0) -> None:
        """Take back a turn that was queued and will not be served: what was not used is not charged."""
        finish = self._finish.get(unit)
        if finish is not None:
            self._finish[unit] = finish - cost / weight

    def serve(self, start: float) -> None:
        """Note that the turn that begins at ``start`` is served: nobody can begin earlier any more."""
        self._virtual = max(self._virtual, start)

    def charge(self, unit: str, cost: float, *, weight: float = 1.0) -> None:
        """Note that ``unit`` is served now and uses ``cost``, such as seconds.

        Raises:
            PayloadError: The cost is not a number from 0 on, or the weight not a positive one.
        """
        self.serve(self.admit(unit, cost, weight=weight))

    def _forget(self, served: str) -> None:
        """Drop all who have no more to wait for than a newcomer; failing that, those next to it.

        Some of these go at once, so that looking at all of them is not paid for by each newcomer.
        """
        ahead = {unit: finish for unit, finish in self._finish.items() if finish > self._virtual or unit == served}
        if len(ahead) > self._most_units:
            gone = 1 + self._most_units // _FORGOTTEN_AT_ONCE
            for unit in nsmallest(gone, ahead, key=lambda unit: (ahead[unit], unit)):
                del ahead[unit]
        self._finish = ahead


class Conflicts:
    """Resolves conflicts and remembers the last ones.

    Args:
        recorded: How many resolutions are remembered.

    Raises:
        ConfigurationError: Nothing would be remembered.
    """

    def __init__(self, *, recorded: int = RECORDED) -> None:
        """Start without a conflict."""
        if recorded < 1:
            raise ConfigurationError(f"{recorded} resolutions are too few.", remedies=("Remember at least one.",))
        self.shares: FairShare = FairShare()
        self._recorded = deque[Resolution](maxlen=recorded)

    def __repr__(self) -> str:
        """Show how many resolutions are remembered."""
        return f"Conflicts(recorded={len(self._recorded)})"

    @property
    def recorded(self) -> tuple[Resolution, ...]:
        """The last resolutions, oldest first."""
        return tuple(self._recorded)

    def record(self, resolution: Resolution) -> None:
        """Remember how a conflict ended."""
        self._recorded.append(resolution)

    def resolve(
        self,
        resource: str,
        contenders: Sequence[Contender],
        *,
        policy: ConflictPolicy = ConflictPolicy.PRIORITY,
        arbiter: Arbiter | None = None,
    ) -> Resolution:
        """Say who goes first, and remember it. Who uses the resource is told by ``shares.charge(...)``.

        Raises:
            PayloadError: There is nobody to put in order, there are too many, or one is named twice.
            ConfigurationError: There is no arbiter, or it does not name every unit once.
        """
        _refuse_contenders(resource, contenders)
        match policy:
            case ConflictPolicy.PRIORITY:
                resolution = _by_priority(resource, contenders)
            case ConflictPolicy.TIME_SHARING:
                resolution = _by_time(resource, contenders, self.shares)
            case ConflictPolicy.ARBITRATION:
                resolution = _by_arbiter(resource, contenders, arbiter)
            case _:
                assert_never(policy)
        self.record(resolution)
        return resolution


def _refuse_contenders(resource: str, contenders: Sequence[Contender]) -> None:
    units = {one.unit for one in contenders}
    if not 2 <= len(contenders) <= MOST_CONTENDERS or len(units) < len(contenders):  # noqa: PLR2004 - it takes two
        raise PayloadError(
            f"{len(contenders)} contenders of {len(units)} units cannot be put in order over {resource!r:.100}.",
            remedies=(f"Name 2 to {MOST_CONTENDERS} units, each once.",),
        )


def _by_priority(resource: str, contenders: Sequence[Contender]) -> Resolution:
    ordered = sorted(contenders, key=lambda one: (-one.priority, -one.weight, one.unit))
    return Resolution(
        resource=resource,
        policy=ConflictPolicy.PRIORITY,
        order=tuple(one.unit for one in ordered),
        reasons=tuple(f"{one.unit} has priority {one.priority} and weight {one.weight:g}." for one in ordered),
    )


def _by_time(resource: str, contenders: Sequence[Contender], shares: FairShare) -> Resolution:
    ordered = sorted(contenders, key=lambda one: (shares.turn(one.unit), -one.priority, one.unit))
    first, total = shares.turn(ordered[0].unit), sum(one.weight for one in ordered)
    return Resolution(
        resource=resource,
        policy=ConflictPolicy.TIME_SHARING,
        order=tuple(one.unit for one in ordered),
        shares=tuple(one.weight / total for one in ordered),
        reasons=tuple(
            f"{one.unit} is {shares.turn(one.unit) - first:.3g} ahead of its share and due {one.weight / total:.1%}."
            for one in ordered
        ),
    )


def _by_arbiter(resource: str, contenders: Sequence[Contender], arbiter: Arbiter | None) -> Resolution:
    if arbiter is None:
        raise ConfigurationError("There is no arbiter to ask.", remedies=("Pass arbiter=..., or another policy.",))
    order = tuple(arbiter(resource, tuple(contenders)))
    if sorted(order) != sorted(one.unit for one in contenders):
        raise ConfigurationError(
            f"The arbiter named {len(order)} units for {len(contenders)} contenders over {resource!r:.100}.",
            remedies=("Let it return every contending unit once, first one first.",),
        )
    return Resolution(
        resource=resource,
        policy=ConflictPolicy.ARBITRATION,
        order=order,
        reasons=tuple(f"The arbiter put {unit} at place {place}." for place, unit in enumerate(order, 1)),
    )
