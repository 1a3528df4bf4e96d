"""Cyberfilter: tells what matters in a series of measurements from what is only noise, for one index or for many.

A manager who hears of every figure hears nothing (Beer 1981, Brain of the Firm, ch. 11). So each index is followed by
a filter that says of every observation whether it was as expected, off by itself, the first after a jump of the level,
or the first after a change of the slope. The last three look alike at first: which it was is known one observation
later (Harrison & Stevens 1971).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import NormalDist, median
from typing import Self

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.systems.control.figures import refuse_name, refuse_outside
from vsm_mcp.systems.control.filters import LARGEST, Form, MultiProcess, Prior

DEFAULT_MOST_INDICES = 64

LEARNING_FROM = 10
"""Observations from which a filter without a prior learns how large the noise is, before its first verdict."""

_INTERVAL = NormalDist().inv_cdf(0.975)
_ROBUST = NormalDist().inv_cdf(0.75) * math.sqrt(2.0)


class Pattern(StrEnum):
    """What an observation turned out to be."""

    LEARNING = "learning"
    UNCERTAIN = "uncertain"
    STEADY = "steady"
    TRANSIENT = "transient"
    STEP = "step"
    SLOPE = "slope"
    TREND = "trend"


_IN_ORDER = (Pattern.STEADY, Pattern.TRANSIENT, Pattern.STEP, Pattern.SLOPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How a filter judges.

    Attributes:
        forms: What steady, transient, step and slope mean.
        variance_discount: How much of the knowledge of the noise survives an observation.
        most_surprise: How many squared deviations one observation counts at most when the noise is learnt.
        decided: A verdict is given when its probability is above this.
        trend: So many of its standard deviations the slope must be away from zero to be a trend.
        times: So many observations in a row it must be.

    Raises:
        ConfigurationError: A figure makes no sense.
    """

    forms: tuple[Form, Form, Form, Form]
    variance_discount: float = 1.0
    most_surprise: float = math.inf
    decided: float = 0.7
    trend: float = 3.0
    times: int = 3

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        refuse_outside("The probability of a verdict", self.decided, (0.5, 1.0), error=ConfigurationError)
        refuse_outside("A trend", self.trend, (0.0, 1e6), above=True, error=ConfigurationError)
        refuse_outside("A number of observations in a row", self.times, (1, 1e6), error=ConfigurationError)


OPERATIONS = Parameters(
    forms=(
        Form(selection=0.92),
        Form(selection=0.05, noise=100.0),
        Form(selection=0.02, level_discount=0.01),
        Form(selection=0.01, slope_discount=0.01),
    ),
    variance_discount=0.995,
    most_surprise=25.0,
)
"""For the figures of a running system: rare surprises, slow drift, noise that may change."""

PUBLISHED = Parameters(
    forms=(
        Form(selection=0.85, level_discount=0.9, slope_discount=0.9),
        Form(selection=0.07, level_discount=0.9, slope_discount=0.9, noise=100.0),
        Form(selection=0.05, level_discount=0.01, slope_discount=0.9),
        Form(selection=0.03, level_discount=0.9, slope_discount=0.01),
    ),
)
"""The parameters of West & Harrison (1997), sec. 12.4, for monthly sales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be made of an observation.

    Attributes:
        kind: What it was; ``learning`` while too little was seen, ``uncertain`` when no explanation is probable enough.
        about: Which observation this is about, counted from 1 and without those that are missing: the last but one for
            what is known one later, the last for ``learning`` and ``trend``, ``None`` when there was none yet.
        probability: How probable that is; ``None`` for ``learning`` and ``trend``, which are no probabilities.
        level: Where the level is now; ``None`` while learning.
        slope: How much it grows with each observation; ``None`` while learning.
        forecast: The next observation to expect; ``None`` while learning.
        interval: Where it will be in 19 of 20 cases when nothing special happens; ``None`` while learning.
        n: How many observations that comes from.
    """

    kind: Pattern
    about: int | None
    probability: float | None
    level: float | None
    slope: float | None
    forecast: float | None
    interval: tuple[float, float] | None
    n: int

    @property
    def matters(self) -> bool:
        """Whether somebody should hear of it."""
        return self.kind in _MATTERS


