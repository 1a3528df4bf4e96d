"""The greeting of a server: one attempt to come to an understanding, in one way, within a deadline."""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from mcp import Client, MCPError
from mcp.client import Transport
from mcp_types import CONNECTION_CLOSED, Implementation

from vsm_mcp.errors import VSMError
from vsm_mcp.servers.links.eras import Era
from vsm_mcp.servers.links.link import Ending, Link
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.patience import nothing_put_off
from vsm_mcp.servers.links.quoting import Discretion
from vsm_mcp.servers.links.sdk.announcements import announcements
from vsm_mcp.servers.links.sdk.consent import callbacks
from vsm_mcp.servers.links.sdk.session import SdkLink
from vsm_mcp.servers.links.sdk.transports.http import HttpTransport
from vsm_mcp.servers.links.sdk.transports.traffic import Carrier
from vsm_mcp.servers.links.terms import Terms
from vsm_mcp.servers.links.troubles import LONGEST_SAID, not_let_in, not_started, silent
from vsm_mcp.world.groups import first_error, first_leaf

_US = Implementation(name="vsm_mcp", version="1")


class Carried(Transport, Carrier, Protocol):
    """Carries the messages of the SDK, and can wait for a server that is about to end."""

    async def rest(self) -> None:
        """Wait a moment for the end of a server that was told that nothing more will be sent."""
        ...


Reach = Callable[[Listing, Era], AbstractAsyncContextManager[Carried]]
"""Makes a fresh connection: a process that is started, or an address that is connected to."""


@dataclass(slots=True, kw_only=True)
class Greeting:
    """Tries to come to an understanding, each time over a fresh connection.

    Attributes:
        reach: Makes the connection.
        name: The server's name.
        terms: What holds for the link.
        discretion: What is blotted out of what the server says.
        silent: Whether the last attempt just met silence.
        last: What carried the messages of the last attempt.
    """

    reach: Reach
    name: str
    terms: Terms
    discretion: Discretion = field(default_factory=Discretion)
    silent: bool = False
    last: Carried | None = None

    @property
    def older_http(self) -> bool:
        """Whether the server refused in a way in which servers do that know only the older kind of HTTP."""
        return isinstance(self.last, HttpTransport) and self.last.fates.older

    @property
    def rested(self) -> float:
        """For how many seconds of the last attempt somebody else than the server was waited for."""
        return 0.0 if self.last is None else self.last.traffic.rested

    @asynccontextmanager
    async def open(self, era: Era, seconds: float) -> AsyncGenerator[Link]:
        """Connect and greet; the deadline ends with the greeting.

        Raises:
            StartError: It was not understood, or met silence.
            NeedsConfigurationError: The server said that it lacks settings or credentials.
        """
        listing = Listing(self.discretion.lists)
        refusal: BaseException | None = None
        ending = Ending(reason="")
        link: SdkLink | None = None
        self.last = None
        with first_error(), anyio.CancelScope(deadline=anyio.current_time() + seconds) as limit:
            async with self.reach(listing, era) as transport:
                self.last = transport
                try:
                    async with self._client(transport, era, limit) as client, announcements(client, listing):
                        transport.traffic.asking.pop(limit, None)
                        limit.deadline = math.inf
                        with closing(self._link(client, listing, transport)) as link:
                            yield link
                    await transport.rest()
                except Exception as error:  # whatever the SDK raises before the link is there means: it did not come up
                    if link is not None:
                        raise
                    refusal, ending = first_leaf(error), await transport.ending()
        if refusal is not None:
            raise self._failed(refusal, ending) from refusal
        if limit.cancelled_caught:
            self.silent = True
            raise silent(self.name, seconds, () if self.last is None else self.last.said)

    def _failed(self, refusal: BaseException, ending: Ending) -> VSMError:
        why = self.last.fates.not_let_in if isinstance(self.last, HttpTransport) else ""
        said = self.discretion.quotes.quoted(why or str(refusal) or type(refusal).__name__, most=LONGEST_SAID)
        if why:
            return not_let_in(self.name, said)
        return not_started(self.name, ending, said=said, gone=_is_closed(refusal))

    def _client(self, transport: Carried, era: Era, limit: anyio.CancelScope) -> Client:
        """Return what greets, until ``limit`` ends it."""
        transport.traffic.asking[limit] = nothing_put_off
        mode = Era.AUTO if era is Era.AUTO else Era.LEGACY
        given = callbacks(self.terms.consent, self.name)
        return Client(transport, mode=mode, client_info=_US, cache=None, **given)

    def _link(self, client: Client, listing: Listing, transport: Carried) -> SdkLink:
        return SdkLink(
            client.session,
            name=self.name,
            listing=listing,
            seconds=self.terms.call,
            cap=self.terms.cap,
            transport=transport,
            discretion=self.discretion,
            bounds=self.terms.bounds,
            consent=self.terms.consent,
        )


def _is_closed(cause: BaseException) -> bool:
    """Tell whether the server went away by itself; otherwise it ends because we leave it."""
    if isinstance(cause, MCPError):
        return cause.code == CONNECTION_CLOSED
    return isinstance(cause, anyio.ClosedResourceError | anyio.BrokenResourceError)
