"""Units do their kinds and tools the rest; a unit may be a whole viable system, and then both levels measure."""

from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import (
    CapabilityMissingError,
    CapacityError,
    ConfigurationError,
    ContentionError,
    PolicyError,
    ToolError,
)
from vsm_mcp.events import OperationEnded
from vsm_mcp.model.operation import Outcome, Stage
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.operations.recursion import depth
from vsm_mcp.systems.operations.unit import OperationalUnit, Performer
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.world.world import World

PACK = Operation(needs="pack boxes")
COUNT = Operation(needs="count words", arguments={"text": "what a system does"})


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def shelf() -> Shelf:
    offers = Shelf()
    offers.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts words of a text.")
    return offers


def system(
    state: Path,
    *units: OperationalUnit,
    heard: RecordingSink | None = None,
    most_levels: int = 3,
    most_at_once: int = 1000,
    patience: float = 5.0,
) -> ViableSystem:
    offers = shelf()
    settings = Settings(
        state=state,
        autonomy=Autonomy.AUTO,
        allow=("memory:*",),
        sandbox=Confinement.NONE,
        recursion_depth=most_levels,
        max_concurrent_operations=most_at_once,
        coordination_timeout=patience,
    )
    emit = heard or RecordingSink()
    return ViableSystem(
        settings, shelf=offers, sources=(offers,), world=World(clock=FakeClock()), emit=emit, units=units
    )


class Worker:
    """Does what it is asked when it is let, says who did it, and remembers how many did so at once."""

    def __init__(self, name: str = "worker", *, may_end: anyio.Event | None = None) -> None:
        self.name = name
        self.fails = False
        self.asked: list[str] = []
        self.busy: set[str] = set()
        self.together: list[frozenset[str]] = []
        self._may_end = may_end

    async def execute(self, operation: Operation, /) -> Outcome:
        if self.fails:
            raise ZeroDivisionError(self.name)
        self.asked.append(operation.agent)
        self.busy.add(operation.agent)
        self.together.append(frozenset(self.busy))
        if self._may_end is not None:
            await self._may_end.wait()
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        self.busy.discard(operation.agent)
        return Outcome(value=self.name, text=self.name, server=self.name, tool="own", elapsed=0.0)


def unit(name: str, performer: Performer, *kinds: str) -> OperationalUnit:
    return OperationalUnit(name, performer, policy=UnitPolicy(takes=frozenset(kinds) if kinds else None))


@pytest.mark.anyio
@pytest.mark.promise("C29")
async def test_a_unit_does_its_kinds_and_acquired_tools_do_the_rest(tmp_path: Path) -> None:
    heard = RecordingSink()
    async with system(tmp_path, unit("packer", Worker(), "pack boxes"), heard=heard) as vsm:
        packed = await vsm.execute(PACK)
        counted = await vsm.execute(COUNT)
        assert [part.name for part in vsm.subsystems()] == ["packer"]
        status = vsm.status()
    assert (packed.server, packed.value) == ("worker", "worker")
    assert counted.server == "words"
    assert [(event.server, event.stage) for event in heard.of(OperationEnded)] == [
        ("packer", Stage.ABSORBED),
        (None, Stage.UNKNOWN),
        ("words", Stage.ABSORBED),
    ]
    one = status.systems.system1
    assert (one.units, one.units_viable, one.absorbed) == (2, 2, 2)


@pytest.mark.anyio
async def test_a_unit_that_is_added_later_works_from_then_on_and_its_failure_is_its_own(tmp_path: Path) -> None:
    worker = Worker()
    async with system(tmp_path) as vsm:
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.system1.execute(PACK)
        vsm.add_unit(unit("packer", worker, "pack boxes"))
        assert (await vsm.execute(PACK)).value == "worker"
        with pytest.raises(ConfigurationError, match="named 'packer' already"):
            vsm.add_unit(unit("packer", Worker(), "paint"))
        worker.fails = True
        for _ in range(2):
            with pytest.raises(ToolError, match="Unit 'packer' failed: ZeroDivisionError"):
                await vsm.execute(PACK)
        status = vsm.status()
    assert (status.systems.system1.failed, status.systems.system1.units_viable) == (2, 0)
    assert any("units is viable" in reason for reason in status.reasons)


