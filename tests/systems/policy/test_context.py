"""A context is read exactly, and what the funnel lost becomes options."""

import math

import pytest

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.policy.context import DecisionContext, FunnelStrategy, Option, bound_of, read_context
from vsm_mcp.systems.policy.venture import Venture

FULL: dict[str, object] = {
    "issue": " What next? ",
    "environment": {"load": "high"},
    "constraints": ["cost <= 0.3"],
    "objectives": ["speed"],
    "weights": {"speed": 2},
    "options": [
        {
            "name": "a",
            "attributes": {"speed": 1},
            "effects": {"latency": 30},
            "cost": 0.1,
            "risk": 0.1,
            "successes": 3,
            "failures": 1,
            "prior": 0.6,
            "prior_weight": 4,
            "system": "system3",
            "tags": ["tested"],
        },
        Option(name="b", attributes={"speed": 0.5}),
    ],
    "funnel": {"s4_unknown": 0.2, "absorbed": 0.8},
    "gains": {"convert time zones": 0.1},
    "venture": {"probability": 0.5, "value": 10, "cost": 5},
    "burn_rate": 2,
}


def test_a_mapping_becomes_the_same_context_as_the_types() -> None:
    assert read_context(FULL) == DecisionContext(
        issue="What next?",
        environment={"load": "high"},
        constraints=("cost <= 0.3",),
        objectives=("speed",),
        weights={"speed": 2.0},
        options=(
            Option(
                name="a",
                attributes={"speed": 1.0},
                effects={"latency": 30.0},
                cost=0.1,
                risk=0.1,
                successes=3.0,
                failures=1.0,
                prior=0.6,
                prior_weight=4.0,
                system=SystemId.SYSTEM3,
                tags=frozenset({"tested"}),
            ),
            Option(name="b", attributes={"speed": 0.5}),
        ),
        funnel={Stage.UNKNOWN: 0.2, Stage.ABSORBED: 0.8},
        gains={"convert time zones": 0.1},
        venture=Venture(probability=0.5, value=10.0, cost=5.0),
        burn_rate=2.0,
    )


def test_a_context_that_is_one_is_taken_as_it_is() -> None:
    context = DecisionContext(issue="x")
    assert read_context(context) is context
    venture = Venture(probability=0.5, value=10.0, cost=5.0)
    assert read_context({"issue": "x", "venture": venture}).venture is venture


