"""Facts about finding, judging and taking in servers."""

from dataclasses import dataclass

from vsm_mcp.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailed(Event):
    """A discovery source could not answer; the others go on."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceListed(Event):
    """A discovery source was read: it lists so many ``servers``; ``omitted`` entries made no sense."""

    source: str
    servers: int
    omitted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRead(Event):
    """A discovery source is being read, and told of ``servers`` entries so far."""

    source: str
    servers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatesFound(Event):
    """Discovery ranked ``names`` for what was ``wanted``, best first."""

    wanted: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateJudged(Event):
    """A candidate was accepted or refused: its package at stage ``vet``, later what it says about itself."""

    candidate: str
    accepted: bool
    reasons: tuple[str, ...]
    stage: str = "vet"


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
class TransactionRepaired(Event):
    """Recovery finished or undid what a crash had left behind."""

    transaction: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMade(Event):
    """What is held changed for good: ``change`` is the kind of change, ``reason`` says it for people."""

    number: int
    change: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReviewed(Event):
    """A held server was looked at again: at ``door`` ``entry``, where reasons keep it out of use, or ``advisories``."""

    server: str
    door: str
    reasons: tuple[str, ...] | None  # why it is not trusted; None when nobody could tell
