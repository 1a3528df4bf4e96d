"""What the units report of themselves: the success that System 3 hears of, and that the audit compares with."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.control.figures import LONGEST_NAME, refuse_outside

DEFAULT_DISCOUNT = 0.995
DEFAULT_MOST_UNITS = 1_000

_LONGEST = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What one unit reported.

    Attributes:
        successes: Weight of the operations that it reported as done; each later one discounts those before.
        failures: Weight of those that it reported as failed.
        elapsed: Seconds that an operation took, by the same weights; ``None`` when no time was known.
        n: How many operations that is, undiscounted.
    """

    successes: float
    failures: float
    elapsed: float | None
    n: int

    @property
    def share(self) -> float:
        """The share of its operations that the unit reports as done."""
        return self.successes / (self.successes + self.failures)


class ReportedOutcomes:
    """Keeps what each unit reported, the newest weighing most.

    Args:
        discount: What the older reports of a unit are multiplied by at each new one: with 0.995 a report weighs half
            after about 140 more.
        most_units: How many units are told apart; beyond, the one that was silent longest is forgotten.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = ("_discount", "_most", "_units")

    def __init__(self, *, discount: float = DEFAULT_DISCOUNT, most_units: int = DEFAULT_MOST_UNITS) -> None:
        """Begin without any report."""
        refuse_outside("A discount", discount, (0.0, 1.0), above=True, error=ConfigurationError)
        refuse_outside("A number of units", most_units, (1, 1_000_000), error=ConfigurationError)
        self._discount = discount
        self._most = most_units
        self._units: OrderedDict[str, _Sums] = OrderedDict()

    def __repr__(self) -> str:
        """Show how many units reported."""
        return f"ReportedOutcomes(units={len(self._units)})"

    def __len__(self) -> int:
        """Return how many units reported."""
        return len(self._units)

    @property
    def units(self) -> Sequence[str]:
        """The units that reported, the one that was silent longest first."""
        return tuple(self._units)

    def note(self, unit: str, *, absorbed: bool, elapsed: float) -> bool:
        """Record one operation as its unit reports it; return whether the unit is new.

        It is called where events are heard, so it never raises: a time that is no finite number of seconds from 0 up is
        left out of the mean, and a name that is too long is cut.
        """
        name = unit[:LONGEST_NAME]
        sums = self._units.get(name)
        new = sums is None
        if sums is None:
            sums = self._units[name] = _Sums()
            if len(self._units) > self._most:
                self._units.popitem(last=False)
        else:
            self._units.move_to_end(name)
        sums.add(self._discount, elapsed, absorbed=absorbed)
        return new

    def forget(self, unit: str) -> None:
        """Forget what a unit reported; nothing happens when it reported nothing."""
        self._units.pop(unit[:LONGEST_NAME], None)

    def of(self, unit: str) -> Reported | None:
        """Return what a unit reported; ``None`` when it reported nothing, or so long ago that it is forgotten."""
        sums = self._units.get(unit[:LONGEST_NAME])
        return None if sums is None else sums.summary()


class _Sums:
    __slots__ = ("_failures", "_n", "_seconds", "_successes", "_timed")

    def __init__(self) -> None:
        self._successes = self._failures = self._seconds = self._timed = 0.0
        self._n = 0

    def add(self, discount: float, elapsed: float, *, absorbed: bool) -> None:
        self._n += 1
        self._successes = discount * self._successes + absorbed
        self._failures = discount * self._failures + (not absorbed)
        if 0.0 <= elapsed <= _LONGEST:  # NaN is never between anything
            self._seconds = discount * self._seconds + elapsed
            self._timed = discount * self._timed + 1.0

    def summary(self) -> Reported:
        elapsed = self._seconds / self._timed if self._timed else None
        return Reported(successes=self._successes, failures=self._failures, elapsed=elapsed, n=self._n)
