"""Regulation closes gaps while the host works, lets go what is unused, audits, and says what it did and did not do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp import (
    Attenuator,
    Autonomy,
    Charter,
    Operation,
    OperationalUnit,
    Outcome,
    Settings,
    Shelf,
    UnitPolicy,
    VarietyEngineering,
    ViableSystem,
)
from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, ToolError
from vsm_mcp.events import AlgedonicEscalated, AlgedonicRaised, Event, Progress, ignore
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.operations.unit import UnitProof
from vsm_mcp.systems.regulation import Regulation
from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
from vsm_mcp.systems.vitals.channels import Purpose
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.variety.alarm import AlarmLevel
from vsm_mcp.world.clock import SystemClock
from vsm_mcp.world.world import World


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def add_numbers(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def draw_circle(radius: int) -> str:
    """Draw a circle."""
    raise ValueError(radius)


COUNT = Operation(needs="count words", arguments={"text": "what a system does"})
ADD = Operation(needs="add numbers", arguments={"a": 1, "b": 2})
DRAW = Operation(needs="draw circles", arguments={"radius": 1})


def shelf() -> Shelf:
    offers = Shelf()
    tools: dict[str, tuple[Callable[..., object], str]] = {
        "words": (count_words, "Counts words of a text."),
        "sums": (add_numbers, "Adds numbers."),
        "circles": (draw_circle, "Draws circles."),
    }
    for name, (tool, summary) in tools.items():
        offers.offer(name, lambda tool=tool: memory_server({tool.__name__: tool}), summary=summary)
    return offers


class Place:
    """A system on a shelf of three servers, one of which does not work, with a clock that is moved by hand."""

    def __init__(self, state: Path, *, autonomy: Autonomy = Autonomy.AUTO, heard: list[Event] | None = None) -> None:
        self.clock = FakeClock()
        offers = shelf()
        settings = Settings(state=state, autonomy=autonomy, allow=("memory:*",), sandbox=Confinement.NONE)
        emit = ignore if heard is None else heard.append
        world = World(clock=self.clock)
        self.vsm = ViableSystem(settings, shelf=offers, sources=(offers,), world=world, emit=emit)

    async def demand(self, operation: Operation, times: int) -> int:
        """Ask for something without waiting for an acquisition; return how often it was done."""
        done = 0
        for _ in range(times):
            try:
                await self.vsm.parts.system1.execute(operation)
                done += 1
            except (CapabilityMissingError, ToolError):
                pass
        return done


def regulation(vsm: ViableSystem, *, budget: int = 5) -> Regulation:
    return Regulation(vsm.parts.organs, every=60, budget=budget)


@pytest.mark.anyio
@pytest.mark.promise("C3", "C15", "C31")
async def test_gaps_are_closed_by_gain_and_what_cannot_be_had_is_remembered(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await place.demand(DRAW, 10)
        await place.demand(COUNT, 30)
        await place.demand(ADD, 20)
        cycles = regulation(vsm)
        first = await cycles.tick()
        assert first.level is AlarmLevel.CRITICAL
        assert first.acquired == ("words", "sums")
        assert "circles" in first.skipped
        assert await place.demand(COUNT, 3) == 3
        second = await cycles.tick()
        assert second.acquired == ()
        assert (first.budget_left, second.budget_left) == (2, 2)
        assert cycles.last is second
        assert second.model_dump_json()
        assert "words" in str(first)


@pytest.mark.anyio
@pytest.mark.promise("C63")
async def test_without_an_alarm_nothing_is_acquired(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await vsm.acquire_capability("count words", server="words")
        await place.demand(COUNT, 90)
        await place.demand(ADD, 10)
        report = await regulation(vsm).tick()
    assert report.level is AlarmLevel.CLEAR
    assert report.acquired == ()
    assert "there is no alarm" in report.skipped["sums"]


@pytest.mark.anyio
async def test_the_budget_bounds_what_is_acquired_and_failures_are_paid_for(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await place.demand(DRAW, 30)
        await place.demand(COUNT, 10)
        report = await regulation(vsm, budget=1).tick()
    assert report.acquired == ()
    assert report.budget_left == 0
    assert "budget of this regulation" in report.skipped["words"]


@pytest.mark.anyio
@pytest.mark.promise("C18")
async def test_policy_is_asked_and_its_refusal_costs_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, autonomy=Autonomy.SUGGEST)
    async with place.vsm as vsm:
        await place.demand(COUNT, 10)
        report = await regulation(vsm).tick()
    assert report.acquired == ()
    assert report.budget_left == 5
    assert "'autonomy'" in report.skipped["words"]


@pytest.mark.anyio
@pytest.mark.promise("C31")
async def test_a_server_that_nobody_uses_any_more_is_let_go_and_not_taken_back_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        for wanted, server in (("count words", "words"), ("add numbers", "sums")):
            await vsm.acquire_capability(wanted, server=server)
        await place.demand(ADD, 1)
        for _ in range(2000):
            vsm.parts.variety.observe("count words", Stage.ABSORBED)
            vsm.parts.system4.upkeep.note("words")
        cycles = regulation(vsm)
        assert (await cycles.tick()).released == ()
        place.clock.advance(timedelta(days=2))
        upkeep = vsm.parts.system4.upkeep
        for _ in range(9000):
            upkeep.note("words")
        assert (await cycles.tick()).released == ("sums",)
        assert [server.name for server in vsm.status().servers] == ["words"]


@pytest.mark.anyio
@pytest.mark.promise("C13")
async def test_a_server_whose_proof_fails_now_is_found_by_audits(tmp_path: Path) -> None:
    works = True

    def answer() -> str:
        """Answer a question."""
        if not works:
            raise ValueError("out of order")
        return "fine"

    offers = Shelf()
    offers.offer("oracle", lambda: memory_server({"answer": answer}), summary="Answers questions.")
    clock = FakeClock()
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, allow=("memory:*",), sandbox=Confinement.NONE)
    async with ViableSystem(settings, shelf=offers, sources=(offers,), world=World(clock=clock)) as vsm:
        await vsm.acquire_capability("answer questions", server="oracle")
        await vsm.execute(Operation(needs="answer questions"))
        for _ in range(200):  # what it reports of itself stays perfect
            vsm.parts.system3.note_operation("oracle", absorbed=True, elapsed=0.1)
        works = False
        cycles = regulation(vsm)
        for _ in range(40):
            clock.advance(timedelta(hours=12))
            await cycles.tick()
            if vsm.parts.system3.audits.distrusted:
                break
        assert vsm.parts.system3.audits.distrusted == ("oracle",)
        status = vsm.status()
        assert status.systems.system3.status == "distrusting"
        assert "Distrust oracle" in (status.readings["audit"].act or "")
        assert any("audit of oracle" in signal.key for signal in vsm.parts.vitals.algedonic.open())


@pytest.mark.anyio
@pytest.mark.promise("C101")
async def test_pain_that_is_not_relieved_climbs_to_the_host(tmp_path: Path) -> None:
    heard: list[Event] = []
    place = Place(tmp_path, heard=heard, autonomy=Autonomy.OBSERVE)
    async with place.vsm as vsm:
        await place.demand(COUNT, 30)
        cycles = regulation(vsm)
        await cycles.tick()
        assert any(isinstance(event, AlgedonicRaised) and event.key == "absorbed share" for event in heard)
        place.clock.advance(timedelta(hours=2))
        await cycles.tick()
        assert max(event.level for event in heard if isinstance(event, AlgedonicEscalated)) == Level.HOST
        status = vsm.status()
        assert status.viable is False
        assert any("reached the host" in reason for reason in status.reasons)


@pytest.mark.anyio
@pytest.mark.promise("C98", "C100", "C102")
async def test_the_systems_talk_through_their_channels(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await place.demand(COUNT, 10)
        await regulation(vsm).tick()
        traffic = vsm.parts.vitals.channels.report(place.clock.now().timestamp()).traffic
    used = {(line.source, line.target, line.purpose) for line in traffic}
    assert {
        (SystemId.ENVIRONMENT, SystemId.SYSTEM1, Purpose.OPERATIONS),
        (SystemId.SYSTEM1, SystemId.SYSTEM3, Purpose.FEEDBACK),
        (SystemId.SYSTEM3, SystemId.SYSTEM5, Purpose.FEEDBACK),
        (SystemId.SYSTEM4, SystemId.ENVIRONMENT, Purpose.INTELLIGENCE),
        (SystemId.ENVIRONMENT, SystemId.SYSTEM4, Purpose.INTELLIGENCE),
        (SystemId.SYSTEM4, SystemId.SYSTEM5, Purpose.POLICY),
        (SystemId.SYSTEM5, SystemId.SYSTEM4, Purpose.POLICY),
        (SystemId.SYSTEM4, SystemId.SYSTEM3, Purpose.ADAPTATION),
        (SystemId.SYSTEM3, SystemId.SYSTEM4, Purpose.ADAPTATION),
    } <= used


@pytest.mark.anyio
@pytest.mark.promise("A41", "C31", "C62")
async def test_while_the_host_works_gaps_are_closed_in_the_background(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with anyio.fail_after(20):
        async with place.vsm as vsm:
            await place.demand(COUNT, 10)
            async with vsm.regulate(every=0.01) as cycles:
                while not vsm.acquisitions:  # noqa: ASYNC110 - it is looked for as a host would
                    await anyio.sleep(0.01)
                assert await place.demand(COUNT, 5) == 5
            assert cycles.reports
            assert cycles.last_error is None
    assert vsm.settings.variety_check_interval == 60.0


@pytest.mark.anyio
async def test_the_error_of_the_body_passes_bare_and_ends_regulation(tmp_path: Path) -> None:
    place = Place(tmp_path)

    async def host() -> None:
        async with place.vsm as vsm, vsm.regulate(every=0.01):
            raise ZeroDivisionError

    with anyio.fail_after(10), pytest.raises(ZeroDivisionError):
        await host()


class BreakingClock(FakeClock):
    """A clock that may be out of order."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise OSError("the clock is out of order")
        return super().now()


