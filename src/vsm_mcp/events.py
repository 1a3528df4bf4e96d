"""Door 4, listen: typed facts, the sink that hears them, and subscriptions to some of them.

A sink is called at the moment of the fact, in the task where it happened. It must not block and must not raise;
a sink that wants a time stamp reads its own clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from vsm_mcp.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""


E = TypeVar("E", bound=Event)


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
    """What is left undone: a share of demand (0 to 1), the same in bits and in kinds, over ``basis`` observations."""

    share: float | None
    bits: float | None
    basis: int
    kinds: int = 0


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
class CallRefused(Event):
    """A call was not sent because the policy does not allow it."""

    server: str
    tool: str
    reason: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerDetached(Event):
    """A handler failed too often and hears nothing any more; ``reason`` is its last failure."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsQuarantined(Event):
    """A server lists other tools than when it was proven; those that were added or changed are not callable."""

    server: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsChanged(Event):
    """A server gives other ``instructions`` than when it was proven, or has other ``prompts``: a signal, no gate."""

    server: str
    instructions: bool
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourDeviated(Event):
    """A server does what it was not seen to do when it was proven; ``what`` says it in words. A signal, no gate."""

    server: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestAdvanced(Event):
    """A self-test of the sandbox came to its ``done``-th verdict of ``total``, in the part named ``step``."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReviewed(Event):
    """A held server was looked at again: at ``door`` ``entry``, where reasons keep it out of use, or ``advisories``."""

    server: str
    door: str
    reasons: tuple[str, ...] | None  # why it is not trusted; None when nobody could tell


FAILURES_ALLOWED = 3
"""A handler that raises this often in a row is detached."""


class Subscription:
    """A handler that hears events of one type. As a context manager it is detached when the context is left.

    Attributes:
        name: What it is known by.
        kind: The type of events it hears; events of derived types are heard as well.
        failures: How often it raised in a row.
    """

    def __init__(self, events: "Events", name: str, *, kind: type[Event], handler: Callable[[Event], object]) -> None:
        """Keep who hears what."""
        self.name: str = name
        self.kind: type[Event] = kind
        self.failures: int = 0
        self._events = events
        self._handler = handler

    def __repr__(self) -> str:
        """Show who hears what."""
        return f"Subscription({self.name!r}, {self.kind.__name__})"

    def __enter__(self) -> Self:
        """Hear events within the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hear nothing any more."""
        self.detach()

    def detach(self) -> None:
        """Hear nothing any more; fine if that is so already."""
        self._events.detach(self.name)

    def hear(self, event: Event) -> str | None:
        """Give an event to the handler; return why the handler should be detached, if it should."""
        try:
            self._handler(event)
        except Exception as error:  # noqa: BLE001 - a handler is foreign code; it must not break what it listens to
            self.failures += 1
            return f"{type(error).__name__}: {error}" if self.failures >= FAILURES_ALLOWED else None
        self.failures = 0
        return None


class Events:
    """Gives each event to those who subscribed to its type, and to the host's sink.

    A handler that raises does not disturb the others, nor what it listens to. When it has failed three times in a row
    it is detached, and `HandlerDetached` says so.

    Args:
        sink: Hears everything, last.
    """

    def __init__(self, sink: EventSink = ignore) -> None:
        """Start without any subscription."""
        self._sink = sink
        self._subscriptions: dict[str, Subscription] = {}

    def __repr__(self) -> str:
        """Show who listens."""
        return f"Events({', '.join(self._subscriptions) or 'nobody listens'})"

    def attach(self, name: str, kind: type[E], handler: Callable[[E], object]) -> Subscription:
        """Let ``handler`` hear every event of type ``kind`` from now on.

        Args:
            name: What the subscription is known by.
            kind: A type of event; `Event` for all.
            handler: Called at the moment of the fact; must not block.

        Raises:
            ConfigurationError: The name is taken.
        """
        if name in self._subscriptions:
            raise ConfigurationError(
                f"{name!r} is attached already.", remedies=("Detach it first, or choose another name.",)
            )

        def hear(event: Event) -> object:
            return handler(event) if isinstance(event, kind) else None

        subscription = self._subscriptions[name] = Subscription(self, name, kind=kind, handler=hear)
        return subscription

    def detach(self, name: str) -> None:
        """Let the subscription of this name hear nothing any more; fine if there is none."""
        self._subscriptions.pop(name, None)

    def __call__(self, event: Event, /) -> None:
        """Give an event to all who want to hear it."""
        for subscription in tuple(self._subscriptions.values()):
            if not isinstance(event, subscription.kind):
                continue
            reason = subscription.hear(event)
            if reason is not None:
                self.detach(subscription.name)
                self(HandlerDetached(name=subscription.name, reason=reason))
        self._sink(event)
