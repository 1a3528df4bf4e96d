"""Priors: what is known of a server besides its words moves it a little, and never past a clearly better fit."""

from vsm_mcp.acquisition.discovery.memory.merging import Merged, is_learnt
from vsm_mcp.model.server import Readiness

_BY_READINESS = {Readiness.PROVEN: 1.05, Readiness.UNTRIED: 1.0, Readiness.NEEDS_CONFIGURATION: 0.9}
_LEARNT = 1.05


def prior(known: Merged) -> float:
    """Return what the score of a server is multiplied with."""
    return _BY_READINESS[known.candidate.readiness] * (_LEARNT if _is_learnt(known) else 1.0)


def reasons(known: Merged) -> tuple[str, ...]:
    """Return what moved a server, in words."""
    readiness = known.candidate.readiness
    shown = () if readiness is Readiness.UNTRIED else (f"{readiness.value} x{_BY_READINESS[readiness]:g}",)
    return (*shown, f"proved itself here x{_LEARNT:g}") if _is_learnt(known) else shown


def _is_learnt(known: Merged) -> bool:
    return any(is_learnt(words) for words in known.descriptions)
