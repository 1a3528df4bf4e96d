"""System 1 does what is asked with units and tools, and records how each demand ended."""

import gc
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from random import Random

import anyio
import pytest

from vsm_mcp.errors import (
    CallTimeoutError,
    CapabilityMissingError,
    CapacityError,
    CircuitOpenError,
    ConfigurationError,
    ContentionError,
    LinkError,
    NeedsConfigurationError,
    PermissionDeniedError,
    PolicyError,
    StartError,
    ToolError,
    VSMError,
)
from vsm_mcp.events import OperationEnded
from vsm_mcp.model.call import ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.operation import Operation, Outcome, Stage
from vsm_mcp.servers.routing.router import CapabilityRouter
from vsm_mcp.systems.operations.recursion import depth
from vsm_mcp.systems.operations.unit import OperationalUnit, Performer
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.systems.system1 import DEFAULT_MOST_AT_ONCE, System1
from vsm_mcp.systems.system2 import System2
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.variety.calculator import VarietyCalculator

ECHO = Operation(needs="say it again", arguments={"text": "hello"}, agent="tester", timeout=3.0)


class Answers:
    """Answers every call in one way and remembers what it was asked."""

    def __init__(self, answer: ToolResult | VSMError | None) -> None:
        self.answer = answer
        self.asked: list[ToolCall] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.asked.append(call)
        if self.answer is None:
            await anyio.sleep_forever()
        if isinstance(self.answer, VSMError):
            raise self.answer
        assert self.answer is not None
        return self.answer


def system(answers: Answers) -> tuple[System1, VarietyCalculator, RecordingSink]:
    router, variety, heard = CapabilityRouter(), VarietyCalculator(), RecordingSink()
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    router.adopt("example/echo", [ToolSpec(name="echo", input_schema=schema)], needs=["say it again"])
    return System1(router=router, caller=answers, variety=variety, emit=heard), variety, heard


@pytest.mark.anyio
@pytest.mark.promise("C5", "C78")
async def test_an_operation_becomes_a_call_with_its_agent_and_deadline() -> None:
    answers = Answers(ToolResult(text="hello", structured={"said": "hello"}))
    system1, variety, _ = system(answers)
    outcome = await system1.execute(ECHO)
    assert (outcome.value, outcome.text, outcome.server, outcome.tool) == (
        {"said": "hello"},
        "hello",
        "example/echo",
        "echo",
    )
    assert answers.asked == [
        ToolCall(server="example/echo", tool="echo", arguments={"text": "hello"}, agent="tester", timeout=3.0)
    ]
    assert variety.gap().observed_absorbed_share == 1.0
    assert (system1.absorbed, system1.failed, outcome.attempts) == (1, 0, 1)
    assert repr(system1) == "System1(absorbed=1, failed=0, units=0)"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "error", "stage"),
    [
        (ToolResult(text="no", is_error=True), ToolError, "s1_failed"),
        (ToolResult(text="", structured={"error": "away"}), ToolError, "s1_failed"),
        (LinkError("It is gone."), LinkError, "s3_starved"),
        (PermissionDeniedError("Not you."), PermissionDeniedError, "s5_refused"),
        (ContentionError("Others hold it."), ContentionError, "s2_contended"),
        (CapacityError("No room."), CapacityError, "s3_starved"),
        (CallTimeoutError("Too slow."), CallTimeoutError, "s1_failed"),
    ],
)
async def test_what_goes_wrong_is_told_and_recorded_where_it_belongs(
    answer: ToolResult | VSMError, error: type[VSMError], stage: str
) -> None:
    system1, _, heard = system(Answers(answer))
    with pytest.raises(error):
        await system1.execute(ECHO)
    assert [getattr(event, "stage", None) for event in heard.events] == [stage]


@pytest.mark.anyio
async def test_what_nothing_can_do_is_unknown_to_system_4() -> None:
    system1, variety, heard = system(Answers(None))
    with pytest.raises(CapabilityMissingError):
        await system1.execute(Operation(needs="fold proteins"))
    assert [getattr(event, "stage", None) for event in heard.events] == ["s4_unknown"]
    assert variety.gap().share == 1.0


@pytest.mark.anyio
async def test_an_operation_that_its_host_cancels_is_not_counted() -> None:
    system1, variety, heard = system(Answers(None))
    with anyio.move_on_after(0.01):
        await system1.execute(ECHO)
    assert variety.gap().n == 0
    assert not heard.events


