"""The meter: its figures equal those of the definition, and known answers."""

import math
import tracemalloc
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.meter import MOST_HELD, OTHER, VarietyMeter

KINDS = st.sampled_from([f"kind {number}" for number in range(8)])
STREAMS = st.lists(KINDS, min_size=1, max_size=120)
COVERAGES = st.dictionaries(KINDS, st.floats(0, 1))
HALF_LIVES = st.sampled_from([1.0, 2.0, 7.0, 100.0, math.inf])


def weights_of(stream: Sequence[str], half_life: float) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for age, kind in enumerate(reversed(stream)):
        weights[kind] += 2.0 ** -(age / half_life)
    return dict(weights)


def entropy(weights: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return -sum(w / total * math.log2(w / total) for w in weights.values() if w)


def meter_of(
    stream: Sequence[str], coverage: Mapping[str, float] | None = None, half_life: float = math.inf
) -> VarietyMeter:
    meter = VarietyMeter(half_life=half_life)
    for kind, value in (coverage or {}).items():
        meter.set_coverage(kind, value)
    for kind in stream:
        meter.observe(kind)
    return meter


def value(figure: float | None) -> float:
    assert figure is not None
    return figure


def test_before_the_first_demand_nothing_is_known() -> None:
    meter = VarietyMeter()
    assert meter.required_bits is None
    assert meter.corrected_bits is None
    assert meter.covered_bits is None
    assert meter.covered_share is None
    assert meter.failing_kinds is None
    assert meter.effective_observations is None
    assert (meter.observations, meter.kinds, meter.available_kinds) == (0, 0, 0)


@given(STREAMS, COVERAGES, HALF_LIVES)
def test_the_running_figures_equal_the_definition(
    stream: list[str], coverage: dict[str, float], half_life: float
) -> None:
    meter = meter_of(stream, coverage, half_life)
    weights = weights_of(stream, half_life)
    total = sum(weights.values())
    p = {kind: weight / total for kind, weight in weights.items()}
    covered = {kind: coverage.get(kind, 0.0) for kind in p}
    failing = {kind: p[kind] * (1 - covered[kind]) for kind in p}
    assert value(meter.required_bits) == pytest.approx(entropy(weights), abs=1e-9)
    assert value(meter.covered_share) == pytest.approx(sum(p[k] * covered[k] for k in p), abs=1e-9)
    assert value(meter.covered_bits) == pytest.approx(sum(p[k] * covered[k] * math.log2(1 / p[k]) for k in p), abs=1e-9)
    if sum(failing.values()) > 1e-6:
        assert value(meter.failing_kinds) == pytest.approx(2 ** entropy(failing), rel=1e-6)
    squares = sum(4.0 ** -(age / half_life) for age in range(len(stream)))
    assert value(meter.effective_observations) == pytest.approx(total**2 / squares)
    assert meter.shares() == pytest.approx(p)
    assert meter.available_kinds == sum(covered[kind] > 0.5 for kind in p)


@given(STREAMS, COVERAGES, HALF_LIVES)
def test_it_does_not_matter_when_coverage_changed(
    stream: list[str], coverage: dict[str, float], half_life: float
) -> None:
    early = meter_of(stream, coverage, half_life)
    late = meter_of(stream, {}, half_life)
    for kind, share in coverage.items():
        late.set_coverage(kind, 1 - share)
        late.set_coverage(kind, share)
    assert value(late.covered_share) == pytest.approx(value(early.covered_share), abs=1e-9)
    assert value(late.covered_bits) == pytest.approx(value(early.covered_bits), abs=1e-9)
    assert late.available_kinds == early.available_kinds


@given(STREAMS, COVERAGES, HALF_LIVES)
def test_bits_and_shares_stay_within_their_bounds(
    stream: list[str], coverage: dict[str, float], half_life: float
) -> None:
    meter = meter_of(stream, coverage, half_life)
    required = value(meter.required_bits)
    most = math.log2(meter.kinds)
    assert 0 <= value(meter.covered_bits) <= required <= most
    assert required <= value(meter.corrected_bits) <= most or required == pytest.approx(most)
    assert 0 <= value(meter.covered_share) <= 1
    assert 0 <= value(meter.failing_kinds) <= meter.kinds + 1e-9


@given(STREAMS)
def test_without_forgetting_the_order_of_demand_does_not_matter(stream: list[str]) -> None:
    one, other = meter_of(stream), meter_of(sorted(stream))
    assert value(one.required_bits) == pytest.approx(value(other.required_bits), abs=1e-9)


@given(STREAMS, COVERAGES, HALF_LIVES)
def test_names_do_not_matter(stream: list[str], coverage: dict[str, float], half_life: float) -> None:
    one = meter_of(stream, coverage, half_life)
    renamed = meter_of([kind[::-1] for kind in stream], {k[::-1]: a for k, a in coverage.items()}, half_life)
    assert renamed.required_bits == one.required_bits
    assert renamed.covered_bits == one.covered_bits


@given(STREAMS, COVERAGES, st.tuples(KINDS, st.floats(0, 1)))
def test_more_coverage_never_covers_less(
    stream: list[str], coverage: dict[str, float], more: tuple[str, float]
) -> None:
    meter = meter_of(stream, coverage, 5.0)
    share, bits = value(meter.covered_share), value(meter.covered_bits)
    meter.set_coverage(more[0], max(coverage.get(more[0], 0.0), more[1]))
    assert value(meter.covered_share) >= share - 1e-9
    assert value(meter.covered_bits) >= bits - 1e-9


@given(STREAMS)
def test_with_everything_covered_nothing_is_left(stream: list[str]) -> None:
    meter = meter_of(stream, dict.fromkeys(stream, 1.0))
    assert meter.covered_share == pytest.approx(1.0)
    assert meter.covered_bits == pytest.approx(meter.required_bits, abs=1e-9)
    assert meter.failing_kinds == 0.0


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.integers(1, 5))
def test_grouping_kinds_never_adds_variety(stream: list[str], groups: int) -> None:
    coarse = meter_of([str(ord(kind) % groups) for kind in stream])
    assert value(coarse.required_bits) <= value(meter_of(stream).required_bits) + 1e-9


