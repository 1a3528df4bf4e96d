"""Bargains run, end, are settled, and leave what they held to others."""

import math

import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError, PolicyError
from vsm_mcp.systems.control.bargain import Basis, Keeping, ResourceRequest
from vsm_mcp.systems.control.bargaining import REMEMBERED, Bargaining


def bargaining(*, most_units: int = 100, found: dict[str, tuple[float, float]] | None = None) -> Bargaining:
    return Bargaining(capacities={"calls": 100.0, "bytes": 10.0}, audited=(found or {}).get, most_units=most_units)


def request(unit: str, calls: float, *, promised: float = 0.9) -> ResourceRequest:
    return ResourceRequest(unit=unit, amounts={"calls": calls}, promised_share=promised, period=60.0)


def report(table: Bargaining, unit: str, *, absorbed: int, failed: int) -> None:
    for number in range(absorbed + failed):
        table.note(unit, absorbed=number < absorbed)


def test_what_others_hold_is_not_free_until_their_bargains_end() -> None:
    table = bargaining()
    table.strike([request("a", 70)], now=0.0)
    assert table.strike([request("b", 70)], now=59.0)[0].granted == pytest.approx({"calls": 30})
    with pytest.raises(PolicyError, match="All of 'calls' is given away"):
        table.strike([request("c", 1)], now=59.0)
    assert table.strike([request("c", 70)], now=60.0)[0].granted == pytest.approx({"calls": 70})
    assert [bargain.unit for bargain in table.running] == ["a", "b", "c"]


def test_who_asks_anew_answers_for_the_old_bargain_first() -> None:
    table = bargaining()
    table.strike([request("a", 50)], now=0.0)
    report(table, "a", absorbed=10, failed=90)
    again = table.strike([request("a", 80), request("b", 80)], now=10.0)
    assert table.adherence().missed == 1
    assert table.weight_of("a") == pytest.approx(0.8)
    assert again[0].granted["calls"] / again[1].granted["calls"] == pytest.approx(0.8)
    assert math.fsum(bargain.granted["calls"] for bargain in again) == pytest.approx(100)


def test_a_request_that_is_refused_leaves_the_old_bargain_as_it_was() -> None:
    table = bargaining()
    table.strike([request("a", 50)], now=0.0)
    with pytest.raises(PayloadError, match="no capacity is known"):
        table.strike([ResourceRequest(unit="a", amounts={"gold": 1.0}, promised_share=0.5)], now=1.0)
    assert table.adherence().unobserved == 0
    assert table.running[0].granted == {"calls": 50}


@pytest.mark.promise("C11")
def test_a_bargain_is_settled_by_what_was_reported_while_it_ran() -> None:
    table = bargaining()
    report(table, "a", absorbed=0, failed=500)
    table.strike([request("a", 50)], now=0.0)
    report(table, "a", absorbed=95, failed=5)
    assert table.ended(59.0) == ()
    assert table.ended(60.0) == ("a",)
    settled = table.settle(table.ended(60.0), now=60.0)
    assert [(one.keeping, one.n, one.basis) for one in settled] == [(Keeping.KEPT, 100, Basis.REPORTED)]
    assert table.running == ()
    assert repr(table) == "Bargaining(running=0, settled=1)"


def test_of_a_unit_that_is_not_believed_the_audits_count() -> None:
    table = bargaining(found={"a": (10.0, 30.0)})
    table.strike([request("a", 50)], now=0.0)
    report(table, "a", absorbed=1_000, failed=0)
    settled = table.settle(["a"], now=60.0)[0]
    assert (settled.actual_share, settled.basis, settled.keeping) == (0.25, Basis.AUDITED, Keeping.MISSED)


def test_to_settle_what_does_not_exist_settles_nothing() -> None:
    table = bargaining()
    table.strike([request("a", 50)], now=0.0)
    with pytest.raises(PayloadError, match="'b' has no bargain"):
        table.settle(["a", "b"], now=1.0)
    assert len(table.running) == 1
    assert len(table.settle(["a", "a"], now=1.0)) == 1


def test_the_tightest_resource_is_named() -> None:
    table = bargaining()
    assert table.utilisation(now=0.0).share == 0.0
    table.strike([request("a", 70)], now=0.0)
    granted = table.utilisation(now=1.0)
    assert (granted.tightest, granted.share, granted.basis) == ("calls", 0.7, "granted")
    assert table.utilisation(now=60.0).share == 0.0
    used = table.utilisation(used={"bytes": 12.0, "elsewhere": 5.0}, now=1.0)
    assert (used.tightest, used.share, used.basis) == ("bytes", 1.2, "used")
    assert used.by_resource == {"calls": 0.0, "bytes": 1.2}
    with pytest.raises(PayloadError, match="used of 'calls' cannot be nan"):
        table.utilisation(used={"calls": math.nan}, now=1.0)


def test_without_resources_nothing_is_used_and_nothing_can_be_asked_for() -> None:
    table = Bargaining(capacities={}, audited=lambda _unit: None)
    nothing = table.utilisation(now=0.0)
    assert (nothing.tightest, nothing.share) == (None, None)
    with pytest.raises(PayloadError, match="0 resources"):
        table.strike([request("a", 1)], now=0.0)


def test_units_settlements_and_weights_are_bounded() -> None:
    table = bargaining(most_units=2)
    with pytest.raises(PayloadError, match="More than 2 units"):
        table.strike([request(unit, 1) for unit in "abc"], now=0.0)
    for number in range(REMEMBERED + 10):
        table.strike([request(f"u{number}", 1)], now=0.0)
        report(table, f"u{number}", absorbed=0, failed=100)
        table.settle([f"u{number}"], now=1.0)
    assert table.adherence().missed == REMEMBERED
    remembered = [number for number in range(REMEMBERED + 10) if table.weight_of(f"u{number}") != 1.0]
    assert len(remembered) == 4


@pytest.mark.parametrize("capacity", [0.0, -1.0, math.nan, math.inf])
def test_capacities_and_times_that_make_no_sense_are_refused(capacity: float) -> None:
    with pytest.raises(ConfigurationError, match="The capacity of 'r' cannot be"):
        Bargaining(capacities={"r": capacity}, audited=lambda _unit: None)
    with pytest.raises(ConfigurationError, match="A number of units cannot be 0"):
        bargaining(most_units=0)
    with pytest.raises(PayloadError, match="The present cannot be nan"):
        bargaining().strike([request("a", 1)], now=math.nan)