GOOD = ToolResult(text="hello")


class Servers:
    """Several servers that can say it again, each with answers of its own."""

    def __init__(self, answers: Mapping[str, ToolResult | VSMError | float]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.timeouts: list[float | None] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.asked.append(call.server)
        self.timeouts.append(call.timeout)
        answer = self.answers[call.server]
        if isinstance(answer, ToolResult):
            return answer
        if isinstance(answer, VSMError):
            raise answer
        await anyio.sleep(answer)
        raise LinkError("It broke after a while.")


def router_for(*servers: str) -> CapabilityRouter:
    router = CapabilityRouter()
    for server in servers:
        router.adopt(server, [ToolSpec(name="echo")], needs=["say it again"])
    return router


def seeded(number: int = 1) -> Random:
    return Random(number)  # noqa: S311


def with_servers(servers: Servers, **options: bool) -> tuple[System1, RecordingSink]:
    heard = RecordingSink()
    system1 = System1(
        router=router_for(*servers.answers),
        caller=servers,
        variety=VarietyCalculator(),
        emit=heard,
        random=seeded(),
        safe_to_repeat=(lambda _: True) if options.get("safe") else None,
    )
    for server in list(servers.answers)[:1]:  # the first one is known to be good
        system1.learner.note("say it again", server, "echo", successes=1000, trials=1000)
    for server in list(servers.answers)[1:]:
        system1.learner.note("say it again", server, "echo", successes=500, trials=1000)
    return system1, heard


def stages(heard: RecordingSink) -> list[tuple[str, str | None, str | None]]:
    return [(event.stage, event.server, event.tool) for event in heard.of(OperationEnded)]


def alone(**options: object) -> System1:
    return System1(router=CapabilityRouter(), caller=Answers(GOOD), variety=VarietyCalculator(), **options)  # type: ignore[arg-type]


class Host:
    """Performs work of a unit, as the host would."""

    def __init__(self, *failures: Exception, gate: anyio.Event | None = None) -> None:
        self.failures = list(failures)
        self.gate = gate
        self.asked: list[Operation] = []

    async def execute(self, operation: Operation, /) -> Outcome:
        self.asked.append(operation)
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures[min(len(self.asked), len(self.failures)) - 1]
        return Outcome(value=len(self.asked), text="", server="host", tool="work", elapsed=0.0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "failure",
    [
        StartError("It did not come up."),
        CircuitOpenError("It is left alone."),
        NeedsConfigurationError("It needs a key."),
        CapacityError("It is full."),
        CapabilityMissingError("It was let go."),
    ],
)
@pytest.mark.promise("D57")
async def test_a_call_that_was_surely_never_sent_is_given_to_another_provider(failure: VSMError) -> None:
    servers = Servers({"first": failure, "second": GOOD})
    system1, heard = with_servers(servers)
    outcome = await system1.execute(ECHO)
    assert servers.asked == ["first", "second"]
    assert (outcome.server, outcome.attempts) == ("second", 2)
    assert stages(heard) == [("absorbed", "second", "echo")]
    assert servers.timeouts == [3.0, 3.0]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "failure",
    [LinkError("It broke."), CallTimeoutError("Too slow."), ToolError("No."), ToolResult(text="no", is_error=True)],
)
@pytest.mark.promise("D57")
async def test_a_call_that_may_have_happened_is_not_given_to_another_provider(
    failure: VSMError | ToolResult,
) -> None:
    servers = Servers({"first": failure, "second": GOOD})
    system1, heard = with_servers(servers)
    with pytest.raises(VSMError):
        await system1.execute(ECHO)
    assert servers.asked == ["first"]
    assert [(server, tool) for _, server, tool in stages(heard)] == [("first", "echo")]


@pytest.mark.anyio
async def test_a_call_that_may_have_happened_and_is_safe_to_repeat_is_given_to_another_provider() -> None:
    servers = Servers({"first": LinkError("It broke."), "second": GOOD})
    system1, _ = with_servers(servers, safe=True)
    assert (await system1.execute(ECHO)).attempts == 2
    assert servers.asked == ["first", "second"]


@pytest.mark.anyio
@pytest.mark.parametrize("denial", [PermissionDeniedError("Not you."), PolicyError("Never.")])
@pytest.mark.promise("D6", "D57")
async def test_a_denial_is_final_even_if_a_repetition_would_be_safe(denial: VSMError) -> None:
    servers = Servers({"first": denial, "second": GOOD})
    system1, heard = with_servers(servers, safe=True)
    with pytest.raises(type(denial)):
        await system1.execute(ECHO)
    assert servers.asked == ["first"]
    assert stages(heard)[0][0] == "s5_refused"


