"""Diagnoses say where demand is lost, what slows the system down and what ails it, from measured figures only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random

import anyio
import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.diagnostics import BottleneckKind, RemedyKind
from vsm_mcp.errors import CallTimeoutError, ConfigurationError, ContentionError, PayloadError, VSMError
from vsm_mcp.model.operation import Outcome, Stage
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.charter import Charter
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.decision import Basis
from vsm_mcp.systems.policy.identity import Identity
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Rule
from vsm_mcp.systems.regulation import Regulation
from vsm_mcp.systems.vitals.diagnosis.pathologies import Pathology
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.world import World

DONE = Outcome(value="done", text="done", server="host", tool="own", elapsed=0.0)
IDENTITY = Identity(purpose="Count what is written.", essential=(Bound(figure="absorbed share", low=0.6),))
LOST = tuple(stage for stage in Stage if stage is not Stage.ABSORBED)


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


class Place:
    """A system in memory with one server on its shelf, on a clock that is moved by hand."""

    def __init__(
        self, state: Path, *, charter: Charter | None = None, most_at_once: int = 100, thinks: float = 10.0
    ) -> None:
        self.clock = FakeClock()
        offers = Shelf()
        offers.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts words of a text.")
        settings = Settings(
            state=state,
            autonomy=Autonomy.AUTO,
            allow=("memory:*",),
            sandbox=Confinement.NONE,
            max_concurrent_operations=most_at_once,
            coordination_timeout=0.5,
            decision_timeout=thinks,
        )
        world = World(clock=self.clock, random=Random(3))  # noqa: S311 - reproducible
        self.vsm = ViableSystem(settings, shelf=offers, sources=(offers,), world=world, charter=charter)

    def met(self, kind: str, stage: Stage, times: int) -> None:
        """Record demand as operations would."""
        self.vsm.parts.variety.observe_many([(kind, stage)] * times)


class Waiter:
    """Performs operations as soon as it is let."""

    def __init__(self) -> None:
        self.go = anyio.Event()

    async def execute(self, operation: Operation, /) -> Outcome:
        await self.go.wait()
        return DONE


@pytest.mark.anyio
@pytest.mark.promise("C73", "A39")
async def test_the_gaps_of_the_systems_sum_to_the_gap_whatever_happens(tmp_path: Path) -> None:
    place, random = Place(tmp_path), Random(5)  # noqa: S311 - reproducible
    async with place.vsm as vsm:
        assert vsm.analyze_variety().total_gap is None
        for _ in range(100):
            place.met(f"kind {random.randrange(8)}", random.choice(tuple(Stage)), random.randrange(1, 20))
            analysis, diagnosis = vsm.analyze_variety(), vsm.diagnose_variety_gap()
            gaps = analysis.gaps_by_system.values()
            assert analysis.total_gap == pytest.approx(sum(gap.gap or 0.0 for gap in gaps))
            assert analysis.total_gap_bits == pytest.approx(sum(gap.bits or 0.0 for gap in gaps))
            assert diagnosis.gap_share == analysis.total_gap
            assert sum(cause.share for cause in diagnosis.causes) == pytest.approx(analysis.total_gap)
            shares = [cause.share for cause in diagnosis.causes]
            assert shares == sorted(shares, reverse=True)
            assert analysis.critical is (analysis.level == "critical")
            assert all(gap.recommendation for gap in gaps)


@pytest.mark.anyio
@pytest.mark.promise("C73")
async def test_the_forecast_is_filled_by_scans_and_is_unknown_before_there_are_enough(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        assert vsm.analyze_variety().forecast is None
        for scan in range(8):
            assert vsm.analyze_variety().forecast is None, scan
            place.met("unheard of", Stage.UNKNOWN, 3)
            await vsm.parts.system4.scan()
        forecast = vsm.analyze_variety().forecast
    assert forecast == pytest.approx(1.0, abs=0.05)


@pytest.mark.anyio
@pytest.mark.promise("C148")
@pytest.mark.parametrize(
    ("stage", "system", "kinds"),
    [
        (Stage.FAILED, "system1", [RemedyKind.ADD_TOOL]),
        (Stage.CONTENDED, "system2", [RemedyKind.ADD_UNIT]),
        (Stage.STARVED, "system3", [RemedyKind.ADD_UNIT, RemedyKind.ADJUST_THRESHOLD]),
        (Stage.UNKNOWN, "system4", [RemedyKind.ADD_TOOL]),
        (Stage.REFUSED, "system5", [RemedyKind.ADJUST_THRESHOLD]),
    ],
)
async def test_it_says_which_system_loses_most_and_what_to_do_about_it(
    tmp_path: Path, *, stage: Stage, system: str, kinds: list[RemedyKind]
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        assert vsm.diagnose_variety_gap().dominant is None
        vsm.parts.variety.note_capability("paint", 9, 9)
        place.met("pack boxes", stage, 60)
        for other in LOST:
            place.met("paint", other, 2)
        place.met("paint", Stage.ABSORBED, 30)
        diagnosis = vsm.diagnose_variety_gap()
    assert diagnosis.dominant == system
    assert diagnosis.gap_share is not None
    first = diagnosis.causes[0]
    assert (first.system, first.stage, first.evidence[0]) == (system, stage, "pack boxes")
    assert len(diagnosis.causes) == 5
    remedies = diagnosis.remedies[: len(kinds)]
    assert [remedy.kind for remedy in remedies] == kinds
    for remedy in remedies:
        assert remedy.detail
        assert remedy.expected_gap_after == pytest.approx(diagnosis.gap_share - first.share)
    assert "100 demands" in diagnosis.basis


@pytest.mark.anyio
@pytest.mark.promise("C148")
async def test_what_the_scan_found_is_named_with_the_gap_that_would_be_left(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("count words", Stage.UNKNOWN, 10)
        scan = await vsm.parts.system4.scan()
        remedy = vsm.diagnose_variety_gap().remedies[0]
        gain = scan.proposals.best[0].gain
        assert remedy.detail == f"Acquire words for 'count words' (gain {gain:.1%} of demand)."
        assert remedy.expected_gap_after == pytest.approx(1.0 - gain)
        await vsm.acquire_capability("count words", server="words")
        closed = vsm.diagnose_variety_gap()
    assert closed.dominant == "system4"
    assert closed.remedies == ()


@pytest.mark.anyio
@pytest.mark.promise("C148")
async def test_many_small_gaps_call_for_less_variety_and_a_few_do_not(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        for number in range(3):
            place.met(f"kind {number}", Stage.UNKNOWN, 5)
        few = vsm.diagnose_variety_gap()
        place.met("kind 4", Stage.UNKNOWN, 5)
        many = vsm.diagnose_variety_gap()
    assert RemedyKind.ATTENUATE not in [remedy.kind for remedy in few.remedies]
    remedy = many.remedies[-1]
    assert (remedy.kind, remedy.expected_gap_after) == (RemedyKind.ATTENUATE, None)


Setup = Callable[[Place], Awaitable[object]]


async def a_collision(place: Place) -> None:
    system2 = place.vsm.parts.system2
    async with system2.hold(("file",), holder="one"):
        with pytest.raises(ContentionError):
            async with system2.hold(("file",), holder="two", timeout=0.0):
                raise AssertionError


async def a_scan_long_ago(place: Place) -> None:
    await place.vsm.parts.system4.scan()
    place.clock.advance(600.0)


async def starved_demand(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    place.met("pack boxes", Stage.STARVED, 3)
    place.met("pack boxes", Stage.ABSORBED, 7)


async def one_slow_tool(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    for _ in range(20):
        for unit, elapsed in (("fast", 0.1), ("usual", 0.2), ("slow", 2.0)):
            place.vsm.parts.system3.note_operation(unit, absorbed=True, elapsed=elapsed)


@pytest.mark.anyio
@pytest.mark.promise("C151")
async def test_kinds_that_lose_their_place_to_others_are_a_bottleneck_and_few_kinds_are_none(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("pack boxes", Stage.ABSORBED, 1000)
        assert BottleneckKind.CACHE_MISS in vsm.diagnose_performance().assessed
        assert BottleneckKind.CACHE_MISS not in [one.kind for one in vsm.diagnose_performance().bottlenecks]
        for number in range(3000):
            place.met(f"pack box {number}", Stage.ABSORBED, 1)
        (found,) = [one for one in vsm.diagnose_performance().bottlenecks if one.kind is BottleneckKind.CACHE_MISS]
    assert found.share == pytest.approx(0.75, abs=0.01)
    assert "of 1000 kinds have a place" in found.evidence


@pytest.mark.anyio
@pytest.mark.promise("C151")
@pytest.mark.parametrize(
    ("setup", "kind", "share"),
    [
        (a_collision, BottleneckKind.COORDINATION_OVERHEAD, 0.5),
        (a_scan_long_ago, BottleneckKind.SCAN_FREQUENCY, 0.9),
        (starved_demand, BottleneckKind.QUEUE_CONGESTION, 0.3),
        (one_slow_tool, BottleneckKind.SLOW_TOOL, 2.0 / 2.3),
    ],
)
async def test_each_bottleneck_is_found_alone_and_the_others_are_not_guessed(
    tmp_path: Path, *, setup: Setup, kind: BottleneckKind, share: float
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        before = vsm.diagnose_performance()
        assert (before.bottlenecks, before.assessed) == ((), ())
        assert set(before.not_assessable) == set(BottleneckKind)
        assert all(before.not_assessable.values())
        await setup(place)
        report = vsm.diagnose_performance()
    assert [bottleneck.kind for bottleneck in report.bottlenecks] == [kind]
    assert report.bottlenecks[0].share == pytest.approx(share, abs=0.01)
    assert report.bottlenecks[0].evidence
    assert report.bottlenecks[0].advice
    assert report.assessed == (kind,)
    assert set(report.not_assessable) == set(BottleneckKind) - {kind}


async def claims_without_conflict(place: Place) -> None:
    async with place.vsm.parts.system2.hold(("file",), holder="one"):
        pass


async def a_scan_just_now(place: Place) -> None:
    await place.vsm.parts.system4.scan()
    place.clock.advance(120.0)


async def a_clock_that_was_set_back(place: Place) -> None:
    await place.vsm.parts.system4.scan()
    place.clock.advance(timedelta(days=-400))


async def absorbed_demand(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    place.met("pack boxes", Stage.ABSORBED, 10)


async def tools_alike(place: Place) -> None:
    await anyio.lowlevel.checkpoint()
    for _ in range(20):
        for unit, elapsed in (("fast", 0.1), ("slower", 0.3)):
            place.vsm.parts.system3.note_operation(unit, absorbed=True, elapsed=elapsed)


@pytest.mark.anyio
@pytest.mark.promise("C151")
@pytest.mark.parametrize(
    ("setup", "kind"),
    [
        (claims_without_conflict, BottleneckKind.COORDINATION_OVERHEAD),
        (a_scan_just_now, BottleneckKind.SCAN_FREQUENCY),
        (a_clock_that_was_set_back, BottleneckKind.SCAN_FREQUENCY),
        (absorbed_demand, BottleneckKind.QUEUE_CONGESTION),
        (tools_alike, BottleneckKind.SLOW_TOOL),
    ],
)
async def test_what_is_well_is_assessed_and_no_bottleneck(
    tmp_path: Path, *, setup: Setup, kind: BottleneckKind
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        await setup(place)
        report = vsm.diagnose_performance()
    assert report.bottlenecks == ()
    assert report.assessed == (kind,)


@pytest.mark.anyio
@pytest.mark.promise("C151", "C69")
async def test_a_queue_is_seen_while_it_stands_even_before_any_operation_ended(tmp_path: Path) -> None:
    place, waiter = Place(tmp_path, most_at_once=1), Waiter()
    with anyio.fail_after(5):
        async with place.vsm as vsm, anyio.create_task_group() as tasks:
            vsm.add_unit(OperationalUnit("packer", waiter, policy=UnitPolicy(takes=frozenset({"pack boxes"}))))
            for _ in range(4):
                tasks.start_soon(vsm.execute, Operation(needs="pack boxes"))
            while vsm.parts.system1.waiting < 3:
                await anyio.lowlevel.checkpoint()
            report = vsm.diagnose_performance()
            waiter.go.set()
            assert [bottleneck.kind for bottleneck in report.bottlenecks] == [BottleneckKind.QUEUE_CONGESTION]
            assert report.bottlenecks[0].share == pytest.approx(3 / 4)
            assert report.bottlenecks[0].evidence.startswith("3 operations wait for one of 1 places")


@pytest.mark.anyio
@pytest.mark.promise("C151")
async def test_bottlenecks_come_largest_first_and_their_shares_are_shares(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        for setup in (a_collision, starved_demand, one_slow_tool, a_scan_long_ago):
            await setup(place)
        report = vsm.diagnose_performance()
    shares = [bottleneck.share for bottleneck in report.bottlenecks]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert set(report.not_assessable) == {BottleneckKind.CACHE_MISS}


@pytest.mark.anyio
async def test_what_is_not_measured_is_neither_found_nor_well(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        diagnosis = vsm.diagnose()
    assert [finding.pathology for finding in diagnosis.findings] == [Pathology.ILL_DEFINED_IDENTITY]
    assert diagnosis.well == ()
    assert len(diagnosis.not_assessable) == 25
    assert diagnosis.assessed == 1


@pytest.mark.anyio
async def test_regulation_heals_what_the_diagnosis_found(tmp_path: Path) -> None:
    rules = PolicySet([Rule(name="no weapons", forbids=("arm",))])
    place = Place(tmp_path, charter=Charter(identity=IDENTITY, policy=rules))
    async with place.vsm as vsm:
        place.met("count words", Stage.UNKNOWN, 20)
        ill = vsm.diagnose()
        cycles = Regulation(vsm.parts.organs)
        assert (await cycles.tick()).acquired == ("words",)
        place.met("count words", Stage.ABSORBED, 2000)
        healed = vsm.diagnose()
        place.clock.advance(timedelta(days=2))
        later = vsm.diagnose()
    found = {finding.pathology for finding in ill.findings}
    assert {Pathology.LACK_OF_METASYSTEM} <= found
    assert Pathology.HEADLESS_CHICKEN in ill.not_assessable
    assert Pathology.ILL_DEFINED_IDENTITY in ill.well
    assert {Pathology.LACK_OF_METASYSTEM, Pathology.HEADLESS_CHICKEN, Pathology.DISSOCIATION_OF_4_AND_3} <= {
        *healed.well
    }
    assert len(healed.findings) < len(ill.findings)
    assert Pathology.HEADLESS_CHICKEN in {finding.pathology for finding in later.findings}


@pytest.mark.anyio
async def test_a_unit_that_cannot_be_looked_into_leaves_its_levels_unknown_and_the_rest_assessed(
    tmp_path: Path,
) -> None:
    whole, part = Place(tmp_path / "whole"), Place(tmp_path / "part")
    async with whole.vsm as vsm:
        async with part.vsm as below:
            vsm.add_unit(OperationalUnit("part", below))
            inside = vsm.diagnose()
        outside = vsm.diagnose()
        with pytest.raises(VSMError):
            await vsm.parts.system1.execute(Operation(needs="count words"))
    assert {*outside.not_assessable} >= {*inside.not_assessable}
    assert Pathology.ILL_DEFINED_IDENTITY in {finding.pathology for finding in outside.findings}


@pytest.mark.anyio
async def test_channels_that_stay_silent_for_an_hour_of_work_are_found_and_those_of_a_regulated_system_are_not(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        with pytest.raises(VSMError):
            await vsm.parts.system1.execute(Operation(needs="pack boxes"))
        assert Pathology.LACK_OF_KEY_CHANNELS in vsm.diagnose().not_assessable
        place.clock.advance(3600.0)
        assert Pathology.LACK_OF_KEY_CHANNELS in {finding.pathology for finding in vsm.diagnose().findings}
        await Regulation(vsm.parts.organs).tick()
        assert Pathology.LACK_OF_KEY_CHANNELS in vsm.diagnose().well


MARKET: Mapping[str, object] = {
    "issue": "Enter a new market?",
    "environment": {
        "market_volatility": "high",
        "competition": "intense",
        "resources": {"capital": 0.7, "talent": 0.8, "time": 0.5},
    },
    "constraints": ["budget", "regulation"],
    "objectives": ["growth", "stability"],
}


@pytest.mark.anyio
@pytest.mark.promise("C74")
async def test_a_decision_is_made_with_its_reasons_and_what_became_of_it_counts(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        decision = await vsm.make_decision(MARKET)
        assert decision.success_probability is None
        assert decision.basis is Basis.PRIOR_ONLY
        told = vsm.record_outcome(decision.id, success=True, note="It went well.")
        assert (told.decision_id, told.success, told.note) == (decision.id, True, "It went well.")
        with pytest.raises(PayloadError, match="told already"):
            vsm.record_outcome(decision.id, success=True)
        with pytest.raises(PayloadError, match="remembered"):
            vsm.record_outcome("nothing like it", success=True)
        again = await vsm.make_decision(MARKET)
        assert vsm.status().systems.system5.decisions == 2
    assert decision.decision
    assert decision.rationale
    assert decision.actions
    assert all(action.system and action.action and action.priority for action in decision.actions)
    assert again.basis is Basis.RECORDED
    assert again.n == 1
    assert again.success_probability is not None
    assert 0.0 < again.success_probability < 1.0


@pytest.mark.anyio
@pytest.mark.promise("C74")
async def test_a_decision_about_the_system_itself_rests_on_what_is_measured_of_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        place.met("count words", Stage.UNKNOWN, 30)
        await vsm.parts.system4.scan()
        decision = await vsm.make_decision(DecisionContext(issue="What to do about the gap?"))
        given = await vsm.make_decision(DecisionContext(issue="What to do about the gap?", funnel={Stage.REFUSED: 1.0}))
    assert "acquire(words)" in [option.name for option in decision.alternatives]
    assert "acquire(words)" not in [option.name for option in given.alternatives]


class Slow:
    """A strategy that thinks until it is let."""

    def __init__(self) -> None:
        self.go = anyio.Event()

    async def propose(self, context: DecisionContext) -> Sequence[Option]:
        await self.go.wait()
        return (Option(name="walk", attributes={"worth": 1.0}, prior=0.9),)


@pytest.mark.anyio
@pytest.mark.promise("C71")
async def test_a_strategy_that_thinks_longer_than_is_allowed_is_not_waited_for(tmp_path: Path) -> None:
    slow = Slow()
    place = Place(tmp_path, charter=Charter(strategy=slow), thinks=0.02)
    with anyio.fail_after(10):
        async with place.vsm as vsm:
            with pytest.raises(CallTimeoutError, match=r"within 0\.02 seconds"):
                await vsm.make_decision({"issue": "How to go there?"})
            slow.go.set()
            assert (await vsm.make_decision({"issue": "How to go there?"})).decision == "walk"
            assert vsm.status().systems.system5.decisions == 1
            place.met("count words", Stage.UNKNOWN, 9)  # what is measured does not take the strategy's place
            assert (await vsm.make_decision({"issue": "How to go there?"})).decision == "walk"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "context", [{}, {"issue": ""}, {"issue": "x", "unknown": 1}, {"issue": "x", "environment": {"a": float("nan")}}]
)
async def test_a_context_that_cannot_be_weighed_is_refused(tmp_path: Path, context: Mapping[str, object]) -> None:
    place = Place(tmp_path)
    async with place.vsm as vsm:
        with pytest.raises(PayloadError):
            await vsm.make_decision(context)
    with pytest.raises(ConfigurationError, match="not entered"):
        await vsm.make_decision(MARKET)
