"""The books of variety of a living system sum exactly, and what is not measured of it is never taken for kept."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from math import fsum
from pathlib import Path
from random import Random

import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import (
    CapabilityMissingError,
    CapacityError,
    ContentionError,
    PolicyError,
    ToolError,
    VSMError,
)
from vsm_mcp.measured import AUDITED_WITHIN, anatomy_of, closure_of, ledger_of
from vsm_mcp.model.operation import Outcome, Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.operations.recursion import Subsystem
from vsm_mcp.systems.operations.unit import OperationalUnit, Performer, UnitProof
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.systems.policy.identity import Identity
from vsm_mcp.systems.policy.rules import Bound
from vsm_mcp.systems.regulation import Regulation
from vsm_mcp.systems.system1 import TOOLS
from vsm_mcp.systems.system3 import Budget
from vsm_mcp.systems.vitals.channels import LINKS, Capacity, Link, Purpose
from vsm_mcp.systems.vitals.ledger import Balance, VerticalChannel
from vsm_mcp.systems.vitals.principles import Direction, Principles, Statement, Verdict
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.world import World

COUNT = Operation(needs="count words", arguments={"text": "what a system does"})
AXIOMS = (Statement.FIRST_AXIOM, Statement.SECOND_AXIOM, Statement.THIRD_AXIOM)
ENDS: Mapping[Stage, Callable[[], VSMError]] = {
    Stage.REFUSED: lambda: PolicyError("Not here."),
    Stage.UNKNOWN: lambda: CapabilityMissingError("Nobody can."),
    Stage.STARVED: lambda: CapacityError("No room."),
    Stage.CONTENDED: lambda: ContentionError("In use."),
    Stage.FAILED: lambda: ToolError("It broke."),
}


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


class Scripted:
    """Ends each operation at the stage that its agent names."""

    async def execute(self, operation: Operation, /) -> Outcome:
        stage = Stage(operation.agent)
        if stage is not Stage.ABSORBED:
            end = ENDS[stage]
            raise end()
        return Outcome(value="done", text="done", server="host", tool="own", elapsed=0.0)


def unit(name: str, performer: Performer | None = None, *, proof: bool = False, **policy: int) -> OperationalUnit:
    takes = UnitPolicy(takes=frozenset({f"{name} *"}), **policy)
    look = UnitProof(operation=Operation(needs="look", agent=str(Stage.ABSORBED)), accepts=lambda _: True)
    known = look if proof else None
    return OperationalUnit(name, performer or Scripted(), policy=takes, proof=known)


class Place:
    """A system in memory with one server on its shelf, on a clock that is moved by hand."""

    def __init__(self, state: Path, *units: OperationalUnit, charter: Charter | None = None) -> None:
        self.clock = FakeClock()
        offers = Shelf()
        offers.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts words of a text.")
        settings = Settings(
            state=state, autonomy=Autonomy.AUTO, allow=("memory:*",), sandbox=Confinement.NONE, most_servers=1
        )
        world = World(clock=self.clock, random=Random(3))  # noqa: S311 - reproducible
        self.vsm = ViableSystem(settings, shelf=offers, sources=(offers,), world=world, charter=charter, units=units)

    async def ask(self, needs: str, stage: Stage = Stage.ABSORBED, *, times: int = 1) -> None:
        """Have System 1 do an operation that ends at ``stage`` if a unit meets it; nothing is acquired."""
        for _ in range(times):
            with suppress(VSMError):
                await self.vsm.parts.system1.execute(
                    Operation(needs=needs, agent=str(stage), arguments=COUNT.arguments if needs == COUNT.needs else {})
                )

    @property
    def balance(self) -> Balance:
        ledger = ledger_of(self.vsm.parts)
        assert ledger is not None
        return ledger.balance()


def verdicts(principles: Principles) -> Mapping[Statement, Verdict]:
    return {each.statement: each.verdict for each in principles.assessments}


def assert_summed(vsm: ViableSystem) -> None:
    """All demand is in the books once, and each stage of the funnel is where the calculator has it."""
    ledger = ledger_of(vsm.parts)
    assert ledger is not None
    balance = ledger.balance()
    pages = [page for page in (balance.first, balance.second, balance.third) if page is not None]
    assert len(pages) == 3
    for page in pages:
        assert page.received == pytest.approx(page.absorbed + page.passed + page.lost, abs=1e-9)
        assert page.surplus == pytest.approx(0.0, abs=1e-9)
    taken = fsum(page.absorbed + page.lost for page in pages)
    assert balance.demand == pytest.approx(1.0, abs=1e-9)
    assert taken + (balance.horizontal or 0.0) == pytest.approx(1.0, abs=1e-9)
    lost = vsm.parts.variety.lost_by_system()
    assert pages[0].lost == pytest.approx(lost["system1"], abs=1e-9)
    assert ledger.vertical[VerticalChannel.COORDINATION] == pytest.approx(lost["system2"], abs=1e-9)
    assert ledger.vertical[VerticalChannel.BARGAIN] == pytest.approx(lost["system3"], abs=1e-9)
    assert ledger.to_system4 == pytest.approx(lost["system4"], abs=1e-9)
    assert ledger.vertical[VerticalChannel.INTERVENTION] == pytest.approx(lost["system5"], abs=1e-9)


@pytest.mark.anyio
async def test_before_any_demand_nothing_is_assessable(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        principles = vsm.check_principles()
        assert ledger_of(vsm.parts) is None
        assert closure_of(vsm.parts).closed
    assert set(principles.not_assessable) == set(Statement)
    assert principles.lost is None


@pytest.mark.anyio
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_is_asked_the_books_sum_exactly_to_all_demand(tmp_path: Path, seed: int) -> None:
    charter = Charter(identity=Identity(purpose="Count.", essential=(Bound(figure="absorbed share", low=0.01),)))
    place, random = Place(tmp_path, unit("pack"), unit("paint"), charter=charter), Random(seed)  # noqa: S311
    async with place.vsm as vsm:
        for step in range(400):
            needs = f"{random.choice(('pack', 'paint', 'unheard'))} {random.randrange(4)}"
            await place.ask(needs, random.choice(tuple(Stage)))
            if step % 100 == 50:
                await vsm.parts.system4.scan()
            if step % 20:
                continue
            assert_summed(vsm)
        ledger = ledger_of(vsm.parts)
    assert ledger is not None
    assert {entry.unit for entry in ledger.units} == {"pack", "paint", TOOLS}


@pytest.mark.anyio
async def test_each_stage_is_booked_with_its_owner_and_only_what_failed_is_lost(tmp_path: Path) -> None:
    place = Place(tmp_path, unit("pack"))
    async with place.vsm:
        for stage in Stage:
            if stage is not Stage.UNKNOWN:
                await place.ask("pack boxes", stage, times=20)
        balance = place.balance
    assert balance.unmeasured == ()
    assert balance.horizontal == pytest.approx(0.2, abs=0.01)
    assert balance.vertical == pytest.approx(0.6, abs=0.01)
    assert balance.first is not None
    assert balance.lost == balance.first.lost == pytest.approx(0.2, abs=0.01)


@pytest.mark.anyio
async def test_what_nobody_can_do_is_lost_until_it_is_looked_at_and_then_closed_or_borne(tmp_path: Path) -> None:
    """First nobody looks, then the scan hands it to policy, then an acquisition closes it."""
    charter = Charter(identity=Identity(purpose="Count.", essential=(Bound(figure="absorbed_share", low=0.4),)))
    place = Place(tmp_path, unit("pack"), charter=charter)
    async with place.vsm as vsm:
        await place.ask("pack boxes", times=20)
        await place.ask("count words", times=10)
        unseen, unowned = place.balance, closure_of(vsm.parts)
        assert verdicts(vsm.check_principles())[Statement.SECOND_AXIOM] is Verdict.BROKEN
        await vsm.parts.system4.scan()
        borne, owned = place.balance, closure_of(vsm.parts)
        assert {verdicts(vsm.check_principles())[axiom] for axiom in AXIOMS} == {Verdict.HELD}
        await vsm.acquire_capability("count words", server="words")
        closed = place.balance
    assert unseen.lost == pytest.approx(1 / 3, abs=0.01)
    assert (unowned.closed, unowned.unowned) == (False, ("system4",))
    assert borne.lost == pytest.approx(0.0, abs=1e-9)
    assert borne.third is not None
    assert borne.third.absorbed == pytest.approx(1 / 3, abs=0.01)
    assert owned.closed
    assert owned.owners == {"system4": "system4"}
    assert closed.lost == pytest.approx(0.0, abs=1e-9)
    assert closed.second is not None
    assert closed.second.absorbed == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("essential", "verdict"),
    [
        (None, Verdict.NOT_ASSESSABLE),
        ((), Verdict.NOT_ASSESSABLE),
        ((Bound(figure="cost per day", high=1.0),), Verdict.NOT_ASSESSABLE),
        ((Bound(figure="gap share", high=0.2),), Verdict.BROKEN),
        ((Bound(figure="gap share", high=0.9),), Verdict.HELD),
    ],
)
async def test_system5_bears_the_residue_only_as_far_as_its_identity_is_known_to(
    tmp_path: Path, essential: Sequence[Bound] | None, verdict: Verdict
) -> None:
    identity = None if essential is None else Identity(purpose="Count.", essential=tuple(essential))
    place = Place(tmp_path, unit("pack"), charter=Charter(identity=identity))
    async with place.vsm as vsm:
        await place.ask("pack boxes")
        await place.ask("fly")
        await vsm.parts.system4.scan()
        principles = vsm.check_principles()
    assert verdicts(principles)[Statement.THIRD_AXIOM] is verdict
    assert (principles.lost is None) is (verdict is Verdict.NOT_ASSESSABLE)


@pytest.mark.anyio
async def test_a_unit_that_leaves_much_breaks_the_first_principle_and_others_hide_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, unit("pack"), unit("paint"))
    async with place.vsm as vsm:
        await place.ask("pack boxes", times=100)
        await place.ask("paint walls", times=5)
        await place.ask("unheard of")
        assert verdicts(vsm.check_principles())[Statement.FIRST_PRINCIPLE] is Verdict.BROKEN
        await vsm.acquire_capability("count words", server="words")
        await place.ask("count words", times=10)
        good = vsm.check_principles()
        await place.ask("paint walls", Stage.FAILED, times=5)
        bad = vsm.check_principles()
    assert Statement.FIRST_PRINCIPLE in good.held
    [why] = [each.why for each in bad.assessments if each.statement is Statement.FIRST_PRINCIPLE]
    assert why.startswith("paint leaves")
    assert "pack" not in why


@pytest.mark.anyio
async def test_loops_that_stand_still_break_the_fourth_principle(tmp_path: Path) -> None:
    place = Place(tmp_path, unit("pack", proof=True))
    async with place.vsm as vsm:
        cycles = Regulation(vsm.parts.organs)
        await cycles.tick()
        assert verdicts(vsm.check_principles())[Statement.FOURTH_PRINCIPLE] is Verdict.HELD
        await place.ask("pack boxes")
        assert verdicts(vsm.check_principles())[Statement.FOURTH_PRINCIPLE] is Verdict.NOT_ASSESSABLE
        place.clock.advance(timedelta(days=30))
        await cycles.tick()
        assert verdicts(vsm.check_principles())[Statement.FOURTH_PRINCIPLE] is Verdict.HELD
        place.clock.advance(timedelta(days=-400))
        assert verdicts(vsm.check_principles())[Statement.FOURTH_PRINCIPLE] is Verdict.HELD
        place.clock.advance(timedelta(days=400, seconds=AUDITED_WITHIN + 1))
        [why] = [
            each.why
            for each in vsm.check_principles().assessments
            if each.statement is Statement.FOURTH_PRINCIPLE and each.verdict is Verdict.BROKEN
        ]
    assert all(name in why for name in ("regulation", "the scan", "audits"))


@pytest.mark.anyio
async def test_channels_are_wide_enough_only_if_their_capacity_is_known_and_not_used_up(tmp_path: Path) -> None:
    links = {link: Capacity(messages_per_second=10.0) for link in LINKS}
    place = Place(tmp_path, unit("pack"), charter=Charter(channels=links))
    narrow = Link(source=SystemId.SYSTEM1, target=SystemId.SYSTEM3, purpose=Purpose.FEEDBACK)
    links_of_other = {**links, narrow: Capacity(messages_per_second=1e-6)}
    other = Place(tmp_path / "other", unit("pack"), charter=Charter(channels=links_of_other))
    async with place.vsm as vsm, other.vsm as tight:
        for one in (place, other):
            await one.ask("pack boxes", times=3)
            one.clock.advance(60.0)
            one.vsm.parts.vitals.channels.send(
                SystemId.SYSTEM1,
                SystemId.SYSTEM3,
                purpose=Purpose.BARGAIN,
                kind="ask",
                now=one.clock.now().timestamp(),
            )
        missing = {each.statement: each.why for each in vsm.check_principles().assessments}[Statement.SECOND_PRINCIPLE]
        vsm.parts.vitals.channels.send(
            SystemId.SYSTEM3,
            SystemId.SYSTEM1,
            purpose=Purpose.COMMAND,
            kind="do",
            now=place.clock.now().timestamp(),
        )
        assert missing == f"Not measured: {Direction.MANAGEMENT_TO_OPERATION}."
        assert Statement.SECOND_PRINCIPLE in vsm.check_principles().held
        assert Statement.SECOND_PRINCIPLE in tight.check_principles().broken


class Foreign:
    """A system of parts that says nothing of a metasystem."""

    def __init__(self, *parts: Subsystem) -> None:
        self.parts = parts

    async def execute(self, operation: Operation, /) -> Outcome:
        return await Scripted().execute(operation)

    def subsystems(self) -> Sequence[Subsystem]:
        return self.parts


@pytest.mark.anyio
async def test_levels_without_metasystem_and_shared_parts_are_counted_and_a_left_system_leaves_them_unknown(
    tmp_path: Path,
) -> None:
    worker = Scripted()
    inner, outer = Place(tmp_path / "in", unit("pack", worker)), Place(tmp_path / "out", unit("paint"))
    async with outer.vsm as vsm:
        plain = anatomy_of(vsm.parts, identity=None)
        assert (plain.levels_without_metasystem, plain.units_with_two_parents) == (0, 0)
        assert Statement.RECURSION in vsm.check_principles().broken
        vsm.remove_unit("paint")
        async with inner.vsm as below:
            vsm.add_unit(unit("whole", OperationalUnit("wrapped", below)))
            governed = anatomy_of(vsm.parts, identity=None)
            assert Statement.RECURSION in vsm.check_principles().held
            vsm.add_unit(unit("again", worker))
            shared = anatomy_of(vsm.parts, identity=None)
            vsm.add_unit(unit("bare", below.parts.system1))
            bare = anatomy_of(vsm.parts, identity=None)
            vsm.add_unit(unit("foreign", Foreign(unit("deep"))))
            foreign = anatomy_of(vsm.parts, identity=None)
        left = anatomy_of(vsm.parts, identity=None)
    assert (governed.levels_without_metasystem, governed.units_with_two_parents) == (0, 0)
    assert (shared.levels_without_metasystem, shared.units_with_two_parents) == (0, 1)
    assert (bare.levels_without_metasystem, bare.units_with_two_parents) == (1, 1)
    assert (foreign.levels_without_metasystem, foreign.units_with_two_parents) == (None, 1)
    assert (left.levels_without_metasystem, left.units_with_two_parents) == (None, None)


@pytest.mark.anyio
async def test_what_units_draw_of_their_budgets_is_measured_in_this_period_only(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        vsm.add_unit(unit("free"))
        assert anatomy_of(vsm.parts, identity=None).worst_unit_overdraw is None
        clock = place.clock
        bound = OperationalUnit("pack", Scripted(), policy=UnitPolicy(most_per_period=4, priority=1), clock=clock)
        vsm.add_unit(bound)
        assert anatomy_of(vsm.parts, identity=None).worst_unit_overdraw == 0.0
        await place.ask("pack boxes", times=3)
        assert anatomy_of(vsm.parts, identity=None).worst_unit_overdraw == 0.75
        bound.grant(2)
        assert anatomy_of(vsm.parts, identity=None).worst_unit_overdraw == 1.5
        bound.grant(0)
        assert anatomy_of(vsm.parts, identity=None).worst_unit_overdraw == 3.0
        clock.advance(60.0)
        assert anatomy_of(vsm.parts, identity=None).worst_unit_overdraw == 0.0


@pytest.mark.anyio
async def test_a_limit_on_servers_that_was_lowered_below_what_is_held_is_broken(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        assert anatomy_of(vsm.parts, identity=None).host_limits_broken is None
        await vsm.acquire_capability("count words", server="words")
        assert anatomy_of(vsm.parts, identity=None).host_limits_broken == 0
        vsm.parts.system3.budget = Budget(servers=0)
        assert anatomy_of(vsm.parts, identity=None).host_limits_broken == 1


@pytest.mark.anyio
async def test_a_unit_that_is_gone_stays_in_the_books_until_its_demand_has_faded(tmp_path: Path) -> None:
    place = Place(tmp_path, unit("pack"))
    async with place.vsm as vsm:
        await place.ask("pack boxes", times=10)
        vsm.remove_unit("pack")
        await place.ask("pack boxes", times=10)
        ledger = ledger_of(vsm.parts)
    assert ledger is not None
    assert [entry.unit for entry in ledger.units] == ["pack", TOOLS]
    assert [entry.horizontal > 0 for entry in ledger.units] == [True, False]


@pytest.mark.anyio
async def test_no_kind_counts_as_closed_that_nothing_can_do_however_many_there_are(tmp_path: Path) -> None:
    place = Place(tmp_path, unit("pack"))
    async with place.vsm as vsm:
        for number in range(200):
            await place.ask(f"unheard {number}")
        await place.ask("pack boxes", Stage.UNKNOWN)
        await vsm.parts.system4.scan()
        balance = place.balance
    assert balance.second is not None
    assert balance.second.absorbed == pytest.approx(0.0, abs=1e-9)
    assert balance.second.passed == pytest.approx(1.0, abs=1e-9)


@pytest.mark.anyio
async def test_what_is_seen_of_the_systems_below_coheres_until_they_meet_demand_of_their_own(tmp_path: Path) -> None:
    inner, outer = Place(tmp_path / "in", unit("pack")), Place(tmp_path / "out")
    async with outer.vsm as vsm:
        async with inner.vsm as below:
            vsm.add_unit(OperationalUnit("whole", below, policy=UnitPolicy(takes=frozenset({"pack *"}))))
            assert Statement.COHESION in vsm.check_principles().not_assessable
            for number in range(8):
                await outer.ask(f"pack {number}", times=2)
            assert Statement.COHESION in vsm.check_principles().held
            for number in range(8, 64):
                await inner.ask(f"pack {number}", times=2)
            assert Statement.COHESION in vsm.check_principles().broken
            vsm.add_unit(unit("paint"))
            await outer.ask("paint walls")
            assert Statement.COHESION in vsm.check_principles().not_assessable
            vsm.remove_unit("paint")
        assert Statement.COHESION in vsm.check_principles().not_assessable
