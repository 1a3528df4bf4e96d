"""Guards around calls: who may call what, how often, how much, in which shape, and where data may go."""

import anyio

from vsm_mcp.errors import ArgumentError, RateLimitError, RefusedError
from vsm_mcp.guard.agents import AgentOptions, AgentPermissions, AgentRule, Unlisted
from vsm_mcp.guard.payloads import Bounds, PayloadBounds, PayloadOptions
from vsm_mcp.guard.rates import Each, RateLimit, RateLimits, RateOptions
from vsm_mcp.guard.schemas import SchemaOptions, SchemaValidation
from vsm_mcp.guard.zones import Declassify, TrustZones, ZoneOptions
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonValue

TEXT: JsonValue = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = {
    ("files", "read_text"): ToolSpec(name="read_text"),
    ("files", "delete_text"): ToolSpec(name="delete_text"),
    ("web", "post"): ToolSpec(name="post", input_schema={**TEXT}),
    ("web", "post_summary"): ToolSpec(name="post_summary", input_schema={**TEXT}),
}

AGENTS = AgentOptions(
    rules={"planner*": AgentRule(allow=("files", "web:post*"), deny=("*:delete_*",))},
    unlisted=Unlisted.DENY,
)
RATES = RateOptions(limits=(RateLimit(calls=3, per=60, target="web:post", each=(Each.AGENT,)), RateLimit()))
PAYLOADS = PayloadOptions(arguments=Bounds(bytes=10_000, text=5_000))
ZONES = ZoneOptions(
    servers={"files": "trusted", "web": "untrusted"},
    declassify=(Declassify(source="trusted", to="untrusted", targets=("web:post_summary",)),),
)


class Servers:
    """Stands where a router to real servers stands."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Say that it was done."""
        return ToolResult(text=f"{call.tool} of {call.server} was called")


def guarded(caller: Caller) -> Caller:
    """Put the guards around a caller; the last one is asked first."""
    caller = TrustZones(caller, ZONES)
    caller = SchemaValidation(caller, SchemaOptions(), lookup=lambda server, tool: TOOLS.get((server, tool)))
    caller = PayloadBounds(caller, PAYLOADS)
    caller = RateLimits(caller, RATES)
    return AgentPermissions(caller, AGENTS)


async def main() -> None:
    """Make calls that pass, and calls that do not."""
    caller = guarded(Servers())
    calls = [
        ToolCall(agent="writer", server="files", tool="read_text"),
        ToolCall(agent="planner-1", server="files", tool="delete_text"),
        ToolCall(agent="planner-1", server="web", tool="post", arguments={"text": 7}),
        ToolCall(agent="planner-1", server="web", tool="post", arguments={"text": "x" * 6_000}),
        ToolCall(agent="planner-1", server="web", tool="post", arguments={"text": "hello"}),
        ToolCall(agent="planner-1", server="web", tool="post", arguments={"text": "once too often"}),
        ToolCall(agent="planner-2", server="files", tool="read_text"),
        ToolCall(agent="planner-2", server="web", tool="post", arguments={"text": "what I read"}),
        ToolCall(agent="planner-2", server="web", tool="post_summary", arguments={"text": "a summary"}),
    ]
    for call in calls:
        try:
            print("done:", (await caller.call(call)).text)
        except RateLimitError as error:
            print(f"wait {error.retry_after:.0f} s:", error.message)
        except (ArgumentError, RefusedError) as error:
            print(f"{type(error).__name__}:", error.message)


if __name__ == "__main__":
    anyio.run(main)
