"""Whatever comes in, the meters refuse it by name or take it in; they never crash and never add up wrongly."""

from collections.abc import Callable
from math import inf, nan
from time import perf_counter
from typing import cast

import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.ashby.capacity import capacity_bits, carried_bits, check_capacity, symmetric_capacity_bits
from vsm_mcp.variety.ashby.markov import MarkovChain
from vsm_mcp.variety.ashby.requisite import requisite_information, sensor_suffices
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.meter import MOST_HELD, OTHER, VarietyMeter, growth_of
from vsm_mcp.variety.selection import Need, Offer, choose
from vsm_mcp.variety.statistics.channels import ChannelMeter
from vsm_mcp.variety.statistics.drift import DriftDetector

HUGE = 10**400
"""A whole number that no float can hold."""

NO_NUMBERS = (nan, HUGE, -HUGE, -inf)


@pytest.mark.parametrize("value", [*NO_NUMBERS, inf])
def test_what_no_float_can_hold_is_refused_where_a_figure_comes_in(value: float) -> None:
    refused: tuple[Callable[[], object], ...] = (
        lambda: capacity_bits(2, seconds=value),
        lambda: capacity_bits(2, channels=cast("int", value)),
        lambda: (
            symmetric_capacity_bits(0.1, symbols=cast("int", value))
            if value != HUGE
            else carried_bits(-1.0, independent=True)
        ),
        lambda: carried_bits(1.0, value, independent=True),
        lambda: check_capacity(needed=value, available=1.0),
        lambda: MarkovChain({"a": {"a": value}}),
        lambda: MarkovChain({"a": {"a": 1.0}}).length_bits(cast("int", value)),
    )
    for ask in refused:
        with pytest.raises(PayloadError):
            ask()


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_options_that_no_float_can_hold_are_refused(value: float) -> None:
    refused: tuple[Callable[[], object], ...] = (
        lambda: growth_of(value),
        lambda: VarietyMeter(half_life=value),
        lambda: ChannelMeter(half_life=value),
        lambda: DriftDetector(slow=value),
        lambda: choose([Need(kind="a", weight=1.0)], [Offer(name="b", quality={})], budget=value),
        lambda: requisite_information({"a": 1.0}, {"a": {"b": 1.0}}, tolerated=0.1, tolerance=value),
        lambda: ChannelMeter().report(events_per_second=value),
        lambda: ChannelMeter().report(declared_lost_bits=value),
    )
    for ask in refused:
        with pytest.raises(ConfigurationError):
            ask()


def test_a_requisite_information_that_is_no_number_is_refused() -> None:
    with pytest.raises(PayloadError, match="not zero or more"):
        sensor_suffices({("a", "b"): 1.0}, nan)
    assert not sensor_suffices({("a", "b"): 1.0}, inf)


@pytest.mark.parametrize("half_life", [1e15, 1e17, 1e300, 1.7e308])
def test_a_channel_that_hardly_forgets_counts_its_events(half_life: float) -> None:
    channel = ChannelMeter(half_life=half_life)
    for _ in range(1000):
        channel.observe("in", "out")
    assert channel.effective_observations == pytest.approx(1000.0, rel=1e-12)
    assert channel.report().n == 1000


def test_a_stage_that_is_none_leaves_the_meter_as_it_was() -> None:
    meter = VarietyMeter()
    meter.observe("a", Stage.ABSORBED)
    with pytest.raises(PayloadError, match="'bogus' is not a stage"):
        meter.observe("b", cast("Stage", "bogus"))
    assert (meter.kinds, meter.observations, tuple(meter.cells)) == (1, 1, ("a",))
    assert sum(meter.shares().values()) == 1.0


def test_nothing_is_told_apart_from_other_kinds_by_the_name_of_these() -> None:
    meter = VarietyMeter(most_kinds=2)
    for kind in (OTHER, "a", OTHER, "b", "c"):
        meter.observe(kind)
    assert meter.kinds == len(meter.shares()) == 2
    assert sum(meter.shares().values()) == pytest.approx(1.0, abs=1e-12)
    assert OTHER not in meter.cells
    with pytest.raises(PayloadError, match="cannot be covered"):
        meter.set_coverage(OTHER, 0.5)


def test_capabilities_that_find_no_room_in_a_whole_are_counted_with_the_others_and_the_sums_stay_right() -> None:
    parts = [VarietyMeter(most_kinds=1) for _ in range(2)]
    for number, part in enumerate(parts):
        for place in range(MOST_HELD // 2 + 2):
            part.set_coverage(f"{number} {place}", 0.5)
        part.observe(f"{number} 0", Stage.ABSORBED)
    whole = VarietyMeter(most_kinds=1)
    whole.add(*parts)
    assert len(whole.cells) == MOST_HELD + 1
    head = whole.headline()
    assert head is not None
    assert head.observed_absorbed_share == 1.0
    assert sum(whole.shares().values()) == pytest.approx(1.0, abs=1e-12)


def test_merging_many_parts_takes_time_in_proportion_to_them() -> None:
    def seconds(count: int) -> float:
        children: list[VarietyCalculator] = []
        for part in range(count):
            child = VarietyCalculator()
            child.observe_many((f"{part} {kind}", Stage.ABSORBED) for kind in range(10))
            children.append(child)
        took: list[float] = []
        for _ in range(3):
            began = perf_counter()
            assert VarietyCalculator.merge(children).gap().kinds_required == 10 * count
            took.append(perf_counter() - began)
        return min(took)

    assert seconds(400) < 30.0 * seconds(50)  # eight times as many; it was 64 times the work


@pytest.mark.parametrize("kind", ["\x00", "\u202eabc", "a\ud800", "ﷺ" * 10, "'; --", "<b>", "\U000e0001x"])
def test_the_strangest_kind_is_counted_and_told_like_any_other(kind: str) -> None:
    calculator = VarietyCalculator()
    calculator.observe(kind, Stage.UNKNOWN)
    calculator.observe(kind, Stage.UNKNOWN)
    report = calculator.analyze()
    assert (report.n, report.kinds_required) == (2, 1)
    assert str(report)


@pytest.mark.parametrize("half_life", [1.0, 3.0, 1000.0, inf])
def test_a_long_stream_of_learning_kinds_adds_up_like_a_count_of_it(half_life: float) -> None:
    calculator = VarietyCalculator(half_life=half_life, most_kinds=50)
    stages = tuple(Stage)
    for number in range(60_000):
        calculator.observe(f"kind {number * number % 97 % (number % 60 + 1)}", stages[number % 6])
    shares = calculator.shares()
    gap = calculator.gap()
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-9)
    expected = 1.0 - sum(share * calculator.coverage_of(kind) for kind, share in shares.items() if kind != OTHER)
    assert gap.share == pytest.approx(expected, abs=1e-9)
    lost = sum(calculator.lost_by_system().values())
    assert gap.observed_absorbed_share is not None
    assert lost + gap.observed_absorbed_share == pytest.approx(1.0, abs=1e-9)
