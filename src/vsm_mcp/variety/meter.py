"""The streaming meter: how various the demand is and how much of it is covered, in constant time per event.

Event ``n`` weighs ``2 ** (n / half_life)`` (forward decay, Cormode et al. 2009), so nothing old is ever touched: shares
and entropies do not change when all weights are multiplied by one number. For kind ``i`` with weight ``w`` and coverage
``a`` the meter keeps running sums of ``w``, ``w log2 w``, ``w a``, ``a w log2 w`` and ``w (1-a) log2(1-a)``; every
figure follows from these. ``required = covered + gap`` holds by construction, in bits as in share.
"""

from collections.abc import Iterator, Mapping
from math import e, isnan, log2

from vsm_mcp.errors import ConfigurationError, PayloadError

OTHER = "Other"
"""Where demand is counted when there are too many kinds. Kinds are case-folded, so none of them is called this."""

DEFAULT_HALF_LIFE = 1000.0
DEFAULT_MOST_KINDS = 1000
DEFAULT_AVAILABLE_ABOVE = 0.5
LARGEST_WEIGHT = 1e120
SMALLEST_SHARE = 1e-9


def growth_of(half_life: float) -> float:
    """Return the factor by which each event outweighs the one before it.

    Raises:
        ConfigurationError: ``half_life`` is less than one event.
    """
    if isnan(half_life) or half_life < 1:
        raise ConfigurationError(
            f"A half-life of {half_life} events is too short.",
            remedies=("Give at least 1 event, or infinity to forget nothing.",),
        )
    return 2.0 ** (1.0 / half_life)


def refuse_bound(most_kinds: int) -> None:
    """Refuse a bound on the number of kinds that leaves no room for any.

    Raises:
        ConfigurationError: ``most_kinds`` is less than 1.
    """
    if most_kinds < 1:
        raise ConfigurationError(f"{most_kinds} kinds are too few.", remedies=("Allow at least one kind.",))


class _Cell:
    __slots__ = ("coverage", "log", "spread", "weight")

    def __init__(self, coverage: float) -> None:
        self.weight = 0.0
        self.log = 0.0
        self.coverage = coverage
        self.spread = _spread(coverage)

    def weigh(self, weight: float) -> None:
        self.weight = weight
        self.log = weight * log2(weight)


