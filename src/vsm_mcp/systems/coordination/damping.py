"""Dampers, mildest first: a band with a minimum dwell, a smaller gain, jitter.

Leases and the suppression of what flaps come after these: they end a contest instead of damping it.
"""

from enum import StrEnum
from math import inf
from random import Random
from sys import float_info

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.world.clock import SteadyTime

STABLE_LOOP = 2.0

_RUN = 3
_LEAST_SHARE = 0.01


class Damper(StrEnum):
    """What damps an oscillation, in the order in which it is tried."""

    HYSTERESIS = "hysteresis"
    GAIN = "gain"
    JITTER = "jitter"
    LEASE = "lease"
    SUPPRESSION = "suppression"


class Hysteresis:
    """A switch that goes on above a band, off below it, and stays as it is for a minimum time.

    Args:
        low: It goes off below this.
        high: It goes on from this on.
        dwell: Seconds for which it stays as it is after it has switched.
        on: How it stands at first.

    Raises:
        ConfigurationError: The band or the dwell makes no sense.
    """

    __slots__ = ("_dwell", "_high", "_low", "_switched_at", "_time", "on", "switches")

    def __init__(self, *, low: float, high: float, dwell: float = 0.0, on: bool = False) -> None:
        """Start as ``on`` says; the first switch need not wait."""
        if not -float_info.max <= low <= high <= float_info.max:
            raise ConfigurationError(f"The band {low} to {high} is none.", remedies=("Give low <= high.",))
        if not 0.0 <= dwell <= float_info.max:
            raise ConfigurationError(f"A dwell of {dwell} seconds is none.", remedies=("Give 0 or more seconds.",))
        self._low = low
        self._high = high
        self._dwell = dwell
        self._time = SteadyTime()
        self._switched_at = -inf
        self.on: bool = on
        self.switches: int = 0

    def __repr__(self) -> str:
        """Show the band and how the switch stands."""
        return f"Hysteresis({self._low:g}..{self._high:g}, on={self.on}, switches={self.switches})"

    def judge(self, value: float, *, now: float) -> bool:
        """Return whether it is on, now that the value is ``value``.

        Raises:
            PayloadError: ``value`` is not a finite number; the switch stays as it is.
        """
        _refuse_infinite(value)
        moment = self._time.read(now)
        wants = value >= self._low if self.on else value >= self._high
        if wants is not self.on and moment - self._switched_at >= self._dwell:
            self.on = wants
            self._switched_at = moment
            self.switches += 1
        return self.on


class GainLimiter:
    """Keeps the gain of a correction below the one at which correcting makes it worse.

    A correction of ``gain * x`` against a deviation ``x`` whose surroundings react with ``reaction * gain * x`` more
    leaves ``(1 - gain (1 + reaction)) x``, as prices that follow supply too eagerly do (Ezekiel 1938). That dies out if
    and only if ``gain < 2 / (1 + reaction)``. The reaction is seldom known; two deviations in a row tell it:
    ``after / before = 1 - gain (1 + reaction)``.

    Args:
        gain: The gain to begin with, and the largest.
        margin: Share of the largest stable gain that is used when a limit is set.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = ("_before", "_began", "_margin", "_most", "_run", "cuts", "gain")

    def __init__(self, *, gain: float = 1.0, margin: float = 0.75) -> None:
        """Start with the whole gain."""
        if not 0.0 < gain <= float_info.max:
            raise ConfigurationError(f"A gain of {gain} corrects nothing.", remedies=("Give a positive number.",))
        if not 0.0 < margin < 1.0:
            raise ConfigurationError(f"A margin of {margin} is none.", remedies=("Give a share between 0 and 1.",))
        self._most = gain
        self._margin = margin
        self._before = 0.0
        self._began = 0.0
        self._run = 0
        self.gain: float = gain
        self.cuts: int = 0

    def __repr__(self) -> str:
        """Show the gain and how often it was cut."""
        return f"GainLimiter(gain={self.gain:.3g}, cuts={self.cuts})"

    def observe(self, deviation: float) -> float:
        """Take the deviation that is left after the last correction; return the correction to make now.

        The gain is cut when the deviation changed its sign three times in a row without becoming smaller; how fast it
        grew meanwhile says how far. It is never cut below a hundredth of the gain to begin with: noise looks like that
        too, though seldom.

        Raises:
            PayloadError: ``deviation`` is not a finite number.
        """
        _refuse_infinite(deviation)
        before, self._before = self._before, deviation
        alternates = (before > 0.0 > deviation) or (before < 0.0 < deviation)
        if not alternates or abs(deviation) < abs(before):
            self._run = 0
            return self.gain * deviation
        if self._run == 0:
            self._began = abs(before)
        self._run += 1
        if self._run == _RUN:
            self._run = 0
            growth = (abs(deviation) / self._began) ** (1.0 / _RUN)
            self._cut_to(max(self.gain * self._margin * STABLE_LOOP / (1.0 + growth), self._most * _LEAST_SHARE))
        return self.gain * deviation

    def limit(self, reaction: float) -> float:
        """Cut the gain, if need be, to what a known reaction allows; return it.

        Raises:
            PayloadError: The reaction is not a number from 0 on.
        """
        allowed = stable_gain(reaction)
        if self.gain >= allowed:
            self._cut_to(self._margin * allowed)
        return self.gain

    def restore(self) -> None:
        """Use the whole gain again."""
        self.gain = self._most
        self._before = 0.0
        self._run = 0

    def _cut_to(self, gain: float) -> None:
        self.gain = gain
        self.cuts += 1


def stable_gain(reaction: float) -> float:
    """Return the gain below which a loop is stable whose surroundings react with ``reaction`` times the correction.

    Raises:
        PayloadError: The reaction is not a number from 0 on.
    """
    if not 0.0 <= reaction <= float_info.max:
        raise PayloadError(f"A reaction of {reaction} is none.", remedies=("Give 0 or a positive number.",))
    return STABLE_LOOP / (1.0 + reaction)


class Jitter:
    """Spreads what would happen at one moment.

    Args:
        random: Draws.
        spread: Share by which a delay is made longer or shorter at most.

    Raises:
        ConfigurationError: The spread is not a share.
    """

    __slots__ = ("_random", "_spread")

    def __init__(self, *, random: Random, spread: float = 0.1) -> None:
        """Keep who draws and how far."""
        if not 0.0 <= spread <= 1.0:
            raise ConfigurationError(f"A spread of {spread} is none.", remedies=("Give a share from 0 to 1.",))
        self._random = random
        self._spread = spread

    def __repr__(self) -> str:
        """Show the spread."""
        return f"Jitter(spread={self._spread:g})"

    def delay(self, seconds: float) -> float:
        """Return a delay of ``seconds``, longer or shorter by up to the spread; its mean is ``seconds``."""
        _refuse_negative(seconds)
        return seconds * (1.0 + self._spread * (2.0 * self._random.random() - 1.0))

    def phase(self, period: float) -> float:
        """Return where in a period to begin, so that equal periods do not all begin at once."""
        _refuse_negative(period)
        return period * self._random.random()


def _refuse_infinite(value: float) -> None:
    if not -float_info.max <= value <= float_info.max:
        raise PayloadError(f"{value} cannot be damped.", remedies=("Leave out what was not measured.",))


def _refuse_negative(seconds: float) -> None:
    if not 0.0 <= seconds <= float_info.max:
        raise PayloadError(f"{seconds} seconds cannot be spread.", remedies=("Give 0 or more seconds.",))
