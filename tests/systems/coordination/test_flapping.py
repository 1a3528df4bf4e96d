"""What goes on and off too often is left alone for a while, and never for too long."""

from collections.abc import Callable
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.coordination.flapping import FlapDamper, FlapLimits

MINUTE = 60.0


def flap(damper: FlapDamper, *moments: float, key: str = "route") -> bool:
    return [damper.flap(key, now=moment) for moment in moments][-1]


@pytest.mark.promise("C10")
def test_three_flaps_at_once_suppress_for_thirty_minutes() -> None:
    damper = FlapDamper()
    assert not flap(damper, 0.0, 0.0)
    assert flap(damper, 0.0)
    assert damper.reuse_in("route", now=0.0) == pytest.approx(30 * MINUTE)
    assert damper.suppressed("route", now=29.99 * MINUTE)
    assert not damper.suppressed("route", now=30 * MINUTE)
    assert damper.penalty("route", now=30 * MINUTE) == pytest.approx(750.0)


def test_two_flaps_and_seldom_ones_do_not_suppress() -> None:
    damper = FlapDamper()
    assert not flap(damper, *(step * 15 * MINUTE for step in range(1000)))
    assert damper.penalty("route", now=999 * 15 * MINUTE) == pytest.approx(2000.0)


@settings(max_examples=100)
@given(st.lists(st.floats(0.0, 600.0), min_size=1, max_size=200))
def test_nothing_stays_suppressed_longer_than_an_hour_after_its_last_flap(pauses: list[float]) -> None:
    damper, now = FlapDamper(), 0.0
    for pause in pauses:
        now += pause
        damper.flap("route", now=now)
        assert damper.penalty("route", now=now) <= damper.limits.ceiling
    left = damper.reuse_in("route", now=now)
    assert left is None or 0.0 < left <= 60 * MINUTE + 1e-6
    assert not damper.suppressed("route", now=now + 60 * MINUTE + 0.001)


def test_a_thousand_flaps_at_once_suppress_for_just_an_hour() -> None:
    damper = FlapDamper()
    flap(damper, *([0.0] * 1000))
    assert damper.reuse_in("route", now=0.0) == pytest.approx(60 * MINUTE)


def test_what_is_let_go_flaps_anew_from_what_is_left() -> None:
    damper = FlapDamper()
    flap(damper, 0.0, 0.0, 0.0)
    assert not flap(damper, 30 * MINUTE)
    assert flap(damper, 30 * MINUTE)


def test_a_clock_that_is_set_back_keeps_the_penalty() -> None:
    damper = FlapDamper()
    flap(damper, 1000.0, 1000.0, 1000.0)
    assert damper.penalty("route", now=0.0) == 3000.0
    assert damper.suppressed("route", now=29.9 * MINUTE)
    assert not damper.suppressed("route", now=30 * MINUTE)


def test_keys_are_damped_by_themselves_and_rulings_say_why() -> None:
    damper = FlapDamper()
    flap(damper, 0.0, 0.0, 0.0, key="a")
    flap(damper, 0.0, key="b")
    vetoed, allowed = damper.rule("a", now=0.0), damper.rule("b", now=0.0)
    assert (vetoed.allowed, allowed.allowed) == (False, True)
    assert vetoed.reason == "a was changed too often and is to be left alone for 1800 s."
    assert vetoed.retry_after == pytest.approx(1800.0)
    assert allowed.retry_after is None
    assert damper.all_suppressed(now=0.0) == ("a",)
    assert damper.penalty("unknown", now=0.0) == 0.0
    assert not damper.suppressed("unknown", now=0.0)


def test_a_flood_of_keys_pushes_out_neither_what_is_suppressed_nor_the_bound() -> None:
    damper = FlapDamper(most_keys=3)
    flap(damper, 0.0, 0.0, 0.0, key="bad")
    for number in range(1000):
        damper.flap(f"flood {number}", now=0.0)
    assert damper.suppressed("bad", now=0.0)
    assert repr(damper) == "FlapDamper(keys=3, undamped=0)"


def test_when_all_that_is_remembered_is_suppressed_more_is_only_counted() -> None:
    damper = FlapDamper(most_keys=2)
    for key in "ab":
        flap(damper, 0.0, 0.0, 0.0, key=key)
    assert not flap(damper, 0.0, 0.0, 0.0, key="c")
    assert damper.undamped == 3
    assert damper.all_suppressed(now=0.0) == ("a", "b")
    assert flap(damper, 31 * MINUTE, 31 * MINUTE, 31 * MINUTE, key="c")


@pytest.mark.parametrize(
    "make",
    [
        lambda: FlapDamper(most_keys=0),
        lambda: FlapLimits(reuse=2000.0),
        lambda: FlapLimits(penalty=0.0),
        lambda: FlapLimits(half_life=nan),
        lambda: FlapLimits(suppress=inf),
        lambda: FlapLimits(longest=1.0),
        lambda: FlapLimits(longest=inf),
    ],
)
def test_limits_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()