def test_after_many_rescalings_the_figures_still_equal_the_definition() -> None:
    stream = [f"kind {(step * step) % 7}" for step in range(3000)]
    coverage = {"kind 1": 0.25, "kind 2": 1.0}
    meter = meter_of(stream, coverage, half_life=2.0)
    weights = weights_of(stream[-200:], 2.0)
    assert value(meter.required_bits) == pytest.approx(entropy(weights), abs=1e-9)
    assert value(meter.effective_observations) == pytest.approx((1 + 2**-0.5) / (1 - 2**-0.5))
    assert meter.observations == 3000


def test_rescaling_changes_no_figure() -> None:
    meter = VarietyMeter(half_life=1.0)
    meter.set_coverage("b", 0.5)
    for step in range(1000):
        meter.observe("ab"[step % 2])
        if step > 50:
            newest = 2 / 3 if step % 2 else 1 / 3
            assert value(meter.effective_observations) == pytest.approx(3.0)
            assert value(meter.covered_share) == pytest.approx(newest / 2)
            assert value(meter.required_bits) == pytest.approx(0.918296, abs=1e-6)


def test_kinds_that_faded_are_forgotten_but_their_capability_is_not() -> None:
    meter = VarietyMeter(half_life=1.0)
    meter.set_coverage("rare", 0.9)
    meter.observe("rare")
    assert meter.available_kinds == 1
    for _ in range(500):
        meter.observe("frequent")
    assert "rare" not in meter
    assert list(meter) == ["frequent"]
    assert meter.available_kinds == 0
    meter.observe("rare")
    assert meter.available_kinds == 1


def test_kinds_beyond_the_bound_are_counted_together_and_never_covered() -> None:
    meter = VarietyMeter(most_kinds=3)
    assert [meter.observe(kind) for kind in "abcdea"] == ["a", "b", "c", OTHER, OTHER, "a"]
    assert meter.kinds == 4
    assert meter.shares()[OTHER] == pytest.approx(2 / 6, rel=1e-2)
    assert meter.available_kinds == 0


def test_a_kind_with_a_capability_has_its_own_place_even_beyond_the_bound() -> None:
    meter = VarietyMeter(most_kinds=1)
    meter.observe("a")
    meter.set_coverage("b", 0.8)
    assert meter.observe("b") == "b"
    assert meter.available_kinds == 1


