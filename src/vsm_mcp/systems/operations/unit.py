"""An operational unit: does work of its own kinds, within its own policy and budget, and measures what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol

import anyio
from pydantic import Field

from vsm_mcp.errors import (
    CallTimeoutError,
    CapacityError,
    ConfigurationError,
    PolicyError,
    ToolError,
    VSMError,
)
from vsm_mcp.model.operation import Operation, Outcome, Stage
from vsm_mcp.model.report import Report
from vsm_mcp.systems.operations.endings import stage_of
from vsm_mcp.systems.operations.places import Places
from vsm_mcp.systems.operations.tally import Tally
from vsm_mcp.systems.operations.unit_policy import UnitPolicy, refuse_budget
from vsm_mcp.variety.coverage import DEFAULT_DISCOUNT
from vsm_mcp.world.clock import Clock, SystemClock

LONGEST_NAME = 200

_STAGES = tuple(Stage)
_PLACE_OF = {stage: place for place, stage in enumerate(_STAGES)}
_CLOCK: Clock = SystemClock()
_ANYTHING = UnitPolicy()


class Performer(Protocol):
    """Does operations: a function of the host behind one method, a whole viable system, or System 1 of another."""

    async def execute(self, operation: Operation, /) -> Outcome:
        """Do one operation.

        Raises:
            VSMError: It was not done.
        """
        ...


class UnitReport(Report, frozen=True):
    """How a unit fares, by its own measures.

    Attributes:
        name: The unit.
        viable: Whether its next operation is more likely done well than not; ``None`` before its first.
        absorbed: Operations that it did.
        failed: Operations that ran and failed.
        refused: Operations that a policy refused, its own or that of what performs them.
        starved: Operations for which it had no place, no budget or no usable server.
        contended: Operations that collided with other work.
        unknown: Operations that what performs them cannot do.
        n: All of them.
        busy: Operations under way.
        waiting: Operations that wait for a place.
        most_at_once: Its places.
        most_per_period: Its budget; ``None`` when it has none.
        used: How much of the budget was used in the present period; ``None`` when it has none.
        kinds: Share of each kind in the demand that it met, newer demand weighing more.
        bits: The variety of that demand; ``None`` without any.
    """

    name: str
    viable: bool | None
    absorbed: int = Field(ge=0)
    failed: int = Field(ge=0)
    refused: int = Field(ge=0)
    starved: int = Field(ge=0)
    contended: int = Field(ge=0)
    unknown: int = Field(ge=0)
    n: int = Field(ge=0)
    busy: int = Field(ge=0)
    waiting: int = Field(ge=0)
    most_at_once: int
    most_per_period: int | None
    used: int | None
    kinds: Mapping[str, float]
    bits: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitProof:
    """What shows whether a unit really works: an operation whose right answer is known.

    Attributes:
        operation: Does no harm, however often it is done.
        accepts: Says whether the outcome is right. That the unit says it did its work proves nothing.
    """

    operation: Operation
    accepts: Callable[[Outcome], bool]


class OperationalUnit:
    """Does operations of its own kinds by itself, as far as its policy and its budget go.

    It refuses what its policy does not take, lets the others wait for a place, and measures what became of them. What
    performs may itself be a viable system: to the outside it is one unit, like any other.

    Args:
        name: Its name among its siblings.
        performer: Does the operations. What it raises that is not ours counts as its failure.
        policy: What it takes and how much.
        proof: What audits ask of it. Without one the unit cannot be audited.
        clock: Says when a period is over.

    Raises:
        ConfigurationError: The name is empty or too long.
    """

    __slots__ = ("_begun", "_budget", "_clock", "_counts", "_lost", "_name", "_performer", "_places", "_policy",
                 "_proof", "_since", "_tally", "_won")  # fmt: skip

    def __init__(
        self,
        name: str,
        performer: Performer,
        *,
        policy: UnitPolicy | None = None,
        proof: UnitProof | None = None,
        clock: Clock = _CLOCK,
    ) -> None:
        """Begin without any work."""
        if not 0 < len(name) <= LONGEST_NAME:
            raise ConfigurationError(
                f"The name of a unit must have 1 to {LONGEST_NAME} characters, not {len(name)}.",
                remedies=("Give it a short name.",),
            )
        self._name = name
        self._performer = performer
        self._policy = policy or _ANYTHING
        self._proof = proof
        self._clock = clock
        self._budget = self._policy.most_per_period
        self._places = Places(self._policy.most_at_once, owner=f"unit {name!r}")
        self._counts: list[int] | None = None
        self._tally: Tally | None = None
        self._since = -inf
        self._begun = 0
        self._won = 0.0
        self._lost = 0.0

    def __repr__(self) -> str:
        """Show what it did."""
        return f"OperationalUnit({self._name!r}, absorbed={self.absorbed}, failed={self.failed}, busy={self.busy})"

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def proof(self) -> UnitProof | None:
        """What audits ask of it."""
        return self._proof

    @property
    def performer(self) -> Performer:
        """What does its operations."""
        return self._performer

    @property
    def policy(self) -> UnitPolicy:
        """What it takes and how much."""
        return self._policy

    @property
    def absorbed(self) -> int:
        """Operations that it did."""
        return self.count(Stage.ABSORBED)

    @property
    def failed(self) -> int:
        """Operations that ran and failed."""
        return self.count(Stage.FAILED)

    @property
    def refused(self) -> int:
        """Operations that a policy refused."""
        return self.count(Stage.REFUSED)

    @property
    def busy(self) -> int:
        """Operations under way."""
        return self._places.busy

    @property
    def n(self) -> int:
        """Operations that ended, whatever they came to."""
        return sum(self._counts) if self._counts else 0

    @property
    def viable(self) -> bool | None:
        """Whether its next operation is more likely done well than not; ``None`` before the first one ran.

        The mean of ``Beta(1 + successes, 1 + failures)`` is above one half exactly when there is more evidence of
        success; each outcome multiplies older evidence by 0.995.
        """
        return self._won > self._lost if self._won or self._lost else None

    @property
    def has_room(self) -> bool:
        """Whether an operation would begin at once: a place is free and the budget is not used up."""
        return self._places.busy < self._places.most and self._within_budget()

    @property
    def drawn(self) -> float | None:
        """What it began in the present period, as a ratio of its budget; ``None`` without a budget.

        A budget of 0 counts as 1, so that what was begun before it was set shows.
        """
        if self._budget is None:
            return None
        over = self._clock.now().timestamp() - self._since >= self._policy.period
        return 0.0 if over else self._begun / max(self._budget, 1)

    def count(self, stage: Stage) -> int:
        """Return how many operations ended at ``stage``."""
        return self._counts[_PLACE_OF[stage]] if self._counts else 0

    def takes(self, kind: str) -> bool:
        """Return whether its policy takes operations of ``kind``."""
        return self._policy.allows(kind)

    def grant(self, most_per_period: int | None) -> None:
        """Set its budget: how many operations it may begin in a period; ``None`` for any number.

        Raises:
            ConfigurationError: The budget is negative.
        """
        refuse_budget(most_per_period)
        self._budget = most_per_period

    async def execute(self, operation: Operation, /) -> Outcome:
        """Do one operation, or refuse it.

        One that its host cancels is not counted: nobody knows what it would have come to.

        Raises:
            PolicyError: The unit does not take this kind of work.
            CapacityError: Its budget for this period is used up, or no place became free in time.
            ConfigurationError: It came back to this unit again and again, or would wait for itself.
            CallTimeoutError: It took longer than the unit allows; it may still have happened.
            ToolError: What performs it failed.
            VSMError: Anything else that the performer says.
        """
        kind = operation.kind
        try:
            outcome = await self._execute(operation, kind)
        except VSMError as error:
            self._count(kind, stage_of(error))
            raise
        self._count(kind, Stage.ABSORBED)
        return outcome

    def demand(self) -> Mapping[str, float]:
        """Return how much demand of each kind it met: the shares of recent demand, scaled to all that it met."""
        tally = self._tally
        return {} if tally is None else {kind: share * tally.n for kind, share in tally.shares().items()}

    def report(self) -> UnitReport:
        """Return its figures."""
        return UnitReport(
            name=self._name,
            viable=self.viable,
            absorbed=self.absorbed,
            failed=self.failed,
            refused=self.refused,
            starved=self.count(Stage.STARVED),
            contended=self.count(Stage.CONTENDED),
            unknown=self.count(Stage.UNKNOWN),
            n=self.n,
            busy=self._places.busy,
            waiting=self._places.waiting,
            most_at_once=self._places.most,
            most_per_period=self._budget,
            used=None if self._budget is None else self._used(),
            kinds={} if self._tally is None else self._tally.shares(),
            bits=None if self._tally is None else self._tally.bits(),
        )

    async def _execute(self, operation: Operation, kind: str) -> Outcome:
        if not self._policy.allows(kind):
            raise PolicyError(
                f"The rule 'takes' of unit {self._name!r} forbids {kind!r}.",
                remedies=("Give it to a unit that takes it.", "Add the kind to UnitPolicy(takes=...)."),
            )
        self._refuse_beyond_budget()  # before it waits for a place in vain
        with self._places.passed():
            await self._places.enter(priority=operation.priority, timeout=self._policy.place_timeout)
            try:
                self._refuse_beyond_budget()
                self._begun += 1
                return await self._perform(operation)
            finally:
                self._places.leave()

    async def _perform(self, operation: Operation) -> Outcome:
        try:
            if self._policy.most_seconds is None:
                return await self._performer.execute(operation)
            with anyio.move_on_after(self._policy.most_seconds):
                return await self._performer.execute(operation)
        except VSMError:
            raise
        except Exception as error:
            # Whoever performs may be any code of the host: what it raises is the failure of this operation only.
            raise ToolError(
                f"Unit {self._name!r} failed: {type(error).__name__}: {str(error)[:1000]}.",
                remedies=("Repair what performs it, or give the work to another unit.",),
            ) from error
        raise CallTimeoutError(
            f"Unit {self._name!r} did not end within {self._policy.most_seconds:g} seconds.",
            remedies=("Raise UnitPolicy(most_seconds=...), or ask for less.",),
        )

    def _refuse_beyond_budget(self) -> None:
        if not self._within_budget():
            raise CapacityError(
                f"Unit {self._name!r} may begin {self._budget} operations in {self._policy.period:g} seconds "
                "and has done so.",
                remedies=("Try again in the next period.", "Grant the unit a larger budget."),
            )

    def _within_budget(self) -> bool:
        return self._budget is None or self._used() < self._budget

    def _used(self) -> int:
        """Return how many operations were begun in this period; a clock that was set back begins the period anew."""
        now = self._clock.now().timestamp()
        if now - self._since >= self._policy.period:
            self._since, self._begun = now, 0
        elif now < self._since:
            self._since = now
        return self._begun

    def _count(self, kind: str, stage: Stage) -> None:
        if self._counts is None:
            self._counts = [0] * len(_STAGES)
        self._counts[_PLACE_OF[stage]] += 1
        if self._tally is None:
            self._tally = Tally()
        absorbed = stage is Stage.ABSORBED
        self._tally.observe(kind, absorbed=absorbed)
        if absorbed or stage is Stage.FAILED:
            self._won = self._won * DEFAULT_DISCOUNT + absorbed
            self._lost = self._lost * DEFAULT_DISCOUNT + (not absorbed)


class UnitInspection:
    """Looks at units directly: has what performs their work perform their proof, past the unit and its reports.

    Args:
        units: The units by name.
    """

    def __init__(self, units: Mapping[str, OperationalUnit]) -> None:
        """Keep the units; which there are is looked up at each inspection."""
        self._units = units

    def can_inspect(self, unit: str, /) -> bool:
        """Return whether there is such a unit, and it has a proof."""
        known = self._units.get(unit)
        return known is not None and known.proof is not None

    async def inspect(self, unit: str, /) -> bool:
        """Return whether the proof was done, and its outcome is right.

        Raises:
            ConfigurationError: The unit has no proof.
        """
        known = self._units.get(unit)
        if known is None or known.proof is None:
            raise ConfigurationError(
                f"Unit {unit!r} has no proof that could be performed.",
                remedies=("Give OperationalUnit(proof=UnitProof(...)) an operation whose right answer is known.",),
            )
        try:
            return bool(known.proof.accepts(await known.performer.execute(known.proof.operation)))
        except Exception:  # noqa: BLE001 - foreign code: whatever it raises, it is no proof
            return False
