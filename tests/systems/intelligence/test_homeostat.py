"""The homeostat keeps Systems 3 and 4 in balance, and calls System 5 only when they are not."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.intelligence.homeostat import Answer, BalanceLimits, Homeostat, Side


def test_before_anything_was_said_there_is_nothing_to_balance() -> None:
    balance = Homeostat().review(now=0.0)
    assert (balance.answered_share, balance.message_balance, balance.oldest_s) == (None, None, None)
    assert not balance.enter_system5


@pytest.mark.promise("C20")
def test_two_sides_that_answer_each_other_are_left_alone() -> None:
    homeostat = Homeostat()
    for step in range(10):
        side = Side.CONTROL if step % 2 else Side.INTELLIGENCE
        homeostat.propose(f"proposal {step}", by=side, now=step)
        assert homeostat.answer(f"proposal {step}", Answer.ACCEPTED, gain=0.1, cost=2.0)
    balance = [homeostat.review(now=100.0) for _ in range(5)][-1]
    assert balance.answered_share == 1.0
    assert balance.message_balance == 1.0
    assert balance.gain_per_cost == {"system3": pytest.approx(0.05), "system4": pytest.approx(0.05)}
    assert not balance.enter_system5


@pytest.mark.promise("C20")
def test_system_5_enters_when_proposals_stay_unanswered_for_several_periods() -> None:
    homeostat = Homeostat(limits=BalanceLimits(periods=3))
    for step in range(6):
        homeostat.propose(f"proposal {step}", by=Side.INTELLIGENCE, now=0.0)
    entered = [homeostat.review(now=step * 60.0).enter_system5 for step in range(4)]
    assert entered == [False, False, True, True]
    assert "no answer" in homeostat.balance(now=200.0).why[0]


@pytest.mark.promise("C20")
def test_one_side_that_does_all_the_talking_is_named() -> None:
    homeostat = Homeostat(limits=BalanceLimits(periods=1, unanswered_share=1.0, oldest_s=inf))
    for step in range(6):
        homeostat.propose(f"proposal {step}", by=Side.CONTROL, now=0.0)
    balance = homeostat.review(now=1.0)
    assert balance.enter_system5
    assert balance.why == ("system3 does nearly all of the talking (balance 0.00).",)


def test_an_answer_that_comes_ends_the_matter() -> None:
    homeostat = Homeostat(limits=BalanceLimits(periods=1))
    homeostat.propose("buy", by=Side.INTELLIGENCE, now=0.0)
    assert homeostat.review(now=4000.0).why == ("A proposal has waited 4000 s for an answer.",)
    assert homeostat.answer("buy", Answer.DECLINED, gain=1.0, cost=1.0)
    balance = homeostat.review(now=4001.0)
    assert not balance.enter_system5
    assert balance.gain_per_cost["system4"] is None


def test_what_nobody_proposed_needs_no_answer_and_twice_is_once() -> None:
    homeostat = Homeostat()
    assert not homeostat.answer("nothing", Answer.ACCEPTED)
    homeostat.propose("buy", by=Side.CONTROL, now=5.0)
    homeostat.propose("buy", by=Side.INTELLIGENCE, now=9.0)
    balance = homeostat.balance(now=1.0)
    assert balance.proposals == {"system3": 1, "system4": 0}
    assert balance.oldest_s == 0.0


def test_when_too_many_wait_the_oldest_counts_as_never_answered() -> None:
    homeostat = Homeostat(limits=BalanceLimits(least_messages=1, periods=1, oldest_s=inf), most_open=2)
    for step in range(10):
        homeostat.propose(f"proposal {step}", by=Side.CONTROL, now=step)
    balance = homeostat.review(now=10.0)
    assert balance.open == 2
    assert balance.why[0] == "100% of 10 proposals have no answer."


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Side), st.booleans()), max_size=40))
def test_every_proposal_is_open_or_answered(steps: list[tuple[int, Side, bool]]) -> None:
    homeostat, waiting, answered = Homeostat(), set[int](), 0
    for number, side, is_answer in steps:
        if is_answer:
            expected = number in waiting
            assert homeostat.answer(str(number), Answer.ACCEPTED) is expected
            answered += expected
            waiting.discard(number)
        else:
            homeostat.propose(str(number), by=side, now=0.0)
            waiting.add(number)
    balance = homeostat.balance(now=1.0)
    made = sum(balance.proposals.values())
    assert balance.open == len(waiting)
    assert made == answered + len(waiting)
    assert balance.answered_share == (answered / made if made else None)


@pytest.mark.parametrize(("gain", "cost"), [(nan, 1.0), (inf, 1.0), (1.0, nan), (1.0, -1.0)])
def test_gains_and_costs_that_are_no_numbers_are_refused(gain: float, cost: float) -> None:
    homeostat = Homeostat()
    homeostat.propose("buy", by=Side.CONTROL, now=0.0)
    with pytest.raises(PayloadError):
        homeostat.answer("buy", Answer.ACCEPTED, gain=gain, cost=cost)
    assert homeostat.balance(now=0.0).open == 1


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_proposal_needs_a_name_of_bounded_length(key: str) -> None:
    with pytest.raises(PayloadError):
        Homeostat().propose(key, by=Side.CONTROL, now=0.0)


@pytest.mark.parametrize(
    "options", [{"unanswered_share": 0.0}, {"oldest_s": 0.0}, {"least_balance": 1.0}, {"periods": 0}]
)
def test_limits_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        BalanceLimits(**options)  # type: ignore[arg-type]


def test_it_shows_how_many_wait() -> None:
    assert repr(Homeostat()) == "Homeostat(open=0, answered=0)"


def test_at_least_one_proposal_may_be_open() -> None:
    with pytest.raises(ConfigurationError):
        Homeostat(most_open=0)
