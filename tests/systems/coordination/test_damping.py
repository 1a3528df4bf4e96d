"""The mild dampers: a band with a dwell, a smaller gain, jitter."""

from collections.abc import Callable
from math import inf, nan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.damping import GainLimiter, Hysteresis, Jitter, stable_gain

REACTION = 1.5


def cobweb(gain: float, *, limiter: GainLimiter | None = None, steps: int = 400) -> float:
    """Return how far the price is from its balance at last; it begins 1 away from it."""
    away = 1.0
    for _ in range(steps):
        correction = gain * away if limiter is None else limiter.observe(away)
        away -= correction + REACTION * correction
    return abs(away)


def test_the_cobweb_converges_below_its_limit_and_diverges_above() -> None:
    assert stable_gain(REACTION) == pytest.approx(0.8)
    assert cobweb(0.79) < 1e-4
    assert cobweb(0.81) > 1e4


@pytest.mark.promise("C10")
@settings(max_examples=100)
@given(st.floats(0.81, 5.0))
def test_with_the_limiter_what_would_diverge_converges(gain: float) -> None:
    limiter = GainLimiter(gain=gain)
    assert cobweb(gain, limiter=limiter) < 1e-3
    assert limiter.cuts >= 1
    assert limiter.gain < stable_gain(REACTION)


def test_a_gain_that_is_small_enough_is_left_alone() -> None:
    limiter = GainLimiter(gain=0.79)
    assert cobweb(0.79, limiter=limiter) < 1e-4
    assert (limiter.gain, limiter.cuts) == (0.79, 0)
    assert limiter.limit(REACTION) == 0.79


def test_a_known_reaction_sets_the_limit_at_once() -> None:
    limiter = GainLimiter(gain=1.0, margin=0.5)
    assert limiter.limit(REACTION) == pytest.approx(0.4)
    limiter.restore()
    assert limiter.gain == 1.0
    assert repr(limiter) == "GainLimiter(gain=1, cuts=1)"


def test_noise_never_takes_all_of_the_gain() -> None:
    limiter, random = GainLimiter(gain=1.0), Random(1)  # noqa: S311
    for _ in range(10_000):
        limiter.observe(random.gauss(0.0, 1.0))
    assert limiter.gain >= 0.01


@given(st.lists(st.floats(0.0, 1.0), max_size=50), st.floats(0.0, 0.5), st.floats(0.5, 1.0))
def test_inside_the_band_nothing_switches(values: list[float], low: float, high: float) -> None:
    switch = Hysteresis(low=low, high=high)
    for value in values:
        before = switch.on
        after = switch.judge(value, now=0.0)
        assert after is (value >= low if before else value >= high)
        assert low <= value < high or after is (value >= high)


def test_after_switching_it_stays_for_the_dwell() -> None:
    switch = Hysteresis(low=1.0, high=2.0, dwell=10.0)
    assert switch.judge(3.0, now=0.0)
    assert switch.judge(0.0, now=9.0)
    assert switch.judge(0.0, now=-100.0), "a clock that is set back is no dwell"
    assert not switch.judge(0.0, now=-99.0)
    assert switch.switches == 2
    assert "on=False" in repr(switch)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.floats(0.0, 1e6), st.floats(0.0, 1.0))
def test_jitter_stays_within_its_spread(seed: int, seconds: float, spread: float) -> None:
    jitter = Jitter(random=Random(seed), spread=spread)  # noqa: S311
    assert seconds * (1.0 - spread) * 0.999999 <= jitter.delay(seconds) <= seconds * (1.0 + spread) * 1.000001
    assert 0.0 <= jitter.phase(seconds) <= seconds
    assert f"{spread:g}" in repr(jitter)


def test_jitter_spreads_a_burst_and_keeps_the_mean() -> None:
    jitter = Jitter(random=Random(7), spread=0.5)  # noqa: S311
    delays = [jitter.delay(10.0) for _ in range(2000)]
    assert sum(delays) / len(delays) == pytest.approx(10.0, abs=0.25)
    busiest = max(sum(second <= delay < second + 1 for delay in delays) for second in range(16))
    assert busiest < 2000 * 0.15


@pytest.mark.parametrize(
    "make",
    [
        lambda: Hysteresis(low=2.0, high=1.0),
        lambda: Hysteresis(low=nan, high=1.0),
        lambda: Hysteresis(low=0.0, high=1.0, dwell=-1.0),
        lambda: GainLimiter(gain=0.0),
        lambda: GainLimiter(gain=inf),
        lambda: GainLimiter(margin=1.0),
        lambda: Jitter(random=Random(0), spread=1.1),  # noqa: S311
        lambda: Jitter(random=Random(0), spread=nan),  # noqa: S311
    ],
)
def test_options_of_dampers_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_measurement_is_refused(value: float) -> None:
    with pytest.raises(PayloadError):
        Hysteresis(low=0.0, high=1.0).judge(value, now=0.0)
    with pytest.raises(PayloadError):
        GainLimiter().observe(value)
    with pytest.raises(PayloadError):
        GainLimiter().limit(value)
    with pytest.raises(PayloadError):
        Jitter(random=Random(0)).delay(value)  # noqa: S311
