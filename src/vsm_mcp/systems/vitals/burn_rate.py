"""The burn rate: how fast the budget of bad outcomes is used up, watched over several windows at once.

Source: Beyer et al., The Site Reliability Workbook (2018), chapter 5, "Multiwindow, Multi-Burn-Rate Alerts". A burn
rate of 1 uses up exactly the whole budget ``1 - slo`` within the period of the objective. A rule fires when both its
long window (it matters) and its short window (it is still going on) burn faster than its factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from sys import float_info

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.vitals.windows import DEFAULT_BUCKETS, Window
from vsm_mcp.world.clock import SteadyTime

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0
PERIOD = 30 * DAY
"""The period that the budget is meant for."""

DEFAULT_LEAST = 10


class Severity(StrEnum):
    """What a rule that fires asks for."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRule:
    """One pair of windows and the burn rate that is too much for both.

    Attributes:
        factor: The burn rate above which the rule fires.
        long: Seconds of the window that shows that it matters.
        short: Seconds of the window that shows that it goes on.
        severity: What it asks for.

    Raises:
        ConfigurationError: A number is not positive and finite, or the short window is not the shorter one.
    """

    factor: float
    long: float
    short: float
    severity: Severity

    def __post_init__(self) -> None:
        """Refuse numbers that make no rule."""
        if not (0 < self.factor <= float_info.max and 0 < self.short < self.long <= float_info.max):
            raise ConfigurationError(
                f"A burn rate of {self.factor} over {self.long} s and {self.short} s is not a rule.",
                remedies=("Give a positive factor and a short window that is shorter than the long one.",),
            )

    def budget_share(self, period: float = PERIOD) -> float:
        """Return the share of the budget of ``period`` that is gone when this rate has lasted for the long window."""
        return self.factor * self.long / period


RULES = (
    BurnRule(factor=14.4, long=HOUR, short=5 * MINUTE, severity=Severity.PAGE),
    BurnRule(factor=6.0, long=6 * HOUR, short=30 * MINUTE, severity=Severity.PAGE),
    BurnRule(factor=1.0, long=3 * DAY, short=6 * HOUR, severity=Severity.TICKET),
)
"""The published rules: 2 %, 5 % and 10 % of a budget of 30 days."""


class BurnLine(Report, frozen=True):
    """How one rule stands.

    Attributes:
        severity: What it asks for when it fires.
        factor: The burn rate above which it fires.
        long_s: Seconds of its long window.
        short_s: Seconds of its short window.
        long_rate: The burn rate in the long window; ``None`` when nothing happened in it.
        short_rate: The same for the short window.
        long_n: Outcomes the long rate comes from.
        short_n: Outcomes the short rate comes from.
        firing: Whether it fires; ``None`` when there are too few outcomes to tell.
    """

    severity: Severity
    factor: float
    long_s: float
    short_s: float
    long_rate: float | None
    short_rate: float | None
    long_n: int
    short_n: int
    firing: bool | None


class BurnReport(Report, frozen=True):
    """How fast the budget burns.

    Attributes:
        slo: The objective: the share of outcomes that must be good.
        watched_s: Seconds since the first outcome; windows that reach further back are not filled yet.
        lines: How each rule stands.
        page: Whether a rule asks to page somebody; ``None`` when no such rule can tell.
        ticket: The same for a ticket.
    """

    slo: float
    watched_s: float | None
    lines: tuple[BurnLine, ...]
    page: bool | None
    ticket: bool | None


class BurnRate:
    """Watches good and bad outcomes against an objective. Constant time per outcome, bounded memory.

    Args:
        slo: The share of outcomes that must be good, between 0 and 1.
        rules: When it burns too fast.
        least: Outcomes that the long window must hold before a rule can fire; this bound is ours, not the book's: one
            bad outcome out of two is no trend.
        buckets: Into how many parts each window is divided.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        slo: float,
        rules: Sequence[BurnRule] = RULES,
        least: int = DEFAULT_LEAST,
        buckets: int = DEFAULT_BUCKETS,
    ) -> None:
        """Start without any outcome."""
        if not 0.0 < slo < 1.0 or least < 1 or not rules:
            raise ConfigurationError(
                f"An objective of {slo} with {len(rules)} rules and at least {least} outcomes cannot be watched.",
                remedies=("Give 0 < slo < 1, at least one rule and least >= 1.",),
            )
        self.slo = slo
        self._rules = tuple(rules)
        self._least = least
        lengths = {length for rule in rules for length in (rule.long, rule.short)}
        self._windows = {length: Window(length=length, buckets=buckets) for length in sorted(lengths)}
        self._all = tuple(self._windows.values())
        self._time = SteadyTime()
        self._began: float | None = None

    def __repr__(self) -> str:
        """Show the objective and what it is watched over."""
        return f"BurnRate(slo={self.slo}, windows={[f'{length:g} s' for length in self._windows]})"

    def record(self, now: float, *, bad: bool) -> None:
        """Count one outcome.

        Raises:
            PayloadError: ``now`` is not a finite number of seconds.
        """
        moment = self._time.read(now)
        if self._began is None:
            self._began = moment
        for window in self._all:
            window.add(moment, bad=bad)

    def rate(self, length: float, *, now: float) -> float | None:
        """Return the burn rate over the last ``length`` seconds: ``bad share / (1 - slo)``; ``None`` without outcomes.

        Raises:
            PayloadError: No rule has a window of this length, or ``now`` is not a finite number of seconds.
        """
        window = self._windows.get(length)
        if window is None:
            kept = ", ".join(f"{known:g}" for known in self._windows)
            raise PayloadError(f"No window of {length} seconds is kept.", remedies=(f"Ask for one of {kept}.",))
        window.move(self._time.read(now))
        return self._rate(window)

    def report(self, now: float) -> BurnReport:
        """Say how every rule stands at ``now``.

        Raises:
            PayloadError: ``now`` is not a finite number of seconds.
        """
        moment = self._time.read(now)
        for window in self._all:
            window.move(moment)
        lines = tuple(self._line(rule) for rule in self._rules)
        return BurnReport(
            slo=self.slo,
            watched_s=None if self._began is None else moment - self._began,
            lines=lines,
            page=_any_firing(lines, Severity.PAGE),
            ticket=_any_firing(lines, Severity.TICKET),
        )

    def _rate(self, window: Window) -> float | None:
        return window.bad / window.total / (1.0 - self.slo) if window.total else None

    def _line(self, rule: BurnRule) -> BurnLine:
        long, short = self._windows[rule.long], self._windows[rule.short]
        long_rate, short_rate = self._rate(long), self._rate(short)
        firing = None
        if long_rate is not None and short_rate is not None and long.total >= self._least:
            firing = min(long_rate, short_rate) > rule.factor
        return BurnLine(
            severity=rule.severity,
            factor=rule.factor,
            long_s=rule.long,
            short_s=rule.short,
            long_rate=long_rate,
            short_rate=short_rate,
            long_n=long.total,
            short_n=short.total,
            firing=firing,
        )


def _any_firing(lines: Sequence[BurnLine], severity: Severity) -> bool | None:
    verdicts = [line.firing for line in lines if line.severity is severity and line.firing is not None]
    return any(verdicts) if verdicts else None
