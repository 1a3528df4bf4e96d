"""The resource bargain: what a unit gets, what it promises for it, and what it answers for afterwards."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.control.allocation import dominant_share
from vsm_mcp.systems.control.figures import refuse_name, refuse_outside
from vsm_mcp.systems.control.sequential import beta_interval

DAY = 86_400.0
CHANGE = 1.25
"""By how much a weight changes at most when a bargain is settled."""

LIMITS = (0.25, 4.0)
"""Between which limits a weight stays."""

_LONGEST_PERIOD = 366.0 * DAY
_LARGEST = 1e100


class Keeping(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    MISSED = "missed"
    UNDECIDED = "undecided"
    UNOBSERVED = "unobserved"


class Basis(StrEnum):
    """Where the actual share of a settlement comes from."""

    REPORTED = "reported"
    AUDITED = "audited"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """What a unit asks for, and what it offers.

    Attributes:
        unit: Who asks.
        amounts: How much of each resource it asks for.
        promised_share: The share of its demand that it will absorb when it gets all of that.
        period: For how many seconds.

    Raises:
        PayloadError: A figure makes no sense.
    """

    unit: str
    amounts: Mapping[str, float]
    promised_share: float
    period: float = DAY

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        refuse_name("The name of a unit", self.unit)
        refuse_outside(f"The share that {self.unit!r} promises", self.promised_share, (0.0, 1.0), above=True)
        refuse_outside(f"The period of {self.unit!r}", self.period, (0.0, _LONGEST_PERIOD), above=True)


class ResourceBargain(Report, frozen=True):
    """What System 3 and a unit agreed on.

    Attributes:
        unit: The unit.
        asked: How much of each resource it asked for.
        granted: How much it got.
        promised_share: The share of its demand that it promises to absorb with what it got: its offer, reduced as what
            it got is less than what it asked for. Nobody answers for what was not given.
        offered_share: What it offered for all that it asked for.
        weight: How much it counted when resources were shared.
        begins_at: When the bargain begins, in seconds since 1970.
        ends_at: When it ends.
    """

    unit: str
    asked: Mapping[str, float]
    granted: Mapping[str, float]
    promised_share: float
    offered_share: float
    weight: float
    begins_at: float
    ends_at: float


class Settlement(Report, frozen=True):
    """What became of a bargain, and what follows.

    Attributes:
        unit: The unit.
        promised_share: What it had promised.
        actual_share: What it absorbed of its demand; ``None`` when there was no demand.
        interval: Where the actual share is in 19 of 20 cases; ``None`` when there was no demand.
        n: How many demands that is, or how much weight.
        basis: Whether the unit reported it or an audit found it.
        keeping: Missed only when the whole interval is below the promise; kept when the actual share reaches it.
        weight_before: How much the unit counted.
        weight_after: How much it counts next time.
        settled_at: When, in seconds since 1970.
    """

    unit: str
    promised_share: float
    actual_share: float | None
    interval: tuple[float, float] | None
    n: float
    basis: Basis
    keeping: Keeping
    weight_before: float
    weight_after: float
    settled_at: float


class Adherence(Report, frozen=True):
    """How well bargains are kept.

    Attributes:
        share: Mean of what was absorbed by what was promised, 1 at most for each; ``None`` before there is any.
        kept: How many promises were reached.
        missed: How many were missed beyond doubt.
        undecided: How many were not reached, but could have been by chance.
        unobserved: How many met no demand; they are not in ``share``.
        n: How many settlements ``share`` is the mean of.
    """

    share: float | None
    kept: int
    missed: int
    undecided: int
    unobserved: int
    n: int


def strike(
    requests: Sequence[ResourceRequest],
    capacities: Mapping[str, float],
    *,
    weights: Mapping[str, float],
    now: float,
) -> tuple[ResourceBargain, ...]:
    """Share resources among units, and note what each promises for its part.

    What the units get are equal dominant shares by weight; with one resource that is max-min fairness.

    Args:
        requests: What is asked for, one request by unit.
        capacities: How much there is of each resource.
        weights: How much each unit counts; 1 where none is given.
        now: The present, in seconds since 1970.

    Raises:
        PayloadError: A figure makes no sense, a unit asks twice, for nothing, or for what does not exist.
    """
    if not requests:
        return ()
    # Who asks for none of something that is used up asks for what there is.
    asked = {one.unit: {name: amount for name, amount in one.amounts.items() if amount} for one in requests}
    if len(asked) < len(requests):
        raise PayloadError("A unit asks twice.", remedies=("Put what a unit asks for into one request.",))
    # Nobody takes more than was asked for: a request is one task, and one is the limit.
    shared = dominant_share(capacities, asked, weights=weights, limits=dict.fromkeys(asked, 1.0))
    return tuple(
        _agreed(request, shared.multiples[request.unit], weight=weights.get(request.unit, 1.0), now=now)
        for request in requests
    )


def settle(
    bargain: ResourceBargain, evidence: tuple[float, float], *, weight: float, now: float, basis: Basis
) -> Settlement:
    """Compare what was promised with what was absorbed, and say how much the unit counts from now on.

    Args:
        bargain: What was agreed.
        evidence: How much demand the unit absorbed, and how much it did not.
        weight: How much the unit counted.
        now: The present, in seconds since 1970.
        basis: Where the evidence comes from.

    Raises:
        PayloadError: A figure makes no sense.
    """
    absorbed, failed = evidence
    for what, value in (("What was absorbed", absorbed), ("What failed", failed)):
        refuse_outside(f"{what} by {bargain.unit!r}", value, (0.0, 1e15))
    refuse_outside(f"The weight of {bargain.unit!r}", weight, (0.0, _LARGEST), above=True)
    n = absorbed + failed
    actual = absorbed / n if n else None
    interval = beta_interval(absorbed, failed) if n else None
    keeping = _keeping(bargain.promised_share, actual, interval)
    return Settlement(
        unit=bargain.unit,
        promised_share=bargain.promised_share,
        actual_share=actual,
        interval=interval,
        n=n,
        basis=basis,
        keeping=keeping,
        weight_before=weight,
        weight_after=next_weight(weight, keeping, promised=bargain.promised_share, interval=interval),
        settled_at=now,
    )


def next_weight(weight: float, keeping: Keeping, *, promised: float, interval: tuple[float, float] | None) -> float:
    """Return how much a unit counts after a settlement.

    Who missed a promise counts less, in proportion to the best that the evidence allows; who did more than promised
    beyond doubt counts more, in proportion to the least that it shows; who kept it returns towards 1. What is not
    decided changes nothing. One settlement changes a weight by a quarter at most, and it stays between 1/4 and 4: a
    unit is neither starved nor spoilt by one bad or good period. These limits are a choice, not a finding.
    """
    low, high = interval or (promised, promised)
    factor = 1.0
    if keeping is Keeping.MISSED:
        factor = max(high / promised, 1.0 / CHANGE)
    elif keeping is Keeping.KEPT:
        gentle = min(max(1.0 / weight, 1.0 / CHANGE), CHANGE)
        factor = min(low / promised, CHANGE) if low > promised > 0.0 else gentle
    return min(max(weight * factor, LIMITS[0]), LIMITS[1])


def adherence(settlements: Iterable[Settlement]) -> Adherence:
    """Return how well these bargains were kept."""
    ratios: list[float] = []
    counts = dict.fromkeys(Keeping, 0)
    for settled in settlements:
        counts[settled.keeping] += 1
        if settled.actual_share is not None:
            ratios.append(_fulfilled(settled.actual_share, settled.promised_share))
    return Adherence(
        share=math.fsum(ratios) / len(ratios) if ratios else None,
        kept=counts[Keeping.KEPT],
        missed=counts[Keeping.MISSED],
        undecided=counts[Keeping.UNDECIDED],
        unobserved=counts[Keeping.UNOBSERVED],
        n=len(ratios),
    )


def _agreed(request: ResourceRequest, part: float, *, weight: float, now: float) -> ResourceBargain:
    return ResourceBargain(
        unit=request.unit,
        asked=dict(request.amounts),
        granted={name: amount * part for name, amount in request.amounts.items()},
        promised_share=request.promised_share * part,
        offered_share=request.promised_share,
        weight=weight,
        begins_at=now,
        ends_at=now + request.period,
    )


def _keeping(promised: float, actual: float | None, interval: tuple[float, float] | None) -> Keeping:
    if actual is None or interval is None:
        return Keeping.UNOBSERVED
    if actual >= promised:
        return Keeping.KEPT
    return Keeping.MISSED if interval[1] < promised else Keeping.UNDECIDED


def _fulfilled(actual: float, promised: float) -> float:
    return 1.0 if actual >= promised else actual / promised
