"""A unit does work of its own kinds within its own policy and budget, and measures what became of it."""

import math
from datetime import timedelta

import anyio
import pytest

from vsm_mcp.errors import (
    CallTimeoutError,
    CapabilityMissingError,
    CapacityError,
    ConfigurationError,
    ContentionError,
    PolicyError,
    StartError,
    ToolError,
    VSMError,
)
from vsm_mcp.model.operation import Operation, Outcome, Stage
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.operations.unit_policy import MOST_KINDS, UnitPolicy
from vsm_mcp.testing.world import START, FakeClock

DONE = Outcome(value="done", text="done", server="host", tool="work", elapsed=0.0)


class Worker:
    """Performs by doing nothing, failing, or waiting until it is let go."""

    def __init__(self, failure: Exception | None = None, *, gate: anyio.Event | None = None) -> None:
        self.failure = failure
        self.gate = gate
        self.asked: list[Operation] = []

    async def execute(self, operation: Operation, /) -> Outcome:
        self.asked.append(operation)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return DONE


def work(needs: str = "weigh parcels") -> Operation:
    return Operation(needs=needs)


@pytest.mark.anyio
@pytest.mark.promise("C4")
async def test_a_unit_does_what_it_takes_and_counts_it() -> None:
    worker = Worker()
    unit = OperationalUnit("scales", worker)
    assert await unit.execute(work()) is DONE
    assert (unit.absorbed, unit.failed, unit.n, unit.viable, unit.busy) == (1, 0, 1, True, 0)
    assert worker.asked == [work()]
    assert repr(unit) == "OperationalUnit('scales', absorbed=1, failed=0, busy=0)"


@pytest.mark.anyio
@pytest.mark.promise("C7")
async def test_a_unit_itself_refuses_what_its_policy_does_not_take_and_names_the_rule() -> None:
    worker = Worker()
    unit = OperationalUnit("scales", worker, policy=UnitPolicy(takes=frozenset({"Weigh  Parcels"})))
    await unit.execute(work("weigh parcels"))
    with pytest.raises(PolicyError, match=r"The rule 'takes' of unit 'scales' forbids 'paint walls'\."):
        await unit.execute(work("paint walls"))
    assert len(worker.asked) == 1
    assert (unit.absorbed, unit.refused, unit.failed) == (1, 1, 0)


@pytest.mark.parametrize(
    ("takes", "kind", "taken"),
    [
        (None, "anything", True),
        (frozenset[str](), "anything", False),
        (frozenset({"convert *"}), "convert time zones", True),
        (frozenset({"CONVERT *"}), "convert time zones", True),
        (frozenset({"convert *"}), "please convert time zones", False),
        (frozenset({"read file ?", "weigh [ab]"}), "weigh b", True),
        (frozenset({"read file ?", "weigh [ab]"}), "weigh c", False),
        (frozenset({"weigh [ab]"}), "weigh [ab]", True),
        (frozenset({"a.c"}), "abc", False),
        (frozenset({"a.c", "x*"}), "abc", False),
    ],
)
def test_kinds_are_taken_by_name_or_by_pattern(takes: frozenset[str] | None, kind: str, *, taken: bool) -> None:
    assert UnitPolicy(takes=takes).allows(kind) is taken


@pytest.mark.anyio
@pytest.mark.promise("C7")
async def test_a_unit_keeps_to_its_budget_until_the_next_period() -> None:
    clock = FakeClock()
    unit = OperationalUnit("scales", Worker(), policy=UnitPolicy(most_per_period=2, period=60), clock=clock)
    for _ in range(2):
        await unit.execute(work())
    assert not unit.has_room
    with pytest.raises(CapacityError, match=r"'scales' may begin 2 operations in 60 seconds and has done so\."):
        await unit.execute(work())
    clock.advance(59.9)
    assert not unit.has_room
    clock.advance(0.1)
    assert unit.has_room
    await unit.execute(work())
    assert (unit.absorbed, unit.count(Stage.STARVED)) == (3, 1)


@pytest.mark.anyio
async def test_what_system_3_grants_holds_at_once() -> None:
    unit = OperationalUnit("scales", Worker(), clock=FakeClock())
    unit.grant(1)
    await unit.execute(work())
    with pytest.raises(CapacityError):
        await unit.execute(work())
    unit.grant(2)
    await unit.execute(work())
    unit.grant(0)
    assert not unit.has_room
    unit.grant(None)
    await unit.execute(work())
    with pytest.raises(ConfigurationError, match="budget of -1"):
        unit.grant(-1)


@pytest.mark.anyio
async def test_a_clock_that_was_set_back_neither_gives_more_nor_starves_for_ever() -> None:
    clock = FakeClock()
    unit = OperationalUnit("scales", Worker(), policy=UnitPolicy(most_per_period=1, period=60), clock=clock)
    await unit.execute(work())
    clock.set(START - timedelta(days=365))
    assert not unit.has_room
    clock.advance(60)
    assert unit.has_room


@pytest.mark.anyio
async def test_operations_beyond_its_places_wait_and_then_give_up() -> None:
    gate = anyio.Event()
    unit = OperationalUnit("scales", Worker(gate=gate), policy=UnitPolicy(most_at_once=2, place_timeout=0.01))
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(unit.execute, work())
        await anyio.wait_all_tasks_blocked()
        assert (unit.busy, unit.has_room) == (2, False)
        with pytest.raises(CapacityError, match="All 2 places of unit 'scales'"):
            await unit.execute(work())
        gate.set()
    assert (unit.absorbed, unit.busy) == (2, 0)


