"""Identity: essential variables stay within their limits, unknown is unknown, and every residual has an owner."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.identity import Identity, closure
from vsm_mcp.systems.policy.rules import Bound
from vsm_mcp.systems.system5 import System5

SERVICE = Identity(
    purpose="absorb what agents ask for",
    essential=(Bound(figure="absorbed_share", low=0.8), Bound(figure="cost_per_day", high=50.0)),
)
AMOUNTS = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.floats(0, 100), max_size=6)


@pytest.mark.promise("C19")
@pytest.mark.parametrize(
    ("figures", "aligned", "violated", "unknown"),
    [
        ({"absorbed_share": 0.8, "cost_per_day": 50.0}, True, (), ()),
        ({"absorbed_share": 0.7, "cost_per_day": 50.0}, False, ("absorbed_share",), ()),
        ({"absorbed_share": 0.7}, False, ("absorbed_share",), ("cost_per_day",)),
        ({"absorbed_share": 0.9, "cost_per_day": None}, None, (), ("cost_per_day",)),
        ({"mood": 1.0}, None, (), ("absorbed_share", "cost_per_day")),
    ],
)
def test_a_goal_is_aligned_when_every_essential_variable_is_known_and_within_its_limits(
    *, figures: dict[str, float | None], aligned: bool | None, violated: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    alignment = System5(identity=SERVICE).align("grow", figures)
    assert alignment.aligned is aligned
    assert alignment.violated == violated
    assert alignment.not_assessable == unknown
    assert alignment.purpose == SERVICE.purpose
    assert alignment.basis.startswith(f"{2 - len(unknown)} of 2 ")


def test_limits_that_are_not_there_are_not_shown() -> None:
    share, cost = SERVICE.align("now", {"cost_per_day": 3.0}).variables
    assert (share.value, share.low, share.high, share.within) == (None, 0.8, None, None)
    assert (cost.value, cost.low, cost.high, cost.within) == (3.0, None, 50.0, True)


def test_without_essential_variables_nothing_can_be_said() -> None:
    assert Identity(purpose="be").align("grow", {"x": 1.0}).aligned is None


def test_without_an_identity_there_is_nothing_to_align_with() -> None:
    with pytest.raises(ConfigurationError, match="No identity"):
        System5().align("grow", {})


@pytest.mark.parametrize("figure", [math.nan, math.inf, True, "high"])
def test_a_figure_that_cannot_be_is_refused(figure: float) -> None:
    with pytest.raises(PayloadError, match="absorbed_share"):
        SERVICE.align("grow", {"absorbed_share": figure})


@pytest.mark.parametrize(
    ("purpose", "essential"),
    [
        ("", ()),
        ("be", (Bound(figure="x", low=0.0), Bound(figure="x", high=1.0))),
        ("be", tuple(Bound(figure=f"x{number}", low=0.0) for number in range(257))),
    ],
)
def test_an_identity_that_makes_no_sense_is_refused(purpose: str, essential: tuple[Bound, ...]) -> None:
    with pytest.raises(ConfigurationError):
        Identity(purpose=purpose, essential=essential)


@pytest.mark.promise("C19")
def test_the_whole_is_closed_when_every_residual_has_an_owner() -> None:
    residuals = {"late answers": 3.0, "lost demand": 12.0, "odd formats": 0.0}
    found = System5().closure(residuals, {"late answers": "system3", "lost demand": "system4"})
    assert found.closed
    assert found.residual_amount == 15.0
    assert dict(found.owners) == {"late answers": "system3", "lost demand": "system4"}
    found = System5().closure(residuals, {"late answers": "system3"})
    assert not found.closed
    assert found.unowned == ("lost demand",)
    assert found.unowned_amount == 12.0
    assert found.basis == "2 residuals, 1 of them owned."


def test_a_residual_of_unknown_size_needs_an_owner_and_comes_first() -> None:
    found = closure({"a": 5.0, "b": None}, {})
    assert found.unowned == ("b", "a")
    assert found.unowned_amount is None
    assert found.residual_amount is None


@given(AMOUNTS, st.sets(st.sampled_from("abcdefg")))
def test_what_is_left_is_either_owned_or_unowned(amounts: dict[str, float | None], owned: set[str]) -> None:
    found = closure(amounts, dict.fromkeys(owned, "system3"))
    left = {name for name, amount in amounts.items() if amount != 0}
    assert set(found.unowned) | found.owners.keys() == left
    assert not set(found.unowned) & found.owners.keys()
    assert found.closed == (left <= owned)


@pytest.mark.parametrize(
    ("residuals", "owners"),
    [({"a": -1.0}, {}), ({"a": math.nan}, {}), ({"a": 1.0}, {"a": ""}), ({"": 1.0}, {})],
)
def test_amounts_and_owners_that_cannot_be_are_refused(residuals: dict[str, float], owners: dict[str, str]) -> None:
    with pytest.raises(PayloadError):
        closure(residuals, owners)
