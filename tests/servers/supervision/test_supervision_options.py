"""What a host may say about supervision is bounded, and means what it says."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.servers.supervision.restart import Budget, RestartPolicy
from vsm_mcp.servers.supervision.supervision import Group, Order, RestartType, Strategy, Supervision

TIMES = st.lists(st.floats(0, 1000, allow_nan=False), max_size=40).map(sorted)


@pytest.mark.parametrize(
    "wrong",
    [
        '{"intensity": 0}',
        '{"period": 0}',
        '{"period": "inf"}',
        '{"jitter": 1}',
        '{"check_every": "nan"}',
        '{"pool": {"*": 0}}',
        '{"pool": {"*": 65}}',
        '{"spares": -1}',
        '{"ping_only": [""]}',
        '{"starts_at_once": 0}',
        '{"restart": {"*": "sometimes"}}',
        '{"restart": {"": "permanent"}}',
        '{"groups": [{"servers": []}]}',
        '{"groups": [{"servers": ["a"], "strategy": "all_for_all"}]}',
        '{"unknown": 1}',
    ],
)
def test_what_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Supervision.model_validate_json(wrong)


def test_a_server_rests_in_one_group_only() -> None:
    with pytest.raises(ValidationError, match="one group only, and only once: a"):
        Supervision(groups=(Group(servers=("a", "b")), Group(servers=("c", "a"))))


def test_the_first_pattern_that_matches_counts() -> None:
    options = Supervision.model_validate(
        {
            "otherwise": "transient",
            "restart": {"example/base*": "permanent", "example/*": "temporary"},
            "pool": {"example/fast": 4, "*": 2},
        }
    )
    assert options.restart_of("example/base-1") is RestartType.PERMANENT
    assert options.restart_of("example/other") is RestartType.TEMPORARY
    assert options.restart_of("other") is RestartType.TRANSIENT
    assert (options.size_of("example/fast"), options.size_of("other"), Supervision().size_of("other")) == (4, 2, 1)
    assert Supervision.model_validate_json(options.model_dump_json()) == options


def test_only_groups_whose_servers_rest_on_each_other_have_an_order() -> None:
    free = Group(servers=("d", "e"), strategy=Strategy.ONE_FOR_ONE)
    order = Order((Group(servers=("a", "b", "c")), free))
    assert (order.before("c"), order.after("a")) == (("a", "b"), ("b", "c"))
    assert (order.before("a"), order.after("c")) == ((), ())
    assert (order.before("e"), order.after("d"), order.after("unknown")) == ((), (), ())


@given(TIMES, st.integers(1, 6), st.integers(0, 2**32))
def test_a_server_that_was_given_up_is_left_alone_for_a_whole_period(times: list[float], most: int, seed: int) -> None:
    policy = RestartPolicy(most=most, window=100.0)
    budget = Budget(policy, Random(seed))  # noqa: S311 - repeats a test
    until: float | None = None
    for time in times:
        if until is not None and time < until:
            assert budget.closed_for(time) == pytest.approx(until - time)
            continue
        assert budget.closed_for(time) is None
        if budget.spend(time):
            until = time + policy.window
            assert budget.spent
        assert (until is not None) == budget.spent


@given(st.integers(0, 10), st.floats(0, 0.99), st.integers(0, 2**32))
def test_chance_only_makes_pauses_shorter_and_by_no_more_than_allowed(count: int, jitter: float, seed: int) -> None:
    policy = RestartPolicy(most=20, jitter=jitter)
    plain, spread = (
        Budget(each, Random(seed))  # noqa: S311 - repeats a test
        for each in (RestartPolicy(most=20, jitter=0.0), policy)
    )
    for budget in (plain, spread):
        for _ in range(count):
            budget.spend(0.0)
    whole = plain.pause(0.0)
    assert whole * (1 - jitter) - 1e-9 <= spread.pause(0.0) <= whole <= policy.longest_pause


def test_a_stable_run_or_a_served_call_gives_the_whole_budget_back() -> None:
    budget = Budget(RestartPolicy(most=2, stable=60.0), Random(1))  # noqa: S311 - repeats a test
    assert not budget.spend(0.0)
    assert not budget.spend(100.0, ran=60.0)
    assert budget.count(100.0) == 1
    assert budget.spend(101.0, ran=59.9)
    assert not budget.spend(102.0)
    assert budget.trying(401.0)
    budget.restore()
    assert (budget.spent, budget.count(401.0)) == (False, 0)
