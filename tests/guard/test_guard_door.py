"""What was checked is what is sent, and trying what may not be done is not free."""

import json
from collections.abc import Iterator, Mapping

import anyio
import pytest

from vsm_mcp.errors import (
    ArgumentError,
    PayloadError,
    PermissionDeniedError,
    RateLimitError,
    RefusedError,
    ToolError,
    VSMError,
    ZoneError,
)
from vsm_mcp.guard.agents import AgentOptions, AgentRule
from vsm_mcp.guard.audit_log import AuditOptions, AuditTrail
from vsm_mcp.guard.chain import GuardChain, Ports
from vsm_mcp.guard.deadline import DeadlineOptions
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.payloads import Bounds, PayloadOptions
from vsm_mcp.guard.rates import Each, RateLimit, RateOptions
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.guard.rules.copies import copied
from vsm_mcp.guard.zones import ZoneOptions
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue

pytestmark = pytest.mark.anyio

SECRET = "correct horse battery staple"  # noqa: S105
SPEC = ToolSpec(name="echo", input_schema={"type": "object", "properties": {"text": {"type": "string"}}})


class Slow:
    """Waits before it looks at what it was sent, as a server does that must be started first."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[JsonObject] = []
        self.error = error
        self.waiting = anyio.Event()
        self.go = anyio.Event()

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.waiting.set()
        await self.go.wait()
        self.sent.append(call.arguments)
        if self.error is not None:
            raise self.error
        return ToolResult(text="done")


class Quick:
    def __init__(self) -> None:
        self.calls = 0

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls += 1
        return ToolResult(text="done")


def chain(caller: Caller, guards: Guards, **audit: bool) -> GuardChain:
    secrets = GivenSecrets()
    secrets.give("mail", (SECRET,))
    ports = Ports(
        objection=lambda _, tool: "It is blocked." if tool == "erase" else None,
        lookup=lambda _, tool: SPEC if tool == "echo" else None,
        digest_of=lambda _: None,
        secrets=secrets,
        trail=AuditTrail(AuditOptions.model_validate(audit)),
    )
    return GuardChain(caller, guards, ports)


@pytest.mark.parametrize(
    "guards",
    [Guards(), Guards(deadline=None), Guards(deadline=DeadlineOptions()), Guards(payloads=None, schemas=None)],
)
@pytest.mark.parametrize("written", ['{"text":"harmless"}', '{"text":"harmless","more":{"list":[1,{"a":"b"}]}}'])
async def test_a_caller_that_changes_its_arguments_later_changes_nothing(guards: Guards, written: str) -> None:
    server = Slow()
    guarded = chain(server, guards)
    mine, before = json.loads(written), json.loads(written)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(guarded.call, ToolCall(server="files", tool="echo", arguments=mine))
            await server.waiting.wait()
            mine["text"] = 7
            mine["new"] = SECRET
            mine.get("more", {"list": [1, {}]})["list"][1]["a"] = SECRET
            server.go.set()
    assert server.sent == [before]


async def test_what_is_on_record_is_what_was_sent_or_refused_whatever_becomes_of_it() -> None:
    server = Slow(ToolError("No."))
    guarded = chain(server, Guards(), arguments=True)
    mine: dict[str, JsonValue] = {"text": "harmless"}

    async def fail() -> None:
        with pytest.raises(ToolError):
            await guarded.call(ToolCall(server="files", tool="echo", arguments=mine))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            await server.waiting.wait()
            mine["text"] = "other"
            server.go.set()
    with pytest.raises(PermissionDeniedError):
        await guarded.call(ToolCall(server="files", tool="erase", arguments=mine))
    mine["text"] = "something else"
    assert [one.arguments for one in guarded.trail.memory.recent()] == [{"text": "other"}, {"text": "harmless"}]


class Odd(Mapping[str, JsonValue]):
    """A mapping that is no dictionary."""

    def __init__(self, inner: dict[str, JsonValue]) -> None:
        self._inner = inner

    def __getitem__(self, name: str) -> JsonValue:
        return self._inner[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"a": 1, "b": None, "c": True, "d": 1.5}, 33),
        ({"a": [1, 2]}, 11),
        ({"a": (1, 2)}, 11),
        ({"a": 2**70, "b": []}, None),
        ({"a": "\ud800", "b": {}}, None),
        (Odd({"a": 1}), 7),
        ({"a": Odd({"b": [1]})}, None),
    ],
)
def test_a_copy_says_the_same_and_shares_nothing_that_can_change(value: JsonObject, size: int | None) -> None:
    own, bytes_ = copied(value)
    assert own is not value
    assert bytes_ == size
    assert dict(own) == {
        name: list(item) if isinstance(item, tuple) else as_plain(item) for name, item in value.items()
    }


def as_plain(value: JsonValue) -> JsonValue:
    return dict(value) if isinstance(value, Odd) else value


def test_what_holds_itself_is_no_argument() -> None:
    mine: dict[str, JsonValue] = {}
    mine["me"] = mine
    with pytest.raises(PayloadError):
        copied(mine)


@pytest.mark.parametrize("wrong", [None, 7, [1, 2]])
def test_what_has_no_names_is_no_argument(wrong: object) -> None:
    with pytest.raises(PayloadError, match="no object"):
        copied(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


TWO = RateOptions(limits=(RateLimit(calls=2, per=60.0),))
TRIES = Guards(
    agents=AgentOptions(rules={"reader": AgentRule(allow=("files:read*",))}),
    zones=ZoneOptions(servers={"files": "trusted", "web": "untrusted"}, agents={"knows": "core"}),
    payloads=PayloadOptions(arguments=Bounds(bytes=2000)),
    rates=TWO,
)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (ToolCall(server="files", tool="erase"), PermissionDeniedError),
        (ToolCall(server="files", tool="echo", agent="reader"), PermissionDeniedError),
        (ToolCall(server="files", tool="echo", arguments={"text": "x" * 3000}), PayloadError),
        (ToolCall(server="files", tool="echo", arguments={"text": 7}), ArgumentError),
        (ToolCall(server="files", tool="echo", arguments={"text": f"it is {SECRET}"}), ZoneError),
        (ToolCall(server="files", tool="echo", agent="knows"), ZoneError),
        (ToolCall(server="files", tool="echo", timeout=1e6), RefusedError),
        (ToolCall(server="files", tool="echo", timeout=-1.0), PayloadError),
    ],
)
async def test_whatever_refuses_a_call_trying_is_counted(call: ToolCall, error: type[VSMError]) -> None:
    server = Quick()
    guarded = chain(server, TRIES)
    for _ in range(2):
        with pytest.raises(error):
            await guarded.call(call)
    for _ in range(3):
        with pytest.raises(RateLimitError) as caught:
            await guarded.call(call)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 0
    assert server.calls == 0


async def test_who_may_not_call_does_not_use_up_what_belongs_to_all() -> None:
    server = Quick()
    shared = RateOptions(limits=(RateLimit(calls=3, per=60.0, each=(Each.SERVER,)), RateLimit(calls=50, per=60.0)))
    guarded = chain(server, TRIES.model_copy(update={"rates": shared}))
    for _ in range(20):
        with pytest.raises(PermissionDeniedError):
            await guarded.call(ToolCall(server="files", tool="echo", agent="reader"))
    for _ in range(3):
        await guarded.call(ToolCall(server="files", tool="echo", agent="ann"))
    assert server.calls == 3


async def test_without_limits_a_refusal_stays_what_it_is() -> None:
    guarded = chain(Quick(), Guards())
    for _ in range(300):
        with pytest.raises(PermissionDeniedError):
            await guarded.call(ToolCall(server="files", tool="erase"))


async def test_what_is_refused_unseen_is_recorded_without_being_measured_at_length() -> None:
    guarded = chain(Quick(), Guards(), arguments=True)
    deep: JsonValue = "x"
    for _ in range(60):
        deep = [deep, deep]  # as many values as no computer could write down
    for arguments in ({"text": "x"}, {"text": deep}):
        with pytest.raises(PermissionDeniedError):
            await guarded.call(ToolCall(server="files", tool="erase", arguments=arguments))
    with pytest.raises(PayloadError):
        await guarded.call(ToolCall(server="files", tool="echo", arguments={"text": deep}))
    seen = [(one.sent, one.arguments) for one in reversed(guarded.trail.memory.recent())]
    assert seen == [(12, {"text": "x"}), (None, "[unknown bytes]"), (None, "[unknown bytes]")]
