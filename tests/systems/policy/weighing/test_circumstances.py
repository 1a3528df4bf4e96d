"""Circumstances in words become a declared prior; what has no meaning is listed, what cannot be is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.policy.weighing.circumstances import LEVELS, Priors


def test_words_and_levels_speak_for_or_against() -> None:
    outlook = Priors().read({"market_volatility": "High", "competition": "intense", "resources": {"capital": 0.7}})
    assert [(factor.name, factor.level) for factor in outlook.factors] == [
        ("market_volatility", 0.8),
        ("competition", 0.9),
        ("resources.capital", 0.7),
    ]
    assert [factor.favours for factor in outlook.factors] == pytest.approx([0.2, 0.1, 0.7])
    assert outlook.prior.mean == pytest.approx((1 + 0.2 + 0.1 + 0.7) / 5)
    assert outlook.prior.weight == 5
    assert "declared" in outlook.said()
    assert "market_volatility 0.8" in outlook.said()


def test_without_circumstances_the_prior_is_ignorance() -> None:
    outlook = Priors().read({})
    assert outlook.prior == (0.5, 2.0)
    assert "none known" in outlook.said()


def test_a_word_without_meaning_is_listed_and_does_not_count() -> None:
    outlook = Priors().read({"mood": "purple", "capital": "very-high"})
    assert outlook.unread == ("mood: 'purple'",)
    assert [factor.level for factor in outlook.factors] == [0.9]


def test_what_words_mean_can_be_declared() -> None:
    priors = Priors(levels={"purple": 0.3}, adverse=frozenset({"mood"}), value=3.0, cost=2.0)
    outlook = priors.read({"mood": "purple", "capital": "high"})
    assert outlook.prior.mean == pytest.approx(1.7 / 3)
    assert outlook.unread == ("capital: 'high'",)
    assert priors.venture(0.5).value == 3.0


def test_many_circumstances_are_said_in_short() -> None:
    said = Priors().read({f"factor {number}": 0.5 for number in range(20)}).said()
    assert "and 12 more" in said


@pytest.mark.parametrize("level", [math.nan, -0.1, 1.1, True, None, [0.5], math.inf])
def test_a_level_that_cannot_be_is_named(level: object) -> None:
    with pytest.raises(PayloadError, match=r"resources\.capital"):
        Priors().read({"resources": {"capital": level}})


def test_neither_too_many_nor_too_deep_circumstances_are_read() -> None:
    with pytest.raises(PayloadError, match=r"a\.a\.a\.a is nested too deeply"):
        Priors().read({"a": {"a": {"a": {"a": {"a": 1}}}}})
    many = {f"group {group}": {f"factor {number}": 0.5 for number in range(60)} for group in range(4)}
    with pytest.raises(PayloadError, match="more than 200"):
        Priors().read(many)
    endless: dict[str, object] = {}
    endless["again"] = endless
    with pytest.raises(PayloadError, match="nested too deeply"):
        Priors().read(endless)


@pytest.mark.parametrize("wrong", [{"value": -1.0}, {"accuracy": 0.2}, {"pilot_share": math.nan}])
def test_priors_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Priors(**wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigurationError, match="'loud'"):
        Priors(levels={"loud": 2.0})


@given(st.dictionaries(st.sampled_from(["volatility", "risk", "capital", "talent"]), st.sampled_from(sorted(LEVELS))))
def test_better_circumstances_never_make_success_less_likely(environment: dict[str, str]) -> None:
    before = Priors().read(dict(environment)).prior.mean
    assert 0 < before < 1
    for name in environment:
        best = "none" if name in {"volatility", "risk"} else "extreme"
        assert Priors().read({**environment, name: best}).prior.mean >= before - 1e-12
