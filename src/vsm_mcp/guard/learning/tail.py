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
from collections import Counter, defaultdict

_PER_OCTAVE = 8
_TAIL = 0.1
_EVERY = 32
_SELDOM, _OFTEN = 256, 16
"""What was learned is looked at after each sixteenth more, and at least after every 256 values."""
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

    Attributes:
        limit: What is beyond it is too large.
        edge: From it on a value is in the tail.
        run: How many of the last values were in the tail, weighed; 0 as long as that is usual.
        typical: The median.
    """

    __slots__ = (
        "_buckets",
        "_counted",
        "_factor",
        "_fit_at",
        "_fresh",
        "_groups",
        "_learn",
        "_least_limit",
        "_memory",
        "_peak",
        "_reach",
        "_risk",
        "_run_limit",
        "_told",
        "_total",
        "edge",
        "limit",
        "run",
        "typical",
    )

    def __init__(self, *, learn: int, risk: float, factor: float, memory: int) -> None:
        """Start without having seen anything."""
        self.limit: float = math.inf
        self.typical: float = 0.0
        self._buckets = defaultdict[int, float](float)
        self._total = 0.0
        self._fresh: list[float] = []
        self._counted = 0
        self._fit_at = learn
        self.edge: float = math.inf
        self.run: float = 0.0
        self._peak = 0.0
        self._told = False
        self._groups = self._reach = 0.0
        self._least_limit = self._run_limit = -math.log(risk)
        self._learn = learn
        self._risk = risk
        self._factor = factor * 2 ** (1 / _PER_OCTAVE)
        self._memory = memory

    @property
    def seen(self) -> int:
        """How many values were learned."""
        return self._counted + len(self._fresh)

    @property
    def share(self) -> float:
        """How near a run of large values is to being out of the usual; 1 is at the limit."""
        return self.run / self._run_limit

    def add(self, value: float) -> bool:
        """Learn a value; tell whether with it too many of the last ones were large.

        A value beyond the limit is learned as one at the limit, so that a single one cannot move the limit far.
        """
        self.add_usual(value)
        large = value >= self.edge
        return self._sum(large=large) if large or self.run > 0 else False

    def add_usual(self, value: float) -> None:
        """Learn a value that is not in the tail, while no run is open."""
        fresh = self._fresh
        fresh.append(value)
        if len(fresh) >= _EVERY:
            self._count()

    def _count(self) -> None:
        """Put the newest values into their buckets, and look at all when it is time."""
        limit, buckets = self.limit, self._buckets
        for value, times in Counter(self._fresh).items():
            buckets[int(math.log2(min(value, limit) + 1) * _PER_OCTAVE)] += times
        self._counted += len(self._fresh)
        self._fresh.clear()
        if self._counted >= self._fit_at:
            self._fit_at = self._counted + min(_SELDOM, self._counted // _OFTEN)
            self._fit()

    def _sum(self, *, large: bool) -> bool:
        """Go on with the cumulative sum; tell whether it passes its bound, once until it has returned to nothing."""
        run = self.run
        if large:
            self.run = run = min(run + _UP, _FURTHEST * self._run_limit)
            self._peak = max(self._peak, run)
            if run < self._run_limit or self._told:
                return False
            self._told = True
            return self.seen > _LONGER * self._learn
        self.run = max(0.0, run + _DOWN)
        if self.run <= 0:
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
        self._total = sum(self._buckets.values())
        if self._total > self._memory:
            halves = {bucket: count / 2 for bucket, count in self._buckets.items() if count >= _FADED}
            self._buckets = defaultdict(float, halves)
            self._total = sum(halves.values())
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
        self.edge = 2 ** ((edge + 1) / _PER_OCTAVE) - 1
        self.limit = max(2 ** ((edge + 1 + reach) / _PER_OCTAVE), (self.edge + 1) * self._factor) - 1
