"""Markov chains: the equilibrium of states that follow each other, and the variety that each step adds."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import islice
from math import fsum
from sys import float_info
from typing import Generic, TypeVar

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.ashby.information import MOST_SAMPLES, entropy_bits, shares_of

S = TypeVar("S", bound=Hashable)
State = TypeVar("State", bound=Hashable)

MOST_STATES = 128

RAREST = 1e-9
"""Probability per step of leaving a group of states below which its share of time cannot be told."""


class MarkovChain(Generic[S]):
    """States that follow each other with fixed probabilities (Ashby 1956, 9/4-9/7).

    Args:
        transitions: For each state what may follow it, and with which weight (probability or count); the weights of
            each state are made to sum to 1. States that are not named do not follow.

    Raises:
        PayloadError: There is no state or more than 128, a weight is none, a state that follows has no row of its own,
            the states fall into several groups that are never left, so that no equilibrium is the only one, or a group
            is left too seldom (less than once in 1e9 steps) to tell.
    """

    __slots__ = ("_rows", "_stationary")

    def __init__(self, transitions: Mapping[S, Mapping[S, float]]) -> None:
        """Refuse what is no chain; find its equilibrium."""
        if not 1 <= len(transitions) <= MOST_STATES:
            raise PayloadError(f"A chain has 1 to {MOST_STATES} states, not {len(transitions)}.")
        self._rows = {state: shares_of(row) for state, row in transitions.items()}
        for state, row in self._rows.items():
            for after in row:
                if after not in self._rows:
                    raise PayloadError(f"{after!r} follows {state!r} and has no row of its own.")
        self._stationary = _stationary(self._rows)

    @staticmethod
    def of_sequence(states: Iterable[State]) -> "MarkovChain[State]":
        """Return the chain of what followed what, at most a million states in a row.

        The last state is taken to be followed by the first: so every state has a successor, and the equilibrium is
        exactly the share of each state in the sequence.

        Raises:
            PayloadError: The sequence is empty, too long, or has more than 128 states.
        """
        seen = list(islice(states, MOST_SAMPLES + 1))
        if len(seen) > MOST_SAMPLES:
            raise PayloadError(f"More than {MOST_SAMPLES} states in a row are not counted at once.")
        rows: dict[State, dict[State, float]] = {}
        for before, after in zip(seen, seen[1:] + seen[:1], strict=True):
            row = rows.setdefault(before, {})
            row[after] = row.get(after, 0.0) + 1.0
        return MarkovChain(rows)

    def __repr__(self) -> str:
        """Show how many states there are and what each step adds."""
        return f"MarkovChain(states={len(self._rows)}, {self.entropy_rate:.3f} bits per step)"

    @property
    def stationary(self) -> Mapping[S, float]:
        """The share of time in each state, once the start is forgotten (Ashby 1956, 9/6)."""
        return dict(self._stationary)

    @property
    def row_bits(self) -> Mapping[S, float]:
        """For each state the entropy of what follows it."""
        return {state: entropy_bits(row.values()) for state, row in self._rows.items()}

    @property
    def entropy_rate(self) -> float:
        """Bits per step: the entropies of the rows, weighed by the equilibrium (Ashby 1956, 9/12; Shannon 1948, 7)."""
        bits = self.row_bits
        return fsum(share * bits[state] for state, share in self._stationary.items())

    def length_bits(self, steps: int) -> float:
        """Return the entropy of ``steps`` steps from equilibrium, the first state included: ``H(X0) + steps * rate``.

        Raises:
            PayloadError: ``steps`` is negative.
        """
        if not 0 <= steps <= float_info.max:
            raise PayloadError(f"{steps} steps cannot be gone.")
        return entropy_bits(self._stationary.values()) + steps * self.entropy_rate


def _stationary(rows: Mapping[S, Mapping[S, float]]) -> dict[S, float]:
    """Return the equilibrium; states that are left for good have a share of 0."""
    closed = _closed_class(rows)
    places = {state: place for place, state in enumerate(closed)}
    matrix = [[rows[state].get(after, 0.0) for after in places] for state in places]
    shares = _equilibrium(matrix)
    return {state: shares[places[state]] if state in places else 0.0 for state in rows}


def _closed_class(rows: Mapping[S, Mapping[S, float]]) -> Sequence[S]:
    """Return the states that are never left once one of them is entered."""
    reach = {state: _reachable(rows, state) for state in rows}
    recurrent = [state for state in rows if all(state in reach[after] for after in reach[state])]
    first = recurrent[0]
    apart = [state for state in recurrent if state not in reach[first]]
    if apart:
        raise PayloadError(
            f"From {first!r} one never comes to {apart[0]!r} nor back: there is more than one equilibrium.",
            remedies=("Give each group of states a chain of its own.",),
        )
    return recurrent


def _reachable(rows: Mapping[S, Mapping[S, float]], start: S) -> set[S]:
    seen, ahead = {start}, [start]
    while ahead:
        for after in rows[ahead.pop()]:
            if after not in seen:
                seen.add(after)
                ahead.append(after)
    return seen


def _equilibrium(matrix: list[list[float]]) -> list[float]:
    """Solve for the equilibrium without any subtraction (Grassmann, Taksar & Heyman 1985), so that no digit is lost."""
    size = len(matrix)
    for last in range(size - 1, 0, -1):
        leaving = fsum(matrix[last][:last])
        if leaving < RAREST:
            raise PayloadError(
                f"A group of states is left with a probability of {leaving:.1g} per step: too seldom to tell.",
                remedies=("Leave such steps out.",),
            )
        for row in matrix[:last]:
            row[last] /= leaving
            if row[last]:
                row[:last] = [p + row[last] * q for p, q in zip(row, matrix[last][:last], strict=False)]
    shares = [1.0]
    for state in range(1, size):
        shares.append(fsum(shares[before] * matrix[before][state] for before in range(state)))
        most = max(shares)
        shares = [share / most for share in shares]  # so that no share overflows
    total = fsum(shares)
    return [share / total for share in shares]
