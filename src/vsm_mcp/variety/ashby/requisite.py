"""Requisite information: how much a regulator must know of its demand to keep failures below a limit."""

from collections.abc import Hashable, Mapping, Sequence
from math import fsum, inf
from operator import le, mul
from sys import float_info
from typing import TypeVar

from pydantic import Field

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.variety.ashby.information import LAW_TOLERANCE, Joint, entropy_bits, shares_of
from vsm_mcp.variety.ashby.rate import Matrix, least_rate

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)
O = TypeVar("O", bound=Hashable)  # noqa: E741 - the observation, as in the formulas

MOST_CELLS = 20_000
"""Kinds times responses that are looked at."""

MOST_RESPONSES = 1_000
MOST_SWEEPS = 10_000
DEFAULT_TOLERANCE = 1e-6

_RAREST = 1e-12
"""Share of demand below which a kind does not count."""

_DIGITS = 12
"""Digits of a probability that count."""


class RequisiteInformation(Report, frozen=True, ser_json_inf_nan="strings"):
    """The least information about demand with which a regulator keeps failures below a limit.

    Attributes:
        bits: What is enough; infinite when no regulator with these responses keeps the limit.
        at_least_bits: What is necessary: no regulator does it with less. Equal to ``bits`` up to the tolerance when
            ``converged``.
        demand_bits: The variety of demand; knowing it all is never more than this.
        tolerated: The share of failures that is tolerated.
        least_failed_share: The share that fails even when everything is known.
        blind_failed_share: The share that fails when nothing is known: the best single response for all demand.
        reachable: Some regulator keeps the limit.
        converged: Both bounds are within the tolerance.
        kinds: Kinds of demand.
        kinds_told_apart: What is left of them after merging those that all responses treat alike.
        responses: Responses that some kind may need; the rest are never better than another.
        sweeps: How many improvements it took.
    """

    bits: float = Field(ge=0)
    at_least_bits: float = Field(ge=0)
    demand_bits: float = Field(ge=0)
    tolerated: float
    least_failed_share: float
    blind_failed_share: float
    reachable: bool
    converged: bool
    kinds: int
    kinds_told_apart: int
    responses: int
    sweeps: int


class SensorCheck(Report, frozen=True, ser_json_inf_nan="strings"):
    """Whether what is observed of demand is enough to regulate by.

    Attributes:
        sensed_bits: ``I(D;O)``: what the observation tells about the kind of demand.
        needed_bits: The requisite information for the tolerated failures.
        law_allows: The observation tells at least that much. Without this no regulator can do it; with it, one that
            may answer many demands at once could.
        failed_share: The share that fails when each observation gets the response that is best for it: exact.
        suffices: That share is tolerated.
        n: Observations it comes from; ``None`` when it comes from weights.
    """

    sensed_bits: float
    needed_bits: float
    law_allows: bool
    failed_share: float
    suffices: bool
    n: int | None


def requisite_information(
    demand: Mapping[K, float],
    quality: Mapping[K, Mapping[R, float]],
    *,
    tolerated: float,
    tolerance: float = DEFAULT_TOLERANCE,
    most_sweeps: int = MOST_SWEEPS,
) -> RequisiteInformation:
    """Return the least ``I(D;R)`` with which at most the share ``tolerated`` of demand is not answered acceptably.

    This is the requisite information of Conant (1969): the rate-distortion function of demand, where the distortion
    is the probability that the response is not acceptable. It is 0 when one response is good enough for all demand,
    and the whole variety of demand when each kind needs a response of its own and no failure is tolerated. It may take
    seconds for hundreds of kinds and responses: it is meant for reports.

    Args:
        demand: What each kind weighs.
        quality: For each kind the probability that each response is acceptable; what is not named is never acceptable.
        tolerated: The share of demand that may fail.
        tolerance: How many bits the two bounds may be apart.
        most_sweeps: After how many improvements to stop with the bounds as they are.

    Raises:
        PayloadError: The demand is no distribution, a quality or ``tolerated`` is not a probability, or there are
            more than 1,000 responses or 20,000 kinds times responses.
        ConfigurationError: ``tolerance`` or ``most_sweeps`` is not above zero.
    """
    _refuse_options(tolerance, most_sweeps)
    _refuse_probability(tolerated, what="tolerated share")
    shares = {kind: share for kind, share in shares_of(demand).items() if share >= _RAREST}
    losses = _losses(shares, quality)
    least = fsum(map(mul, shares.values(), map(min, losses)))
    blind = min(fsum(map(mul, shares.values(), column)) for column in zip(*losses, strict=True))
    weights, costs = _reduced(list(shares.values()), losses)
    reachable = tolerated >= least - _RAREST
    spare = tolerated - least
    limit = spare if spare > _RAREST else 0.0
    rate = least_rate(weights, costs, limit=limit, tolerance=tolerance, most_sweeps=most_sweeps) if reachable else None
    upper, lower = (rate.upper, rate.lower) if rate else (inf, inf)
    return RequisiteInformation(
        bits=upper,
        at_least_bits=lower,
        demand_bits=entropy_bits(shares.values()),
        tolerated=tolerated,
        least_failed_share=least,
        blind_failed_share=blind,
        reachable=reachable,
        converged=rate is None or upper - lower <= tolerance,
        kinds=len(shares),
        kinds_told_apart=len(weights),
        responses=len(costs[0]),
        sweeps=rate.sweeps if rate else 0,
    )


