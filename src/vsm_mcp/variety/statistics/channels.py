"""The channel meter: how much of what enters a channel comes out of it, in constant time per event."""

from collections.abc import Mapping
from math import e, fsum, isinf, log, log2, tanh
from sys import float_info

from pydantic import Field

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.variety.meter import DEFAULT_HALF_LIFE, LARGEST_WEIGHT, OTHER, growth_of

DEFAULT_MOST_KINDS = 100
LARGEST_MOST_KINDS = 1_000
LONGEST_KIND = 200

LOST_TOLERANCE = 1e-6
"""Bits of loss that count as none: rounding, and what has faded but is not forgotten yet."""

_SMALLEST_SHARE = 1e-9
"""Share of all weight below which a pair has faded."""

_PRUNE_AFTER = 1024.0
"""Growth of the weight, ten half-lives, after which it is worth looking for kinds that have faded."""

_LEAST_BITS = 1e-9
"""Variety below which a ratio to it says nothing."""


class ChannelReport(Report, frozen=True):
    """What a channel did with the variety that entered it; ``None`` where nothing is known.

    The figures are those of the events observed (plug-in). From few events ``transmitted_bits`` is too high;
    ``transmitted_bits_corrected`` is the estimate to decide by.

    Attributes:
        input_bits: ``H(X)``: the variety that entered.
        output_bits: ``H(Y)``: the variety that came out.
        transmitted_bits: ``I(X;Y)``: what came out of what entered.
        transmitted_bits_corrected: The same with the Miller-Madow correction of all three entropies.
        lost_bits: ``H(X|Y)``: what entered and cannot be told from what came out; ``input = transmitted + lost``.
        noise_bits: ``H(Y|X)``: what came out and did not enter; ``output = transmitted + noise``.
        attenuation: ``H(X) / H(Y)``: above 1 the channel reduces variety (Beer's attenuator).
        amplification: ``H(Y) / H(X)``: above 1 it increases variety.
        fidelity: ``I(X;Y) / H(X)``: the part of the input's variety that arrives.
        utilisation: ``rate * H(X) / capacity``: below 1 the channel can keep up (Beer's second principle of
            organisation).
        within_capacity: The utilisation is below 1.
        transduces: What enters is encoded without loss beyond what was declared, in no fewer kinds (Beer's third
            principle).
        kinds_in: Kinds that entered.
        kinds_out: Kinds that came out.
        pairs: Pairs of them that occurred.
        n: How many events were observed.
        n_effective: How many equally weighted events tell as much (Kish).
        basis: Where the figures come from, in words.
    """

    input_bits: float | None = Field(ge=0)
    output_bits: float | None = Field(ge=0)
    transmitted_bits: float | None = Field(ge=0)
    transmitted_bits_corrected: float | None = Field(ge=0)
    lost_bits: float | None = Field(ge=0)
    noise_bits: float | None = Field(ge=0)
    attenuation: float | None
    amplification: float | None
    fidelity: float | None
    utilisation: float | None
    within_capacity: bool | None
    transduces: bool | None
    kinds_in: int
    kinds_out: int
    pairs: int
    n: int
    n_effective: float | None
    basis: str


class _Side:
    """The weight of one kind on one side; on the input side also its pairs."""

    __slots__ = ("log", "pairs", "weight")

    def __init__(self) -> None:
        self.weight = 0.0
        self.log = 0.0
        self.pairs: dict[str, _Pair] = {}


class _Pair:
    __slots__ = ("log", "output", "weight")

    def __init__(self, output: _Side) -> None:
        self.weight = 0.0
        self.log = 0.0
        self.output = output


