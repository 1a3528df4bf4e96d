"""What goes wrong with a server, as the error that it means: the same words, whatever speaks with it."""

from collections.abc import Sequence

from vsm_mcp.errors import LinkError, NeedsConfigurationError, PayloadError, StartError, ToolError, VSMError, printable
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.link import Ending

LONGEST_SAID = 1000
INVALID_PARAMS = -32602


def refused(server: str, what: str, *, said: str, code: int) -> VSMError:
    """Return the error for a request that the server refused.

    Args:
        server: Its name.
        what: What it refused.
        said: Its words, as they may be quoted.
        code: The number of its error.
    """
    missing = None if code == INVALID_PARAMS else needs_configuration(server, (said,))
    return missing or ToolError(
        f"{server} refused {what}: {said} (code {code}).",
        remedies=("Check the name of the tool and its arguments against its description.",),
    )


def too_large(server: str, what: str, said: str) -> PayloadError:
    """Return the error for an answer of more than is read; ``said`` tells how much."""
    return PayloadError(
        f"{server} answered {what} with too much: {said}.",
        remedies=("Ask for less at once.", "If it is too many bytes, the setting largest_answer allows more."),
    )


def unreadable(server: str, what: str, why: str) -> LinkError:
    """Return the error for an answer that is no message."""
    return unusable(f"{server} answered {what} in a way that cannot be read: {why}.")


def unreached(server: str, what: str, why: str) -> LinkError:
    """Return the error for a request that did not arrive, or whose answer did not: only this one failed."""
    return LinkError(
        f"{server} was not reached by {what}, or lost it: {why}.",
        remedies=("Look at whether it happened, then call again.", "Make sure that the server runs."),
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


def broken(server: str, ending: Ending, what: str) -> LinkError:
    """Return the error for a connection that ended before the answer came."""
    code = "" if ending.exit_code is None else f"; exit code {ending.exit_code}"
    said = printable("; ".join(ending.stderr[-3:])[-LONGEST_SAID:])
    return LinkError(
        f"The connection to {server} broke during {what}, which may have been executed: "
        f"{ending.reason}{code}{'; it said: ' + said if said else ''}.",
        remedies=("Look at what it did, then call again: the server is started anew.",),
    )


def unusable(why: str) -> LinkError:
    """Return the error for what nobody but the author of the server can set right."""
    return LinkError(why, remedies=("Use another server.", "Report it to the author of the server."))


def not_started(name: str, ending: Ending, *, said: str, gone: bool) -> VSMError:
    """Return the error for a server that did not come to an understanding.

    Args:
        name: Its name.
        ending: How it ended.
        said: Why it was not understood, as it may be quoted.
        gone: Whether it went away by itself; otherwise it ended because it was left.
    """
    said = said.rstrip(".")
    missing = needs_configuration(name, (*ending.stderr, said))
    if missing is not None:
        return missing
    code = ending.exit_code if gone else None
    why = said if code is None else f"{ending.reason} (exit code {code})"
    return StartError(
        f"{name} did not come up: {why}.",
        exit_code=code,
        stderr=ending.stderr,
        remedies=("Read the last lines of its error output.", "Try another version of it, or another server."),
    )


def not_let_in(name: str, why: str) -> NeedsConfigurationError:
    """Return the error for a server elsewhere that wants to know who asks; ``why`` may be quoted."""
    return NeedsConfigurationError(
        f"{name} does not let this host in: {why.rstrip('.')}.",
        remedies=(
            "Give a good token by reference: HttpLaunch(headers={'Authorization': 'env:NAME'}).",
            "Or let a human see to it: HttpLaunch(authorization=AuthorizationCode()), Consent(authorize=Browser()).",
        ),
    )


def silent(name: str, seconds: float, said: Sequence[str]) -> VSMError:
    """Return the error for a server that did not answer the greeting; ``said`` are the last lines it wrote."""
    missing = needs_configuration(name, said)
    return missing or StartError(
        f"{name} did not answer the greeting within {round(seconds, 1):g} seconds.",
        stderr=said,
        remedies=("Allow more time for its start.", "Make sure that it is an MCP server that speaks over stdio."),
    )
