"""Beer's principles and axioms as statements that measured figures keep or break.

Source: Beer, The Heart of Enterprise (1979): principles of organization pp. 97, 99, 101 and 258, recursive system
theorem p. 118, axioms of management pp. 217 ff.; law of cohesion from the glossary of 1989. What was not measured is
not assessable, and never counts as kept. Beer gives no tolerances; those here are ours and can be changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from sys import float_info

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.vitals.ledger import Ledger, Page

_NAMED_AT_MOST = 3


class Statement(StrEnum):
    """What is said to hold of every viable system."""

    FIRST_PRINCIPLE = "first_principle"
    SECOND_PRINCIPLE = "second_principle"
    THIRD_PRINCIPLE = "third_principle"
    FOURTH_PRINCIPLE = "fourth_principle"
    RECURSION = "recursive_system_theorem"
    FIRST_AXIOM = "first_axiom"
    SECOND_AXIOM = "second_axiom"
    THIRD_AXIOM = "third_axiom"
    COHESION = "law_of_cohesion"


class Verdict(StrEnum):
    """Whether it holds."""

    HELD = "held"
    BROKEN = "broken"
    NOT_ASSESSABLE = "not_assessable"


class Direction(StrEnum):
    """The four directional channels of a unit (second principle)."""

    ENVIRONMENT_TO_OPERATION = "environment_to_operation"
    OPERATION_TO_ENVIRONMENT = "operation_to_environment"
    OPERATION_TO_MANAGEMENT = "operation_to_management"
    MANAGEMENT_TO_OPERATION = "management_to_operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transducer:
    """A place where a message crosses a boundary and is put into other words.

    Attributes:
        name: Which one.
        kinds_in: Kinds that the channel tells apart.
        kinds_out: Kinds that the transducer tells apart.
        lost_bits: Variety that gets lost in it: ``H(X|Y)``; ``None`` when not measured.
        attenuates: True when the loss is meant and declared.
    """

    name: str
    kinds_in: int
    kinds_out: int
    lost_bits: float | None = None
    attenuates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A loop that has to go round again and again.

    Attributes:
        name: Which one.
        age_s: Seconds since it went round last; ``None`` when not known.
        period_s: Seconds within which it must.
    """

    name: str
    age_s: float | None
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the whole; every field may be missing.

    Attributes:
        ledger: The double-entry ledger of variety.
        utilisation: How much of the capacity of each directional channel is used.
        transducers: The places where messages cross a boundary.
        cycles: The loops of regulation.
        units: How many units System 1 has.
        units_alike: How many of them offer the interface of a viable system themselves.
        accessible: Variety of System 1 that System 3 of this level can see.
        metasystems_below: Variety that the metasystems of all units dispose of.

    Raises:
        PayloadError: A figure is negative or no finite number.
    """

    ledger: Ledger | None = None
    utilisation: Mapping[Direction, float] = field(default_factory=dict[Direction, float])
    transducers: Sequence[Transducer] = ()
    cycles: Sequence[Cycle] = ()
    units: int | None = None
    units_alike: int | None = None
    accessible: float | None = None
    metasystems_below: float | None = None

    def __post_init__(self) -> None:
        """Refuse figures that cannot be."""
        for name, figure in self._figures():
            if figure is not None and not 0 <= figure <= float_info.max:
                raise PayloadError(
                    f"{figure} cannot be the {name}.", remedies=("Give a finite number from 0 on, or None.",)
                )
        if self.units is not None and (self.units_alike or 0) > self.units:
            raise PayloadError(f"{self.units_alike} of {self.units} units cannot be alike.")

    def _figures(self) -> Iterator[tuple[str, float | None]]:
        yield from (
            ("number of units", self.units),
            ("number of units alike", self.units_alike),
            ("variety that System 3 can see", self.accessible),
            ("variety of the metasystems below", self.metasystems_below),
        )
        yield from ((f"utilisation of {direction}", share) for direction, share in self.utilisation.items())
        for transducer in self.transducers:
            yield f"kinds into {transducer.name!r}", transducer.kinds_in
            yield f"kinds out of {transducer.name!r}", transducer.kinds_out
            yield f"variety lost in {transducer.name!r}", transducer.lost_bits
        for cycle in self.cycles:
            yield f"age of {cycle.name!r}", cycle.age_s
            yield f"period of {cycle.name!r}", cycle.period_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a statement may be missed; the numbers are ours.

    Attributes:
        residual_share: First principle: the share of a unit's demand that it may leave to the whole.
        lost: Axioms: variety that may be lost or claimed too much on a page, in the unit of the ledger.
        transduction_bits: Third principle: variety that may be lost in a transducer undeclared.
        cohesion_share: Law of cohesion: by how much of the larger the two sides may differ.

    Raises:
        ConfigurationError: A tolerance is negative or no finite number.
    """

    residual_share: float = 0.2
    lost: float = 0.1
    transduction_bits: float = 0.01
    cohesion_share: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what is no tolerance."""
        for value in (self.residual_share, self.lost, self.transduction_bits, self.cohesion_share):
            if not 0 <= value <= float_info.max:
                raise ConfigurationError(f"{value} is no tolerance.", remedies=("Give a finite number from 0 on.",))


DEFAULT_TOLERANCE = Tolerance()


class Assessment(Report, frozen=True):
    """How one statement stands.

    Attributes:
        statement: Which one.
        verdict: Whether it holds.
        why: The figures that say so, in words.
    """

    statement: Statement
    verdict: Verdict
    why: str


class Principles(Report, frozen=True):
    """How all statements stand.

    Attributes:
        assessments: One for each statement, in Beer's order.
        held: Statements that hold.
        broken: Statements that do not.
        not_assessable: Statements that could not be judged because a figure is missing.
        lost: Variety that no owner absorbed, over all three axioms; ``None`` unless the whole ledger is known.
    """

    assessments: tuple[Assessment, ...]
    held: tuple[Statement, ...]
    broken: tuple[Statement, ...]
    not_assessable: tuple[Statement, ...]
    lost: float | None

    def __str__(self) -> str:
        """Show one line per statement."""
        return "\n".join(f"{each.statement}: {each.verdict}. {each.why}" for each in self.assessments)


def assess(evidence: Evidence, *, tolerance: Tolerance = DEFAULT_TOLERANCE) -> Principles:
    """Judge every statement by what is known."""
    balance = None if evidence.ledger is None else evidence.ledger.balance()
    first, second, third = (None, None, None) if balance is None else (balance.first, balance.second, balance.third)
    judged = {
        Statement.FIRST_PRINCIPLE: _first_principle(evidence, tolerance),
        Statement.SECOND_PRINCIPLE: _second_principle(evidence),
        Statement.THIRD_PRINCIPLE: _third_principle(evidence, tolerance),
        Statement.FOURTH_PRINCIPLE: _fourth_principle(evidence),
        Statement.RECURSION: _recursion(evidence),
        Statement.FIRST_AXIOM: _axiom(first, tolerance, owner="the six vertical channels and System 4"),
        Statement.SECOND_AXIOM: _axiom(second, tolerance, owner="System 4 and System 5"),
        Statement.THIRD_AXIOM: _axiom(third, tolerance, owner="System 5"),
        Statement.COHESION: _cohesion(evidence, tolerance),
    }
    return Principles(
        assessments=tuple(
            Assessment(statement=statement, verdict=verdict, why=why) for statement, (verdict, why) in judged.items()
        ),
        held=tuple(statement for statement, (verdict, _) in judged.items() if verdict is Verdict.HELD),
        broken=tuple(statement for statement, (verdict, _) in judged.items() if verdict is Verdict.BROKEN),
        not_assessable=tuple(s for s, (verdict, _) in judged.items() if verdict is Verdict.NOT_ASSESSABLE),
        lost=None if balance is None else balance.lost,
    )


_Judged = tuple[Verdict, str]


def _verdict(broken: Sequence[str], missing: Sequence[str], *, held: str) -> _Judged:
    """Return broken if anything is, then not assessable if anything is missing, then held."""
    if broken:
        return Verdict.BROKEN, f"{_few(broken)}."
    if missing:
        return Verdict.NOT_ASSESSABLE, f"Not measured: {_few(missing)}."
    return Verdict.HELD, held


def _few(items: Sequence[str]) -> str:
    more = len(items) - _NAMED_AT_MOST
    return "; ".join(items[:_NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")


def _first_principle(evidence: Evidence, tolerance: Tolerance) -> _Judged:
    """Varieties tend to equate: what a unit leaves over is small beside what is asked of it (p. 97)."""
    units = () if evidence.ledger is None else evidence.ledger.units
    broken = [
        f"{unit.unit} leaves {unit.residual:.4g} of {unit.demand:.4g}"
        for unit in units
        if unit.residual > tolerance.residual_share * unit.demand
    ]
    missing = () if units else ("the demand on any unit",)
    return _verdict(broken, missing, held=f"All {len(units)} units leave at most {tolerance.residual_share:.0%}.")


def _second_principle(evidence: Evidence) -> _Judged:
    """Each of the four directional channels can carry more than its source generates (p. 99)."""
    used = evidence.utilisation
    broken = [f"{direction} is used to {share:.0%}" for direction, share in used.items() if share >= 1.0]
    missing = [direction.value for direction in Direction if direction not in used]
    return _verdict(
        broken, missing, held=f"The fullest of four channels is used to {max(used.values(), default=0):.0%}."
    )


def _third_principle(evidence: Evidence, tolerance: Tolerance) -> _Judged:
    """A transducer tells apart at least as much as its channel, or its loss is declared (p. 101)."""
    undeclared = [each for each in evidence.transducers if not each.attenuates]
    broken = [
        f"{each.name} tells {each.kinds_out} kinds apart and is sent {each.kinds_in}"
        for each in undeclared
        if each.kinds_out < each.kinds_in
    ]
    broken += (
        f"{each.name} loses {each.lost_bits:.4g} bits"
        for each in undeclared
        if each.lost_bits is not None and each.lost_bits > tolerance.transduction_bits
    )
    missing = [f"the loss in {each.name}" for each in undeclared if each.lost_bits is None]
    if not evidence.transducers:
        missing = ["any transducer"]
    return _verdict(broken, missing, held=f"{len(evidence.transducers)} transducers lose nothing undeclared.")


def _fourth_principle(evidence: Evidence) -> _Judged:
    """The first three are kept up without pause: no loop is older than its period (p. 258)."""
    broken = [
        f"{cycle.name} went round {cycle.age_s:.4g} s ago and must every {cycle.period_s:.4g} s"
        for cycle in evidence.cycles
        if cycle.age_s is not None and cycle.age_s > cycle.period_s
    ]
    missing = [f"the age of {cycle.name}" for cycle in evidence.cycles if cycle.age_s is None]
    if not evidence.cycles:
        missing = ["any loop"]
    return _verdict(broken, missing, held=f"All {len(evidence.cycles)} loops went round within their periods.")


def _recursion(evidence: Evidence) -> _Judged:
    """Every viable system contains viable systems: each unit offers the same interface as the whole (p. 118)."""
    units, alike = evidence.units, evidence.units_alike
    if units is None or alike is None:
        return _verdict((), ("which units are viable systems",), held="")
    broken = () if units and alike == units else (f"{alike} of {units} units are viable systems",)
    return _verdict(broken, (), held=f"All {units} units are viable systems.")


def _axiom(page: Page | None, tolerance: Tolerance, *, owner: str) -> _Judged:
    """Nothing is left over on the page, and nothing is claimed that never came in (pp. 217 ff.)."""
    if page is None:
        return _verdict((), (f"what {owner} absorbed, or what came to them",), held="")
    broken: list[str] = []
    if page.lost > tolerance.lost:
        broken.append(f"{page.lost:.4g} of {page.received:.4g} was absorbed by nobody; its owner is {owner}")
    if page.surplus > tolerance.lost:
        broken.append(f"{owner} claim {page.surplus:.4g} more than the {page.received:.4g} that came in")
    return _verdict(broken, (), held=f"{page.received:.4g} came in and {page.lost:.4g} was lost.")


def _cohesion(evidence: Evidence, tolerance: Tolerance) -> _Judged:
    """What System 3 sees of its units is what their metasystems dispose of (glossary, 1989)."""
    seen, below = evidence.accessible, evidence.metasystems_below
    if seen is None or below is None:
        return _verdict((), ("the variety of the metasystems below, or what System 3 sees of it",), held="")
    apart = abs(seen - below) > tolerance.cohesion_share * max(seen, below)
    broken = (f"System 3 sees {seen:.4g} where the metasystems below have {below:.4g}",) if apart else ()
    return _verdict(broken, (), held=f"System 3 sees {seen:.4g} of {below:.4g}.")
