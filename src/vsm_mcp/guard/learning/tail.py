"""How large is too large, for quantities of any scale: a histogram of logarithms and the shape of its tail.

Values are counted in buckets of equal ratio, as in DDSketch (Masson, Rim and Lee, 2019), and counts are halved now and
then, so that what was long ago fades. What lies above the 90 % quantile is taken as a tail whose excess is exponential
on the logarithmic scale: exact for power laws (Hill, 1975), too wide for lighter tails, as by Pickands (1975) peaks
over a threshold are of a known family whatever the distribution. The limit is where the tail has the wanted risk, as in
streaming peaks over threshold (Siffer, Fouque, Termier and Largouet, 2017).

A limit for single values does not see that many are somewhat larger than before. That is seen by a cumulative sum
(Page, 1954) over the yes or no of being in the tail (Reynolds and Stoumbos, 1999); by Lorden (1971) the mean time
between false alarms is at least the exponential of its bound, for values that do not depend on each other. Where they
do (large ones come in groups), sums grow further before they return to nothing; how far they usually grow is learned as
well, and the bound is raised in proportion.
"""

import math

_PER_OCTAVE = 8
_TAIL = 0.1
_EVERY = 32
_LEAST_EXCESS = 1.0
_FADED = 0.5
_SHIFTED = 0.5
_FURTHEST = 4.0
_LONGER = 5
"""Groups are learned longer: there are fewer of them than of values."""
_UP = math.log(_SHIFTED / _TAIL)
_DOWN = math.log((1 - _SHIFTED) / (1 - _TAIL))


class Tail:
    """Learns a quantity and says whether a value, or a run of values, is out of the usual.

    Args:
        learn: How many values are learned before anything is said.
        risk: The share of usual values that may be taken for unusual.
        factor: A value less than this many times the 90 % quantile is never too large.
        memory: After about this many values counts are halved.
    """

    __slots__ = (
        "_buckets",
        "_edge",
        "_factor",
        "_fit_in",
        "_groups",
        "_learn",
        "_least_limit",
        "_memory",
        "_peak",
        "_reach",
        "_risk",
        "_run",
        "_run_limit",
        "_told",
        "_total",
        "limit",
        "seen",
        "typical",
    )

    def __init__(self, *, learn: int, risk: float, factor: float, memory: int) -> None:
        """Start without having seen anything."""
        self.seen: int = 0
        self.limit: float = math.inf
        self.typical: float = 0.0
        self._buckets: dict[int, float] = {}
        self._total = 0.0
        self._fit_in = learn
        self._edge = math.inf
        self._run = 0.0
        self._peak = 0.0
        self._told = False
        self._groups = self._reach = 0.0
        self._least_limit = self._run_limit = -math.log(risk)
        self._learn = _LONGER * learn
        self._risk = risk
        self._factor = factor * 2 ** (1 / _PER_OCTAVE)
        self._memory = memory

    @property
    def share(self) -> float:
        """How near a run of large values is to being out of the usual; 1 is at the limit."""
        return self._run / self._run_limit

    def add(self, value: float) -> bool:
        """Learn a value; tell whether with it too many of the last ones were large.

        A value beyond the limit is learned as one at the limit, so that a single one cannot move the limit far.
        """
        kept = min(value, self.limit)
        bucket = int(math.log2(kept + 1) * _PER_OCTAVE)
        self._buckets[bucket] = self._buckets.get(bucket, 0.0) + 1.0
        self._total += 1
        self.seen += 1
        self._fit_in -= 1
        if self._fit_in <= 0:
            self._fit()
        return self._sum(large=value >= self._edge)

    def _sum(self, *, large: bool) -> bool:
        """Go on with the cumulative sum; tell whether it passes its bound, once until it has returned to nothing."""
        run = self._run
        if large:
            self._run = run = min(run + _UP, _FURTHEST * self._run_limit)
            self._peak = max(self._peak, run)
            if run < self._run_limit or self._told:
                return False
            self._told = True
            return self.seen > self._learn
        if run <= 0:
            return False
        self._run = max(0.0, run + _DOWN)
        if self._run <= 0:
            self._return()
        return False

    def _return(self) -> None:
        """Learn how far the sum went before it returned to nothing."""
        self._groups += 1
        self._reach += (self._peak - _UP) ** 2
        self._peak, self._told = 0.0, False
        # The mean of an exponential law by its second moment: where few groups reach far, that is what matters.
        mean = math.sqrt(self._reach / self._groups / 2) * (1 + 1 / math.sqrt(self._groups))
        self._run_limit = self._least_limit * max(1.0, mean)
        if self._groups > self._memory * _TAIL:
            self._groups /= 2
            self._reach /= 2

    def _fit(self) -> None:
        self._fit_in = _EVERY
        if self._total > self._memory:
            self._buckets = {bucket: count / 2 for bucket, count in self._buckets.items() if count >= _FADED}
            self._total = sum(self._buckets.values())
        passed, median, edge, excess = 0.0, None, None, 0.0
        for bucket in sorted(self._buckets):
            count = self._buckets[bucket]
            if edge is not None:
                excess += count * (bucket - edge - 0.5)
                continue
            passed += count
            if median is None and passed >= self._total / 2:
                median = bucket
            if passed >= (1 - _TAIL) * self._total:
                edge = bucket
        self._set(median or 0, edge or 0, excess=excess, beyond=self._total - passed)

    def _set(self, median: int, edge: int, *, excess: float, beyond: float) -> None:
        """Draw the limit; the fewer values the tail has, the wider it is taken to be."""
        mean = max(_LEAST_EXCESS, excess / beyond * (1 + 1 / math.sqrt(beyond))) if beyond > 0 else _LEAST_EXCESS
        share = max(beyond / self._total, 1 / self._total)
        reach = mean * max(0.0, math.log(share / self._risk))
        self.typical = 2 ** ((median + 0.5) / _PER_OCTAVE) - 1
        self._edge = 2 ** ((edge + 1) / _PER_OCTAVE) - 1
        self.limit = max(2 ** ((edge + 1 + reach) / _PER_OCTAVE), (self._edge + 1) * self._factor) - 1
