"""Beer's triple index: what is done, what could be done with what there is, and what could be done at all."""

import math
from enum import StrEnum

from vsm_mcp.model.report import Report
from vsm_mcp.systems.control.figures import refuse_name, refuse_outside

_LARGEST = 1e100


class Better(StrEnum):
    """Which way a measure is better."""

    MORE = "more"
    LESS = "less"


class PerformanceIndex(Report, frozen=True):
    """How much of what is possible is done, and where the rest is lost (Beer 1981, Brain of the Firm, ch. 11).

    Attributes:
        subject: Whose performance this is.
        unit: The unit of the three measures, such as ``"share of demand"``, ``"bits"`` or ``"seconds per task"``.
        better: Whether more of it is better or less.
        actuality: What is done; ``None`` when it was not measured.
        capability: What could be done with what there is now, if nothing were lost inside. Never worse than actuality.
        potentiality: What could be done if what is known to be possible were brought in. Never worse than capability.
        productivity: Actuality by capability: what is lost inside and now (Systems 1 to 3).
        latency: Capability by potentiality: what is lost because nothing is developed (Systems 4 and 5).
        performance: Productivity times latency: actuality by potentiality.
        raised: Which measures were given as worse than what shows them to be better, and were corrected by it.
        n: From how many observations actuality comes.
        window: Over which time or weighting; empty when all observations count alike.
    """

    subject: str
    unit: str
    better: Better
    actuality: float | None
    capability: float | None
    potentiality: float | None
    productivity: float | None
    latency: float | None
    performance: float | None
    raised: tuple[str, ...]
    n: int
    window: str


def triple_index(
    *,
    actuality: float | None,
    capability: float | None,
    potentiality: float | None,
    n: int,
    window: str = "",
    subject: str = "system",
    unit: str = "share of demand",
    better: Better = Better.MORE,
) -> PerformanceIndex:
    """Return the triple index of three measures of the same thing.

    What was done could be done, and what can be done now is possible: a capability given as worse than the actuality
    is raised to it, a potentiality worse than the capability likewise, and ``raised`` says so. Each ratio is ``None``
    while one of its measures is unknown, or when the better of the two is nothing at all: nothing can be said of the
    share of nothing.

    Args:
        actuality: What is done. For variety: the absorbed share or bits, as observed.
        capability: What could be done now. For variety: what the present tools would absorb.
        potentiality: What could be done. For variety: what they and everything in the catalogue would absorb, each
            weighed with the probability that it can be acquired.
        n: From how many observations actuality comes.
        window: Over which time or weighting.
        subject: Whose performance this is.
        unit: The unit of the three measures.
        better: Whether more of it is better (throughput, share) or less (cost, seconds).

    Raises:
        PayloadError: A measure is negative or no finite number, or a name is too long.
    """
    refuse_name("A subject", subject)
    refuse_name("A unit of measure", unit)
    refuse_outside("A number of observations", n, (0, _LARGEST))
    measures = {"actuality": actuality, "capability": capability, "potentiality": potentiality}
    for name, measure in measures.items():
        if measure is not None:
            refuse_outside(f"The {name} of {subject!r}", measure, (0.0, _LARGEST))
    best, raised = _in_order(measures, better)
    return PerformanceIndex(
        subject=subject,
        unit=unit,
        better=better,
        **best,
        productivity=_ratio(best["actuality"], best["capability"], better),
        latency=_ratio(best["capability"], best["potentiality"], better),
        performance=_ratio(best["actuality"], best["potentiality"], better),
        raised=raised,
        n=n,
        window=window,
    )


def _in_order(measures: dict[str, float | None], better: Better) -> tuple[dict[str, float | None], tuple[str, ...]]:
    """Return the measures, none worse than one that shows it to be better, and which were corrected."""
    best: float | None = None
    ordered: dict[str, float | None] = {}
    raised: list[str] = []
    for name, measure in measures.items():
        if measure is None:
            ordered[name] = None
            continue
        ordered[name] = measure if best is None else _better(measure, best, better)
        if ordered[name] != measure:
            raised.append(name)
        best = ordered[name]
    return ordered, tuple(raised)


def _better(one: float, other: float, better: Better) -> float:
    return max(one, other) if better is Better.MORE else min(one, other)


def _ratio(worse: float | None, better_one: float | None, better: Better) -> float | None:
    if worse is None or better_one is None:
        return None
    part, whole = (worse, better_one) if better is Better.MORE else (better_one, worse)
    return part / whole if whole > 0.0 and math.isfinite(part / whole) else None
