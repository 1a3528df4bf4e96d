"""Links to servers of this process: no pipe, no other process, the same values and errors."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from typing import cast

from mcp import Client
from mcp.client.session import IncomingMessage
from mcp.server import MCPServer, Server

from vsm_mcp.errors import StartError
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.sdk.announcements import announcements
from vsm_mcp.servers.links.sdk.answers import direct_to
from vsm_mcp.servers.links.sdk.consent import callbacks
from vsm_mcp.servers.links.sdk.session import SdkLink
from vsm_mcp.servers.links.terms import Terms
from vsm_mcp.world.groups import first_error, first_leaf

ANNOUNCE_SECONDS = 1.0


@asynccontextmanager
async def in_process(make: Callable[[], object], *, name: str, terms: Terms) -> AsyncGenerator[Link]:
    """Connect to the server object that ``make`` returns.

    Raises:
        StartError: ``make`` failed, or made something that is not a server of the SDK.
    """
    listing = Listing()

    async def hear(message: IncomingMessage) -> None:
        if not isinstance(message, Exception):
            listing.heard(message.method)

    server = _made(make, name)
    client = Client(server, cache=None, message_handler=hear, **callbacks(terms.consent, name))
    try:
        await client.__aenter__()
    except Exception as error:  # noqa: BLE001 - the host's own code runs here
        raise StartError(f"{name} did not come up: {first_leaf(error)}.") from first_leaf(error)
    link = SdkLink(
        client.session,
        name=name,
        listing=listing,
        seconds=terms.call,
        cap=terms.cap,
        transport=None,
        bounds=terms.bounds,
        direct=direct_to(server),
        consent=terms.consent,
    )
    try:
        with first_error():
            async with announcements(client, listing, wait=ANNOUNCE_SECONDS):
                with closing(link):
                    yield link
    finally:
        await client.__aexit__(None, None, None)


def _made(make: Callable[[], object], name: str) -> "Server[object] | MCPServer[object]":
    try:
        server = make()
    except Exception as error:
        raise StartError(f"{name} could not be made: {error}.") from error
    if not isinstance(server, Server | MCPServer):
        raise StartError(
            f"{name} is made as {type(server).__name__}, which is no MCP server.",
            remedies=("Let `make` return an MCPServer or a Server of the MCP SDK.",),
        )
    return cast("Server[object] | MCPServer[object]", server)
