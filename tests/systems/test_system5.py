"""System 5 is asked, never does, and nobody overrules it."""

import pytest

from vsm_mcp.acquisition.report import PlannedServer
from vsm_mcp.errors import PolicyError
from vsm_mcp.systems.autonomy import Autonomy
from vsm_mcp.systems.system5 import System5

PLAN = PlannedServer(name="io.example/server", package="pypi:server@1.0", accepted=True)


async def yes(plan: PlannedServer) -> bool:
    return plan.accepted


async def no(plan: PlannedServer) -> bool:
    return not plan.accepted


@pytest.mark.parametrize("autonomy", [Autonomy.OBSERVE, Autonomy.SUGGEST])
def test_below_approve_nothing_is_acquired_whoever_approves(autonomy: Autonomy) -> None:
    with pytest.raises(PolicyError, match=autonomy.name):
        System5(autonomy=autonomy).may_acquire(yes)


def test_at_approve_somebody_must_be_there_to_ask() -> None:
    with pytest.raises(PolicyError, match="nobody to ask"):
        System5().may_acquire()
    System5().may_acquire(yes)
    System5(approve=yes).may_acquire()


def test_at_auto_nobody_need_be_there() -> None:
    System5(autonomy=Autonomy.AUTO).may_acquire()


@pytest.mark.anyio
async def test_a_human_who_says_no_is_heard() -> None:
    with pytest.raises(PolicyError, match=r"io\.example/server was not approved"):
        await System5(approve=no).consent()(PLAN)


@pytest.mark.anyio
async def test_the_approver_of_the_call_goes_before_that_of_the_system() -> None:
    await System5(approve=no).consent(yes)(PLAN)


@pytest.mark.anyio
async def test_at_auto_nobody_is_asked() -> None:
    await System5(autonomy=Autonomy.AUTO, approve=no).consent()(PLAN)
