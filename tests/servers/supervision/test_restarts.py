"""Servers that fail are started anew as the host says: at once or by the next call, with pauses, and not for ever."""

from itertools import pairwise

import anyio
import pytest

from vsm_mcp.errors import CircuitOpenError, LinkError, NeedsConfigurationError, StartError, VSMError
from vsm_mcp.events import ServerGivenUp, ServerStarted, ServerStopped
from vsm_mcp.servers.supervision.health import Condition, ServerStatus
from vsm_mcp.servers.supervision.supervision import Group, RestartType, Strategy, Supervision
from vsm_mcp.testing.scripted import STARTING, Stage, staged
from vsm_mcp.testing.servers import as_proven, memory_installed

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]
PERMANENT = Supervision(otherwise=RestartType.PERMANENT, jitter=0.0)
A_WHILE = STARTING + 1.0


def status(stage: Stage, name: str = "one") -> ServerStatus:
    return stage.spawner.states()[name].status


@pytest.mark.promise("A27", "A33")
@pytest.mark.parametrize("kind", [RestartType.PERMANENT, RestartType.TRANSIENT])
async def test_a_server_that_crashes_is_up_again_before_the_next_call_notices(kind: RestartType) -> None:
    async with staged(Supervision(otherwise=kind, jitter=0.0)) as stage:
        assert await stage.work() == "1"
        stage["one"].last.crash()
        await anyio.sleep(A_WHILE)
        assert status(stage) is ServerStatus.RUNNING
        before = anyio.current_time()
        assert await stage.work() == "2"
        assert anyio.current_time() == before
        assert stage.spawner.states()["one"].generation == 2


async def test_a_temporary_server_waits_for_the_next_call() -> None:
    async with staged(Supervision(otherwise=RestartType.TEMPORARY)) as stage:
        await stage.work()
        stage["one"].last.crash()
        await anyio.sleep(1000)
        assert status(stage) is ServerStatus.FAILED
        assert await stage.work() == "2"


@pytest.mark.parametrize("kind", [RestartType.TRANSIENT, RestartType.TEMPORARY])
async def test_nobody_holds_it_against_a_server_that_it_ended_well(kind: RestartType) -> None:
    async with staged(Supervision(intensity=1, otherwise=kind)) as stage:
        for number in range(1, 4):
            assert await stage.work() == str(number)
            stage["one"].last.crash(0)
            await anyio.sleep(1)
        assert status(stage) is ServerStatus.IDLE
        assert not stage.told(ServerGivenUp)


async def test_a_permanent_server_is_not_to_end_at_all() -> None:
    async with staged(PERMANENT.model_copy(update={"intensity": 2})) as stage:
        await stage.work()
        for _ in range(2):
            stage["one"].last.crash(0)
            await anyio.sleep(A_WHILE)
        assert status(stage) is ServerStatus.RESTING


@pytest.mark.promise("E82", "D56")
async def test_a_server_that_does_not_come_up_is_tried_again_with_longer_and_longer_pauses() -> None:
    async with staged(PERMANENT) as stage:
        await stage.work()
        stage["one"].fail(3)
        stage["one"].last.crash()
        await anyio.sleep(60)
        starts = stage["one"].starts[1:]
        pauses = [later - sooner - STARTING for sooner, later in pairwise(starts)]
        assert pauses == pytest.approx([0.25, 0.5, 1.0])
        assert status(stage) is ServerStatus.RUNNING


async def test_a_server_whose_budget_is_spent_is_given_up_once_and_loudly() -> None:
    async with staged(PERMANENT) as stage:
        await stage.work()
        stage["one"].fail(100)
        stage["one"].last.crash()
        await anyio.sleep(60)
        assert status(stage) is ServerStatus.RESTING
        assert stage.spawner.health()["one"].condition is Condition.DOWN
        assert len(stage["one"].starts) == 5
        (event,) = stage.told(ServerGivenUp)
        assert isinstance(event, ServerGivenUp)
        assert (event.server, event.failures, event.rest) == ("one", 5, 300.0)
        assert event.reason == "It does not come up."
        with pytest.raises(CircuitOpenError, match="failed 5 times"):
            await stage.work()


