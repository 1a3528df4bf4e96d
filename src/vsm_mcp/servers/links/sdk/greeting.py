"""The greeting of a server: one attempt to come to an understanding, in one way, within a deadline."""

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import anyio
from mcp import Client, MCPError
from mcp.client import Transport
from mcp_types import CONNECTION_CLOSED, Implementation

from vsm_mcp.errors import StartError, VSMError
from vsm_mcp.servers.diagnosis import needs_configuration
from vsm_mcp.servers.links.link import Consent, Ending, Link
from vsm_mcp.servers.links.quoting import SHORTEST_LISTED, Blotter
from vsm_mcp.servers.links.sdk.announcements import announcements
from vsm_mcp.servers.links.sdk.consent import callbacks
from vsm_mcp.servers.links.sdk.listing import Listing
from vsm_mcp.servers.links.sdk.session import LONGEST_SAID, SdkLink
from vsm_mcp.servers.links.sdk.transports.traffic import Carrier
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.world.groups import first_error, first_leaf

_US = Implementation(name="vsm_mcp", version="1")


class Era(StrEnum):
    """How a server wants to be greeted: a property of its code, learned once per installed package."""

    AUTO = "auto"
    LEGACY = "legacy"
    OLDER_HTTP = "older-http"
    """In the old way, over the older kind of HTTP, which has two streams."""


class Carried(Transport, Carrier, Protocol):
    """Carries the messages of the SDK, and can wait for a server that is about to end."""

    async def rest(self) -> None:
        """Wait a moment for the end of a server that was told that nothing more will be sent."""
        ...


Reach = Callable[[Listing, Era], AbstractAsyncContextManager[Carried]]
"""Makes a fresh connection: a process that is started, or an address that is connected to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for every link of a connector.

    Attributes:
        idle: Seconds a call may take without progress that names no time of its own.
        cap: Seconds a call may take altogether.
        bounds: How large messages may be.
        consent: What servers may ask of the host.
    """

    idle: float
    cap: float
    bounds: Bounds
    consent: Consent


@dataclass(slots=True, kw_only=True)
class Greeting:
    """Tries to come to an understanding, each time over a fresh connection.

    Attributes:
        reach: Makes the connection.
        name: The server's name.
        terms: What holds for the link.
        hide: Secrets that the server was given.
        silent: Whether the last attempt just met silence.
        last: What carried the messages of the last attempt.
    """

    reach: Reach
    name: str
    terms: Terms
    hide: tuple[str, ...] = ()
    silent: bool = False
    last: Carried | None = None

    @asynccontextmanager
    async def open(self, era: Era, seconds: float) -> AsyncGenerator[Link]:
        """Connect and greet; the deadline ends with the greeting.

        Raises:
            StartError: It was not understood, or met silence.
            NeedsConfigurationError: The server said that it lacks settings or credentials.
        """
        listing = Listing(Blotter(self.hide, shortest=SHORTEST_LISTED))
        refusal: BaseException | None = None
        ending = Ending(reason="")
        link: SdkLink | None = None
        self.last = None
        with first_error(), anyio.CancelScope(deadline=anyio.current_time() + seconds) as limit:
            async with self.reach(listing, era) as transport:
                self.last = transport
                try:
                    async with self._client(transport, era) as client, announcements(client, listing):
                        limit.deadline = math.inf
                        with closing(self._link(client, listing, transport)) as link:
                            yield link
                    await transport.rest()
                except Exception as error:  # whatever the SDK raises before the link is there means: it did not come up
                    if link is not None:
                        raise
                    refusal, ending = first_leaf(error), await transport.ending()
        if refusal is not None:
            said = Blotter(self.hide).quoted(str(refusal) or type(refusal).__name__, most=LONGEST_SAID)
            raise _not_started(self.name, ending, refusal, said=said.rstrip(".")) from refusal
        if limit.cancelled_caught:
            self.silent = True
            raise _silent(self.name, seconds, () if self.last is None else self.last.said)

    def _client(self, transport: Transport, era: Era) -> Client:
        mode = Era.AUTO if era is Era.AUTO else Era.LEGACY
        given = callbacks(self.terms.consent, self.name)
        return Client(transport, mode=mode, client_info=_US, cache=None, **given)

    def _link(self, client: Client, listing: Listing, transport: Carried) -> SdkLink:
        return SdkLink(
            client.session,
            name=self.name,
            listing=listing,
            seconds=self.terms.idle,
            cap=self.terms.cap,
            transport=transport,
            hide=self.hide,
            bounds=self.terms.bounds,
            consent=self.terms.consent,
        )


def _not_started(name: str, ending: Ending, cause: BaseException, *, said: str) -> VSMError:
    missing = needs_configuration(name, (*ending.stderr, said))
    if missing is not None:
        return missing
    code = ending.exit_code if _is_closed(cause) else None
    why = said if code is None else f"{ending.reason} (exit code {code})"
    return StartError(
        f"{name} did not come up: {why}.",
        exit_code=code,
        stderr=ending.stderr,
        remedies=("Read the last lines of its error output.", "Try another version of it, or another server."),
    )


def _is_closed(cause: BaseException) -> bool:
    """Tell whether the server went away by itself; otherwise it ends because we leave it."""
    if isinstance(cause, MCPError):
        return cause.code == CONNECTION_CLOSED
    return isinstance(cause, anyio.ClosedResourceError | anyio.BrokenResourceError)


def _silent(name: str, seconds: float, said: Sequence[str]) -> VSMError:
    missing = needs_configuration(name, said)
    return missing or StartError(
        f"{name} did not answer the greeting within {round(seconds, 1):g} seconds.",
        stderr=said,
        remedies=("Allow more time for its start.", "Make sure that it is an MCP server that speaks over stdio."),
    )
