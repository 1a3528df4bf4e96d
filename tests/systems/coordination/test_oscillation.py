"""What swings is seen, and what only wavers is not."""

from collections.abc import Callable, Iterable, Iterator
from math import inf, nan, pi, sin
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.oscillation import OscillationDetector

POINTS = 600
SERIES = 100

Signal = Callable[[Random], Iterator[float]]


def autoregressive(coefficient: float) -> Signal:
    def draw(random: Random) -> Iterator[float]:
        value = 0.0
        for _ in range(POINTS):
            value = coefficient * value + random.gauss(0.0, 1.0)
            yield value

    return draw


def sine(noise: float, *, drift: float = 0.0) -> Signal:
    def draw(random: Random) -> Iterator[float]:
        period = random.uniform(8.0, 40.0)
        for step in range(POINTS):
            yield sin(2.0 * pi * step / period) + drift * step + random.gauss(0.0, noise)

    return draw


def square(random: Random) -> Iterator[float]:
    period = random.randint(6, 40)
    for step in range(POINTS):
        yield (1.0 if step % period < period / 2 else -1.0) + random.gauss(0.0, 0.3)


def cobweb(random: Random) -> Iterator[float]:
    gain, value = random.uniform(0.8, 0.805), 1.0
    for _ in range(POINTS):
        value *= 1.0 - 2.5 * gain
        yield value + random.gauss(0.0, 0.02)


def flips(random: Random) -> Iterator[float]:
    side = 1.0
    for _ in range(POINTS):
        side = -side if random.random() < 0.1 else side
        yield side


def states(detector: OscillationDetector, values: Iterable[float]) -> list[bool]:
    """Return after each value whether the series oscillates."""
    return [detector.observe(value) for value in values]


def spikes(*intervals: int) -> list[float]:
    """Return a series that is still but for spikes up and down, with these intervals between them."""
    values = [0.0] * 30 + [9.0]
    for place, interval in enumerate(intervals):
        values += [0.0] * (interval - 1) + [9.0 if place % 2 else -9.0]
    return values


def flagged(signal: Signal) -> float:
    """Return the share of series that are called oscillating at any time."""
    found = 0
    for seed in range(SERIES):
        detector = OscillationDetector()
        found += any(states(detector, signal(Random(seed))))  # noqa: S311
    return found / SERIES


@pytest.mark.promise("C10")
@pytest.mark.parametrize(
    ("signal", "most"),
    [
        (autoregressive(0.0), 0.08),
        (autoregressive(0.7), 0.05),
        (autoregressive(0.95), 0.02),
        (autoregressive(1.0), 0.02),
        (flips, 0.05),
    ],
)
def test_noise_is_seldom_called_oscillating(signal: Signal, most: float) -> None:
    assert flagged(signal) <= most


@pytest.mark.promise("C10")
@pytest.mark.parametrize(
    ("signal", "least"),
    [(sine(0.3), 0.95), (sine(0.7), 0.95), (sine(0.3, drift=0.05), 0.95), (square, 0.9), (cobweb, 0.95)],
)
def test_what_swings_is_found(signal: Signal, least: float) -> None:
    assert flagged(signal) >= least


def test_the_period_of_a_sine_is_found() -> None:
    detector = OscillationDetector()
    for step in range(POINTS):
        detector.observe(sin(2.0 * pi * step / 20.0))
    seen = detector.report()
    assert seen.oscillating
    assert seen.period == pytest.approx(20.0, rel=0.05)
    assert (seen.n, seen.intervals) == (POINTS, 12)
    assert seen.r is not None
    assert seen.r > 5.0


def test_r_is_the_mean_over_three_standard_deviations_of_the_last_intervals() -> None:
    detector = OscillationDetector(intervals=3)
    states(detector, spikes(4, 6, 8))
    assert detector.r == pytest.approx(6.0 / (3.0 * 2.0))
    detector = OscillationDetector(intervals=3)
    states(detector, spikes(4, 6, 8, 16))
    assert detector.r == pytest.approx(10.0 / (3.0 * 28.0**0.5))
    assert detector.crossings == 4


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9 / 3.0, 1e120])
def test_a_constant_series_never_oscillates(value: float) -> None:
    detector = OscillationDetector()
    assert not any(states(detector, [value] * POINTS))
    assert detector.r is None
    assert detector.spread == 0.0


def test_rounding_after_a_great_step_is_not_taken_for_oscillation() -> None:
    detector = OscillationDetector(half_life=10.0)
    values = [1.0] * 30 + [1e9 / 3.0] * 5000
    assert not any(states(detector, values))


def test_it_stops_when_the_swinging_stops() -> None:
    detector = OscillationDetector()
    for step in range(POINTS):
        detector.observe(float(step % 8 < 4))
    assert detector.oscillating
    for _ in range(10):
        detector.observe(0.5)
    assert not detector.oscillating


def test_before_enough_intervals_nothing_is_known() -> None:
    detector = OscillationDetector()
    assert detector.spread is None
    for step in range(50):
        assert not detector.observe(float(step % 8 < 4))
    assert detector.report().r is None
    assert detector.report().period is None
    assert "oscillating=False" in repr(detector)


@pytest.mark.parametrize("value", [nan, inf, -inf, 1e121])
def test_what_is_no_measurement_is_refused_and_left_out(value: float) -> None:
    detector = OscillationDetector()
    detector.observe(1.0)
    with pytest.raises(PayloadError):
        detector.observe(value)
    assert detector.n == 1


@settings(max_examples=50)
@given(st.lists(st.floats(-1e120, 1e120), max_size=100))
def test_whatever_is_measured_the_figures_stay_finite(values: list[float]) -> None:
    detector = OscillationDetector(intervals=2)
    for value in values:
        detector.observe(value)
    assert detector.r is None or 0.0 < detector.r < inf
    assert detector.spread is None or 0.0 <= detector.spread < inf


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([0.001, 8.0, 4096.0]))
def test_the_unit_of_measurement_does_not_matter(seed: int, scale: float) -> None:
    one, other = OscillationDetector(), OscillationDetector()
    for value in sine(0.3)(Random(seed)):  # noqa: S311
        one.observe(value)
        other.observe(value * scale)
    assert one.report().r == pytest.approx(other.report().r)


@pytest.mark.parametrize(
    "make",
    [
        lambda: OscillationDetector(intervals=1),
        lambda: OscillationDetector(half_life=1.0),
        lambda: OscillationDetector(half_life=nan),
    ],
)
def test_options_of_the_detector_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()
