"""Tables of regulation: which outcomes a regulator can force, and how little variety it can leave."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import log2
from typing import Generic, TypeVar

from pydantic import Field

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.variety.ashby.cover import smallest_cover

T = TypeVar("T")
D = TypeVar("D", bound=Hashable)
R = TypeVar("R", bound=Hashable)
E = TypeVar("E", bound=Hashable)
Row = TypeVar("Row", bound=Hashable)
Column = TypeVar("Column", bound=Hashable)
Cell = TypeVar("Cell", bound=Hashable)

MOST_CELLS = 100_000
"""Cells that a table may have."""

MOST_ELEMENTS = 1_000_000
"""Elements that are told apart at once."""

MOST_EXACT = 256
"""Disturbances, and outcomes, up to which the least variety of outcomes is searched for exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """How many elements an observer tells apart (Ashby 1956, 7/6-7/7).

    Attributes:
        count: The number of distinct elements.
    """

    count: int

    @property
    def bits(self) -> float | None:
        """The same as a logarithm to base 2; ``None`` when there is no element."""
        return log2(self.count) if self.count else None

    def __str__(self) -> str:
        """Show the variety both ways."""
        return f"{self.count} kinds" if self.bits is None else f"{self.count} kinds ({self.bits:.2f} bits)"


def variety(elements: Iterable[T], *, seen_as: Callable[[T], Hashable] | None = None) -> Variety:
    """Return the variety of ``elements`` for an observer.

    Args:
        elements: What is observed, at most a million elements.
        seen_as: What the observer sees of an element; elements that look the same are one. By default all that are
            not equal are told apart.

    Raises:
        PayloadError: There are more than a million elements.
    """
    kinds: set[Hashable] = set()
    for place, element in enumerate(elements):
        if place >= MOST_ELEMENTS:
            raise PayloadError(f"More than {MOST_ELEMENTS} elements are not told apart at once.")
        kinds.add(seen_as(element) if seen_as else element)
    return Variety(count=len(kinds))


class RegulationReport(Report, frozen=True):
    """What a table allows its regulator (Ashby 1956, chapter 11).

    Attributes:
        disturbances: How many disturbances there are.
        responses: How many responses there are.
        outcomes: How many outcomes occur in the table.
        repeats: How often one outcome occurs in one column at most.
        bound: The law in counts: no strategy leaves fewer outcomes.
        bound_bits: The law in bits: no strategy leaves less variety.
        least_outcome_variety: The fewest outcomes that a strategy leaves; ``None`` when that was not found exactly.
        best_found: The fewest outcomes of any strategy that was found.
        forcible: The outcomes that can be forced whatever the disturbance.
    """

    disturbances: int
    responses: int
    outcomes: int
    repeats: int
    bound: int
    bound_bits: float = Field(ge=0)
    least_outcome_variety: int | None
    best_found: int
    forcible: tuple[str, ...]


