"""All guards together: one order, everything on record, and what may not be called is not sent."""

from collections.abc import Mapping

import pytest

from vsm_mcp.errors import (
    ArgumentError,
    CallTimeoutError,
    CircuitOpenError,
    PayloadError,
    PermissionDeniedError,
    RateLimitError,
    RefusedError,
    ZoneError,
)
from vsm_mcp.guard.agents import AgentOptions, AgentRule
from vsm_mcp.guard.audit_log import AuditTrail
from vsm_mcp.guard.breaker import BreakerOptions
from vsm_mcp.guard.chain import GuardChain, Ports
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.payloads import Bounds, PayloadOptions
from vsm_mcp.guard.rates import RateLimit, RateOptions
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.guard.zones import ZoneOptions
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonValue

pytestmark = pytest.mark.anyio

SPEC = ToolSpec(
    name="echo",
    input_schema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)


class Echo:
    """Says what it was sent; fails with the error it was told to."""

    def __init__(self) -> None:
        self.sent: list[ToolCall] = []
        self.error: Exception | None = None

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.sent.append(call)
        if self.error is not None:
            raise self.error
        return ToolResult(text=str(call.arguments["text"]))


def chain(caller: Caller, guards: Guards | None = None, *, given: Mapping[str, str] | None = None) -> GuardChain:
    secrets = GivenSecrets()
    for server, secret in (given or {}).items():
        secrets.give(server, (secret,))
    ports = Ports(
        objection=lambda _, tool: "It is blocked." if tool == "erase" else None,
        lookup=lambda _, tool: SPEC if tool == "echo" else None,
        digest_of={"files": "ab" * 32}.get,
        secrets=secrets,
        trail=AuditTrail(),
    )
    return GuardChain(caller, guards or Guards(), ports)


def say(text: JsonValue = "hello", *, tool: str = "echo", agent: str = "host", server: str = "files") -> ToolCall:
    return ToolCall(server=server, tool=tool, arguments={"text": text}, agent=agent)


STRICT = Guards(
    agents=AgentOptions(rules={"reader": AgentRule(allow=("files:read*",))}),
    zones=ZoneOptions(servers={"files": "trusted", "web": "untrusted"}),
    rates=RateOptions(limits=(RateLimit(calls=3, per=60.0, agents="busy"),)),
    payloads=PayloadOptions(arguments=Bounds(bytes=2000)),
)


async def test_what_every_guard_lets_pass_reaches_the_server_and_is_on_record() -> None:
    server = Echo()
    guarded = chain(server, STRICT)
    assert (await guarded.call(say())).text == "hello"
    (record,) = guarded.trail.memory.recent()
    assert (record.server, record.tool, record.outcome, record.artefact) == ("files", "echo", "ok", "ab" * 32)
    assert record.arguments is None
    assert len(server.sent) == 1


@pytest.mark.promise("D4", "C142")
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (say(tool="erase"), PermissionDeniedError),
        (say(agent="reader"), PermissionDeniedError),
        (say("x" * 3000), PayloadError),
        (say(7), ArgumentError),
    ],
)
async def test_what_a_guard_refuses_is_not_sent_and_is_on_record(call: ToolCall, error: type[Exception]) -> None:
    server = Echo()
    guarded = chain(server, STRICT)
    with pytest.raises(error):
        await guarded.call(call)
    assert not server.sent
    (record,) = guarded.trail.memory.recent()
    assert record.error == error.__name__
    assert record.outcome == ("refused" if issubclass(error, RefusedError | ArgumentError) else "error")


async def test_too_many_calls_data_that_would_sink_and_a_failing_server_are_stopped() -> None:
    server = Echo()
    guarded = chain(server, STRICT.model_copy(update={"breaker": BreakerOptions(least=2)}))
    for _ in range(3):
        await guarded.call(say(agent="busy"))
    with pytest.raises(RateLimitError):
        await guarded.call(say(agent="busy"))
    with pytest.raises(ZoneError):
        await guarded.call(say(agent="busy", server="web"))
    server.error = CallTimeoutError("No answer.")
    for _ in range(4):
        with pytest.raises(CallTimeoutError):
            await guarded.call(say(agent="other"))
        if guarded.breaker is not None and guarded.breaker.state("files", "echo") != "closed":
            break
    with pytest.raises(CircuitOpenError):
        await guarded.call(say(agent="other"))


async def test_a_refused_call_leaves_no_label_behind() -> None:
    guarded = chain(Echo(), STRICT)
    with pytest.raises(ArgumentError):
        await guarded.call(say(7, agent="careful"))
    assert guarded.zones is not None
    assert (await guarded.call(say(agent="careful", server="web"))).text == "hello"


async def test_a_secret_neither_comes_back_nor_reaches_another_server() -> None:
    word = "not a live one"
    guarded = chain(Echo(), given={"files": word})
    assert word not in (await guarded.call(say(f"it is {word}."))).text
    with pytest.raises(RefusedError):
        await guarded.call(say(f"it is {word}.", server="web"))


async def test_every_guard_but_policy_redaction_and_record_can_be_left_out() -> None:
    bare = Guards(payloads=None, schemas=None, breaker=None, deadline=None)
    guarded = chain(Echo(), bare)
    assert repr(guarded) == "GuardChain(redaction, audit)"
    assert (await guarded.call(say(7))).text == "7"
    with pytest.raises(PermissionDeniedError):
        await guarded.call(say(tool="erase"))


@pytest.mark.promise("E78")
async def test_what_may_not_be_called_is_told_beforehand() -> None:
    guarded = chain(Echo(), STRICT)
    assert guarded.objection("host", "files", "echo") is None
    assert guarded.objection("host", "files", "erase") == "It is blocked."
    assert "reader" in (guarded.objection("reader", "files", "echo") or "")
