"""Scenarios resample the recorded demand, shift it as supposed, and tell how probable too large a gap is."""

from math import nan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.intelligence.scenario import AS_IT_IS, ScenarioReport, Shift, simulate

DEMAND = {"read": (0.5, 1.0), "write": (0.3, 1.0), "draw": (0.2, 0.0)}


def one(shift: Shift = AS_IT_IS, *, n: float = 1000.0, limit: float = 0.2, seed: int = 1) -> ScenarioReport:
    return simulate(DEMAND, (shift,), n_effective=n, limit=limit, random=Random(seed))[0]  # noqa: S311


@pytest.mark.promise("C17")
def test_without_a_shift_the_gap_lies_around_the_recorded_one() -> None:
    report = one()
    assert report.gap_mean == pytest.approx(0.2, abs=0.005)
    assert report.gap_low < 0.2 < report.gap_high
    assert 0.3 < report.p_over_limit < 0.7


@pytest.mark.promise("C17")
def test_the_more_was_observed_the_surer_it_is() -> None:
    few, many = one(n=20), one(n=20_000)
    assert few.gap_high - few.gap_low > 5 * (many.gap_high - many.gap_low)


@pytest.mark.promise("C17")
def test_a_supposed_shift_moves_the_gap_as_far_as_arithmetic_says() -> None:
    report = one(Shift(name="drawing doubles", factors={"draw": 2.0}), n=1e6)
    assert report.gap_mean == pytest.approx(0.4 / 1.2, abs=1e-3)
    assert report.p_over_limit == 1.0


def test_new_kinds_are_gap_unless_they_would_be_covered() -> None:
    new = {"sing": 0.5}
    assert one(Shift(name="new", new=new), n=1e6).gap_mean == pytest.approx(0.5 + 0.1, abs=1e-3)
    covered = Shift(name="new, covered", new=new, coverage={"sing": 1.0, "draw": 1.0})
    assert one(covered).gap_mean == pytest.approx(0.0, abs=1e-12)


def test_the_same_seed_gives_the_same_future_and_another_another() -> None:
    assert one(seed=3) == one(seed=3)
    assert one(seed=3) != one(seed=4)


def test_a_future_without_any_demand_has_no_gap() -> None:
    assert one(Shift(name="silence", factors=dict.fromkeys(DEMAND, 0.0))).gap_mean == 0.0


def test_without_demand_nothing_is_supposed() -> None:
    assert simulate({}, n_effective=1, limit=0.2, random=Random(1)) == ()  # noqa: S311


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=3), st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
    st.floats(0.1, 1e5),
    st.dictionaries(st.text(max_size=3), st.floats(0, 1e6), max_size=4),
)
def test_figures_stay_in_order_and_in_range(
    demand: dict[str, tuple[float, float]], n: float, factors: dict[str, float]
) -> None:
    shift = Shift(name="any", factors=factors)
    (report,) = simulate(demand, (shift,), n_effective=n, limit=0.5, random=Random(1), draws=30)  # noqa: S311
    assert 0 <= report.gap_low <= report.gap_high <= 1 + 1e-9
    assert 0 <= report.gap_mean <= 1 + 1e-9
    assert 0 <= report.p_over_limit <= 1


@pytest.mark.parametrize(
    "options",
    [
        {"factors": {"read": -1.0}},
        {"factors": {"read": nan}},
        {"new": {"x": 1.5}},
        {"new": {"x": 0.5, "y": 0.5}},
        {"coverage": {"x": nan}},
    ],
)
def test_what_cannot_be_supposed_is_refused(options: dict[str, dict[str, float]]) -> None:
    with pytest.raises(PayloadError):
        Shift(name="wrong", **options)


@pytest.mark.parametrize(
    ("n", "limit", "draws"), [(0.0, 0.2, 10), (nan, 0.2, 10), (10.0, 1.5, 10), (10.0, 0.2, 0), (10.0, 0.2, 10**6)]
)
def test_figures_out_of_range_are_refused(n: float, limit: float, draws: int) -> None:
    with pytest.raises(PayloadError):
        simulate(DEMAND, n_effective=n, limit=limit, random=Random(1), draws=draws)  # noqa: S311


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(PayloadError, match="cannot be simulated"):
        simulate({"read": (nan, 0.0)}, n_effective=1, limit=0.2, random=Random(1))  # noqa: S311
