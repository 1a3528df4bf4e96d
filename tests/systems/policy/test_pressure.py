"""Under pressure a complete table decides: one row for every input, the same answer every time."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.system import Priority
from vsm_mcp.systems.policy.pressure import (
    PRESSURE_TABLE,
    Gap,
    Load,
    PolicyAction,
    Pressure,
    PressureContext,
    PressureLimits,
    decide_under_pressure,
)
from vsm_mcp.systems.system5 import System5

FIGURES = st.floats(min_value=0.0, max_value=1e6)


@pytest.mark.promise("C128", "C18")
def test_a_large_gap_a_high_load_and_high_pressure_are_critical_and_capacity_is_expanded() -> None:
    decided = System5().decide({"variety_gap": 150, "system_load": 0.85, "external_pressure": "high"})
    assert decided.action in {"expand_capacity", "acquire_tools", "shed_load"}
    assert decided.action is PolicyAction.EXPAND_CAPACITY
    assert decided.priority == "critical"
    assert decided.rule == "high load: expand"
    assert "Gap 150" in decided.rationale
    assert "load 0.85" in decided.rationale


@pytest.mark.parametrize(
    ("gap", "load", "pressure", "action", "priority"),
    [
        (0, 0.1, "low", "hold", "low"),
        (0, 0.1, "high", "hold", "medium"),
        (5, 0.79, "low", "acquire_tools", "low"),
        (100, 0.79, "medium", "acquire_tools", "medium"),
        (100, 0.0, "high", "acquire_tools", "high"),
        (0, 0.8, "low", "expand_capacity", "medium"),
        (0, 0.95, "medium", "expand_capacity", "medium"),
        (0, 0.95, "high", "shed_load", "critical"),
        (150, 1.4, "HIGH ", "shed_load", "critical"),
    ],
)
def test_the_table_says(*, gap: float, load: float, pressure: str, action: str, priority: str) -> None:
    context = PressureContext(variety_gap=gap, system_load=load, external_pressure=pressure)
    decided = System5().decide(context)
    assert (decided.action, decided.priority) == (action, priority)


def test_every_cell_of_the_table_belongs_to_exactly_one_row() -> None:
    for gap, load, pressure in itertools.product(Gap, Load, Pressure):
        rows = [row for row in PRESSURE_TABLE if gap in row.gaps and load in row.loads and pressure in row.pressures]
        assert len(rows) == 1, (gap, load, pressure)


@given(FIGURES, FIGURES, st.sampled_from(Pressure))
def test_every_input_is_decided_the_same_way_every_time(gap: float, load: float, pressure: Pressure) -> None:
    context = PressureContext(variety_gap=gap, system_load=load, external_pressure=pressure)
    limits = PressureLimits()
    assert decide_under_pressure(context, limits) == decide_under_pressure(context, limits)


@given(FIGURES, st.tuples(FIGURES, FIGURES), st.sampled_from(Pressure))
def test_more_load_is_never_less_urgent(gap: float, loads: tuple[float, float], pressure: Pressure) -> None:
    order = list(reversed(Priority))
    lighter, heavier = (
        decide_under_pressure(
            PressureContext(variety_gap=gap, system_load=figure, external_pressure=pressure), PressureLimits()
        )
        for figure in sorted(loads)
    )
    assert order.index(lighter.priority) <= order.index(heavier.priority)


def test_the_limits_can_be_set() -> None:
    system5 = System5(limits=PressureLimits(large_gap=3, high_load=0.5, full_load=0.6))
    decided = system5.decide({"variety_gap": 4, "system_load": 0.61, "external_pressure": "low"})
    assert (decided.action, decided.priority) == (PolicyAction.EXPAND_CAPACITY, Priority.HIGH)


@pytest.mark.parametrize("figure", [math.nan, math.inf, -1.0, True, "much", None, 10**400])
@pytest.mark.parametrize("name", ["variety_gap", "system_load"])
def test_a_figure_that_cannot_be_is_named(name: str, figure: object) -> None:
    given_figures: dict[str, object] = {"variety_gap": 1, "system_load": 0.5, "external_pressure": "low"}
    with pytest.raises(PayloadError, match=name):
        System5().decide({**given_figures, name: figure})


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"variety_gap": 1, "system_load": 0.5}, "lacks external_pressure"),
        ({}, "lacks external_pressure, system_load, variety_gap"),
        ({"variety_gap": 1, "system_load": 0.5, "external_pressure": "extreme"}, "low, medium or high"),
        ({"variety_gap": 1, "system_load": 0.5, "external_pressure": 3}, "low, medium or high"),
        ({"gap": 1}, "has no 'gap'"),
        ([], "must be a mapping"),
        ({str(number): number for number in range(1000)}, "1000 entries"),
    ],
)
def test_a_context_of_another_shape_is_refused(context: dict[str, object], said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        System5().decide(context)


@pytest.mark.parametrize(
    "limits",
    [
        {"large_gap": 0.0},
        {"high_load": 0.0},
        {"high_load": 0.96},
        {"full_load": math.nan},
        {"large_gap": -1.0},
    ],
)
def test_limits_that_tell_nothing_apart_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        PressureLimits(**limits)
