"""Intervals, sample sizes and the test that stops as early as it can."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.control.sequential import (
    Decision,
    SequentialTest,
    beta_interval,
    beta_quantile,
    inspections_for_one_hit,
    regularised_beta,
)

EVIDENCE = st.floats(0.0, 3_000.0)


@pytest.mark.parametrize(("rate", "confidence", "count"), [(0.05, 0.95, 59), (0.01, 0.95, 299), (0.10, 0.90, 22)])
def test_the_published_sample_sizes_for_one_hit(rate: float, confidence: float, count: int) -> None:
    assert inspections_for_one_hit(rate, confidence=confidence) == count
    assert 1.0 - (1.0 - rate) ** count >= confidence > 1.0 - (1.0 - rate) ** (count - 1)


def test_an_exact_division_costs_no_further_inspection() -> None:
    assert inspections_for_one_hit(0.5, confidence=0.75) == 2


@pytest.mark.parametrize(("rate", "confidence"), [(0.0, 0.95), (1.0, 0.95), (math.nan, 0.95), (0.1, 0.0), (0.1, 1.0)])
def test_a_rate_or_confidence_that_makes_no_sense_is_refused(rate: float, confidence: float) -> None:
    with pytest.raises(PayloadError, match="cannot be"):
        inspections_for_one_hit(rate, confidence=confidence)


def test_the_published_corridor_of_the_sequential_test() -> None:
    test = SequentialTest(alpha=0.05, beta=0.10)
    assert test.upper == pytest.approx(18.0)
    assert test.lower == pytest.approx(0.10526, abs=5e-6)


def test_two_faults_at_once_reject_and_55_clean_inspections_accept() -> None:
    test = SequentialTest(alpha=0.05, beta=0.10)
    verdicts = [test.observe(fault=True, acceptable=0.01, unacceptable=0.05) for _ in range(2)]
    assert verdicts == [Decision.UNDECIDED, Decision.UNACCEPTABLE]
    assert test.ratio == pytest.approx(25.0)
    test.restart()
    clean = [test.observe(fault=False, acceptable=0.01, unacceptable=0.05) for _ in range(55)]
    assert clean[-2:] == [Decision.UNDECIDED, Decision.ACCEPTABLE]
    assert repr(test) == "SequentialTest(acceptable, inspections=55, ratio=0.1035)"


@pytest.mark.parametrize(
    ("rate", "wrong", "most"), [(0.01, Decision.UNACCEPTABLE, 0.05), (0.05, Decision.ACCEPTABLE, 0.1)]
)
def test_it_errs_no_more_often_than_it_says(rate: float, wrong: Decision, most: float) -> None:
    draw = Random(7)  # noqa: S311
    errors = 0
    for _ in range(600):
        test = SequentialTest(alpha=0.05, beta=0.10)
        while test.decision is Decision.UNDECIDED:
            test.observe(fault=draw.random() < rate, acceptable=0.01, unacceptable=0.05)
        errors += test.decision is wrong
    assert errors / 600 <= most + 0.02


@pytest.mark.parametrize("rates", [(0.0, 0.5), (0.5, 0.5), (0.5, 0.4), (0.5, 1.0), (math.nan, 0.5), (0.1, math.nan)])
def test_rates_that_cannot_be_told_apart_are_refused(rates: tuple[float, float]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be told apart"):
        SequentialTest().observe(fault=True, acceptable=rates[0], unacceptable=rates[1])


@pytest.mark.parametrize("option", [0.0, -0.1, 0.6, math.nan])
def test_probabilities_of_error_that_make_no_sense_are_refused(option: float) -> None:
    with pytest.raises(ConfigurationError, match="alpha cannot be"):
        SequentialTest(alpha=option)
    with pytest.raises(ConfigurationError, match="beta cannot be"):
        SequentialTest(beta=option)


@pytest.mark.parametrize(
    ("x", "shape", "expected"),
    [(0.3, (1, 1), 0.3), (0.3, (2, 1), 0.09), (0.3, (1, 2), 0.51), (0.5, (7, 7), 0.5), (0.25, (0.5, 0.5), 1 / 3)],
)
def test_the_incomplete_beta_function_where_it_has_a_closed_form(
    x: float, shape: tuple[float, float], expected: float
) -> None:
    assert regularised_beta(x, *shape) == pytest.approx(expected, abs=1e-13)


def test_the_incomplete_beta_function_ends_at_0_and_1() -> None:
    assert (regularised_beta(0.0, 2, 3), regularised_beta(1.0, 2, 3)) == (0.0, 1.0)


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.001, 0.999))
def test_the_incomplete_beta_function_is_the_tail_of_a_binomial(a: int, b: int, x: float) -> None:
    n = a + b - 1
    tail = math.fsum(math.comb(n, k) * x**k * (1.0 - x) ** (n - k) for k in range(a, n + 1))
    assert regularised_beta(x, a, b) == pytest.approx(tail, abs=1e-11)


@settings(max_examples=120)
@given(st.floats(0.5, 4_000.0), st.floats(0.5, 4_000.0), st.floats(0.0005, 0.9995))
def test_a_quantile_is_where_the_function_has_its_probability(a: float, b: float, probability: float) -> None:
    place = beta_quantile(probability, a, b)
    below, above = math.nextafter(place, 0.0), math.nextafter(place, 1.0)  # near 0 and 1 no number lies nearer
    assert regularised_beta(below, a, b) - 1e-9 <= probability <= regularised_beta(above, a, b) + 1e-9


@pytest.mark.parametrize("n", [1, 5, 50, 1e6, 1e12])
def test_quantiles_of_a_power_are_roots_at_every_size(n: float) -> None:
    for probability in (0.001, 0.025, 0.5, 0.975):
        expected = -math.expm1(math.log1p(-probability) / n)
        assert beta_quantile(probability, 1.0, n) == pytest.approx(expected, rel=1e-9)


def test_a_quantile_of_much_evidence_is_close_to_the_normal_one() -> None:
    assert beta_quantile(0.975, 2e6, 2e6) == pytest.approx(0.5 + 1.9599640 * 0.5 / 2e3, abs=1e-9)
    assert beta_quantile(0.5, 1e15, 1e15) == pytest.approx(0.5)


def test_the_ends_of_all_probability_are_the_ends_of_the_range() -> None:
    assert (beta_quantile(0.0, 2, 3), beta_quantile(1.0, 2, 3)) == (0.0, 1.0)


def test_without_evidence_the_interval_is_nearly_everything() -> None:
    assert beta_interval(0, 0) == pytest.approx((0.025, 0.975))
    assert beta_interval(0, 0, 0.5) == pytest.approx((0.25, 0.75))


def test_known_intervals() -> None:
    low, high = beta_interval(3, 0)
    assert (low, high) == pytest.approx((0.025**0.25, 0.975**0.25), abs=1e-12)
    # The exact interval of Clopper and Pearson for 7 of 10, as every statistical package prints it.
    assert (beta_quantile(0.025, 7, 4), beta_quantile(0.975, 8, 3)) == pytest.approx((0.3475471, 0.9332605), abs=5e-8)


@settings(max_examples=80)
@given(EVIDENCE, EVIDENCE)
def test_an_interval_holds_its_share_mirrors_and_narrows(successes: float, failures: float) -> None:
    low, high = beta_interval(successes, failures)
    mean = (1.0 + successes) / (2.0 + successes + failures)
    assert 0.0 <= low < mean < high <= 1.0
    assert beta_interval(failures, successes) == pytest.approx((1.0 - high, 1.0 - low), abs=1e-11)
    wider = beta_interval(successes, failures, 0.99)
    assert wider[0] <= low
    assert wider[1] >= high


@pytest.mark.parametrize(
    ("successes", "failures"), [(-1, 0), (0, -1), (math.nan, 1), (1, math.inf), (1e16, 1), (1, math.nan)]
)
def test_evidence_that_makes_no_sense_is_refused(successes: float, failures: float) -> None:
    with pytest.raises(PayloadError, match="cannot be"):
        beta_interval(successes, failures)


def test_a_level_prior_probability_or_shape_that_makes_no_sense_is_refused() -> None:
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(PayloadError, match="The level cannot be"):
            beta_interval(1, 1, level)
    with pytest.raises(PayloadError, match="A prior cannot be"):
        beta_interval(1, 1, prior=0.0)
    with pytest.raises(PayloadError, match="A probability cannot be"):
        beta_quantile(1.1, 1, 1)
    with pytest.raises(PayloadError, match="second shape"):
        beta_quantile(0.5, 1, 0.1)