class VarietyMeter:
    """Measures the variety of a stream of demand, and the part of it that is covered.

    Args:
        half_life: Events after which an observation weighs half; ``inf`` forgets nothing.
        most_kinds: Kinds that are told apart. Further ones are counted together as ``OTHER``, which is never covered,
            until older kinds have faded. A kind with a coverage of its own always has its own place.
        available_above: A kind counts as available when its coverage is greater than this.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        half_life: float = DEFAULT_HALF_LIFE,
        most_kinds: int = DEFAULT_MOST_KINDS,
        available_above: float = DEFAULT_AVAILABLE_ABOVE,
    ) -> None:
        """Start without any observation."""
        refuse_bound(most_kinds)
        self._growth = growth_of(half_life)
        self._most_kinds = most_kinds
        self._available_above = available_above
        self._cells: dict[str, _Cell] = {}
        self._coverage: dict[str, float] = {}
        self._weight = 1.0
        self._pruned_at = 1.0
        self._observations = 0
        self._squares = 0.0
        self._sum_up()

    def __repr__(self) -> str:
        """Show what was observed."""
        return f"VarietyMeter(n={self._observations}, kinds={len(self._cells)})"

    def __contains__(self, kind: str) -> bool:
        """Return whether demand of this kind is told apart from others."""
        return kind in self._cells

    def __iter__(self) -> Iterator[str]:
        """Go through the kinds that are told apart."""
        return iter(self._cells)

    def observe(self, kind: str) -> str:
        """Count one demand; return the kind it was counted as (``kind`` or ``OTHER``)."""
        cell = self._cells.get(kind)
        if cell is None:
            kind, cell = self._enter(kind)
        weight = self._weight
        before = cell.log
        cell.weigh(cell.weight + weight)
        grown = cell.log - before
        self._total += weight
        self._logs += grown
        self._covered += weight * cell.coverage
        self._covered_logs += grown * cell.coverage
        self._spreads += weight * cell.spread
        self._squares += weight * weight
        self._observations += 1
        self._weight = weight * self._growth
        if self._weight > LARGEST_WEIGHT:
            self._rescale()
        return kind

    def set_coverage(self, kind: str, coverage: float) -> None:
        """Set the probability that a demand of ``kind`` is absorbed; 0 when there is no capability for it.

        Raises:
            PayloadError: ``coverage`` is not between 0 and 1.
        """
        if not 0.0 <= coverage <= 1.0:
            raise PayloadError(f"A coverage of {coverage} is not a probability.")
        self._coverage[kind] = coverage
        if not coverage:
            del self._coverage[kind]
        cell = self._cells.get(kind)
        if cell is None:
            return
        change = coverage - cell.coverage
        spread = _spread(coverage)
        self._covered += cell.weight * change
        self._covered_logs += cell.log * change
        self._spreads += cell.weight * (spread - cell.spread)
        self._available += (coverage > self._available_above) - (cell.coverage > self._available_above)
        cell.coverage, cell.spread = coverage, spread

    @property
    def observations(self) -> int:
        """How many demands were counted, whatever they weigh now."""
        return self._observations

    @property
    def effective_observations(self) -> float | None:
        """How many equally weighted demands tell as much (Kish); at most about 2.885 half-lives."""
        return self._total * self._total / self._squares if self._cells else None

    @property
    def kinds(self) -> int:
        """How many kinds are in demand."""
        return len(self._cells)

    @property
    def available_kinds(self) -> int:
        """How many of them have a coverage above the threshold."""
        return self._available

    @property
    def covered_share(self) -> float | None:
        """The share of demand that is covered: ``sum p a``."""
        return _clip(self._covered / self._total, 1.0) if self._cells else None

    @property
    def required_bits(self) -> float | None:
        """The variety of demand: its entropy ``H(D)``, as observed (plug-in)."""
        if not self._cells:
            return None
        return _clip(log2(self._total) - self._logs / self._total, log2(len(self._cells)))

    @property
    def corrected_bits(self) -> float | None:
        """The variety of demand with the Miller-Madow correction for kinds seen too seldom, at most ``log2 K``."""
        plain, seen = self.required_bits, self.effective_observations
        if plain is None or seen is None:
            return None
        kinds = len(self._cells)
        return _clip(plain + (kinds - 1) / (2.0 * seen) * _LOG2_E, log2(kinds))

    @property
    def covered_bits(self) -> float | None:
        """The part of the variety of demand that is covered: ``sum p a log2(1/p)``."""
        required = self.required_bits
        if required is None:
            return None
        return _clip((self._covered * log2(self._total) - self._covered_logs) / self._total, required)

    @property
    def failing_kinds(self) -> float | None:
        """How many equally frequent kinds would be as various as the uncovered demand; 0 when all is covered.

        About 1 to 3: some more capabilities close the gap. Many: only a generalist or less demand does.
        """
        if not self._cells:
            return None
        rest = self._total - self._covered
        if rest <= self._total * SMALLEST_SHARE:
            return 0.0
        bits = log2(rest) - (self._logs - self._covered_logs + self._spreads) / rest
        return 2.0 ** _clip(bits, log2(len(self._cells)))

    def shares(self) -> Mapping[str, float]:
        """Return the share of each kind in demand. Takes time proportional to the number of kinds."""
        return {kind: cell.weight / self._total for kind, cell in self._cells.items()}

    def _enter(self, kind: str) -> tuple[str, _Cell]:
        coverage = self._coverage.get(kind, 0.0)
        if not coverage and len(self._cells) >= self._most_kinds:
            if self._weight >= 2.0 * self._pruned_at:
                self._rescale()
            if len(self._cells) >= self._most_kinds:
                kind = OTHER
        cell = self._cells.get(kind)
        if cell is None:
            cell = self._cells[kind] = _Cell(coverage)
            self._available += coverage > self._available_above
        return kind, cell

    def _rescale(self) -> None:
        """Divide all weights by their sum and forget the kinds that have faded: also removes rounding errors."""
        total = self._total
        faded = [kind for kind, cell in self._cells.items() if cell.weight < total * SMALLEST_SHARE]
        for kind in faded:
            del self._cells[kind]
        for cell in self._cells.values():
            cell.weigh(cell.weight / total)
        self._weight /= total
        self._pruned_at = self._weight
        self._squares /= total * total
        self._sum_up()

    def _sum_up(self) -> None:
        cells = tuple(self._cells.values())
        self._total = sum(cell.weight for cell in cells)
        self._logs = sum(cell.log for cell in cells)
        self._covered = sum(cell.weight * cell.coverage for cell in cells)
        self._covered_logs = sum(cell.log * cell.coverage for cell in cells)
        self._spreads = sum(cell.weight * cell.spread for cell in cells)
        self._available = sum(cell.coverage > self._available_above for cell in cells)


_LOG2_E = log2(e)


def _spread(coverage: float) -> float:
    rest = 1.0 - coverage
    return rest * log2(rest) if rest else 0.0


def _clip(value: float, most: float) -> float:
    """Return ``value`` without the rounding error that took it out of its bounds."""
    return min(max(value, 0.0), most)