@pytest.mark.anyio
@pytest.mark.promise("C29", "C32")
async def test_a_whole_system_is_a_unit_operations_go_down_outcomes_come_up_and_both_measure(tmp_path: Path) -> None:
    above, below = RecordingSink(), RecordingSink()
    part = system(tmp_path / "part", unit("packer", Worker("the packer"), "pack boxes"), heard=below)
    whole = system(tmp_path / "whole", heard=above)
    async with part as inner, whole as outer:
        outer.add_unit(unit("branch", inner, "pack boxes", "count words", "fly"))
        assert depth(outer) == 2
        assert (await outer.execute(PACK)).server == "the packer"
        counted = await outer.execute(COUNT)
        assert (counted.server, counted.value) in [("words", 4), ("words", {"result": 4})]
        with pytest.raises(CapabilityMissingError):
            await outer.parts.system1.execute(Operation(needs="swim"))
        assert [server.name for server in inner.status().servers] == ["words"]
        assert outer.status().servers == ()
        branch = outer.parts.system1.units["branch"]
        assert (branch.absorbed, branch.viable) == (2, True)
        outside, inside = outer.parts.variety.gap(), inner.parts.variety.gap()
        levels = outer.parts.system1.variety_of_units()
        assert outer.diagnose().model_dump_json()
    assert (outside.n, inside.n) == (3, 3)
    assert outside.observed_absorbed_share == pytest.approx(2 / 3, abs=0.01)
    assert inside.observed_absorbed_share == pytest.approx(2 / 3, abs=0.01)
    assert levels is not None
    assert {*levels.shares} == {"pack boxes", "count words"}
    assert [event.server for event in above.of(OperationEnded)] == ["branch", "branch", None]
    assert [event.server for event in below.of(OperationEnded)] == ["packer", None, "words"]


