"""The books of variety: both sides agree, and what nobody absorbed is found."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.systems.vitals.ledger import Ledger, UnitEntry, VerticalChannel

AMOUNTS = st.floats(0, 1e6, allow_subnormal=False)
WHOLE = st.integers(0, 10_000)


@st.composite
def units(draw: st.DrawFn, amounts: st.SearchStrategy[float]) -> UnitEntry:
    one, other = sorted((draw(amounts), draw(amounts)))
    return UnitEntry(unit="unit", demand=other, horizontal=one)


def ledgers(amounts: st.SearchStrategy[float]) -> st.SearchStrategy[Ledger]:
    return st.builds(
        Ledger,
        units=st.lists(units(amounts), min_size=1, max_size=6),
        vertical=st.fixed_dictionaries(dict.fromkeys(VerticalChannel, amounts)),
        to_system4=amounts,
        by_system4=amounts,
        to_system5=amounts,
        by_system5=amounts,
    )


@given(ledgers(WHOLE))
def test_the_books_balance_exactly_whatever_is_written_into_them(ledger: Ledger) -> None:
    balance = ledger.balance()
    for page in (balance.first, balance.second, balance.third):
        assert page is not None
        assert page.received + page.surplus == page.absorbed + page.passed + page.lost
        assert min(page.lost, page.surplus) == 0
    assert balance.demand is not None
    assert balance.horizontal is not None
    assert balance.first is not None
    assert balance.demand == balance.horizontal + balance.first.received


@given(ledgers(AMOUNTS))
def test_what_came_in_is_what_was_absorbed_somewhere_or_lost(ledger: Ledger) -> None:
    balance = ledger.balance()
    assert balance.first is not None
    assert balance.second is not None
    assert balance.third is not None
    pages = (balance.first, balance.second, balance.third)
    absorbed = sum(page.absorbed for page in pages) + (balance.horizontal or 0.0)
    lost, surplus = sum(page.lost for page in pages), sum(page.surplus for page in pages)
    assert balance.demand == pytest.approx(absorbed + lost - surplus, abs=1e-6)
    assert balance.lost == pytest.approx(lost)


def test_a_worked_example() -> None:
    ledger = Ledger(
        units=(
            UnitEntry(unit="north", demand=5.0, horizontal=4.0),
            UnitEntry(unit="south", demand=4.0, horizontal=2.0),
        ),
        vertical={**dict.fromkeys(VerticalChannel, 0.25), VerticalChannel.AUDIT: 0.5},
        to_system4=1.0,
        by_system4=0.5,
        to_system5=0.5,
        by_system5=0.25,
    )
    balance = ledger.balance()
    assert (balance.demand, balance.horizontal, balance.vertical, balance.lost) == (9, 6, 1.75, 0.5)
    assert balance.first is not None
    assert (balance.first.received, balance.first.lost) == (3, 0.25)
    assert balance.third is not None
    assert balance.third.lost == 0.25


def test_what_was_not_measured_is_not_zero() -> None:
    empty = Ledger().balance()
    assert (empty.demand, empty.vertical, empty.first, empty.second, empty.third, empty.lost) == (None,) * 6
    assert empty.unmeasured == tuple(VerticalChannel)
    some = Ledger(
        units=(UnitEntry(unit="u", demand=2, horizontal=1),),
        vertical={VerticalChannel.AUDIT: 1.0},
        to_system4=0.0,
        by_system4=0.0,
        to_system5=0.0,
        by_system5=0.0,
    ).balance()
    assert (some.vertical, some.first, some.lost) == (None, None, None)
    assert some.second is not None
    assert VerticalChannel.AUDIT not in some.unmeasured


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf, 1e300])
def test_an_amount_that_cannot_be_is_refused(amount: float) -> None:
    with pytest.raises(PayloadError, match="demand on 'u'"):
        UnitEntry(unit="u", demand=amount, horizontal=0)
    with pytest.raises(PayloadError, match="absorbed by 'u'"):
        UnitEntry(unit="u", demand=1, horizontal=amount)
    with pytest.raises(PayloadError, match="audit channel"):
        Ledger(vertical={VerticalChannel.AUDIT: amount})
    for build in (
        lambda: Ledger(to_system4=amount),
        lambda: Ledger(by_system4=amount),
        lambda: Ledger(to_system5=amount),
        lambda: Ledger(by_system5=amount),
    ):
        with pytest.raises(PayloadError, match=r"to System|by System"):
            build()


def test_a_unit_cannot_absorb_more_than_was_asked_of_it() -> None:
    with pytest.raises(PayloadError, match=r"'u' cannot absorb 2\.5 of a demand of 2"):
        UnitEntry(unit="u", demand=2, horizontal=2.5)
    assert UnitEntry(unit="u", demand=0.3, horizontal=0.1 + 0.2).residual == 0


def test_a_ledger_takes_so_many_units_and_no_more() -> None:
    unit = UnitEntry(unit="u", demand=1, horizontal=1)
    with pytest.raises(PayloadError, match="10001 units"):
        Ledger(units=(unit,) * 10_001)
