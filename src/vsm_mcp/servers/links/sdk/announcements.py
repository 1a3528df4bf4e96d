"""What a server of the newest protocol announces: it has to be asked for it, and is heard as long as the link lives."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import ServerCapabilities
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from vsm_mcp.servers.links.sdk.listing import CHANGES, Listing


@asynccontextmanager
async def announcements(client: Client, listing: Listing) -> AsyncGenerator[None]:
    """Let ``listing`` hear of other tools and prompts, if the server says that it announces them.

    Servers of older protocols announce without being asked, so nothing is asked of them.
    """
    session = client.session
    if session.protocol_version not in MODERN_PROTOCOL_VERSIONS or not _announces(session.server_capabilities):
        yield
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_hear, client, listing)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()


async def _hear(client: Client, listing: Listing) -> None:
    """Hear until there is nothing more to hear. Then list once more: what was missed is not known."""
    try:
        async with client.listen(tools_list_changed=True, prompts_list_changed=True) as heard:
            async for _ in heard:
                listing.heard(CHANGES[0])
    except (MCPError, SubscriptionLost, anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass  # it does not announce, or the connection broke, which the link notices by itself
    listing.heard(CHANGES[0])


def _announces(offered: ServerCapabilities | None) -> bool:
    if offered is None:
        return False
    parts = (offered.tools, offered.prompts)
    return any(part is not None and part.list_changed for part in parts)
