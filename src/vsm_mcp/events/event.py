"""One fact, and the sink that hears it."""

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
