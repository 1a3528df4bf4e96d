"""What the guards cost that stand before every call, and calls that leave out the protocol."""

import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp.server import MCPServer

from vsm_mcp.events import Event
from vsm_mcp.guard.agents import AgentOptions, AgentRule
from vsm_mcp.guard.anomaly import AnomalyOptions
from vsm_mcp.guard.audit_log import AuditTrail
from vsm_mcp.guard.auditing.file import FileAudit
from vsm_mcp.guard.chain import GuardChain, Ports, time_of_this_loop
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.rates import RateLimit, RateOptions
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.guard.zones import ZoneOptions
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.servers.links.sdk.lazy import LazyConnector

ROUNDS = 5
WARM_UP = 100
CALL = ToolCall(server="echo", tool="echo", arguments={"text": "x" * 64})
SPEC = ToolSpec(
    name="echo",
    input_schema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)
RESULT = ToolResult(text="x" * 64, content=({"type": "text", "text": "x" * 64},))
OFTEN = RateOptions(limits=(RateLimit(calls=1_000_000, per=1),))
SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was measured.

    Attributes:
        guard_us: Microseconds of CPU that the guards add to a call.
        guards: Which guards those were.
        inprocess_per_s: Calls per second to a server object of this process.
    """

    guard_us: float
    guards: str
    inprocess_per_s: float


def guarded(caller: Caller) -> GuardChain:
    """Return ``caller`` behind every guard that there is, none of which has a reason to refuse.

    The servers were given no secret, and the record is in memory.
    """
    guards = Guards(agents=AgentOptions(), zones=ZoneOptions(), rates=OFTEN, anomaly=AnomalyOptions())
    return GuardChain(caller, guards, _ports(GivenSecrets(), AuditTrail()))


@asynccontextmanager
async def guarded_in_full(caller: Caller) -> AsyncGenerator[tuple[GuardChain, FileAudit]]:
    """Put ``caller`` behind every guard, each with work to do: rules, a zone, a secret to hide, a log on disk.

    Gives that log with it: its records are written a moment later, which is part of what calls cost.

    Raises:
        RuntimeError: A record was lost, or the log does not verify: then what was measured counts for nothing.
    """
    failures: list[Event] = []
    guards = Guards(
        agents=AgentOptions(rules={"host": AgentRule(allow=("echo:*",), deny=("*:erase",))}),
        zones=ZoneOptions(servers={"echo": "restricted"}),
        rates=OFTEN,
        anomaly=AnomalyOptions(),
    )
    secrets = GivenSecrets()
    secrets.give("echo", (SECRET,))
    with tempfile.TemporaryDirectory() as name:
        async with FileAudit(Path(name), emit=failures.append) as log:
            yield GuardChain(caller, guards, _ports(secrets, AuditTrail(file=log))), log
            report = await log.verify()
    if failures or report.lost or report.intact is False:
        raise RuntimeError(f"The audit log is not whole: {failures or report}.")


def _ports(secrets: GivenSecrets, trail: AuditTrail) -> Ports:
    return Ports(
        objection=_nothing_known,
        lookup=lambda _, tool: SPEC if tool == SPEC.name else None,
        digest_of=_nothing_known,
        secrets=secrets,
        trail=trail,
        now=time_of_this_loop(),
    )


async def cost(calls: int) -> Cost:
    """Measure ``calls`` calls in each of a few rounds."""
    chain = guarded(_Nothing())
    await _spent(chain, WARM_UP)
    rounds = [await _spent(chain, calls) - await _spent(_Nothing(), calls) for _ in range(ROUNDS)]
    return Cost(guard_us=statistics.median(rounds), guards=repr(chain), inprocess_per_s=await _in_process(calls // 4))


def _nothing_known(*_: str) -> None:
    return None


class _Nothing:
    """Answers without doing anything."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        return RESULT


async def _spent(caller: Caller, calls: int) -> float:
    """Return microseconds of CPU per call."""
    before = time.process_time()
    for _ in range(calls):
        await caller.call(CALL)
    return (time.process_time() - before) / calls * 1_000_000


async def _in_process(calls: int) -> float:
    """Return the best of a few rounds: other work on this machine can only make it less."""
    async with AsyncExitStack() as life:
        connector = LazyConnector(eras={}, start=30, call=60)
        link = await life.enter_async_context(connector.memory(_server, name="echo"))
        await link.tools()
        await _spent(link, WARM_UP)
        return 1_000_000 / min([await _spent(link, calls // ROUNDS) for _ in range(ROUNDS)])


def _server() -> MCPServer:
    server = MCPServer("echo")

    async def echo(text: str) -> str:
        return text

    server.add_tool(echo)
    return server