async def test_after_its_rest_one_call_tries_a_server_and_a_failure_sends_it_back() -> None:
    async with staged(PERMANENT) as stage:
        stage["one"].fail(6)
        with pytest.raises(StartError):
            await stage.work()
        await anyio.sleep(330)
        assert status(stage) is ServerStatus.FAILED
        assert len(stage["one"].starts) == 5
        with pytest.raises(StartError):
            await stage.work()
        assert len(stage["one"].starts) == 6
        with pytest.raises(CircuitOpenError):
            await stage.work()
        assert len(stage.told(ServerGivenUp)) == 2


async def test_a_server_that_serves_after_its_rest_has_its_whole_budget_again() -> None:
    async with staged(Supervision(intensity=2, period=100, otherwise=RestartType.TEMPORARY)) as stage:
        stage["one"].fail(2)
        for _ in range(2):
            with pytest.raises(StartError):
                await stage.work()
        await anyio.sleep(101)
        assert await stage.work() == "1"
        stage["one"].last.crash()
        await anyio.sleep(1)
        assert status(stage) is ServerStatus.FAILED
        assert await stage.work() == "2"


async def test_a_stable_run_makes_earlier_failures_count_no_longer() -> None:
    async with staged(Supervision(intensity=2, period=3600, stable=60, otherwise=RestartType.TEMPORARY)) as stage:
        for number in range(1, 6):
            assert await stage.work() == str(number)
            await anyio.sleep(61)
            stage["one"].last.crash()
            await anyio.sleep(1)
        assert not stage.told(ServerGivenUp)


async def test_a_permanent_server_that_lacks_settings_waits_for_them() -> None:
    async with staged(PERMANENT) as stage:
        stage["one"].problems.append(NeedsConfigurationError("It wants a key.", names=("KEY",)))
        with pytest.raises(NeedsConfigurationError):
            await stage.work()
        await anyio.sleep(1000)
        assert len(stage["one"].starts) == 1
        assert await stage.work() == "1"


async def test_nothing_is_started_anew_once_it_was_let_go_or_replaced() -> None:
    async with staged(PERMANENT, "one", "two") as stage:
        await stage.work("one")
        await stage.work("two")
        await stage.spawner.release("one")
        stage.spawner.adopt(as_proven(memory_installed(object, name="two")))
        await anyio.sleep(1000)
        assert (len(stage["one"].starts), len(stage["two"].starts)) == (1, 1)
        assert stage.connector.living == 0


@pytest.mark.promise("E58")
async def test_a_spawner_that_is_left_while_servers_crash_starts_none_and_waits_for_nobody() -> None:
    async with staged(PERMANENT) as stage:
        await stage.work()
        stage["one"].last.crash()
        before = anyio.current_time()
    assert anyio.current_time() - before < 1
    assert stage.connector.living == 0


async def test_cancelling_the_host_while_a_server_waits_for_the_one_before_it_hangs_nothing() -> None:
    stages: list[Stage] = []
    began = anyio.current_time()
    with anyio.CancelScope() as scope:
        async with staged(PERMANENT) as stage:
            stages.append(stage)
            await stage.work()
            stage["one"].last.crash()
            scope.cancel()
            await anyio.sleep_forever()
    assert anyio.current_time() - began < STARTING + 1
    assert stages[0].connector.living == 0


async def test_a_call_is_never_repeated_when_its_server_crashes_under_it() -> None:
    errors: list[VSMError] = []

    async def work(stage: Stage) -> None:
        try:
            await stage.work()
        except VSMError as error:
            errors.append(error)

    async with staged(PERMANENT) as stage, anyio.create_task_group() as tasks:
        await stage.work()
        stage["one"].last.answers = False
        tasks.start_soon(work, stage)
        await anyio.sleep(1)
        stage["one"].last.crash()
        await anyio.sleep(A_WHILE)
        assert [len(link.calls) for link in stage["one"].links] == [2, 0]
    assert [type(error) for error in errors] == [LinkError]


