"""The channel meter: its running figures equal those of the definition, Beer's principles, bounded memory."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.ashby.information import Joint
from vsm_mcp.variety.meter import OTHER
from vsm_mcp.variety.statistics.channels import LARGEST_MOST_KINDS, ChannelMeter

EVENTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1, max_size=150)
HALF_LIVES = st.sampled_from([1.0, 2.0, 7.0, 100.0, math.inf])


def meter_of(events: list[tuple[str, str]], half_life: float = math.inf, most_kinds: int = 100) -> ChannelMeter:
    meter = ChannelMeter(half_life=half_life, most_kinds=most_kinds)
    for entered, came_out in events:
        meter.observe(entered, came_out)
    return meter


def weights_of(events: list[tuple[str, str]], half_life: float) -> dict[tuple[str, str], float]:
    weights: dict[tuple[str, str], float] = {}
    for age, event in enumerate(reversed(events)):
        weights[event] = weights.get(event, 0.0) + 2.0 ** -(age / half_life)
    return weights


def value(figure: float | None) -> float:
    assert figure is not None
    return figure


def test_before_the_first_event_nothing_is_known() -> None:
    meter = ChannelMeter()
    report = meter.report(events_per_second=1, capacity_bits_per_second=1)
    assert (meter.transmitted_bits, meter.lost_bits, meter.noise_bits) == (None, None, None)
    assert (report.input_bits, report.fidelity, report.utilisation, report.transduces) == (None, None, None, None)
    assert (report.transmitted_bits_corrected, report.within_capacity, report.n_effective) == (None, None, None)
    assert (report.n, report.pairs, report.basis) == (0, 0, "no event observed yet")
    assert dict(meter.weights()) == {}


@pytest.mark.promise("A39", "C30")
@given(EVENTS, HALF_LIVES)
@settings(max_examples=120)
def test_the_running_figures_equal_the_definition(events: list[tuple[str, str]], half_life: float) -> None:
    meter = meter_of(events, half_life)
    joint = Joint("XY", weights_of(events, half_life))
    assert value(meter.input_bits) == pytest.approx(joint.entropy("X"), abs=1e-9)
    assert value(meter.output_bits) == pytest.approx(joint.entropy("Y"), abs=1e-9)
    assert value(meter.transmitted_bits) == pytest.approx(joint.information("X", "Y"), abs=1e-9)
    assert value(meter.lost_bits) == pytest.approx(joint.conditional_entropy("X", "Y"), abs=1e-9)
    assert value(meter.noise_bits) == pytest.approx(joint.conditional_entropy("Y", "X"), abs=1e-9)
    assert meter.weights() == pytest.approx(joint.shares(), abs=1e-9)
    ages = [2.0 ** -(age / half_life) for age in range(len(events))]
    assert value(meter.effective_observations) == pytest.approx(sum(ages) ** 2 / sum(age * age for age in ages))
    assert meter.observations == len(events)


@given(EVENTS, HALF_LIVES)
@settings(max_examples=100)
def test_figures_stay_within_their_bounds(events: list[tuple[str, str]], half_life: float) -> None:
    report = meter_of(events, half_life).report()
    entered, out, through = value(report.input_bits), value(report.output_bits), value(report.transmitted_bits)
    assert 0.0 <= through <= min(entered, out)
    assert through + value(report.lost_bits) == pytest.approx(entered)
    assert through + value(report.noise_bits) == pytest.approx(out)
    assert 0.0 <= value(report.transmitted_bits_corrected) <= math.log2(min(report.kinds_in, report.kinds_out)) + 1e-12
    assert report.fidelity is None or 0.0 <= report.fidelity <= 1.0
    if report.attenuation is not None and report.amplification is not None:
        assert report.attenuation * report.amplification == pytest.approx(1.0)


def test_a_channel_without_noise_carries_all_and_transduces() -> None:
    report = meter_of([("a", "x"), ("b", "y")] * 4).report(events_per_second=3, capacity_bits_per_second=4)
    assert (report.input_bits, report.transmitted_bits, report.lost_bits, report.noise_bits) == (1.0, 1.0, 0.0, 0.0)
    assert (report.attenuation, report.amplification, report.fidelity) == (1.0, 1.0, 1.0)
    assert (report.utilisation, report.within_capacity, report.transduces) == (0.75, True, True)
    assert report.transmitted_bits_corrected == 1.0
    assert report.basis == "8 events, half-life inf events, 2 pairs".replace("half-life inf events", "all equally")
    assert "utilisation: 0.75" in str(report)


@pytest.mark.promise("C30")
def test_a_channel_that_merges_kinds_attenuates_and_transduces_only_when_that_was_declared() -> None:
    meter = meter_of([("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")] * 5)
    report = meter.report()
    assert (report.input_bits, report.output_bits, report.lost_bits, report.noise_bits) == (2.0, 1.0, 1.0, 0.0)
    assert (report.attenuation, report.amplification, report.fidelity) == (2.0, 0.5, 0.5)
    assert report.transduces is False
    assert meter.report(declared_lost_bits=1.0).transduces is True
    assert meter.report(declared_lost_bits=0.9).transduces is False


def test_a_channel_that_splits_kinds_amplifies_without_loss() -> None:
    report = meter_of([("a", "w"), ("a", "x"), ("b", "y"), ("b", "z")] * 5).report()
    assert (report.lost_bits, report.noise_bits, report.amplification, report.transduces) == (0.0, 1.0, 2.0, True)


def test_a_channel_with_one_kind_has_no_ratio() -> None:
    report = meter_of([("a", "x")] * 9, half_life=3.0).report()
    assert (report.input_bits, report.fidelity, report.attenuation, report.amplification) == (0.0, None, None, None)
    assert report.transduces is True


@pytest.mark.promise("C30")
def test_more_variety_than_the_capacity_is_beyond_the_second_principle() -> None:
    meter = meter_of([("a", "x"), ("b", "y")])
    assert meter.report(events_per_second=4, capacity_bits_per_second=4).within_capacity is False
    assert meter.report(events_per_second=4).utilisation is None
    assert meter.report(capacity_bits_per_second=4).utilisation is None


def test_independent_ends_transmit_nothing_once_few_samples_are_corrected_for() -> None:
    random = Random(5)  # noqa: S311
    meter = meter_of([(random.choice("abcdefgh"), random.choice("stuvwxyz")) for _ in range(400)])
    report = meter.report()
    assert value(report.transmitted_bits) > 0.06
    assert value(report.transmitted_bits_corrected) < 0.03


def test_after_many_rescalings_faded_pairs_are_forgotten_and_the_sums_are_right() -> None:
    random = Random(2)  # noqa: S311
    events = [("gone", "gone")] + [(random.choice("abcd"), random.choice("xy")) for _ in range(3000)]
    meter, expected = meter_of(events, half_life=2.0), meter_of(events[-100:], half_life=2.0)
    for figure, known in ((meter.input_bits, expected.input_bits), (meter.lost_bits, expected.lost_bits)):
        assert value(figure) == pytest.approx(value(known), abs=1e-9)
    assert ("gone", "gone") not in meter.weights()
    assert meter.report().kinds_in == 4


def test_after_many_events_the_running_sums_have_not_drifted() -> None:
    random = Random(8)  # noqa: S311
    events = [(f"in {int(random.paretovariate(1)) % 40}", f"out {random.randrange(9)}") for _ in range(60_000)]
    for half_life in (500.0, math.inf):
        meter = meter_of(events, half_life)
        joint = Joint("XY", meter.weights())
        assert value(meter.transmitted_bits) == pytest.approx(joint.information("X", "Y"), abs=1e-9)
        assert value(meter.input_bits) == pytest.approx(joint.entropy("X"), abs=1e-9)


def test_kinds_beyond_the_bound_are_counted_together_and_only_lower_the_variety() -> None:
    events = [(f"in {number}", f"out {number}") for number in range(50)]
    meter = meter_of(events, most_kinds=5)
    report = meter.report()
    assert (report.kinds_in, report.kinds_out, report.pairs, report.n) == (6, 6, 6, 50)
    assert meter.weights()[OTHER, OTHER] == pytest.approx(0.9)
    assert value(report.input_bits) < math.log2(50)
    assert sum(meter.weights().values()) == pytest.approx(1.0)


def test_when_old_kinds_have_faded_new_ones_get_their_place() -> None:
    meter = meter_of([("a", "x"), ("b", "y")] + [("c", "z")] * 3 + [("a", "x")] * 60, half_life=1.0, most_kinds=2)
    meter.observe("d", "w")
    assert meter.weights()["d", "w"] == pytest.approx(0.5)
    assert OTHER not in {kind for pair in meter.weights() for kind in pair}


def test_kinds_without_end_leave_the_memory_bounded() -> None:
    meter = ChannelMeter(half_life=200.0, most_kinds=10)
    for number in range(20_000):
        meter.observe(f"in {number}", f"out {number % 3000}")
    report = meter.report()
    assert max(report.kinds_in, report.kinds_out) <= 11
    assert report.pairs <= 121
    assert sum(meter.weights().values()) == pytest.approx(1.0)
    assert value(report.lost_bits) + value(report.transmitted_bits) == pytest.approx(value(report.input_bits))


@pytest.mark.parametrize(("entered", "came_out"), [("", "x"), ("a", ""), ("a" * 201, "x"), ("a", "x" * 201)])
def test_a_kind_that_is_none_is_refused_and_not_counted(entered: str, came_out: str) -> None:
    meter = meter_of([("a", "x")])
    with pytest.raises(PayloadError, match="1 to 200 characters"):
        meter.observe(entered, came_out)
    assert (meter.observations, dict(meter.weights())) == (1, {("a", "x"): 1.0})
    assert repr(meter) == "ChannelMeter(n=1, in=1, out=1)"


@pytest.mark.parametrize("options", [{"half_life": 0.5}, {"half_life": math.nan}])
def test_half_lives_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        ChannelMeter(half_life=options["half_life"])


@pytest.mark.parametrize("most_kinds", [0, -1, LARGEST_MOST_KINDS + 1])
def test_a_bound_without_room_or_without_end_is_refused(most_kinds: int) -> None:
    with pytest.raises(ConfigurationError, match="cannot be told apart"):
        ChannelMeter(most_kinds=most_kinds)


@pytest.mark.parametrize("number", [-1.0, math.nan, math.inf])
def test_rates_that_make_no_sense_are_refused(number: float) -> None:
    meter = meter_of([("a", "x")])
    with pytest.raises(ConfigurationError):
        meter.report(events_per_second=number)
    with pytest.raises(ConfigurationError):
        meter.report(capacity_bits_per_second=number)
    with pytest.raises(ConfigurationError):
        meter.report(declared_lost_bits=number)


def test_a_channel_without_capacity_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="carries nothing"):
        ChannelMeter().report(capacity_bits_per_second=0.0)
