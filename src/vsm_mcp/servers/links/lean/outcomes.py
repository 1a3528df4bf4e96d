"""What may come of a request."""

from dataclasses import dataclass
from typing import NamedTuple

from vsm_mcp.model.json import JsonObject, JsonValue


class Answered(NamedTuple):
    """The server answered.

    Attributes:
        result: What it answered.
        size: How many bytes that took.
    """

    result: JsonObject
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server answered with an error."""

    code: int
    message: str
    data: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversized:
    """The server answered with more than is read; ``said`` tells what and how much."""

    said: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The server answered with what is no message: broken, or deeper than anything is read."""


@dataclass(frozen=True, slots=True)
class Late:
    """No answer came in time."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection broke or was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """What the host gave to hear of progress failed."""

    error: Exception


Trouble = Refused | Oversized | Unreadable | Late | Gone | Spoiled
Outcome = Answered | Trouble
