"""Permissions of agents: who may call which tool of which server, asked at every call."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from vsm_mcp.errors import PermissionDeniedError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.guard.rules.targets import MOST_RULES, Answers, Glob, Target, Targets, compiled
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

_Targets = Annotated[tuple[Target, ...], Field(max_length=MOST_RULES)]


class Unlisted(StrEnum):
    """What holds for an agent that no rule names."""

    ALLOW = "allow"
    DENY = "deny"


class AgentRule(BaseModel, frozen=True, extra="forbid"):
    """What some agents may call.

    Attributes:
        allow: Globs ``SERVER:TOOL`` (or ``SERVER`` for all its tools) that they may call; nothing else.
        deny: Globs that they may not call, whatever is allowed anywhere.
    """

    allow: _Targets
    deny: _Targets = ()


class AgentOptions(BaseModel, frozen=True, extra="forbid"):
    """Who may call what.

    Attributes:
        rules: Rules by the agents' names, which may be globs. When several name an agent, it may call what one of
            them allows and none denies.
        unlisted: What holds for agents that no rule names.
    """

    rules: Annotated[Mapping[Glob, AgentRule], Field(max_length=MOST_RULES)] = Field(
        default_factory=dict[str, AgentRule]
    )
    unlisted: Unlisted = Unlisted.ALLOW


class AgentPermissions:
    """Lets an agent call what its rules allow, and nothing that one of them denies.

    Args:
        caller: Makes the calls that pass.
        options: Who may call what.
        emit: Hears of calls that do not pass.
    """

    def __init__(self, caller: Caller, options: AgentOptions, *, emit: EventSink = ignore) -> None:
        """Compile the rules."""
        self._caller = caller
        self._emit = emit
        self._rules = tuple(
            (compiled(agents), agents, Targets(rule.allow), Targets(rule.deny))
            for agents, rule in options.rules.items()
        )
        self._unlisted = options.unlisted
        self._objections = Answers(self._judge)

    def __repr__(self) -> str:
        """Show how many rules there are."""
        return f"AgentPermissions({self._caller!r}, rules={len(self._rules)})"

    def objection(self, agent: str, server: str, tool: str) -> str | None:
        """Return why an agent may not call a tool; ``None`` when it may."""
        return self._objections[agent, server, tool]

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call that the agent may make; of another nothing is sent.

        Raises:
            PermissionDeniedError: The agent may not call this tool of this server.
        """
        self.check(call)
        return await self._caller.call(call)

    def check(self, call: ToolCall, /) -> None:
        """Do nothing if the agent may make a call.

        Raises:
            PermissionDeniedError: The agent may not call this tool of this server.
        """
        reason = self._objections[call.agent, call.server, call.tool]
        if reason is not None:
            raise self._refusal(call, reason)

    def _refusal(self, call: ToolCall, reason: str) -> PermissionDeniedError:
        self._emit(
            CallRefused(server=call.server, tool=call.tool, agent=call.agent, reason=reason, guard="agents"),
        )
        return PermissionDeniedError(
            f"{call.agent} may not call {call.tool!r} of {call.server}: {reason}",
            remedies=("Change the rules of the agent if it should be.",),
        )

    def _judge(self, agent: str, server: str, tool: str) -> str | None:
        mine = [rule for rule in self._rules if rule[0].match(agent)]
        if not mine:
            return None if self._unlisted is Unlisted.ALLOW else "no rule names this agent."
        for _, agents, _, deny in mine:
            pattern = deny.match(server, tool)
            if pattern is not None:
                return f"the rule for {agents!r} denies {pattern!r}."
        if any(allow.match(server, tool) for _, _, allow, _ in mine):
            return None
        return f"the rule for {' and '.join(repr(agents) for _, agents, _, _ in mine[:3])} does not allow it."
