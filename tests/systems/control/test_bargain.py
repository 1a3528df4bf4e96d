"""A bargain: resources against a promise, and a promise that is answered for."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.control.bargain import (
    CHANGE,
    LIMITS,
    Basis,
    Keeping,
    ResourceBargain,
    ResourceRequest,
    Settlement,
    adherence,
    next_weight,
    settle,
    strike,
)

CALLS = {"calls": 100.0}


def request(unit: str, calls: float, *, promised: float = 0.9) -> ResourceRequest:
    return ResourceRequest(unit=unit, amounts={"calls": calls}, promised_share=promised, period=60.0)


def agreed(promised: float = 0.9) -> ResourceBargain:
    return strike([request("a", 10, promised=promised)], CALLS, weights={}, now=0.0)[0]


def settled(absorbed: float, failed: float, *, promised: float = 0.9, weight: float = 1.0) -> Settlement:
    return settle(agreed(promised), (absorbed, failed), weight=weight, now=60.0, basis=Basis.REPORTED)


@pytest.mark.promise("C11")
def test_who_gets_less_than_asked_promises_less() -> None:
    small, large = strike([request("a", 40), request("b", 120)], CALLS, weights={}, now=1_000.0)
    assert (small.granted, small.promised_share) == ({"calls": 40}, 0.9)
    assert large.granted == pytest.approx({"calls": 60})
    assert large.promised_share == pytest.approx(0.45)
    assert (large.offered_share, large.begins_at, large.ends_at) == (0.9, 1_000.0, 1_060.0)
    assert ResourceBargain.model_validate_json(large.model_dump_json()) == large


def test_who_counts_more_gets_more() -> None:
    a, b = strike([request("a", 100), request("b", 100)], CALLS, weights={"a": 3.0}, now=0.0)
    assert (a.granted["calls"], b.granted["calls"]) == pytest.approx((75, 25))
    assert (a.weight, b.weight) == (3.0, 1.0)


def test_nobody_asks_and_nobody_gets() -> None:
    assert strike([], CALLS, weights={}, now=0.0) == ()


def test_requests_that_make_no_sense_are_refused() -> None:
    with pytest.raises(PayloadError, match="asks twice"):
        strike([request("a", 1), request("a", 2)], CALLS, weights={}, now=0.0)
    for promised in (0.0, 1.1, math.nan):
        with pytest.raises(PayloadError, match="that 'a' promises cannot be"):
            request("a", 1, promised=promised)
    for period in (0.0, math.inf, math.nan):
        with pytest.raises(PayloadError, match="The period of 'a' cannot be"):
            ResourceRequest(unit="a", amounts={}, promised_share=0.5, period=period)
    with pytest.raises(PayloadError, match="1 to 200"):
        request("", 1)


@pytest.mark.parametrize(
    ("absorbed", "failed", "keeping"),
    [(95, 5, Keeping.KEPT), (50, 50, Keeping.MISSED), (8, 2, Keeping.UNDECIDED), (0, 0, Keeping.UNOBSERVED)],
)
def test_a_promise_is_missed_only_beyond_doubt(absorbed: float, failed: float, keeping: Keeping) -> None:
    result = settled(absorbed, failed)
    assert result.keeping is keeping
    assert (result.actual_share is None) == (result.interval is None) == (keeping is Keeping.UNOBSERVED)
    assert result.n == absorbed + failed


@pytest.mark.promise("C11")
def test_who_missed_counts_less_who_outdid_counts_more_and_who_kept_returns_to_one() -> None:
    assert settled(50, 50).weight_after == pytest.approx(1 / CHANGE)
    assert settled(86, 14, promised=0.95).weight_after == pytest.approx(0.9143 / 0.95, abs=1e-3)
    assert settled(990, 10, promised=0.5).weight_after == CHANGE
    assert settled(90, 10).weight_after == 1.0
    assert settled(90, 10, weight=0.5).weight_after == pytest.approx(0.5 * CHANGE)
    assert settled(90, 10, weight=1.1).weight_after == pytest.approx(1.0)
    assert settled(8, 2, weight=0.5).weight_after == settled(0, 0, weight=0.5).weight_after == 0.5


def test_a_promise_of_nothing_is_kept_by_anyone() -> None:
    nothing = agreed().model_copy(update={"promised_share": 0.0})
    result = settle(nothing, (1, 9), weight=1.0, now=1.0, basis=Basis.AUDITED)
    assert (result.keeping, result.weight_after, result.basis) == (Keeping.KEPT, 1.0, Basis.AUDITED)
    assert adherence([result]).share == 1.0


@settings(max_examples=80)
@given(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), st.floats(0.01, 1.0), st.floats(*LIMITS))
def test_a_weight_changes_by_a_bounded_factor_within_its_limits(
    evidence: tuple[float, float], promised: float, weight: float
) -> None:
    after = settled(*evidence, promised=promised, weight=weight).weight_after
    assert LIMITS[0] <= after <= LIMITS[1]
    assert 1 / CHANGE - 1e-9 <= after / weight <= CHANGE + 1e-9


def test_without_an_interval_nothing_is_held_against_anyone() -> None:
    assert next_weight(2.0, Keeping.UNOBSERVED, promised=0.9, interval=None) == 2.0


def test_adherence_is_what_was_absorbed_of_what_was_promised() -> None:
    kept = adherence([settled(95, 5), settled(45, 55), settled(8, 2), settled(0, 0)])
    assert kept.share == pytest.approx((1 + 0.5 + 8 / 9) / 3)
    assert (kept.kept, kept.missed, kept.undecided, kept.unobserved, kept.n) == (1, 1, 1, 1, 3)
    assert adherence([]).share is None


@pytest.mark.parametrize("value", [math.nan, -1.0, math.inf])
def test_evidence_that_makes_no_sense_is_refused(value: float) -> None:
    for evidence in ((value, 1.0), (1.0, value)):
        with pytest.raises(PayloadError, match="by 'a' cannot be"):
            settle(agreed(), evidence, weight=1.0, now=0.0, basis=Basis.REPORTED)
    with pytest.raises(PayloadError, match="The weight of 'a' cannot be"):
        settle(agreed(), (1, 1), weight=value, now=0.0, basis=Basis.REPORTED)
