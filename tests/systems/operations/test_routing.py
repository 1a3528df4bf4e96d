"""Routes are chosen by what was learnt, among those that fit alike, and nothing is kept without bound."""

import math
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.servers.routing.router import Route
from vsm_mcp.systems.operations.routing import MOST_TOOLS, Regret, RouteLearner

KIND = "convert time zones"
CALLS = 6000


def seeded(number: int) -> Random:
    return Random(number)  # noqa: S311


def route(server: str, tool: str = "convert", score: float = 0.9) -> Route:
    return Route(server=server, tool=tool, score=score, reason="it fits")


FIVE = tuple(route(name) for name in ("a", "b", "c", "d", "e"))


def chance(server: str, call: int) -> float:
    """Return how likely a call succeeds: "a" is the best tool until it breaks half-way."""
    if server == "a":
        return 0.9 if call < CALLS // 2 else 0.05
    return {"b": 0.75, "c": 0.6, "d": 0.5, "e": 0.3}[server]


def regret_of(choose: Callable[[int], str], learn: Callable[[str, bool], None], luck: Random) -> float:
    """Play all calls; return how many more would have succeeded with the best tool of each moment."""
    lost = 0.0
    for call in range(CALLS):
        server = choose(call)
        lost += max(chance(one.server, call) for one in FIVE) - chance(server, call)
        learn(server, luck.random() < chance(server, call))
    return lost


def regret_by_mean(seed: int, explore: float) -> float:
    """Return the regret of the plain mean, with a share of calls to a tool at random."""
    luck, dice = seeded(seed), seeded(seed + 1)
    won, all_calls = dict.fromkeys("abcde", 1.0), dict.fromkeys("abcde", 2.0)

    def choose(_: int) -> str:
        if dice.random() < explore:
            return dice.choice("abcde")
        return max("abcde", key=lambda server: won[server] / all_calls[server])

    def learn(server: str, success: bool) -> None:  # noqa: FBT001
        won[server] += success
        all_calls[server] += 1

    return regret_of(choose, learn, luck)


def regret_of_learner(seed: int, discount: float = 0.995) -> float:
    luck, learner = seeded(seed), RouteLearner(random=seeded(seed + 1), discount=discount)
    return regret_of(
        lambda _: learner.pick(KIND, FIVE)[0].server,
        lambda server, success: learner.learn(KIND, server, "convert", success=success),
        luck,
    )


@pytest.mark.promise("C7")
def test_when_the_best_of_five_tools_breaks_half_way_the_learner_loses_less_than_the_plain_rules() -> None:
    seeds = range(0, 6, 2)
    greedy = sum(regret_by_mean(seed, 0.0) for seed in seeds)
    exploring = sum(regret_by_mean(seed, 0.1) for seed in seeds)
    ours = sum(regret_of_learner(seed) for seed in seeds)
    assert ours < 0.5 * exploring
    assert ours < 0.5 * greedy


def test_a_tool_that_was_repaired_is_found_again() -> None:
    learner, luck = RouteLearner(random=seeded(1)), seeded(2)
    for works in (False, True):
        for _ in range(2000):
            server = learner.pick(KIND, FIVE[:2])[0].server
            learner.learn(KIND, server, "convert", success=works if server == "a" else luck.random() < 0.6)
    assert learner.beliefs(KIND)[0].server == "a"


def test_the_same_seed_makes_the_same_choices() -> None:
    orders = [[RouteLearner(random=seeded(seed)).pick(KIND, FIVE) for _ in range(3)] for seed in (5, 5, 6)]
    assert orders[0] == orders[1]
    one, other = (RouteLearner(random=seeded(seed)) for seed in (5, 6))
    assert [one.pick(KIND, FIVE) for _ in range(9)] != [other.pick(KIND, FIVE) for _ in range(9)]


def test_every_choice_is_an_order_of_all_that_fit_alike() -> None:
    learner = RouteLearner(random=seeded(1))
    firsts = {learner.pick(KIND, FIVE)[0].server for _ in range(200)}
    assert firsts == set("abcde")
    assert sorted(one.server for one in learner.pick(KIND, FIVE)) == list("abcde")


def test_a_tool_that_fits_worse_is_never_chosen_however_well_it_did() -> None:
    learner = RouteLearner(random=seeded(1))
    for _ in range(500):
        learner.learn(KIND, "misfit", "convert", success=True)
        learner.learn(KIND, "a", "convert", success=False)
    routes = (route("a", score=0.9), route("misfit", score=0.4))
    assert all(learner.pick(KIND, routes) == (routes[0],) for _ in range(50))


def test_of_one_server_only_the_tool_that_fits_best_is_chosen() -> None:
    learner = RouteLearner(random=seeded(1))
    routes = (route("files", "read"), route("files", "remove"), route("other", "read", 0.85))
    for _ in range(100):
        assert {(one.server, one.tool) for one in learner.pick(KIND, routes)} == {("files", "read"), ("other", "read")}


def test_one_route_or_none_is_no_choice() -> None:
    learner = RouteLearner(random=seeded(1))
    assert learner.pick(KIND, ()) == ()
    assert learner.pick(KIND, FIVE[:1]) == FIVE[:1]


def test_verification_is_the_prior() -> None:
    learner = RouteLearner(random=seeded(1))
    learner.note(KIND, "a", "convert", successes=3, trials=3)
    learner.note(KIND, "a", "convert", successes=0, trials=1)
    belief = learner.beliefs(KIND)[0]
    assert belief.mean == pytest.approx(4 / 6)
    assert (belief.successes, belief.failures, belief.trials, belief.outcomes) == (3.0, 1.0, 4, 0)
    assert learner.regret(KIND) is None


