"""Servers start when they are called, live in tasks of their own, start anew after a crash, and end when told to."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import (
    CapabilityMissingError,
    CircuitOpenError,
    ConfigurationError,
    LinkError,
    NeedsConfigurationError,
    PayloadError,
    QuarantinedError,
    StartError,
    ToolError,
    UnsafeCommandError,
    VSMError,
)
from vsm_mcp.events import Event, ServerStarted, ServerStopped
from vsm_mcp.model.call import ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.enforcement import Usage
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import Variable
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.supervision.restart import Failures, RestartPolicy
from vsm_mcp.servers.supervision.spawner import DynamicSpawner, ServerStatus
from vsm_mcp.servers.supervision.supervision import RestartType, Supervision
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.testing.servers import as_proven, hostile_server, make_spawner, memory_installed, memory_server
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.secrets import ReferencedSecrets

NAME = "example/hostile"
PID = ToolCall(server=NAME, tool="pid")
HELLO = ToolCall(server=NAME, tool="echo", arguments={"text": "hello"})


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until_over(events: list[Event], count: int = 1) -> None:
    """Wait until ``count`` servers have stopped."""
    with anyio.fail_after(10):
        while sum(isinstance(event, ServerStopped) for event in events) < count:
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.005)


def make_supervised(directory: Path, options: Supervision, events: list[Event]) -> DynamicSpawner:
    """Return a spawner that keeps its servers alive as ``options`` say."""
    launcher = Launcher(
        Sandbox.none(LocalProcesses()),
        LazyConnector(eras={}, start=30, call=30),
        policy_for=lambda installed, work: SandboxPolicy(package=installed.path, work=work),
        secrets=ReferencedSecrets(),
        references=lambda _: {},
    )
    workspace = Workspace(directory / "work")
    return DynamicSpawner(launcher, workspace, emit=events.append, supervision=options, trust_first_use=True)


@pytest.mark.anyio
async def test_nothing_runs_before_the_first_call(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        state = spawner.states()[NAME]
        assert state.status is ServerStatus.IDLE
        assert (state.generation, state.pid, state.enforcement) == (0, None, None)


@pytest.mark.anyio
@pytest.mark.promise("A25", "E82", "C94")
async def test_the_first_call_starts_the_server_and_further_ones_use_it(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        first, second = (await spawner.call(PID)).text, (await spawner.call(PID)).text
        state = spawner.states()[NAME]
        assert first == second == str(state.pid)
        assert state.status is ServerStatus.RUNNING
        assert state.generation == 1
        assert state.enforcement is not None


@pytest.mark.anyio
@pytest.mark.promise("E51")
async def test_callers_that_come_at_once_share_one_start(tmp_path: Path) -> None:
    pids: list[str] = []

    async def ask(spawner: DynamicSpawner) -> None:
        pids.append((await spawner.call(PID)).text)

    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask, spawner)
        assert spawner.states()[NAME].generation == 1
    assert len(pids) == 5
    assert len(set(pids)) == 1


@pytest.mark.anyio
async def test_a_caller_that_gives_up_does_not_take_the_start_with_it(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "slow-start")))
        with anyio.move_on_after(0.05):
            await spawner.call(PID)
        assert spawner.states()[NAME].status is ServerStatus.STARTING
        await spawner.call(PID)
        assert spawner.states()[NAME].generation == 1


@pytest.mark.anyio
@pytest.mark.promise("A27")
async def test_the_call_after_a_crash_starts_the_server_anew(tmp_path: Path) -> None:
    events: list[Event] = []
    async with make_spawner(tmp_path, emit=events.append) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "crash-after-call")))
        first = (await spawner.call(PID)).text
        await until_over(events)
        state = spawner.states()[NAME]
        assert state.status is ServerStatus.FAILED
        assert state.pid is None
        assert state.last_error is not None
        second = (await spawner.call(PID)).text
        assert first != second
        assert spawner.states()[NAME].generation == 2
    stops = [event for event in events if isinstance(event, ServerStopped)]
    assert stops[0].exit_code == 9


@pytest.mark.anyio
async def test_the_death_of_an_idle_server_is_noticed(tmp_path: Path) -> None:
    events: list[Event] = []
    async with make_spawner(tmp_path, emit=events.append) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        pid = int((await spawner.call(PID)).text)
        os.kill(pid, signal.SIGKILL)
        await until_over(events)
        assert spawner.states()[NAME].status is ServerStatus.FAILED
        assert (await spawner.call(PID)).text != str(pid)


@pytest.mark.anyio
async def test_a_call_that_may_have_been_executed_is_never_repeated(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "crash-on-call")))
        with pytest.raises(LinkError, match="may have been executed"):
            await spawner.call(PID)
        assert spawner.states()[NAME].generation == 1


@pytest.mark.anyio
async def test_a_server_that_fails_too_often_is_left_alone(tmp_path: Path) -> None:
    events: list[Event] = []
    restarts = RestartPolicy(most=3, first_pause=0.01)
    async with make_spawner(tmp_path, emit=events.append, restarts=restarts) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "exit-at-once")))
        for count in range(3):
            with pytest.raises(StartError):
                await spawner.call(PID)
            await until_over(events, count + 1)
        with pytest.raises(CircuitOpenError, match="failed 3 times") as caught:
            await spawner.call(PID)
        assert caught.value.remedies
        state = spawner.states()[NAME]
        assert state.status is ServerStatus.RESTING
        assert state.generation == 3


@pytest.mark.anyio
async def test_a_server_that_was_proven_anew_is_not_left_alone_any_longer(tmp_path: Path) -> None:
    events: list[Event] = []
    async with make_spawner(tmp_path, emit=events.append, restarts=RestartPolicy(most=1)) as spawner:
        proven = as_proven(hostile_server(tmp_path / "pkg", "exit-at-once"))
        spawner.adopt(proven)
        with pytest.raises(StartError):
            await spawner.call(PID)
        await until_over(events, 1)
        with pytest.raises(CircuitOpenError):
            await spawner.call(PID)
        spawner.adopt(proven)
        assert spawner.states()[NAME].status is ServerStatus.FAILED
        with pytest.raises(StartError):
            await spawner.call(PID)


@pytest.mark.anyio
async def test_missing_settings_do_not_count_as_failures(tmp_path: Path) -> None:
    async with make_spawner(tmp_path, restarts=RestartPolicy(most=1)) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "needs-credentials")))
        for _ in range(3):
            with pytest.raises(NeedsConfigurationError) as caught:
                await spawner.call(PID)
            assert caught.value.names == ("DEMO_API_KEY",)


@pytest.mark.anyio
async def test_a_required_variable_without_a_value_is_named_before_anything_starts(tmp_path: Path) -> None:
    events: list[Event] = []
    variables = (Variable(name="DEMO_TOKEN", required=True), Variable(name="DEMO_MODE"))
    async with make_spawner(tmp_path, emit=events.append, references={"DEMO_MODE": "env:NOT_SET_ANYWHERE"}) as spawner:
        with pytest.raises(NeedsConfigurationError, match="DEMO_TOKEN") as caught:
            async with spawner.trial(hostile_server(tmp_path / "pkg", environment=variables)):
                pytest.fail("it came up")
    assert caught.value.names == ("DEMO_TOKEN",)
    assert "DEMO_TOKEN" in caught.value.remedies[0]
    assert not any(isinstance(event, ServerStarted) for event in events)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("E33", "E49")
async def test_a_server_gets_the_variables_it_is_given_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTS_OWN", "for the server")
    monkeypatch.setenv("NOBODYS_BUSINESS", "private")
    variables = (Variable(name="DEMO_TOKEN", required=True), Variable(name="DEMO_OTHER"))
    references = {"DEMO_TOKEN": "env:HOSTS_OWN", "NOT_DECLARED": "env:HOSTS_OWN", "NOT_SET": "env:NOT_SET_ANYWHERE"}
    installed = hostile_server(tmp_path / "pkg", environment=variables)
    async with make_spawner(tmp_path, references=references) as spawner, spawner.trial(installed) as running:
        names = (await running.link.call(ToolCall(server=NAME, tool="environment"))).text.split()
    assert {"DEMO_TOKEN", "NOT_DECLARED"} <= set(names)  # what its user gives counts as declared
    assert not {"NOBODYS_BUSINESS", "HOSTS_OWN", "DEMO_OTHER", "NOT_SET"} & set(names)


@pytest.mark.anyio
async def test_whoever_lacks_a_variable_is_told_how_to_give_it_to_this_server_alone(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", environment=(Variable(name="DEMO_TOKEN", required=True),))
    async with make_spawner(tmp_path) as spawner:
        with pytest.raises(NeedsConfigurationError) as caught:
            async with spawner.trial(installed):
                pytest.fail("it came up")
    assert f"secrets={{'file:{installed.path}/hostile.py': {{'DEMO_TOKEN': 'env:DEMO_TOKEN'}}}}" in str(caught.value)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("E33", "E49")
async def test_a_declared_variable_cannot_change_which_code_is_loaded(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", environment=(Variable(name="LD_PRELOAD"),))
    async with make_spawner(tmp_path, references={"LD_PRELOAD": f"file:{installed.path}/hostile.py"}) as spawner:
        with pytest.raises(UnsafeCommandError):
            async with spawner.trial(installed):
                pytest.fail("it came up")


@pytest.mark.anyio
async def test_a_trial_is_thrown_away_with_its_process_and_its_files(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg")
    async with make_spawner(tmp_path) as spawner:
        async with spawner.trial(installed) as running:
            assert running.pid is not None
            assert alive(running.pid)
            await running.link.call(ToolCall(server=NAME, tool="write_file", arguments={"name": "a", "text": "b"}))
        assert not alive(running.pid)
        assert spawner.states() == {}
        with pytest.raises(LinkError, match="stopped"):
            await running.link.call(PID)
    assert [path.name async for path in anyio.Path(tmp_path).iterdir()] == ["pkg"]


@pytest.mark.anyio
async def test_what_a_trial_body_raises_comes_out_bare(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        with pytest.raises(KeyError):
            async with spawner.trial(hostile_server(tmp_path / "pkg")):
                raise KeyError


@pytest.mark.anyio
async def test_a_trial_that_dies_does_not_disturb_its_host(tmp_path: Path) -> None:
    installed = hostile_server(tmp_path / "pkg", "crash-on-call")
    async with make_spawner(tmp_path) as spawner, spawner.trial(installed) as running:
        with pytest.raises(LinkError):
            await running.link.call(PID)
        with pytest.raises(LinkError):
            await running.link.call(PID)
        await anyio.wait_all_tasks_blocked()


@pytest.mark.anyio
async def test_the_writable_directory_of_a_held_server_outlives_its_process(tmp_path: Path) -> None:
    write = ToolCall(server=NAME, tool="write_file", arguments={"name": "kept.txt", "text": "kept"})
    async with make_spawner(tmp_path / "work") as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        await spawner.call(write)
    assert [path.read_text() for path in (tmp_path / "work").rglob("kept.txt")] == ["kept"]


@pytest.mark.anyio
async def test_releasing_a_server_ends_its_process(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        pid = int((await spawner.call(PID)).text)
        await spawner.release(NAME)
        assert not alive(pid)
        with pytest.raises(CapabilityMissingError, match="is held"):
            await spawner.call(PID)
        await spawner.release(NAME)


@pytest.mark.anyio
async def test_releasing_a_server_that_is_starting_does_not_wait_for_it(tmp_path: Path) -> None:
    errors: list[VSMError] = []
    async with make_spawner(tmp_path) as spawner, anyio.create_task_group() as tasks:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "silence")))
        tasks.start_soon(_call_into, spawner, errors)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(3):
            await spawner.release(NAME)
    assert [type(error) for error in errors] == [LinkError]


@pytest.mark.anyio
async def test_calls_under_way_may_finish_when_a_server_is_released(tmp_path: Path) -> None:
    entered, leave = anyio.Event(), anyio.Event()

    async def slow() -> str:
        entered.set()
        await leave.wait()
        return "done"

    results: list[ToolResult] = []
    installed = memory_installed(lambda: memory_server({"slow": slow}), name="slow")

    async def call(spawner: DynamicSpawner) -> None:
        results.append(await spawner.call(ToolCall(server="slow", tool="slow")))

    async with make_spawner(tmp_path) as spawner, anyio.create_task_group() as tasks:
        spawner.adopt(as_proven(installed))
        tasks.start_soon(call, spawner)
        await entered.wait()
        tasks.start_soon(spawner.release, "slow")
        await anyio.wait_all_tasks_blocked()
        leave.set()
    assert results[0].text == "done"


@pytest.mark.anyio
async def test_calls_under_way_may_finish_when_the_host_leaves_and_nothing_new_begins(tmp_path: Path) -> None:
    entered, leave, left = anyio.Event(), anyio.Event(), anyio.Event()

    async def slow() -> str:
        entered.set()
        await leave.wait()
        return "done"

    results: list[ToolResult] = []
    call = ToolCall(server=NAME, tool="slow")
    installed = memory_installed(lambda: memory_server({"slow": slow}), name=NAME)

    async def ask(spawner: DynamicSpawner) -> None:
        results.append(await spawner.call(call))
        assert not left.is_set()

    async def late(spawner: DynamicSpawner) -> None:
        await anyio.sleep(0.1)
        with pytest.raises(ConfigurationError, match="not entered"):
            await spawner.call(call)
        leave.set()

    with anyio.fail_after(4):
        async with anyio.create_task_group() as tasks:
            async with make_spawner(tmp_path) as spawner:
                spawner.adopt(as_proven(installed))
                tasks.start_soon(ask, spawner)
                await entered.wait()
                tasks.start_soon(late, spawner)
            left.set()
    assert [result.text for result in results] == ["done"]


@pytest.mark.anyio
async def test_calls_under_way_are_broken_off_when_the_time_to_drain_is_over(tmp_path: Path) -> None:
    entered = anyio.Event()

    async def for_ever() -> None:
        entered.set()
        await anyio.sleep_forever()

    errors: list[VSMError] = []
    installed = memory_installed(lambda: memory_server({"pid": for_ever}), name=NAME)
    async with make_spawner(tmp_path, drain=0.05) as spawner, anyio.create_task_group() as tasks:
        spawner.adopt(as_proven(installed))
        tasks.start_soon(_call_into, spawner, errors)
        await entered.wait()
        await spawner.release(NAME)
    assert [type(error) for error in errors] == [LinkError]


@pytest.mark.anyio
async def test_leaving_the_spawner_ends_every_server_and_shows_the_hosts_error_bare(tmp_path: Path) -> None:
    pids: list[int] = []

    async def fail_with_servers() -> None:
        async with make_spawner(tmp_path) as spawner:
            for name in ("example/a", "example/b"):
                spawner.adopt(as_proven(hostile_server(tmp_path / name, name=name)))
                pids.append(int((await spawner.call(ToolCall(server=name, tool="pid"))).text))
            raise KeyError

    with pytest.raises(KeyError):
        await fail_with_servers()
    assert not any(alive(pid) for pid in pids)


@pytest.mark.anyio
async def test_cancelling_the_host_ends_every_server(tmp_path: Path) -> None:
    pids: list[int] = []
    with anyio.CancelScope() as scope:
        async with make_spawner(tmp_path) as spawner:
            spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "unending")))
            pids.append(int((await spawner.call(PID)).text))
            scope.cancel()
            await anyio.sleep_forever()
    assert not alive(pids[0])


@pytest.mark.anyio
async def test_adopting_a_name_again_replaces_the_server(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "old")))
        old = int((await spawner.call(PID)).text)
        spawner.adopt(as_proven(hostile_server(tmp_path / "new", "garbage")))
        new = int((await spawner.call(PID)).text)
        assert new != old
        assert not alive(old)
        assert spawner.states()[NAME].generation == 2


@pytest.mark.anyio
@pytest.mark.security
async def test_adopting_what_is_held_already_changes_nothing_of_what_was_noticed(tmp_path: Path) -> None:
    said = {"double": "Return twice the number."}

    def make() -> object:
        server = memory_server({})
        for name, text in said.items():
            server.add_tool(double, name=name, description=text)
        return server

    installed = memory_installed(make, name=NAME)
    call = ToolCall(server=NAME, tool="double", arguments={"number": 4})
    async with make_spawner(tmp_path) as spawner:
        async with spawner.trial(installed) as running:
            proven = as_proven(installed, running.tools)
        said["double"] = "Return twice the number, and keep it."
        spawner.adopt(proven)
        with pytest.raises(QuarantinedError):
            await spawner.call(call)
        said["double"] = "Return twice the number."
        again = replace(proven, evidence=Evidence(level=ProofLevel.SATISFIED))
        spawner.adopt(again)
        assert spawner.states()[NAME].generation == 1
        assert spawner.proven(NAME) is again
        elsewhere = replace(again, installed=replace(installed, path=tmp_path))
        spawner.adopt(elsewhere)
        with pytest.raises(QuarantinedError, match="changed since it was approved"):
            await spawner.call(call)
        assert spawner.states()[NAME].generation == 2


@pytest.mark.anyio
async def test_a_server_whose_approved_words_cannot_be_read_is_never_taken_for_the_same(tmp_path: Path) -> None:
    odd = ToolSpec(name="double", input_schema={"default": float("nan")})
    proven = as_proven(memory_installed(lambda: memory_server({"double": double}), name=NAME), (odd,))
    async with make_spawner(tmp_path) as spawner:
        for _ in range(2):
            spawner.adopt(proven)
            with pytest.raises(QuarantinedError, match="cannot be read"):
                await spawner.call(ToolCall(server=NAME, tool="double", arguments={"number": 4}))
        assert spawner.states()[NAME].generation == 2


@pytest.mark.anyio
async def test_every_start_and_every_end_is_told(tmp_path: Path) -> None:
    events: list[Event] = []
    async with make_spawner(tmp_path, emit=events.append) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        pid = int((await spawner.call(PID)).text)
    started, stopped = events
    assert isinstance(started, ServerStarted)
    assert (started.server, started.pid) == (NAME, pid)
    assert isinstance(stopped, ServerStopped)
    assert stopped.reason == "it was asked to"


@pytest.mark.anyio
async def test_a_spawner_that_is_not_entered_says_how_to_use_it(tmp_path: Path) -> None:
    spawner = make_spawner(tmp_path)
    spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
    assert spawner.states()[NAME].status is ServerStatus.IDLE
    with pytest.raises(ConfigurationError, match="not entered"):
        await spawner.call(PID)
    async with spawner:
        with pytest.raises(ConfigurationError, match="entered already"):
            await spawner.__aenter__()
    await spawner.__aexit__(None, None, None)
    assert "hostile" in repr(spawner)


@pytest.mark.anyio
@pytest.mark.promise("D28")
async def test_arguments_that_cannot_be_sent_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    deep: JsonValue = []
    for _ in range(100_000):
        deep = [deep]
    wrong: list[JsonValue] = ["x" * 2**20, float("nan"), deep]
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        for text in wrong:
            with pytest.raises(PayloadError) as caught:
                await spawner.call(ToolCall(server=NAME, tool="echo", arguments={"text": text}))
            assert caught.value.message.endswith(".")
        assert (await spawner.call(HELLO)).text == "hello"


@pytest.mark.anyio
async def test_an_unknown_tool_is_refused_and_a_held_server_does_not_even_hear_of_it(tmp_path: Path) -> None:
    nothing = ToolCall(server=NAME, tool="nothing")
    async with make_spawner(tmp_path) as spawner:
        installed = hostile_server(tmp_path / "pkg")
        async with spawner.trial(installed) as running:
            with pytest.raises(ToolError, match="Unknown tool: nothing"):
                await running.link.call(nothing)
        spawner.adopt(as_proven(installed))
        with pytest.raises(CapabilityMissingError, match="has no tool named 'nothing'"):
            await spawner.call(nothing)


@pytest.mark.anyio
@pytest.mark.promise("E28")
async def test_a_server_that_hangs_is_ended_while_nobody_calls_it(tmp_path: Path) -> None:
    options = Supervision(check_every=0.1, check_timeout=0.1, check_misses=2, otherwise=RestartType.TEMPORARY)
    events: list[Event] = []
    async with make_supervised(tmp_path, options, events) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg", "unending")))
        pid = int((await spawner.call(PID)).text)
        os.kill(pid, signal.SIGSTOP)
        await until_over(events)
        assert not alive(pid)
        state = spawner.states()[NAME]
        assert state.status is ServerStatus.FAILED
        assert "it hangs" in str(state.last_error)


@pytest.mark.anyio
async def test_what_several_processes_use_is_added_up(tmp_path: Path) -> None:
    async with make_supervised(tmp_path, Supervision(pool={"*": 2}), []) as spawner:
        spawner.adopt(as_proven(hostile_server(tmp_path / "pkg")))
        assert spawner.usages() == {}
        pids = {(await spawner.call(replace(PID, agent=agent))).text for agent in ("ann", "bob")}
        assert len(pids) == 2
        assert spawner.states()[NAME].processes == 2
        assert spawner.usages()[NAME] == Usage()


@given(st.lists(st.integers(0, 1000), max_size=30).map(sorted), st.integers(1, 6))
def test_a_server_rests_exactly_while_too_many_failures_count(times: list[int], most: int) -> None:
    policy = RestartPolicy(most=most, window=100.0)
    failures = Failures(policy)
    for time in times:
        failures.note(time)
    now = times[-1] if times else 0
    counting = [time for time in times if now - time < policy.window]
    left = failures.closed_for(now)
    assert (left is not None) == (len(counting) >= most)
    if left is not None:
        assert 0 < left <= policy.window
        assert failures.closed_for(now + left + 1e-6) is None
    assert 0 <= failures.pause(now) <= policy.longest_pause


def test_the_first_failure_costs_no_pause_and_each_further_one_doubles_it() -> None:
    failures = Failures(RestartPolicy(most=10))
    pauses: list[float] = []
    for time in range(6):
        pauses.append(failures.pause(time))
        failures.note(time)
    assert pauses == [0.0, 0.0, 0.25, 0.5, 1.0, 2.0]


async def _call_into(spawner: DynamicSpawner, errors: list[VSMError]) -> None:
    try:
        await spawner.call(PID)
    except VSMError as error:
        errors.append(error)
