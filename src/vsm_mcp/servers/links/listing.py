"""Lists of tools and prompts, cleaned one entry at a time: one bad entry never spoils the others."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from mcp_types import JSONRPCMessage, JSONRPCResponse, Prompt, RequestId, Tool, methods
from pydantic import ValidationError

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.pins import canonical

LONGEST_NAME = 128
LARGEST_TOOL = 256 * 1024
_HANDSHAKE_VERSION = "2025-11-25"
_TOOLS = "tools/list"
_PROMPTS = "prompts/list"
CHANGES = ("notifications/tools/list_changed", "notifications/prompts/list_changed")


class Listing:
    """Keeps the raw form of listed tools and drops invalid ones before the SDK rejects the whole list for them.

    Attributes:
        raw: The tools of the last answers as they came over the wire, by name.
        prompts: The prompts of the last answers, likewise.
        dropped: The tools that were left out, each with the reason.
        changes: How often the server said that its lists changed.
    """

    def __init__(self) -> None:
        """Start with nothing listed."""
        self.raw: dict[str, JsonObject] = {}
        self.prompts: dict[str, JsonObject] = {}
        self.dropped: dict[str, str] = {}
        self.changes: int = 0
        self._version: Callable[[], str | None] = _unknown
        self._asked: dict[RequestId, str] = {}

    def speak(self, version: Callable[[], str | None]) -> None:
        """Learn which version of the protocol the connection speaks."""
        self._version = version

    def begin(self) -> None:
        """Forget the last list of tools: another is about to be asked for."""
        self.raw.clear()
        self.dropped.clear()

    def heard(self, method: str) -> None:
        """Take note of what the server announces; a flood of it costs nothing but the counting."""
        if method in CHANGES:
            self.changes += 1

    def sent(self, number: RequestId, method: str) -> None:
        """Remember which answers will be lists."""
        if method in {_TOOLS, _PROMPTS}:
            self._asked[number] = method

    def received(self, message: JSONRPCMessage) -> JSONRPCMessage:
        """Return ``message``; a list of tools or prompts comes back with only the usable ones in it."""
        if not isinstance(message, JSONRPCResponse) or message.id not in self._asked:
            return message
        tools = self._asked.pop(message.id) == _TOOLS
        key, keep = ("tools", self._keep) if tools else ("prompts", self._keep_prompt)
        entries = message.result.get(key)
        if not isinstance(entries, list):
            return message
        kept = [entry for index, entry in enumerate(cast("list[JsonValue]", entries)) if keep(entry, index)]
        return message.model_copy(update={"result": {**message.result, key: kept}})

    def _keep(self, tool: JsonValue, index: int) -> bool:
        if not isinstance(tool, Mapping):
            self.dropped[f"#{index + 1}"] = "it is not an object"
            return False
        name = _name(tool, index)
        reason = self._flaw(tool)
        if reason is None and name in self.raw:
            self.dropped.setdefault(name, "it is listed more than once; the first one counts")
            return False
        if reason is not None:
            self.dropped[name] = reason
            return False
        self.raw[name] = tool
        return True

    def _keep_prompt(self, prompt: JsonValue, index: int) -> bool:
        if not isinstance(prompt, Mapping) or _name(prompt, index) in self.prompts or _misshapen(prompt) is not None:
            return False
        try:
            Prompt.model_validate(prompt, by_name=False)
        except ValidationError:
            return False
        self.prompts[_name(prompt, index)] = prompt
        return True

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
            where = ".".join(str(part) for part in first["loc"] if part not in ("tools", 0))
            return f"it is against the protocol: {where}: {first['msg']}"
        return None


def spec_of(tool: Tool, raw: JsonObject) -> ToolSpec:
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


def prompt_of(prompt: Prompt, raw: JsonObject) -> PromptSpec:
    """Return what ``prompt`` says about itself, as ours."""
    return PromptSpec(name=prompt.name, description=prompt.description or prompt.title or "", raw=raw)


def wire_form(entries: Sequence[Tool] | Sequence[Prompt]) -> dict[str, JsonObject]:
    """Return each entry as it would go over the wire: for servers that are not behind one."""
    return {entry.name: entry.model_dump(by_alias=True, mode="json", exclude_none=True) for entry in entries}


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
