"""Messages between systems: on which nerve, about what, and from whom."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.json import JsonValue

LONGEST_TOPIC = 255
"""Characters, as AMQP has it for routing keys."""

ALGEDONIC_SECONDS = 60
"""Pain that nobody took for so long is no news any more."""

_TOPIC = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_PATTERN = re.compile(r"(?:[A-Za-z0-9_-]+|\*|#)(?:\.(?:[A-Za-z0-9_-]+|\*|#))*")


class Nerve(StrEnum):
    """What carries messages between systems, each nerve for one kind of traffic.

    ``commands`` run down, from System 5 over System 3 to the units; ``audit`` is what System 3* sees; ``algedonic`` is
    pain and pleasure, which goes before everything else and is worth nothing when it is late; ``horizontal`` is what
    neighbours need to know of each other (System 2); ``intelligence`` is what System 4 sees outside.
    """

    COMMANDS = "commands"
    AUDIT = "audit"
    ALGEDONIC = "algedonic"
    HORIZONTAL = "horizontal"
    INTELLIGENCE = "intelligence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one system tells others. It is news, never an order: nothing is done because of it but what a host does.

    Attributes:
        nerve: What carries it.
        topic: What it is about: words joined by dots, such as ``server_given_up`` or ``system1.unit.paid``.
        body: What it says, as JSON.
        node: Who says it.
        sent_at: When, by the clock of who says it; aware.
        id: Tells it from every other message.

    Raises:
        ConfigurationError: The topic is none.
    """

    nerve: Nerve
    topic: str
    body: Mapping[str, JsonValue]
    node: str
    sent_at: datetime
    id: str

    def __post_init__(self) -> None:
        """Refuse what could not be carried."""
        if len(self.topic) > LONGEST_TOPIC or _TOPIC.fullmatch(self.topic) is None:
            raise ConfigurationError(
                f"{self.topic[:60]!r} is no topic.",
                remedies=(f"Join words of letters, digits, _ and - by dots, at most {LONGEST_TOPIC} characters.",),
            )


def fits(topic: str, pattern: str) -> bool:
    """Return whether a topic is one of those that ``pattern`` names, by the rules of AMQP's topic exchanges.

    ``*`` stands for one word and ``#`` for any number of words, none included.
    """
    words = pattern.split(".")
    reached = [True]  # at j: whether the topic so far fits the first j words of the pattern
    for word in words:
        reached.append(reached[-1] and word == "#")
    for said in topic.split("."):
        before, reached = reached, [False]
        for at, word in enumerate(words):
            here = before[at + 1] or reached[at] if word == "#" else before[at] and word in {said, "*"}
            reached.append(here)
    return reached[-1]


def refuse_no_pattern(pattern: str) -> None:
    """Refuse a pattern that no topic could fit.

    Raises:
        ConfigurationError: It is none.
    """
    if len(pattern) > LONGEST_TOPIC or _PATTERN.fullmatch(pattern) is None:
        raise ConfigurationError(
            f"{pattern[:60]!r} is no pattern of topics.",
            remedies=("Join words, * for any one word and # for any number of words by dots: 'system1.*.failed'.",),
        )
