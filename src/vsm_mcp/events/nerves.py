"""Facts about messages between systems."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vsm_mcp.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeard(Event):
    """Another system said something: ``node`` is its name, ``nerve`` what carried it, ``body`` what it said, as JSON.

    Whoever may publish on the bus can say anything in any name, unless there is a shared key.
    """

    node: str
    nerve: str
    topic: str
    body: Mapping[str, object]
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused(Event):
    """The bus would never take a message of this system, so it was given up."""

    nerve: str
    topic: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusLost(Event):
    """Messages cannot be delivered any more; they wait until they can, or are too old."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusRestored(Event):
    """Messages are delivered again; ``dropped`` were given up since the system was entered."""

    dropped: int
