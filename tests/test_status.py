"""The snapshot says what was measured, from how much, and what to do; what was not measured it does not know."""

import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import anyio
import pytest
from pydantic import ValidationError

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import VSMError
from vsm_mcp.model.operation import Outcome, Stage
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.status import SystemStatus
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.control.bargain import ResourceRequest
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.rules import PolicySet, Rule
from vsm_mcp.systems.regulation import Regulation
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.world import World

NAMES = (
    "viable systems",
    "absorbed share",
    "gap by system",
    "diversity of the gap",
    "best next capability",
    "model of demand",
    "triple index",
    "coordination",
    "resources",
    "audit",
    "algedonic",
    "trust in itself",
)
DONE = Outcome(value="done", text="done", server="host", tool="own", elapsed=0.0)
PACK = Operation(needs="pack boxes")
HOSTILE = "<script>alert('x')</script>\x1b[2J\nviable"


class Worker:
    """Does what it is asked, unless it is told to fail; what it looks at meanwhile, it looks at from inside."""

    def __init__(self, *, look: Callable[[], object] | None = None) -> None:
        self.fails = False
        self.seen: list[object] = []
        self._look = look

    async def execute(self, operation: Operation, /) -> Outcome:
        await anyio.lowlevel.checkpoint()
        if self.fails:
            raise RuntimeError(operation.needs)
        if self._look is not None:
            self.seen.append(self._look())
        return DONE


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def shelf() -> Shelf:
    offers = Shelf()
    offers.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts words of a text.")
    return offers


class Place:
    """A system in memory with one server on its shelf, on a clock that is moved by hand."""

    def __init__(
        self,
        state: Path,
        *units: OperationalUnit,
        charter: Charter | None = None,
        most_servers: int = 16,
        most_at_once: int = 1000,
        threshold: float = 0.8,
        offers: Shelf | None = None,
    ) -> None:
        self.clock = FakeClock()
        offers = offers or shelf()
        settings = Settings(
            state=state,
            autonomy=Autonomy.AUTO,
            allow=("memory:*",),
            sandbox=Confinement.NONE,
            most_servers=most_servers,
            max_concurrent_operations=most_at_once,
            variety_threshold=threshold,
        )
        world = World(clock=self.clock, random=Random(1))  # noqa: S311 - reproducible
        self.vsm = ViableSystem(settings, shelf=offers, sources=(offers,), world=world, units=units, charter=charter)

    def met(self, kind: str, stage: Stage, times: int) -> None:
        """Record demand as operations would."""
        self.vsm.parts.variety.observe_many([(kind, stage)] * times)


def packing(worker: Worker, name: str = "packer", *, priority: int = 0) -> OperationalUnit:
    return OperationalUnit(name, worker, policy=UnitPolicy(takes=frozenset({"pack boxes"}), priority=priority))


async def ask(vsm: ViableSystem, operation: Operation, times: int = 1) -> None:
    for _ in range(times):
        try:
            await vsm.parts.system1.execute(operation)
        except VSMError:
            continue