WRONG: list[tuple[dict[str, object], str]] = [
    ({"issue": None}, "issue"),
    ({"issue": "x" * 1001}, "1 to 1000 characters"),
    ({"mood": 1}, "has no 'mood'"),
    ({"environment": 3}, "environment must be a mapping"),
    ({"constraints": "cheap"}, "constraints must be a list"),
    ({"constraints": [3]}, "must be a text"),
    ({"objectives": ["x"] * 51}, "51 entries"),
    ({"weights": {"speed": -1}}, "'speed' is -1"),
    ({"options": []}, "There are 0 options"),
    ({"options": [{"name": str(number)} for number in range(101)]}, "101 entries"),
    ({"options": [{"name": "a"}, {"name": "a"}]}, "2 options have 1 names"),
    ({"options": [{"name": "a", "attributes": {"speed": 1.1}}]}, "Option 'a': Attribute 'speed' is 1.1"),
    ({"options": [{"name": "a", "attributes": {"speed": math.nan}}]}, "'speed' is nan"),
    ({"options": [{"name": "a", "cost": -1}]}, "Option 'a': The cost is -1"),
    ({"options": [{"name": "a", "prior": 2}]}, "The prior is 2"),
    ({"options": [{"name": "a", "prior_weight": 0}]}, "The prior weight is 0"),
    ({"options": [{"name": "a", "risk": 0.6}]}, "The risk is 0.6"),
    ({"options": [{"name": "a", "system": "system9"}]}, "none of the systems"),
    ({"options": [{"name": "a", "price": 1}]}, "has no 'price'"),
    ({"options": [{"attributes": {}}]}, "name of an option"),
    ({"options": [3]}, "An option must be a mapping"),
    ({"options": [{"name": "a", "attributes": {"x": 1}, "effects": {"x": 1}}]}, "x is given twice"),
    ({"options": [{"name": "a", "attributes": {"cost": 1}}]}, "cost is given twice"),
    ({"options": [{"name": "a", "effects": {"risk": 1}}]}, "cost or risk is given twice"),
    ({"funnel": {"s4_unknown": 0.7, "absorbed": 0.7}}, "sum to 1.4"),
    ({"funnel": {"nowhere": 0.1}}, "has no 'nowhere'"),
    ({"gains": {"x": 2}}, "'x' is 2"),
    ({"venture": {"probability": 0.5}}, "lacks cost, value"),
    ({"venture": {"probability": 2, "value": 1, "cost": 1}}, "probability of a venture is 2"),
    ({"venture": {"probability": 1, "value": 1, "cost": 1, "charm": 1}}, "has no 'charm'"),
    ({"burn_rate": -1}, "burn_rate is -1"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_what_cannot_be_is_refused_with_its_name(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        read_context({"issue": "x", **wrong})


def test_options_must_be_options() -> None:
    with pytest.raises(PayloadError, match="is no option"):
        DecisionContext(issue="x", options=("a",))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_the_same_issue_in_other_case_and_spacing_is_similar() -> None:
    assert DecisionContext(issue="Enter  the\nMarket").kind == DecisionContext(issue=" enter the market ").kind


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        ("cost <= 0.3", 0.3, 0.31),
        ("cost ≤ 3e-1", 0.3, 0.31),
        ("cost < 0.3", 0.29, 0.3),
        ("  cost>=1 ", 1.0, 0.99),
        ("cost ≥ .5", 0.5, 0.4),
        ("cost > -2.", -1.9, -2.0),
    ],
)
def test_a_constraint_in_symbols_is_a_limit(constraint: str, inside: float, outside: float) -> None:
    bound = bound_of(constraint)
    assert bound is not None
    assert bound.breach({"cost": inside}) is None
    assert bound.breach({"cost": outside})


@pytest.mark.parametrize(
    "constraint",
    [
        "keep customers",
        "cost < much",
        "<= 3",
        "a < 1 < b",
        "cost <= 3 EUR",
        "=" * 1000,
        "x" + " " * 900 + "y",
        " " * 999 + "x",
    ],
)
def test_a_constraint_in_words_is_no_limit(constraint: str) -> None:
    assert bound_of(constraint) is None


@pytest.mark.parametrize("constraint", ["cost <= 1e999", "cost >= 1e13"])
def test_a_limit_that_cannot_be_is_refused(constraint: str) -> None:
    with pytest.raises(PayloadError, match="The limit in"):
        bound_of(constraint)


def test_each_stage_where_demand_is_lost_names_what_can_be_done() -> None:
    funnel = dict.fromkeys(Stage, 0.1) | {Stage.ABSORBED: 0.5}
    options = FunnelStrategy().propose(DecisionContext(issue="x", funnel=funnel))
    assert [(option.name, option.system) for option in options] == [
        ("acquire", SystemId.SYSTEM4),
        ("expand_capacity", SystemId.SYSTEM3),
        ("shed_load", SystemId.SYSTEM3),
        ("reroute", SystemId.SYSTEM2),
        ("repair", SystemId.SYSTEM1),
        ("escalate", SystemId.SYSTEM5),
    ]
    assert all(option.attributes == {"regained_share": 0.1} for option in options)


def test_known_capabilities_are_options_each_for_itself() -> None:
    context = DecisionContext(issue="x", funnel={Stage.UNKNOWN: 0.5}, gains={"a": 0.3, "b": 0.2})
    options = FunnelStrategy().propose(context)
    assert [(one.name, one.attributes["regained_share"]) for one in options] == [
        ("acquire(a)", 0.3),
        ("acquire(b)", 0.2),
    ]


def test_without_losses_there_is_nothing_to_propose() -> None:
    assert not FunnelStrategy().propose(DecisionContext(issue="x", funnel={Stage.ABSORBED: 1.0, Stage.FAILED: 0.0}))