class RegulationTable(Generic[D, R, E]):
    """A table of outcomes: the disturbance chooses the row, the regulator sees it and chooses the column (11/3-11/4).

    Args:
        disturbances: What the rows stand for.
        responses: What the columns stand for.
        outcomes: The rows of the table; an outcome may be any value that can be hashed and equals itself.

    Raises:
        PayloadError: The table is empty, ragged or larger than 100,000 cells, names a row or column twice, or holds
            an outcome that cannot be told from others.
    """

    __slots__ = ("_columns", "_places", "_rows", "disturbances", "responses")

    def __init__(self, disturbances: Sequence[D], responses: Sequence[R], outcomes: Iterable[Sequence[E]]) -> None:
        """Refuse what is no table; keep the rows."""
        self.disturbances: tuple[D, ...] = _names(disturbances, "disturbances")
        self.responses: tuple[R, ...] = _names(responses, "responses")
        if len(self.disturbances) * len(self.responses) > MOST_CELLS:
            raise PayloadError(
                f"A table of {len(self.disturbances)} by {len(self.responses)} is too large; "
                f"at most {MOST_CELLS} cells are read.",
                remedies=("Merge disturbances or responses that act alike.",),
            )
        self._rows = tuple(tuple(row) for row in islice(outcomes, len(self.disturbances) + 1))
        if {len(row) for row in self._rows} != {len(self.responses)} or len(self._rows) != len(self.disturbances):
            raise PayloadError(
                f"The table is not {len(self.disturbances)} rows of {len(self.responses)} outcomes each.",
                remedies=("Give one outcome for each disturbance and response.",),
            )
        self._places = _outcomes(self._rows)
        self._columns = {response: column for column, response in enumerate(self.responses)}

    @staticmethod
    def of_rows(rows: Mapping[Row, Mapping[Column, Cell]]) -> "RegulationTable[Row, Column, Cell]":
        """Return the table that gives for each disturbance the outcome of each response.

        Raises:
            PayloadError: It is no table; see the class.
        """
        responses = tuple(next(iter(rows.values()))) if rows else ()
        for disturbance, row in rows.items():
            if set(row) != set(responses):
                raise PayloadError(f"The row of {disturbance!r} does not have the same responses as the first row.")
        cells = (tuple(row[response] for response in responses) for row in rows.values())
        return RegulationTable(tuple(rows), responses, cells)

    @staticmethod
    def of_function(
        outcome: Callable[[Row, Column], Cell], *, disturbances: Sequence[Row], responses: Sequence[Column]
    ) -> "RegulationTable[Row, Column, Cell]":
        """Return the table of ``outcome(disturbance, response)``.

        Raises:
            PayloadError: It is no table; see the class.
        """
        rows = (tuple(outcome(disturbance, response) for response in responses) for disturbance in disturbances)
        return RegulationTable(disturbances, responses, rows)

    def __repr__(self) -> str:
        """Show the size of the table."""
        return (
            f"RegulationTable(disturbances={len(self.disturbances)}, responses={len(self.responses)}, "
            f"outcomes={len(self._places)})"
        )

    @property
    def outcomes(self) -> tuple[E, ...]:
        """The outcomes that occur, in the order of the rows."""
        return tuple(self._places)

    @property
    def repeats(self) -> int:
        """How often one outcome occurs in one column at most: ``k`` of the law (11/9)."""
        return max(max(Counter(column).values()) for column in zip(*self._rows, strict=True))

    @property
    def bound(self) -> int:
        """The law in counts: every strategy leaves at least ``ceil(|D| / (k |R|))`` outcomes (11/5-11/6, 11/9)."""
        return -(-len(self.disturbances) // (self.repeats * len(self.responses)))

    @property
    def bound_bits(self) -> float:
        """The law in bits: at least ``V_D - V_R - log2 k`` are left, and never less than none (11/7, 11/9)."""
        return max(log2(len(self.disturbances)) - log2(len(self.responses)) - log2(self.repeats), 0.0)

    def outcomes_under(self, strategy: Mapping[D, R]) -> frozenset[E]:
        """Return the outcomes that are left when each disturbance is answered as ``strategy`` says.

        Raises:
            PayloadError: The strategy leaves a disturbance out, or answers with what is no response.
        """
        left: set[E] = set()
        for disturbance, row in zip(self.disturbances, self._rows, strict=True):
            if disturbance not in strategy or strategy[disturbance] not in self._columns:
                raise PayloadError(f"The strategy does not answer {disturbance!r} with one of the responses.")
            left.add(row[self._columns[strategy[disturbance]]])
        return frozenset(left)

    def strategy_within(self, acceptable: Collection[E]) -> Mapping[D, R] | None:
        """Return a strategy whose outcomes are all ``acceptable``; ``None`` when there is none (11/3, 11/14)."""
        strategy: dict[D, R] = {}
        for disturbance, row in zip(self.disturbances, self._rows, strict=True):
            place = next((place for place, outcome in enumerate(row) if outcome in acceptable), None)
            if place is None:
                return None
            strategy[disturbance] = self.responses[place]
        return strategy

    def strategy_for(self, outcome: E) -> Mapping[D, R] | None:
        """Return the strategy that forces ``outcome``, first responses first; ``None`` when it cannot be forced."""
        return self.strategy_within(frozenset((outcome,)))

    @property
    def forcible(self) -> tuple[E, ...]:
        """The outcomes that can be forced whatever the disturbance: those in every row (11/4)."""
        everywhere = frozenset(self._rows[0]).intersection(*self._rows)
        return tuple(outcome for outcome in self._places if outcome in everywhere)

    def is_forcible(self, outcome: E) -> bool:
        """Return whether ``outcome`` can be forced whatever the disturbance (11/4)."""
        return all(outcome in row for row in self._rows)

    def control(self, targets: Collection[E]) -> Mapping[tuple[D, E], R] | None:
        """Return the regulator that makes any of ``targets`` the outcome on command; ``None`` when there is none.

        Perfect regulation is complete control (11/14): such a regulator exists exactly when each target can be forced.

        Raises:
            PayloadError: The answer would have more than 100,000 entries.
        """
        wanted = frozenset(targets)
        if len(wanted) * len(self.disturbances) > MOST_CELLS:
            raise PayloadError(f"{len(wanted)} targets are too many to control {len(self.disturbances)} disturbances.")
        moves: dict[tuple[D, E], R] = {}
        for target in wanted:
            strategy = self.strategy_for(target)
            if strategy is None:
                return None
            moves.update(((disturbance, target), response) for disturbance, response in strategy.items())
        return moves

    def least_outcomes(self) -> frozenset[E]:
        """Return a smallest set of outcomes that some strategy stays within: exactly what the best regulator leaves.

        Raises:
            PayloadError: There are more than 256 disturbances or outcomes, or the search would take too long.
        """
        found, exact = self._search()
        if exact:
            return found
        raise PayloadError(
            f"The least variety of outcomes of {self!r} was not found exactly; it is {self.bound} to {len(found)}.",
            remedies=("Merge disturbances that act alike.", "Use 'bound', which no strategy can beat."),
        )

    def least_outcome_variety(self) -> int:
        """Return how many outcomes the best strategy leaves; never fewer than ``bound``.

        Raises:
            PayloadError: There are more than 256 disturbances or outcomes, or the search would take too long.
        """
        return len(self.least_outcomes())

    def report(self) -> RegulationReport:
        """Return what the table allows its regulator."""
        found, exact = self._search()
        return RegulationReport(
            disturbances=len(self.disturbances),
            responses=len(self.responses),
            outcomes=len(self._places),
            repeats=self.repeats,
            bound=self.bound,
            bound_bits=self.bound_bits,
            least_outcome_variety=len(found) if exact else None,
            best_found=len(found),
            forcible=tuple(str(outcome) for outcome in self.forcible),
        )

    def _search(self) -> tuple[frozenset[E], bool]:
        """Return the fewest outcomes that were found, and whether there are provably no fewer."""
        if max(len(self.disturbances), len(self._places)) > MOST_EXACT:
            return self.outcomes_under(dict.fromkeys(self.disturbances, self.responses[0])), False
        sets = [0] * len(self._places)
        for place, row in enumerate(self._rows):
            for outcome in row:
                sets[self._places[outcome]] |= 1 << place
        cover = smallest_cover(sets, size=len(self._rows))
        return frozenset(self.outcomes[place] for place in cover.chosen), cover.exact


def _names(names: Sequence[T], what: str) -> tuple[T, ...]:
    kept = tuple(islice(names, MOST_CELLS + 1))
    if not kept or len(set(kept)) != len(kept):
        raise PayloadError(f"The {what} are not one or more distinct values.", remedies=("Name each of them once.",))
    return kept


def _outcomes(rows: Iterable[Iterable[E]]) -> dict[E, int]:
    """Return the place of each distinct outcome."""
    places: dict[E, int] = {}
    for row in rows:
        for outcome in row:
            try:
                places.setdefault(outcome, len(places))
            except TypeError as error:
                raise PayloadError(f"The outcome {outcome!r} cannot be hashed.") from error
            if outcome != outcome:  # noqa: PLR0124 - a NaN is not even the outcome that it is
                raise PayloadError(f"The outcome {outcome!r} does not equal itself, so it cannot be told from others.")
    return places
