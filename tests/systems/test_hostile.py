"""Whatever units, plug-ins and hosts do to the systems: a clear refusal or documented containment, and no leak."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf, nan
from random import Random
from typing import cast

import anyio
import pytest

from vsm_mcp.errors import (
    CapabilityMissingError,
    CapacityError,
    ConfigurationError,
    ContentionError,
    PayloadError,
    PolicyError,
    ToolError,
    VSMError,
)
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.operation import Operation, Outcome, Stage
from vsm_mcp.servers.routing.router import CapabilityRouter
from vsm_mcp.systems.control.allocation import dominant_share
from vsm_mcp.systems.control.audit import RISKS, AuditChannel, AuditSchedule
from vsm_mcp.systems.control.bargain import ResourceRequest
from vsm_mcp.systems.control.bargaining import Bargaining
from vsm_mcp.systems.control.cyberfilter import Cyberfilter
from vsm_mcp.systems.control.reported import ReportedOutcomes
from vsm_mcp.systems.coordination.conflicts import ConflictPolicy, Contender, FairShare
from vsm_mcp.systems.coordination.damping import GainLimiter, Hysteresis, Jitter, stable_gain
from vsm_mcp.systems.coordination.flapping import FlapLimits
from vsm_mcp.systems.coordination.lease import Lease
from vsm_mcp.systems.coordination.leases import Leases
from vsm_mcp.systems.coordination.schedule import Timetable, Work
from vsm_mcp.systems.coordination.watch import Watch
from vsm_mcp.systems.operations.places import Places, refuse_wait
from vsm_mcp.systems.operations.recursion import depth, merged
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.operations.unit_policy import UnitPolicy
from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Proposal, Rule
from vsm_mcp.systems.system1 import System1
from vsm_mcp.systems.system2 import System2
from vsm_mcp.systems.system3 import MOST_UNITS, Budget, System3
from vsm_mcp.systems.system5 import System5
from vsm_mcp.systems.vitals.algedonic import LONGEST_KEY, AlgedonicChannel
from vsm_mcp.systems.vitals.burn_rate import BurnRule, Severity
from vsm_mcp.systems.vitals.channels import LINKS, Capacity, Channels
from vsm_mcp.systems.vitals.diagnosis.anatomy import Anatomy, Limits
from vsm_mcp.systems.vitals.principles import Cycle, Evidence, Tolerance
from vsm_mcp.systems.vitals.signals import Level
from vsm_mcp.systems.vitals.windows import MOST_BUCKETS, Window
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.variety.calculator import VarietyCalculator

HUGE = 10**400
"""A whole number that no float can hold."""

DONE = Outcome(value="done", text="done", server="host", tool="work", elapsed=0.0)
ASKED = Operation(needs="weigh parcels")

Work_ = Callable[[Operation], Awaitable[Outcome]]


class Does:
    """Performs by any function."""

    def __init__(self, work: Work_) -> None:
        self._work = work

    async def execute(self, operation: Operation, /) -> Outcome:
        return await self._work(operation)


class Silent:
    """A caller that nobody should come to."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        raise AssertionError(call)


def alone(**options: float | System2) -> System1:
    return System1(router=CapabilityRouter(), caller=Silent(), variety=VarietyCalculator(), **options)  # pyright: ignore[reportArgumentType]


