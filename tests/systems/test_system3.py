"""What the whole can afford goes before what a part wants."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random

import anyio
import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError, PolicyError
from vsm_mcp.systems.control.audit import Inspect
from vsm_mcp.systems.control.bargain import ResourceRequest
from vsm_mcp.systems.control.cyberfilter import Watch
from vsm_mcp.systems.system3 import MOST_UNITS, Budget, ControlReport, Held, System3
from vsm_mcp.testing.world import FakeClock

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Noon:
    def now(self) -> datetime:
        return NOW


def system(**limits: int) -> System3:
    return System3(budget=Budget(**limits), clock=Noon())


def holding(*acquired: datetime) -> Held:
    async def held() -> Mapping[str, datetime]:
        await anyio.lowlevel.checkpoint()
        return {f"server {number}": at for number, at in enumerate(acquired)}

    return held


@pytest.mark.anyio
async def test_within_the_budget_an_acquisition_is_granted() -> None:
    async with system(servers=2).grant(holding(NOW)) as place:
        assert repr(place) == "Place(under way)"
        place.server = "a"
        assert repr(place) == "Place(a)"


@pytest.mark.anyio
async def test_a_server_too_many_is_refused_with_a_remedy() -> None:
    with pytest.raises(PolicyError, match="2 servers are held and the budget allows 2") as refusal:
        async with system(servers=2).grant(holding(NOW, NOW)):
            pytest.fail("granted")
    assert "release_capability" in str(refusal.value)


@pytest.mark.anyio
async def test_too_many_acquisitions_within_a_day_are_refused() -> None:
    with pytest.raises(PolicyError, match="within a day"):
        async with system(acquisitions_per_day=1).grant(holding(NOW - timedelta(hours=23))):
            pytest.fail("granted")


@pytest.mark.anyio
async def test_what_was_acquired_the_day_before_does_not_count() -> None:
    async with system(acquisitions_per_day=1).grant(holding(NOW - timedelta(hours=25))):
        pass


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("limits", [{"servers": 2}, {"acquisitions_per_day": 2}])
async def test_acquisitions_under_way_take_their_places_until_they_end(limits: Mapping[str, int]) -> None:
    control = system(**limits)
    refused: list[str] = []
    async with control.grant(holding(NOW)):
        with pytest.raises(PolicyError, match="1 more are being acquired") as caught:
            async with control.grant(holding(NOW)):
                pytest.fail("granted")
        refused.append(caught.value.message)
    with pytest.raises(ValueError, match="died"):
        async with control.grant(holding(NOW)):
            raise ValueError("it died")
    async with control.grant(holding(NOW)):
        pass
    assert len(refused) == 1


@pytest.mark.anyio
async def test_of_several_that_ask_at_once_those_that_asked_first_are_granted() -> None:
    control, go, refused = system(servers=2), anyio.Event(), list[int]()

    async def acquire(number: int) -> None:
        try:
            async with control.grant(holding()):
                await go.wait()
        except PolicyError:
            refused.append(number)
            if len(refused) == 2:
                go.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(acquire, number)
    assert len(refused) == 2
    assert control.budget == Budget(servers=2)


@pytest.mark.anyio
async def test_a_server_that_came_while_another_looked_is_counted_all_the_same() -> None:
    control, come, refused = system(servers=1), anyio.Event(), list[str]()

    async def before_it_came() -> Mapping[str, datetime]:
        await come.wait()
        return {}

    async def follow() -> None:
        try:
            async with control.grant(before_it_came):
                pytest.fail("granted")
        except PolicyError as error:
            refused.append(error.message)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            async with control.grant(holding()) as place:
                tasks.start_soon(follow)
                await anyio.wait_all_tasks_blocked()
                place.server = "a"
            come.set()
    assert len(refused) == 1


@pytest.mark.anyio
async def test_a_server_that_is_held_and_still_on_its_way_is_counted_once() -> None:
    control = system(servers=2)
    async with control.grant(holding()) as place:
        place.server = "server 0"
        async with control.grant(holding(NOW)):
            pass


def controlled(inspect: Inspect | None = None) -> System3:
    clock = FakeClock(NOW)
    return System3(budget=Budget(), clock=clock, resources={"calls": 100.0}, inspect=inspect, random=Random(1))  # noqa: S311


def ask(unit: str, calls: float) -> ResourceRequest:
    return ResourceRequest(unit=unit, amounts={"calls": calls}, promised_share=0.9, period=60.0)


@pytest.mark.promise("C11")
def test_a_bargain_runs_its_time_is_settled_and_decides_what_the_unit_gets_next() -> None:
    clock = FakeClock(NOW)
    control = System3(budget=Budget(), clock=clock, resources={"calls": 100.0})
    first = control.bargain([ask("good", 100), ask("bad", 100)])
    assert [one.granted["calls"] for one in first] == pytest.approx([50, 50])
    assert (control.utilisation().tightest, control.utilisation().share) == ("calls", pytest.approx(1.0))
    for number in range(100):
        control.note_operation("good", absorbed=number < 95, elapsed=0.1)
        control.note_operation("bad", absorbed=number < 20, elapsed=0.1)
    assert control.settle() == ()
    clock.advance(60)
    assert {one.unit: one.keeping.value for one in control.settle()} == {"good": "kept", "bad": "missed"}
    assert control.adherence().share == pytest.approx((1 + 0.2 / 0.45) / 2)
    good, bad = control.bargain([ask("good", 100), ask("bad", 100)])
    assert good.granted["calls"] > bad.granted["calls"] * 1.5
    assert control.weight_of("bad") < 1 < control.weight_of("good")
    assert control.utilisation({"calls": 40}).share == pytest.approx(0.4)


@pytest.mark.promise("C12")
def test_performance_is_reported_and_a_fall_of_productivity_is_noticed() -> None:
    control, draw = controlled(), Random(4)  # noqa: S311
    for _ in range(40):
        control.performance(actuality=0.8 + draw.gauss(0, 0.005), capability=0.9, potentiality=1.0, n=100)
    assert control.report().changes == {}
    fallen = [
        control.performance(actuality=0.5 + draw.gauss(0, 0.005), capability=0.9, potentiality=1.0, n=100)
        for _ in range(2)
    ]
    assert fallen[-1].productivity == pytest.approx(0.5 / 0.9, abs=0.02)
    report = control.report()
    assert report.changes == {"productivity of system": "step", "performance of system": "step"}
    assert report.performance == (fallen[-1],)


def test_performance_that_is_not_measured_is_watched_from_when_it_is() -> None:
    control = controlled()
    control.performance(actuality=None, capability=0.9, potentiality=None, n=0)
    assert dict(control.indices.verdicts) == {}
    control.performance(actuality=0.5, capability=0.9, potentiality=None, n=1)
    control.performance(actuality=None, capability=0.9, potentiality=None, n=1)
    assert list(control.indices.verdicts) == ["productivity of system"]
    assert control.index_of() == control.report().performance[0]
    assert control.index_of("another") is None


def test_the_watch_that_is_given_is_the_one_that_is_used() -> None:
    watch = Watch(most_indices=1)
    control = System3(budget=Budget(), clock=FakeClock(NOW), watch=watch)
    control.watch("gap", 0.2)
    assert list(watch.verdicts) == ["gap"]


def test_an_index_that_is_no_number_is_refused() -> None:
    with pytest.raises(PayloadError):
        controlled().watch("gap", math.nan)


@pytest.mark.anyio
@pytest.mark.promise("C13")
async def test_a_unit_that_reports_what_is_not_so_is_found_and_then_answers_by_the_audits() -> None:
    seen: list[str] = []

    async def inspect(unit: str) -> bool:
        seen.append(unit)
        return unit == "honest"

    clock = FakeClock(NOW)
    control = System3(
        budget=Budget(), clock=clock, resources={"calls": 100.0}, inspect=inspect, random=Random(1)  # noqa: S311
    )  # fmt: skip
    control.bargain([ask("honest", 10), ask("liar", 10)])
    rounds = 0
    while not control.audits.distrusted:
        rounds += 1
        clock.advance(600)
        for unit in ("honest", "liar"):
            for _ in range(20):
                control.note_operation(unit, absorbed=True, elapsed=0.1)
        for unit in control.audits.due(clock.now().timestamp()):
            await control.audits.audit(unit, now=clock.now().timestamp())
    assert rounds < 60
    assert control.report().distrusted == ("liar",)
    settled = {one.unit: one for one in control.settle()}
    assert (settled["honest"].keeping.value, settled["honest"].basis.value) == ("kept", "reported")
    assert (settled["liar"].actual_share, settled["liar"].basis.value) == (0.0, "audited")


class Looks:
    """Looks at units whose names begin with a letter, and finds them well unless told otherwise."""

    def __init__(self, letter: str, *, well: bool = True) -> None:
        self._letter = letter
        self._well = well

    def can_inspect(self, unit: str, /) -> bool:
        return unit.startswith(self._letter)

    async def inspect(self, unit: str, /) -> bool:
        return self._well


@pytest.mark.anyio
async def test_a_unit_that_nobody_can_inspect_is_not_audited_and_one_is_inspected_by_who_can() -> None:
    control = controlled()
    control.inspect_with(Looks("a"), Looks("b", well=False), timeout=3.0)
    for unit in ("ann", "bob", "eve"):
        control.note_operation(unit, absorbed=True, elapsed=1.0)
    assert control.audits.units == ("ann", "bob")
    assert control.audits.timeout == 3.0
    assert (await control.audits.audit("ann", now=0.0)).passed is True
    assert (await control.audits.audit("bob", now=0.0)).passed is False


@pytest.mark.anyio
async def test_an_audit_of_a_unit_that_nobody_can_inspect_says_so_and_accuses_nobody() -> None:
    control = controlled()
    control.audits.add("a", now=0.0)
    finding = await control.audits.audit("a", now=0.0)
    assert finding.passed is None
    assert finding.problem is not None
    assert "inspect" in finding.problem
    assert control.report().unanswered == {"a": 1}


@pytest.mark.anyio
async def test_a_server_that_was_let_go_counts_for_its_day_all_the_same() -> None:
    control = system(acquisitions_per_day=3)
    control.note_release(NOW - timedelta(hours=2))
    async with control.grant(holding(NOW)):
        pass
    control.note_release(NOW - timedelta(hours=1))
    with pytest.raises(PolicyError, match="within a day"):
        async with control.grant(holding(NOW)):
            pytest.fail("granted")


async def _well(unit: str) -> bool:
    return bool(unit)


def test_what_units_report_never_raises_and_is_bounded() -> None:
    control = controlled(_well)
    for unit in ("", "x" * 10_000, "y"):
        for elapsed in (math.nan, -1.0, math.inf):
            control.note_operation(unit, absorbed=True, elapsed=elapsed)
    assert control.report().units == 2
    for number in range(MOST_UNITS + 50):
        control.note_operation(f"u{number}", absorbed=True, elapsed=1.0)
    assert control.report().units == len(control.audits.units) == MOST_UNITS


def test_a_unit_that_is_gone_is_forgotten() -> None:
    control = controlled(_well)
    control.note_operation("a", absorbed=True, elapsed=1.0)
    control.forget_unit("a")
    assert control.reported.of("a") is None
    assert control.audits.units == ()
    control.note_operation("a", absorbed=True, elapsed=1.0)
    assert control.audits.units == ("a",)


def test_without_resources_the_report_invents_nothing() -> None:
    control = System3(budget=Budget(), clock=FakeClock(NOW))
    report = control.report()
    assert (report.utilisation.share, report.adherence.share, report.performance) == (None, None, ())
    assert repr(control) == "System3(Budget(servers=16, acquisitions_per_day=20), bargains=0)"
    assert ControlReport.model_validate_json(report.model_dump_json()) == report


def test_a_capacity_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="The capacity of 'calls' cannot be 0"):
        System3(budget=Budget(), clock=FakeClock(NOW), resources={"calls": 0})
