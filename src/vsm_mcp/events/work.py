"""Facts about operations and what could not be done."""

from dataclasses import dataclass

from vsm_mcp.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEnded(Event):
    """An operation ended, well or not, at the funnel stage ``stage``."""

    kind: str
    stage: str
    server: str | None
    tool: str | None
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GapMeasured(Event):
    """What is left undone: a share of demand (0 to 1), the same in bits and in kinds, over ``basis`` observations."""

    share: float | None
    bits: float | None
    basis: int
    kinds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Long work is under way: ``detail`` is one line for a person; ``share`` is 0 to 1 when it is known."""

    subject: str
    detail: str
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerDetached(Event):
    """A handler failed too often and hears nothing any more; ``reason`` is its last failure."""

    name: str
    reason: str
