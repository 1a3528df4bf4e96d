"""Pain climbs until it is relieved, and nothing stands in its way."""

import math
import tracemalloc
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.events import AlgedonicEscalated, AlgedonicRaised, AlgedonicRelieved
from vsm_mcp.systems.vitals.algedonic import FLOOD_ABOVE, LONGEST_KEY, OVERFLOW, RECOVERY, AlgedonicChannel
from vsm_mcp.systems.vitals.signals import Level, Signal
from vsm_mcp.testing.world import START, FakeClock, RecordingSink

TIMES = {Level.UNIT: 10.0, Level.CONTROL: 20.0, Level.INTELLIGENCE: 40.0, Level.POLICY: 80.0}


class Bench:
    """A channel with a clock to set and a sink that remembers."""

    def __init__(self, *, most: int = 1000) -> None:
        self.clock = FakeClock()
        self.sink = RecordingSink()
        self.channel = AlgedonicChannel(clock=self.clock, recovery=TIMES, most=most, emit=self.sink)

    def pain(self, key: str = "disk", *, level: int = Level.UNIT, intensity: float = 0.5, reason: str = "") -> None:
        self.channel.signal(key, pain=True, level=level, intensity=intensity, reason=reason)

    def pleasure(self, key: str = "disk", *, level: int = Level.UNIT) -> None:
        self.channel.signal(key, pain=False, level=level)

    def after(self, seconds: float) -> tuple[AlgedonicEscalated, ...]:
        self.clock.advance(seconds)
        return self.channel.advance()

    def only(self) -> Signal:
        (signal,) = self.channel.open()
        return signal


@pytest.mark.promise("C101")
def test_pain_that_is_not_relieved_climbs_one_level_at_a_time_up_to_the_host() -> None:
    bench = Bench()
    bench.pain()
    levels = list[Level]()
    for wait in (10, 20, 40, 80):
        assert bench.after(wait - 0.5) == ()
        (climb,) = bench.after(0.5)
        levels.append(bench.only().level)
        assert (climb.level, climb.late) == (levels[-1], 0)
    assert levels == [Level.CONTROL, Level.INTELLIGENCE, Level.POLICY, Level.HOST]
    assert bench.after(1e6) == ()
    assert bench.channel.due_in() is None
    assert bench.channel.report().at_host == 1


def test_pain_that_is_relieved_in_time_climbs_nowhere_and_vanishes() -> None:
    bench = Bench()
    bench.pain()
    bench.clock.advance(9.9)
    assert bench.channel.relieve("disk")
    assert bench.after(1e6) == ()
    report = bench.channel.report()
    assert (report.open, report.relieved, report.recovered, report.escalated) == ((), 1, 1, 0)
    (ended,) = bench.sink.of(AlgedonicRelieved)
    assert (ended.key, ended.level, ended.pain) == ("disk", 1, True)
    assert ended.after == pytest.approx(9.9)


def test_a_late_look_makes_exactly_the_climbs_that_were_due() -> None:
    bench = Bench()
    bench.pain()
    climbs = bench.after(75)
    assert [(climb.level, climb.after, climb.late) for climb in climbs] == [(2, 10, 65), (3, 30, 45), (4, 70, 5)]
    assert bench.only().due_in_s == 75
    assert bench.sink.of(AlgedonicEscalated) == list(climbs)


def test_a_relief_after_the_deadline_records_the_climb_that_was_missed() -> None:
    bench = Bench()
    bench.pain()
    bench.clock.advance(11)
    bench.channel.relieve("disk")
    report = bench.channel.report()
    assert (report.escalated, report.relieved, report.recovered) == (1, 1, 0)
    assert [type(event) for event in bench.sink.events] == [AlgedonicRaised, AlgedonicEscalated, AlgedonicRelieved]


def test_the_same_pain_again_neither_restarts_its_time_nor_counts_as_another() -> None:
    bench = Bench()
    bench.pain()
    bench.clock.advance(6)
    bench.pain()
    assert bench.only().due_in_s == 4
    assert bench.only().times == 2
    assert (bench.channel.raised, len(bench.sink.of(AlgedonicRaised))) == (1, 1)
    assert [climb.level for climb in bench.after(4)] == [2]