@pytest.mark.anyio
@pytest.mark.promise("C72")
async def test_before_any_demand_nothing_is_judged_and_no_figure_is_invented(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        status = vsm.status()
    assert (status.viable, status.health) == (None, None)
    assert status.reasons == ("Servers run without any sandbox: set sandbox='bubblewrap'.",)
    one, two, three, four, five = (getattr(status.systems, f"system{number}") for number in range(1, 6))
    assert (one.status, one.units, one.units_viable, one.variety_absorbed) == ("idle", 0, 0, None)
    assert (two.status, two.conflicts, two.conflicts_resolved) == ("coordinating", 0, 0)
    assert (three.status, three.efficiency, three.audited) == ("optimizing", None, 0)
    assert (four.status, four.threats_detected, four.opportunities, four.scanned_at) == ("waiting", None, None, None)
    assert (five.status, five.policies_active, five.decisions) == ("governing", 0, 0)
    balance = status.variety
    assert (balance.required, balance.available, balance.gap, balance.ratio) == (0, 0, 0, None)
    assert balance.unit == "demand kinds"
    assert status.at == place.clock.now()
    taken = [name for name, reading in status.readings.items() if reading.taken]
    assert taken == ["resources", "algedonic"]
    for name, why in {
        "viable systems": "0 of 0 units",
        "absorbed share": "0 demands",
        "gap by system": "0 demands",
        "diversity of the gap": "0 demands of 0 kinds",
        "best next capability": "no scan yet",
        "model of demand": "no scan yet",
        "triple index": "no cycle of regulation yet",
        "coordination": "0 claims",
        "audit": "0 audits of the worst of 0 units",
        "trust in itself": "0 outcomes of decisions",
    }.items():
        reading = status.readings[name]
        assert reading.basis.startswith(why)
        assert (reading.value, reading.low, reading.high, reading.act) == (None, None, None, None)


@pytest.mark.anyio
@pytest.mark.promise("C72", "D49")
async def test_a_working_system_shows_what_each_of_the_five_systems_measured(tmp_path: Path) -> None:
    place = Place(
        tmp_path, packing(Worker()), charter=Charter(policy=PolicySet([Rule(name="no weapons", forbids=("arm",))]))
    )
    async with place.vsm as vsm:
        await ask(vsm, PACK, 82)
        await ask(vsm, Operation(needs="count words", arguments={"text": "a b"}), 18)
        assert vsm.parts.system2.lease(("file",), holder="one", ttl=9.0)
        async with vsm.parts.system2.hold(("other",), holder="two"):
            pass
        await vsm.parts.system4.scan()
        await Regulation(vsm.parts.organs, budget=0).tick()
        status = vsm.status()
    assert status.viable is True
    assert "\nviable, health " in f"\n{status}"
    systems = status.systems
    assert (systems.system1.status, systems.system1.units, systems.system1.units_viable) == ("operational", 1, 1)
    assert (systems.system1.absorbed, systems.system1.failed, systems.system1.busy) == (82, 0, 0)
    assert systems.system1.variety_absorbed == pytest.approx(0.82, abs=0.01)
    assert (systems.system2.conflicts, systems.system2.conflicts_resolved) == (0, 0)
    assert systems.system3.efficiency == pytest.approx(1.0, abs=0.05)
    assert systems.system3.audited == 0
    assert (systems.system4.status, systems.system4.opportunities) == ("scanning", 1)
    assert systems.system4.threats_detected is not None
    assert systems.system4.scanned_at == place.clock.now()
    assert (systems.system5.policies_active, systems.system5.autonomy) == (1, "AUTO")
    assert (status.variety.required, status.variety.available, status.variety.gap) == (2, 1, 1)
    assert status.variety.ratio == systems.system1.variety_absorbed


@pytest.mark.anyio
@pytest.mark.promise("C72")
async def test_a_snapshot_is_frozen_and_its_json_is_stable_and_comes_back(tmp_path: Path) -> None:
    place = Place(tmp_path, packing(Worker()))
    async with place.vsm as vsm:
        await vsm.acquire_capability("count words", server="words")
        await ask(vsm, PACK, 3)
        first, second = vsm.status(), vsm.status()
    with pytest.raises(ValidationError, match="frozen"):
        first.viable = None  # pyright: ignore[reportAttributeAccessIssue] - that is what is refused
    assert first.model_dump_json() == second.model_dump_json()
    back = SystemStatus.model_validate_json(first.model_dump_json())
    assert back == first
    assert [server.name for server in back.servers] == ["words"]
    assert back.servers[0].tools == ("count_words",)


@pytest.mark.anyio
@pytest.mark.promise("C72")
async def test_people_read_one_line_per_number_and_what_is_hostile_stays_text(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        vsm.parts.vitals.algedonic.signal("door", pain=True, level=Level.HOST, reason=HOSTILE)
        status = vsm.status()
    lines = str(status).splitlines()
    assert lines[0] == "not viable, servers: 0, sandbox: none"
    assert len(lines) == 1 + len(status.reasons) + len(NAMES)
    assert "\x1b" not in str(status)
    assert any("<script>alert('x')</script>\\x1b[2J viable" in line for line in lines)
    page = status._repr_html_()  # pyright: ignore[reportPrivateUsage] - what notebooks call
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.anyio
@pytest.mark.promise("C72")
async def test_the_twelve_numbers_come_in_order_each_with_its_basis_and_within_its_bounds(tmp_path: Path) -> None:
    place, random = Place(tmp_path), Random(7)  # noqa: S311 - reproducible
    async with place.vsm as vsm:
        for _ in range(60):
            place.met(f"kind {random.randrange(5)}", random.choice(tuple(Stage)), random.randrange(1, 9))
            readings = vsm.status().readings
            assert tuple(readings) == NAMES
            assert [reading.number for reading in readings.values()] == list(range(1, 13))
            assert all(reading.basis and reading.unit and str(reading) for reading in readings.values())
            share, lost = readings["absorbed share"], readings["gap by system"]
            assert share.value is not None
            assert share.low is not None
            assert share.high is not None
            assert 0.0 <= share.low <= share.value <= share.high <= 1.0
            assert lost.value == pytest.approx(sum(part or 0.0 for part in lost.parts.values()))
            assert lost.value == pytest.approx(1.0 - share.value)


@pytest.mark.anyio
@pytest.mark.parametrize(("stage", "low", "high"), [(Stage.ABSORBED, 0.7225, 1.0), (Stage.UNKNOWN, 0.0, 0.2775)])
async def test_the_interval_of_ten_demands_is_that_of_wilson(
    tmp_path: Path, *, stage: Stage, low: float, high: float
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("count words", stage, 10)
        reading = vsm.status().readings["absorbed share"]
    assert (reading.low, reading.high) == pytest.approx((low, high), abs=1e-4)
    assert {reading.low, reading.high} & {0.0, 1.0}


Setup = Callable[[Place], Awaitable[object]]


def demand(*stages: tuple[Stage, int], kinds: int = 1) -> Setup:
    async def prepare(place: Place) -> None:
        await anyio.lowlevel.checkpoint()
        for stage, times in stages:
            for kind in range(kinds):
                place.met(f"kind {kind}", stage, times)

    return prepare


async def a_scan_that_finds(place: Place) -> None:
    place.met("count words", Stage.UNKNOWN, 5)
    await place.vsm.parts.system4.scan()


async def a_scan_that_finds_nothing(place: Place) -> None:
    place.met("pack boxes", Stage.ABSORBED, 5)
    await place.vsm.parts.system4.scan()


async def other_demand(place: Place) -> None:
    place.met("the old", Stage.ABSORBED, 2000)
    await place.vsm.parts.system4.scan()
    place.met("the new", Stage.ABSORBED, 1000)
    await place.vsm.parts.system4.scan()


async def demand_of_ever_new_kinds(place: Place) -> None:
    for number in range(20):
        place.met(f"once {number}", Stage.UNKNOWN, 1)
    await place.vsm.parts.system4.scan()


def indices(*, actuality: float, capability: float, potentiality: float) -> Setup:
    async def prepare(place: Place) -> None:
        await anyio.lowlevel.checkpoint()
        place.vsm.parts.system3.performance(
            actuality=actuality, capability=capability, potentiality=potentiality, n=100
        )

    return prepare


async def a_swing(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    for step in range(200):
        place.vsm.parts.system2.watch("servers held", float(step // 5 % 2))


async def a_flap(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    for _ in range(5):
        place.vsm.parts.system2.flap("server words")


async def no_claim_collides(place: Place) -> None:
    async with place.vsm.parts.system2.hold(("a file",), holder="one"):
        pass


async def the_only_server_is_held(place: Place) -> None:
    await place.vsm.acquire_capability("count words", server="words")


async def an_open_pain(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    place.vsm.parts.vitals.algedonic.signal("the door", pain=True, reason="It does not close.")


async def a_pleasure(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    place.vsm.parts.vitals.algedonic.signal("the door", pain=False, reason="It closes.")


def forecasts(*told: tuple[float, str]) -> Setup:
    async def prepare(place: Place) -> None:
        for number, (prior, came) in enumerate(told):
            options = (Option(name="go", attributes={"worth": 1.0}, prior=prior),)
            decision = await place.vsm.make_decision(DecisionContext(issue=f"Matter {number}?", options=options))
            assert decision.decision == "go"
            place.vsm.record_outcome(decision.id, came == "well")

    return prepare


async def proposals_without_an_answer(place: Place) -> None:
    place.met("count words", Stage.UNKNOWN, 5)
    await place.vsm.parts.system4.scan()
    for _ in range(3):
        place.clock.advance(timedelta(hours=2))
        place.vsm.parts.system4.homeostat.review(now=place.clock.now().timestamp())


@pytest.mark.anyio
@pytest.mark.promise("C72")
@pytest.mark.parametrize(
    ("name", "setup", "act"),
    [
        ("absorbed share", demand((Stage.ABSORBED, 85), (Stage.UNKNOWN, 15)), None),
        ("absorbed share", demand((Stage.ABSORBED, 75), (Stage.STARVED, 25)), "Close the gap in time"),
        ("absorbed share", demand((Stage.UNKNOWN, 25), (Stage.ABSORBED, 75)), "Wait for further demand"),
        ("diversity of the gap", demand((Stage.UNKNOWN, 25), (Stage.ABSORBED, 75)), None),
        ("gap by system", demand((Stage.ABSORBED, 90), (Stage.FAILED, 10)), None),
        ("gap by system", demand((Stage.FAILED, 9)), "lost at system1: repair or replace"),
        ("gap by system", demand((Stage.CONTENDED, 9)), "lost at system2: keep colliding work apart"),
        ("gap by system", demand((Stage.STARVED, 9)), "lost at system3: give more capacity"),
        ("gap by system", demand((Stage.UNKNOWN, 9)), "lost at system4: acquire"),
        ("gap by system", demand((Stage.REFUSED, 9)), "lost at system5: review the policy"),
        ("diversity of the gap", demand((Stage.ABSORBED, 9), kinds=9), None),
        ("diversity of the gap", demand((Stage.UNKNOWN, 9), kinds=3), "a few capabilities close the gap"),
        ("diversity of the gap", demand((Stage.UNKNOWN, 9), kinds=4), "generalist, or attenuate"),
        ("best next capability", a_scan_that_finds_nothing, None),
        ("best next capability", a_scan_that_finds, "Acquire words for 'count words'"),
        ("model of demand", a_scan_that_finds, None),
        ("model of demand", other_demand, "demand is not what it was"),
        ("model of demand", demand_of_ever_new_kinds, "Widen the classifier"),
        ("triple index", indices(actuality=0.9, capability=0.9, potentiality=1.0), None),
        ("triple index", indices(actuality=0.3, capability=0.9, potentiality=0.95), "Look inside"),
        ("triple index", indices(actuality=0.3, capability=0.3, potentiality=0.9), "Look outside"),
        ("coordination", no_claim_collides, None),
        ("coordination", a_swing, "Damp what swings: servers held"),
        ("coordination", a_flap, "Leave alone what changes too often: server words"),
        ("resources", no_claim_collides, None),
        ("resources", the_only_server_is_held, "Reallocate or expand servers: 100% is used."),
        ("algedonic", a_pleasure, None),
        ("algedonic", an_open_pain, "the door: It does not close."),
        ("trust in itself", forecasts((0.9, "well"), (0.9, "well"), (0.9, "well"), (0.6, "ill")), None),
        ("trust in itself", forecasts((0.9, "ill"), (0.9, "ill"), (0.9, "ill"), (0.6, "well")), "Widen the priors"),
        ("trust in itself", proposals_without_an_answer, "System 5 must balance Systems 3 and 4"),
    ],
)
async def test_each_number_says_what_to_do_exactly_when_there_is_something_to_do(
    tmp_path: Path, *, name: str, setup: Setup, act: str | None
) -> None:
    place = Place(tmp_path, most_servers=1)
    async with place.vsm as vsm:
        await setup(place)
        reading = vsm.status().readings[name]
    if act is None:
        assert reading.act is None
    else:
        assert act in (reading.act or "")
        assert act in str(reading)


@pytest.mark.anyio
async def test_places_that_run_out_are_seen_from_inside_the_last_one(tmp_path: Path) -> None:
    place = Place(tmp_path, most_at_once=1)
    worker = Worker(look=place.vsm.status)
    async with place.vsm as vsm:
        vsm.add_unit(packing(worker))
        await ask(vsm, PACK)
        after = vsm.status()
    inside = worker.seen[0]
    assert isinstance(inside, SystemStatus)
    assert inside.systems.system1.status == "operational"
    assert inside.systems.system1.busy == 1
    assert inside.readings["resources"].act == "Reallocate or expand operations: 100% is used."
    assert after.readings["resources"].act is None


@pytest.mark.anyio
@pytest.mark.parametrize(("asked", "act"), [(85.0, None), (90.0, "Reallocate or expand calls: 90% is used.")])
async def test_a_resource_that_is_nearly_given_away_is_to_be_reallocated(
    tmp_path: Path, *, asked: float, act: str | None
) -> None:
    place = Place(tmp_path, charter=Charter(resources={"calls": 100.0, "operations": 50.0}))
    async with place.vsm as vsm:
        vsm.parts.system3.bargain((ResourceRequest(unit="packer", amounts={"calls": asked}, promised_share=0.9),))
        reading = vsm.status().readings["resources"]
    assert reading.act == act
    assert reading.unit == "of calls is used"
    assert reading.value == pytest.approx(asked / 100.0)
    assert reading.parts["calls"] == reading.value


@pytest.mark.anyio
async def test_a_scan_without_demand_and_an_index_of_nothing_say_why_they_know_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await vsm.parts.system4.scan()
        assert vsm.status().readings["model of demand"].basis == "no demand"
        place.met("unheard of", Stage.UNKNOWN, 2)
        await Regulation(vsm.parts.organs, budget=0).tick()
        vsm.parts.system3.performance(actuality=0.0, capability=0.0, potentiality=0.0, n=2)
        reading = vsm.status().readings["triple index"]
    assert reading.value is None
    assert reading.basis == "2 demands, and nothing that is held or known could do any"


@pytest.mark.anyio
async def test_a_number_of_the_last_scan_names_the_demand_of_that_scan(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("count words", Stage.UNKNOWN, 7)
        await vsm.parts.system4.scan()
        place.met("count words", Stage.UNKNOWN, 70)
        reading = vsm.status().readings["model of demand"]
    assert reading.basis == "the newest 7 demands, scanned 2026-01-01 00:00:00 UTC"


@pytest.mark.anyio
async def test_while_much_is_lost_fast_the_gap_is_to_be_closed_now(tmp_path: Path) -> None:
    place = Place(tmp_path, threshold=0.95)
    async with place.vsm as vsm:
        await ask(vsm, Operation(needs="unheard of"), 30)
        fast = vsm.status().readings["absorbed share"]
        place.clock.advance(timedelta(days=1))
        slow = vsm.status().readings["absorbed share"]
    assert (fast.act or "").startswith("Close the gap now: the budget of lost demand burns fast")
    assert (slow.act or "").startswith("Close the gap in time")


class Oracle:
    """A server that can be put out of order, whose reports of itself stay perfect."""

    def __init__(self) -> None:
        self.works = True

    def answer(self) -> str:
        """Answer a question."""
        if not self.works:
            raise ValueError("out of order")
        return "fine"

    def place(self, state: Path) -> Place:
        offers = Shelf()
        offers.offer("oracle", lambda: memory_server({"answer": self.answer}), summary="Answers questions.")
        return Place(state, offers=offers)

    async def found_out(self, vsm: ViableSystem) -> None:
        """Hold the server, let it do much well, break it, and audit it until that is found."""
        await vsm.acquire_capability("answer questions", server="oracle")
        await ask(vsm, Operation(needs="answer questions"), 200)
        audits = vsm.parts.system3.audits
        await audits.audit("oracle", now=0.0)
        assert vsm.status().readings["audit"].act is None
        self.works = False
        while not audits.distrusted:
            await audits.audit("oracle", now=0.0)


@pytest.mark.anyio
@pytest.mark.promise("C13")
async def test_a_server_that_is_not_what_it_reports_is_to_be_distrusted(tmp_path: Path) -> None:
    oracle = Oracle()
    async with oracle.place(tmp_path).vsm as vsm:
        await oracle.found_out(vsm)
        status = vsm.status()
    reading = status.readings["audit"]
    assert status.systems.system3.status == "distrusting"
    assert reading.act == "Distrust oracle, and audit more."
    assert reading.value is not None
    assert reading.low is not None
    assert reading.high is not None
    assert 0.0 < reading.low <= reading.value <= reading.high


@pytest.mark.anyio
@pytest.mark.promise("C101")
async def test_the_pain_over_a_server_ends_when_it_is_let_go(tmp_path: Path) -> None:
    oracle = Oracle()
    place = oracle.place(tmp_path)
    async with place.vsm as vsm:
        await oracle.found_out(vsm)
        place.clock.advance(timedelta(days=30))
        cycles, pain = Regulation(vsm.parts.organs), vsm.parts.vitals.algedonic
        await cycles.tick()
        assert [signal.key for signal in pain.open()] == ["audit of oracle"]
        await vsm.release_capability("oracle")
        await cycles.tick()
        assert "audit of oracle" not in [signal.key for signal in pain.open()]
        assert vsm.status().readings["audit"].value is None


@pytest.mark.anyio
@pytest.mark.promise("C72")
async def test_it_is_viable_while_demand_is_absorbed_and_not_when_the_loss_is_critical(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("pack boxes", Stage.ABSORBED, 70)
        place.met("pack boxes", Stage.FAILED, 30)
        on_alert = vsm.status()
        place.met("pack boxes", Stage.FAILED, 40)
        critical = vsm.status()
    assert (on_alert.viable, critical.viable) == (True, False)
    assert critical.reasons[0] == "Only 49% of demand is absorbed; below 60% is critical."


@pytest.mark.anyio
@pytest.mark.promise("C72", "C101")
async def test_pain_that_reached_the_host_makes_it_not_viable_until_it_is_relieved(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        pain = vsm.parts.vitals.algedonic
        pain.signal("the roof", pain=True, level=Level.CONTROL, reason="It leaks.")
        before = vsm.status()
        place.clock.advance(timedelta(hours=2))
        risen = vsm.status()
        pain.relieve("the roof")
        relieved = vsm.status()
    assert (before.viable, risen.viable, relieved.viable) == (None, False, None)
    assert risen.reasons[0] == "Pains that reached the host and were not relieved: 1. It leaks."


@pytest.mark.anyio
@pytest.mark.promise("C72")
async def test_it_is_not_viable_when_all_units_fail_and_one_that_was_not_tried_does_not_fail(tmp_path: Path) -> None:
    broken, spare = Worker(), Worker()
    broken.fails = True
    place = Place(tmp_path, packing(broken, priority=1), packing(spare, "spare"))
    async with place.vsm as vsm:
        place.met("pack boxes", Stage.ABSORBED, 100)
        await ask(vsm, PACK)
        one = vsm.status()
        assert one.viable is True
        assert one.readings["viable systems"].value == 0.0
        assert one.readings["viable systems"].basis == "1 of 2 units, and 0 servers"
        assert "Repair the failing units" in (one.readings["viable systems"].act or "")
        spare.fails = True
        vsm.parts.system1.remove_unit("packer")
        await ask(vsm, PACK)
        all_of_them = vsm.status()
        spare.fails = False
        await ask(vsm, PACK, 3)
        well = vsm.status()
    assert all_of_them.viable is False
    assert all_of_them.reasons[0] == "None of 1 units is viable."
    assert well.viable is True
    assert well.readings["viable systems"].act is None


@pytest.mark.anyio
async def test_taking_a_snapshot_costs_the_same_after_much_demand_and_changes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        for kind in range(10):
            place.met(f"kind {kind}", Stage.ABSORBED, 10)
        few = steps_of(vsm.status)
        for kind in range(10):
            place.met(f"kind {kind}", Stage.ABSORBED, 400)
        many = steps_of(vsm.status)
        assert vsm.status() == vsm.status()
    assert many <= few * 1.05


def steps_of(take: Callable[[], object]) -> int:
    """Return how many calls it takes, those of built-in functions included."""
    take()
    steps: list[str] = []

    def count(_frame: object, event: str, _argument: object) -> None:
        steps.append(event)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        take()
    finally:
        sys.setprofile(before)
    return len(steps)
