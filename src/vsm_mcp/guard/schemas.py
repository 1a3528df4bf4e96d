"""Schemas: arguments fit what the tool asks for before they are sent, and results are held against what it promises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from vsm_mcp.errors import ArgumentError, PayloadError
from vsm_mcp.events import CallRefused, EventSink, ResultMisshaped, ignore
from vsm_mcp.guard.rules.effort import UnjudgeableError
from vsm_mcp.guard.rules.judge import Judge, digest
from vsm_mcp.guard.rules.targets import MOST_RULES, Target, Targets
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonObject

TOOLS_PER_SCHEMA = 8

Lookup = Callable[[str, str], ToolSpec | None]
"""Returns what a server (first) says of its tool (second), as it was proven; ``None`` when it has no such tool."""

_Judge = Judge | str | None
"""A compiled schema; why there is none; or ``None`` when everything fits."""


class SchemaOptions(BaseModel, frozen=True, extra="forbid"):
    """How calls are held against schemas.

    Attributes:
        strict_results: Whether a result that does not fit what its tool declares is an error. By default it is told
            as an event, and the result is returned.
        refuse_unjudged: Whether tools whose schema cannot be judged may not be called. By default their arguments go
            to the server as they are.
        excused: Tools that may be called even then: globs ``SERVER:TOOL``.
        most_kept: How many compiled schemas are kept; beyond, all are forgotten and compiled again when needed.
    """

    strict_results: bool = False
    refuse_unjudged: bool = False
    excused: Annotated[tuple[Target, ...], Field(max_length=MOST_RULES)] = ()
    most_kept: int = Field(default=1024, ge=1, le=1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A tool, and its schemas; valid as long as the tool is described by the same object."""

    spec: ToolSpec
    arguments: _Judge
    result: _Judge


class SchemaValidation:
    """Lets pass arguments that fit the input schema of their tool, and tells of results that do not fit its own.

    A schema is compiled once, whichever servers have it. Where one cannot be judged in bounded time, the options say
    whether its tool may be called.

    Args:
        caller: Makes the calls that pass.
        options: How strict to be.
        lookup: Returns what a server says of a tool; must be quick, and return the same object while nothing changed.
        emit: Hears of calls that do not pass, and of results that do not fit.
    """

    def __init__(self, caller: Caller, options: SchemaOptions, *, lookup: Lookup, emit: EventSink = ignore) -> None:
        """Begin with nothing compiled."""
        self._caller = caller
        self._lookup = lookup
        self._emit = emit
        self._strict = options.strict_results
        self._refuses = options.refuse_unjudged
        self._excused = Targets(options.excused)
        self._most = options.most_kept
        self._tools: dict[tuple[str, str], _Known] = {}
        self._compiled: dict[str, Judge | str] = {}

    def __repr__(self) -> str:
        """Show how many schemas are kept."""
        return f"SchemaValidation({self._caller!r}, compiled={len(self._compiled)})"

    def objection(self, _agent: str, server: str, tool: str) -> str | None:
        """Return why no call to a tool could pass, whoever asks; ``None`` when one could, or there is no such tool."""
        known = self._known(server, tool)
        return None if known is None else self._unjudged(known, server, tool)

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call whose arguments fit; the result is returned even when it does not fit, unless that is an error.

        Raises:
            ArgumentError: The arguments do not fit, or cannot be judged and that is an error; nothing was sent.
            PayloadError: The result does not fit, and that is an error.
        """
        judge = self.check(call)
        result = await self._caller.call(call)
        if judge is not None:
            self.examine(call, result, judge)
        return result

    def check(self, call: ToolCall, /) -> Judge | str | None:
        """Return what the result of a call is held against, if its arguments fit; a text says why that cannot be.

        Raises:
            ArgumentError: They do not, or cannot be judged and that is an error.
        """
        known = self._known(call.server, call.tool)
        if known is None:  # those behind know better whether it is missing or held back
            return None
        if known.arguments is not None:
            self._judge_arguments(known, call)
        return known.result

    def examine(self, call: ToolCall, result: ToolResult, judge: Judge | str) -> None:
        """Hold a result against what its tool declares.

        Raises:
            PayloadError: It does not fit, and that is an error.
        """
        if not result.is_error:
            self._judge_result(judge, call, result)

    def _known(self, server: str, tool: str) -> _Known | None:
        spec = self._lookup(server, tool)
        if spec is None:
            return None
        key = (server, tool)
        known = self._tools.get(key)
        if known is None or known.spec is not spec:
            if len(self._tools) >= TOOLS_PER_SCHEMA * self._most:
                self._tools.clear()
            known = self._tools[key] = _Known(
                spec=spec, arguments=self._compile(spec.input_schema), result=self._compile(spec.output_schema)
            )
        return known

    def _compile(self, schema: JsonObject | None) -> _Judge:
        if not schema:
            return None
        try:
            key = digest(schema)
        except PayloadError as error:
            return f"it is out of bounds: {error.message.rstrip('.')}"
        if key not in self._compiled:
            if len(self._compiled) >= self._most:
                self._compiled.clear()
            self._compiled[key] = _compiled(schema)
        return self._compiled[key]

    def _unjudged(self, known: _Known, server: str, tool: str) -> str | None:
        if not self._refuses or not isinstance(known.arguments, str) or self._excused.match(server, tool):
            return None
        return f"its input schema cannot be judged: {known.arguments}."

    def _judge_arguments(self, known: _Known, call: ToolCall) -> None:
        judge = known.arguments
        if isinstance(judge, Judge):
            try:
                breach = judge.breach(call.arguments)
            except PayloadError as error:
                breach = error.message.rstrip(".")
            reason = None if breach is None else f"the arguments do not fit: {breach}."
        else:
            reason = self._unjudged(known, call.server, call.tool)
        if reason is not None:
            raise self._refusal(call, reason)

    def _judge_result(self, judge: Judge | str, call: ToolCall, result: ToolResult) -> None:
        if isinstance(judge, str):
            why = f"its output schema cannot be judged: {judge}"
        elif result.structured is None:
            why = "it declares an output schema and answered without structured content"
        else:
            try:
                why = judge.breach(result.structured)
            except PayloadError as error:
                why = error.message.rstrip(".")
        if why is None:
            return
        self._emit(ResultMisshaped(server=call.server, tool=call.tool, why=why))
        if self._strict:
            raise PayloadError(
                f"The call was made, but the result of {call.tool!r} of {call.server} does not fit its schema: {why}.",
                remedies=("Tell who makes the server.", "Accept such results: strict_results=False."),
            )

    def _refusal(self, call: ToolCall, reason: str) -> ArgumentError:
        self._emit(CallRefused(server=call.server, tool=call.tool, agent=call.agent, reason=reason, guard="schemas"))
        return ArgumentError(
            f"{call.tool!r} of {call.server} was not called: {reason}",
            remedies=("Correct the arguments; the tool's input schema says what it takes.",),
        )


def _compiled(schema: JsonObject) -> Judge | str:
    try:
        return Judge(schema)
    except UnjudgeableError as error:
        return str(error)
