"""Channel capacities in bits per second, and whether they can carry what regulation needs."""

from math import fsum, inf, log2
from sys import float_info

from pydantic import Field

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.report import Report


def capacity_bits(states: int, *, seconds: float = 1.0, channels: int = 1) -> float:
    """Return the bits per second that ``channels`` equal channels carry, each one of ``states`` per ``seconds``.

    Without noise, a choice among ``n`` is ``log2 n`` bits (Ashby 1956, 9/11 and 11/11).

    Raises:
        PayloadError: There is less than one state or channel, or ``seconds`` is not above zero and finite.
    """
    if not 1 <= states < inf or not 1 <= channels <= float_info.max:
        raise PayloadError(f"A capacity needs one state and one channel or more, not {states} and {channels}.")
    _refuse_number(seconds, of="A period", zero=False)
    return channels * log2(states) / seconds


def symmetric_capacity_bits(error: float, *, symbols: int = 2) -> float:
    """Return the bits per symbol of a channel that errs with probability ``error``, equally often to each other symbol.

    ``log2 m - h(e) - e log2(m - 1)`` (Shannon 1948, section 15; Cover & Thomas, chapter 7).

    Raises:
        PayloadError: ``error`` is not a probability, or there are fewer than two symbols.
    """
    if not 0.0 <= error <= 1.0 or not 2 <= symbols < inf:  # noqa: PLR2004 - one symbol says nothing
        raise PayloadError(f"An error of {error} among {symbols} symbols describes no channel.")
    return max(log2(symbols) - binary_entropy_bits(error) - error * log2(symbols - 1), 0.0)


def binary_entropy_bits(share: float) -> float:
    """Return ``h(p) = -p log2 p - (1-p) log2 (1-p)``.

    Raises:
        PayloadError: ``share`` is not a probability.
    """
    if not 0.0 <= share <= 1.0:
        raise PayloadError(f"{share} is not a probability.")
    return -sum(part * log2(part) for part in (share, 1.0 - share) if part)


def carried_bits(*flows: float, independent: bool) -> float:
    """Return the least capacity of a channel that carries all ``flows``.

    Only flows through sub-channels of their own add up (Ashby 1956, 11/14, assumes them); when one message may serve
    several, the diagram alone demands no more than the largest.

    Raises:
        PayloadError: A flow is negative or not finite.
    """
    for flow in flows:
        _refuse_number(flow, of="A flow")
    return fsum(flows) if independent else max(flows, default=0.0)


class CapacityCheck(Report, frozen=True):
    """Whether a channel can carry what regulation needs (Ashby 1956, 11/11).

    Attributes:
        needed_bits: What must be carried, in bits per unit of time.
        available_bits: What the channel carries at most, in bits per the same unit.
        utilisation: ``needed / available``; ``None`` when nothing can be carried.
        possible: The law does not forbid it. It does not promise that the regulator is wired to use it.
    """

    needed_bits: float = Field(ge=0)
    available_bits: float = Field(ge=0)
    utilisation: float | None
    possible: bool


def check_capacity(*, needed: float, available: float) -> CapacityCheck:
    """Compare what regulation needs with what its channel carries, both in bits per the same unit of time.

    Raises:
        PayloadError: A rate is negative or not finite.
    """
    _refuse_number(needed, of="A needed rate")
    _refuse_number(available, of="An available rate")
    return CapacityCheck(
        needed_bits=needed,
        available_bits=available,
        utilisation=needed / available if available else None,
        possible=needed <= available,
    )


def _refuse_number(value: float, *, of: str, zero: bool = True) -> None:
    if not 0 <= value <= float_info.max or not (zero or value):
        raise PayloadError(f"{of} of {value} is not a finite number {'of zero or more' if zero else 'above zero'}.")
