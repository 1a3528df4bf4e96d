"""The life of an acquisition is a table of legal moves."""

import pytest

from vsm_mcp.acquisition.stages import MOVES, AcquisitionStage, check_move
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.errors import AcquisitionError, VettingError
from vsm_mcp.events import Event, StageEntered, StageLeft

S = AcquisitionStage


def test_every_stage_can_be_reached_and_commit_is_the_end() -> None:
    reached = set[AcquisitionStage]().union(*MOVES.values())
    assert reached == set(S)
    assert not MOVES[S.COMMIT]


def test_nothing_is_staged_that_was_not_vetted_and_consented_to() -> None:
    assert [here for here, there in MOVES.items() if S.STAGE in there] == [S.CONSENT]
    assert [here for here, there in MOVES.items() if S.CONSENT in there] == [S.VET]


def test_nothing_is_committed_that_was_not_verified() -> None:
    assert [here for here, there in MOVES.items() if S.COMMIT in there] == [S.VERIFY]


@pytest.mark.parametrize("there", [S.COMMIT, S.STAGE, S.VERIFY])
def test_a_move_that_is_not_in_the_table_is_refused(there: AcquisitionStage) -> None:
    with pytest.raises(AcquisitionError, match="cannot go"):
        check_move(S.PLAN, there)


@pytest.mark.anyio
async def test_each_stage_is_told_timed_and_recorded() -> None:
    heard: list[Event] = []
    steps = Steps(emit=heard.append)
    steps.begin("server", "as published")
    with steps.stage(S.PLAN):
        assert heard == [StageEntered(candidate="server", stage="plan")]
    assert isinstance(heard[-1], StageLeft)
    assert [(r.stage, r.rung, r.failure) for r in steps.records] == [("plan", "as published", None)]


@pytest.mark.anyio
async def test_a_stage_that_fails_says_why() -> None:
    steps = Steps(emit=lambda _: None)
    steps.begin("server", "as published")
    with pytest.raises(VettingError), steps.stage(S.PLAN):
        raise VettingError("It is on the block list.")
    assert steps.records[0].failure == "It is on the block list."


@pytest.mark.anyio
async def test_a_stage_that_is_interrupted_says_so() -> None:
    steps = Steps(emit=lambda _: None)
    steps.begin("server", "as published")
    with pytest.raises(KeyboardInterrupt), steps.stage(S.PLAN):
        raise KeyboardInterrupt
    assert steps.records[0].failure == "interrupted"