def test_stronger_pain_is_told_again_with_its_reason_and_gets_no_more_time() -> None:
    bench = Bench()
    bench.pain(intensity=0.5, reason="filling")
    bench.clock.advance(6)
    bench.pain(intensity=0.9, reason="full")
    bench.pain(intensity=0.1, reason="better")
    assert [event.reason for event in bench.sink.of(AlgedonicRaised)] == ["filling", "full"]
    assert (bench.only().intensity, bench.only().reason) == (0.9, "full")
    assert bench.only().due_in_s == 4
    bench.pain(intensity=0.3, reason="asked for help", level=Level.CONTROL)
    assert (bench.only().intensity, bench.only().reason) == (0.9, "asked for help")


def test_pain_at_a_higher_level_is_there_at_once_and_never_falls_back() -> None:
    bench = Bench()
    bench.pain()
    bench.pain(level=Level.POLICY)
    bench.pain(level=Level.UNIT, intensity=1.0)
    assert (bench.only().level, bench.only().due_in_s) == (Level.POLICY, 80)
    assert bench.after(10) == ()
    assert bench.after(70)[0].level == Level.HOST


@pytest.mark.promise("C101")
def test_any_system_may_go_straight_to_system_5_past_all_others() -> None:
    bench = Bench()
    bench.pain(level=Level.POLICY)
    (raised,) = bench.sink.of(AlgedonicRaised)
    assert raised.level == Level.POLICY


def test_pain_that_begins_at_the_host_has_nowhere_to_climb() -> None:
    bench = Bench()
    bench.pain(level=Level.HOST)
    assert bench.channel.due_in() is None
    assert (bench.only().level, bench.only().due_in_s) == (Level.HOST, None)


def test_an_acknowledgement_says_who_is_at_it_and_does_not_stop_the_clock() -> None:
    bench = Bench()
    bench.pain()
    assert bench.channel.acknowledge("disk", by="operator")
    assert bench.only().acknowledged_by == "operator"
    assert len(bench.after(10)) == 1
    assert bench.channel.acknowledge("disk", by="")
    assert bench.only().acknowledged_by == "(unnamed)"
    assert not bench.channel.acknowledge("net", by="operator")


def test_what_is_not_open_cannot_be_relieved() -> None:
    assert not Bench().channel.relieve("disk")


def test_pleasure_is_told_does_not_climb_and_fades() -> None:
    bench = Bench()
    bench.pleasure(level=Level.POLICY)
    assert (bench.only().pain, bench.only().due_in_s) == (False, 80)
    assert bench.channel.report().next_escalation_s is None
    assert bench.channel.due_in() == 80
    assert bench.after(80) == ()
    assert bench.channel.open() == ()
    assert bench.sink.of(AlgedonicRelieved) == [AlgedonicRelieved(key="disk", level=4, pain=False, after=80)]
    assert bench.sink.of(AlgedonicEscalated) == []


def test_pleasure_for_the_host_fades_too() -> None:
    bench = Bench()
    bench.pleasure(level=Level.HOST)
    bench.after(80)
    assert bench.channel.open() == ()


def test_pleasure_neither_hides_pain_nor_takes_its_place() -> None:
    bench = Bench(most=3)
    for number in range(10):
        bench.pleasure(f"good {number}")
    bench.pain("good 1")
    bench.pain("disk")
    signals = bench.channel.open()
    assert [signal.key for signal in signals if signal.pain] == ["good 1", "disk"]
    assert len(signals) == 6
    assert len(bench.sink.of(AlgedonicRaised)) == 12
    bench.pleasure("disk")
    assert [climb.key for climb in bench.after(10)] == ["good 1", "disk"]


@settings(max_examples=60)
@given(st.lists(st.floats(0.25, 60), min_size=1, max_size=30))
def test_it_does_not_matter_how_often_one_looks(steps: list[float]) -> None:
    watched, unwatched = Bench(), Bench()
    watched.pain()
    unwatched.pain()
    seen = [(climb.level, climb.after) for step in steps for climb in watched.after(step)]
    for step in steps:
        unwatched.clock.advance(step)
    assert [(climb.level, climb.after) for climb in unwatched.channel.advance()] == seen


