"""Cyberfilter tells what happened to an index, one observation later, and is quiet about noise."""

import math
from collections import Counter
from random import Random

import pytest

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.control.cyberfilter import (
    LEARNING_FROM,
    OPERATIONS,
    Cyberfilter,
    Parameters,
    Pattern,
    Verdict,
    Watch,
)
from vsm_mcp.systems.control.filters import Prior

CP6 = [
    620, 633, 652, 652, 661, 683, 693, 715, 743, 743, 752, 870, 784, 765, 756, 775, 743, 734, 765, 734, 752, 793, 756,
    784, 911, 852, 879, 879, 829, 852, 875, 852, 879, 852, 870, 852, 961, 966, 929, 980,
]  # fmt: skip
PRIOR = Prior(level=600, slope=10, level_variance=10_000, slope_variance=25, variance=144, evidence=10)


def noise(seed: int) -> Random:
    return Random(seed)  # noqa: S311


def quiet(draw: Random, count: int) -> Cyberfilter:
    followed = Cyberfilter()
    for _ in range(count):
        followed.observe(draw.gauss(0, 1))
    return followed


@pytest.mark.promise("C12")
def test_the_published_sales_get_the_published_verdicts() -> None:
    followed = Cyberfilter.published(PRIOR)
    verdicts = {month: followed.observe(sold) for month, sold in enumerate(CP6, 1)}
    assert (verdicts[1].kind, verdicts[1].about, verdicts[1].probability) == (Pattern.LEARNING, 1, None)
    assert (verdicts[13].kind, verdicts[13].about) == (Pattern.TRANSIENT, 12)
    assert verdicts[13].probability == pytest.approx(0.991407, abs=5e-7)
    assert (verdicts[26].kind, verdicts[26].about) == (Pattern.TRANSIENT, 25)
    assert (verdicts[38].kind, verdicts[38].about) == (Pattern.STEP, 37)
    assert verdicts[38].probability == pytest.approx(0.968277, abs=5e-7)
    assert verdicts[11].forecast == pytest.approx(769.8243, abs=5e-5)
    assert {followed.probabilities[kind] > 0 for kind in followed.probabilities} == {True}
    assert followed.probabilities_back[Pattern.STEADY] > 0.5
    assert followed.log_likelihood is not None


def test_noise_is_no_news() -> None:
    counts = Counter[Pattern]()
    for seed in range(6):
        draw, followed = noise(seed), Cyberfilter()
        counts.update(followed.observe(draw.gauss(50, 3)).kind for _ in range(500))
    news = {kind: count / 3_000 for kind, count in counts.items()}
    assert news[Pattern.STEADY] > 0.94
    assert news.get(Pattern.TRANSIENT, 0) < 0.006
    assert news.get(Pattern.STEP, 0) + news.get(Pattern.SLOPE, 0) + news.get(Pattern.TREND, 0) < 0.002


@pytest.mark.parametrize(("after", "kind"), [(0.0, Pattern.TRANSIENT), (8.0, Pattern.STEP)])
def test_an_outlier_and_a_jump_are_told_apart_one_observation_later(after: float, kind: Pattern) -> None:
    right = 0
    for seed in range(30):
        draw = noise(seed)
        followed = quiet(draw, 60)
        first = followed.observe(8 + draw.gauss(0, 1))
        assert first.about == 60
        verdict = followed.observe(after + draw.gauss(0, 1))
        assert verdict.about == 61
        right += verdict.kind is kind
    assert right >= 28


def test_a_change_of_the_slope_becomes_a_trend_that_goes_on_being_told() -> None:
    told = 0
    for seed in range(10):
        draw = noise(seed)
        followed = quiet(draw, 60)
        verdicts = [followed.observe(step + draw.gauss(0, 1)) for step in range(1, 30)]
        assert any(verdict.kind is Pattern.TREND for verdict in verdicts[:20])
        told += sum(verdict.kind is Pattern.TREND for verdict in verdicts[-10:])
        last = next(verdict for verdict in reversed(verdicts) if verdict.kind is Pattern.TREND)
        assert last.matters
        assert last.slope == pytest.approx(1.0, abs=0.3)
        assert (last.about, last.probability) == (last.n, None)
    assert told >= 80


def test_nineteen_of_twenty_observations_fall_into_the_interval_that_was_foretold() -> None:
    draw = noise(3)
    verdict, inside = quiet(draw, 50).observe(0), 0
    followed = quiet(draw, 50)
    for _ in range(1_000):
        value = draw.gauss(0, 1)
        if verdict.interval is not None:
            inside += verdict.interval[0] <= value <= verdict.interval[1]
        verdict = followed.observe(value)
    assert 920 <= inside <= 985


