"""The funnel: a partition of all demand by the stage where it ended."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.coverage import PLACE, STAGES
from vsm_mcp.variety.meter import OTHER, VarietyMeter

DEMANDS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Stage)), min_size=1, max_size=100)
HALF_LIVES = st.sampled_from([1.0, 3.0, 100.0, math.inf])


def meter_of(demands: list[tuple[str, Stage]], half_life: float = math.inf) -> VarietyMeter:
    meter = VarietyMeter(half_life=half_life)
    for kind, stage in demands:
        meter.observe(kind, stage)
    return meter


def test_every_stage_has_its_place_and_what_ran_comes_last() -> None:
    assert set(STAGES) == set(Stage)
    assert {stage for stage in Stage if PLACE[stage] >= PLACE[Stage.FAILED]} == {Stage.FAILED, Stage.ABSORBED}


def test_before_the_first_demand_there_are_no_stages() -> None:
    meter = VarietyMeter()
    assert meter.stage_shares() == {}
    assert meter.stage_bits() == {}
    assert meter.headline() is None
    assert meter.stages_of("a") == {}


@given(DEMANDS, HALF_LIVES)
def test_shares_sum_to_one_and_bits_to_the_variety_of_demand(
    demands: list[tuple[str, Stage]], half_life: float
) -> None:
    meter = meter_of(demands, half_life)
    assert sum(meter.stage_shares().values()) == pytest.approx(1.0)
    assert sum(meter.stage_bits().values()) == pytest.approx(meter.required_bits, abs=1e-9)


@given(DEMANDS, HALF_LIVES)
def test_the_running_figures_of_the_stages_equal_the_definition(
    demands: list[tuple[str, Stage]], half_life: float
) -> None:
    meter = meter_of(demands, half_life)
    weights = [(kind, stage, 2.0 ** -(age / half_life)) for age, (kind, stage) in enumerate(reversed(demands))]
    total = sum(weight for _, _, weight in weights)
    p = {kind: sum(w for k, _, w in weights if k == kind) / total for kind, _, _ in weights}
    for stage in Stage:
        ended = [(kind, weight / total) for kind, at, weight in weights if at is stage]
        assert meter.stage_shares()[stage] == pytest.approx(sum(share for _, share in ended), abs=1e-9)
        assert meter.stage_bits()[stage] == pytest.approx(sum(s * math.log2(1 / p[k]) for k, s in ended), abs=1e-9)
    head = meter.headline()
    assert head is not None
    assert head.observed_absorbed_share == pytest.approx(meter.stage_shares()[Stage.ABSORBED])


@given(DEMANDS)
def test_the_stages_of_all_kinds_sum_to_the_shares(demands: list[tuple[str, Stage]]) -> None:
    meter = meter_of(demands)
    for stage in Stage:
        assert sum(meter.stages_of(kind)[stage] for kind in meter) == pytest.approx(meter.stage_shares()[stage])


def test_after_many_rescalings_faded_kinds_are_forgotten_and_the_stages_are_right() -> None:
    demands = [("faded", Stage.REFUSED)] + [
        (f"kind {step % 3}", Stage.ABSORBED if step % 2 else Stage.FAILED) for step in range(1000)
    ]
    meter = meter_of(demands, half_life=1.0)
    expected = meter_of(demands[-60:], half_life=1.0)
    assert meter.stage_shares() == pytest.approx(expected.stage_shares(), abs=1e-9)
    assert meter.stage_bits() == pytest.approx(expected.stage_bits(), abs=1e-9)
    assert meter.stages_of("faded") == {}


def test_the_stages_of_kinds_beyond_the_bound_are_counted_together_until_others_fade() -> None:
    meter = VarietyMeter(half_life=1.0, most_kinds=2)
    for kind in "abc":
        meter.observe(kind, Stage.UNKNOWN)
    assert meter.stages_of("c") == {}
    assert meter.stages_of(OTHER)[Stage.UNKNOWN] > 0
    for _ in range(60):
        meter.observe("a", Stage.ABSORBED)
    meter.observe("d", Stage.UNKNOWN)
    assert meter.stages_of("d")[Stage.UNKNOWN] == pytest.approx(0.5)
    assert OTHER not in meter


@pytest.mark.parametrize("half_life", [1.0, 10.0, 1e300, math.inf])
def test_how_many_demands_the_figures_are_worth_is_known_across_rescalings(half_life: float) -> None:
    meter = VarietyMeter(half_life=half_life)
    for _ in range(5000):
        meter.observe("a")
    weights = [2.0 ** -(age / half_life) for age in range(5000)]
    assert meter.effective_observations == pytest.approx(sum(weights) ** 2 / sum(weight**2 for weight in weights))


def test_a_meter_that_has_seen_much_takes_in_another_one_at_its_weight() -> None:
    old, young = VarietyMeter(half_life=3.0), VarietyMeter(half_life=3.0)
    for _ in range(50):
        old.observe("old")
    young.observe("young")
    mass = old.weights()["old"]
    old.add(young)
    assert old.weights() == pytest.approx({"old": mass, "young": young.weights()["young"]})
    old.observe("new")
    assert old.weights()["new"] == pytest.approx(2 ** (-1 / 3))


def test_what_is_covered_for_certain_is_no_gap() -> None:
    meter = meter_of([("sure", Stage.UNKNOWN), ("open", Stage.UNKNOWN)])
    meter.set_coverage("sure", 1.0)
    assert [gap.kind for gap in meter.top_gaps(9)] == ["open"]
