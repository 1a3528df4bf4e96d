"""The budget of bad outcomes: how fast it burns, and when that is too fast."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.vitals.burn_rate import DAY, HOUR, MINUTE, RULES, BurnRate, BurnRule, Severity

SLO = 0.9
"""Ten per cent of outcomes may be bad: a share of bad outcomes of 1 is a burn rate of 10."""


def outcomes(burn: BurnRate, *, bad: int, good: int, over: float, until: float) -> None:
    """Spread so many bad and good outcomes evenly over the last ``over`` seconds."""
    n = bad + good
    for i in range(n):
        burn.record(until - over + over * (i + 1) / n, bad=(i + 1) * bad // n > i * bad // n)


@pytest.mark.parametrize(("rule", "share"), [*zip(RULES, [0.02, 0.05, 0.10], strict=True)])
def test_the_published_rules_use_up_the_published_shares_of_a_month(rule: BurnRule, share: float) -> None:
    assert rule.budget_share() == pytest.approx(share, abs=1e-12)


def test_the_published_rules_are_the_windows_of_the_book() -> None:
    rules = [(rule.factor, rule.long, rule.short, rule.severity) for rule in RULES]
    assert rules == [
        (14.4, HOUR, 5 * MINUTE, Severity.PAGE),
        (6.0, 6 * HOUR, 30 * MINUTE, Severity.PAGE),
        (1.0, 3 * DAY, 6 * HOUR, Severity.TICKET),
    ]


def test_before_the_first_outcome_nothing_is_known() -> None:
    burn = BurnRate(slo=SLO)
    report = burn.report(0.0)
    assert burn.rate(HOUR, now=0.0) is None
    assert (report.page, report.ticket, report.watched_s) == (None, None, None)
    assert {line.firing for line in report.lines} == {None}


def test_a_burn_rate_of_one_uses_up_exactly_the_budget() -> None:
    burn = BurnRate(slo=0.75)
    outcomes(burn, bad=25, good=75, over=HOUR - 60, until=1e6)
    assert burn.rate(HOUR, now=1e6) == pytest.approx(1.0)


def test_a_fast_burn_pages_and_ends_soon_after_the_trouble() -> None:
    burn = BurnRate(slo=0.99)
    outcomes(burn, bad=200, good=800, over=HOUR - 60, until=1e6)
    assert burn.report(1e6).page
    outcomes(burn, bad=0, good=40, over=4 * MINUTE, until=1e6 + 5 * MINUTE)
    after = burn.report(1e6 + 5 * MINUTE).lines[0]
    assert after.long_rate is not None
    assert after.long_rate > 14.4
    assert after.short_rate == 0
    assert after.firing is False


def test_a_slow_burn_is_a_ticket_and_no_page() -> None:
    burn = BurnRate(slo=0.99)
    outcomes(burn, bad=60, good=2940, over=3 * DAY - HOUR, until=1e7)
    report = burn.report(1e7)
    assert (report.page, report.ticket) == (False, True)
    assert report.lines[2].long_rate == pytest.approx(2.0)


def test_too_few_outcomes_are_no_trend_and_say_so() -> None:
    burn = BurnRate(slo=0.99, least=10)
    for second in range(9):
        burn.record(second, bad=True)
    assert burn.report(9).page is None
    burn.record(9, bad=True)
    report = burn.report(10)
    assert report.page
    assert (report.lines[0].long_n, report.watched_s) == (10, 10)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    burn = BurnRate(slo=SLO)
    outcomes(burn, bad=50, good=0, over=60, until=1000)
    assert burn.rate(HOUR, now=1000) == pytest.approx(10)
    assert burn.rate(HOUR, now=1000 + HOUR) is None
    assert burn.rate(3 * DAY, now=1000 + HOUR) == pytest.approx(10)


def test_a_clock_that_is_set_back_neither_loses_nor_invents_outcomes() -> None:
    burn = BurnRate(slo=SLO)
    outcomes(burn, bad=10, good=10, over=60, until=1e6)
    outcomes(burn, bad=10, good=10, over=60, until=1e6 - 12 * HOUR)
    report = burn.report(1e6 - 12 * HOUR)
    assert report.lines[0].long_n == 40
    assert report.watched_s is not None
    assert 0 <= report.watched_s < 180


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 900), st.booleans()), min_size=1, max_size=60))
def test_every_rate_is_the_bad_share_of_its_window_over_the_budget(steps: list[tuple[float, bool]]) -> None:
    burn = BurnRate(slo=SLO)
    moment, events = 0.0, list[tuple[float, bool]]()
    for step, bad in steps:
        moment += step
        events.append((moment, bad))
        burn.record(moment, bad=bad)
    for length in (5 * MINUTE, HOUR, 6 * HOUR):
        width = length / 60
        within = [bad for at, bad in events if at // width > moment // width - 60]
        assert burn.rate(length, now=moment) == pytest.approx(sum(within) / len(within) / 0.1)


def test_a_rule_without_pages_says_nothing_about_pages() -> None:
    burn = BurnRate(slo=SLO, rules=(BurnRule(factor=1, long=60, short=30, severity=Severity.TICKET),), least=1)
    burn.record(0, bad=True)
    assert (burn.report(0).page, burn.report(0).ticket) == (None, True)


@pytest.mark.parametrize(
    ("factor", "long", "short"),
    [(0, 60, 30), (math.nan, 60, 30), (math.inf, 60, 30), (1, 60, 60), (1, math.inf, 30), (1, 60, 0), (1, 60, -1)],
)
def test_what_is_no_rule_is_refused(factor: float, long: float, short: float) -> None:
    with pytest.raises(ConfigurationError, match="is not a rule"):
        BurnRule(factor=factor, long=long, short=short, severity=Severity.PAGE)


@pytest.mark.parametrize("slo", [0.0, 1.0, -1.0, 2.0, math.nan])
def test_an_objective_without_a_budget_is_refused(slo: float) -> None:
    with pytest.raises(ConfigurationError, match="cannot be watched"):
        BurnRate(slo=slo)


def test_no_rules_and_no_outcomes_at_all_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        BurnRate(slo=SLO, rules=())
    with pytest.raises(ConfigurationError):
        BurnRate(slo=SLO, least=0)


def test_a_window_that_is_not_kept_and_a_moment_that_is_none_are_refused() -> None:
    burn = BurnRate(slo=SLO)
    with pytest.raises(PayloadError, match="Ask for one of 300, 1800, 3600, 21600, 259200"):
        burn.rate(7.0, now=0.0)
    with pytest.raises(PayloadError):
        burn.record(math.nan, bad=True)


def test_it_reads_well() -> None:
    burn = BurnRate(slo=SLO)
    burn.record(0, bad=True)
    assert repr(burn).startswith("BurnRate(slo=0.9, windows=['300 s'")
    assert "long_rate: 10" in str(burn.report(0))