def test_when_the_table_is_full_faded_kinds_make_room() -> None:
    meter = VarietyMeter(half_life=1.0, most_kinds=2)
    meter.observe("faded")
    for _ in range(40):
        meter.observe("present")
    assert meter.observe("new") == "new"
    assert "faded" not in meter
    assert meter.observe("newer") == OTHER


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        ((1, 1), 1.0),
        ((1,) * 8, 3.0),
        ((5,), 0.0),
        ((1, 3), 0.811278),
        ((4, 2, 3, 2, 4, 2, 1, 1), 1.968382 / math.log(2)),
    ],
)
def test_required_bits_of_known_distributions(counts: tuple[int, ...], bits: float) -> None:
    meter = meter_of([str(kind) for kind, count in enumerate(counts) for _ in range(count)])
    assert value(meter.required_bits) == pytest.approx(bits, abs=1e-6)


def test_the_correction_for_few_observations_adds_what_miller_and_madow_say() -> None:
    meter = meter_of("a" * 10 + "b" * 5 + "c")
    assert value(meter.corrected_bits) == pytest.approx(value(meter.required_bits) + 2 / (2 * 16 * math.log(2)))


def test_the_correction_never_exceeds_what_so_many_kinds_can_have() -> None:
    assert value(meter_of("aaaabbcccddeeeeffgh").corrected_bits) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("elements", "varieties"), [("gbcggc", 3), ("bcaacaba", 3), ("bcaaCaBa", 5), ("cbcaccabcbba", 3)]
)
def test_ashbys_examples_depend_on_the_observer(elements: str, varieties: int) -> None:
    assert meter_of(elements).kinds == varieties


def test_a_pack_of_cards_has_5_point_7_bits() -> None:
    assert value(meter_of([str(card) for card in range(52)]).required_bits) == pytest.approx(5.7, abs=0.01)


@pytest.mark.parametrize("half_life", [0.0, -1.0, 0.5, math.nan])
def test_a_half_life_of_less_than_one_event_is_refused(half_life: float) -> None:
    with pytest.raises(ConfigurationError, match="half-life"):
        VarietyMeter(half_life=half_life)


def test_no_room_for_any_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 kinds"):
        VarietyMeter(most_kinds=0)


@pytest.mark.parametrize("coverage", [-0.1, 1.1, math.nan])
def test_a_coverage_that_is_no_probability_is_refused(coverage: float) -> None:
    with pytest.raises(PayloadError, match="probability"):
        VarietyMeter().set_coverage("a", coverage)


def test_it_shows_what_it_observed() -> None:
    assert repr(meter_of("aab")) == "VarietyMeter(n=3, kinds=2)"


@given(STREAMS, COVERAGES, HALF_LIVES)
def test_the_headline_has_the_five_figures(stream: list[str], coverage: dict[str, float], half_life: float) -> None:
    meter = meter_of(stream, coverage, half_life)
    head = meter.headline()
    assert head is not None
    assert head.required_bits == meter.required_bits
    assert head.absorbed_bits == meter.covered_bits
    assert head.absorbed_bits + head.gap_bits == pytest.approx(head.required_bits, abs=1e-12)
    assert head.gap_share == pytest.approx(1 - value(meter.covered_share))
    assert head.observed_absorbed_share == 0.0


@given(STREAMS, COVERAGES, HALF_LIVES)
def test_the_largest_gaps_are_those_of_the_definition(
    stream: list[str], coverage: dict[str, float], half_life: float
) -> None:
    meter = meter_of(stream, coverage, half_life)
    shares = meter.shares()
    gaps = {kind: share * (1 - coverage.get(kind, 0.0)) for kind, share in shares.items()}
    top = meter.top_gaps(3)
    assert [gap.gap_share for gap in top] == pytest.approx(
        sorted((gap for gap in gaps.values() if gap), reverse=True)[:3]
    )
    for gap in top:
        assert gap.gap_share == pytest.approx(gaps[gap.kind])
        assert (gap.demand_share, gap.coverage) == (pytest.approx(shares[gap.kind]), coverage.get(gap.kind, 0.0))


@given(st.lists(STREAMS, min_size=1, max_size=4), HALF_LIVES)
def test_the_variety_of_the_whole_is_that_of_the_parts_and_of_the_choice_between_them(
    streams: list[list[str]], half_life: float
) -> None:
    parts = [meter_of([f"{part}: {kind}" for kind in stream], {}, half_life) for part, stream in enumerate(streams)]
    whole = VarietyMeter(half_life=half_life)
    for part in parts:
        whole.add(part)
    masses = {str(number): sum(part.weights().values()) for number, part in enumerate(parts)}
    inner = sum(
        mass / sum(masses.values()) * value(part.required_bits)
        for mass, part in zip(masses.values(), parts, strict=True)
    )
    assert value(whole.required_bits) == pytest.approx(entropy(masses) + inner, abs=1e-9)
    assert whole.observations == sum(map(len, streams))
    total, squares = (
        sum(masses.values()),
        sum(m**2 / value(p.effective_observations) for m, p in zip(masses.values(), parts, strict=True)),
    )
    assert value(whole.effective_observations) == pytest.approx(total**2 / squares)


