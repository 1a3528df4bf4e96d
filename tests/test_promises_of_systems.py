"""What the five systems promise holds for a whole system, through its own door."""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import anyio
import pytest
from mcp.server import MCPServer
from mcp_types import ToolAnnotations

from vsm_mcp import (
    Autonomy,
    Bound,
    Identity,
    Joint,
    Operation,
    OperationalUnit,
    Outcome,
    Probe,
    Regulation,
    Settings,
    Shelf,
    UnitPolicy,
    ViableSystem,
)
from vsm_mcp.errors import (
    CapabilityMissingError,
    CapacityError,
    ConfigurationError,
    ContentionError,
    ToolError,
    VSMError,
)
from vsm_mcp.events import Event, OperationEnded, ignore
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.report import Report
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.intelligence.homeostat import Side
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.variety.analysis import VarietyAnalysis
from vsm_mcp.variety.ashby.information import ledger
from vsm_mcp.world.world import World

PACK = Operation(needs="pack boxes")
COUNT = Operation(needs="count words", arguments={"text": "what a system does"})


class Worker:
    """Does what it is asked, as long as it takes; knows how many operations were under way at once."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.busy = self.most = 0
        self.free: anyio.Event | None = None
        self.fails = False

    async def execute(self, operation: Operation, /) -> Outcome:
        self.seen.append(operation.needs)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await (anyio.lowlevel.checkpoint() if self.free is None else self.free.wait())
        finally:
            self.busy -= 1
        if self.fails:
            raise RuntimeError(operation.needs)
        return Outcome(value="done", text="done", server="worker", tool="hands", elapsed=0.0)


def server(works: Callable[[], bool], *, reads: bool) -> MCPServer[None]:
    """Return a server that counts words while it works, and may say of its tool that it only reads."""
    made: MCPServer[None] = MCPServer("words")

    def count_words(text: str) -> int:
        """Count the words of a text."""
        if not works():
            raise ValueError("out of order")
        return len(text.split())

    made.add_tool(count_words, name="count_words", annotations=ToolAnnotations(read_only_hint=reads))
    return made


def unit(name: str, worker: Worker, *takes: str, budget: int | None = None) -> OperationalUnit:
    return OperationalUnit(name, worker, policy=UnitPolicy(takes=frozenset(takes), most_per_period=budget))


class Place:
    """A system in memory, on a clock that is moved by hand."""

    def __init__(
        self,
        state: Path,
        *units: OperationalUnit,
        autonomy: Autonomy = Autonomy.OBSERVE,
        identity: Identity | None = None,
        heard: list[Event] | None = None,
        most_at_once: int = 1000,
        patience: float = 5.0,
        levels: int = 3,
    ) -> None:
        self.clock, self.shelf = FakeClock(), Shelf()
        settings = Settings(
            state=state,
            autonomy=autonomy,
            allow=("memory:*",),
            sandbox=Confinement.NONE,
            max_concurrent_operations=most_at_once,
            coordination_timeout=patience,
            recursion_depth=levels,
        )
        self.vsm = ViableSystem(
            settings,
            shelf=self.shelf,
            sources=(self.shelf,),
            world=World(clock=self.clock, random=Random(1)),  # noqa: S311 - reproducible
            units=units,
            charter=Charter(identity=identity),
            emit=ignore if heard is None else heard.append,
        )

    def met(self, kind: str, stage: Stage, times: int) -> None:
        """Record demand as operations would."""
        self.vsm.parts.variety.observe_many([(kind, stage)] * times)


@pytest.mark.anyio
@pytest.mark.promise("C4", "C7")
async def test_units_do_their_own_work_within_their_own_policy_and_budget(tmp_path: Path) -> None:
    packing, posting = Worker(), Worker()
    place = Place(tmp_path, unit("packer", packing, "pack boxes", budget=2), unit("post", posting, "post *"))
    async with place.vsm as vsm:
        await vsm.execute(PACK)
        await vsm.execute(Operation(needs="post letters"))
        await vsm.execute(PACK)
        with pytest.raises(CapacityError, match="packer"):
            await vsm.execute(PACK)
        with pytest.raises(CapabilityMissingError):
            await vsm.execute(COUNT)
        status, lost = vsm.status(), vsm.analyze_variety().gaps_by_system
    assert (packing.seen, posting.seen) == (["pack boxes", "pack boxes"], ["post letters"])
    assert (status.systems.system1.units, status.systems.system1.absorbed) == (2, 3)
    assert (lost["system3"].kinds, lost["system4"].kinds) == (("pack boxes",), ("count words",))


@pytest.mark.anyio
@pytest.mark.promise("C8", "C9", "C99")
async def test_what_wants_the_same_takes_turns_and_what_does_not_never_waits(tmp_path: Path) -> None:
    worker = Worker()
    place = Place(tmp_path, unit("packer", worker, "pack boxes"))
    async with place.vsm as vsm, anyio.create_task_group() as tasks:
        for uses in ({"table"}, {"table"}, {"desk"}):
            worker.free = anyio.Event()
            tasks.start_soon(vsm.execute, Operation(needs="pack boxes", uses=frozenset(uses)))
        await anyio.wait_all_tasks_blocked()
        assert worker.busy == 2
        report = vsm.parts.system2.report()
        assert (report.held, report.waiting, report.conflicts) == (2, 1, 1)
        worker.free.set()
        while vsm.parts.system1.absorbed < 3:
            await anyio.lowlevel.checkpoint()
        system2 = vsm.status().systems.system2
        assert (system2.conflicts, system2.conflicts_resolved) == (1, 1)
    assert worker.most == 2


@pytest.mark.anyio
@pytest.mark.promise("C70")
async def test_who_waits_for_what_others_hold_waits_as_long_as_the_settings_say(tmp_path: Path) -> None:
    worker = Worker()
    worker.free = anyio.Event()
    place = Place(tmp_path, unit("packer", worker, "pack boxes"), patience=0.01)
    at_the_table = Operation(needs="pack boxes", uses=frozenset({"table"}))
    async with place.vsm as vsm, anyio.create_task_group() as tasks:
        tasks.start_soon(vsm.execute, at_the_table)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ContentionError, match=r"0\.01 s"):
            await vsm.execute(at_the_table)
        assert vsm.parts.variety.lost_by_system()["system2"] == 1.0
        worker.free.set()
    assert Settings().coordination_timeout == 5.0


@pytest.mark.anyio
@pytest.mark.promise("C69")
async def test_no_more_operations_are_under_way_than_the_settings_say(tmp_path: Path) -> None:
    worker = Worker()
    worker.free = anyio.Event()
    place = Place(tmp_path, unit("packer", worker, "pack boxes"), most_at_once=1, patience=0.01)
    async with place.vsm as vsm, anyio.create_task_group() as tasks:
        tasks.start_soon(vsm.execute, PACK)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(CapacityError):
            await vsm.execute(PACK)
        assert vsm.parts.variety.lost_by_system()["system3"] == 1.0
        worker.free.set()
    assert Settings().max_concurrent_operations == 1000


@pytest.mark.anyio
@pytest.mark.promise("C29", "C32", "C64")
async def test_a_system_is_a_unit_of_a_system_down_to_the_depth_of_the_settings(tmp_path: Path) -> None:
    worker = Worker()
    bottom = Place(tmp_path / "bottom", unit("packer", worker, "pack boxes"))
    middle, top = Place(tmp_path / "middle"), Place(tmp_path / "top")
    shallow = Place(tmp_path / "shallow", levels=1)
    async with bottom.vsm as lowest, middle.vsm as between, top.vsm as whole, shallow.vsm as flat:
        between.add_unit(OperationalUnit("bottom", lowest))
        whole.add_unit(OperationalUnit("middle", between))
        outcome = await whole.execute(PACK)
        for level in (lowest, between, whole):
            status = level.status()
            assert (status.viable, status.systems.system1.absorbed, status.variety.required) == (True, 1, 1)
        with pytest.raises(ConfigurationError, match="deep"):
            flat.add_unit(OperationalUnit("bottom", lowest))
        with pytest.raises(ConfigurationError, match="itself"):
            lowest.add_unit(OperationalUnit("again", lowest))
    assert (outcome.text, worker.seen) == ("done", ["pack boxes"])
    assert Settings().recursion_depth == 3


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["reads", "acts"])
async def test_another_verified_provider_takes_over_only_when_the_first_one_merely_read(
    tmp_path: Path, kind: str
) -> None:
    place = Place(tmp_path, autonomy=Autonomy.AUTO)
    broken, reads = list[str](), kind == "reads"
    for name in ("first", "second"):
        place.shelf.offer(
            name, lambda name=name: server(lambda: name not in broken, reads=reads), summary="Counts words."
        )
    async with place.vsm as vsm:
        for name in ("first", "second"):
            await vsm.acquire_capability(
                "count words", server=name, probe=Probe(tool="count_words", arguments={"text": "one two"})
            )
        outcome = await vsm.execute(COUNT)
        broken.append(outcome.server)
        attempts: list[tuple[str, int] | None] = []
        for _ in range(4):
            try:
                outcome = await vsm.execute(COUNT)
                attempts.append((outcome.server, outcome.attempts))
            except ToolError:
                attempts.append(None)
    other = "second" if broken == ["first"] else "first"
    if reads:
        assert {served[0] for served in attempts if served} == {other}
        assert None not in attempts
    else:
        assert all(served in (None, (other, 1)) for served in attempts)


@pytest.mark.anyio
@pytest.mark.promise("C16", "C17", "C154")
async def test_what_comes_is_foreseen_simulated_and_named_before_it_is_there(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        vsm.parts.variety.note_capability("pack boxes", 9, 9)
        cycles = Regulation(vsm.parts.organs)
        for cycle in range(12):
            place.met("pack boxes", Stage.ABSORBED, 40)
            place.met("fold paper", Stage.UNKNOWN, 3 * cycle)
            await cycles.tick()
            place.clock.advance(timedelta(minutes=1))
        scan, analysis = vsm.parts.system4.last_scan, vsm.analyze_variety()
        detected = vsm.status().systems.system4.threats_detected
    assert scan is not None
    assert scan.forecast is not None
    assert scan.forecast.low <= scan.forecast.mean <= scan.forecast.high
    assert scan.forecast.mean > (scan.gap_share or 0.0) > 0.0
    assert analysis.forecast == scan.forecast.mean
    assert "fold paper" in [threat.kind for threat in scan.threats]
    assert detected == len(scan.threats)
    assert scan.scenarios
    assert all(future.gap_low <= future.gap_mean <= future.gap_high for future in scan.scenarios)


@pytest.mark.anyio
@pytest.mark.promise("C19")
async def test_what_would_take_the_system_out_of_its_identity_is_not_decided_whatever_it_is_worth(
    tmp_path: Path,
) -> None:
    identity = Identity(purpose="Answer readers.", essential=(Bound(figure="cash", low=0.0),))
    context = {
        "issue": "growth",
        "options": [
            {"name": "bet it all", "attributes": {"reach": 1.0}, "effects": {"cash": -5.0}},
            {"name": "grow slowly", "attributes": {"reach": 0.2}, "effects": {"cash": 3.0}},
        ],
    }
    async with Place(tmp_path, identity=identity).vsm as vsm:
        decision = await vsm.make_decision(context)
        vsm.record_outcome(decision.id, success=True, note="readers answered")
        now = vsm.parts.system5.align("this moment", {"cash": -1.0})
    assert decision.decision == "grow slowly"
    assert [(veto.rule, veto.option) for veto in decision.vetoes] == [("identity: cash", "bet it all")]
    assert (now.aligned, now.violated) == (False, ("cash",))


@pytest.mark.anyio
@pytest.mark.promise("C20")
async def test_system_5_enters_when_what_4_proposes_stays_unanswered_and_leaves_when_it_is_answered(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.shelf.offer("words", lambda: server(lambda: True, reads=True), summary="Counts words.")
        place.met("count words", Stage.UNKNOWN, 20)
        cycles = Regulation(vsm.parts.organs)
        answered = await cycles.tick()
        assert (answered.balance.proposals["system4"], answered.balance.answered_share) == (1, 1.0)
        for number in range(20):
            vsm.parts.system4.homeostat.propose(f"plan {number}", by=Side.INTELLIGENCE, now=0.0)
        pains: list[tuple[str, Level]] = []
        report = answered
        for _ in range(6):
            report = await cycles.tick()
            pains = [(signal.key, signal.level) for signal in vsm.parts.vitals.algedonic.open()]
        assert report.balance.enter_system5
        assert ("balance of Systems 3 and 4", Level.POLICY) in pains
        assert "System 5 must balance" in (vsm.status().readings["trust in itself"].act or "")
        for number in range(20):
            vsm.parts.system4.decline(f"plan {number}")
        for _ in range(4):
            report = await cycles.tick()
        assert not report.balance.enter_system5
        assert "balance of Systems 3 and 4" not in [signal.key for signal in vsm.parts.vitals.algedonic.open()]


async def lived(state: Path) -> tuple[list[OperationEnded], VarietyAnalysis]:
    """Return the operations of a system with a unit, one that fails, and a server, and what was made of them."""
    heard: list[Event] = []
    place = Place(state, autonomy=Autonomy.AUTO, heard=heard)
    packing, folding = Worker(), Worker()
    folding.fails = True
    async with place.vsm as vsm:
        vsm.add_unit(unit("packer", packing, "pack boxes"))
        vsm.add_unit(unit("folder", folding, "fold paper"))
        place.shelf.offer("words", lambda: server(lambda: True, reads=True), summary="Counts words.")
        await vsm.acquire_capability("count words", server="words")
        for needs in ("pack boxes", "pack boxes", "fold paper", "count words", "fly", "swim", "fly", "pack boxes"):
            with suppress(VSMError):
                await vsm.parts.system1.execute(Operation(needs=needs, arguments=COUNT.arguments))
        return [event for event in heard if isinstance(event, OperationEnded)], vsm.analyze_variety()


@pytest.mark.anyio
@pytest.mark.promise("A39", "C30")
async def test_the_law_of_requisite_variety_is_a_balance_on_the_recorded_operations(tmp_path: Path) -> None:
    ended, analysis = await lived(tmp_path)
    well = str(Stage.ABSORBED)
    recorded = [(one.kind, one.server, well if one.stage == well else one.kind) for one in ended]
    books = ledger(Joint.of_samples("DRE", recorded))
    parts = books.selection_bits + books.attenuation_bits - books.leak_bits
    assert (len(ended), books.n) == (8, 8)
    assert books.demand_bits == pytest.approx(analysis.required_bits, abs=0.01)
    assert books.demand_bits - books.residual_bits == pytest.approx(parts, abs=1e-9)
    assert books.slack_bits == pytest.approx(books.leak_bits, abs=1e-9)
    assert books.law_holds
    assert books.selection_bits > 1.0


@pytest.mark.anyio
@pytest.mark.promise("A41", "C73")
async def test_every_demand_ends_at_one_system_and_nothing_is_left_over(tmp_path: Path) -> None:
    _, analysis = await lived(tmp_path)
    gaps = analysis.gaps_by_system
    lost = {"system1": 1 / 8, "system2": 0.0, "system3": 0.0, "system4": 3 / 8, "system5": 0.0}
    assert {system: gap.share for system, gap in gaps.items()} == pytest.approx(lost, abs=0.01)
    bits = [gap.bits or 0.0 for gap in gaps.values()]
    assert math.fsum((*bits, analysis.absorbed_bits or 0.0)) == pytest.approx(analysis.required_bits, abs=1e-9)
    assert gaps["system1"].kinds == ("fold paper",)
    assert gaps["system4"].kinds == ("fly", "swim")


@pytest.mark.anyio
@pytest.mark.promise("C72", "C73", "C74", "C148", "C151")
async def test_every_report_is_frozen_and_people_can_read_it_as_text_and_in_a_notebook(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("count words", Stage.UNKNOWN, 20)
        cycle = await Regulation(vsm.parts.organs).tick()
        decision = await vsm.make_decision({"issue": "what to do next"})
        reports: list[Report] = [
            cycle,
            decision,
            vsm.record_outcome(decision.id, success=False),
            vsm.status(),
            vsm.analyze_variety(),
            vsm.diagnose_variety_gap(),
            vsm.diagnose_performance(),
            vsm.diagnose(),
            vsm.cache_stats()["kinds"],
            *(system.report() for system in (vsm.parts.system1, vsm.parts.system2, vsm.parts.system3)),
            vsm.parts.vitals.algedonic.report(),
        ]
    for report in reports:
        name = type(report).__name__
        assert isinstance(report, Report), name
        assert type(report).model_config.get("frozen"), name
        assert repr(report) == str(report) != "", name
        assert f"{name}(" not in repr(report), name
        page = report._repr_html_()  # pyright: ignore[reportPrivateUsage] - what notebooks call
        assert page.startswith(f"<b>{name}</b><table>"), name
        assert type(report).model_validate_json(report.model_dump_json()) == report, name
