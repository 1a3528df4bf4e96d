"""Listing tools and calling them: our own, the acquired ones, and those of the host's own server beside us."""

import re
from collections import Counter
from collections.abc import Mapping

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
    ToolAnnotations,
)

from vsm_mcp.adapters.serving.answers import error_result, failed, outcome_result, report_result, tool_result
from vsm_mcp.adapters.serving.beside import Beside
from vsm_mcp.adapters.serving.deeds import DEEDS, Asked, Deed, looking
from vsm_mcp.adapters.serving.figures import FIGURES
from vsm_mcp.adapters.serving.options import (
    Context,
    Permitted,
    Principal,
    ServeLimits,
    ServePermissions,
    peer_of,
    permissions_of,
)
from vsm_mcp.adapters.serving.progress import passed_on, told_progress
from vsm_mcp.errors import VSMError
from vsm_mcp.events import RequestFailed
from vsm_mcp.model.call import ProgressHeard
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import Outcome
from vsm_mcp.system.viable import ViableSystem

_PLAIN = re.compile(r"(?!vsm_)[A-Za-z0-9_.-]{1,64}")


class ServedTools:
    """The tools as a client sees them.

    Args:
        vsm: The system; entered.
        permitted: What who may use.
        principal: Names the agent that a client acts as.
        limits: How much there may be.
        offer: Whether acquired tools are listed as tools of their own.
        plain: Whether they have the names that their servers gave them, where these are free.
        beside: The tools of the host's own server.
    """

    def __init__(
        self,
        vsm: ViableSystem,
        *,
        permitted: Permitted,
        principal: Principal,
        limits: ServeLimits,
        offer: bool,
        plain: bool,
        beside: Beside,
    ) -> None:
        """Keep who may do what."""
        self._vsm = vsm
        self._permitted = permitted
        self._principal = principal
        self._limits = limits
        self._offer = offer
        self._plain = plain
        self._beside = beside
        self._places = anyio.Semaphore(limits.calls)
        self._deeds: Mapping[str, Deed] = {deed.name: deed for deed in (*map(looking, FIGURES), *DEEDS)}

    def asked(self, ctx: Context) -> Asked:
        """Return who makes a request, and what they may use.

        Raises:
            MCPError: The host's own code could not tell who it is.
        """
        try:
            agent = self._principal(peer_of(ctx))
        except Exception as error:
            self._vsm.events(RequestFailed(agent="?", request=ctx.method, reason=repr(error)[:500]))
            raise MCPError(INTERNAL_ERROR, "It cannot be told who you are; the host was told why.") from error
        permissions = permissions_of(agent, self._permitted)
        return Asked(vsm=self._vsm, agent=agent, permissions=permissions, tools=self._acquired(agent, permissions))

    async def list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """Return one page of the tools that the client may use, in an order that does not change."""
        asked = self.asked(ctx)
        tools = [_deed_tool(deed) for name, deed in self._deeds.items() if asked.permissions.may_use(name)]
        if self._offer:
            tools += [_offered_tool(name, offered) for name, offered in asked.tools.items()]
        known = {tool.name for tool in tools}
        tools += [tool for tool in await self._beside.tools(ctx) if tool.name not in known]
        begin, end = page_of(params, count=len(tools), size=self._limits.page)
        return ListToolsResult(tools=tools[begin:end], next_cursor=str(end) if end < len(tools) else None)

    async def call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Call a tool. What goes wrong is a result that says so; only an unknown tool is an error of the protocol.

        Raises:
            MCPError: The client may not use a tool of this name, or there is none.
        """
        asked = self.asked(ctx)
        if self._own(params.name, asked):
            return await self._guarded(ctx, params, asked)
        answer = await self._beside.call(ctx, params)
        if answer is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name[:100]!r} that you may use.")
        return answer

    def _own(self, name: str, asked: Asked) -> bool:
        if name in self._deeds:
            return asked.permissions.may_use(name)
        return self._offer and name in asked.tools

    async def _guarded(self, ctx: Context, params: CallToolRequestParams, asked: Asked) -> CallToolResult:
        """Call one of our tools when there is a place; nothing that goes wrong inside shows more than it should."""
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            busy = f"{self._limits.calls} calls are under way, and more are not taken at once."
            return failed(busy, {"error": "CapacityError", "message": busy, "retryable": True})
        try:
            return await self._do(ctx, params, asked)
        except VSMError as error:
            return error_result(error)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the client gets an answer and the host the reason
            self._vsm.events(RequestFailed(agent=asked.agent, request=params.name, reason=repr(error)[:500]))
            hidden = f"{params.name} failed inside of the server; its host was told why."
            return failed(hidden, {"error": "InternalError", "message": hidden, "retryable": False})
        finally:
            self._places.release()

    async def _do(self, ctx: Context, params: CallToolRequestParams, asked: Asked) -> CallToolResult:
        """Do what is asked, and tell the client how far it is where that may take long."""
        if params.name not in self._deeds:
            async with passed_on(ctx) as hear:
                return await self._forwarded(params, asked, hear)
        if not self._deeds[params.name].open_world:
            return await self._answer(params, asked)
        async with told_progress(ctx, self._vsm.events):
            return await self._answer(params, asked)

    async def _answer(self, params: CallToolRequestParams, asked: Asked) -> CallToolResult:
        largest = self._limits.response_bytes
        done = await self._deeds[params.name].run(asked, params.arguments or {})
        if isinstance(done, Outcome):
            return outcome_result(done, largest=largest)
        return report_result(done, largest=largest)

    async def _forwarded(self, params: CallToolRequestParams, asked: Asked, hear: ProgressHeard) -> CallToolResult:
        offered, given = asked.tools[params.name], params.arguments or {}
        outcome = await self._vsm.call_tool(offered.name, given, agent=asked.agent, progress=hear)
        return tool_result(outcome, largest=self._limits.response_bytes)

    def _acquired(self, agent: str, permissions: ServePermissions) -> Mapping[str, OfferedTool]:
        """Return the acquired tools that an agent may call now, by the names under which it knows them."""
        tools = [offered for offered in self._vsm.tools(agent=agent) if permissions.may_call(offered)]
        if not self._plain:
            return {offered.name: offered for offered in tools}
        count = Counter(offered.tool for offered in tools)
        count.update(offered.name for offered in tools)
        return {
            offered.tool if count[offered.tool] == 1 and _PLAIN.fullmatch(offered.tool) else offered.name: offered
            for offered in tools
        }


def page_of(params: PaginatedRequestParams | None, *, count: int, size: int) -> tuple[int, int]:
    """Return where a page of a list of ``count`` begins and ends.

    Raises:
        MCPError: The cursor is none that was given out.
    """
    cursor = None if params is None else params.cursor
    if cursor is None:
        return 0, min(size, count)
    if not re.fullmatch("[0-9]{1,9}", cursor) or int(cursor) > count:
        raise MCPError(INVALID_PARAMS, f"The cursor {cursor[:20]!r} is none of this server.")
    return int(cursor), min(int(cursor) + size, count)


def _deed_tool(deed: Deed) -> Tool:
    return Tool(
        name=deed.name,
        title=deed.title,
        description=deed.description,
        input_schema=dict(deed.schema),
        annotations=ToolAnnotations(
            read_only_hint=deed.read_only,
            destructive_hint=deed.destructive,
            idempotent_hint=deed.idempotent,
            open_world_hint=deed.open_world,
        ),
    )


def _offered_tool(name: str, offered: OfferedTool) -> Tool:
    """Return an acquired tool; what its server says of itself are hints, and of the rest nothing is claimed."""
    return Tool(
        name=name,
        description=offered.description,
        input_schema=dict(offered.input_schema),
        output_schema=None if offered.output_schema is None else dict(offered.output_schema),
        annotations=ToolAnnotations(read_only_hint=offered.read_only, idempotent_hint=offered.idempotent),
    )