GROUP = Group(servers=("base", "middle", "top"))


async def test_what_rests_on_a_server_starts_after_it() -> None:
    async with staged(Supervision(groups=(GROUP,)), "top", "middle", "base") as stage:
        assert await stage.work("top") == "1"
        assert stage.connector.order == ["base", "middle", "top"]
        assert stage["middle"].starts[0] >= stage["base"].starts[0] + STARTING


@pytest.mark.promise("A33")
async def test_what_rests_on_a_server_that_crashed_is_ended_and_comes_back_after_it() -> None:
    options = Supervision(groups=(GROUP,), otherwise=RestartType.PERMANENT)
    async with staged(options, "base", "middle", "top") as stage:
        await stage.work("top")
        stage.connector.order.clear()
        stage["middle"].last.crash()
        await anyio.sleep(10)
        assert stage.connector.order == ["middle", "top"]
        assert {name: len(stage[name].links) for name in GROUP.servers} == {"base": 1, "middle": 2, "top": 2}
        assert await stage.work("top") == "2"
        stops = [event.server for event in stage.events if isinstance(event, ServerStopped)]
        assert sorted(stops) == ["middle", "top"]


async def test_a_permanent_server_brings_back_what_it_rests_on_unless_that_is_temporary() -> None:
    for kind, starts in ((RestartType.TRANSIENT, 2), (RestartType.TEMPORARY, 1)):
        restart = {"top": RestartType.PERMANENT, "*": kind}
        async with staged(Supervision(groups=(GROUP,), restart=restart), "base", "middle", "top") as stage:
            await stage.work("top")
            stage["base"].last.crash()
            await anyio.sleep(20)
            assert [len(stage[name].starts) for name in GROUP.servers] == [starts] * 3
            assert await stage.work("top") == "2"


async def test_a_server_whose_ground_does_not_come_up_says_so_and_is_not_blamed() -> None:
    options = Supervision(groups=(GROUP,), intensity=2, otherwise=RestartType.TEMPORARY)
    async with staged(options, "base", "middle", "top") as stage:
        stage["base"].fail(3)
        for _ in range(2):
            with pytest.raises(StartError, match="middle rests on base, which is not up: It does not come up"):
                await stage.work("middle")
        with pytest.raises(CircuitOpenError, match="base failed 2 times"):
            await stage.work("middle")
        await anyio.sleep(301)
        stage["base"].problems.clear()
        assert await stage.work("middle") == "1"


async def test_servers_that_only_belong_together_do_not_fall_together() -> None:
    group = GROUP.model_copy(update={"strategy": Strategy.ONE_FOR_ONE})
    async with staged(Supervision(groups=(group,), otherwise=RestartType.TEMPORARY), "base", "middle", "top") as stage:
        await stage.work("top")
        await stage.work("base")
        stage["base"].last.crash()
        await anyio.sleep(10)
        assert stage.connector.order == ["top", "base"]
        assert status(stage, "top") is ServerStatus.RUNNING


@pytest.mark.promise("E24")
async def test_only_so_many_servers_start_at_once() -> None:
    names = [f"server-{number}" for number in range(20)]
    async with staged(Supervision(starts_at_once=3), *names) as stage:
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(stage.work, name)
        assert stage.connector.most == 3
        assert len(stage.told(ServerStarted)) == 20


async def test_a_server_that_is_let_go_while_it_waits_for_what_it_rests_on_does_not_start() -> None:
    async with (
        staged(Supervision(groups=(GROUP,)), "base", "middle", "top") as stage,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(fail_to_work, stage, "top")
        await anyio.sleep(STARTING / 2)
        await stage.spawner.release("top")
        await anyio.sleep(10)
        assert stage.connector.order == ["base", "middle"]


async def test_a_server_without_the_one_it_rests_on_starts_alone() -> None:
    async with staged(Supervision(groups=(GROUP,)), "top") as stage:
        assert await stage.work("top") == "1"


async def fail_to_work(stage: Stage, name: str) -> None:
    with pytest.raises(LinkError):
        await stage.work(name)