ACTS = st.tuples(
    st.sampled_from(["pain", "pleasure", "relieve", "acknowledge", "wait"]), st.integers(0, 30), st.integers(1, 5)
)


def play(bench: Bench, acts: Sequence[tuple[str, int, int]]) -> None:
    """Do what others do; every act takes a second."""
    for act, number, level in acts:
        bench.clock.advance(1)
        match act:
            case "pain":
                bench.pain(f"other {number}", level=level, intensity=number / 30)
            case "pleasure":
                bench.pleasure(f"other {number}", level=level)
            case "relieve":
                bench.channel.relieve(f"other {number}")
            case "acknowledge":
                bench.channel.acknowledge(f"other {number}", by="somebody")
            case _:
                bench.channel.advance()


@settings(max_examples=80)
@given(st.lists(ACTS, max_size=200), st.integers(1, 8))
def test_no_other_traffic_drops_filters_or_delays_a_pain(acts: list[tuple[str, int, int]], most: int) -> None:
    bench = Bench(most=most)
    bench.pain("mine")
    play(bench, acts)
    bench.after(200)
    climbs = [event for event in bench.sink.of(AlgedonicEscalated) if event.key == "mine"]
    assert [(climb.level, climb.after) for climb in climbs] == [(2, 10), (3, 30), (4, 70), (5, 150)]
    assert bench.channel.relieve("mine")


@settings(max_examples=80)
@given(st.lists(ACTS, max_size=150), st.integers(1, 8))
def test_every_pain_is_open_relieved_or_joined_with_others(acts: list[tuple[str, int, int]], most: int) -> None:
    bench = Bench(most=most)
    play(bench, acts)
    report = bench.channel.report()
    keyed = [signal for signal in report.open if signal.pain and signal.key != OVERFLOW]
    joined = [signal for signal in report.open if signal.pain and signal.key == OVERFLOW]
    assert len(keyed) <= most
    assert report.raised == len(keyed) + report.relieved + sum(signal.times for signal in joined)
    assert sum(not signal.pain for signal in report.open) <= most + 1


def test_pain_that_finds_the_list_full_is_joined_and_the_worst_of_it_kept() -> None:
    bench = Bench(most=2)
    bench.pain("a")
    bench.pain("b")
    bench.pain("c", intensity=0.2, reason="slow")
    bench.pain("d", intensity=0.9, reason="down", level=Level.CONTROL)
    bench.pain("e", intensity=0.3, reason="noisy")
    joined = bench.channel.open()[0]
    assert (joined.key, joined.times, joined.level) == (OVERFLOW, 3, Level.CONTROL)
    assert (joined.intensity, joined.reason) == (0.9, "d: down")
    assert [event.key for event in bench.sink.of(AlgedonicRaised)] == ["a", "b", "c", "d", "e"]
    assert (bench.channel.raised, bench.channel.unlisted) == (5, 3)
    assert [climb.key for climb in bench.after(20)] == ["a", "b", OVERFLOW]
    assert bench.channel.relieve(OVERFLOW)
    assert bench.channel.relieve("a")
    bench.pain("c")
    assert {signal.key for signal in bench.channel.open()} == {"b", "c"}


def test_a_clock_that_is_set_back_puts_no_climb_off_and_makes_no_age_negative() -> None:
    bench = Bench()
    bench.pain()
    bench.clock.set(START - timedelta(days=1))
    assert bench.channel.advance() == ()
    assert bench.only().age_s == 0
    assert [climb.level for climb in bench.after(10)] == [2]
    assert bench.only().age_s == 10


def test_what_makes_no_sense_is_put_right_and_never_dropped() -> None:
    bench = Bench()
    bench.pain("", intensity=math.nan)
    bench.pain("much", intensity=math.inf, level=99)
    bench.pain("little", intensity=-5, level=-3)
    bench.pain("said at length", reason="why " * 1000)
    found = {signal.key: signal for signal in bench.channel.open()}
    assert (found["(unnamed)"].intensity, found["(unnamed)"].level) == (1, Level.UNIT)
    assert (found["much"].intensity, found["much"].level) == (1, Level.HOST)
    assert (found["little"].intensity, found["little"].level) == (0, Level.UNIT)
    assert len(found["said at length"].reason) == 500


