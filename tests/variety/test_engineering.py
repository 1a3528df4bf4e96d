import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.engineering import (
    MOST_KINDS,
    MOST_STEPS,
    Amplifier,
    Attenuator,
    Demand,
    Effect,
    Lever,
    Step,
    VarietyEngineering,
    effect_of,
)

KINDS = st.sampled_from([f"kind {number}" for number in range(8)])
SHARES = st.dictionaries(KINDS, st.floats(0.001, 100), min_size=1)
PROBABILITIES = st.dictionaries(KINDS, st.floats(0, 1), min_size=1)
DEMANDS = st.builds(Demand, shares=SHARES, absorbed=PROBABILITIES)
ATTENUATORS = st.builds(
    Attenuator,
    groups=st.dictionaries(KINDS, st.sampled_from(["x", "y", "kind 1"]), min_size=1),
    rest=st.sampled_from([None, "x", "rest"]),
    reason=st.just("they are done alike"),
)
AMPLIFIERS = st.builds(
    Amplifier, capability=st.just("tool"), quality=PROBABILITIES, reason=st.just("its makers say so")
)
STEPS = st.lists(ATTENUATORS | AMPLIFIERS, max_size=6)


def of_shares(shares: Mapping[str, float]) -> Demand:
    return Demand(shares=shares, absorbed={})


def entropy(weights: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return -sum(weight / total * math.log2(weight / total) for weight in weights.values())


@pytest.mark.promise("C30")
@given(DEMANDS, ATTENUATORS)
def test_attenuation_loses_exactly_the_variety_within_its_groups(demand: Demand, step: Attenuator) -> None:
    effect = effect_of(step, demand)
    assert effect.after.required_bits <= effect.before.required_bits + 1e-9
    assert effect.required_bits == pytest.approx(-effect.lost_bits, abs=1e-9)
    assert all(lost >= 0 for lost in effect.lost.values())
    assert effect.absorbed_share == pytest.approx(0, abs=1e-9)


@given(DEMANDS, AMPLIFIERS)
def test_amplification_never_absorbs_less_and_leaves_demand_as_it_is(demand: Demand, step: Amplifier) -> None:
    effect = effect_of(step, demand)
    assert effect.after.shares == pytest.approx(demand.shares)
    assert effect.absorbed_share >= -1e-12
    assert effect.absorbed_bits >= -1e-12
    assert (effect.required_bits, effect.lost_bits) == (pytest.approx(0, abs=1e-9), 0)
    for kind, before in demand.absorbed.items():
        assert effect.after.absorbed[kind] == max(before, step.quality.get(kind, 0))


@given(DEMANDS)
def test_the_figures_of_demand_are_those_of_the_definition(demand: Demand) -> None:
    assert sum(demand.shares.values()) == pytest.approx(1)
    assert demand.required_bits == pytest.approx(entropy(demand.shares), abs=1e-9)
    absorbed = sum(demand.shares[kind] * demand.absorbed[kind] for kind in demand.shares)
    assert demand.absorbed_share == pytest.approx(absorbed)
    assert 0 <= demand.absorbed_bits <= demand.required_bits + 1e-9


@pytest.mark.promise("C30")
@given(STEPS, STEPS, st.tuples(DEMANDS, KINDS))
def test_undoing_leads_back_to_what_was_before(
    first: list[Step], then: list[Step], observed: tuple[Demand, str]
) -> None:
    demand, kind = observed
    engineering = VarietyEngineering(first)
    steps, counted, after = engineering.steps, engineering.apply(kind), engineering.change(demand)
    for step in then:
        engineering.add(step)
    undone = [engineering.undo() for _ in then]
    assert undone == then[::-1]
    assert engineering.steps == steps
    assert engineering.apply(kind) == counted
    assert engineering.change(demand) == after


@given(STEPS, DEMANDS)
def test_the_effects_of_all_steps_join_up(steps: list[Step], demand: Demand) -> None:
    engineering = VarietyEngineering(steps)
    effects = engineering.effects(demand)
    assert [effect.lever for effect in effects] == [step.lever for step in steps]
    after = engineering.change(demand)
    assert sum(effect.required_bits for effect in effects) == pytest.approx(
        after.required_bits - demand.required_bits, abs=1e-9
    )
    assert set(after.shares) == {engineering.apply(kind) for kind in demand.shares}


def test_kinds_that_are_merged_are_counted_as_their_group() -> None:
    step = Attenuator(groups={"resize": "image", "crop": "image"}, reason="one tool does both")
    assert [step.apply(kind) for kind in ("resize", "crop", "translate")] == ["image", "image", "translate"]
    demand = Demand(shares={"resize": 1, "crop": 1, "translate": 2}, absorbed={"resize": 1, "crop": 0.5}, n=4)
    effect = effect_of(step, demand)
    assert (effect.before.required_bits, effect.after.required_bits) == (pytest.approx(1.5), pytest.approx(1))
    assert effect.lost == {"image": pytest.approx(0.5)}
    assert effect.after.absorbed["image"] == pytest.approx(0.75)
    assert effect.after.n == 4
    assert str(effect) == (
        "attenuate: 1.50 -> 1.00 bits of demand, 37.5% -> 37.5% absorbed, "
        "0.50 bits no longer told apart (from 4 observations)"
    )


def test_rare_kinds_are_merged_and_so_are_those_that_come_later() -> None:
    demand = of_shares({"often": 90, "rare": 6, "rarer": 4})
    step = Attenuator.of_rare(demand, below=0.07, into="Other", reason="too few to learn from")
    assert [step.apply(kind) for kind in ("often", "rare", "rarer", "new")] == ["often", "Other", "Other", "Other"]
    lost = 0.1 * entropy({"rare": 6, "rarer": 4})
    assert step.lost(demand) == {"Other": pytest.approx(lost)}
    border = Attenuator.of_rare(of_shares({"a": 3, "b": 1}), below=0.25, into="Other", reason="too few to learn from")
    assert border.apply("b") == "b"
    nothing = Attenuator.of_rare(demand, below=1, into="Other", reason="all alike")
    assert nothing.change(demand).required_bits == 0


def test_one_capability_can_be_declared_for_several_kinds() -> None:
    step = Amplifier(capability="pdf", quality={"extract text": 0.9, "count pages": 0.8}, reason="verified on both")
    demand = of_shares({"extract text": 1, "count pages": 1, "sign": 2})
    effect = effect_of(step, demand)
    assert effect.lever is Lever.AMPLIFY
    assert effect.absorbed_share == pytest.approx(0.25 * 0.9 + 0.25 * 0.8)
    assert effect.absorbed_bits == pytest.approx(2 * (0.25 * 0.9 + 0.25 * 0.8))
    assert "(from assumed shares)" in str(effect)


def test_steps_apply_in_their_order() -> None:
    engineering = VarietyEngineering(
        [
            Amplifier(capability="first", quality={"a": 0.5}, reason="as measured"),
            Attenuator(groups={"a": "b"}, reason="alike"),
            Attenuator(groups={"b": "c"}, reason="alike"),
            Amplifier(capability="second", quality={"c": 0.7, "a": 0.9}, reason="as measured"),
            Amplifier(capability="first", quality={"c": 0.1}, reason="as measured"),
        ]
    )
    assert [engineering.apply(kind) for kind in "abcd"] == ["c", "c", "c", "d"]
    assert engineering.responses("a") == ("first", "second")
    assert engineering.responses("b") == ("second", "first")
    assert engineering.responses("d") == ()
    assert repr(engineering) == "VarietyEngineering(steps=5)"


def test_without_steps_nothing_changes() -> None:
    engineering = VarietyEngineering()
    demand = of_shares({"a": 1})
    assert engineering.apply("a") == "a"
    assert engineering.change(demand) is demand
    assert engineering.effects(demand) == ()
    assert engineering.undo() is None


def test_what_a_step_declares_cannot_be_changed_afterwards() -> None:
    groups, quality = {"a": "b"}, {"a": 0.5}
    attenuator = Attenuator(groups=groups, reason="alike")
    amplifier = Amplifier(capability="tool", quality=quality, reason="as measured")
    groups["a"], quality["a"] = "z", 9.0
    assert attenuator.apply("a") == "b"
    assert amplifier.quality["a"] == 0.5


def test_the_weights_of_demand_need_not_add_up_to_1_and_what_is_next_to_nothing_is_left_out() -> None:
    demand = of_shares({"a": 30, "b": 10, "none": 0, "least": 5e-324})
    assert demand.shares == {"a": 0.75, "b": 0.25}
    assert effect_of(Attenuator(groups={"a": "b"}, reason="alike"), demand).after.required_bits == 0


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf, 1e200])
def test_weights_that_make_no_sense_are_refused(weight: float) -> None:
    with pytest.raises(PayloadError, match="Demand of 'a' cannot weigh"):
        of_shares({"a": weight})


