"""What may come of a request, and the error that each of it means for its caller."""

from dataclasses import dataclass

from vsm_mcp.errors import LinkError, PayloadError, ToolError, VSMError, printable
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.link import Ending

LONGEST_SAID = 1000
INVALID_PARAMS = -32602


@dataclass(frozen=True, slots=True)
class Answered:
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


def refusal(server: str, outcome: Refused, what: str, *, said: str) -> VSMError:
    """Return the error for a request that the server refused.

    Args:
        server: Its name.
        outcome: How it refused.
        what: What it refused.
        said: Its words, as they may be quoted.
    """
    missing = None if outcome.code == INVALID_PARAMS else needs_configuration(server, (said,))
    return missing or ToolError(
        f"{server} refused {what}: {said} (code {outcome.code}).",
        remedies=("Check the name of the tool and its arguments against its description.",),
    )


def unread(server: str, outcome: Oversized | Unreadable, what: str) -> VSMError:
    """Return the error for an answer that is not read."""
    if isinstance(outcome, Unreadable):
        return unusable(f"{server} answered {what} in a way that cannot be read: no message.")
    return PayloadError(f"{server} answered {what} with too much: {outcome.said}.", remedies=("Ask for less at once.",))


def broken(server: str, ending: Ending, what: str) -> LinkError:
    """Return the error for a connection that ended before the answer came."""
    code = "" if ending.exit_code is None else f"; exit code {ending.exit_code}"
    said = printable("; ".join(ending.stderr[-3:])[-LONGEST_SAID:])
    return LinkError(
        f"The connection to {server} broke during {what}, which may have been executed: "
        f"{ending.reason}{code}{'; it said: ' + said if said else ''}.",
        remedies=("Look at what it did, then call again: the server is started anew.",),
    )


def against_protocol(server: str, what: str) -> LinkError:
    """Return the error for an answer that is not of the agreed shape."""
    return LinkError(
        f"{server} answered {what} against the protocol; it may have been executed.",
        remedies=("Look at what it did before you call it again.", "Report it to the author of the server."),
    )


def wants_input(server: str, tool: str) -> ToolError:
    """Return the error for a tool that answers with a question."""
    return ToolError(
        f"{tool} of {server} asks its user for more input, which is not granted.",
        remedies=("Give everything it needs in the arguments.",),
    )


def unusable(why: str) -> LinkError:
    """Return the error for what nobody but the author of the server can set right."""
    return LinkError(why, remedies=("Use another server.", "Report it to the author of the server."))