@pytest.mark.anyio
@pytest.mark.promise("E47")
async def test_a_cycle_that_fails_is_told_and_followed_by_the_next(tmp_path: Path) -> None:
    told, heard = anyio.Event(), list[Event]()

    def hear(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Progress) and event.subject == "regulation":
            told.set()

    clock, offers = BreakingClock(), shelf()
    settings = Settings(state=tmp_path, sandbox=Confinement.NONE)
    with anyio.fail_after(10):
        async with ViableSystem(settings, sources=(offers,), world=World(clock=clock), emit=hear) as vsm:
            clock.broken = True
            async with vsm.regulate(every=0.001) as cycles:
                await told.wait()
                assert isinstance(cycles.last_error, OSError)
                clock.broken = False
                while not cycles.reports:  # noqa: ASYNC110 - nothing tells of a cycle that goes well
                    await anyio.sleep(0.001)
            assert cycles.last_error is None


@pytest.mark.parametrize("options", [{"every": 0.0}, {"budget": -1}, {"least_gain": 1.0}, {"every": float("nan")}])
@pytest.mark.anyio
async def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    async with Place(tmp_path).vsm as vsm:
        with pytest.raises(ConfigurationError):
            Regulation(vsm.parts.organs, **options)  # type: ignore[arg-type]
        assert repr(regulation(vsm)) == "Regulation(cycles=0, budget=5, every=60 s)"
        assert regulation(vsm).last is None


