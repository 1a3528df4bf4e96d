"""A rule cannot be outweighed, is named in every refusal, and must be compatible with the others."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PolicyError
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Predicate, Proposal, Rule

CHEAP = Rule(name="cheap", bounds=(Bound(figure="cost", high=3.0),))


@pytest.mark.promise("C18")
def test_a_refusal_names_the_rule_and_says_why() -> None:
    policy = PolicySet([CHEAP, Rule(name="no deleting", forbids=("delete*",))])
    assert policy.active == 2
    assert repr(policy) == "PolicySet(active=2)"
    policy.permit(Proposal(name="read", figures={"cost": 3.0}))
    with pytest.raises(PolicyError, match=r"Policy refuses delete all: .*'cheap': cost is 4.*'no deleting'"):
        policy.permit(Proposal(name="delete all", figures={"cost": 4.0}))


def test_many_refusals_are_counted() -> None:
    policy = PolicySet(Rule(name=f"rule {number}", forbids=("x",)) for number in range(7))
    with pytest.raises(PolicyError, match="and 2 more"):
        policy.permit(Proposal(name="x"))


@pytest.mark.parametrize(
    ("rule", "proposal", "reason"),
    [
        (Rule(name="r", forbids=("a?",)), Proposal(name="ab"), "ab is forbidden"),
        (Rule(name="r", forbids=("risky",)), Proposal(name="x", tags=frozenset({"risky"})), "risky is forbidden"),
        (Rule(name="r", requires=("tested",)), Proposal(name="x"), "tested is required"),
        (CHEAP, Proposal(name="x"), "cost is not known"),
        (CHEAP, Proposal(name="x", figures={"cost": math.nan}), "cost is nan"),
        (Rule(name="r", bounds=(Bound(figure="q", low=0.5),)), Proposal(name="x", figures={"q": 0.4}), "at least 0.5"),
        (Rule(name="r", forbids_if=lambda one: one.name == "x"), Proposal(name="x"), "it is forbidden"),
        (Rule(name="r", forbids_if=lambda one: one.figures["q"] > 1), Proposal(name="x"), "KeyError"),
    ],
)
def test_every_form_of_rule_refuses(rule: Rule, proposal: Proposal, reason: str) -> None:
    [refusal] = PolicySet([rule]).refusals(proposal)
    assert refusal.rule == rule.name
    assert reason in refusal.reason


@pytest.mark.parametrize(
    ("rule", "proposal"),
    [
        (Rule(name="r", requires=("tested",)), Proposal(name="x", tags=frozenset({"tested"}))),
        (Rule(name="r", bounds=(Bound(figure="q", low=0.5, high=0.5),)), Proposal(name="x", figures={"q": 0.5})),
        (Rule(name="r", forbids_if=lambda one: one.name == "y"), Proposal(name="x")),
        (Rule(name="r", forbids=("[x]",)), Proposal(name="[x]y")),
    ],
)
def test_what_no_rule_forbids_passes(rule: Rule, proposal: Proposal) -> None:
    assert PolicySet([rule]).refusals(proposal) == ()


def test_where_only_the_name_is_known_only_forbidden_names_refuse() -> None:
    policy = PolicySet([CHEAP, Rule(name="frozen", forbids=("acquire*",))])
    policy.permit_name("repair")
    with pytest.raises(PolicyError, match="rule 'frozen'"):
        policy.permit_name("acquire(x)")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Rule(name="first", requires=("audited",)), Rule(name="second", forbids=("audit*",))),
        (Rule(name="first", forbids=("audit*",)), Rule(name="second", requires=("audited",))),
        (
            Rule(name="first", bounds=(Bound(figure="q", low=2.0),)),
            Rule(name="second", bounds=(Bound(figure="q", high=1.0),)),
        ),
        (
            Rule(name="first", bounds=(Bound(figure="q", high=1.0),)),
            Rule(name="second", bounds=(Bound(figure="q", low=2.0),)),
        ),
    ],
)
@pytest.mark.promise("C18")
def test_rules_that_contradict_each_other_are_found_before_they_hold(one: Rule, other: Rule) -> None:
    with pytest.raises(ConfigurationError, match="contradict") as raised:
        PolicySet([CHEAP, one, other])
    assert "'first'" in raised.value.message
    assert "'second'" in raised.value.message


def test_a_rule_that_contradicts_itself_is_found() -> None:
    bounds = (Bound(figure="q", low=2.0), Bound(figure="q", high=1.0))
    with pytest.raises(ConfigurationError, match="'odd' and 'odd'"):
        PolicySet([Rule(name="odd", bounds=bounds)])


def test_rules_need_different_names_and_there_are_not_too_many() -> None:
    with pytest.raises(ConfigurationError, match="the name 'cheap'"):
        PolicySet([CHEAP, CHEAP])
    with pytest.raises(ConfigurationError, match="257 rules"):
        PolicySet(Rule(name=str(number), forbids=("x",)) for number in range(257))
    assert PolicySet().active == 0
    assert PolicySet([CHEAP]).names == ("cheap",)


def test_a_rule_must_say_something() -> None:
    with pytest.raises(ConfigurationError, match="forbids and requires nothing"):
        Rule(name="idle")
    with pytest.raises(ConfigurationError, match="name"):
        Rule(name=" ", forbids=("x",))


@pytest.mark.parametrize(
    ("low", "high"), [(-math.inf, math.inf), (2.0, 1.0), (math.nan, 1.0), (0.0, math.nan), (math.inf, -math.inf)]
)
def test_limits_that_allow_everything_or_nothing_are_refused(low: float, high: float) -> None:
    with pytest.raises(ConfigurationError, match="allow everything or nothing"):
        Bound(figure="q", low=low, high=high)


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)).map(sorted), min_size=1, max_size=4),
    st.floats(-6, 6),
)
def test_bounds_are_accepted_together_exactly_when_something_can_fulfil_all(
    intervals: list[list[float]], value: float
) -> None:
    rules = [
        Rule(name=str(place), bounds=(Bound(figure="q", low=low, high=high),))
        for place, (low, high) in enumerate(intervals)
    ]
    possible = max(low for low, _ in intervals) <= min(high for _, high in intervals)
    if not possible:
        with pytest.raises(ConfigurationError):
            PolicySet(rules)
        return
    refused = {refusal.rule for refusal in PolicySet(rules).refusals(Proposal(name="x", figures={"q": value}))}
    assert refused == {str(place) for place, (low, high) in enumerate(intervals) if not low <= value <= high}


def test_a_predicate_that_fails_refuses() -> None:
    def broken(proposal: Proposal) -> bool:
        raise RuntimeError(proposal.name)

    predicate: Predicate = broken
    [refusal] = PolicySet([Rule(name="r", forbids_if=predicate)]).refusals(Proposal(name="x"))
    assert refusal.reason == "it could not be judged (RuntimeError)"
