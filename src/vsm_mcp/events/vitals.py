"""Facts about pain and pleasure."""

from dataclasses import dataclass

from vsm_mcp.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgedonicRaised(Event):
    """Pain or pleasure is felt, or is felt more than before; ``level`` is who has to recover (1 unit to 5 host)."""

    key: str
    level: int
    pain: bool
    intensity: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgedonicEscalated(Event):
    """The level below did not recover in time; ``after`` seconds of pain it is now the task of ``level``.

    ``late`` is how long after its deadline the climb was noticed.
    """

    key: str
    level: int
    intensity: float
    reason: str
    after: float
    late: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgedonicRelieved(Event):
    """Pain ended, or pleasure faded, ``after`` seconds; ``level`` is how high it had climbed."""

    key: str
    level: int
    pain: bool
    after: float