@pytest.mark.anyio
@pytest.mark.promise("D6", "D57")
async def test_when_all_fail_the_demand_died_of_the_best_one_and_is_counted_once() -> None:
    servers = Servers({name: StartError(f"{name} is away.") for name in ("first", "b", "c", "d", "e")})
    system1, heard = with_servers(servers)
    with pytest.raises(StartError, match="first is away") as caught:
        await system1.execute(ECHO)
    assert len(servers.asked) == 3
    assert len(caught.value.__notes__) == 2
    assert stages(heard) == [("s3_starved", "first", "echo")]
    assert sum(system1.report().by_stage.values()) == 1


@pytest.mark.anyio
async def test_that_one_cannot_do_it_says_less_than_the_failure_of_another() -> None:
    servers = Servers({"first": CapabilityMissingError("It was let go."), "second": StartError("It is away.")})
    system1, heard = with_servers(servers)
    with pytest.raises(StartError):
        await system1.execute(ECHO)
    assert stages(heard) == [("s3_starved", "second", "echo")]


@pytest.mark.anyio
async def test_one_deadline_holds_for_all_attempts_together() -> None:
    servers = Servers({"first": 0.02, "second": GOOD})
    system1, _ = with_servers(servers, safe=True)
    await system1.execute(ECHO)
    first, second = servers.timeouts
    assert first == 3.0
    assert second is not None
    assert 2.0 < second <= 2.98
    hurried = Operation(needs=ECHO.needs, arguments=ECHO.arguments, timeout=0.01)
    with pytest.raises(LinkError):
        await system1.execute(hurried)
    assert servers.asked == ["first", "second", "first"]


@pytest.mark.anyio
@pytest.mark.promise("C7")
async def test_what_comes_of_calls_decides_who_is_called() -> None:
    servers = Servers({"a": ToolError("No."), "b": GOOD, "c": ToolError("No.")})
    system1 = System1(router=router_for("a", "b", "c"), caller=servers, variety=VarietyCalculator(), random=seeded())
    for _ in range(200):
        with suppress(ToolError):
            await system1.execute(ECHO)
    assert servers.asked[100:].count("b") > 90
    best = system1.learner.beliefs("say it again")[0]
    assert (best.server, best.outcomes) == ("b", servers.asked.count("b"))


@pytest.mark.anyio
async def test_denials_and_lack_of_room_teach_nothing_about_a_tool() -> None:
    for failure in (PermissionDeniedError("Not you."), CapacityError("It is full.")):
        system1, _, _ = system(Answers(failure))
        with pytest.raises(VSMError):
            await system1.execute(ECHO)
        assert system1.learner.beliefs("say it again") == ()


@pytest.mark.anyio
@pytest.mark.promise("C6")
async def test_a_tool_that_is_added_absorbs_from_the_next_demand_on() -> None:
    router, variety = CapabilityRouter(), VarietyCalculator()
    system1 = System1(router=router, caller=Answers(GOOD), variety=variety)
    for _ in range(3):
        with pytest.raises(CapabilityMissingError):
            await system1.execute(ECHO)
    assert variety.gap().observed_absorbed_share == 0.0
    router.adopt("example/echo", [ToolSpec(name="echo")], needs=["say it again"])
    for _ in range(3):
        await system1.execute(ECHO)
    assert variety.gap().observed_absorbed_share == pytest.approx(0.5, abs=0.01)
    assert (system1.absorbed, system1.report().by_stage[Stage.UNKNOWN]) == (3, 3)


@pytest.mark.anyio
@pytest.mark.promise("C4")
async def test_units_do_the_work_of_their_kinds_and_tools_the_rest() -> None:
    host = Host()
    system1, variety, heard = system(Answers(GOOD))
    system1.add_unit(OperationalUnit("scales", host, policy=UnitPolicy(takes=frozenset({"weigh *"}))))
    assert (await system1.execute(Operation(needs="weigh parcels"))).server == "host"
    assert (await system1.execute(ECHO)).server == "example/echo"
    assert stages(heard) == [("absorbed", "scales", "work"), ("absorbed", "example/echo", "echo")]
    assert len(host.asked) == 1
    assert (system1.absorbed, variety.gap().n, system1.units_viable) == (2, 2, 1)


