"""How often calls fail usually, and whether they begin to fail more."""

import math

_LEAST = 0.02
_USUAL_AT_MOST = 0.25
_MEMORY = 2_000
_EVERY = 32


class ErrorRate:
    """Learns a rate of errors and notices, by a cumulative sum (Page, 1954), when there are many more.

    Args:
        learn: How many calls are learned before anything is said.
        risk: About how often, per call, a usual stream may be taken for an unusual one.
    """

    __slots__ = ("_bound", "_calls", "_down", "_errors", "_fit_in", "_run", "_stride", "_up", "rate")

    def __init__(self, *, learn: int, risk: float) -> None:
        """Start without having seen a call."""
        self.rate: float = 0.0
        self._calls = self._errors = 0.0
        self._fit_in = self._stride = learn
        self._bound = -math.log(risk)
        self._run = self._up = self._down = 0.0

    def add(self, *, failed: bool) -> bool:
        """Learn how a call went; tell whether with it too many failed."""
        self._fit_in -= 1
        if self._fit_in <= 0:
            self._fit(failed=failed)
        elif failed:
            self._errors += 1
        if not failed and self._run <= 0:
            return False
        self._run = max(0.0, self._run + (self._up if failed else self._down))
        if self._run < self._bound:
            return False
        self._run = 0.0
        return True

    def _fit(self, *, failed: bool) -> None:
        """Weigh errors against the usual rate; where errors are usual, nothing can be said."""
        self._calls += self._stride
        self._errors += failed
        self._stride = self._fit_in = _EVERY
        if self._calls > _MEMORY:
            self._calls /= 2
            self._errors /= 2
        self.rate = self._errors / self._calls
        usual = max(_LEAST, 1.5 * self.rate)
        if usual > _USUAL_AT_MOST:
            self._run = self._up = self._down = 0.0
            return
        unusual = max(0.5, 2 * usual)
        self._up = math.log(unusual / usual)
        self._down = math.log((1 - unusual) / (1 - usual))
