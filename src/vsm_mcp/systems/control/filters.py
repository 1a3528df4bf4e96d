"""Filters that follow a level through noise: the simplest one, and the one that Cyberfilter judges by.

The linear growth model of the second has the state (level, slope), of which an observation shows the level plus noise.
At every step one of four models may hold: nothing special, an observation that is off, a jump of the level, or a change
of the slope. What held at the last step and what holds now make sixteen paths. Each is followed exactly, and the paths
that end in the same model are merged into one state of the same moments ("class II", Harrison & Stevens 1976; West &
Harrison 1997, sec. 12.4). The variance of the noise is learnt along the way.
"""

import math
from dataclasses import dataclass

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.control.figures import refuse_outside

LARGEST = 1e60
"""Observations beyond this are refused; their squares would leave the range of a float."""

_LEAST_VARIANCE = 1e-60
_LEAST_LOG_WEIGHT = -600.0
_WIDENING_STEPS = 10

_State = tuple[float, float, float, float, float, float, float]
"""Probability, level, slope, their variances and covariance (11, 12, 22), variance of the noise."""

_Source = tuple[float, float, float, float, float, float, float, float, float]
"""Log probability, level and slope expected, their covariance (11, 12, 22), what discounts widen (11, 22), noise."""


class LevelModel:
    """Follows a level by the first-order polynomial model (West & Harrison 1997, ch. 2).

    With ``R = C + drift`` and ``Q = R + noise`` the level moves by the share ``A = R/Q`` of each error, and its
    variance becomes ``A * noise``.

    Args:
        level: Where the level is believed to be.
        variance: How uncertain that is.
        noise: Variance of what is added to the level in each observation.
        drift: Variance of the level's own step from one observation to the next.

    Attributes:
        level: Where it is believed to be now; this is also the forecast of the next observation.
        variance: How uncertain that is.
        gain: The share of the last error that the level moved by; ``None`` before the first observation.
        forecast_variance: The variance with which the last observation was expected; ``None`` before the first.

    Raises:
        ConfigurationError: A variance is negative or not finite, or there is no noise.
    """

    __slots__ = ("_drift", "_noise", "forecast_variance", "gain", "level", "variance")

    def __init__(self, *, level: float, variance: float, noise: float, drift: float) -> None:
        """Begin with what is believed."""
        refuse_outside("A level", level, (-LARGEST, LARGEST), error=ConfigurationError)
        for what, value in (("The variance of a level", variance), ("The variance of its drift", drift)):
            refuse_outside(what, value, (0.0, LARGEST), error=ConfigurationError)
        refuse_outside("The variance of the noise", noise, (0.0, LARGEST), above=True, error=ConfigurationError)
        self.level: float = level
        self.variance: float = variance
        self.gain: float | None = None
        self.forecast_variance: float | None = None
        self._noise = noise
        self._drift = drift

    def __repr__(self) -> str:
        """Show the level and its standard deviation."""
        return f"LevelModel(level={self.level:.6g}, deviation={math.sqrt(self.variance):.3g})"

    def observe(self, value: float | None) -> float:
        """Learn from one observation, or let the level drift when there is none; return the level.

        Raises:
            PayloadError: ``value`` is not a finite number of a usable size.
        """
        spread = self.variance + self._drift
        if value is None:
            self.variance = min(spread, LARGEST)
            return self.level
        refuse_outside("An observation", value, (-LARGEST, LARGEST))
        self.forecast_variance = spread + self._noise
        self.gain = spread / self.forecast_variance
        self.level += self.gain * (value - self.level)
        self.variance = self.gain * self._noise
        return self.level


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What one of the models says of a step.

    Attributes:
        selection: Probability that it holds at any step.
        level_discount: How much of the knowledge of the level survives a step, above 0 and at most 1.
        slope_discount: The same for the slope.
        noise: How many times its usual variance the noise of the observation has.

    Raises:
        ConfigurationError: A figure makes no sense.
    """

    selection: float
    level_discount: float = 0.98
    slope_discount: float = 0.98
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        refuse_outside("A selection probability", self.selection, (0.0, 1.0), above=True, error=ConfigurationError)
        for what, value in (("level", self.level_discount), ("slope", self.slope_discount)):
            refuse_outside(f"The discount of a {what}", value, (1e-6, 1.0), error=ConfigurationError)
        refuse_outside("A multiple of the noise", self.noise, (1e-6, 1e6), error=ConfigurationError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed before the first observation.

    Attributes:
        level: Where the first observation is expected.
        slope: How much it grows with each step.
        level_variance: How uncertain the level is.
        slope_variance: How uncertain the slope is.
        variance: Variance of the noise, as far as it is known.
        evidence: How many observations the knowledge of that variance is worth.

    Raises:
        ConfigurationError: A figure makes no sense.
    """

    level: float
    slope: float = 0.0
    level_variance: float
    slope_variance: float
    variance: float
    evidence: float = 1.0

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        for what, value in (("A level", self.level), ("A slope", self.slope)):
            refuse_outside(what, value, (-LARGEST, LARGEST), error=ConfigurationError)
        for what, value in (("a level", self.level_variance), ("a slope", self.slope_variance)):
            refuse_outside(f"The variance of {what}", value, (0.0, LARGEST**2), error=ConfigurationError)
        least = (_LEAST_VARIANCE, LARGEST**2)
        refuse_outside("The variance of the noise", self.variance, least, error=ConfigurationError)
        refuse_outside("The evidence for it", self.evidence, (1e-3, 1e9), error=ConfigurationError)


