"""What watches calls is told how they end: what is usual, what was promised, and what must be on record."""

from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import AuditError, PayloadError, ToolError
from vsm_mcp.events import ResultMisshaped
from vsm_mcp.guard.anomaly import AnomalyOptions
from vsm_mcp.guard.audit_log import AuditOptions, AuditTrail
from vsm_mcp.guard.auditing.file import FileAudit
from vsm_mcp.guard.chain import GuardChain, Ports, time_of_this_loop
from vsm_mcp.guard.deadline import DeadlineOptions
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.permissions import Permissions
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.guard.schemas import SchemaOptions
from vsm_mcp.guard.sizes import size_of_result
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.testing.world import RecordingSink

pytestmark = pytest.mark.anyio

SPEC = ToolSpec(name="count", output_schema={"type": "object", "required": ["number"]})
CALL = ToolCall(server="files", tool="count", agent="ann")


class Server:
    """Answers, or fails, as it was told to."""

    def __init__(self, answer: ToolResult | Exception) -> None:
        self.answer = answer
        self.gate: anyio.Event | None = None

    async def call(self, call: ToolCall, /) -> ToolResult:
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def chain(
    caller: Caller, guards: Guards, *, trail: AuditTrail | None = None, sink: RecordingSink | None = None
) -> GuardChain:
    ports = Ports(
        objection=lambda _, __: None,
        lookup=lambda _, __: SPEC,
        digest_of=lambda _: None,
        secrets=GivenSecrets(),
        trail=trail or AuditTrail(),
        emit=sink or RecordingSink(),
    )
    return GuardChain(caller, guards, ports)


async def test_what_is_usual_is_learned_from_answers_and_failures_and_not_from_what_was_cancelled() -> None:
    server = Server(ToolResult(text="1", structured={"number": 1}))
    guarded = chain(server, Guards(anomaly=AnomalyOptions(learn=30)))
    assert guarded.anomaly is not None
    for _ in range(60):
        await guarded.call(CALL)
    server.answer = ToolError("No.")
    for _ in range(4):
        with pytest.raises(ToolError):
            await guarded.call(CALL)
    server.gate = anyio.Event()
    with anyio.move_on_after(0.01):
        await guarded.call(CALL)
    known = guarded.anomaly.baseline("ann", "files", "count")
    assert known is not None
    assert (known.calls, known.typical_received is not None) == (65, True)
    assert [record.outcome for record in guarded.trail.memory.recent(limit=2)] == ["cancelled", "error"]


async def test_what_a_tool_promised_of_its_answers_is_looked_at() -> None:
    sink, server = RecordingSink(), Server(ToolResult(text="", structured={}))
    assert (await chain(server, Guards(), sink=sink).call(CALL)).structured == {}
    assert len(sink.of(ResultMisshaped)) == 1
    strict = chain(server, Guards(schemas=SchemaOptions(strict_results=True)))
    with pytest.raises(PayloadError, match="The call was made"):
        await strict.call(CALL)
    server.answer = ToolResult(text="no", is_error=True)
    assert (await strict.call(CALL)).is_error


async def test_without_any_guard_that_can_be_left_out_calls_are_made_and_fail_as_they_do() -> None:
    server = Server(ToolResult(text="1"))
    bare = chain(server, Guards(payloads=None, schemas=None, breaker=None, deadline=None))
    assert (await bare.call(CALL)).text == "1"
    server.answer = ToolError("No.")
    with pytest.raises(ToolError):
        await bare.call(CALL)
    assert bare.objection("ann", "files", "count") is None


@pytest.mark.promise("C142")
async def test_a_result_is_handed_out_only_when_it_is_on_record_if_that_is_wanted(tmp_path: Path) -> None:
    server = Server(ToolResult(text="1"))
    async with FileAudit(tmp_path) as file:
        trail = AuditTrail(AuditOptions(fail_closed=True), file=file)
        guarded = chain(server, Guards(schemas=None, deadline=DeadlineOptions()), trail=trail)
        assert (await guarded.call(CALL)).text == "1"
        assert b'"tool":"count"' in next(tmp_path.glob("*.jsonl")).read_bytes()
        server.answer = ToolError("No.")
        with pytest.raises(ToolError):
            await guarded.call(CALL)
        assert len(await file.query()) == 2
    with pytest.raises(AuditError):
        await guarded.call(CALL)


async def test_the_policy_can_be_asked_alone() -> None:
    guard = Permissions(Server(ToolResult(text="1")), lambda _, __: None)
    assert (await guard.call(CALL)).text == "1"
    assert repr(guard).startswith("Permissions(")


async def test_a_chain_tells_the_time_as_its_event_loop_does() -> None:
    now = time_of_this_loop()
    assert now() == pytest.approx(anyio.current_time(), abs=1)
    assert now() <= now()


@pytest.mark.parametrize(
    ("result", "size"),
    [
        (ToolResult(text="abc", content=({"type": "text", "text": "abc"},)), 3),
        (ToolResult(text="\N{EURO SIGN}"), 3),
        (ToolResult(text="", structured=[2**70]), None),
        (ToolResult(text="a", content=({"type": "image", "data": 2**70},)), None),
        (ToolResult(text="a", structured=[1], content=({"type": "text", "text": "a"}, {"type": "x"})), 16),
    ],
)
def test_the_size_of_a_result_is_known_or_unknown(result: ToolResult, size: int | None) -> None:
    assert size_of_result(result) == size
