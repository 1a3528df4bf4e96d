"""Lists of tools and prompts, and results that hold more than text: read with the models of the protocol."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

import anyio.to_thread
from mcp_types import (
    InputRequiredResult,
    JSONRPCResponse,
    ListPromptsResult,
    ListToolsResult,
    Prompt,
    Tool,
    methods,
)
from pydantic import ValidationError

from vsm_mcp.model.call import PromptSpec, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.servers.links.lean.messages import MODERN, word
from vsm_mcp.servers.links.lean.outcomes import Answered
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.results import ANSWERS, result_of
from vsm_mcp.servers.links.troubles import against_protocol

TOOLS = "tools/list"
PROMPTS = "prompts/list"

_LATER = frozenset({"resultType", "ttlMs", "cacheScope"})
_HEADER = "x-mcp-header"

T = TypeVar("T")
Ask = Callable[[str, bytes], Awaitable[Answered]]
"""Asks for a page: method, and the JSON of what the parameters begin with."""


class Lists:
    """Asks one server for its lists, page by page.

    Args:
        listing: Keeps what is usable of them.
        name: The server's name, for messages.
        version: The version of the protocol that is spoken with it.
    """

    def __init__(self, listing: Listing, *, name: str, version: str) -> None:
        """Begin with nothing listed."""
        self.listing = listing
        self._name = name
        self._version = version
        self._numbers = 0
        listing.speak(lambda: version)

    async def tools(self, ask: Ask) -> tuple[ToolSpec, ...]:
        """Return the tools, without those that cannot be used.

        Raises:
            LinkError: The list does not end, is too large or against the protocol.
        """

        async def page(cursor: str | None) -> tuple[Sequence[Tool], str | None]:
            raw = self._cleaned(TOOLS, await ask(TOOLS, _from(cursor)))
            answer = self._read(TOOLS, raw, lambda: ListToolsResult.model_validate(raw, by_name=False))
            return await self._allowed(answer.tools), answer.next_cursor

        self.listing.begin()
        tools = await self.listing.paged(page, server=self._name, what="tools")
        return self.listing.tools_of(tools, server=self._name)

    async def prompts(self, ask: Ask) -> tuple[PromptSpec, ...]:
        """Return the prompts that can be used.

        Raises:
            LinkError: The list does not end, is too large or against the protocol.
        """

        async def page(cursor: str | None) -> tuple[Sequence[Prompt], str | None]:
            raw = self._cleaned(PROMPTS, await ask(PROMPTS, _from(cursor)))
            answer = self._read(PROMPTS, raw, lambda: ListPromptsResult.model_validate(raw, by_name=False))
            return answer.prompts, answer.next_cursor

        self.listing.begin_prompts()
        prompts = await self.listing.paged(page, server=self._name, what="prompts")
        return self.listing.prompts_of(prompts, server=self._name)

    def result(self, raw: JsonObject, what: str) -> ToolResult | None:
        """Return the result of a call; ``None`` when the tool asks for more input.

        Raises:
            LinkError: It is against the protocol.
        """
        mine = raw if self._version == MODERN else {key: raw[key] for key in raw.keys() - _LATER}
        try:
            methods.validate_server_result("tools/call", self._version, raw)
            answer = ANSWERS.validate_python(mine, by_name=False)
        except ValidationError as error:
            raise against_protocol(self._name, what) from error
        return None if isinstance(answer, InputRequiredResult) else result_of(answer)

    def _cleaned(self, method: str, page: Answered) -> JsonObject:
        """Return the page without its unusable entries; the listing keeps the others as they came."""
        self._numbers += 1
        self.listing.sent(self._numbers, method)
        answer = JSONRPCResponse(jsonrpc="2.0", id=self._numbers, result=dict(page.result))
        cleaned = self.listing.received(answer, size=page.size)
        return cast("JsonObject", cast("JSONRPCResponse", cleaned).result)

    def _read(self, method: str, raw: JsonObject, read: Callable[[], T]) -> T:
        try:
            methods.validate_server_result(method, self._version, raw)
            return read()
        except ValidationError as error:
            what = "the request for its tools" if method == TOOLS else "the request for its prompts"
            raise against_protocol(self._name, what) from error

    async def _allowed(self, tools: Sequence[Tool]) -> Sequence[Tool]:
        """Return the tools whose schemas ask for no header, or for allowed ones; older protocols know no headers."""
        if self._version != MODERN or not any(_HEADER in json.dumps(tool.input_schema) for tool in tools):
            return tools
        flaw = await anyio.to_thread.run_sync(_header_rule)
        return [tool for tool in tools if flaw(tool.input_schema) is None]


def _from(cursor: str | None) -> bytes:
    """Return what the parameters of the request for a page begin with."""
    return b"" if cursor is None else b'"cursor":' + word(cursor)


def _header_rule() -> Callable[[Mapping[str, JsonValue]], str | None]:
    """Return what tells why a schema asks for headers in a way that is not allowed."""
    from mcp.shared.inbound import find_invalid_x_mcp_header  # noqa: PLC0415 - loads the SDK, and next to no server needs it

    return find_invalid_x_mcp_header
