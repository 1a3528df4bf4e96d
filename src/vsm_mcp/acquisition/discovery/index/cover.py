"""Cover: few servers for several operations, chosen greedily (Chvatal, 1979) from what was ranked for each of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

LEAST_SHARE = 0.6
"""The share of the best score for an operation that a server must have to count for it: scores of different operations
do not compare, those of one operation do."""


class Scored(Protocol):
    """A hit: what was found, and how well it fits."""

    @property
    def key(self) -> str:
        """The key of what was found."""
        ...

    @property
    def score(self) -> float:
        """How well it fits, among the hits of one operation."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A server of a cover and the operations it is for, in the order they were given."""

    key: str
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Which server for which operations, the one for most of them first, and the operations that nothing fits."""

    chosen: tuple[Chosen, ...]
    uncovered: tuple[str, ...]


def cover(ranked: Mapping[str, Sequence[Scored]], *, least: float = LEAST_SHARE) -> Cover:
    """Choose servers until every operation has one, each time that which fits most and best what has none yet.

    Args:
        ranked: For each operation what was found for it, in any order.
        least: The share of the best score for an operation that a server must have to count for it.
    """
    fits = {operation: _shares(hits, least) for operation, hits in ranked.items()}
    left = [operation for operation, shares in fits.items() if shares]
    chosen: list[Chosen] = []
    while left:
        gains = {key: math.fsum(fits[one].get(key, 0.0) for one in left) for one in left for key in fits[one]}
        key = min(gains, key=lambda one: (-gains[one], one))
        done = tuple(operation for operation in left if key in fits[operation])
        chosen.append(Chosen(key=key, operations=done))
        left = [operation for operation in left if operation not in done]
    return Cover(chosen=tuple(chosen), uncovered=tuple(operation for operation, shares in fits.items() if not shares))


def _shares(hits: Sequence[Scored], least: float) -> dict[str, float]:
    best = max((hit.score for hit in hits), default=0.0)
    return {hit.key: hit.score / best for hit in hits if best > 0 and hit.score >= least * best}