@pytest.mark.anyio
async def test_a_budget_that_is_used_up_while_an_operation_waits_holds_for_it_too() -> None:
    gate = anyio.Event()
    policy = UnitPolicy(most_at_once=1, most_per_period=1, place_timeout=60)
    unit = OperationalUnit("scales", Worker(gate=gate), policy=policy, clock=FakeClock())
    unit.grant(2)
    ends: list[str] = []

    async def ask() -> None:
        try:
            await unit.execute(work())
        except CapacityError:
            ends.append("starved")
        else:
            ends.append("done")

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
        unit.grant(1)
        gate.set()
    assert sorted(ends) == ["done", "starved"]
    assert unit.busy == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("failure", "error", "stage"),
    [
        (ToolError("It broke."), ToolError, Stage.FAILED),
        (ValueError("a bug of the host"), ToolError, Stage.FAILED),
        (ExceptionGroup("several", [ValueError("one")]), ToolError, Stage.FAILED),
        (TimeoutError(), ToolError, Stage.FAILED),
        (StartError("It is away."), StartError, Stage.STARVED),
        (CapacityError("No room below."), CapacityError, Stage.STARVED),
        (ContentionError("Others hold it."), ContentionError, Stage.CONTENDED),
        (PolicyError("Not allowed below."), PolicyError, Stage.REFUSED),
        (CapabilityMissingError("Nothing can."), CapabilityMissingError, Stage.UNKNOWN),
    ],
)
async def test_what_goes_wrong_inside_is_an_error_of_ours_and_counted_where_it_belongs(
    failure: Exception, error: type[VSMError], stage: Stage
) -> None:
    unit = OperationalUnit("scales", Worker(failure), policy=UnitPolicy(most_seconds=60))
    with pytest.raises(error):
        await unit.execute(work())
    assert {one: unit.count(one) for one in Stage if unit.count(one)} == {stage: 1}
    assert unit.busy == 0


@pytest.mark.anyio
async def test_an_operation_that_takes_longer_than_the_unit_allows_ends() -> None:
    unit = OperationalUnit("scales", Worker(gate=anyio.Event()), policy=UnitPolicy(most_seconds=0.01))
    with pytest.raises(CallTimeoutError, match=r"'scales' did not end within 0\.01 seconds\."):
        await unit.execute(work())
    assert (unit.failed, unit.busy) == (1, 0)


@pytest.mark.anyio
async def test_an_operation_that_its_host_cancels_is_not_counted_and_leaves_its_place() -> None:
    unit = OperationalUnit("scales", Worker(gate=anyio.Event()))
    with anyio.move_on_after(0.01):
        await unit.execute(work())
    assert (unit.n, unit.busy, unit.viable) == (0, 0, None)


@pytest.mark.anyio
async def test_a_unit_is_viable_while_its_next_operation_is_more_likely_done_than_not() -> None:
    worker = Worker()
    unit = OperationalUnit("scales", worker)
    assert unit.viable is None
    for _ in range(300):
        await unit.execute(work())
    worker.failure = ToolError("It broke.")
    failures = 0
    while unit.viable:
        failures += 1
        with pytest.raises(ToolError):
            await unit.execute(work())
    assert 80 < failures < 150


@pytest.mark.anyio
async def test_what_did_not_run_says_nothing_about_whether_a_unit_is_viable() -> None:
    worker = Worker(PolicyError("No."))
    unit = OperationalUnit("scales", worker)
    with pytest.raises(PolicyError):
        await unit.execute(work())
    assert unit.viable is None


@pytest.mark.anyio
async def test_its_report_says_what_it_did_and_from_how_many() -> None:
    clock = FakeClock()
    unit = OperationalUnit("scales", Worker(), policy=UnitPolicy(most_per_period=9, most_at_once=3), clock=clock)
    empty = unit.report()
    assert (empty.n, empty.viable, empty.bits, empty.kinds, empty.used) == (0, None, None, {}, 0)
    assert unit.demand() == {}
    for needs in ("weigh parcels", "weigh letters", "weigh parcels", "weigh letters"):
        await unit.execute(work(needs))
    report = unit.report()
    assert (report.name, report.absorbed, report.n, report.used, report.most_at_once) == ("scales", 4, 4, 4, 3)
    assert report.bits == pytest.approx(1.0, abs=1e-3)
    assert report.kinds == pytest.approx({"weigh parcels": 0.5, "weigh letters": 0.5}, abs=1e-2)
    assert sum(unit.demand().values()) == pytest.approx(4)
    assert "scales" in str(report)
    assert OperationalUnit("free", Worker()).report().used is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most_at_once": 0}, "0 operations at once"),
        ({"most_per_period": -1}, "budget of -1"),
        ({"period": 0.0}, "period cannot be 0"),
        ({"period": math.nan}, "period cannot be nan"),
        ({"most_seconds": -1.0}, "time for an operation"),
        ({"place_timeout": math.inf}, "wait for a place"),
        ({"place_timeout": -1.0}, "wait for a place"),
        ({"takes": frozenset({""})}, "no kind"),
        ({"takes": frozenset({"x" * 201})}, "no kind"),
        ({"takes": frozenset(f"kind {number}" for number in range(MOST_KINDS + 1))}, "cannot name"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        UnitPolicy(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_unit_needs_a_name_of_reasonable_length(name: str) -> None:
    with pytest.raises(ConfigurationError, match="name of a unit"):
        OperationalUnit(name, Worker())
