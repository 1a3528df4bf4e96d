"""Markov chains: Ashby's insect, and the equilibrium by its definition."""

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.ashby.information import MOST_SAMPLES, entropy_bits
from vsm_mcp.variety.ashby.markov import MarkovChain

INSECT = {
    "bank": {"bank": 1 / 4, "water": 3 / 4},
    "water": {"bank": 3 / 4, "pebbles": 1 / 4},
    "pebbles": {"bank": 1 / 8, "water": 3 / 4, "pebbles": 1 / 8},
}
CHAINS = st.integers(1, 6).flatmap(
    lambda size: st.lists(st.lists(st.floats(0.01, 1), min_size=size, max_size=size), min_size=size, max_size=size)
)


@pytest.mark.promise("A39")
def test_the_insect_spends_its_time_as_in_the_book() -> None:
    chain = MarkovChain(INSECT)
    assert chain.stationary == pytest.approx({"bank": 22 / 49, "water": 21 / 49, "pebbles": 6 / 49}, abs=1e-12)
    assert chain.row_bits == pytest.approx({"bank": 0.811, "water": 0.811, "pebbles": 1.061}, abs=5e-4)
    assert chain.entropy_rate == pytest.approx(0.842, abs=5e-4)
    assert 3 * chain.entropy_rate == pytest.approx(2.53, abs=5e-3)
    assert repr(chain) == "MarkovChain(states=3, 0.842 bits per step)"


def test_the_entropy_of_a_length_of_chain_is_that_of_its_start_plus_one_rate_per_step() -> None:
    chain = MarkovChain(INSECT)
    start = entropy_bits(chain.stationary.values())
    assert chain.length_bits(0) == pytest.approx(start)
    assert chain.length_bits(10) == pytest.approx(start + 10 * chain.entropy_rate)
    with pytest.raises(PayloadError):
        chain.length_bits(-1)


@given(CHAINS)
@settings(max_examples=100)
def test_one_step_from_equilibrium_is_equilibrium(rows: list[list[float]]) -> None:
    chain = MarkovChain({state: dict(enumerate(row)) for state, row in enumerate(rows)})
    now = chain.stationary
    after = {state: sum(now[at] * row[state] / sum(row) for at, row in enumerate(rows)) for state in now}
    assert after == pytest.approx(now, abs=1e-12)
    assert sum(now.values()) == pytest.approx(1.0)
    assert 0.0 <= chain.entropy_rate <= math.log2(len(rows)) + 1e-12


def test_states_that_are_left_for_good_have_no_share() -> None:
    chain = MarkovChain({"start": {"a": 1}, "a": {"b": 1}, "b": {"a": 1}})
    assert chain.stationary == {"start": 0.0, "a": 0.5, "b": 0.5}
    assert chain.entropy_rate == 0.0
    assert MarkovChain({"only": {"only": 3}}).stationary == {"only": 1.0}


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60))
@settings(max_examples=100)
def test_the_equilibrium_of_an_observed_sequence_is_the_share_of_each_state(states: list[str]) -> None:
    chain = MarkovChain.of_sequence(states)
    assert chain.stationary == pytest.approx({k: n / len(states) for k, n in Counter(states).items()}, abs=1e-9)
    assert chain.entropy_rate <= entropy_bits(Counter(states).values()) + 1e-9


def test_a_long_sequence_of_the_insect_has_its_entropy_rate() -> None:
    random, state, states = Random(4), "bank", list[str]()  # noqa: S311
    for _ in range(20_000):
        states.append(state)
        (state,) = random.choices(tuple(INSECT[state]), tuple(INSECT[state].values()))
    assert MarkovChain.of_sequence(states).entropy_rate == pytest.approx(0.842, abs=0.01)


def test_a_chain_that_is_almost_in_two_parts_keeps_all_digits() -> None:
    rare = 1e-8
    chain = MarkovChain({"a": {"a": 1, "b": rare}, "b": {"b": 1, "a": 3 * rare}})
    assert chain.stationary["a"] == pytest.approx(0.75, abs=1e-7)


@pytest.mark.parametrize(
    "rows",
    [
        dict[str, dict[str, float]](),
        {"a": dict[str, float]()},
        {"a": {"a": 0.0}},
        {"a": {"a": -1.0}},
        {"a": {"a": math.nan}},
        {"a": {"b": 1.0}},
        {"a": {"a": 1.0}, "b": {"b": 1.0}},
        {"a": {"a": 1.0, "b": 1e-12}, "b": {"b": 1.0, "a": 1e-12}},
    ],
)
def test_what_has_no_single_equilibrium_is_refused(rows: dict[str, dict[str, float]]) -> None:
    with pytest.raises(PayloadError):
        MarkovChain(rows)


def test_too_many_states_or_steps_are_refused() -> None:
    with pytest.raises(PayloadError, match="1 to 128 states, not 129"):
        MarkovChain.of_sequence(range(129))
    with pytest.raises(PayloadError, match="in a row"):
        MarkovChain.of_sequence("a" for _ in range(MOST_SAMPLES + 1))
