"""Lists of tools and prompts, cleaned one entry at a time: one bad entry never spoils the others."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

from mcp_types import JSONRPCMessage, JSONRPCResponse, Prompt, RequestId, Tool, methods
from pydantic import ValidationError

from vsm_mcp.errors import PayloadError, printable
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.pins import canonical
from vsm_mcp.servers.links.quoting import Blotter
from vsm_mcp.servers.links.troubles import unusable

LONGEST_NAME = 128
LARGEST_TOOL = 256 * 1024
LARGEST_LIST = 8 * 2**20
MOST_PAGES = 100
MOST_ENTRIES = 1000
_LONGEST_PLACE = 200
_HANDSHAKE_VERSION = "2025-11-25"
_TOOLS = "tools/list"
_PROMPTS = "prompts/list"
CHANGES = ("notifications/tools/list_changed", "notifications/prompts/list_changed")

T = TypeVar("T")
Page = Callable[[str | None], Awaitable[tuple[Sequence[T], str | None]]]
"""Asks for a page: gets where it begins, answers with its entries and where the next one begins, if there is one."""


class Listing:
    """Keeps the raw form of listed tools and drops invalid ones before the SDK rejects the whole list for them.

    Args:
        blotter: Blots out the server's secrets: what it lists is kept and shown.

    Attributes:
        raw: The tools of the last answers as they came over the wire, by name.
        prompts: The prompts of the last answers, likewise.
        dropped: The tools that were left out, each with the reason.
        changes: How often the server said that its lists changed.
        overfull: Whether the pages together are larger than allowed; what went beyond is not in it.
    """

    def __init__(self, blotter: Blotter | None = None) -> None:
        """Start with nothing listed."""
        self.raw: dict[str, JsonObject] = {}
        self.prompts: dict[str, JsonObject] = {}
        self.dropped: dict[str, str] = {}
        self.changes: int = 0
        self.overfull: bool = False
        self._blotter = Blotter() if blotter is None else blotter
        self._size = 0
        self._version: Callable[[], str | None] = _unknown
        self._asked: dict[RequestId, str] = {}

    def speak(self, version: Callable[[], str | None]) -> None:
        """Learn which version of the protocol the connection speaks."""
        self._version = version

    def begin(self) -> None:
        """Forget the last list of tools: another is about to be asked for."""
        self.raw.clear()
        self.dropped.clear()
        self.overfull, self._size = False, 0

    def begin_prompts(self) -> None:
        """Forget the last list of prompts, likewise."""
        self.prompts.clear()
        self.overfull, self._size = False, 0

    def heard(self, method: str) -> None:
        """Take note of what the server announces; a flood of it costs nothing but the counting."""
        if method in CHANGES:
            self.changes += 1

    def sent(self, number: RequestId, method: str) -> None:
        """Remember which answers will be lists."""
        if method in {_TOOLS, _PROMPTS}:
            self._asked[number] = method

    def received(self, message: JSONRPCMessage, *, size: int) -> JSONRPCMessage:
        """Return ``message``; a list of tools or prompts comes back with only the usable ones in it.

        Args:
            message: What the server answered.
            size: How many bytes it took.
        """
        if not isinstance(message, JSONRPCResponse) or message.id not in self._asked:
            return message
        tools = self._asked.pop(message.id) == _TOOLS
        key, keep = ("tools", self._kept) if tools else ("prompts", self._kept_prompt)
        entries = message.result.get(key)
        if not isinstance(entries, list):
            return message
        self._size += size
        self.overfull = self._size > LARGEST_LIST
        listed = [] if self.overfull else cast("list[JsonValue]", entries)
        kept = [entry for index, one in enumerate(listed) if (entry := keep(self._blotted(one), index)) is not None]
        return message.model_copy(update={"result": {**message.result, key: kept}})

    async def paged(self, page: Page[T], *, server: str, what: str) -> Sequence[T]:
        """Return the entries of all pages.

        Args:
            page: Asks for one page.
            server: The server's name, for messages.
            what: What is listed, for messages.

        Raises:
            LinkError: The list does not end or is too large.
        """
        entries: list[T] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            more, following = await page(cursor)
            entries.extend(more)
            if len(entries) + len(self.dropped) > MOST_ENTRIES:
                raise unusable(f"{server} lists more than {MOST_ENTRIES} {what}.")
            if self.overfull:
                raise unusable(f"The list of {what} of {server} has more than {LARGEST_LIST} bytes.")
            if following is None:
                return entries
            if following == cursor:
                break
            cursor = following
        raise unusable(f"The list of {what} of {server} does not end.")

    def tools_of(self, tools: Sequence[Tool], *, server: str) -> tuple[ToolSpec, ...]:
        """Return the tools of the last list as ours; those that are not among ``tools`` any more are left out.

        Raises:
            LinkError: Nobody saw one come, so it cannot be pinned.
        """
        specs = tuple(_tool_of(tool, _as_listed(tool.name, self.raw, server)) for tool in tools)
        for name in self.raw.keys() - {tool.name for tool in tools}:
            self.dropped[name] = "its schema asks for headers that are not allowed"
        return specs

    def prompts_of(self, prompts: Sequence[Prompt], *, server: str) -> tuple[PromptSpec, ...]:
        """Return the prompts of the last list as ours.

        Raises:
            LinkError: Nobody saw one come, so it cannot be pinned.
        """
        return tuple(_prompt_of(prompt, _as_listed(prompt.name, self.prompts, server)) for prompt in prompts)

    def _blotted(self, entry: JsonValue) -> JsonValue:
        if self._blotter and self._blotter.finds(json.dumps(entry)):
            return self._blotter.blotted(entry)
        return entry

    def _kept(self, tool: JsonValue, index: int) -> JsonObject | None:
        if not isinstance(tool, Mapping):
            self.dropped[f"#{index + 1}"] = "it is not an object"
            return None
        name = _name(tool, index)
        reason = self._flaw(tool)
        if reason is None and name in self.raw:
            self.dropped.setdefault(name, "it is listed more than once; the first one counts")
            return None
        if reason is not None:
            self.dropped[name] = reason
            return None
        self.raw[name] = tool
        return tool

    def _kept_prompt(self, prompt: JsonValue, index: int) -> JsonObject | None:
        if not isinstance(prompt, Mapping) or _name(prompt, index) in self.prompts or _misshapen(prompt) is not None:
            return None
        try:
            Prompt.model_validate(prompt, by_name=False)
        except ValidationError:
            return None
        self.prompts[_name(prompt, index)] = prompt
        return prompt

    def _flaw(self, tool: JsonObject) -> str | None:
        """Return why ``tool`` cannot be used, or ``None``."""
        execution = tool.get("execution")
        if isinstance(execution, Mapping) and execution.get("taskSupport") == "required":
            return "it can only be run as a task, which is not supported"
        return _misshapen(tool) or self._violation(tool)

    def _violation(self, tool: JsonObject) -> str | None:
        """Return what of ``tool`` is against the protocol, or ``None``."""
        answer = {"tools": [tool], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        try:
            methods.validate_server_result(_TOOLS, self._version() or _HANDSHAKE_VERSION, answer)
            Tool.model_validate(tool, by_name=False)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = printable(".".join(str(part) for part in first["loc"] if part not in ("tools", 0)))[:_LONGEST_PLACE]
            return f"it is against the protocol: {where}: {first['msg']}"
        return None


def wire_form(entries: Sequence[Tool] | Sequence[Prompt]) -> dict[str, JsonObject]:
    """Return each entry as it would go over the wire: for servers that are not behind one."""
    return {entry.name: entry.model_dump(by_alias=True, mode="json", exclude_none=True) for entry in entries}


def _tool_of(tool: Tool, raw: JsonObject) -> ToolSpec:
    """Return what ``tool`` says about itself, as ours."""
    hints = tool.annotations
    return ToolSpec(
        name=tool.name,
        description=tool.description or tool.title or "",
        input_schema=cast("JsonObject", tool.input_schema),
        output_schema=cast("JsonObject | None", tool.output_schema),
        read_only=bool(hints and hints.read_only_hint),
        idempotent=bool(hints and hints.idempotent_hint),
        raw=raw,
    )


def _prompt_of(prompt: Prompt, raw: JsonObject) -> PromptSpec:
    """Return what ``prompt`` says about itself, as ours."""
    return PromptSpec(name=prompt.name, description=prompt.description or prompt.title or "", raw=raw)


def _as_listed(name: str, raw: Mapping[str, JsonObject], server: str) -> JsonObject:
    if name not in raw:
        raise unusable(f"{server} lists {name!r} in an answer that nobody asked for.")
    return raw[name]


def _misshapen(entry: JsonObject) -> str | None:
    """Return why a tool or prompt cannot be handled, or ``None``: its name, its size, or how deep it is nested."""
    name = entry.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return f"its name is not 1 to {LONGEST_NAME} printable characters"
    size = len(json.dumps(entry))
    if size > LARGEST_TOOL:
        return f"its description has {size} bytes, more than the {LARGEST_TOOL} allowed"
    try:
        canonical(entry)
    except PayloadError as error:
        return f"it cannot be pinned: {error.message.removesuffix('.')}"
    return None


def _name(tool: JsonObject, index: int) -> str:
    name = tool.get("name")
    return name[:LONGEST_NAME] if isinstance(name, str) and name.isprintable() and name else f"#{index + 1}"


def _unknown() -> None:
    return None
