"""Upkeep names the servers that no longer earn their keep, and none too early."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.intelligence.upkeep import MOST_SERVERS, Upkeep

DAY = 86_400.0


def used(upkeep: Upkeep, counts: Mapping[str | None, int]) -> Upkeep:
    for server, count in counts.items():
        for _ in range(count):
            upkeep.note(server)
    return upkeep


def test_a_server_that_nobody_uses_any_more_is_named_with_figures() -> None:
    upkeep = used(Upkeep(half_life=100), {"old": 1000, "new": 2000})
    (idle,) = upkeep.idle({"old": 0.0, "new": 0.0}, now=2 * DAY)
    assert idle.server == "old"
    assert idle.used_share < 0.002
    assert (idle.held_s, idle.n) == (2 * DAY, 3000)


def test_within_the_grace_nothing_is_let_go() -> None:
    upkeep = used(Upkeep(), {"busy": 2000})
    assert upkeep.idle({"idle": 0.0, "busy": 0.0}, now=DAY - 1) == ()
    assert [entry.server for entry in upkeep.idle({"idle": 0.0, "busy": 0.0}, now=DAY)] == ["idle"]


def test_with_little_demand_nothing_is_said() -> None:
    upkeep = used(Upkeep(), {"busy": 999})
    assert upkeep.idle({"idle": 0.0}, now=9 * DAY) == ()


def test_a_clock_that_was_set_back_lets_nothing_go() -> None:
    assert used(Upkeep(), {None: 2000}).idle({"idle": 5 * DAY}, now=0.0) == ()


def test_a_forgotten_server_has_no_use() -> None:
    upkeep = used(Upkeep(), {"a": 10})
    assert upkeep.used_share("a") == pytest.approx(1.0)
    upkeep.forget("a")
    assert upkeep.used_share("a") == 0.0
    assert Upkeep().used_share("a") is None


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["a", "b", None]), min_size=10, max_size=50))
def test_shares_are_those_of_the_definition_also_after_rescaling(demands: list[str | None]) -> None:
    upkeep = Upkeep(half_life=1)  # doubles with each demand, so that 1e120 is passed after 399
    history = demands * 50
    for server in history:
        upkeep.note(server)
    weights = [2.0 ** (place - len(history)) for place in range(len(history))]
    total = sum(weights)
    for server in ("a", "b"):
        share = sum(weight for weight, who in zip(weights, history, strict=True) if who == server) / total
        assert upkeep.used_share(server) == pytest.approx(share, abs=1e-9)


def test_the_account_is_bounded() -> None:
    upkeep = Upkeep()
    for number in range(MOST_SERVERS + 10):
        upkeep.note(f"server {number}")
    assert repr(upkeep) == f"Upkeep(n={MOST_SERVERS + 10}, servers={MOST_SERVERS})"


@pytest.mark.parametrize(
    "options", [{"half_life": 0.5}, {"least_share": 1.0}, {"grace": -1.0}, {"half_life": float("nan")}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Upkeep(**options)  # type: ignore[arg-type]
