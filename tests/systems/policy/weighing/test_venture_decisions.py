"""A venture is decided by computing what each plan is worth, from stakes or from declared priors."""

import pytest

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.system import Priority, SystemId
from vsm_mcp.systems.policy.context import DecisionContext
from vsm_mcp.systems.policy.decision import Basis
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Rule
from vsm_mcp.systems.policy.utility import Preferences
from vsm_mcp.systems.policy.venture import Venture
from vsm_mcp.systems.policy.weighing.circumstances import Priors
from vsm_mcp.systems.system5 import System5

MARKET: dict[str, object] = {
    "issue": "Enter a new market",
    "environment": {
        "market_volatility": "high",
        "competition": "intense",
        "resources": {"capital": 0.7, "talent": 0.8, "time": 0.5},
    },
    "constraints": ["keep present service levels"],
    "objectives": ["grow", "keep risk low"],
}
NEUTRAL = Preferences(risk_aversion=0.0)


def stakes(probability: float) -> DecisionContext:
    return DecisionContext(issue="x", venture=Venture(probability=probability, value=10.0, cost=5.0))


@pytest.mark.promise("C74", "C18")
def test_in_a_volatile_market_with_strong_competition_a_phased_entry_is_computed_to_be_worth_most() -> None:
    decided = System5().weigh(MARKET)
    assert decided.decision == "phased_entry"
    prior = (1 + 0.2 + 0.1 + 0.7 + 0.8 + 0.5) / 7
    assert decided.prior_probability == pytest.approx(0.8 * prior)
    assert decided.success_probability is None
    assert (decided.basis, decided.n) == (Basis.PRIOR_ONLY, 0)
    assert [(one.system, one.priority) for one in decided.actions] == [
        (SystemId.SYSTEM4, Priority.HIGH),
        (SystemId.SYSTEM3, Priority.CRITICAL),
        (SystemId.SYSTEM1, Priority.MEDIUM),
        (SystemId.SYSTEM5, Priority.MEDIUM),
    ]
    assert {one.name for one in decided.alternatives} == {"full_entry", "phased_entry", "wait"}
    assert "market_volatility 0.8" in decided.assumptions[-1]
    assert "value 10, cost 5" in decided.assumptions[-1]
    assert decided.not_assessed == (
        "objective: grow",
        "objective: keep risk low",
        "constraint: keep present service levels",
    )
    assert decided.evpi is not None
    assert decided.pilot_information is not None
    assert 0 < decided.pilot_information < decided.evpi
    assert decided.look_first


@pytest.mark.promise("C74")
def test_other_circumstances_lead_to_another_decision() -> None:
    calm = {"market_volatility": "none", "competition": "none", "capital": 1.0, "talent": 1.0, "demand": "extreme"}
    assert System5(preferences=NEUTRAL).weigh({"issue": "x", "environment": calm}).decision == "full_entry"
    grim = {"market_volatility": "extreme", "competition": "extreme", "capital": 0.0, "talent": 0.0}
    assert System5().weigh({"issue": "x", "environment": grim}).decision == "wait"


@pytest.mark.parametrize(
    ("probability", "plan", "value"), [(0.5, "phased_entry", 1.0), (0.95, "full_entry", 4.5), (0.1, "wait", 0.0)]
)
def test_stated_stakes_are_decided_as_computed(probability: float, plan: str, value: float) -> None:
    decided = System5(preferences=NEUTRAL).weigh(stakes(probability))
    assert decided.decision == plan
    assert decided.alternatives[0].value == pytest.approx(value)


def test_figures_of_the_pilot_are_those_of_the_computation() -> None:
    decided = System5(preferences=NEUTRAL).weigh(stakes(0.5))
    assert decided.prior_probability == pytest.approx(0.40)
    assert decided.evpi == pytest.approx(2.5)
    assert decided.break_even_probability == pytest.approx(1.8 / 5.6)
    assert decided.margin == pytest.approx(1.0)
    assert decided.assumptions[-1] == "The stakes and the probability of 0.5 are taken as stated."
    assert "release 1 and hold back 4" in decided.actions[1].action
    assert "The venture itself succeeds with probability 0.5" in decided.rationale


def test_who_waits_learns_from_when_acting_pays() -> None:
    decided = System5(preferences=NEUTRAL).weigh(stakes(0.1))
    assert [(one.system, one.priority) for one in decided.actions] == [(SystemId.SYSTEM4, Priority.LOW)]
    assert "0.321" in decided.actions[0].action
    assert (decided.prior_probability, decided.basis) == (None, None)
    hopeless = Venture(probability=0.9, value=1.0, cost=5.0)
    decided = System5().weigh(DecisionContext(issue="x", venture=hopeless))
    assert "at no probability" in decided.actions[0].action
    assert decided.break_even_probability is None


def test_a_break_even_that_caution_puts_out_of_reach_is_not_stated() -> None:
    cautious = System5(preferences=Preferences(risk_aversion=4.0))
    assert cautious.weigh(stakes(0.5)).break_even_probability is None


def test_who_commits_releases_the_whole_cost() -> None:
    decided = System5(preferences=NEUTRAL).weigh(stakes(0.95))
    assert [one.system for one in decided.actions] == [SystemId.SYSTEM3, SystemId.SYSTEM1]
    assert decided.prior_probability == pytest.approx(0.95)
    assert decided.break_even_probability == pytest.approx(3.2 / 4.4)


def test_outcomes_of_the_same_plan_are_learnt_from() -> None:
    system5 = System5(preferences=NEUTRAL)
    for _ in range(6):
        system5.record_outcome(system5.weigh(stakes(0.5)).id, success=True)
    decided = system5.weigh(stakes(0.5))
    assert decided.success_probability == pytest.approx((0.4 * 2 + 6) / 8)
    assert (decided.basis, decided.n) == (Basis.RECORDED, 6)
    assert decided.prior_probability == pytest.approx(0.4)


def test_failures_after_committing_lower_what_committing_is_worth() -> None:
    system5 = System5(preferences=NEUTRAL)
    assert system5.weigh(stakes(0.9)).decision == "full_entry"
    for _ in range(3):
        decided = system5.weigh(stakes(0.9))
        system5.record_outcome(decided.id, success=False)
    assert system5.weigh(stakes(0.9)).decision != "full_entry"


@pytest.mark.parametrize(
    ("rules", "plan"),
    [
        ([Rule(name="all or nothing", forbids=("phased*",))], "full_entry"),
        ([Rule(name="little at once", bounds=(Bound(figure="cost", high=2.0),))], "phased_entry"),
        ([Rule(name="no adventures", forbids=("*_entry",))], "escalate"),
        ([Rule(name="no second bill", bounds=(Bound(figure="later_cost", high=0.0),))], "full_entry"),
    ],
)
def test_rules_go_before_what_a_plan_is_worth(rules: list[Rule], plan: str) -> None:
    decided = System5(policy=PolicySet(rules), preferences=NEUTRAL).weigh(stakes(0.7))
    assert decided.decision == plan
    assert decided.vetoes[0].rule == rules[0].name


def test_declared_priors_can_be_replaced() -> None:
    assert System5(priors=Priors(value=4.0)).weigh(MARKET).decision == "wait"


def test_where_nothing_is_known_nothing_is_decided() -> None:
    with pytest.raises(PayloadError, match="nothing is known"):
        System5().weigh({"issue": "What now?"})
    with pytest.raises(PayloadError, match="nothing is known"):
        System5().weigh({"issue": "What now?", "environment": {"mood": "purple"}})