@pytest.mark.anyio
async def test_of_units_that_take_a_kind_the_one_with_the_highest_priority_works_then_the_first_by_name() -> None:
    system1, hosts = alone(), {name: Host() for name in "abc"}
    for name, priority in (("b", 0), ("c", 1), ("a", 0)):
        system1.add_unit(OperationalUnit(name, hosts[name], policy=UnitPolicy(priority=priority)))
    await system1.execute(ECHO)
    system1.remove_unit("c")
    await system1.execute(ECHO)
    system1.remove_unit("a")
    await system1.execute(ECHO)
    assert {name: len(host.asked) for name, host in hosts.items()} == {"a": 1, "b": 1, "c": 1}
    assert list(system1.units) == ["b"]
    assert [unit.name for unit in system1.subsystems()] == ["b"]


@pytest.mark.anyio
async def test_a_unit_without_budget_hands_over_and_the_demand_starves_only_if_nobody_has_any() -> None:
    system1, heard = alone(), RecordingSink()
    for name in "ab":
        system1.add_unit(OperationalUnit(name, Host(), policy=UnitPolicy(most_per_period=1, period=3600)))
    assert (await system1.execute(ECHO)).attempts == 1
    assert (await system1.execute(ECHO)).attempts == 1
    with pytest.raises(CapacityError, match="'a'"):
        await system1.execute(ECHO)
    assert [unit.absorbed for unit in system1.units.values()] == [1, 1]
    assert system1.report().by_stage[Stage.STARVED] == 1
    assert not heard.events


@pytest.mark.anyio
async def test_what_a_unit_failed_at_is_not_done_again_by_a_tool() -> None:
    answers = Answers(GOOD)
    system1, _, heard = system(answers)
    system1.add_unit(OperationalUnit("scales", Host(ValueError("a bug"))))
    with pytest.raises(ToolError, match="ValueError: a bug"):
        await system1.execute(ECHO)
    assert not answers.asked
    assert stages(heard) == [("s1_failed", "scales", None)]
    assert (system1.units_viable, system1.units_failing) == (0, 1)


@pytest.mark.anyio
async def test_what_a_unit_cannot_do_a_tool_may() -> None:
    answers = Answers(GOOD)
    system1, _, _ = system(answers)
    system1.add_unit(OperationalUnit("scales", Host(CapabilityMissingError("Nothing below can."))))
    assert (await system1.execute(ECHO)).attempts == 2
    assert len(answers.asked) == 1
    with pytest.raises(CapabilityMissingError, match="Nothing below can"):
        await system1.execute(Operation(needs="fold proteins"))


@pytest.mark.anyio
@pytest.mark.promise("C78")
async def test_an_operation_that_names_a_tool_goes_to_that_tool_or_else_to_a_unit() -> None:
    host, answers = Host(), Answers(GOOD)
    system1, _, _ = system(answers)
    system1.add_unit(OperationalUnit("any", host))
    await system1.execute(Operation(needs="say it again", arguments=ECHO.arguments, tool="echo"))
    assert (len(host.asked), len(answers.asked)) == (0, 1)
    await system1.execute(Operation(needs="say it again", tool="tool of the unit"))
    assert (len(host.asked), len(answers.asked)) == (1, 1)
    answers.answer = StartError("It is away.")
    with pytest.raises(StartError):
        await system1.execute(Operation(needs="say it again", arguments=ECHO.arguments, tool="echo"))
    assert len(host.asked) == 1


@pytest.mark.anyio
@pytest.mark.promise("C69")
async def test_at_most_a_thousand_operations_are_under_way_at_once_by_default() -> None:
    gate = anyio.Event()
    host = Host(gate=gate)
    system1 = alone()
    system1.add_unit(OperationalUnit("any", host, policy=UnitPolicy(most_at_once=10_000)))
    async with anyio.create_task_group() as tasks:
        for _ in range(1200):
            tasks.start_soon(system1.execute, ECHO)
        await anyio.wait_all_tasks_blocked()
        assert (system1.busy, len(host.asked), system1.waiting) == (1000, 1000, 200)
        gate.set()
    assert (system1.busy, system1.waiting, system1.absorbed) == (0, 0, 1200)
    assert system1.most_at_once == DEFAULT_MOST_AT_ONCE == 1000