_MATTERS = frozenset({Pattern.TRANSIENT, Pattern.STEP, Pattern.SLOPE, Pattern.TREND})


class Cyberfilter:
    """Judges the observations of one index.

    Args:
        prior: What is believed before the first observation. Without it, the first ten observations say where the
            level is and how large the noise; until then every verdict is ``learning``.
        parameters: How it judges.
        resolution: The least standard deviation of noise that is believed; smaller changes are no news.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = ("_early", "_filter", "_parameters", "_resolution", "_run")

    def __init__(
        self, *, prior: Prior | None = None, parameters: Parameters = OPERATIONS, resolution: float = 1e-3
    ) -> None:
        """Begin without any observation."""
        refuse_outside("A resolution", resolution, (0.0, LARGEST), error=ConfigurationError)
        self._parameters = parameters
        self._resolution = resolution
        self._early: list[float] = []
        self._filter = None if prior is None else self._started(prior)
        self._run = 0

    @classmethod
    def published(cls, prior: Prior) -> Self:
        """Return a filter with the parameters of the literature, which needs a prior and believes any precision."""
        return cls(prior=prior, parameters=PUBLISHED, resolution=0.0)

    def __repr__(self) -> str:
        """Show how much was seen."""
        return f"Cyberfilter(observations={self.observations}, learning={self._filter is None})"

    @property
    def observations(self) -> int:
        """How many observations were seen; missing ones do not count."""
        return len(self._early) if self._filter is None else self._filter.observations

    @property
    def probabilities(self) -> Mapping[Pattern, float]:
        """How probable each explanation of the last observation is by itself; empty before there is one."""
        return {} if self._filter is None else dict(zip(_IN_ORDER, self._filter.now, strict=False))

    @property
    def probabilities_back(self) -> Mapping[Pattern, float]:
        """The same for the last but one, now that the last is known; empty before there are two."""
        return {} if self._filter is None else dict(zip(_IN_ORDER, self._filter.back, strict=False))

    @property
    def log_likelihood(self) -> float | None:
        """Logarithm of the density of everything seen, to compare parameters by; ``None`` while learning."""
        return None if self._filter is None else self._filter.log_likelihood

    def observe(self, value: float | None) -> Verdict:
        """Judge one observation; ``None`` says that there is none for this step.

        Raises:
            PayloadError: ``value`` is not a finite number of a usable size; nothing was learnt.
        """
        if self._filter is None:
            return self._learn(value)
        if value is None:
            self._filter.skip()
        else:
            self._filter.observe(value)
            self._count_run(self._filter)
        return self._judge(self._filter)

    def _started(self, prior: Prior) -> MultiProcess:
        return MultiProcess(
            prior=prior,
            forms=self._parameters.forms,
            variance_discount=self._parameters.variance_discount,
            most_surprise=self._parameters.most_surprise,
            resolution=self._resolution,
        )

    def _learn(self, value: float | None) -> Verdict:
        if value is not None:
            refuse_outside("An observation", value, (-LARGEST, LARGEST))
            self._early.append(value)
        n = len(self._early)
        if n < LEARNING_FROM:
            return _learning(n)
        started = self._filter = self._started(_prior_from(self._early, self._resolution))
        for early in self._early:
            started.observe(early)
            self._count_run(started)
        self._early.clear()
        return self._judge(started)

    def _count_run(self, followed: MultiProcess) -> None:
        """Count the observations in a row with a clear slope; a trend that was told ends at half of what it took."""
        _, slope, deviation = followed.estimate()
        limit = self._parameters.trend * deviation
        if abs(slope) > limit:
            self._run += 1
        elif self._run < self._parameters.times or abs(slope) <= limit / 2.0:
            self._run = 0

    def _judge(self, followed: MultiProcess) -> Verdict:
        n = followed.observations
        kind, about, probability = self._explain(followed)
        level, slope, _ = followed.estimate()
        forecast, deviation, degrees = followed.forecast()
        reach = _student(degrees) * deviation
        return Verdict(
            kind=kind,
            about=about,
            probability=probability,
            level=level,
            slope=slope,
            forecast=forecast,
            interval=(forecast - reach, forecast + reach),
            n=n,
        )

    def _explain(self, followed: MultiProcess) -> tuple[Pattern, int | None, float | None]:
        """Say what is probable enough of the last but one observation, or that there is a trend.

        What happened at once goes before the trend: it is news, and a trend stays to be told the next time.
        """
        n, back = followed.observations, followed.back
        if not back:
            return Pattern.LEARNING, n or None, None
        probability = max(back)
        kind = _IN_ORDER[back.index(probability)] if probability > self._parameters.decided else Pattern.UNCERTAIN
        if kind in {Pattern.STEADY, Pattern.UNCERTAIN} and self._run >= self._parameters.times:
            return Pattern.TREND, n, None
        return kind, n - 1, probability


class Watch:
    """Follows several indices by name.

    Args:
        most_indices: How many it can follow; one more is refused, because forgetting another unasked would hide it.
        make: Makes the filter for an index that is new.

    Raises:
        ConfigurationError: ``most_indices`` makes no sense.
    """

    __slots__ = ("_filters", "_last", "_make", "_most")

    def __init__(
        self, *, most_indices: int = DEFAULT_MOST_INDICES, make: Callable[[], Cyberfilter] = Cyberfilter
    ) -> None:
        """Begin without any index."""
        refuse_outside("A number of indices", most_indices, (1, 100_000), error=ConfigurationError)
        self._most = most_indices
        self._make = make
        self._filters: dict[str, Cyberfilter] = {}
        self._last: dict[str, Verdict] = {}

    def __repr__(self) -> str:
        """Show what is followed."""
        return f"Watch({', '.join(sorted(self._filters)) or 'nothing'})"

    def __len__(self) -> int:
        """Return how many indices are followed."""
        return len(self._filters)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The last verdict on each index."""
        return dict(self._last)

    def observe(self, index: str, value: float | None) -> Verdict:
        """Judge one observation of an index; ``None`` when this step has none.

        Raises:
            PayloadError: The value is no finite number, the name is too long, or there are too many indices.
        """
        followed = self._filters.get(index) or self._new(index)
        verdict = followed.observe(value)
        self._filters[index] = followed
        self._last[index] = verdict
        return verdict

    def forget(self, index: str) -> None:
        """Follow an index no longer; nothing happens when it is not followed."""
        self._filters.pop(index, None)
        self._last.pop(index, None)

    def _new(self, index: str) -> Cyberfilter:
        refuse_name("The name of an index", index)
        if len(self._filters) >= self._most:
            raise PayloadError(
                f"{len(self._filters)} indices are watched already, and {index!r} would be one more.",
                remedies=("Forget an index that no longer matters.", "Give Watch(most_indices=...) more room."),
            )
        return self._make()


