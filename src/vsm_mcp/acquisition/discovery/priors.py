"""Priors: what is known of a server besides its words moves it a little, and never past a clearly better fit."""

from collections.abc import Iterator
from math import prod

from vsm_mcp.acquisition.discovery.memory.merging import Merged, is_learnt
from vsm_mcp.model.server import Readiness

_BY_READINESS = {Readiness.PROVEN: 1.05, Readiness.NEEDS_CONFIGURATION: 0.9}
_LEARNT = 1.05
_DEPRECATED = 0.95


def prior(known: Merged) -> float:
    """Return what the score of a server is multiplied with."""
    return prod(factor for _, factor in _moving(known))


def reasons(known: Merged) -> tuple[str, ...]:
    """Return what moved a server, in words."""
    return tuple(f"{reason} x{factor:g}" for reason, factor in _moving(known))


def _moving(known: Merged) -> Iterator[tuple[str, float]]:
    one = known.candidate
    if one.readiness in _BY_READINESS:
        yield one.readiness.value, _BY_READINESS[one.readiness]
    if any(is_learnt(words) for words in known.descriptions):
        yield "proved itself here", _LEARNT
    if one.deprecated:
        yield "deprecated", _DEPRECATED
