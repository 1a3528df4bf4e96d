"""Holds proposals against what must hold: rules, constraints of the moment, and the limits of the identity."""

from collections.abc import Iterable
from typing import NamedTuple

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.policy.context import DecisionContext, bound_of
from vsm_mcp.systems.policy.identity import Identity
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Proposal, Refusal

Statement = tuple[str, Bound]


class Refused(NamedTuple):
    """An option, and what refuses it."""

    option: str
    refusal: Refusal


class Constraints:
    """What must hold.

    Args:
        policy: The rules.
        identity: The essential variables and their limits; ``None`` when none are declared.
    """

    def __init__(self, *, policy: PolicySet, identity: Identity | None) -> None:
        """Keep what always holds."""
        self._policy = policy
        self._identity = identity if identity is not None and identity.essential else None

    def any_for(self, context: DecisionContext) -> bool:
        """Return whether there is anything to hold against."""
        return bool(context.constraints or self._policy.active or self._identity)

    def refusals(
        self, context: DecisionContext, proposals: Iterable[Proposal], *, not_assessed: list[str]
    ) -> list[Refused]:
        """Return what is refused, and add to ``not_assessed`` the constraints that no figure can tell.

        Raises:
            PayloadError: Two constraints contradict each other.
        """
        stated = self._stated(context, not_assessed)
        found: list[Refused] = []
        for proposal in proposals:
            objections = [*self._policy.refusals(proposal)]
            for statement, bound in stated:
                if breach := bound.breach(proposal.figures):
                    objections.append(Refusal(statement, breach))
            if self._identity:
                objections += self._identity.refusals(proposal.figures)
            found += [Refused(proposal.name, objection) for objection in objections]
        return found

    def _stated(self, context: DecisionContext, not_assessed: list[str]) -> list[Statement]:
        stated: list[Statement] = []
        for constraint in context.constraints:
            bound = bound_of(constraint)
            if bound is not None:
                stated.append((constraint, bound))
            elif constraint not in self._policy.names:
                not_assessed.append(f"constraint: {constraint}")
        _refuse_contradictions(stated)
        return stated


def _refuse_contradictions(stated: list[Statement]) -> None:
    for place, (one, first) in enumerate(stated):
        for other, second in stated[:place]:
            if first.figure == second.figure and max(first.low, second.low) > min(first.high, second.high):
                raise PayloadError(
                    f"The constraints {other!r} and {one!r} contradict each other.",
                    remedies=("Drop one of them: nothing could fulfil both.",),
                )