def _learning(n: int) -> Verdict:
    return Verdict(
        kind=Pattern.LEARNING, about=n or None, probability=None, level=None, slope=None, forecast=None, interval=None,
        n=n,
    )  # fmt: skip


def _prior_from(early: list[float], resolution: float) -> Prior:
    """Return a wide prior around the first observations.

    The noise is taken from the differences of neighbours, which a drift does not inflate, by their median absolute
    deviation, which an outlier does not inflate (its consistency factor for normal noise: Hampel 1974).
    """
    steps = [after - before for before, after in pairwise(early)]
    usual = median(steps)
    deviation = median(abs(step - usual) for step in steps) / _ROBUST
    if deviation <= resolution:
        deviation = math.sqrt(math.fsum((step - usual) ** 2 for step in steps) / (2.0 * len(steps)))
    variance = min(max(deviation, resolution, 1e-30) ** 2, LARGEST**2 / 10.0)
    return Prior(
        level=median(early[:3]),
        level_variance=10.0 * variance,
        slope_variance=variance,
        variance=variance,
        evidence=2.0,
    )


def _student(degrees: float) -> float:
    """Return the point that 97.5 % of Student's t stay below (Abramowitz & Stegun 1964, 26.7.5, two terms)."""
    z, n = _INTERVAL, max(degrees, 1.0)
    return z + (z**3 + z) / (4.0 * n) + (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / (96.0 * n * n)