class ChannelMeter:
    """Measures a channel by the pairs of what entered it and what came out.

    Event ``n`` weighs ``2 ** (n / half_life)`` (forward decay, Cormode et al. 2009), so nothing old is touched. Running
    sums of ``w log2 w`` over inputs, outputs and pairs give the three entropies, and these all the rest (Shannon 1948,
    section 12).

    Args:
        half_life: Events after which an observation weighs half; ``inf`` forgets nothing.
        most_kinds: Kinds that are told apart on each side, at most 1,000. Further ones are counted together as
            ``OTHER`` until older ones have faded; telling fewer apart can only make the measured varieties smaller.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    __slots__ = (
        "_growth", "_half_life", "_input_logs", "_inputs", "_most_kinds", "_observations", "_output_logs",
        "_outputs", "_pair_logs", "_pairs", "_pruned_at", "_total", "_weight",
    )  # fmt: skip

    def __init__(self, *, half_life: float = DEFAULT_HALF_LIFE, most_kinds: int = DEFAULT_MOST_KINDS) -> None:
        """Start without any observation."""
        if not 1 <= most_kinds <= LARGEST_MOST_KINDS:
            raise ConfigurationError(
                f"{most_kinds} kinds on each side cannot be told apart.",
                remedies=(f"Allow 1 to {LARGEST_MOST_KINDS} kinds.",),
            )
        self._growth = growth_of(half_life)
        self._half_life = half_life
        self._most_kinds = most_kinds
        self._inputs: dict[str, _Side] = {}
        self._outputs: dict[str, _Side] = {}
        self._pairs = 0
        self._observations = 0
        self._weight = self._pruned_at = 1.0
        self._total = self._input_logs = self._output_logs = self._pair_logs = 0.0

    def __repr__(self) -> str:
        """Show what was observed."""
        return f"ChannelMeter(n={self._observations}, in={len(self._inputs)}, out={len(self._outputs)})"

    def observe(self, entered: str, came_out: str) -> None:
        """Count one event: ``entered`` went in, ``came_out`` was seen at the other end.

        Raises:
            PayloadError: A kind has no or more than 200 characters.
        """
        source = self._inputs.get(entered)
        pair = source.pairs.get(came_out) if source is not None else None
        if source is None or pair is None:
            source, pair = self._enter(entered, came_out)
        output = pair.output
        weight = self._weight
        source.weight = now = source.weight + weight
        log = now * log2(now)
        self._input_logs += log - source.log
        source.log = log
        output.weight = now = output.weight + weight
        log = now * log2(now)
        self._output_logs += log - output.log
        output.log = log
        pair.weight = now = pair.weight + weight
        log = now * log2(now)
        self._pair_logs += log - pair.log
        pair.log = log
        self._total += weight
        self._observations += 1
        self._weight = weight = weight * self._growth
        if weight > LARGEST_WEIGHT:
            self._rescale()

    @property
    def observations(self) -> int:
        """How many events were counted, whatever they weigh now."""
        return self._observations

    @property
    def effective_observations(self) -> float | None:
        """How many equally weighted events tell as much (Kish): a sum that is known in closed form."""
        if not self._observations:
            return None
        if isinf(self._half_life):
            return float(self._observations)
        half_step = _HALF_LN_2 / self._half_life  # (1 - x) / (1 + x) is tanh(-log(x) / 2), which loses no digits
        return tanh(self._observations * half_step) / tanh(half_step)

    @property
    def input_bits(self) -> float | None:
        """``H(X)``: the variety that entered."""
        return self._entropy(self._input_logs, len(self._inputs))

    @property
    def output_bits(self) -> float | None:
        """``H(Y)``: the variety that came out."""
        return self._entropy(self._output_logs, len(self._outputs))

    @property
    def transmitted_bits(self) -> float | None:
        """``I(X;Y) = H(X) + H(Y) - H(X,Y)``: what came out of what entered; at most either variety."""
        entered, out, both = self._three()
        if entered is None or out is None or both is None:
            return None
        return min(max(entered + out - both, 0.0), entered, out)

    @property
    def lost_bits(self) -> float | None:
        """``H(X|Y)``: what entered and cannot be told from what came out."""
        entered, transmitted = self.input_bits, self.transmitted_bits
        return None if entered is None or transmitted is None else entered - transmitted

    @property
    def noise_bits(self) -> float | None:
        """``H(Y|X)``: what came out and did not enter."""
        out, transmitted = self.output_bits, self.transmitted_bits
        return None if out is None or transmitted is None else out - transmitted

    def weights(self) -> Mapping[tuple[str, str], float]:
        """Return the share of each pair of what entered and what came out. Takes time proportional to the pairs."""
        return {
            (kind, out): pair.weight / self._total
            for kind, source in self._inputs.items()
            for out, pair in source.pairs.items()
        }

    def report(
        self,
        *,
        events_per_second: float | None = None,
        capacity_bits_per_second: float | None = None,
        declared_lost_bits: float = 0.0,
    ) -> ChannelReport:
        """Return all figures.

        Args:
            events_per_second: How often something enters; ``None`` leaves the utilisation unknown.
            capacity_bits_per_second: What the channel carries at most; ``None`` leaves the utilisation unknown.
            declared_lost_bits: What the channel is meant to lose: an attenuation on purpose.

        Raises:
            ConfigurationError: A rate, a capacity or a loss is not a finite number of zero or more, or a capacity is
                zero.
        """
        _refuse_rates(events_per_second, capacity_bits_per_second, declared_lost_bits)
        entered, out, lost = self.input_bits, self.output_bits, self.lost_bits
        utilisation = None
        if entered is not None and events_per_second is not None and capacity_bits_per_second is not None:
            utilisation = events_per_second * entered / capacity_bits_per_second
        return ChannelReport(
            input_bits=entered,
            output_bits=out,
            transmitted_bits=self.transmitted_bits,
            transmitted_bits_corrected=self._corrected(),
            lost_bits=lost,
            noise_bits=self.noise_bits,
            attenuation=_ratio(entered, out),
            amplification=_ratio(out, entered),
            fidelity=_ratio(self.transmitted_bits, entered),
            utilisation=utilisation,
            within_capacity=None if utilisation is None else utilisation < 1.0,
            transduces=None if lost is None else self._transduces(lost, declared_lost_bits),
            kinds_in=len(self._inputs),
            kinds_out=len(self._outputs),
            pairs=self._pairs,
            n=self._observations,
            n_effective=self.effective_observations,
            basis=self._basis(),
        )

    def _transduces(self, lost: float, declared: float) -> bool:
        enough = declared > 0 or len(self._outputs) >= len(self._inputs)
        return enough and lost <= declared + LOST_TOLERANCE

    def _corrected(self) -> float | None:
        transmitted, seen = self.transmitted_bits, self.effective_observations
        if transmitted is None or seen is None:
            return None
        kinds_in, kinds_out = len(self._inputs), len(self._outputs)
        missing = (kinds_in + kinds_out - self._pairs - 1) / (2.0 * seen) * _LOG2_E
        return min(max(transmitted + missing, 0.0), log2(min(kinds_in, kinds_out)))

    def _basis(self) -> str:
        if not self._observations:
            return "no event observed yet"
        memory = "all equally" if isinf(self._half_life) else f"half-life {self._half_life:g} events"
        return f"{self._observations} events, {memory}, {self._pairs} pairs"

    def _three(self) -> tuple[float | None, float | None, float | None]:
        return self.input_bits, self.output_bits, self._entropy(self._pair_logs, self._pairs)

    def _entropy(self, logs: float, kinds: int) -> float | None:
        """Return the entropy of weights with ``sum w log2 w = logs``, without the rounding error outside its bounds."""
        if not self._observations:
            return None
        return min(max(log2(self._total) - logs / self._total, 0.0), log2(kinds))

    def _enter(self, entered: str, came_out: str) -> tuple[_Side, _Pair]:
        """Return the places of an event whose pair is new, or is counted among the others."""
        _refuse_kind(entered)
        _refuse_kind(came_out)
        if self._is_full(entered, came_out) and self._weight >= _PRUNE_AFTER * self._pruned_at:
            self._rescale()
        source = _place(self._inputs, entered, self._most_kinds)
        output = _place(self._outputs, came_out, self._most_kinds)
        out = came_out if came_out in self._outputs else OTHER
        pair = source.pairs.get(out)
        if pair is None:
            pair = source.pairs[out] = _Pair(output)
            self._pairs += 1
        return source, pair

    def _is_full(self, entered: str, came_out: str) -> bool:
        return (len(self._inputs) >= self._most_kinds and entered not in self._inputs) or (
            len(self._outputs) >= self._most_kinds and came_out not in self._outputs
        )

    def _rescale(self) -> None:
        """Divide all weights by their sum and forget the pairs that have faded: also removes rounding errors."""
        total, least = self._total, self._total * _SMALLEST_SHARE
        shares = {
            (kind, out): pair.weight / total
            for kind, source in self._inputs.items()
            for out, pair in source.pairs.items()
            if pair.weight >= least
        }
        self._weight /= total
        self._pruned_at = self._weight
        self._inputs, self._outputs = {}, {}
        for (kind, out), share in shares.items():
            source = self._inputs.setdefault(kind, _Side())
            output = self._outputs.setdefault(out, _Side())
            pair = source.pairs[out] = _Pair(output)
            pair.weight = share
            source.weight += share
            output.weight += share
        self._pairs = len(shares)
        self._sum_up()

    def _sum_up(self) -> None:
        sources, outputs = tuple(self._inputs.values()), tuple(self._outputs.values())
        pairs = [pair for source in sources for pair in source.pairs.values()]
        for cell in (*sources, *outputs, *pairs):
            cell.log = cell.weight * log2(cell.weight)
        self._total = fsum(pair.weight for pair in pairs)
        self._input_logs = fsum(cell.log for cell in sources)
        self._output_logs = fsum(cell.log for cell in outputs)
        self._pair_logs = fsum(cell.log for cell in pairs)


_LOG2_E = log2(e)
_HALF_LN_2 = log(2.0) / 2.0


def _place(side: dict[str, _Side], kind: str, most_kinds: int) -> _Side:
    known = side.get(kind)
    if known is not None:
        return known
    return side.setdefault(kind if len(side) < most_kinds else OTHER, _Side())


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None or other < _LEAST_BITS else one / other


def _refuse_kind(kind: str) -> None:
    if not 1 <= len(kind) <= LONGEST_KIND:
        raise PayloadError(
            f"A kind must have 1 to {LONGEST_KIND} characters, not {len(kind)}.",
            remedies=("Classify what passes the channel; do not count its text.",),
        )


def _refuse_rates(rate: float | None, capacity: float | None, lost: float) -> None:
    for value in (rate, capacity, lost):
        if value is not None and not 0 <= value <= float_info.max:
            raise ConfigurationError(f"{value} is not a finite number of zero or more.")
    if capacity == 0:
        raise ConfigurationError("A channel without capacity carries nothing.", remedies=("Give it a capacity.",))
