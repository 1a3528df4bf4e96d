"""Recurrent work on shared resources interleaves, in time when it can be, and without bursts."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import CapacityError, ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.schedule import Timetable, Turn, Work


def work(name: str, *, period: float = 10.0, duration: float = 1.0, on: str = "r", priority: int = 0) -> Work:
    return Work(
        unit=f"unit {name}",
        name=name,
        resources=frozenset(on),
        period=period,
        duration=duration,
        priority=priority,
    )


@dataclass(frozen=True, kw_only=True)
class Ran:
    name: str
    start: float
    end: float
    on: frozenset[str]
    in_time: bool


def play(timetable: Timetable, *, until: float, step: float = 1.0) -> list[Ran]:
    """Do what is due, each for as long as it takes; return what ran and when."""
    running, ran, now = list[tuple[float, float, Turn]](), list[Ran](), 0.0
    while now < until:
        for entry in [entry for entry in running if entry[0] <= now]:
            running.remove(entry)
            end, start, turn = entry
            in_time = timetable.done(turn, now=end)
            ran.append(Ran(name=turn.work.name, start=start, end=end, on=turn.work.resources, in_time=in_time))
        running += [(now + turn.work.duration, now, turn) for turn in timetable.due(now=now)]
        now += step
    return ran


@pytest.mark.promise("C9")
@settings(max_examples=100)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_short_pieces_that_fit_are_never_late(periods: list[int]) -> None:
    assume(sum(1.0 / period for period in periods) <= 1.0)
    timetable = Timetable()
    for place, period in enumerate(periods):
        timetable.plan(work(str(place), period=float(period)), now=0.0)
    ran = play(timetable, until=60.0)
    assert (timetable.missed, timetable.late) == (0, 0)
    assert all(one.in_time for one in ran)
    for place, period in enumerate(periods):
        assert sum(one.name == str(place) for one in ran) >= 60 // period - 1


@pytest.mark.promise("C9")
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "ab", "bc", "c"]), st.integers(4, 20), st.integers(1, 4)), max_size=8
    ),
    st.integers(0, 100),
)
def test_two_that_share_a_resource_never_run_together(pieces: list[tuple[str, int, int]], seed: int) -> None:
    timetable = Timetable(random=Random(seed))  # noqa: S311
    for place, (on, period, duration) in enumerate(pieces):
        try:
            timetable.plan(work(str(place), on=on, period=float(period), duration=float(duration)), now=0.0)
        except CapacityError:
            continue
    ran = play(timetable, until=100.0, step=0.5)
    for one in ran:
        assert not any(
            one.start < other.end and other.start < one.end and one.on & other.on for other in ran if other is not one
        )


def test_the_earliest_deadline_goes_first_then_the_highest_priority() -> None:
    timetable = Timetable()
    for piece in (work("late", period=9.0), work("low"), work("high", priority=1), work("early", period=5.0)):
        timetable.plan(piece, now=0.0)
    ran = play(timetable, until=4.5)
    assert [one.name for one in ran] == ["early", "late", "high", "low"][: len(ran)]
    assert len(ran) == 4


def test_what_waits_for_a_resource_is_not_overtaken_by_what_can_wait_longer() -> None:
    timetable = Timetable()
    timetable.plan(work("a", on="a", period=4.0), now=0.0)
    timetable.plan(work("both", on="ab", period=8.0), now=0.0)
    timetable.plan(work("b", on="b", period=9.0), now=0.0)
    assert [turn.work.name for turn in timetable.due(now=0.0)] == ["a"]


@pytest.mark.promise("C9")
def test_equal_periods_are_spread_over_the_period() -> None:
    timetable = Timetable(random=Random(3))  # noqa: S311
    for place in range(200):
        timetable.plan(work(str(place), period=100.0, on=chr(1000 + place)), now=0.0)
    begun = [len(timetable.due(now=float(second))) for second in range(111)]
    assert sum(begun) >= 200
    assert max(begun) <= 10


def test_jitter_does_not_add_up() -> None:
    timetable = Timetable(random=Random(5), spread=0.2)  # noqa: S311
    first = timetable.plan(work("a", period=10.0), now=0.0)
    begun = list[float]()
    for step in range(100_000):
        for turn in timetable.due(now=step / 100):
            begun.append(turn.released_at)
            timetable.done(turn, now=step / 100)
    assert len(begun) == pytest.approx(100, abs=1)
    assert all(abs(at - (first + 10.0 * place)) <= 2.0 for place, at in enumerate(begun))
    assert len({round(at % 10.0, 6) for at in begun}) > 50


def test_a_long_sleep_makes_no_burst_and_what_was_missed_is_counted() -> None:
    timetable = Timetable()
    timetable.plan(work("a"), now=0.0)
    assert len(timetable.due(now=1005.0)) == 1
    assert timetable.missed == 100
    assert timetable.next_at == 1010.0


def test_a_turn_that_is_not_begun_in_its_period_is_missed() -> None:
    timetable = Timetable()
    timetable.plan(work("long", period=20.0, duration=15.0), now=0.0)
    (long,) = timetable.due(now=0.0)
    timetable.plan(work("short", period=10.0, duration=1.0), now=5.0)
    assert timetable.due(now=5.0) == ()
    assert timetable.due(now=15.0) == ()
    assert timetable.missed == 1
    assert timetable.done(long, now=15.5)
    assert [turn.number for turn in timetable.due(now=15.5)] == [1]


def test_an_overrun_is_late_and_does_not_run_twice() -> None:
    timetable = Timetable()
    timetable.plan(work("a"), now=0.0)
    (turn,) = timetable.due(now=0.0)
    assert timetable.due(now=12.0) == ()
    assert not timetable.done(turn, now=13.0)
    assert (timetable.late, timetable.missed) == (1, 1)
    assert not timetable.done(turn, now=13.0), "it ended already"
    assert timetable.late == 1


def test_work_whose_doer_died_gives_its_resource_back() -> None:
    timetable = Timetable()
    timetable.plan(work("dead"), now=0.0)
    timetable.due(now=0.0)
    assert timetable.due(now=20.0) == ()
    assert len(timetable.due(now=21.0)) == 0, "the turn of this period was skipped while the dead one held it"
    assert len(timetable.due(now=30.0)) == 1
    assert timetable.late == 1


def test_a_turn_that_waits_too_long_is_missed_before_its_next_release() -> None:
    timetable = Timetable(random=Random(0), spread=0.9)  # noqa: S311
    timetable.plan(work("blocked", period=10.0), now=0.0)
    timetable.plan(work("blocking", period=100.0, duration=50.0), now=0.0)
    seen = [turn.work.name for now in range(150) for turn in timetable.due(now=float(now))]
    assert seen.count("blocking") == 1
    assert timetable.missed > 0


def test_work_that_is_dropped_frees_its_share_and_ends_what_runs_first() -> None:
    timetable = Timetable()
    timetable.plan(work("a", duration=6.0), now=0.0)
    timetable.plan(work("b", duration=4.0), now=0.0)
    (turn,) = timetable.due(now=0.0)
    assert timetable.drop("unit a", "a")
    assert not timetable.drop("unit a", "a")
    assert timetable.utilisation("r") == pytest.approx(0.4)
    assert timetable.due(now=1.0) == (), "what was begun still runs"
    assert timetable.done(turn, now=6.0)
    assert [one.work.name for one in timetable.due(now=6.0)] == ["b"]
    assert timetable.drop("unit b", "b")
    assert timetable.utilisation("r") == 0.0
    assert timetable.next_at is None


def test_a_resource_is_never_planned_for_more_than_its_time() -> None:
    timetable = Timetable(most_work=3)
    for name in "ab":
        timetable.plan(work(name, duration=5.0), now=0.0)
    with pytest.raises(CapacityError, match=r"'r' would be used for 110\.0% of its time"):
        timetable.plan(work("c"), now=0.0)
    with pytest.raises(PayloadError, match="plans 'a' already"):
        timetable.plan(work("a", on="s"), now=0.0)
    timetable.plan(work("c", on="s"), now=0.0)
    with pytest.raises(CapacityError, match="3 pieces of work"):
        timetable.plan(work("d", on="t"), now=0.0)
    assert repr(timetable) == "Timetable(work=3, begun=0, missed=0, late=0)"


def test_a_clock_that_is_set_back_does_not_stop_the_timetable() -> None:
    timetable = Timetable()
    timetable.plan(work("a"), now=1000.0)
    (turn,) = timetable.due(now=1000.0)
    timetable.done(turn, now=0.0)
    assert timetable.due(now=9.0) == ()
    assert len(timetable.due(now=10.0)) == 1


@pytest.mark.parametrize(
    ("period", "duration", "on"),
    [
        (0.0, 1.0, "r"),
        (inf, 1.0, "r"),
        (nan, 1.0, "r"),
        (1.0, 2.0, "r"),
        (1.0, 0.0, "r"),
        (1.0, nan, "r"),
        (2.0, 1.0, ""),
    ],
)
def test_work_that_makes_no_sense_is_refused(period: float, duration: float, on: str) -> None:
    with pytest.raises(PayloadError):
        work("a", period=period, duration=duration, on=on)


@pytest.mark.parametrize(
    "make",
    [lambda: Timetable(spread=1.0), lambda: Timetable(spread=nan), lambda: Timetable(most_work=0)],
)
def test_options_of_the_timetable_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()
