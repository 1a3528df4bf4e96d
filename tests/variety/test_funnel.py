"""The funnel: a partition of all demand by the stage where it ended."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.funnel import Funnel
from vsm_mcp.variety.meter import OTHER, VarietyMeter

DEMANDS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Stage)), min_size=1, max_size=100)
HALF_LIVES = st.sampled_from([1.0, 3.0, 100.0, math.inf])


def funnel_of(demands: list[tuple[str, Stage]], half_life: float = math.inf) -> Funnel:
    funnel = Funnel(half_life=half_life)
    for kind, stage in demands:
        funnel.record(kind, stage)
    return funnel


def test_before_the_first_demand_it_is_empty() -> None:
    funnel = Funnel()
    assert funnel.shares() == {}
    assert funnel.bits() == {}
    assert funnel.absorbed_share is None
    assert funnel.stages_of("a") == {}


@given(DEMANDS, HALF_LIVES)
def test_shares_sum_to_one_and_bits_to_the_variety_of_demand(
    demands: list[tuple[str, Stage]], half_life: float
) -> None:
    funnel = funnel_of(demands, half_life)
    meter = VarietyMeter(half_life=half_life)
    for kind, _ in demands:
        meter.observe(kind)
    assert sum(funnel.shares().values()) == pytest.approx(1.0)
    assert sum(funnel.bits().values()) == pytest.approx(meter.required_bits, abs=1e-9)


@given(DEMANDS, HALF_LIVES)
def test_the_running_figures_equal_the_definition(demands: list[tuple[str, Stage]], half_life: float) -> None:
    funnel = funnel_of(demands, half_life)
    weights = [(kind, stage, 2.0 ** -(age / half_life)) for age, (kind, stage) in enumerate(reversed(demands))]
    total = sum(weight for _, _, weight in weights)
    p = {kind: sum(w for k, _, w in weights if k == kind) / total for kind, _, _ in weights}
    for stage in Stage:
        ended = [(kind, weight / total) for kind, at, weight in weights if at is stage]
        assert funnel.shares()[stage] == pytest.approx(sum(share for _, share in ended), abs=1e-9)
        assert funnel.bits()[stage] == pytest.approx(sum(s * math.log2(1 / p[k]) for k, s in ended), abs=1e-9)
    assert funnel.absorbed_share == pytest.approx(funnel.shares()[Stage.ABSORBED])


@given(DEMANDS)
def test_the_stages_of_all_kinds_sum_to_the_shares(demands: list[tuple[str, Stage]]) -> None:
    funnel = funnel_of(demands)
    for stage in Stage:
        per_kind = sum(funnel.stages_of(kind)[stage] for kind in {kind for kind, _ in demands})
        assert per_kind == pytest.approx(funnel.shares()[stage])


def test_after_many_rescalings_faded_kinds_are_forgotten_and_the_sums_are_right() -> None:
    demands = [("faded", Stage.REFUSED)] + [
        (f"kind {step % 3}", Stage.ABSORBED if step % 2 else Stage.FAILED) for step in range(1000)
    ]
    funnel = funnel_of(demands, half_life=1.0)
    expected = funnel_of(demands[-60:], half_life=1.0)
    assert funnel.shares() == pytest.approx(expected.shares(), abs=1e-9)
    assert funnel.bits() == pytest.approx(expected.bits(), abs=1e-9)
    assert funnel.stages_of("faded") == {}


def test_kinds_beyond_the_bound_are_counted_together_until_others_fade() -> None:
    funnel = Funnel(half_life=1.0, most_kinds=2)
    for kind in "abc":
        funnel.record(kind, Stage.UNKNOWN)
    assert funnel.stages_of("c") == {}
    assert funnel.stages_of(OTHER)[Stage.UNKNOWN] > 0
    for _ in range(60):
        funnel.record("a", Stage.ABSORBED)
    funnel.record("d", Stage.UNKNOWN)
    assert funnel.stages_of("d")[Stage.UNKNOWN] == pytest.approx(0.5)


@pytest.mark.parametrize("options", [{"half_life": 0.0}, {"most_kinds": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        Funnel(**options)
