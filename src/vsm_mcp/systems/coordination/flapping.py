"""Suppresses what goes on and off too often, for as long as it keeps doing so (RFC 2439, route flap damping).

Every flap adds to a penalty that halves within a half-life. A key whose penalty exceeds one limit is suppressed until
it has decayed to a lower one. The penalty has a ceiling, so that no key stays suppressed longer than a set time after
its last flap.
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from math import log2

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.clock import SteadyTime

MOST_KEYS = 10_000

_LOOKED_AT = 8
_LEAST, _LARGEST = 1e-9, 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class FlapLimits:
    """How flapping is damped. The defaults are those of widely used routers for RFC 2439.

    Attributes:
        penalty: What one flap costs.
        suppress: A key is suppressed when its penalty exceeds this.
        reuse: It is let go when its penalty has decayed to this.
        half_life: Seconds in which a penalty halves.
        longest: Seconds after its last flap for which a key stays suppressed at most.

    Raises:
        ConfigurationError: They contradict each other.
    """

    penalty: float = 1000.0
    suppress: float = 2000.0
    reuse: float = 750.0
    half_life: float = 900.0
    longest: float = 3600.0

    def __post_init__(self) -> None:
        """Refuse limits under which nothing would ever be suppressed, or never let go."""
        amounts = (self.penalty, self.reuse, self.suppress, self.half_life)
        if not (all(_LEAST <= amount <= _LARGEST for amount in amounts) and self.reuse < self.suppress):
            raise ConfigurationError(
                f"A penalty of {self.penalty}, suppression from {self.suppress} to {self.reuse} and a half-life of "
                f"{self.half_life} seconds contradict each other.",
                remedies=(f"Give reuse < suppress, and all of them from {_LEAST:g} to {_LARGEST:g}.",),
            )
        if not self.half_life * log2(self.suppress / self.reuse) < self.longest <= 1000.0 * self.half_life:
            raise ConfigurationError(
                f"Within {self.longest} seconds no key can be suppressed and let go.",
                remedies=("Give longest more than half_life * log2(suppress / reuse), at most 1000 half-lives.",),
            )

    @property
    def ceiling(self) -> float:
        """The penalty that decays to ``reuse`` within ``longest`` seconds; none grows larger."""
        return self.reuse * 2.0 ** (self.longest / self.half_life)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What System 2 says to a change that somebody wants to make.

    Attributes:
        key: What would change.
        allowed: False when it changes too often and should be left alone.
        reason: Why.
        retry_after: Seconds until it will be allowed if nothing happens; ``None`` when it is allowed.
    """

    key: str
    allowed: bool
    reason: str
    retry_after: float | None = None


class _Record:
    __slots__ = ("at", "penalty", "suppressed")

    def __init__(self, at: float) -> None:
        self.at = at
        self.penalty = 0.0
        self.suppressed = False


class FlapDamper:
    """Counts flaps by key.

    Args:
        limits: What flaps cost and when they are too many.
        most_keys: Bound on the keys that are remembered. Beyond it the one that flapped longest ago makes room, unless
            it is suppressed; when the oldest few all are, a further key is not damped and only counted.

    Raises:
        ConfigurationError: There is no room for any key.
    """

    def __init__(self, *, limits: FlapLimits | None = None, most_keys: int = MOST_KEYS) -> None:
        """Start without a flap."""
        if most_keys < 1:
            raise ConfigurationError(f"{most_keys} keys are too few.", remedies=("Allow at least one key.",))
        self.limits: FlapLimits = limits or FlapLimits()
        self._most_keys = most_keys
        self._time = SteadyTime()
        self._decay = -1.0 / self.limits.half_life
        self._cost = self.limits.penalty
        self._ceiling = self.limits.ceiling
        self._records = OrderedDict[str, _Record]()
        self.undamped: int = 0

    def __repr__(self) -> str:
        """Show how many keys are remembered."""
        return f"FlapDamper(keys={len(self._records)}, undamped={self.undamped})"

    def flap(self, key: str, *, now: float) -> bool:
        """Count one change of ``key`` for another; return whether it is suppressed from now on."""
        moment = self._time.read(now)
        record = self._records.get(key) or self._enter(key, moment)
        if record is None:
            return False
        penalty = min(self._decayed(record, moment) + self._cost, self._ceiling)
        record.penalty = penalty
        record.at = moment
        if penalty > self.limits.suppress:
            record.suppressed = True
        self._records.move_to_end(key)
        return record.suppressed

    def suppressed(self, key: str, *, now: float) -> bool:
        """Tell whether ``key`` is suppressed."""
        record = self._records.get(key)
        if record is None or not record.suppressed:
            return False
        self._decayed(record, self._time.read(now))
        return record.suppressed

    def penalty(self, key: str, *, now: float) -> float:
        """Return the penalty of ``key``; 0 when it is not remembered."""
        record = self._records.get(key)
        return 0.0 if record is None else self._decayed(record, self._time.read(now))

    def reuse_in(self, key: str, *, now: float) -> float | None:
        """Return in how many seconds ``key`` is let go if it flaps no more; ``None`` when it is not suppressed."""
        if not self.suppressed(key, now=now):
            return None
        return log2(self.penalty(key, now=now) / self.limits.reuse) * self.limits.half_life

    def rule(self, key: str, *, now: float) -> Ruling:
        """Say whether ``key`` should be changed now, and why."""
        retry_after = self.reuse_in(key, now=now)
        if retry_after is None:
            return Ruling(key=key, allowed=True, reason=f"{key} does not change too often.")
        reason = f"{key} was changed too often and is to be left alone for {retry_after:.0f} s."
        return Ruling(key=key, allowed=False, reason=reason, retry_after=retry_after)

    def all_suppressed(self, *, now: float) -> tuple[str, ...]:
        """Return every key that is suppressed, the one that flapped longest ago first."""
        return tuple(key for key in tuple(self._records) if self.suppressed(key, now=now))

    def _decayed(self, record: _Record, moment: float) -> float:
        """Return what is left of a penalty; a suppressed key whose penalty has decayed far enough is let go."""
        left: float = record.penalty * 2.0 ** ((moment - record.at) * self._decay)
        if record.suppressed and left <= self.limits.reuse:
            record.suppressed = False
        return left

    def _enter(self, key: str, moment: float) -> _Record | None:
        if len(self._records) >= self._most_keys and not self._make_room(moment):
            self.undamped += 1
            return None
        record = _Record(moment)
        self._records[key] = record
        return record

    def _make_room(self, moment: float) -> bool:
        for key, record in islice(self._records.items(), _LOOKED_AT):
            self._decayed(record, moment)
            if not record.suppressed:
                del self._records[key]
                return True
        return False
