"""A decision among options: rules first, then what is worth most, and every figure with what it rests on."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import Priority, SystemId
from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.decision import Basis
from vsm_mcp.systems.policy.identity import Identity
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Rule
from vsm_mcp.systems.policy.utility import Preferences
from vsm_mcp.systems.system5 import System5

FAST = Option(name="fast", attributes={"speed": 0.9, "quality": 0.3}, cost=0.05, successes=8, failures=2)
GOOD = Option(
    name="good",
    attributes={"speed": 0.2, "quality": 1.0},
    cost=0.1,
    prior=0.9,
    prior_weight=20,
    system=SystemId.SYSTEM3,
)
NEUTRAL = Preferences(risk_aversion=0.0)


def about(*options: Option, issue: str = "Which way?") -> DecisionContext:
    return DecisionContext(issue=issue, options=options)


def test_the_option_that_is_worth_most_is_decided_for_and_the_reasons_are_figures() -> None:
    decided = System5(preferences=NEUTRAL).weigh(about(FAST, GOOD))
    assert decided.decision == "good"
    assert [one.name for one in decided.alternatives] == ["good", "fast", "wait"]
    assert [one.value for one in decided.alternatives] == pytest.approx([0.9 * 0.6 - 0.1, 0.75 * 0.6 - 0.05, 0.0])
    assert decided.runner_up == "fast"
    assert decided.margin == pytest.approx(0.04)
    assert decided.contributions == pytest.approx({"speed": 0.1, "quality": 0.5})
    assert decided.break_even_probability == pytest.approx((0.4 + 0.1) / 0.6)
    for said in ("good is worth 0.44", "0.04 more than fast", "quality 0.5", "0.833", "prior only"):
        assert said in decided.rationale
    assert any("additively independent" in one for one in decided.assumptions)


def test_objectives_and_weights_say_what_counts() -> None:
    system5 = System5(preferences=NEUTRAL)
    wanted = DecisionContext(issue="x", options=(FAST, GOOD), objectives=("Speed", "fame"))
    decided = system5.weigh(wanted)
    assert decided.decision == "fast"
    assert decided.contributions == pytest.approx({"speed": 0.9})
    assert decided.not_assessed == ("objective: fame",)
    weighted = DecisionContext(issue="x", options=(FAST, GOOD), objectives=("quality",), weights={"speed": 3.0})
    assert system5.weigh(weighted).decision == "fast"
    assert system5.weigh(weighted).not_assessed == ("objective: quality",)


def test_caution_prefers_what_is_known_well() -> None:
    known = Option(name="known", attributes={"x": 1.0}, successes=60, failures=40)
    hoped = Option(name="hoped", attributes={"x": 1.0}, prior=0.65)
    assert System5(preferences=NEUTRAL).weigh(about(known, hoped)).decision == "hoped"
    assert System5(preferences=Preferences(risk_aversion=1.0)).weigh(about(known, hoped)).decision == "known"


@pytest.mark.promise("C74")
def test_probability_is_known_only_from_outcomes() -> None:
    system5 = System5(preferences=NEUTRAL)
    first = system5.weigh(about(GOOD))
    assert first.success_probability is None
    assert (first.prior_probability, first.basis, first.n) == (0.9, Basis.PRIOR_ONLY, 0)
    system5.record_outcome(first.id, success=True, note="well done")
    second = system5.weigh(about(GOOD))
    assert second.success_probability == pytest.approx((0.9 * 20 + 1) / 21)
    assert (second.basis, second.n) == (Basis.RECORDED, 1)
    assert second.id != first.id
    elsewhere = system5.weigh(about(GOOD, issue="Another matter"))
    assert elsewhere.success_probability is None
    told = system5.weigh(about(FAST))
    assert told.success_probability == pytest.approx(0.75)
    assert (told.basis, told.n) == (Basis.GIVEN, 10)
    assert system5.calibration().n == 1


def test_failures_change_the_decision() -> None:
    system5 = System5(preferences=NEUTRAL)
    options = (Option(name="a", attributes={"x": 1.0}, prior=0.7), Option(name="b", attributes={"x": 1.0}, prior=0.6))
    system5.record_outcome(system5.weigh(about(*options)).id, success=False)
    assert system5.weigh(about(*options)).decision == "b"


@pytest.mark.promise("C18", "C74")
def test_rules_constraints_and_identity_go_before_any_advantage() -> None:
    best = Option(name="grow fast", attributes={"x": 1.0}, effects={"debt": 9.0}, cost=0.4, prior=0.99)
    system5 = System5(
        policy=PolicySet([Rule(name="no haste", forbids=("*fast",))]),
        identity=Identity(purpose="last", essential=(Bound(figure="debt", high=5.0),)),
    )
    context = DecisionContext(
        issue="x",
        options=(best, Option(name="grow", attributes={"x": 0.5})),
        constraints=("cost <= 0.3", "stay friendly", "no haste"),
    )
    decided = system5.weigh(context)
    assert decided.decision == "grow"
    assert [(veto.rule, veto.option) for veto in decided.vetoes] == [
        ("no haste", "grow fast"),
        ("cost <= 0.3", "grow fast"),
        ("identity: debt", "grow fast"),
    ]
    assert "debt is 9, and at most 5 is allowed" in decided.vetoes[2].reason
    assert decided.not_assessed == ("constraint: stay friendly",)
    assert decided.actions[-1].system is SystemId.SYSTEM5
    assert "stay friendly" in decided.actions[-1].action
    assert "'no haste'" in decided.rationale
    assert {one.name for one in decided.alternatives} == {"grow", "wait"}


def test_a_constraint_on_a_figure_that_is_not_known_refuses() -> None:
    context = DecisionContext(issue="x", options=(FAST, GOOD), constraints=("latency <= 3",))
    decided = System5().weigh(context)
    assert decided.decision == "escalate"
    assert {veto.reason for veto in decided.vetoes} == {"latency is not known"}


def test_when_the_rules_refuse_everything_a_person_is_asked() -> None:
    options = tuple(Option(name=f"way {number}", attributes={"x": 1.0}) for number in range(5))
    system5 = System5(policy=PolicySet([Rule(name="stop", forbids=("*",))]))
    decided = system5.weigh(about(*options))
    assert decided.decision == "escalate"
    assert [(one.system, one.priority) for one in decided.actions] == [(SystemId.SYSTEM5, Priority.HIGH)]
    assert (decided.basis, decided.success_probability, decided.margin, decided.n) == (None, None, None, 0)
    assert decided.alternatives == ()
    assert "and 2 more" in decided.rationale
    assert system5.record_outcome(decided.id, success=True).forecast is None


def test_when_nothing_is_worth_its_cost_one_waits_and_looks_for_something_else() -> None:
    dear = Option(name="dear", attributes={"x": 0.2}, cost=0.5)
    decided = System5().weigh(about(dear))
    assert decided.decision == "wait"
    assert (decided.basis, decided.success_probability, decided.prior_probability) == (None, None, None)
    assert [(one.system, one.priority) for one in decided.actions] == [(SystemId.SYSTEM4, Priority.LOW)]
    assert decided.alternatives[0].probability is None
    doubtful = Option(name="doubtful", attributes={"x": 1.0}, cost=0.5)
    assert System5().weigh(about(doubtful)).actions[0].priority is Priority.MEDIUM


def test_a_way_of_waiting_that_has_its_price_is_weighed_as_given() -> None:
    wait = Option(name="wait", attributes={"x": 0.0}, cost=0.3)
    decided = System5().weigh(about(wait, Option(name="act", attributes={"x": 0.1}, cost=0.2)))
    assert [one.name for one in decided.alternatives] == ["act", "wait"]
    alone = System5().weigh(about(wait))
    assert (alone.decision, alone.runner_up, alone.break_even_probability) == ("wait", None, None)
    assert alone.basis is Basis.PRIOR_ONLY


def test_when_knowing_more_is_worth_more_than_looking_costs_system_4_looks_first() -> None:
    unsure = about(Option(name="try", attributes={"x": 1.0}, cost=0.2))
    looking = System5(preferences=Preferences(risk_aversion=0.0, looking_cost=0.05)).weigh(unsure)
    assert looking.evpi == pytest.approx(0.5 * 0.8 - 0.3)
    assert looking.look_first
    assert [(one.system, one.priority) for one in looking.actions] == [
        (SystemId.SYSTEM4, Priority.HIGH),
        (SystemId.SYSTEM1, Priority.MEDIUM),
    ]
    dear = System5(preferences=Preferences(risk_aversion=0.0, looking_cost=0.2)).weigh(unsure)
    assert not dear.look_first
    assert [one.action for one in dear.actions] == ["try"]


@pytest.mark.parametrize(
    ("burn_rate", "funnel", "priority"),
    [
        (14.4, {}, Priority.CRITICAL),
        (6.0, {}, Priority.HIGH),
        (1.0, {}, Priority.MEDIUM),
        (0.9, {Stage.FAILED: 0.9}, Priority.LOW),
        (None, {Stage.FAILED: 0.3, Stage.UNKNOWN: 0.1, Stage.ABSORBED: 0.6}, Priority.CRITICAL),
        (None, {Stage.FAILED: 0.2, Stage.ABSORBED: 0.8}, Priority.HIGH),
        (None, {Stage.FAILED: 0.1, Stage.ABSORBED: 0.9}, Priority.MEDIUM),
        (None, {Stage.FAILED: 0.01, Stage.ABSORBED: 0.99}, Priority.LOW),
        (None, {}, Priority.MEDIUM),
    ],
)
def test_how_urgent_it_is_follows_the_burn_rate_or_else_what_is_lost(
    burn_rate: float | None, funnel: dict[Stage, float], priority: Priority
) -> None:
    context = DecisionContext(issue="x", options=(FAST,), burn_rate=burn_rate, funnel=funnel)
    assert System5().weigh(context).actions[-1].priority is priority


def test_without_options_the_funnel_names_them() -> None:
    funnel = {Stage.UNKNOWN: 0.3, Stage.STARVED: 0.1, Stage.ABSORBED: 0.6}
    decided = System5().weigh(DecisionContext(issue="x", funnel=funnel, gains={"a": 0.2, "b": 0.1}))
    assert decided.decision == "acquire(a)"
    assert decided.actions[-1].system is SystemId.SYSTEM4


def test_circumstances_are_the_prior_of_options_that_assume_nothing() -> None:
    context = DecisionContext(
        issue="x",
        environment={"capital": "extreme", "mood": "purple"},
        options=(Option(name="a", attributes={"x": 1.0}),),
    )
    decided = System5().weigh(context)
    assert decided.prior_probability == pytest.approx(2 / 3)
    assert decided.not_assessed == ("mood: 'purple'",)
    assert any("capital 1" in one for one in decided.assumptions)


def test_options_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(PayloadError, match="'lazy' says nothing about quality, speed"):
        System5().weigh(about(FAST, Option(name="lazy")))
    with pytest.raises(PayloadError, match="says nothing about charm"):
        System5().weigh(DecisionContext(issue="x", options=(FAST,), weights={"charm": 1.0}))
    with pytest.raises(PayloadError, match="no attribute"):
        System5().weigh(about(Option(name="empty")))


def test_constraints_that_contradict_each_other_are_refused() -> None:
    context = DecisionContext(issue="x", options=(FAST,), constraints=("cost <= 0.1", "risk <= 1", "cost >= 0.2"))
    with pytest.raises(PayloadError, match=r"'cost <= 0\.1' and 'cost >= 0\.2' contradict"):
        System5().weigh(context)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(0, 2))
def test_whatever_is_given_the_decision_is_the_best_that_no_rule_refuses(seed: int, count: int, caution: float) -> None:
    draw = Random(seed)  # noqa: S311
    options = tuple(
        Option(
            name=f"option {number}",
            attributes={"x": draw.random(), "y": draw.random()},
            cost=draw.random() / 2,
            risk=draw.random() / 2,
            prior=draw.choice([None, draw.random()]),
            successes=draw.randrange(5),
            failures=draw.randrange(5),
        )
        for number in range(count)
    )
    system5 = System5(
        policy=PolicySet([Rule(name="cheap", bounds=(Bound(figure="cost", high=0.25),))]),
        preferences=Preferences(risk_aversion=caution),
    )
    decided = system5.weigh(about(*options))
    allowed = {one.name for one in options if one.cost <= 0.25}
    assert {veto.option for veto in decided.vetoes} == {one.name for one in options} - allowed
    if not allowed:
        assert decided.decision == "escalate"
        return
    assert {one.name for one in decided.alternatives} == allowed | {"wait"}
    values = [one.value for one in decided.alternatives]
    assert values == sorted(values, reverse=True)
    assert decided.decision == decided.alternatives[0].name
    assert values[0] >= 0
    assert decided.evpi is not None
    assert decided.evpi >= 0
    assert all(math.isfinite(value) for value in values)
    assert type(decided).model_validate_json(decided.model_dump_json()) == decided
