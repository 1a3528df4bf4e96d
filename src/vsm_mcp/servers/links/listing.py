"""Lists of tools, cleaned one tool at a time: one bad tool never spoils the others."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from mcp_types import JSONRPCMessage, JSONRPCResponse, RequestId, Tool, methods
from pydantic import ValidationError

from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue

LONGEST_NAME = 128
LARGEST_TOOL = 256 * 1024
_HANDSHAKE_VERSION = "2025-11-25"
_LISTS = "tools/list"


class Listing:
    """Keeps the raw form of listed tools and drops invalid ones before the SDK rejects the whole list for them.

    Attributes:
        raw: The tools of the last answers as they came over the wire, by name.
        dropped: The tools that were left out, each with the reason.
    """

    def __init__(self) -> None:
        """Start with nothing listed."""
        self.raw: dict[str, JsonObject] = {}
        self.dropped: dict[str, str] = {}
        self._version: Callable[[], str | None] = _unknown
        self._asked: set[RequestId] = set()

    def speak(self, version: Callable[[], str | None]) -> None:
        """Learn which version of the protocol the connection speaks."""
        self._version = version

    def begin(self) -> None:
        """Forget the last list: another is about to be asked for."""
        self.raw.clear()
        self.dropped.clear()

    def sent(self, number: RequestId, method: str) -> None:
        """Remember which answers will be lists of tools."""
        if method == _LISTS:
            self._asked.add(number)

    def received(self, message: JSONRPCMessage) -> JSONRPCMessage:
        """Return ``message``; a list of tools comes back with only the usable ones in it."""
        if not isinstance(message, JSONRPCResponse) or message.id not in self._asked:
            return message
        self._asked.discard(message.id)
        tools = message.result.get("tools")
        if not isinstance(tools, list):
            return message
        kept = [tool for index, tool in enumerate(cast("list[JsonValue]", tools)) if self._keep(tool, index)]
        return message.model_copy(update={"result": {**message.result, "tools": kept}})

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

    def _flaw(self, tool: JsonObject) -> str | None:
        """Return why ``tool`` cannot be used, or ``None``."""
        name = tool.get("name")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            return f"its name is not 1 to {LONGEST_NAME} printable characters"
        execution = tool.get("execution")
        if isinstance(execution, Mapping) and execution.get("taskSupport") == "required":
            return "it can only be run as a task, which is not supported"
        size = len(json.dumps(tool))
        if size > LARGEST_TOOL:
            return f"its description has {size} bytes, more than the {LARGEST_TOOL} allowed"
        return self._violation(tool)

    def _violation(self, tool: JsonObject) -> str | None:
        """Return what of ``tool`` is against the protocol, or ``None``."""
        answer = {"tools": [tool], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        try:
            methods.validate_server_result(_LISTS, self._version() or _HANDSHAKE_VERSION, answer)
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


def wire_form(tools: Sequence[Tool]) -> dict[str, JsonObject]:
    """Return each tool as it would go over the wire: for servers that are not behind one."""
    return {tool.name: tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in tools}


def _name(tool: JsonObject, index: int) -> str:
    name = tool.get("name")
    return name[:LONGEST_NAME] if isinstance(name, str) and name.isprintable() and name else f"#{index + 1}"


def _unknown() -> None:
    return None