def test_long_keys_are_cut_and_stay_different() -> None:
    bench = Bench()
    for end in ("a", "b", "\ud800"):
        bench.pain("x" * 5000 + end)
    keys = {signal.key for signal in bench.channel.open()}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {LONGEST_KEY}
    assert bench.channel.relieve("x" * 5000 + "b")


def test_the_report_says_how_much_pain_there_is_worst_first() -> None:
    bench = Bench()
    bench.pain("old")
    bench.clock.advance(3)
    bench.pain("strong", intensity=0.9)
    bench.pain("high", level=Level.POLICY)
    bench.pleasure("good")
    report = bench.channel.report()
    assert [signal.key for signal in report.open] == ["high", "strong", "old", "good"]
    assert (report.pains, report.oldest_s, report.next_escalation_s) == (3, 3, 7)
    assert bench.channel.due_in() == 7


def test_what_was_relieved_is_not_waited_for() -> None:
    bench = Bench()
    bench.pain("first")
    bench.clock.advance(4)
    bench.pain("second")
    bench.channel.relieve("first")
    assert bench.channel.due_in() == 10
    bench.channel.relieve("second")
    assert bench.channel.due_in() is None


def test_before_the_first_pain_there_is_nothing_to_say() -> None:
    report = Bench().channel.report()
    assert (report.open, report.oldest_s, report.next_escalation_s) == ((), None, None)
    assert (report.raised_in_10_min, report.flood) == (0, False)
    assert repr(Bench().channel) == "AlgedonicChannel(pains=0, raised=0, relieved=0)"


def test_more_alarms_than_a_person_can_attend_to_are_a_flood() -> None:
    bench = Bench()
    for number in range(FLOOD_ABOVE):
        bench.pain(f"pain {number}")
    assert not bench.channel.report().flood
    bench.pain("one more")
    assert bench.channel.report().flood
    assert bench.channel.report().raised_in_10_min == FLOOD_ABOVE + 1
    bench.clock.advance(600)
    assert bench.channel.report().raised_in_10_min == 0


def test_pain_that_comes_and_goes_does_not_fill_the_memory() -> None:
    bench = Bench()
    bench.channel = AlgedonicChannel(clock=bench.clock, recovery=TIMES)
    bench.pain("stays")
    tracemalloc.start()
    for number in range(4000):
        bench.pain(f"pain {number}")
        bench.channel.relieve(f"pain {number}")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000
    assert [climb.key for climb in bench.after(10)] == ["stays"]


def test_a_sink_may_answer_pain_at_once() -> None:
    bench = Bench()
    relieved = list[bool]()

    def answer(event: object) -> None:
        if isinstance(event, AlgedonicEscalated) and event.key == "a":
            relieved.append(bench.channel.relieve("b"))
            bench.pain("c")

    bench.channel = AlgedonicChannel(clock=bench.clock, recovery=TIMES, emit=answer)
    bench.pain("a")
    bench.clock.advance(5)
    bench.pain("b")
    assert [climb.key for climb in bench.after(8)] == ["a"]
    assert relieved == [True]
    assert {signal.key for signal in bench.channel.open()} == {"a", "c"}


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_a_level_without_time_to_recover_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="POLICY has"):
        AlgedonicChannel(clock=FakeClock(), recovery={**TIMES, Level.POLICY: seconds})
    with pytest.raises(ConfigurationError, match=r"UNIT has 0\.0 seconds"):
        AlgedonicChannel(clock=FakeClock(), recovery={})


def test_a_list_for_no_pain_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="too few"):
        AlgedonicChannel(clock=FakeClock(), most=0)


def test_by_default_every_level_below_the_host_has_a_time_to_recover() -> None:
    assert set(RECOVERY) == set(Level) - {Level.HOST}
    AlgedonicChannel(clock=FakeClock()).signal("disk", pain=True)
