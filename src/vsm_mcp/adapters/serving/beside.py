"""A server of the host's own beside ours, on the same connections: its tools and resources follow ours."""

from typing import TypeVar

from mcp.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    Tool,
)
from pydantic import BaseModel

from vsm_mcp.adapters.serving.options import Context, Peer
from vsm_mcp.errors import ConfigurationError

MOST_PAGES = 100
MERGED = ("tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read")
_OWN = (*MERGED, "ping", "server/discover", "subscriptions/listen")
_OTHERS = (
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "resources/subscribe",
    "resources/unsubscribe",
    "logging/setLevel",
)

L = TypeVar("L", ListToolsResult, ListResourcesResult, ListResourceTemplatesResult)


class Beside:
    """What the host's own server has.

    Args:
        server: It; ``None`` when there is none. Its life span is not entered: its handlers get our connections.
    """

    def __init__(self, server: "Server[Peer] | None") -> None:
        """Keep it."""
        self._server = server

    def join(self, ours: "Server[Peer]") -> None:
        """Let ours answer what only the other can: prompts, completion, subscriptions to resources, logging.

        What the other remembers between two requests at its client is sealed, so that the client cannot change it.
        """
        if self._server is None:
            return
        for method in _OTHERS:
            entry = self._server.get_request_handler(method)
            if entry is not None:
                ours.add_request_handler(method, entry.params_type, entry.handler)
        ours.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=ours.name))

    async def tools(self, ctx: Context) -> list[Tool]:
        """Return all of its tools."""
        pages = await self._pages(ctx, "tools/list", ListToolsResult)
        return [tool for page in pages for tool in page.tools]

    async def resources(self, ctx: Context) -> list[Resource]:
        """Return all of its resources."""
        pages = await self._pages(ctx, "resources/list", ListResourcesResult)
        return [resource for page in pages for resource in page.resources]

    async def templates(self, ctx: Context) -> list[ResourceTemplate]:
        """Return all of its templates."""
        pages = await self._pages(ctx, "resources/templates/list", ListResourceTemplatesResult)
        return [template for page in pages for template in page.resource_templates]

    async def call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult | None:
        """Call one of its tools; ``None`` when it has none at all."""
        answer = await self._ask(ctx, "tools/call", params)
        return answer if isinstance(answer, CallToolResult | InputRequiredResult) else None

    async def read(
        self, ctx: Context, params: ReadResourceRequestParams
    ) -> ReadResourceResult | InputRequiredResult | None:
        """Read one of its resources; ``None`` when it has none at all."""
        answer = await self._ask(ctx, "resources/read", params)
        return answer if isinstance(answer, ReadResourceResult | InputRequiredResult) else None

    async def _pages(self, ctx: Context, method: str, kind: type[L]) -> list[L]:
        pages: list[L] = []
        cursor: str | None = None
        while len(pages) < MOST_PAGES:
            page = await self._ask(ctx, method, PaginatedRequestParams(cursor=cursor))
            if not isinstance(page, kind):
                return pages
            pages.append(page)
            cursor = page.next_cursor
            if cursor is None:
                return pages
        raise ConfigurationError(
            f"The server beside ours has more than {MOST_PAGES} pages for {method}.",
            remedies=("Let its list come to an end.",),
        )

    async def _ask(self, ctx: Context, method: str, params: BaseModel) -> object:
        entry = None if self._server is None else self._server.get_request_handler(method)
        return None if entry is None else await entry.handler(ctx, params)
