import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.variety.statistics.unseen import chao1, conservative_gap, frequencies, good_toulmin, good_turing

COUNTS = st.lists(st.integers(0, 30), max_size=40)
SHARES = st.floats(0, 1)
BUTTERFLIES = (118, 74, 44, 24, 29, 22, 20, 19, 20, 15, 12, 14, 6, 12, 6, 9, 9, 6, 10, 10, 11, 5, 3, 3)


def butterflies() -> list[int]:
    return [times for times, species in enumerate(BUTTERFLIES, 1) for _ in range(species)]


@pytest.mark.promise("A39")
def test_another_season_would_have_shown_corbet_75_new_butterflies() -> None:
    counts = butterflies()
    assert len(counts) == 501
    assert good_toulmin(counts) == pytest.approx(75)


def test_half_a_season_shows_more_than_half_of_them() -> None:
    half = good_toulmin(butterflies(), 0.5)
    assert half == pytest.approx(sum(-((-0.5) ** k) * f for k, f in enumerate(BUTTERFLIES, 1)))
    assert 0.5 * 75 < (half or 0) < 75


def test_corbets_butterflies_are_at_least_595_species() -> None:
    counts = butterflies()
    n = sum(counts)
    assert chao1(counts) == pytest.approx(501 + (n - 1) / n * 118**2 / (2 * 74))
    assert good_turing(counts) == pytest.approx(118 / n)


def test_without_a_pair_the_bias_corrected_form_is_used() -> None:
    assert chao1([1, 1, 1, 5]) == pytest.approx(4 + 7 / 8 * 3)
    assert chao1([1]) == 1


@given(COUNTS)
def test_there_are_never_fewer_kinds_than_were_seen(counts: list[int]) -> None:
    kinds = sum(count > 0 for count in counts)
    estimate = chao1(counts)
    if not kinds:
        assert estimate is None
        return
    assert estimate is not None
    assert estimate >= kinds
    if 1 not in counts:
        assert estimate == kinds
        assert good_turing(counts) == 0


@given(COUNTS.filter(any), SHARES)
def test_new_kinds_are_never_fewer_than_none_nor_more_than_the_rate_of_now_gives(
    counts: list[int], ahead: float
) -> None:
    expected = good_toulmin(counts, ahead)
    assert expected is not None
    assert 0 <= expected <= counts.count(1) * ahead


@given(COUNTS)
def test_frequencies_account_for_every_kind_that_was_seen(counts: list[int]) -> None:
    seen = frequencies(counts)
    assert seen.total() == sum(count > 0 for count in counts)
    assert sum(times * kinds for times, kinds in seen.items()) == sum(counts)


def test_good_turing_is_right_about_how_often_a_new_kind_comes() -> None:
    random = Random(4)  # noqa: S311
    shares = [1 / rank for rank in range(1, 301)]
    error = 0.0
    for _ in range(100):
        seen = Counter(random.choices(range(300), shares, k=150))
        missing = sum(share for kind, share in enumerate(shares) if kind not in seen) / sum(shares)
        error += (good_turing(list(seen.values())) or 0) - missing
    assert abs(error / 100) < 0.02


def test_good_toulmin_is_right_about_how_many_new_kinds_come() -> None:
    random = Random(5)  # noqa: S311
    shares = [1 / rank for rank in range(1, 301)]
    error = 0.0
    for _ in range(100):
        seen = Counter(random.choices(range(300), shares, k=400))
        later = set(random.choices(range(300), shares, k=200)) - set(seen)
        error += (good_toulmin(list(seen.values()), 0.5) or 0) - len(later)
    assert abs(error / 100) < 2.5


def test_before_the_first_demand_nothing_is_known_of_unseen_kinds() -> None:
    assert good_turing([]) is None
    assert good_turing([0]) is None
    assert chao1([]) is None
    assert good_toulmin([]) is None


@pytest.mark.parametrize("ahead", [1.001, -0.1, math.nan, math.inf])
def test_looking_further_ahead_than_one_sample_is_refused(ahead: float) -> None:
    with pytest.raises(ConfigurationError, match="samples ahead"):
        good_toulmin([1, 2], ahead)


@pytest.mark.parametrize(
    ("counts", "why"),
    [([3, -1], "negative"), ([1.5], "whole"), ([math.nan], "whole"), (["1"], "whole"), ([2**53, 1], "observations")],
)
def test_counts_that_make_no_sense_are_refused(counts: list[int], why: str) -> None:
    with pytest.raises(PayloadError, match=why):
        good_turing(counts)


def test_a_cautious_gap_counts_unseen_kinds_as_not_absorbed() -> None:
    assert conservative_gap(0.1, unseen_share=0.2) == pytest.approx(0.28)
    assert conservative_gap(0.1, unseen_share=0.2, unseen_absorbed=0.5) == pytest.approx(0.18)
    assert conservative_gap(0.1, unseen_share=0) == pytest.approx(0.1)


@given(SHARES, SHARES, SHARES)
def test_a_cautious_gap_lies_between_that_of_seen_and_of_unseen_kinds(
    gap: float, unseen: float, absorbed: float
) -> None:
    cautious = conservative_gap(gap, unseen_share=unseen, unseen_absorbed=absorbed)
    assert min(gap, 1 - absorbed) - 1e-12 <= cautious <= max(gap, 1 - absorbed) + 1e-12


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_shares_outside_0_to_1_are_refused(share: float) -> None:
    with pytest.raises(PayloadError, match="gap share"):
        conservative_gap(share, unseen_share=0)
    with pytest.raises(PayloadError, match="unseen share"):
        conservative_gap(0, unseen_share=share)
    with pytest.raises(PayloadError, match="absorbed share"):
        conservative_gap(0, unseen_share=0, unseen_absorbed=share)