def requisite_bits(demand: Mapping[K, float], quality: Mapping[K, Mapping[R, float]], *, tolerated: float) -> float:
    """Return the requisite information in bits; infinite when no regulator with these responses keeps the limit.

    Raises:
        PayloadError: See ``requisite_information``, which also tells how exact the figure is.
    """
    return requisite_information(demand, quality, tolerated=tolerated).bits


def sensor_suffices(confusion: Mapping[tuple[K, O], float], requisite: float) -> bool:
    """Return whether an observation tells as much about demand as is requisite: ``I(D;O) >= R(d)``.

    False proves that no regulator behind this sensor keeps the limit. True proves only that the law does not forbid it;
    ``check_sensor`` tells what is reached.

    Args:
        confusion: What each pair of the kind of demand and what was observed of it weighs.
        requisite: The requisite information in bits.

    Raises:
        PayloadError: The confusion is no distribution, or ``requisite`` is not zero or more.
    """
    if not requisite >= 0:  # also when it is no number
        raise PayloadError(f"A requisite information of {requisite} bits is not zero or more.")
    return Joint("DO", confusion).information("D", "O") >= requisite - LAW_TOLERANCE


def check_sensor(
    confusion: Mapping[tuple[K, O], float],
    quality: Mapping[K, Mapping[R, float]],
    *,
    tolerated: float,
    n: int | None = None,
) -> SensorCheck:
    """Return what a sensor tells, what is needed, and what share fails with the best answer to each observation.

    Args:
        confusion: What each pair of the kind of demand and what was observed of it weighs.
        quality: For each kind the probability that each response is acceptable.
        tolerated: The share of demand that may fail.
        n: How many observations the confusion comes from, when it comes from counts.

    Raises:
        PayloadError: The confusion is no distribution, or a quality or ``tolerated`` is not a probability.
    """
    shares = shares_of(confusion)
    demand: dict[K, float] = {}
    for (kind, _), share in shares.items():
        demand[kind] = demand.get(kind, 0.0) + share
    needed = requisite_information(demand, quality, tolerated=tolerated)
    sensed = Joint("DO", shares).information("D", "O")
    failed = _least_failed(shares, quality)
    return SensorCheck(
        sensed_bits=sensed,
        needed_bits=needed.bits,
        law_allows=sensed >= needed.at_least_bits - LAW_TOLERANCE,
        failed_share=failed,
        suffices=failed <= tolerated + LAW_TOLERANCE,
        n=n,
    )


def _least_failed(confusion: Mapping[tuple[K, O], float], quality: Mapping[K, Mapping[R, float]]) -> float:
    """Return the share that fails when each observation is answered by the response that is best for it."""
    good: dict[O, dict[R, float]] = {}
    for (kind, observed), share in confusion.items():
        answers = good.setdefault(observed, {})
        for response, chance in quality.get(kind, {}).items():
            answers[response] = answers.get(response, 0.0) + share * chance
    return max(1.0 - fsum(max(answers.values(), default=0.0) for answers in good.values()), 0.0)


def _refuse_options(tolerance: float, most_sweeps: int) -> None:
    if not 0 < tolerance <= float_info.max or most_sweeps < 1:
        raise ConfigurationError(
            f"A tolerance of {tolerance} bits in {most_sweeps} sweeps cannot be met.",
            remedies=("Give a tolerance above zero and at least one sweep.",),
        )


def _refuse_probability(value: float, *, what: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise PayloadError(f"The {what} of {value} is not a probability.")


def _losses(shares: Mapping[K, float], quality: Mapping[K, Mapping[R, float]]) -> list[list[float]]:
    """Return for each kind the probability that each response is not acceptable; without any, one that never is."""
    responses = tuple(dict.fromkeys(response for kind in shares for response in quality.get(kind, {})))
    if len(responses) > MOST_RESPONSES or len(responses) * len(shares) > MOST_CELLS:
        raise PayloadError(
            f"{len(shares)} kinds and {len(responses)} responses are too many; "
            f"at most {MOST_RESPONSES} responses and {MOST_CELLS} pairs are looked at.",
            remedies=("Merge kinds or responses that act alike.",),
        )
    losses: list[list[float]] = []
    for kind in shares:
        row = quality.get(kind, {})
        for response, chance in row.items():
            _refuse_probability(chance, what=f"quality of {response!r} for {kind!r}")
        losses.append([1.0 - row.get(response, 0.0) for response in responses] or [1.0])
    return losses


def _reduced(shares: Sequence[float], losses: Matrix) -> tuple[list[float], Matrix]:
    """Leave out what cannot matter: responses that another beats for every kind, and differences of like kinds.

    What counts of a loss is by how much it exceeds the least loss of its kind: kinds that agree in this are one.
    """
    excess = [[round(loss - min(row), _DIGITS) for loss in row] for row in losses]
    columns = sorted(set(zip(*excess, strict=True)), key=sum)
    kept: list[tuple[float, ...]] = []
    for column in columns:
        if not any(all(map(le, other, column)) for other in kept):
            kept.append(column)
    merged: dict[tuple[float, ...], float] = {}
    for share, row in zip(shares, zip(*kept, strict=True), strict=True):
        merged[row] = merged.get(row, 0.0) + share
    return list(merged.values()), list(merged)