def chance(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311


@pytest.mark.parametrize("value", [nan, HUGE, -HUGE, -1.0])
def test_options_that_no_float_can_hold_are_refused_by_every_part(value: float) -> None:
    refused: tuple[Callable[[], object], ...] = (
        lambda: UnitPolicy(period=value),
        lambda: UnitPolicy(most_seconds=value),
        lambda: refuse_wait(value, what="A wait"),
        lambda: Leases(aging=value),
        lambda: Leases(capacities={"a": cast("int", value if value != HUGE else 1.5)}),
        lambda: Hysteresis(low=0.0, high=value),
        lambda: Hysteresis(low=0.0, high=1.0, dwell=value),
        lambda: GainLimiter(gain=value),
        lambda: FlapLimits(penalty=value),
        lambda: FlapLimits(suppress=value),
        lambda: FlapLimits(half_life=value),
        lambda: System2(timeout=value),
        lambda: System2(weights={"a": value}),
        lambda: Capacity(bits_per_second=value),
        lambda: Channels(now=0.0, half_life=value),
        lambda: Limits(kinds_per_unit=value),
        lambda: Tolerance(lost=value),
        lambda: Window(length=value),
        lambda: BurnRule(factor=value, long=2.0, short=1.0, severity=Severity.PAGE),
        lambda: BurnRule(factor=1.0, long=value, short=1.0, severity=Severity.PAGE),
        lambda: AlgedonicChannel(clock=FakeClock(), recovery={Level.UNIT: value}),
        lambda: Bound(figure="cost", low=value, high=-2.0),
    )
    for build in refused:
        with pytest.raises(ConfigurationError):
            build()


@pytest.mark.parametrize("value", [nan, HUGE, -HUGE, -1.0])
def test_figures_that_no_float_can_hold_are_refused_by_every_part(value: float) -> None:
    leases, audits = Leases(), AuditSchedule(random=chance())
    refused: tuple[Callable[[], object], ...] = (
        lambda: merged({"a": {"b": value}}),
        lambda: Contender(unit="a", weight=value),
        lambda: FairShare().charge("a", value),
        lambda: FairShare().charge("a", 1.0, weight=value),
        lambda: leases.try_grant(("a",), holder="b", now=0.0, ttl=value),
        lambda: Jitter(random=chance()).delay(value),
        lambda: stable_gain(value),
        lambda: audits.put("a", risk=value, now=0.0),
        lambda: dominant_share({"a": 1.0}, {"b": {"a": 1.0}}, limits={"b": value}),
        lambda: Anatomy(kinds_per_unit=value),
        lambda: Anatomy(units_with_two_parents=cast("int", value)),
        lambda: Evidence(units=cast("int", value)),
        lambda: Evidence(cycles=(Cycle(name="a", age_s=value, period_s=1.0),)),
    )
    for ask in refused:
        with pytest.raises(PayloadError):
            ask()
    if value != -1.0:
        with pytest.raises(PayloadError):
            GainLimiter().observe(value)


def test_a_limit_that_cannot_be_is_told_in_words_and_a_figure_that_is_too_large_is_refused_by_its_rule() -> None:
    with pytest.raises(ConfigurationError, match="too large"):
        Bound(figure="cost", high=HUGE)
    rules = PolicySet((Rule(name="cheap", bounds=(Bound(figure="cost", high=1.0),)),))
    for figure in (cast("float", HUGE), nan, inf):
        with pytest.raises(PolicyError, match="cheap"):
            rules.permit(Proposal(name="buy", figures={"cost": figure}))


def test_a_rule_whose_pattern_is_a_bare_text_is_refused_instead_of_read_letter_by_letter() -> None:
    with pytest.raises(ConfigurationError, match="forbids of rule 'no deleting' must be a list"):
        Rule(name="no deleting", forbids=cast("tuple[str, ...]", "delete"))
    with pytest.raises(ConfigurationError, match="requires of rule 'tests' must be a list"):
        Rule(name="tests", requires=cast("tuple[str, ...]", "tested"))


def test_a_strategy_that_names_options_without_end_is_stopped() -> None:
    class Endless:
        def propose(self, context: DecisionContext, /) -> Sequence[Option]:
            def name() -> Iterator[Option]:
                while True:
                    yield Option(name="again", attributes={"good": 0.5})

            return cast("Sequence[Option]", name())

    with pytest.raises(PayloadError, match="101 options"):
        System5(strategy=Endless()).weigh({"issue": "what to do"})


@pytest.mark.parametrize("field", ["issue", "name", "constraint", "attribute"])
def test_half_a_character_in_a_decision_is_refused_because_no_report_could_be_written(field: str) -> None:
    half = "a\ud800"
    context: dict[str, object] = {
        "issue": half if field == "issue" else "what to do",
        "options": [
            {
                "name": half if field == "name" else "act",
                "attributes": {half if field == "attribute" else "gööd": 0.5},
            }
        ],
        "constraints": [half if field == "constraint" else "cost <= 1"],
    }
    with pytest.raises(PayloadError, match="half of a character"):
        System5().weigh(context)


def test_a_signal_is_put_right_whatever_it_is_and_every_report_of_it_can_be_written() -> None:
    clock = FakeClock()
    channel = AlgedonicChannel(clock=clock)
    levels = (nan, inf, -inf, 2.5, HUGE, -HUGE, 0)
    for number, level in enumerate(levels):
        channel.signal(f"key {number}", pain=True, level=cast("int", level))
    for number, intensity in enumerate((nan, inf, -inf, cast("float", HUGE), cast("float", -HUGE))):
        channel.signal(f"felt {number}", pain=False, intensity=intensity)
    for key in ("\ud800", "\udfff" * 300, "\x00", "", "é" * 300):
        channel.signal(key, pain=True, reason=key)
        assert channel.acknowledge(key, by=key)
    found = {signal.key: signal for signal in channel.open()}
    assert [int(found[f"key {number}"].level) for number in range(len(levels))] == [5, 5, 1, 2, 5, 1, 1]
    assert [found[f"felt {number}"].intensity for number in range(5)] == [1.0, 1.0, 0.0, 1.0, 0.0]
    clock.advance(1e6)
    report = channel.report()
    assert report.pains == len(levels) + 5
    assert all(0 < len(signal.key) <= LONGEST_KEY for signal in report.open)
    assert report.model_dump_json()


def test_a_window_too_fine_to_be_kept_is_refused() -> None:
    for length, buckets in ((1e-300, 10), (5e-324, 2), (1.0, MOST_BUCKETS + 1), (1.0, 1)):
        with pytest.raises(ConfigurationError, match="cannot be kept"):
            Window(length=length, buckets=buckets)


@pytest.mark.parametrize("half_life", [1e17, 1e300])
def test_a_channel_that_hardly_forgets_tells_its_mean_rate(half_life: float) -> None:
    channels, link = Channels(now=0.0, half_life=half_life), LINKS[0]
    for second in range(10):
        channels.send(link.source, link.target, purpose=link.purpose, kind="ping", now=float(second))
    (line,) = channels.report(20.0).traffic
    assert line.rate == pytest.approx(0.5, rel=1e-9)


def test_work_that_recurs_faster_than_time_can_tell_is_refused_and_no_moment_hangs_the_timetable() -> None:
    with pytest.raises(PayloadError, match="period"):
        Work(unit="a", name="b", resources=frozenset({"c"}), period=1e-300, duration=1e-300)
    timetable = Timetable()
    timetable.plan(Work(unit="a", name="b", resources=frozenset({"c"}), period=1.0, duration=0.5), now=0.0)
    with pytest.raises(PayloadError, match="moment"):
        timetable.due(now=1e300)
    assert len(timetable.due(now=9e14)) <= 1
    assert timetable.next_at is not None
    assert timetable.next_at >= 9e14


def test_of_many_distinct_holders_only_a_bounded_number_is_remembered() -> None:
    shares = FairShare(most_units=2000)
    for number in range(4000):
        shares.serve(shares.admit(f"holder {number}"))
    assert 1800 <= int(repr(shares).removeprefix("FairShare(units=").removesuffix(")")) <= 2000


@pytest.mark.anyio
async def test_who_was_not_served_in_the_end_is_not_charged_for_the_turn() -> None:
    system = System2(policy=ConflictPolicy.TIME_SHARING, timeout=0.001)
    async with system.hold(("printer",), holder="a"):
        for _ in range(5):
            with pytest.raises(ContentionError):
                async with system.hold(("printer",), holder="b"):
                    raise AssertionError
        with pytest.raises(PayloadError):
            async with system.hold((), holder="b"):
                raise AssertionError
    first = system.resolve("printer", (Contender(unit="a"), Contender(unit="b"))).order[0]
    assert first == "b"


@pytest.mark.anyio
async def test_time_is_shared_among_agents_not_among_single_operations() -> None:
    system2 = System2(policy=ConflictPolicy.TIME_SHARING, weights={"diligent": 2.0})
    system1 = alone(coordination=system2)

    async def work(_: Operation) -> Outcome:
        return DONE

    system1.add_unit(OperationalUnit("any", Does(work)))
    for _ in range(4):
        await system1.execute(Operation(needs="print", uses=frozenset({"printer"}), agent="diligent"))
    assert system2.resolve("printer", (Contender(unit="diligent"), Contender(unit="idle"))).order == (
        "idle",
        "diligent",
    )


def test_a_claim_that_is_withdrawn_by_the_one_who_hears_of_a_grant_is_not_granted() -> None:
    leases = Leases(capacities={"a": 2})
    held = leases.try_grant(("a", "b", "c"), holder="holder", now=0.0)
    first = leases.ask(("a", "b"), holder="first", now=0.0)
    second = leases.ask(("a", "c"), holder="second", now=0.0)
    first.on_grant = lambda: leases.withdraw(second, now=0.0)
    assert isinstance(held, Lease)
    assert leases.release(held, now=0.0)
    assert (first.lease is not None, second.lease, leases.waiting, leases.held) == (True, None, 0, 1)


def test_a_value_that_is_refused_makes_no_other_series_forgotten() -> None:
    watch = Watch(most_series=1)
    watch.observe("load", 1.0)
    with pytest.raises(PayloadError):
        watch.observe("noise", nan)
    assert watch.report("load") is not None
    assert watch.report("noise") is None


def test_audits_name_each_unit_once_even_if_the_next_time_has_come_already() -> None:
    schedule = AuditSchedule(random=chance(), mean_gap=1e-300)
    for unit in ("a", "b"):
        schedule.put(unit, risk=1.0, now=1e9)
    for _ in range(3):
        assert sorted(schedule.due(1e9)) == ["a", "b"]


def test_late_news_does_not_make_the_clock_of_audits_run_faster() -> None:
    schedule = AuditSchedule(random=chance(), mean_gap=1000.0)
    schedule.put("a", risk=1.0, now=0.0)
    due = sum(len(schedule.due(now)) for _ in range(5000) for now in (0.9, 0.1))
    assert due == 0


@pytest.mark.anyio
async def test_the_riskiest_unit_can_be_distrusted_too() -> None:
    reported = ReportedOutcomes()
    for _ in range(50):
        reported.note("a", absorbed=True, elapsed=1.0)

    async def fails(_: str) -> bool:
        return False

    channel = AuditChannel(inspect=fails, reported=reported.of, random=chance())
    channel.add("a", now=0.0, risk=RISKS[1])
    for _ in range(60):
        await channel.audit("a", now=0.0)
    assert channel.distrusted == ("a",)


def test_who_asks_for_none_of_what_is_used_up_gets_the_rest() -> None:
    bargaining = Bargaining(capacities={"calls": 10.0, "memory": 5.0}, audited=lambda _: None)
    bargaining.strike([ResourceRequest(unit="a", amounts={"memory": 5.0}, promised_share=0.5)], now=0.0)
    asks = ResourceRequest(unit="b", amounts={"calls": 2.0, "memory": 0.0}, promised_share=0.5)
    (struck,) = bargaining.strike([asks], now=1.0)
    assert struck.granted == {"calls": 2.0, "memory": 0.0}


@pytest.mark.parametrize("values", [(1e60, -1e60), (1e60, 0.0), (-1e60, -1e60), (1e-60, 1e60)])
def test_the_largest_values_that_are_taken_neither_stop_a_filter_nor_make_it_grow(values: tuple[float, float]) -> None:
    followed = Cyberfilter()
    verdicts = [followed.observe(values[step % 2]) for step in range(40)]
    assert followed.observations == 40
    assert verdicts[-1].level is not None
    assert -1e62 < verdicts[-1].level < 1e62


def test_subjects_of_performance_are_bounded() -> None:
    system = System3(budget=Budget(), clock=FakeClock())
    for number in range(MOST_UNITS):
        system.performance(actuality=None, capability=None, potentiality=None, n=0, subject=f"subject {number}")
    with pytest.raises(PayloadError, match="one more"):
        system.performance(actuality=None, capability=None, potentiality=None, n=0, subject="one more")
    system.performance(actuality=None, capability=None, potentiality=None, n=1, subject="subject 7")
    assert len(system.report().performance) == MOST_UNITS


@pytest.mark.promise("C64")
def test_a_system_that_is_handed_its_own_work_through_units_is_found() -> None:
    system1 = alone()
    unit = OperationalUnit("inner", system1)
    for number in range(3):
        unit = OperationalUnit(f"around {number}", unit)
    with pytest.raises(ConfigurationError, match="part of itself"):
        system1.add_unit(unit)
    assert not system1.units
    below = alone()
    below.add_unit(OperationalUnit("leaf", OperationalUnit("worker", Does(_never))))
    system1.add_unit(OperationalUnit("branch", OperationalUnit("hands it on", below)))
    assert depth(system1) == 2


async def _never(operation: Operation) -> Outcome:
    raise AssertionError(operation)


def test_units_around_units_without_end_are_refused() -> None:
    class Round:
        @property
        def performer(self) -> object:
            return self

        async def execute(self, operation: Operation, /) -> Outcome:
            raise AssertionError(operation)

    with pytest.raises(ConfigurationError, match="handed on more than"):
        alone().add_unit(OperationalUnit("round", Round()))


def test_a_unit_whose_parts_cannot_be_looked_into_does_not_stay() -> None:
    class Broken:
        def subsystems(self) -> Sequence[OperationalUnit]:
            raise RuntimeError

        async def execute(self, operation: Operation, /) -> Outcome:
            raise AssertionError(operation)

    system1 = alone()
    with pytest.raises(RuntimeError):
        system1.add_unit(OperationalUnit("broken", Broken()))
    assert not system1.units


@pytest.mark.anyio
@pytest.mark.parametrize("places", [1, 2, 16])
async def test_work_that_goes_round_behind_a_wrapper_ends_soon_and_holds_nothing(places: int) -> None:
    system1 = alone()
    policy = UnitPolicy(most_at_once=places)
    for name in ("a", "b", "c"):
        system1.add_unit(OperationalUnit(name, Does(system1.execute), policy=policy))
    with anyio.fail_after(1), pytest.raises(ConfigurationError, match="came back to"):
        await system1.execute(ASKED)
    assert system1.busy == 0
    assert [unit.busy for unit in system1.units.values()] == [0, 0, 0]


@pytest.mark.anyio
async def test_a_system_with_one_place_says_that_work_would_wait_for_itself() -> None:
    system1 = alone(most_at_once=1)
    system1.add_unit(OperationalUnit("a", Does(system1.execute)))
    with anyio.fail_after(1), pytest.raises(ConfigurationError, match="came back to System 1"):
        await system1.execute(ASKED)
    assert (system1.busy, system1.waiting) == (0, 0)


@pytest.mark.anyio
async def test_who_performs_may_ask_the_system_for_something_else() -> None:
    system1 = alone()

    async def plan(operation: Operation) -> Outcome:
        if operation.needs == "plan":
            return await system1.execute(Operation(needs="convert"))
        return DONE

    system1.add_unit(OperationalUnit("any", Does(plan)))
    assert (await system1.execute(Operation(needs="plan"))).text == "done"
    assert system1.absorbed == 2


@pytest.mark.anyio
async def test_work_that_outlives_the_work_that_began_it_is_work_of_its_own() -> None:
    system1 = alone()
    unit_policy = UnitPolicy(most_at_once=1)
    done = list[int]()
    async with anyio.create_task_group() as tasks:

        async def begins_the_next(_: Operation) -> Outcome:
            done.append(1)
            if len(done) < 40:
                tasks.start_soon(later)
            return DONE

        async def later() -> None:
            await anyio.wait_all_tasks_blocked()
            await system1.execute(ASKED)

        system1.add_unit(OperationalUnit("any", Does(begins_the_next), policy=unit_policy))
        with anyio.fail_after(5):
            await system1.execute(ASKED)
    assert (len(done), system1.absorbed, system1.failed) == (40, 40, 0)


@pytest.mark.anyio
@pytest.mark.promise("C7")
async def test_a_failure_that_may_have_had_an_effect_is_not_hidden_behind_one_that_had_none() -> None:
    async def full(_: Operation) -> Outcome:
        raise CapacityError("No room.")

    async def breaks(_: Operation) -> Outcome:
        raise ToolError("It broke half-way.")

    repeated = list[str]()

    async def repeats(operation: Operation) -> Outcome:
        repeated.append(operation.needs)
        return DONE

    below = alone()
    below.add_unit(OperationalUnit("a full", Does(full)))
    below.add_unit(OperationalUnit("b breaks", Does(breaks)))
    above = alone()
    above.add_unit(OperationalUnit("a below", below))
    above.add_unit(OperationalUnit("b repeats", Does(repeats)))
    with pytest.raises(ToolError, match="half-way"):
        await above.execute(ASKED)
    assert not repeated
    assert (above.failed, below.failed) == (1, 1)


@pytest.mark.anyio
async def test_cancelled_waits_leave_no_place_no_lease_and_no_waiter_behind() -> None:
    system2 = System2(timeout=0.02)
    system1 = alone(coordination=system2, most_at_once=3, place_timeout=0.02)
    draw = chance(2)

    async def work(_: Operation) -> Outcome:
        await anyio.sleep(draw.random() * 0.005)
        if draw.random() < 0.3:
            raise ValueError
        return DONE

    system1.add_unit(OperationalUnit("any", Does(work), policy=UnitPolicy(most_at_once=2, place_timeout=0.02)))

    async def ask() -> None:
        with anyio.move_on_after(draw.random() * 0.02):
            try:
                uses = frozenset(draw.sample("abcd", 2))
                await system1.execute(Operation(needs="a", uses=uses, priority=draw.randrange(3)))
            except VSMError:
                pass

    with anyio.fail_after(20):
        for _ in range(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(40):
                    tasks.start_soon(ask)
    report = system2.report()
    assert (system1.busy, system1.waiting, report.held, report.waiting) == (0, 0, 0, 0)
    unit = system1.units["any"].report()
    assert (unit.busy, unit.waiting) == (0, 0)


@pytest.mark.anyio
async def test_a_missing_capability_still_counts_as_unknown() -> None:
    system1 = alone()
    with pytest.raises(CapabilityMissingError):
        await system1.execute(ASKED)
    assert system1.report().by_stage[Stage.UNKNOWN] == 1


@pytest.mark.anyio
async def test_places_know_how_they_were_come_to() -> None:
    places = Places(2, owner="the hall")
    with (
        places.passed(),
        places.passed(),
        pytest.raises(ConfigurationError, match=r"the hall .* 2 times"),
        places.passed(),
    ):
        raise AssertionError
    with places.passed():
        assert places.busy == 0


def test_a_clock_that_jumps_never_makes_a_negative_age() -> None:
    clock = FakeClock()
    channel = AlgedonicChannel(clock=clock)
    channel.signal("it hurts", pain=True)
    for moment in (
        datetime(1970, 1, 2, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
    ):
        clock.set(moment)
        report = channel.report()
        assert report.oldest_s is not None
        assert report.oldest_s >= 0.0
        assert all(signal.due_in_s is None or signal.due_in_s >= 0.0 for signal in report.open)