@given(STREAMS, STREAMS, COVERAGES)
def test_without_forgetting_the_sum_of_two_meters_is_the_meter_of_both_streams(
    one: list[str], other: list[str], coverage: dict[str, float]
) -> None:
    whole = meter_of(one, coverage)
    whole.add(meter_of(other, coverage))
    both = meter_of(one + other, coverage)
    assert whole.weights() == pytest.approx(both.weights())
    assert value(whole.required_bits) == pytest.approx(value(both.required_bits), abs=1e-9)
    assert value(whole.covered_bits) == pytest.approx(value(both.covered_bits), abs=1e-9)
    assert value(whole.covered_share) == pytest.approx(value(both.covered_share), abs=1e-9)
    assert whole.available_kinds == both.available_kinds


def test_what_does_not_fit_into_the_sum_is_counted_together_and_uncovered() -> None:
    whole, part = VarietyMeter(most_kinds=1), VarietyMeter(most_kinds=2)
    part.set_coverage("held", 0.9)
    for kind in ("a", "b", "c", "held"):
        part.observe(kind)
    part.set_coverage("b", 0.7)
    part.set_coverage("b", 0.0)
    whole.add(part)
    assert set(whole) == {"held", OTHER}
    assert whole.stages_of(OTHER)[Stage.UNKNOWN] == pytest.approx(0.75, abs=0.01)
    assert whole.other.coverage == 0.0
    assert sum(whole.shares().values()) == pytest.approx(1.0)


def test_kinds_without_demand_that_are_covered_are_bounded_too() -> None:
    meter = VarietyMeter(most_kinds=1)
    for number in range(MOST_HELD + 1):
        meter.set_coverage(f"kind {number}", 0.5)
    with pytest.raises(PayloadError, match="100001 kinds already"):
        meter.set_coverage("one more", 0.5)
    meter.set_coverage("kind 7", 0.0)
    meter.set_coverage("one more", 0.5)
    assert (meter.kinds, len(meter.cells)) == (0, MOST_HELD + 1)


def test_a_stream_of_ever_new_kinds_neither_grows_the_meter_nor_spoils_its_sums() -> None:
    meter = VarietyMeter(half_life=50.0, most_kinds=20)
    for number in range(30_000):
        meter.observe(f"kind {number}" if number % 3 else "steady", Stage.ABSORBED if number % 2 else Stage.UNKNOWN)
    assert len(meter.cells) <= 20
    assert meter.kinds <= 21
    weights = meter.shares()
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert value(meter.required_bits) == pytest.approx(entropy(weights), abs=1e-12)
    assert meter.shares()["steady"] == pytest.approx(1 / 3, abs=0.01)
    assert meter.evictions > 0


@pytest.mark.parametrize("half_life", [1.0, 100.0, math.inf])
def test_after_100_000_events_the_running_sums_are_those_of_the_definition(half_life: float) -> None:
    draw = Random(7)  # noqa: S311
    kinds = [f"kind {number}" for number in range(50)]
    stream = draw.choices(kinds, [1 / (rank + 1) for rank in range(50)], k=100_000)
    meter = VarietyMeter(half_life=half_life)
    for number, kind in enumerate(stream):
        if not number % 7:
            meter.set_coverage(kind, draw.random())
        meter.observe(kind)
    remembered = stream if math.isinf(half_life) else stream[-int(60 * half_life) :]
    weights = weights_of(remembered, half_life)
    total = sum(weights.values())
    assert abs(value(meter.required_bits) - entropy(weights)) < 1e-9
    covered = sum(weight / total * meter.cells[kind].coverage for kind, weight in weights.items())
    assert abs(value(meter.covered_share) - covered) < 1e-9


def test_a_kind_takes_less_than_400_bytes_whatever_becomes_of_it() -> None:
    kinds = [f"kind {number}" for number in range(1000)]
    meter = VarietyMeter()
    tracemalloc.start()
    try:
        for kind in kinds:
            for stage in Stage:
                meter.observe(kind, stage)
        assert tracemalloc.get_traced_memory()[0] / len(kinds) < 400
    finally:
        tracemalloc.stop()