def test_a_proven_tool_is_preferred_before_the_first_outcome() -> None:
    learner = RouteLearner(random=seeded(1))
    learner.note(KIND, "c", "convert", successes=5, trials=5)
    learner.note(KIND, "d", "convert", successes=0, trials=5)
    firsts = [learner.pick(KIND, FIVE)[0].server for _ in range(400)]
    assert firsts.count("c") > 2 * firsts.count("a") > 10 * firsts.count("d")


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=200),
    st.one_of(st.just(1.0), st.floats(0.05, 0.999)),
)
def test_evidence_is_that_of_the_definition(outcomes: list[tuple[str, bool]], discount: float) -> None:
    learner = RouteLearner(random=seeded(1), discount=discount)
    kept = {server: [0.0, 0.0] for server in "ab"}
    for server, success in outcomes:
        learner.learn(KIND, server, "convert", success=success)
        for one, evidence in kept.items():
            factor = discount if one == server else 1 - (1 - discount) / 10
            evidence[:] = [weight * factor for weight in evidence]
        kept[server][not success] += 1.0
    for belief in learner.beliefs(KIND):
        assert [belief.successes, belief.failures] == pytest.approx(kept[belief.server], rel=1e-6, abs=1e-9)
        assert belief.outcomes == sum(server == belief.server for server, _ in outcomes)


@pytest.mark.parametrize(("called", "half_life"), [("a", 138.3), ("b", 1386.0)])
def test_evidence_weighs_half_after_about_140_own_outcomes_or_ten_times_as_many_of_others(
    called: str, half_life: float
) -> None:
    learner = RouteLearner(random=seeded(1))
    learner.note(KIND, "a", "convert", successes=100, trials=100)
    for _ in range(round(half_life)):
        learner.learn(KIND, called, "convert", success=False)
    noted = next(belief for belief in learner.beliefs(KIND) if belief.server == "a")
    assert noted.successes == pytest.approx(50, abs=0.5)


def test_very_many_outcomes_do_not_overflow() -> None:
    learner = RouteLearner(random=seeded(1), discount=0.01)
    for _ in range(9000):
        learner.learn(KIND, "a", "convert", success=True)
    assert learner.beliefs(KIND)[0].successes == pytest.approx(1 / 0.99)
    assert learner.pick(KIND, FIVE)


def test_regret_says_what_the_choices_cost_and_over_how_many() -> None:
    learner = RouteLearner(random=seeded(1))
    learner.note(KIND, "a", "convert", successes=3, trials=3)
    learner.note(KIND, "b", "convert", successes=0, trials=3)
    learner.learn(KIND, "a", "convert", success=True)
    assert learner.regret(KIND) == Regret(demands=0.0, n=1)
    learner.learn(KIND, "b", "convert", success=False)
    after = learner.regret(KIND)
    assert after is not None
    assert after.n == 2
    assert after.demands == pytest.approx(0.8 - 0.2, abs=0.05)


def test_what_is_known_of_a_server_goes_with_it() -> None:
    learner = RouteLearner(random=seeded(1))
    learner.learn(KIND, "a", "convert", success=True)
    learner.learn(KIND, "b", "convert", success=True)
    learner.learn("another need", "a", "convert", success=True)
    learner.forget("a")
    learner.forget("never heard of")
    assert [belief.server for belief in learner.beliefs(KIND)] == ["b"]
    assert learner.beliefs("another need") == ()
    assert repr(learner) == "RouteLearner(kinds=1)"


def test_memory_is_bounded_in_kinds_and_in_tools() -> None:
    learner = RouteLearner(random=seeded(1), most_kinds=10)
    for number in range(100):
        learner.learn(f"kind {number}", "a", "convert", success=True)
        learner.learn("kind 0", "a", "convert", success=True)
    assert repr(learner) == "RouteLearner(kinds=10)"
    assert learner.beliefs("kind 0")[0].outcomes == 101
    assert not learner.beliefs("kind 50")
    for number in range(3 * MOST_TOOLS):
        learner.learn(KIND, "a", f"tool {number}", success=True)
    assert len(learner.beliefs(KIND)) == MOST_TOOLS


@pytest.mark.parametrize(("successes", "trials"), [(-1, 2), (3, 2), (0, 10**9)])
def test_impossible_trials_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(PayloadError, match="cannot be noted"):
        RouteLearner(random=seeded(1)).note(KIND, "a", "convert", successes=successes, trials=trials)


@pytest.mark.parametrize("discount", [0.0, -1.0, 1.1, math.nan, math.inf])
def test_a_discount_that_makes_no_sense_is_refused(discount: float) -> None:
    with pytest.raises(ConfigurationError, match="discount"):
        RouteLearner(random=seeded(1), discount=discount)


@pytest.mark.parametrize("margin", [-0.1, 1.1, math.nan])
def test_a_margin_that_makes_no_sense_is_refused(margin: float) -> None:
    with pytest.raises(ConfigurationError, match="margin"):
        RouteLearner(random=seeded(1), margin=margin)


def test_no_kind_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 kinds"):
        RouteLearner(random=seeded(1), most_kinds=0)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=12), st.integers(0, 9))
def test_whatever_the_router_says_the_first_of_its_routes_stays_eligible(
    scored: Sequence[tuple[str, float]], seed: int
) -> None:
    routes = tuple(
        sorted((route(server, f"t{n}", score) for n, (server, score) in enumerate(scored)), key=lambda r: -r.score)
    )
    picked = RouteLearner(random=seeded(seed)).pick(KIND, routes)
    assert set(picked) <= set(routes)
    assert len({one.server for one in picked}) == len(picked)
    assert all(one.score >= routes[0].score - 0.1 - 1e-6 for one in picked)
    assert not routes or routes[0] in picked
