"""The stages of an acquisition and the legal moves between them: a table, no effects."""

from enum import StrEnum
from types import MappingProxyType

from vsm_mcp.errors import AcquisitionError


class AcquisitionStage(StrEnum):
    """Where an acquisition is."""

    PLAN = "plan"
    FETCH = "fetch"
    VET = "vet"
    CONSENT = "consent"
    STAGE = "stage"
    START = "start"
    VERIFY = "verify"
    COMMIT = "commit"


_S = AcquisitionStage
MOVES = MappingProxyType(
    {
        None: frozenset({_S.PLAN, _S.START}),
        _S.PLAN: frozenset({_S.FETCH}),
        _S.FETCH: frozenset({_S.VET}),
        _S.VET: frozenset({_S.CONSENT}),
        _S.CONSENT: frozenset({_S.STAGE}),
        _S.STAGE: frozenset({_S.START}),
        _S.START: frozenset({_S.VERIFY}),
        _S.VERIFY: frozenset({_S.COMMIT}),
        _S.COMMIT: frozenset[AcquisitionStage](),
    }
)
"""From each stage, where one may go; from ``None`` an acquisition begins, at START when the package is in the store."""


def check_move(here: AcquisitionStage | None, there: AcquisitionStage) -> None:
    """Refuse a move that the table does not hold.

    Raises:
        AcquisitionError: The move is not legal; this is a defect of the library.
    """
    if there not in MOVES[here]:
        raise AcquisitionError(f"An acquisition cannot go from {here} to {there}.", stage=str(there))
