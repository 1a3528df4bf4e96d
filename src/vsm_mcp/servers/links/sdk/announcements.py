"""What a server of the newest protocol announces: it has to be asked for it, and is heard as long as the link lives."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import ServerCapabilities
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from vsm_mcp.servers.links.listing import CHANGES, Listing
from vsm_mcp.servers.links.sdk.transports.traffic import UNREACHED

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


@asynccontextmanager
async def announcements(client: Client, listing: Listing, *, wait: float = 0.0) -> AsyncGenerator[None]:
    """Let ``listing`` hear of other tools and prompts, if the server says that it announces them.

    Servers of older protocols announce without being asked, so nothing is asked of them.

    Args:
        client: The connection, past its greeting.
        listing: Hears of it.
        wait: Seconds to wait until the server has begun to announce; for servers of this process, which say so.
    """
    session = client.session
    if session.protocol_version not in MODERN_PROTOCOL_VERSIONS or not _announces(session.server_capabilities):
        yield
        return
    async with anyio.create_task_group() as tasks:
        begun = anyio.Event()
        tasks.start_soon(_hear, client, listing, begun)
        with anyio.move_on_after(wait):
            await begun.wait()
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()


async def _hear(client: Client, listing: Listing, begun: anyio.Event) -> None:
    """Hear, and begin anew when the stream ends. Each time list once more: what was missed is not known."""
    pause = FIRST_PAUSE
    while await _heard(client, listing, begun):
        listing.heard(CHANGES[0])
        await anyio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    listing.heard(CHANGES[0])


async def _heard(client: Client, listing: Listing, begun: anyio.Event) -> bool:
    """Hear until there is nothing more to hear; tell whether the server may be asked again."""
    try:
        async with client.listen(tools_list_changed=True, prompts_list_changed=True) as heard:
            begun.set()
            async for _ in heard:
                listing.heard(CHANGES[0])
    except MCPError as error:
        return error.data is UNREACHED  # over HTTP it may run again soon; otherwise it does not announce
    except (SubscriptionLost, anyio.ClosedResourceError, anyio.BrokenResourceError):
        return False  # the connection broke, which the link notices by itself
    return True


def _announces(offered: ServerCapabilities | None) -> bool:
    parts = () if offered is None else (offered.tools, offered.prompts)
    return any(part is not None and part.list_changed for part in parts)
