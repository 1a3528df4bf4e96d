"""Agents call what their rules allow, and nothing that one of them denies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.errors import PermissionDeniedError
from vsm_mcp.events import CallRefused, Event
from vsm_mcp.guard.agents import AgentOptions, AgentPermissions, AgentRule
from vsm_mcp.model.call import ToolCall, ToolResult


class Server:
    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls.append(call)
        return ToolResult(text="done")


PLANNER = AgentRule(allow=("io.github.x/*:read_*", "notes"), deny=("*:read_secret*",))
OPTIONS = AgentOptions(rules={"planner*": PLANNER, "*": AgentRule(allow=("clock:now",))})


def objection(options: AgentOptions, agent: str, called: str) -> str | None:
    server, tool = called.split(":")
    return AgentPermissions(Server(), options).objection(agent, server, tool)


@pytest.mark.parametrize("called", ["io.github.x/files:read_text", "notes:erase", "clock:now"])
def test_an_agent_may_call_what_one_of_its_rules_allows(called: str) -> None:
    assert objection(OPTIONS, "planner-2", called) is None


@pytest.mark.parametrize("called", ["io.github.x/files:write_text", "io.github.y/files:read_text", "clock:set"])
def test_what_no_rule_allows_is_refused(called: str) -> None:
    assert objection(OPTIONS, "planner-2", called) == "the rule for 'planner*' and '*' does not allow it."


def test_a_denial_wins_over_every_allowance() -> None:
    assert objection(OPTIONS, "planner", "io.github.x/files:read_secrets") == (
        "the rule for 'planner*' denies '*:read_secret*'."
    )
    everywhere = AgentOptions(rules={"a": AgentRule(allow=("*",)), "*": AgentRule(allow=(), deny=("files",))})
    assert objection(everywhere, "a", "files:read") == "the rule for '*' denies 'files'."
    assert objection(everywhere, "a", "notes:read") is None


def test_an_agent_without_a_rule_may_do_everything_or_nothing_as_the_options_say() -> None:
    named = {"planner": AgentRule(allow=())}
    assert objection(AgentOptions(rules=named), "writer", "files:read") is None
    denying = AgentOptions.model_validate({"rules": named, "unlisted": "deny"})
    assert objection(denying, "writer", "files:read") == "no rule names this agent."
    assert objection(AgentOptions(rules=named), "planner", "files:read") is not None


@pytest.mark.promise("E78")
@pytest.mark.anyio
async def test_what_an_agent_may_not_call_is_not_sent() -> None:
    server, heard = Server(), list[Event]()
    guarded = AgentPermissions(server, OPTIONS, emit=heard.append)
    with pytest.raises(PermissionDeniedError, match="writer may not call 'erase' of notes: the rule for") as info:
        await guarded.call(ToolCall(server="notes", tool="erase", agent="writer"))
    assert server.calls == []
    assert info.value.remedies
    reason = "the rule for '*' does not allow it."
    assert heard == [CallRefused(server="notes", tool="erase", agent="writer", reason=reason, guard="agents")]
    assert (await guarded.call(ToolCall(server="clock", tool="now", agent="writer"))).text == "done"
    assert "rules=2" in repr(guarded)


@pytest.mark.parametrize("target", ["tool:read_*", ":read", "files:", ""])
def test_a_target_that_is_none_is_an_error_where_it_is_written(target: str) -> None:
    with pytest.raises(ValidationError):
        AgentRule(allow=(target,))


@given(st.lists(st.sampled_from(["*", "a", "a:x", "*:x", "b:*", "?:y"])), st.sampled_from("ab"), st.sampled_from("xy"))
def test_nothing_that_is_denied_is_ever_allowed(deny: list[str], server: str, tool: str) -> None:
    denied = AgentOptions(rules={"*": AgentRule(allow=("*",), deny=tuple(deny))})
    named = {"*", server, f"{server}:*", f"*:{tool}", f"{server}:{tool}", f"?:{tool}"}
    assert (objection(denied, "any", f"{server}:{tool}") is None) == named.isdisjoint(deny)
