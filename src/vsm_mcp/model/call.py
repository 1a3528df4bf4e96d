"""A call to a tool, its result, and the one protocol everything that guards a call wraps."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vsm_mcp.model.json import JsonObject, JsonValue

LONGEST_OBJECT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a server says about one of its tools.

    Attributes:
        name: The tool's own name on its server.
        description: The server's text; untrusted.
        input_schema: JSON Schema of the arguments (an object schema).
        output_schema: JSON Schema of the structured result, if the tool declares one.
        read_only: The server's hint that the tool changes nothing; a hint, never a proof.
        idempotent: The server's hint that calling twice equals calling once.
        raw: The tool as it came over the wire, for hashing and for fields we do not know.
    """

    name: str
    description: str = ""
    input_schema: JsonObject = field(default_factory=dict[str, JsonValue])
    output_schema: JsonObject | None = None
    read_only: bool = False
    idempotent: bool = False
    raw: JsonObject = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSpec:
    """What a server says about one of its prompts.

    Attributes:
        name: The prompt's own name on its server.
        description: The server's text; untrusted.
        raw: The prompt as it came over the wire, arguments included.
    """

    name: str
    description: str = ""
    raw: JsonObject = field(default_factory=dict[str, JsonValue])


ProgressHeard = Callable[[float, float | None, str], None]
"""Hears how far a call is: how much is done, of how much in all when that is known, and in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A request to one tool.

    Attributes:
        server: Name of the server that has the tool.
        tool: The tool's own name on that server.
        arguments: The arguments, as JSON values.
        agent: Who asks; the principal for permissions, rates and the audit log.
        timeout: Seconds the whole call may take, writing and waiting included; ``None`` for the link's default.
        idle: Seconds it may take without a sign of progress; ``None`` for the link's default.
        progress: Hears how far the call is; must neither block nor raise.
    """

    server: str
    tool: str
    arguments: JsonObject = field(default_factory=dict[str, JsonValue])
    agent: str = "host"
    timeout: float | None = None
    idle: float | None = None
    progress: ProgressHeard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool answered.

    Attributes:
        text: All text content, joined by newlines.
        structured: The structured content, if there was any.
        content: The content blocks as JSON objects, in order (text, image, resource ...).
        is_error: The server's own word that the tool failed.
    """

    text: str
    structured: JsonValue = None
    content: tuple[JsonObject, ...] = ()
    is_error: bool = False

    @property
    def value(self) -> JsonValue:
        """The structured content if there is any, else the text."""
        return self.text if self.structured is None else self.structured

    @property
    def complaint(self) -> str | None:
        """What the tool says went wrong, or ``None`` when it says nothing of the kind.

        Many servers report a failure as an ordinary result: an object with a filled ``error`` field, or text that
        begins with a word or sign of failure. Those count as failures too.
        """
        if self.is_error:
            return self.text or "the tool reported an error without a word"
        error = _error_field(self.structured)
        if error is None and self.structured is None:
            error = _error_field(_object_in(self.text))
        if error is None and self.text.lstrip()[:24].casefold().startswith(_SIGNS_OF_FAILURE):
            error = self.text
        return error


_SIGNS_OF_FAILURE = ("error:", "error executing", "failed:", "failed to ", "\N{CROSS MARK}", "traceback (most recent")


def _object_in(text: str) -> JsonValue:
    if not text.lstrip().startswith("{") or len(text) > LONGEST_OBJECT:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _error_field(value: JsonValue) -> str | None:
    if not isinstance(value, Mapping):
        return None
    if set(value) == {"result"}:  # how several server libraries wrap what a function returns
        return _error_field(value["result"])
    error = value.get("error")
    if isinstance(error, str) and error:
        return error
    return json.dumps(error)[:500] if isinstance(error, Mapping) and error else None


class Caller(Protocol):
    """Makes calls. Links and every guard around them share this one method."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make the call and return what the tool answered.

        Raises:
            CallError: The call failed; ``ToolError`` when the tool itself said so.
            ServerError: The server is not usable.
            RefusedError: A guard refused the call.
        """
        ...