@pytest.mark.anyio
@pytest.mark.promise("C29")
async def test_each_level_has_all_five_systems_and_keeps_its_own_policy(tmp_path: Path) -> None:
    busy = OperationalUnit("packer", Worker(), policy=UnitPolicy(takes=frozenset({"pack boxes"}), most_per_period=1))
    part, whole = system(tmp_path / "part", busy), system(tmp_path / "whole")
    async with part as inner, whole as outer:
        outer.add_unit(unit("branch", inner, "pack boxes"))
        await outer.execute(PACK)
        with pytest.raises(CapacityError, match="'packer' may begin 1 operations"):
            await outer.execute(PACK)
        for number in range(1, 6):
            assert getattr(inner.parts, f"system{number}") is not getattr(outer.parts, f"system{number}")
        lost = outer.parts.variety.lost_by_system()
        with pytest.raises(PolicyError, match="forbids 'paint'"):
            await outer.subsystems()[0].execute(Operation(needs="paint"))
    assert lost["system3"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.anyio
@pytest.mark.promise("C64", "C32")
async def test_a_system_is_never_a_part_of_itself_and_the_refusal_names_the_way(tmp_path: Path) -> None:
    async with system(tmp_path / "a") as a, system(tmp_path / "b") as b:
        with pytest.raises(ConfigurationError, match=r"part of itself: .*me"):
            a.add_unit(unit("me", a))
        a.add_unit(unit("the b", b))
        with pytest.raises(ConfigurationError, match=r"part of itself: .*the a.* > the b"):
            b.add_unit(unit("the a", a))
        assert ([part.name for part in a.subsystems()], b.subsystems()) == (["the b"], ())
        assert a.diagnose().assessed


@pytest.mark.anyio
@pytest.mark.promise("C64")
@pytest.mark.parametrize("most_levels", [3, 4])
async def test_four_levels_are_refused_at_a_depth_of_three_with_the_way_and_allowed_at_four(
    tmp_path: Path, most_levels: int
) -> None:
    async with (
        system(tmp_path / "shop", unit("clerk", Worker("clerk"), "pack boxes")) as shop,
        system(tmp_path / "city") as city,
        system(tmp_path / "land") as land,
        system(tmp_path / "world", most_levels=most_levels) as world,
    ):
        city.add_unit(unit("shop", shop, "pack boxes"))
        land.add_unit(unit("city", city, "pack boxes"))
        if most_levels == 3:
            with pytest.raises(ConfigurationError, match=r"more than 3 levels deep: .* > land > city > shop"):
                world.add_unit(unit("land", land, "pack boxes"))
            assert world.subsystems() == ()
            return
        world.add_unit(unit("land", land, "pack boxes"))
        assert depth(world) == 4
        assert (await world.execute(PACK)).server == "clerk"
        assert [level.parts.variety.gap().n for level in (world, land, city, shop)] == [1, 1, 1, 1]


@pytest.mark.anyio
async def test_a_unit_whose_system_is_not_entered_is_refused_before_anything_begins(tmp_path: Path) -> None:
    part = system(tmp_path / "part")
    whole = system(tmp_path / "whole", unit("branch", part))
    with pytest.raises(ConfigurationError, match="not entered"):
        async with whole:
            raise AssertionError
    async with part, whole as vsm:
        assert [one.name for one in vsm.subsystems()] == ["branch"]


@pytest.mark.anyio
@pytest.mark.promise("C69", "C70")
async def test_at_most_so_many_operations_are_under_way_and_the_others_wait_so_long(tmp_path: Path) -> None:
    may_end, ends = anyio.Event(), dict[str, str]()
    worker = Worker(may_end=may_end)

    async def ask(vsm: ViableSystem, agent: str) -> None:
        try:
            await vsm.execute(Operation(needs="pack boxes", agent=agent))
            ends[agent] = "done"
        except CapacityError as error:
            ends[agent] = error.message
        if len(ends) == 2:
            may_end.set()

    with anyio.fail_after(10):
        async with system(tmp_path, unit("packer", worker), most_at_once=2, patience=0.02) as vsm:
            async with anyio.create_task_group() as tasks:
                for number in range(4):
                    tasks.start_soon(ask, vsm, f"agent {number}")
            assert vsm.parts.variety.lost_by_system()["system3"] == pytest.approx(0.5, abs=0.01)
    refusals, done = list(ends.values())[:2], list(ends.values())[2:]
    assert max(map(len, worker.together)) == 2
    assert done == ["done", "done"]
    assert all("All 2 places of System 1" in why and "within 0.02 seconds" in why for why in refusals)


@pytest.mark.anyio
@pytest.mark.promise("C69")
async def test_those_who_wait_long_enough_get_their_turn(tmp_path: Path) -> None:
    worker = Worker()
    with anyio.fail_after(10):
        async with system(tmp_path, unit("packer", worker), most_at_once=2) as vsm:
            async with anyio.create_task_group() as tasks:
                for number in range(10):
                    tasks.start_soon(vsm.execute, Operation(needs="pack boxes", agent=f"agent {number}"))
            assert vsm.status().systems.system1.absorbed == 10
    assert max(map(len, worker.together)) == 2


def using(*things: str, agent: str) -> Operation:
    return Operation(needs="pack boxes", uses=frozenset(things), agent=agent)


@pytest.mark.anyio
async def test_two_that_use_the_same_file_never_run_at_once_and_others_do(tmp_path: Path) -> None:
    worker = Worker()
    with anyio.fail_after(10):
        async with system(tmp_path, unit("packer", worker)) as vsm:
            async with anyio.create_task_group() as tasks:
                for operation in (
                    using("ledger", agent="a"),
                    using("ledger", "map", agent="b"),
                    using("ledger", agent="c"),
                    using("diary", agent="d"),
                ):
                    tasks.start_soon(vsm.execute, operation)
            status = vsm.status()
    assert sorted(worker.asked) == ["a", "b", "c", "d"]
    assert all(len(busy & {"a", "b", "c"}) <= 1 for busy in worker.together)
    assert any("d" in busy and len(busy) == 2 for busy in worker.together)
    assert (status.systems.system2.conflicts, status.systems.system2.conflicts_resolved) == (2, 2)
    assert status.viable is True


@pytest.mark.anyio
@pytest.mark.promise("C70")
async def test_whoever_waits_too_long_for_a_file_is_told_and_system_2_answers_for_it(tmp_path: Path) -> None:
    may_end = anyio.Event()
    worker = Worker(may_end=may_end)
    with anyio.fail_after(10):
        async with (
            system(tmp_path, unit("packer", worker), patience=0.02) as vsm,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(vsm.execute, using("ledger", agent="a"))
            while not worker.busy:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(ContentionError, match=r"waited 0\.02 s for ledger"):
                await vsm.execute(using("ledger", agent="b"))
            assert vsm.diagnose_variety_gap().dominant == "system2"
            may_end.set()
    assert worker.asked == ["a"]
