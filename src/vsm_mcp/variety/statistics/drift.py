"""Whether the demand of now is still the demand that was learnt: a running likelihood ratio over its kinds."""

from collections import deque
from math import log2
from sys import float_info

from vsm_mcp.errors import ConfigurationError

DEFAULT_THRESHOLD = 12.0
DEFAULT_FAST = 200.0
DEFAULT_SLOW = 2000.0
DEFAULT_MASS = 20.0
DEFAULT_MOST_KINDS = 1000


class DriftDetector:
    """Detects that the shares of the kinds of demand have changed, by a cumulative sum (Page 1954).

    Two sets of shares are learnt, one that forgets fast and one that forgets slowly. Each demand adds ``log2(p_fast /
    p_slow)`` of its kind to the sum, which never falls below 0; both shares are those from *before* the demand. While
    the slow shares are right, each step multiplies a likelihood by a factor of mean 1, so the mean number of demands
    between two false alarms is at least ``2 ** threshold`` (Lorden 1971), 4096 for 12 bits. Measured, false
    alarms are far rarer; the shares are estimates however, so the bound itself is not a guarantee.

    The fast shares are drawn to the slow ones as if ``mass`` demands had been seen that agree with these. By both it is
    equally likely that a kind is new, so its first demand adds nothing. The sum is cut at twice the threshold, so that
    a drift that is over is seen to be over: it lasts until the sum is back at 0, when the slow shares have caught up.

    A kind of a few percent among hundreds of others stays below the noise of the shares; ``novelty`` shows it instead.

    Args:
        threshold: Bits from which demand counts as drifting. 12 is for few false alarms, 8 for where one is cheap.
        fast: Half-life of the fast shares, in demands.
        slow: Half-life of the slow shares, in demands; longer than ``fast``.
        mass: How many demands the fast shares are drawn to the slow ones with.
        most_kinds: Kinds that are told apart. Further ones are counted as one kind, and each of their demands as new,
            until older kinds have faded.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = (
        "_bits",
        "_cells",
        "_drifting",
        "_fast",
        "_fast_growth",
        "_fast_total",
        "_left_zero",
        "_mass",
        "_most",
        "_most_kinds",
        "_novel",
        "_observations",
        "_others",
        "_recent",
        "_slow",
        "_slow_growth",
        "_slow_half_life",
        "_slow_total",
        "_swept",
        "_threshold",
    )

    def __init__(
        self,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        fast: float = DEFAULT_FAST,
        slow: float = DEFAULT_SLOW,
        mass: float = DEFAULT_MASS,
        most_kinds: int = DEFAULT_MOST_KINDS,
    ) -> None:
        """Start without any demand."""
        _refuse(threshold=threshold, fast=fast, slow=slow, mass=mass, most_kinds=most_kinds)
        self._threshold = threshold
        self._most = 2.0 * threshold
        self._fast_growth = 2.0 ** (1.0 / fast)
        self._slow_growth = 2.0 ** (1.0 / slow)
        self._slow_half_life = slow
        self._mass = mass
        self._most_kinds = most_kinds
        self._recent = int(fast)
        self._observations = 0
        self.reset()

    def __repr__(self) -> str:
        """Show the sum, and since when demand drifts."""
        return f"DriftDetector(n={self._observations}, bits={self._bits:.3g}, since={self.since})"

    def observe(self, kind: str) -> float:
        """Count one demand; return the sum in bits."""
        cell = self._cells.get(kind)
        if cell is None:
            cell = self._enter(kind)
        fast, slow, bits = self._fast, self._slow, self._bits
        mass = self._mass * fast
        if cell[1]:
            bits += log2((cell[0] / cell[1] * self._slow_total + mass) / (self._fast_total + mass))
        cell[0] += fast
        cell[1] += slow
        self._fast_total += fast
        self._slow_total += slow
        self._fast = fast = fast * self._fast_growth
        self._slow = slow * self._slow_growth
        self._observations += 1
        if fast > _LARGEST_WEIGHT:
            self._rescale()
        if bits <= 0.0:
            self._left_zero = self._observations
            self._drifting = False
            bits = 0.0
        elif bits >= self._threshold:
            self._drifting = True
            bits = min(bits, self._most)
        self._bits = bits
        return bits

    @property
    def observations(self) -> int:
        """How many demands were counted."""
        return self._observations

    @property
    def bits(self) -> float:
        """The sum now: how much better the fast shares have explained demand lately than the slow ones."""
        return self._bits

    @property
    def drifting(self) -> bool:
        """Whether the sum has reached the threshold and is not back at 0 yet."""
        return self._drifting

    @property
    def since(self) -> int | None:
        """The likeliest first demand of the present drift, counted from 0; ``None`` while there is no drift.

        It is the first demand since the sum was 0 the last time (the maximum-likelihood estimate of Page's sum).
        """
        return self._left_zero if self._drifting else None

    @property
    def novelty(self) -> float | None:
        """The share of new kinds among the last ``fast`` demands; ``None`` while there were fewer."""
        if self._observations < self._recent:
            return None
        self._forget_novel()
        return len(self._novel) / self._recent

    def reset(self) -> None:
        """Take whatever comes next as normal: forget all shares and start at 0 bits. The count of demands goes on."""
        self._cells: dict[str, list[float]] = {}
        self._others = [0.0, 0.0]
        self._fast = self._slow = 1.0
        self._fast_total = self._slow_total = 0.0
        self._bits = 0.0
        self._drifting = False
        self._left_zero = self._observations
        self._swept = self._observations
        self._novel: deque[int] = deque()

    def _enter(self, kind: str) -> list[float]:
        """Return the cell of a kind that has none: a new one, or that of all others when there is no room."""
        self._forget_novel()
        self._novel.append(self._observations)
        if len(self._cells) >= self._most_kinds:
            self._sweep()
        if len(self._cells) >= self._most_kinds:
            return self._others
        cell = self._cells[kind] = [0.0, 0.0]
        return cell

    def _forget_novel(self) -> None:
        novel, oldest = self._novel, self._observations - self._recent
        while novel and novel[0] < oldest:
            novel.popleft()

    def _sweep(self) -> None:
        """Make room by forgetting kinds that have faded, at most once per slow half-life."""
        if self._observations - self._swept < self._slow_half_life:
            return
        self._swept = self._observations
        faded = self._slow * _FADED
        for kind in [kind for kind, cell in self._cells.items() if cell[1] < faded]:
            cell = self._cells.pop(kind)
            self._fast_total -= cell[0]
            self._slow_total -= cell[1]

    def _rescale(self) -> None:
        """Count all weights in units of the next demand's, which keeps them representable."""
        fast, slow = self._fast, self._slow
        cells = (*self._cells.values(), self._others)
        for cell in cells:
            cell[0] /= fast
            cell[1] /= slow
        self._fast_total = sum(cell[0] for cell in cells)
        self._slow_total = sum(cell[1] for cell in cells)
        self._fast = self._slow = 1.0


_LARGEST_WEIGHT = 1e120
_FADED = 2.0**-10
_LARGEST_OPTION = 1e6


def _refuse(*, threshold: float, fast: float, slow: float, mass: float, most_kinds: int) -> None:
    for name, value in (("threshold", threshold), ("mass", mass)):
        if not 0.0 < value <= _LARGEST_OPTION:
            raise ConfigurationError(
                f"A {name} of {value} cannot be used.",
                remedies=(f"Give a number above 0, at most {_LARGEST_OPTION:.0f}.",),
            )
    if not (1.0 <= fast < slow and fast <= _LARGEST_OPTION and slow <= float_info.max):
        raise ConfigurationError(
            f"Half-lives of {fast} and {slow} demands cannot be compared.",
            remedies=(f"Give a fast one of 1 to {_LARGEST_OPTION:.0f}, and a slow one that is longer.",),
        )
    if most_kinds < 1:
        raise ConfigurationError(f"{most_kinds} kinds are too few.", remedies=("Allow at least one kind.",))