def test_while_it_learns_it_invents_nothing() -> None:
    followed = Cyberfilter()
    assert (followed.log_likelihood, followed.probabilities, followed.probabilities_back) == (None, {}, {})
    early = [followed.observe(value) for value in (1.0, None, 2.0)]
    assert early[1] == Verdict(
        kind=Pattern.LEARNING, about=1, probability=None, level=None, slope=None, forecast=None, interval=None, n=1
    )
    assert Cyberfilter().observe(None).about is None
    assert repr(followed) == "Cyberfilter(observations=2, learning=True)"
    verdicts = [followed.observe(1.5) for _ in range(LEARNING_FROM - 2)]
    assert {verdict.kind for verdict in verdicts[:-1]} == {Pattern.LEARNING}
    assert verdicts[-1].n == followed.observations == LEARNING_FROM
    assert verdicts[-1].level == pytest.approx(1.5, abs=0.3)


@pytest.mark.parametrize("wild", [4, 30])
def test_one_wild_value_does_not_hide_the_noise(wild: int) -> None:
    draw, followed = noise(1), Cyberfilter()
    for place in range(60):
        followed.observe(1_000 if place == wild else draw.gauss(0, 1))
    verdict = followed.observe(0)
    assert verdict.interval is not None
    assert verdict.interval[1] - verdict.interval[0] < 8


def test_a_series_that_stood_still_is_not_upset_by_less_than_the_resolution() -> None:
    followed = Cyberfilter(resolution=0.01)
    for _ in range(500):
        followed.observe(1.0)
    assert not any(followed.observe(1.0 + sign * 0.005).matters for sign in (1, -1, 1, 1, -1))
    assert [followed.observe(0.5).kind, followed.observe(0.5).kind][1] is Pattern.STEP


def test_a_rare_jump_between_two_values_in_a_still_series_is_still_noticed() -> None:
    followed = Cyberfilter()
    for value in [0.0] * 8 + [1.0] * 2:
        followed.observe(value)
    assert followed.observations == LEARNING_FROM
    assert followed.observe(1.0).level == pytest.approx(1.0, abs=0.2)


def test_a_missing_observation_is_a_step_like_any_other() -> None:
    followed = quiet(noise(4), 60)
    before = followed.observe(0)
    missing = followed.observe(None)
    assert missing.n == before.n
    assert before.interval is not None
    assert missing.interval is not None
    assert missing.interval[1] - missing.interval[0] > before.interval[1] - before.interval[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e70])
@pytest.mark.parametrize("count", [0, 30])
def test_what_is_no_number_is_refused_and_changes_nothing(value: float, count: int) -> None:
    followed = quiet(noise(2), count)
    with pytest.raises(PayloadError, match="An observation cannot be"):
        followed.observe(value)
    assert followed.observations == count


@pytest.mark.parametrize(
    "options", [{"decided": 0.3}, {"decided": math.nan}, {"trend": 0.0}, {"times": 0}, {"variance_discount": 0.1}]
)
def test_parameters_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    given = {"decided": 0.7, "trend": 3.0, "variance_discount": 1.0, **options}
    times = int(given.pop("times", 3))
    with pytest.raises(ConfigurationError):
        Cyberfilter(prior=PRIOR, parameters=Parameters(forms=OPERATIONS.forms, times=times, **given))


def test_a_resolution_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="A resolution cannot be -1"):
        Cyberfilter(resolution=-1)


@pytest.mark.promise("C12")
def test_several_indices_are_watched_by_name_and_only_what_changed_matters() -> None:
    watch, draw = Watch(), noise(9)
    for _ in range(60):
        watch.observe("latency", 0.6 + draw.gauss(0, 0.01))
        watch.observe("productivity", 0.9 + draw.gauss(0, 0.01))
    for _ in range(2):
        watch.observe("latency", 0.6 + draw.gauss(0, 0.01))
        watch.observe("productivity", 0.5 + draw.gauss(0, 0.01))
    assert {name: verdict.kind for name, verdict in watch.verdicts.items() if verdict.matters} == {
        "productivity": Pattern.STEP
    }
    assert repr(watch) == "Watch(latency, productivity)"


def test_one_index_more_than_there_is_room_for_is_refused_until_one_is_forgotten() -> None:
    watch = Watch(most_indices=1)
    watch.observe("a", 1)
    with pytest.raises(PayloadError, match="'b' would be one more"):
        watch.observe("b", 1)
    watch.forget("a")
    watch.forget("never known")
    watch.observe("b", 1)
    assert len(watch) == 1


def test_an_index_is_not_followed_from_a_value_that_is_no_number() -> None:
    watch = Watch()
    with pytest.raises(PayloadError):
        watch.observe("a", math.nan)
    with pytest.raises(PayloadError, match="1 to 200 characters"):
        watch.observe("", 1)
    assert (len(watch), watch.verdicts, repr(watch)) == (0, {}, "Watch(nothing)")
    with pytest.raises(ConfigurationError):
        Watch(most_indices=0)


def test_among_many_equal_first_values_the_few_others_count_as_noise() -> None:
    followed = Cyberfilter()
    verdicts = [followed.observe(value) for value in (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)]
    assert verdicts[-1].interval is not None
    assert verdicts[-1].interval[1] > 0.3
