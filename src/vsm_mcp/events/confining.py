"""Facts about the sandbox."""

from dataclasses import dataclass

from vsm_mcp.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceExceeded(Event):
    """A confined process used more than it may, so its whole tree was killed; ``detail`` names limit and peak."""

    subject: str
    aspect: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressDecided(Event):
    """A confined process asked for the way to ``host``; ``port`` is ``None`` when it only looked the name up.

    Every way that was opened for the first time is told. Refusals and repetitions are told as far as their rate allows;
    ``untold`` counts those that were left out since the last event of this kind.
    """

    subject: str
    host: str
    port: int | None
    allowed: bool
    reason: str
    untold: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressEnded(Event):
    """The way out of a confined process is closed; ``reached`` are the places it was connected to, as ``host:port``.

    ``refused`` counts names and connections; ``sent`` and ``received`` are bytes as the process sees them; ``untold``
    counts the decisions that no event told.
    """

    subject: str
    reached: tuple[str, ...]
    connections: int
    refused: int
    sent: int
    received: int
    untold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestAdvanced(Event):
    """A self-test of the sandbox came to its ``done``-th verdict of ``total``, in the part named ``step``."""

    step: str
    done: int
    total: int
