"""The reports as resources: the whole of each, and parts of some by name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    InputRequiredResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from pydantic import BaseModel

from vsm_mcp.adapters.serving.answers import report_text
from vsm_mcp.adapters.serving.beside import Beside
from vsm_mcp.adapters.serving.deeds import Asked, ToolEntry
from vsm_mcp.adapters.serving.figures import FIGURES
from vsm_mcp.adapters.serving.options import Context, ServeLimits
from vsm_mcp.adapters.serving.tools import page_of
from vsm_mcp.errors import VSMError, printable
from vsm_mcp.events import RequestFailed

SCHEME = "vsm://"
_JSON = "application/json"
_OLD_NOT_FOUND = -32002
"""What protocol versions with a handshake say when there is no such resource."""

_OLD = re.compile(r"202[45]-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a report, by name.

    Attributes:
        name: The template is ``vsm://NAME/{name}``.
        tool: The tool that must be permitted.
        description: What it says.
        find: Finds it; ``None`` when there is none.
    """

    name: str
    tool: str
    description: str
    find: Callable[[Asked, str], BaseModel | None]


def _server(asked: Asked, name: str) -> BaseModel | None:
    return next((server for server in asked.vsm.status().servers if server.name == name), None)


def _acquisition(asked: Asked, number: str) -> BaseModel | None:
    reports = asked.vsm.acquisitions
    counted = re.fullmatch("[0-9]{1,9}", number)
    return reports[int(number) - 1] if counted and 0 < int(number) <= len(reports) else None


def _tool(asked: Asked, name: str) -> BaseModel | None:
    return ToolEntry.of(asked.tools[name]) if name in asked.tools else None


_PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(name="servers", tool="vsm_status", description="One server that is held, by name.", find=_server),
        Part(name="acquisitions", tool="vsm_acquisitions", description="One, counted from 1.", find=_acquisition),
        Part(name="tools", tool="vsm_tools", description="One acquired tool, by name.", find=_tool),
    )
}


class ServedResources:
    """The resources as a client sees them.

    Args:
        asked: Says who makes a request, and what they may use.
        limits: How much there may be.
        beside: The resources of the host's own server.
    """

    def __init__(self, asked: Callable[[Context], Asked], *, limits: ServeLimits, beside: Beside) -> None:
        """Keep who may see what."""
        self._asked = asked
        self._limits = limits
        self._beside = beside

    async def list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        """Return one page of the reports that the client may read."""
        permissions = self._asked(ctx).permissions
        found = [
            Resource(
                uri=figure.uri, name=figure.name, title=figure.title, description=figure.description, mime_type=_JSON
            )
            for figure in FIGURES
            if permissions.may_use(figure.tool)
        ]
        found += await self._beside.resources(ctx)
        begin, end = page_of(params, count=len(found), size=self._limits.page)
        return ListResourcesResult(resources=found[begin:end], next_cursor=str(end) if end < len(found) else None)

    async def templates(self, ctx: Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        """Return one page of what can be read by name."""
        permissions = self._asked(ctx).permissions
        found = [
            ResourceTemplate(
                uri_template=f"{SCHEME}{part.name}/{{name}}",
                name=f"{part.name}-by-name",
                description=part.description,
                mime_type=_JSON,
            )
            for part in _PARTS.values()
            if permissions.may_use(part.tool)
        ]
        found += await self._beside.templates(ctx)
        begin, end = page_of(params, count=len(found), size=self._limits.page)
        more = str(end) if end < len(found) else None
        return ListResourceTemplatesResult(resource_templates=found[begin:end], next_cursor=more)

    async def read(self, ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult | InputRequiredResult:
        """Read a resource.

        Raises:
            MCPError: There is none of this address that the client may read, or it cannot be read now.
        """
        uri = params.uri
        if not uri.startswith(SCHEME):
            answer = await self._beside.read(ctx, params)
            if answer is None:
                raise _missing(ctx, uri)
            return answer
        asked = self._asked(ctx)
        try:
            report = await self._report(asked, uri)
            text = None if report is None else report_text(report, largest=self._limits.response_bytes)
        except VSMError as error:
            raise MCPError(INTERNAL_ERROR, printable(error.message), {"remedies": list(error.remedies)}) from error
        except Exception as error:
            asked.vsm.events(RequestFailed(agent=asked.agent, request=uri[:200], reason=repr(error)[:500]))
            raise MCPError(INTERNAL_ERROR, "It could not be read; the host was told why.") from error
        if text is None:
            raise _missing(ctx, uri)
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_JSON, text=text)])

    async def _report(self, asked: Asked, uri: str) -> BaseModel | None:
        head, _, tail = uri.removeprefix(SCHEME).partition("/")
        part = _PARTS.get(head)
        if tail:
            allowed = part is not None and asked.permissions.may_use(part.tool)
            return part.find(asked, unquote(tail)) if part is not None and allowed else None
        figure = next((figure for figure in FIGURES if figure.name == head), None)
        if figure is None or not asked.permissions.may_use(figure.tool):
            return None
        return await figure.look(asked.vsm)


def _missing(ctx: Context, uri: str) -> MCPError:
    code = _OLD_NOT_FOUND if _OLD.match(ctx.protocol_version) else INVALID_PARAMS
    return MCPError(code, "There is no such resource that you may read.", {"uri": uri})
