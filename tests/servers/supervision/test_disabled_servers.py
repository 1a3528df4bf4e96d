"""A server that is disabled ends what it has begun; it takes no call, and nothing starts it."""

import anyio
import pytest

from vsm_mcp.errors import DisabledError
from vsm_mcp.servers.supervision.health import ServerStatus
from vsm_mcp.servers.supervision.supervision import RestartType, Supervision
from vsm_mcp.testing.scripted import staged

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time, pytest.mark.promise("D8")]
ALWAYS_THERE = Supervision(otherwise=RestartType.PERMANENT, pool={"one": 2}, spares=1)


async def test_no_call_reaches_what_still_runs_of_it_and_what_it_has_begun_ends_well() -> None:
    disabled, said = set[str](), list[str]()
    async with staged(disabled=disabled) as stage, anyio.create_task_group() as tasks:
        await stage.work()
        (link,) = stage["one"].links
        link.hold = gate = anyio.Event()

        async def work() -> None:
            said.append(await stage.work())

        tasks.start_soon(work)
        await anyio.sleep(1)
        disabled.add("one")
        with pytest.raises(DisabledError):
            await stage.work()
        tasks.start_soon(stage.spawner.stop, "one")
        await anyio.sleep(1)
        assert (said, stage.connector.living) == ([], 1)
        gate.set()
        await anyio.sleep(1)
        assert (len(said), stage.connector.living) == (1, 0)
        assert stage.spawner.states()["one"].status is ServerStatus.DISABLED


async def test_one_that_is_to_be_there_always_is_not_started_again_while_it_is_disabled() -> None:
    disabled = set[str]()
    async with staged(ALWAYS_THERE, disabled=disabled) as stage:
        await stage.work()
        await anyio.sleep(60)
        assert stage.connector.living == 2
        disabled.add("one")
        for link in tuple(stage["one"].links):
            link.crash(1)
        await anyio.sleep(600)
        assert stage.connector.living == 0
        disabled.clear()
        assert await stage.work()
