"""Several processes of one server share its calls: freely where nothing is kept between calls, else one per agent."""

from collections import Counter
from functools import partial

import anyio
import pytest

from vsm_mcp.errors import CircuitOpenError, StartError
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.supervision.health import Condition, ServerStatus
from vsm_mcp.servers.supervision.supervision import RestartType, Supervision
from vsm_mcp.testing.scripted import NEW, STARTING, WORK, Script, Stage, staged
from vsm_mcp.testing.servers import as_proven, memory_installed

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time, pytest.mark.promise("A28", "A68")]
THREE = Supervision(pool={"one": 3})


def replacement() -> Proven:
    return as_proven(memory_installed(object, name="one"))


def hold(stage: Stage, gate: anyio.Event) -> None:
    """Let every instance hold its calls until the gate opens."""
    for link in stage["one"].links:
        link.hold = gate


async def test_one_process_is_enough_unless_the_host_says_otherwise() -> None:
    async with staged(None, scripts={"one": Script(version=NEW)}) as stage:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(stage.work)
        assert stage.spawner.states()["one"].processes == 1


async def test_calls_that_wait_for_a_process_are_counted_until_it_is_up() -> None:
    async with staged(THREE) as stage:
        gate = anyio.Event()
        await stage.work(agent="ann")
        hold(stage, gate)
        async with anyio.create_task_group() as tasks:
            for agent in ("ann", "bob", "bob", "cid"):
                tasks.start_soon(partial(stage.work, agent=agent))
            await anyio.sleep(STARTING / 2)
            assert (stage.spawner.states()["one"].waiting, stage.spawner.open_calls()["one"]) == (3, 4)
            await anyio.sleep(STARTING)
            assert (stage.spawner.states()["one"].waiting, stage.spawner.open_calls()["one"]) == (0, 1)
            gate.set()


async def test_a_call_that_waited_for_a_process_that_did_not_come_up_waits_no_more() -> None:
    async with staged(THREE) as stage:
        stage["one"].fail(1)
        with pytest.raises(StartError):
            await stage.work()
        assert stage.spawner.states()["one"].waiting == 0


@pytest.mark.promise("E60", "A69")
async def test_without_sessions_calls_go_to_the_process_with_the_fewest() -> None:
    async with staged(THREE, scripts={"one": Script(version=NEW)}) as stage:
        gate, calls = anyio.Event(), list[int]()
        await stage.work()
        assert stage.spawner.states()["one"].processes == 1
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                hold(stage, gate)
                tasks.start_soon(stage.work)
                await anyio.sleep(STARTING + 1)
            hold(stage, gate)
            assert stage.spawner.states()["one"].processes == 3
            for _ in range(5):
                tasks.start_soon(stage.work)
            await anyio.sleep(1)
            calls = [len(link.calls) for link in stage["one"].links]
            gate.set()
        assert sorted(calls) == [3, 3, 4]
        assert stage.spawner.open_calls() == {"one": 0}


async def test_where_sessions_are_kept_every_agent_has_its_own_process() -> None:
    async with staged(THREE) as stage:
        served = {agent: [await stage.work(agent=agent) for _ in range(3)] for agent in ("ann", "bob", "cid", "dan")}
        assert all(len(set(numbers)) == 1 for numbers in served.values())
        assert len({numbers[0] for numbers in served.values()}) == 3
        assert stage.spawner.states()["one"].processes == 3


async def test_an_agent_whose_process_crashed_gets_another_and_the_others_keep_theirs() -> None:
    async with staged(THREE) as stage:
        for agent in ("ann", "bob"):
            await stage.work(agent=agent)
        stage["one"].links[0].crash()
        await anyio.sleep(1)
        assert stage.spawner.states()["one"].status is ServerStatus.RUNNING
        assert await stage.work(agent="bob") == "2"
        assert await stage.work(agent="ann") == "3"


async def test_only_so_many_agents_are_remembered() -> None:
    options = THREE.model_copy(update={"principals": 2})
    async with staged(options) as stage:
        for agent in ("ann", "bob", "cid"):
            await stage.work(agent=agent)
        for number in range(100):
            await stage.work(agent=f"agent-{number}")
        used = Counter(call.agent for link in stage["one"].links for call in link.calls)
        assert len(used) == 103
        assert stage.spawner.states()["one"].processes == 3


async def test_a_spare_takes_over_at_once_and_is_itself_replaced() -> None:
    options = Supervision(pool={"o*": 2}, spares=1)
    async with staged(options, scripts={"one": Script(version=NEW)}) as stage:
        await stage.work()
        await anyio.sleep(STARTING + 1)
        assert stage.spawner.states()["one"].processes == 2
        stage["one"].links[0].crash()
        await anyio.sleep(0.1)
        before = anyio.current_time()
        assert await stage.work() == "2"
        assert anyio.current_time() == before
        await anyio.sleep(STARTING + 1)
        assert stage.spawner.states()["one"].processes == 2


async def test_every_process_of_a_permanent_server_comes_back() -> None:
    options = THREE.model_copy(update={"otherwise": RestartType.PERMANENT})
    async with staged(options) as stage:
        for agent in ("ann", "bob", "cid"):
            await stage.work(agent=agent)
        for link in list(stage["one"].links):
            link.crash()
        await anyio.sleep(10)
        state = stage.spawner.states()["one"]
        assert (state.processes, state.generation) == (3, 6)
        assert stage.spawner.health()["one"].condition is Condition.WELL


async def test_a_pool_that_may_not_start_more_serves_with_what_it_has() -> None:
    options = Supervision(pool={"one": 2}, intensity=1)
    async with staged(options) as stage:
        await stage.work(agent="ann")
        stage["one"].fail(1)
        with pytest.raises(StartError):
            await stage.work(agent="bob")
        assert await stage.work(agent="bob") == "1"
        stage["one"].links[0].crash()
        await anyio.sleep(1)
        with pytest.raises(CircuitOpenError):
            await stage.work(agent="bob")


async def test_a_spare_that_may_not_be_started_costs_the_call_nothing() -> None:
    options = Supervision(pool={"one": 2}, intensity=1, spares=1)
    async with staged(options, scripts={"one": Script(version=NEW)}) as stage:
        await stage.work()
        await anyio.sleep(STARTING + 1)
        stage["one"].links[1].crash()
        await anyio.sleep(1)
        assert await stage.work() == "1"
        await anyio.sleep(100)
        assert stage.spawner.states()["one"].processes == 1


async def test_a_server_that_is_replaced_or_let_go_ends_with_all_its_processes() -> None:
    async with staged(THREE) as stage:
        for agent in ("ann", "bob", "cid"):
            await stage.work(agent=agent)
        stage.spawner.adopt(replacement())
        await anyio.sleep(1)
        assert stage.connector.living == 0
        assert stage.spawner.states()["one"].generation == 3
        await stage.spawner.release("one")
        assert stage.spawner.states() == {}


async def test_a_server_that_is_replaced_starts_in_the_place_of_its_processes_once_they_are_gone() -> None:
    async with staged(THREE) as stage:
        for agent in ("ann", "bob"):
            await stage.work(agent=agent)
        stage.spawner.adopt(replacement())
        stage.spawner.adopt(as_proven(memory_installed(object, name="one"), (WORK,)))
        assert await stage.work(agent="ann") == "3"
        assert stage.spawner.states()["one"].generation == 3