class Worker:
    """Says that it did its work; what it really does is another matter."""

    def __init__(self, *, answer: int) -> None:
        self.answer = answer

    async def execute(self, operation: Operation, /) -> Outcome:
        return Outcome(value=self.answer, text=operation.needs, server="worker", tool="add", elapsed=0.0)


@pytest.mark.anyio
@pytest.mark.promise("C13")
async def test_a_unit_that_reports_success_it_does_not_have_is_found_and_an_honest_one_is_not_accused(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    proof = UnitProof(operation=ADD, accepts=lambda outcome: outcome.value == 3)
    units = {name: Worker(answer=3 if name == "honest" else 4) for name in ("honest", "liar")}
    async with place.vsm as vsm:
        for name, worker in units.items():
            vsm.add_unit(OperationalUnit(name, worker, policy=UnitPolicy(takes=frozenset({name})), proof=proof))
        vsm.add_unit(OperationalUnit("unproven", Worker(answer=3), policy=UnitPolicy(takes=frozenset({"unproven"}))))
        cycles = regulation(vsm)
        for _ in range(60):
            for name in (*units, "unproven"):
                await vsm.execute(Operation(needs=name))
            place.clock.advance(timedelta(hours=4))
            await cycles.tick()
        audits = vsm.parts.system3.audits
        assert audits.distrusted == ("liar",)
        assert "unproven" not in audits.units
        assert vsm.parts.system1.units["liar"].absorbed == 60
        assert vsm.remove_unit("liar").name == "liar"
        await cycles.tick()
        assert audits.distrusted == ()
        assert not [signal for signal in vsm.parts.vitals.algedonic.open() if "liar" in signal.key]


@pytest.mark.anyio
async def test_a_server_that_is_not_allowed_is_left_out_with_the_reason_and_costs_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    settings = place.vsm.settings.model_copy(update={"allow": ("memory:sums",)})
    offers = shelf()
    place.vsm = ViableSystem(settings, shelf=offers, sources=(offers,), world=World(clock=place.clock))
    async with place.vsm as vsm:
        await place.demand(COUNT, 10)
        report = await regulation(vsm).tick()
        scan = vsm.parts.system4.last_scan
    assert report.acquired == ()
    assert report.budget_left == 5
    assert scan is not None
    assert "words" in scan.proposals.left_out
    assert scan.proposals.best == ()


@pytest.mark.anyio
async def test_demand_that_is_lost_too_fast_hurts_until_regulation_ends(tmp_path: Path) -> None:
    place = Place(tmp_path, autonomy=Autonomy.OBSERVE)
    async with place.vsm as vsm:
        for _ in range(40):
            await place.demand(COUNT, 1)
            place.clock.advance(timedelta(minutes=1))
        pain = vsm.parts.vitals.algedonic
        async with vsm.regulate(every=0.001) as cycles:
            while not cycles.reports:  # noqa: ASYNC110 - nothing tells of a cycle that goes well
                await anyio.sleep(0.001)
            assert {"burn rate", "absorbed share"} <= {signal.key for signal in pain.open()}
        assert pain.open() == ()


@pytest.mark.anyio
async def test_performance_counts_from_the_last_change_of_capabilities_on(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await place.demand(COUNT, 60)
        cycles = regulation(vsm)
        assert (await cycles.tick()).acquired == ("words",)
        index = vsm.parts.system3.index_of()
        assert index is not None
        assert (index.actuality, index.performance) == (None, None)
        await place.demand(COUNT, 40)
        await cycles.tick()
        index = vsm.parts.system3.index_of()
        assert index is not None
        assert (index.actuality, index.n) == (1.0, 40)
        assert index.productivity == 1.0


@pytest.mark.anyio
@pytest.mark.promise("C12")
async def test_a_sudden_loss_that_cyberfilter_sees_is_pain(tmp_path: Path) -> None:
    heard: list[Event] = []
    place = Place(tmp_path, heard=heard, autonomy=Autonomy.OBSERVE)
    async with place.vsm as vsm:
        cycles = regulation(vsm)
        for step in range(60):
            stage = Stage.FAILED if 25 <= step < 35 else Stage.ABSORBED
            for _ in range(30):
                vsm.parts.variety.observe("count words", stage)
            await cycles.tick()
    felt = [event for event in heard if isinstance(event, AlgedonicRaised) and event.key.startswith("change of")]
    assert felt
    assert felt[0].pain
    assert "Cyberfilter sees" in felt[0].reason


@pytest.mark.anyio
@pytest.mark.promise("C101")
async def test_pain_climbs_in_time_and_does_not_wait_for_the_next_cycle(tmp_path: Path) -> None:
    climbed = anyio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, AlgedonicEscalated):
            climbed.set()

    settings = Settings(state=tmp_path, sandbox=Confinement.NONE)
    with anyio.fail_after(10):
        async with ViableSystem(settings, sources=(shelf(),), emit=hear) as vsm, vsm.regulate(every=3600) as cycles:
            while not cycles.reports:  # noqa: ASYNC110 - nothing tells of a cycle that goes well
                await anyio.sleep(0.001)
            pain = AlgedonicChannel(clock=SystemClock(), recovery=dict.fromkeys(list(Level)[:4], 0.01), emit=hear)
            quick = Regulation(
                replace(vsm.parts.organs, vitals=replace(vsm.parts.vitals, algedonic=pain)), every=3600, budget=0
            )
            pain.signal("disk", pain=True)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(quick.run)
                await climbed.wait()
                tasks.cancel_scope.cancel()


@pytest.mark.anyio
@pytest.mark.promise("C62")
async def test_the_time_between_two_cycles_is_a_setting_and_a_minute_by_default(tmp_path: Path) -> None:
    place = Place(tmp_path)
    settings = place.vsm.settings.model_copy(update={"variety_check_interval": 7.0})
    async with place.vsm as vsm, vsm.regulate() as usual:
        assert repr(usual).endswith("every=60 s)")
    async with ViableSystem(settings, sources=(shelf(),)) as vsm, vsm.regulate() as quicker:
        assert repr(quicker).endswith("every=7 s)")


@pytest.mark.anyio
async def test_what_cyberfilter_made_hurt_hurts_no_longer_when_regulation_ends(tmp_path: Path) -> None:
    change = "change of the absorbed share"
    async with Place(tmp_path, autonomy=Autonomy.OBSERVE).vsm as vsm:
        cycles, pain = regulation(vsm), vsm.parts.vitals.algedonic
        for step in range(60):
            stage = Stage.FAILED if step >= 25 else Stage.ABSORBED
            for _ in range(30):
                vsm.parts.variety.observe("count words", stage)
            await cycles.tick()
            if [signal for signal in pain.open() if signal.pain and signal.key == change]:
                break
        else:
            pytest.fail("the loss was not felt")
        cycles.end()
        assert not [signal for signal in pain.open() if signal.pain]


@pytest.mark.anyio
@pytest.mark.promise("C30")
async def test_steps_of_engineering_may_be_declared_after_the_system_was_entered(tmp_path: Path) -> None:
    steps = VarietyEngineering()
    settings = Settings(state=tmp_path, sandbox=Confinement.NONE)
    async with ViableSystem(settings, sources=(shelf(),), charter=Charter(engineering=steps)) as vsm:
        steps.add(Attenuator(groups={"count words": "texts"}, reason="All of these are about texts."))
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.system1.execute(COUNT)
        assert set(vsm.parts.variety.shares()) == {"texts"}
