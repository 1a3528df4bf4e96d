import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.variety.statistics.entropy import chao_shen, chao_wang_jost, grassberger, miller_madow, plug_in

Estimator = Callable[[Sequence[int]], float]

ALL: tuple[Estimator, ...] = (plug_in, miller_madow, chao_shen, grassberger, chao_wang_jost)
ESTIMATORS = pytest.mark.parametrize("estimate", ALL)
COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=40).filter(any)
EULER = 0.5772156649015329


def harmonic(first: int, last: int) -> float:
    return math.fsum(1 / number for number in range(first, last + 1))


def chao_wang_jost_as_published(counts: Sequence[int]) -> float:
    """Sum the published terms one by one, as a series of positive terms for the kinds that were not seen."""
    n, once, twice = sum(counts), counts.count(1), counts.count(2)
    seen = sum(count / n * harmonic(count, n - 1) for count in counts if 0 < count < n)
    share = 2 * twice / ((n - 1) * once + 2 * twice) if twice else 2 / ((n - 1) * (once - 1) + 2) if once else 1.0
    terms = ((1 - share) ** term / (n - 1 + term) for term in range(1, int(40 / share) + 2))
    return (seen + once / n * math.fsum(terms)) / math.log(2)


def grassberger_as_published(counts: Sequence[int]) -> float:
    """``G(2m) = G(2m + 1) = -gamma - log 2 + 2 (1 + 1/3 + ... + 1/(2m - 1))``."""
    n = sum(counts)
    known = sum(
        count * (-EULER - math.log(2) + 2 * sum(1 / odd for odd in range(1, count, 2))) for count in counts if count
    )
    return (math.log(n) - known / n) / math.log(2)


@pytest.mark.promise("A39")
@pytest.mark.parametrize(
    ("estimate", "nats"),
    [
        (plug_in, 1.968382),
        (miller_madow, 2.152593),
        (chao_shen, 2.201137),
        (grassberger, 2.144626),
        (chao_wang_jost, 2.197116),
    ],
)
def test_the_published_sample_gives_the_published_entropies(estimate: Estimator, nats: float) -> None:
    assert estimate([4, 2, 3, 0, 2, 4, 0, 0, 2, 1, 1]) * math.log(2) == pytest.approx(nats, abs=1e-6)


@ESTIMATORS
@given(counts=COUNTS, shuffle=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_neither_order_nor_kinds_that_were_not_seen_matter(
    estimate: Estimator, counts: list[int], shuffle: Random
) -> None:
    other = [*counts, 0, 0]
    shuffle.shuffle(other)
    assert estimate(other) == pytest.approx(estimate(counts), rel=1e-12, abs=1e-12)


@ESTIMATORS
@given(counts=COUNTS)
@settings(max_examples=40)
def test_an_entropy_is_a_finite_number_of_bits(estimate: Estimator, counts: list[int]) -> None:
    assert 0 <= estimate(counts) < math.inf


@given(COUNTS)
def test_the_plug_in_entropy_is_at_most_that_of_equal_shares(counts: list[int]) -> None:
    kinds = sum(count > 0 for count in counts)
    assert plug_in(counts) <= math.log2(kinds) + 1e-12
    assert miller_madow(counts) == pytest.approx(plug_in(counts) + (kinds - 1) / (2 * sum(counts) * math.log(2)))


@given(COUNTS, st.integers(2, 50))
def test_the_plug_in_entropy_does_not_depend_on_the_scale(counts: list[int], factor: int) -> None:
    assert plug_in([count * factor for count in counts]) == pytest.approx(plug_in(counts), abs=1e-12)


@given(COUNTS)
def test_what_was_not_seen_only_adds_variety(counts: list[int]) -> None:
    assert chao_wang_jost(counts) >= plug_in(counts) - 1e-9
    assert chao_shen(counts) >= 0


@given(COUNTS)
@settings(max_examples=60)
def test_chao_wang_and_josts_formula_is_the_published_sum(counts: list[int]) -> None:
    assert chao_wang_jost(counts) == pytest.approx(chao_wang_jost_as_published(counts), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("many", "pairs"), [(50, 0), (150, 0), (150, 1), (30, 30), (3, 0)])
def test_it_is_the_published_sum_also_when_nearly_every_kind_is_new(many: int, pairs: int) -> None:
    counts = [1] * many + [2] * pairs
    assert chao_wang_jost(counts) == pytest.approx(chao_wang_jost_as_published(counts), rel=1e-10)


@given(COUNTS)
def test_grassbergers_formula_is_the_published_sum(counts: list[int]) -> None:
    assert grassberger(counts) == pytest.approx(max(grassberger_as_published(counts), 0), rel=1e-10, abs=1e-10)


@ESTIMATORS
def test_many_observations_of_few_kinds_leave_nothing_to_estimate(estimate: Estimator) -> None:
    assert estimate([10**12, 3 * 10**12]) == pytest.approx(0.8112781245, abs=1e-9)
    assert estimate([2**53]) == pytest.approx(0, abs=1e-9)


@ESTIMATORS
def test_a_large_window_takes_no_longer_than_its_kinds(estimate: Estimator) -> None:
    counts = [1 + 2**40 // rank**2 for rank in range(1, 3000)]
    assert math.isfinite(estimate(counts))


def test_one_observation_says_nothing_about_others() -> None:
    assert plug_in([1]) == chao_shen([1]) == chao_wang_jost([1]) == 0


def test_when_every_kind_is_seen_once_the_estimates_are_still_finite() -> None:
    assert plug_in([1] * 10) == pytest.approx(math.log2(10))
    assert math.log2(10) < chao_wang_jost([1] * 10) < 10
    assert math.log2(10) < chao_shen([1] * 10) < 10


def test_with_few_samples_of_many_kinds_they_come_nearer_to_the_truth_than_the_plug_in() -> None:
    shares = [1 / rank for rank in range(1, 1001)]
    truth = -sum(share / sum(shares) * math.log2(share / sum(shares)) for share in shares)
    random = Random(1)  # noqa: S311
    misses = dict.fromkeys((estimate.__name__ for estimate in ALL), 0.0)
    for _ in range(20):
        counts = list(Counter(random.choices(range(1000), shares, k=300)).values())
        for estimate in ALL:
            misses[estimate.__name__] += (estimate(counts) - truth) ** 2
    assert max(misses, key=misses.__getitem__) == "plug_in"
    assert min(misses, key=misses.__getitem__) == "chao_wang_jost"


@ESTIMATORS
@pytest.mark.parametrize("counts", [[], [0, 0]])
def test_nothing_observed_is_refused(estimate: Estimator, counts: list[int]) -> None:
    with pytest.raises(PayloadError, match="no observations"):
        estimate(counts)


@ESTIMATORS
def test_a_negative_count_is_refused(estimate: Estimator) -> None:
    with pytest.raises(PayloadError, match="A count of -2 is negative"):
        estimate([1, -2])