class MultiProcess:
    """Follows a level and its slope by several models at once.

    Args:
        prior: What is believed at first.
        forms: The models: steady, transient, step, slope, in this order.
        variance_discount: How much of the knowledge of the noise survives a step; 1 when its variance never changes.
        most_surprise: How many squared deviations one observation counts at most for the variance of the noise. Without
            a limit, as published, a single wild value makes the filter deaf for long.
        resolution: The least standard deviation of noise that is believed; without it, a series that stands still
            would end in a certainty that the least rounding upsets.

    Attributes:
        now: For each model, the probability that it holds at the last observation; empty before the first.
        back: The same for the observation before, after the last one was seen; empty before the second.
        observations: How many observations were seen.
        log_likelihood: Logarithm of the density of all that was seen, to compare parameters by.

    Raises:
        ConfigurationError: The selection probabilities do not sum to 1, or an option makes no sense.
    """

    __slots__ = (
        "_discount", "_evidence", "_floor", "_forms", "_missed", "_most", "_prior", "_states", "back",
        "log_likelihood", "now", "observations",
    )  # fmt: skip

    def __init__(
        self,
        *,
        prior: Prior,
        forms: tuple[Form, ...],
        variance_discount: float = 1.0,
        most_surprise: float = math.inf,
        resolution: float = 0.0,
    ) -> None:
        """Begin with what is believed."""
        total = math.fsum(form.selection for form in forms)
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ConfigurationError(
                f"The selection probabilities of {len(forms)} models sum to {total}.",
                remedies=("Give probabilities that sum to 1.",),
            )
        refuse_outside("The discount of a variance", variance_discount, (0.5, 1.0), error=ConfigurationError)
        refuse_outside("The most surprise", most_surprise, (1.0, math.inf), error=ConfigurationError)
        refuse_outside("A resolution", resolution, (0.0, LARGEST), error=ConfigurationError)
        self._forms = tuple(
            (math.log(form.selection), 1.0 / form.level_discount - 1.0, 1.0 / form.slope_discount - 1.0, form.noise)
            for form in forms
        )
        self._prior = prior
        self._discount = variance_discount
        self._most = most_surprise
        self._evidence = prior.evidence
        self._floor = max(resolution * resolution, _LEAST_VARIANCE)
        self._states: tuple[_State, ...] = ()
        self._missed = 0
        self.now: tuple[float, ...] = ()
        self.back: tuple[float, ...] = ()
        self.observations: int = 0
        self.log_likelihood: float = 0.0

    def __repr__(self) -> str:
        """Show how much was seen and where the level is."""
        level, slope, _ = self.estimate()
        return f"MultiProcess(observations={self.observations}, level={level:.6g}, slope={slope:.4g})"

    def observe(self, value: float) -> None:
        """Learn from one observation.

        Raises:
            PayloadError: ``value`` is not a finite number of a usable size; nothing was learnt.
        """
        refuse_outside("An observation", value, (-LARGEST, LARGEST))
        evidence = self._discount * self._evidence
        sources = self._sources()
        paths = [[self._path(form, source, (value, evidence)) for source in sources] for form in self._forms]
        weights = self._weigh(paths)
        self.log_likelihood += _log_student_scale(evidence)
        self._merge(paths, weights)
        self._evidence = evidence + 1.0
        self.back = tuple(map(sum, zip(*weights, strict=True))) if len(sources) > 1 else ()
        self.observations += 1
        self._missed = 0

    def skip(self) -> None:
        """Let one step pass without an observation: everything becomes less certain, nothing is learnt.

        The evidence on the noise is kept. Only ten steps in a row widen the state: by then nearly every value is
        believed possible, and what goes on without end must stay finite.
        """
        if not self._states or self._missed >= _WIDENING_STEPS:
            return
        self._missed += 1
        sources = self._sources()
        paths = [[self._guess(form, source) for source in sources] for form in self._forms]
        weights = [[math.exp(max(path[0], _LEAST_LOG_WEIGHT)) for path in row] for row in paths]
        self._merge(paths, weights)

    def estimate(self) -> tuple[float, float, float]:
        """Return level, slope and the standard deviation of the slope, over all models."""
        if not self._states:
            return self._prior.level, self._prior.slope, math.sqrt(self._prior.slope_variance)
        level = sum(state[0] * state[1] for state in self._states)
        slope = sum(state[0] * state[2] for state in self._states)
        spread = sum(state[0] * (state[5] + (state[2] - slope) ** 2) for state in self._states)
        return level, slope, math.sqrt(spread)

    def forecast(self) -> tuple[float, float, float]:
        """Return where the next observation is expected, its standard deviation, and its degrees of freedom.

        The deviation is that of a step at which nothing special happens (the first model holds).
        """
        if not self._states:
            prior = self._prior
            return prior.level, math.sqrt(prior.level_variance + prior.variance), self._discount * self._evidence
        _, level_growth, slope_growth, noise = self._forms[0]
        mean = sum(p * (level + slope) for p, level, slope, *_ in self._states)
        spread = 0.0
        for p, level, slope, c11, c12, c22, variance in self._states:
            widened = c11 + 2.0 * c12 + c22 + c11 * level_growth + c22 * slope_growth
            spread += p * (widened + noise * variance + (level + slope - mean) ** 2)
        return mean, math.sqrt(max(spread, 0.0)), self._discount * self._evidence

    def _sources(self) -> list[_Source]:
        if not self._states:
            prior = self._prior
            # The prior is about the first observation itself: nothing evolves before it, and no discount widens it.
            return [(0.0, prior.level, prior.slope, prior.level_variance, 0.0, prior.slope_variance, 0.0, 0.0,
                     prior.variance)]  # fmt: skip
        return [
            (math.log(p), level + slope, slope, c11 + 2.0 * c12 + c22, c12 + c22, c22, c11, c22, variance)
            for p, level, slope, c11, c12, c22, variance in self._states
        ]

    def _path(self, form: tuple[float, float, float, float], source: _Source, seen: tuple[float, float]) -> _State:
        """Follow one path through one observation; the first entry is the logarithm of its weight."""
        chosen, level_growth, slope_growth, noise = form
        before, level, slope, r11, r12, r22, c11, c22, variance = source
        value, evidence = seen
        widened = c22 * slope_growth
        r11 += c11 * level_growth + widened
        r12 += widened
        r22 += widened
        noise *= variance
        spread = r11 + noise
        error = value - level
        surprise = error * error / spread
        learnt = max(variance * (evidence + min(surprise, self._most)) / (evidence + 1.0), self._floor)
        scale = learnt / variance
        gain = r12 / spread
        kept = scale * noise / spread
        weight = chosen + before - 0.5 * math.log(spread) - 0.5 * (evidence + 1.0) * math.log1p(surprise / evidence)
        return (
            weight, level + r11 / spread * error, slope + gain * error,
            kept * r11, kept * r12, scale * max(r22 - r12 * gain, 0.0), learnt,
        )  # fmt: skip

    def _guess(self, form: tuple[float, float, float, float], source: _Source) -> _State:
        chosen, level_growth, slope_growth, _ = form
        before, level, slope, r11, r12, r22, c11, c22, variance = source
        widened = c22 * slope_growth
        return (
            chosen + before, level, slope, r11 + c11 * level_growth + widened, r12 + widened, r22 + widened, variance
        )  # fmt: skip

    def _weigh(self, paths: list[list[_State]]) -> list[list[float]]:
        largest = max(path[0] for row in paths for path in row)
        exp = math.exp
        weights = [[exp(max(path[0] - largest, _LEAST_LOG_WEIGHT)) for path in row] for row in paths]
        total = sum(map(sum, weights))
        self.log_likelihood += largest + math.log(total)
        return [[weight / total for weight in row] for row in weights]

    def _merge(self, paths: list[list[_State]], weights: list[list[float]]) -> None:
        states = [_collapse(row, row_weights) for row, row_weights in zip(paths, weights, strict=True)]
        total = sum(state[0] for state in states)
        self._states = tuple((state[0] / total, *state[1:]) for state in states)
        self.now = tuple(state[0] for state in self._states)


def _collapse(paths: list[_State], weights: list[float]) -> _State:
    """Merge the paths that end in one model into a state of the same moments."""
    probability = sum(weights)
    # Divided by their sum first: the weights of a nearly impossible model would vanish in a product.
    shares = [weight / probability for weight in weights]
    precision = sum(share / path[6] for share, path in zip(shares, paths, strict=True))
    shares = [share / (path[6] * precision) for share, path in zip(shares, paths, strict=True)]
    level = slope = c11 = c12 = c22 = 0.0
    for share, path in zip(shares, paths, strict=True):
        level += share * path[1]
        slope += share * path[2]
    for share, (_, at, growing, v11, v12, v22, _) in zip(shares, paths, strict=True):
        above, faster = at - level, growing - slope
        c11 += share * (v11 + above * above)
        c12 += share * (v12 + above * faster)
        c22 += share * (v22 + faster * faster)
    return probability, level, slope, c11, c12, c22, 1.0 / precision


def _log_student_scale(evidence: float) -> float:
    return math.lgamma((evidence + 1.0) / 2.0) - math.lgamma(evidence / 2.0) - 0.5 * math.log(evidence * math.pi)