@pytest.mark.parametrize("shares", [{}, {"a": 0.0}])
def test_no_demand_is_refused(shares: dict[str, float]) -> None:
    with pytest.raises(PayloadError, match="no demand"):
        of_shares(shares)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_probabilities_that_make_no_sense_are_refused(probability: float) -> None:
    with pytest.raises(PayloadError, match="'a' is absorbed"):
        Demand(shares={"a": 1}, absorbed={"a": probability})
    with pytest.raises(PayloadError, match="'tool' absorbs 'a'"):
        Amplifier(capability="tool", quality={"a": probability}, reason="as measured")
    with pytest.raises(ConfigurationError, match="not between 0 and 1"):
        Attenuator.of_rare(of_shares({"a": 1}), below=probability, into="Other", reason="rare")


def test_a_step_that_does_nothing_or_has_no_reason_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="merges nothing"):
        Attenuator(groups={}, reason="why")
    with pytest.raises(ConfigurationError, match="responds to nothing"):
        Amplifier(capability="tool", quality={}, reason="why")
    with pytest.raises(ConfigurationError, match="no reason"):
        Attenuator(groups={"a": "b"}, reason=" ")
    with pytest.raises(ConfigurationError, match="no reason"):
        Amplifier(capability="tool", quality={"a": 1}, reason="")


def test_what_would_take_too_much_room_is_refused() -> None:
    kinds = {str(number): 0.5 for number in range(MOST_KINDS + 1)}
    with pytest.raises(PayloadError, match="more than 10000"):
        of_shares(kinds)
    with pytest.raises(ConfigurationError, match="more than 10000"):
        Attenuator(groups=dict.fromkeys(kinds, "x"), reason="alike")
    with pytest.raises(ConfigurationError, match="more than 10000"):
        Amplifier(capability="tool", quality=kinds, reason="as measured")
    step = Attenuator(groups={"a": "b"}, reason="alike")
    with pytest.raises(ConfigurationError, match="100 steps already"):
        VarietyEngineering([step] * (MOST_STEPS + 1))


def test_an_effect_shows_what_it_was_for() -> None:
    effect = effect_of(Attenuator(groups={"a": "b"}, reason="alike"), of_shares({"a": 1}))
    assert isinstance(effect, Effect)
    assert (effect.reason, effect.lever) == ("alike", "attenuate")
