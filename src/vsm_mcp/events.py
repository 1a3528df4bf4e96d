"""Door 4, listen: typed facts and the sink that hears them.

A sink is called at the moment of the fact, in the task where it happened. It must not block and must not raise;
a sink that wants a time stamp reads its own clock.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""


class EventSink(Protocol):
    """Hears events."""

    def __call__(self, event: Event, /) -> None:
        """Take note of one event; must neither block nor raise."""
        ...


def ignore(event: Event, /) -> None:
    """Hear nothing: the sink for those who do not listen."""


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
    """The unabsorbed share of demand (0 to 1) and the same in bits, over ``basis`` observations."""

    share: float | None
    bits: float | None
    basis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailed(Event):
    """A discovery source could not answer; the others go on."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatesFound(Event):
    """Discovery ranked ``names`` for what was ``wanted``, best first."""

    wanted: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateJudged(Event):
    """A candidate was accepted or refused by vetting."""

    candidate: str
    accepted: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntered(Event):
    """An acquisition entered a stage."""

    candidate: str
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLeft(Event):
    """An acquisition left a stage after ``elapsed`` seconds; ``failure`` says why if it failed."""

    candidate: str
    stage: str
    elapsed: float
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Long work is under way: ``detail`` is one line for a person; ``share`` is 0 to 1 when it is known."""

    subject: str
    detail: str
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityAdopted(Event):
    """The tools of a proven server are reachable from now on."""

    server: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityReleased(Event):
    """A server was let go: its tools are gone and its process ended."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarted(Event):
    """A server came up, spoke the protocol and listed its tools after ``elapsed`` seconds."""

    server: str
    pid: int | None
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStopped(Event):
    """A server ended; ``reason`` tells whether it was asked to."""

    server: str
    reason: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRepaired(Event):
    """Recovery finished or undid what a crash had left behind."""

    transaction: str
    action: str
