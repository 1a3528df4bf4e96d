"""The window of the newest demands: what only raw, equally weighted demands can tell."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import islice
from math import sqrt
from typing import NamedTuple, Self

from vsm_mcp.model.operation import Stage
from vsm_mcp.variety.statistics.drift import DriftDetector

WINDOW = 4096
FEWEST_FOR_TREND = 60
"""With fewer demands, 30 in each half, a trend is not told from chance."""


class Trend(NamedTuple):
    """How the share of lost demand changes.

    Attributes:
        change: The lost share of the newer half of the window, minus that of the older half; above 0 it gets worse.
        error: The standard error of the change: within about twice that much it is indistinguishable from chance.
    """

    change: float
    error: float


class Drift(NamedTuple):
    """Whether demand is still as it was.

    Attributes:
        bits: By how much the shares of late explain the newest demands better than the shares of before.
        drifting: Whether that is more than chance brings about.
        began: How many demands ago the drift began, most likely; ``None`` without a drift.
    """

    bits: float
    drifting: bool
    began: int | None


class DemandWindow:
    """Keeps the newest demands, in order, for the figures that are computed on demand.

    Attributes:
        kinds: The kinds, oldest first. Append to it and to ``stages`` for each demand.
        stages: The stages where these demands ended.
    """

    __slots__ = ("_detector", "_followed", "_read", "kinds", "stages")

    def __init__(self, *, observed: int = 0) -> None:
        """Start empty, after ``observed`` demands that are not in it."""
        self.kinds: deque[str] = deque(maxlen=WINDOW)
        self.stages: deque[Stage] = deque(maxlen=WINDOW)
        self._detector: DriftDetector | None = None
        self._followed = 0
        self._read = observed

    def __len__(self) -> int:
        """Return how many demands are in the window."""
        return len(self.kinds)

    def extend(self, window: Self, *, share: float) -> None:
        """Take the newest demands of another window, which has ``share`` of all demand; their order says nothing."""
        start = max(len(window) - round(WINDOW * share), 0)
        self.kinds.extend(islice(window.kinds, start, None))
        self.stages.extend(islice(window.stages, start, None))

    def counts(self) -> Sequence[int]:
        """Return how often each kind is in the window."""
        return tuple(Counter(self.kinds).values())

    def absorbed_share(self, demands: int) -> float | None:
        """Return the share of the newest ``demands`` that was absorbed; ``None`` when there are none."""
        count = min(demands, len(self.stages))
        if count < 1:
            return None
        return 1.0 - _lost_share(islice(self.stages, len(self.stages) - count, None), count)

    def trend(self) -> Trend | None:
        """Return how the share of lost demand changes; ``None`` with fewer than 60 demands."""
        half = len(self.stages) // 2
        if 2 * half < FEWEST_FOR_TREND:
            return None
        older = _lost_share(islice(self.stages, half), half)
        newer = _lost_share(islice(self.stages, len(self.stages) - half, None), half)
        error = sqrt((older * (1.0 - older) + newer * (1.0 - newer)) / half)
        return Trend(newer - older, error)

    def drift(self, observed: int) -> Drift | None:
        """Return whether demand drifts; ``None`` before the first demand that is not from another window.

        The detector catches up on the demands since it was asked last. Of those only the newest 4096 are there: who
        asks more seldom than that skips the ones before, which delays what is detected and falsifies nothing.

        Args:
            observed: How many demands there were up to now.
        """
        unread = min(observed - self._read, len(self.kinds))
        if unread > 0:
            detector = self._detector = self._detector or DriftDetector()
            for kind in islice(self.kinds, len(self.kinds) - unread, None):
                detector.observe(kind)
            self._followed += unread
            self._read = observed
        if self._detector is None:
            return None
        since = self._detector.since
        began = None if since is None else self._followed - since
        return Drift(self._detector.bits, self._detector.drifting, began)


def _lost_share(stages: Iterable[Stage], count: int) -> float:
    return sum(stage is not Stage.ABSORBED for stage in stages) / count
