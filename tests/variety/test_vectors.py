"""What is published on estimating entropy with a known number of kinds, and why the share decides and bits describe."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.calculator import VarietyCalculator
from vsm_mcp.variety.gap import Headline
from vsm_mcp.variety.statistics.bayesian import MOST_POSSIBLE_KINDS, nemenman_shafee_bialek
from vsm_mcp.variety.statistics.entropy import miller_madow, plug_in
from vsm_mcp.variety.statistics.gamma import digamma, log_rising, trigamma

PUBLISHED = [4, 2, 3, 0, 2, 4, 0, 0, 2, 1, 1]
EULER = 0.57721566490153286061
KINDS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=8)


def slope_of_log_gamma(x: float) -> float:
    """Return the derivative by a difference that has nothing of the series."""
    step = 1e-4 * max(x, 1.0)
    return (math.lgamma(x + step) - math.lgamma(x - step)) / (2 * step)


def as_defined(counts: Sequence[int], kinds: int, *, points: int = 400) -> float:
    """Return the estimate by its definition: the mean over equal steps of the entropy that is expected beforehand."""
    total, weights, entropies = sum(counts), list[float](), list[float]()
    for point in range(points):
        wanted = (point + 0.5) / points * math.log(kinds)
        low, high = -60.0, 60.0
        for _ in range(60):
            middle = (low + high) / 2
            beta = math.exp(middle)
            expected = digamma(kinds * beta + 1) - digamma(beta + 1)
            low, high = (middle, high) if expected < wanted else (low, middle)
        beta = math.exp((low + high) / 2)
        factors = [math.log(beta + seen) for count in counts for seen in range(count)]
        together = [math.log(kinds * beta + seen) for seen in range(total)]
        weights.append(math.exp(math.fsum(factors) - math.fsum(together)))
        rows = [*counts, *[0] * (kinds - len(counts))]
        known = math.fsum((count + beta) * digamma(count + beta + 1) for count in rows)
        entropies.append(digamma(total + kinds * beta + 1) - known / (total + kinds * beta))
    mean = math.fsum(weight * entropy for weight, entropy in zip(weights, entropies, strict=True))
    return mean / math.fsum(weights) / math.log(2)


def measured(kinds: Sequence[tuple[int, int]], unmet: int = 0) -> Headline:
    """Return the figures after each kind was asked for so often and its capability passed so many trials."""
    calculator = VarietyCalculator(half_life=math.inf)
    for number, (times, passed) in enumerate(kinds):
        if passed:
            calculator.note_capability(f"kind {number}", passed, passed)
        calculator.observe_many([(f"kind {number}", Stage.UNKNOWN)] * times)
    calculator.observe_many([("new", Stage.UNKNOWN)] * unmet)
    head = calculator.headline()
    assert head is not None
    return head


@pytest.mark.promise("A39")
def test_the_published_sample_of_eleven_kinds_has_the_published_bayesian_entropy() -> None:
    assert nemenman_shafee_bialek(PUBLISHED, kinds=11) * math.log(2) == pytest.approx(2.187774, abs=1e-6)


@pytest.mark.parametrize(("counts", "kinds"), [([3, 1], 2), ([5], 3), ([2, 2, 1], 5), (PUBLISHED, 11)])
def test_the_bayesian_entropy_is_the_mean_of_its_definition(counts: list[int], kinds: int) -> None:
    seen = [count for count in counts if count]
    assert nemenman_shafee_bialek(counts, kinds=kinds) == pytest.approx(as_defined(seen, kinds), abs=2e-4)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any), st.integers(0, 30))
@settings(max_examples=60)
def test_the_bayesian_entropy_is_one_that_so_many_kinds_can_have(counts: list[int], more: int) -> None:
    kinds = sum(count > 0 for count in counts) + more
    bits = nemenman_shafee_bialek(counts, kinds=kinds)
    assert 0.0 <= bits <= math.log2(kinds) + 1e-9
    assert nemenman_shafee_bialek(sorted(counts), kinds=kinds) == pytest.approx(bits, rel=1e-9, abs=1e-12)


def test_much_evidence_leaves_nothing_to_believe() -> None:
    counts = [4000, 2000, 1000, 1000]
    assert nemenman_shafee_bialek(counts, kinds=4) == pytest.approx(plug_in(counts), abs=5e-4)
    assert nemenman_shafee_bialek([1000] * 1000, kinds=1000) == pytest.approx(math.log2(1000), abs=1e-5)
    assert nemenman_shafee_bialek([7], kinds=1) == 0.0


def test_of_few_samples_from_a_known_number_of_kinds_it_knows_more_than_the_sample() -> None:
    seen_once = [1] * 8
    assert plug_in(seen_once) == 3.0 < miller_madow(seen_once) < nemenman_shafee_bialek(seen_once, kinds=1000)


@pytest.mark.parametrize(
    ("counts", "kinds"), [([], 3), ([0, 0], 3), ([1, 1, 1], 2), ([1], 0), ([1], MOST_POSSIBLE_KINDS + 1), ([-1, 2], 3)]
)
def test_samples_and_numbers_of_kinds_that_make_no_sense_are_refused(counts: list[int], kinds: int) -> None:
    with pytest.raises(PayloadError):
        nemenman_shafee_bialek(counts, kinds=kinds)


def test_digamma_and_trigamma_have_their_known_values() -> None:
    assert digamma(1.0) == pytest.approx(-EULER, abs=1e-14)
    assert digamma(0.5) == pytest.approx(-EULER - 2 * math.log(2), abs=1e-14)
    assert trigamma(1.0) == pytest.approx(math.pi**2 / 6, abs=1e-14)
    assert trigamma(0.5) == pytest.approx(math.pi**2 / 2, abs=1e-13)


@given(st.floats(0.5, 1e4))
@settings(max_examples=60)
def test_digamma_and_trigamma_follow_their_recurrences_and_derivatives(x: float) -> None:
    assert digamma(x + 1) == pytest.approx(digamma(x) + 1 / x, rel=1e-12, abs=1e-12)
    assert trigamma(x + 1) == pytest.approx(trigamma(x) - 1 / (x * x), rel=1e-9, abs=1e-12)
    assert digamma(x) == pytest.approx(slope_of_log_gamma(x), rel=1e-5, abs=1e-5)


@given(st.floats(1e-6, 1e4), st.integers(0, 60))
@settings(max_examples=60)
def test_a_rising_product_is_the_sum_of_its_logarithms(start: float, factors: int) -> None:
    added = math.fsum(math.log(start + factor) for factor in range(factors))
    assert log_rising(start, factors) == pytest.approx(added, rel=1e-11, abs=1e-10)
    assert log_rising(1e15 + start, 3) == pytest.approx(3 * math.log(1e15), rel=1e-12)


@pytest.mark.promise("A39")
@given(KINDS, st.integers(1, 200))
@settings(max_examples=100)
def test_new_demand_that_nothing_meets_never_makes_the_share_of_the_gap_smaller(
    kinds: list[tuple[int, int]], unmet: int
) -> None:
    before, after = measured(kinds), measured(kinds, unmet)
    assert after.gap_share >= before.gap_share - 1e-12
    assert after.absorbed_bits + after.gap_bits == pytest.approx(after.required_bits, abs=1e-9)


def test_bits_of_the_gap_may_fall_where_the_share_rises_so_bits_do_not_decide() -> None:
    kinds = [(8, 9), *[(1, 0)] * 8]
    before, after = measured(kinds), measured(kinds, 1000)
    assert after.gap_share > 0.99 > before.gap_share
    assert before.gap_bits >= 1.9
    assert after.gap_bits < 0.2