@pytest.mark.anyio
@pytest.mark.promise("C69")
async def test_an_operation_that_finds_no_place_in_time_starves() -> None:
    system1, heard = alone(most_at_once=1, place_timeout=0.01), RecordingSink()
    gate = anyio.Event()
    system1.add_unit(OperationalUnit("any", Host(gate=gate)))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(system1.execute, ECHO)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(CapacityError, match="All 1 places of System 1"):
            await system1.execute(ECHO)
        gate.set()
    assert system1.report().by_stage == {**dict.fromkeys(Stage, 0), Stage.ABSORBED: 1, Stage.STARVED: 1}
    assert not heard.events


class Keeper:
    """A System 2 that lets nobody in who would have to wait."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.holders: list[str] = []

    @asynccontextmanager
    async def hold(
        self, resources: Collection[str], *, holder: str, priority: int = 0, timeout: float | None = None
    ) -> AsyncGenerator[str]:
        if self.held & set(resources):
            raise ContentionError(f"{holder} would have to wait.")
        self.held |= set(resources)
        self.holders.append(holder)
        try:
            yield holder
        finally:
            self.held -= set(resources)


@pytest.mark.anyio
async def test_operations_that_use_the_same_thing_are_kept_apart_by_system_2() -> None:
    keeper, gate = Keeper(), anyio.Event()
    system1 = alone(coordination=keeper)
    system1.add_unit(OperationalUnit("any", Host(gate=gate)))
    uses = Operation(needs="write it down", uses=frozenset({"the book"}))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(system1.execute, uses)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ContentionError):
            await system1.execute(uses)
        tasks.start_soon(system1.execute, Operation(needs="write it down", uses=frozenset({"a letter"})))
        tasks.start_soon(system1.execute, ECHO)
        await anyio.wait_all_tasks_blocked()
        assert system1.busy == 3
        gate.set()
    assert not keeper.held
    assert keeper.holders == ["host", "host"]  # whose time it is; each operation holds for itself all the same
    assert (system1.absorbed, system1.report().by_stage[Stage.CONTENDED]) == (3, 1)


@pytest.mark.anyio
async def test_without_system_2_nothing_is_done_that_must_be_kept_apart() -> None:
    host = Host()
    system1 = alone()
    system1.add_unit(OperationalUnit("any", host))
    with pytest.raises(ConfigurationError, match="no System 2"):
        await system1.execute(Operation(needs="write it down", uses=frozenset({"the book"})))
    assert not host.asked
    assert system1.report().n == 0


class Level:
    """A viable system as a unit sees it: one method to execute, and its parts."""

    def __init__(self, name: str) -> None:
        self.answers = Answers(ToolResult(text=name))
        self.variety = VarietyCalculator()
        router = CapabilityRouter()
        router.adopt(name, [ToolSpec(name=f"tool_of_{name}")], needs=[f"work of {name}"])
        self.system1 = System1(router=router, caller=self.answers, variety=self.variety)

    async def execute(self, operation: Operation, /) -> Outcome:
        return await self.system1.execute(operation)

    def subsystems(self) -> tuple[OperationalUnit, ...]:
        return tuple(self.system1.subsystems())

    def add(self, name: str, performer: Performer, *kinds: str) -> None:
        self.system1.add_unit(OperationalUnit(name, performer, policy=UnitPolicy(takes=frozenset(kinds))))


@pytest.mark.anyio
@pytest.mark.promise("C29", "C32")
async def test_in_three_levels_operations_go_down_outcomes_come_up_and_measures_add_up() -> None:
    company, factory, shop = Level("company"), Level("factory"), Level("shop")
    factory.add("shop", shop, "work of shop", "unheard of")
    company.add("factory", factory, "work of factory", "work of shop", "unheard of")
    assert depth(company) == 3
    for name, times in (("company", 1), ("factory", 2), ("shop", 4)):
        for _ in range(times):
            outcome = await company.execute(Operation(needs=f"work of {name}"))
            assert (outcome.server, outcome.text) == (name, name)
    with pytest.raises(CapabilityMissingError):
        await company.execute(Operation(needs="unheard of"))
    shop.answers.answer = ToolError("It broke.")
    with pytest.raises(ToolError):
        await company.execute(Operation(needs="work of shop"))

    levels = (company, factory, shop)
    assert [(level.system1.absorbed, level.system1.failed) for level in levels] == [(7, 1), (6, 1), (4, 1)]
    assert [level.system1.report().by_stage[Stage.UNKNOWN] for level in levels] == [1, 1, 1]
    assert [level.variety.gap().n for level in levels] == [9, 8, 6]
    for whole, part in ((company, "factory"), (factory, "shop")):
        unit = whole.system1.units[part]
        below = factory if part == "factory" else shop
        assert unit.report().n == below.system1.report().n
        assert unit.absorbed == below.system1.absorbed
        assert unit.viable is True
    assert company.system1.variety_of_units() is not None
    bits = company.system1.report().bits
    assert bits == pytest.approx(factory.variety.gap().required_bits, abs=0.01)


@pytest.mark.promise("C64")
def test_a_system_neither_contains_itself_nor_nests_deeper_than_allowed() -> None:
    levels = [Level(name) for name in ("a", "b", "c")]
    levels[0].add("b", levels[1])
    with pytest.raises(ConfigurationError, match="part of itself"):
        levels[1].add("a", levels[0])
    assert not levels[1].system1.units
    levels[1].add("c", levels[2])
    with pytest.raises(ConfigurationError, match="more than 3 levels deep: System1 > a > b > c"):
        Level("top").add("a", levels[0])


@pytest.mark.anyio
async def test_names_of_units_are_unique_and_a_unit_that_is_let_go_counts_no_longer() -> None:
    system1 = alone()
    system1.add_unit(OperationalUnit("any", Host()))
    with pytest.raises(ConfigurationError, match="named 'any' already"):
        system1.add_unit(OperationalUnit("any", Host()))
    await system1.execute(ECHO)
    assert system1.units_viable == 1
    assert system1.remove_unit("any").name == "any"
    assert (system1.units_viable, system1.units_failing, len(system1.units)) == (0, 0, 0)
    with pytest.raises(ConfigurationError, match="no unit named"):
        system1.remove_unit("any")


@pytest.mark.anyio
async def test_its_report_shows_the_busiest_units_and_what_is_not_known_as_not_known() -> None:
    system1 = alone()
    assert (system1.report().n, system1.report().bits, system1.report().units_busiest) == (0, None, ())
    for number in range(30):
        kind = frozenset({f"kind {number}"})
        system1.add_unit(OperationalUnit(f"unit {number}", Host(), policy=UnitPolicy(takes=kind)))
    for number in range(3, 6):
        for _ in range(number):
            await system1.execute(Operation(needs=f"kind {number}"))
    report = system1.report()
    assert (report.n, report.units, report.units_viable, report.units_failing) == (12, 30, 3, 0)
    assert [unit.name for unit in report.units_busiest[:3]] == ["unit 5", "unit 4", "unit 3"]
    assert len(report.units_busiest) == 20
    assert "units_viable: 3" in str(report)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most_at_once": 0}, "0 places"),
        ({"place_timeout": -1.0}, "wait for a place"),
        ({"place_timeout": float("nan")}, "wait for a place"),
        ({"most_attempts": 0}, "0 attempts"),
        ({"recursion_depth": 0}, "recursion of 0 levels"),
        ({"recursion_depth": 11}, "recursion of 11 levels"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: Mapping[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        alone(**options)


@pytest.mark.anyio
async def test_a_failure_is_gone_from_memory_as_soon_as_nobody_holds_it() -> None:
    system1, _, _ = system(Answers(ToolResult(text="no", is_error=True)))
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            with suppress(ToolError):
                await system1.execute(ECHO)
        assert gc.collect() < 100
    finally:
        gc.enable()


@pytest.mark.anyio
async def test_attempts_made_below_are_counted_too() -> None:
    class Twice(Host):
        async def execute(self, operation: Operation, /) -> Outcome:
            return replace(await super().execute(operation), attempts=2)

    system1 = alone()
    system1.add_unit(OperationalUnit("a", Host(StartError("It is away."))))
    system1.add_unit(OperationalUnit("b", Twice()))
    assert (await system1.execute(ECHO)).attempts == 3


@pytest.mark.anyio
async def test_the_real_system_2_keeps_operations_apart() -> None:
    gate, host = anyio.Event(), Host()
    host.gate = gate
    system1 = alone(coordination=System2(clock=FakeClock()))
    system1.add_unit(OperationalUnit("any", host))
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(system1.execute, Operation(needs="write it down", uses=frozenset({"the book"})))
        await anyio.wait_all_tasks_blocked()
        assert len(host.asked) == 1
        gate.set()
    assert system1.absorbed == 2
