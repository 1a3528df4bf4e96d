"""Every call leaves a record without what was said; what must be on record does not happen without one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import (
    AuditError,
    CallTimeoutError,
    ConfigurationError,
    LinkError,
    PermissionDeniedError,
    ToolError,
    VSMError,
)
from vsm_mcp.guard.audit_log import Audit, AuditOptions, AuditTrail, Undertaking
from vsm_mcp.guard.auditing.file import FileAudit, FileAuditOptions
from vsm_mcp.guard.auditing.record import AuditKind, AuditOutcome, AuditQuery
from vsm_mcp.guard.redacting.redactor import Redactor
from vsm_mcp.guard.redacting.shapes import HIDDEN
from vsm_mcp.guard.sizes import size_of, size_of_result
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL = "No space is left."


class Server:
    def __init__(self, *answers: ToolResult | Exception) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls += 1
        if not self.answers:
            await anyio.sleep_forever()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FullDisk(LocalFiles):
    """Refuses to append as long as it is full."""

    def __init__(self) -> None:
        self.full = False

    async def append(self, path: Path, data: bytes) -> None:
        if self.full:
            raise ConfigurationError(FULL)
        await super().append(path, data)


async def ask(guarded: Audit, agent: str = "ann", tool: str = "read") -> str:
    try:
        return (await guarded.call(ToolCall(server="files", tool=tool, arguments={"p": "x"}, agent=agent))).text
    except VSMError as error:
        return type(error).__name__


@pytest.mark.promise("C142", "B42")
async def test_every_call_leaves_a_record_of_who_did_what_and_how_it_went_and_not_what_was_said() -> None:
    answers: Sequence[ToolResult | Exception] = (
        ToolResult(text="fine"),
        ToolResult(text="no", is_error=True),
        ToolError("x."),
        PermissionDeniedError("x."),
        CallTimeoutError("x."),
        LinkError("x."),
    )
    trail = AuditTrail(clock=FakeClock(NOW), requests="run-")
    guarded = Audit(Server(*answers), trail, digest_of={"files": "abc"}.get)
    for _ in answers:
        await ask(guarded)
    with anyio.move_on_after(0.01):
        await ask(guarded)
    records = (await trail.query())[::-1]
    assert [record.outcome for record in records] == [
        "ok",
        "error",
        "error",
        "refused",
        "timeout",
        "failed",
        "cancelled",
    ]
    assert [record.error for record in records[1:4]] == [None, "ToolError", "PermissionDeniedError"]
    assert [record.request for record in records[:2]] == ["run-1", "run-2"]
    first = records[0]
    assert (first.time, first.agent, first.server, first.tool, first.artefact) == (NOW, "ann", "files", "read", "abc")
    assert (first.sent, first.received, first.arguments, first.kind) == (9, 4, None, AuditKind.CALL)
    assert first.ms is not None
    assert first.ms >= 0
    assert records[2].received is None


@pytest.mark.promise("D55", "D30", "D61")
async def test_the_newest_thousand_are_in_memory_and_the_last_ten_are_asked_for_by_default() -> None:
    clock = FakeClock(NOW)
    trail = AuditTrail(clock=clock)
    guarded = Audit(Server(*[ToolResult(text="fine")] * 1_200), trail)
    for number in range(1_200):
        clock.advance(1)
        await ask(guarded, agent=f"agent-{number % 3}", tool=f"tool-{number % 2}")
    assert len(trail.memory) == 1_000
    assert [record.request for record in await trail.query()] == [str(number) for number in range(1_200, 1_190, -1)]
    wanted = AuditQuery(agent="agent-1", tool="tool-0", server="files", outcome=AuditOutcome.OK)
    assert [record.request for record in await trail.query(wanted, limit=2)] == ["1199", "1193"]
    late = AuditQuery(since=NOW + timedelta(seconds=1_199))
    assert len(await trail.memory.query(late)) == 2
    assert await trail.query(AuditQuery(outcome=AuditOutcome.FAILED)) == ()
    assert await trail.query(limit=0) == ()
    assert "1000 of 1000" in repr(trail)


@pytest.mark.promise("D30")
async def test_arguments_are_recorded_only_when_that_is_wanted_and_without_secrets() -> None:
    trail = AuditTrail(AuditOptions(arguments=True, longest_arguments=60))
    guarded = Audit(
        Server(*[ToolResult(text="fine")] * 4), trail, redactor=lambda: Redactor(["held-by-one"], guess=True)
    )
    for arguments in ({"a": "held-by-one", "password": "x"}, {"a": "x" * 60}, {"a": 2**70}, {"a": "\ud800"}):
        await guarded.call(ToolCall(server="files", tool="read", arguments=arguments))
    shown = [record.arguments for record in await trail.query()][::-1]
    assert shown == [{"a": HIDDEN, "password": HIDDEN}, "[68 bytes]", "[unknown bytes]", "[unknown bytes]"]
    assert "Audit(" in repr(guarded)


@pytest.mark.parametrize("kind", [AuditKind.INSTALL, AuditKind.SPAWN])
@pytest.mark.promise("C142")
async def test_nothing_is_installed_or_started_that_cannot_be_put_on_record(tmp_path: Path, kind: AuditKind) -> None:
    disk, happened = FullDisk(), list[str]()
    async with FileAudit(tmp_path / "audit", files=disk, clock=FakeClock(NOW)) as file:
        trail = AuditTrail(file=file, clock=FakeClock(NOW))
        undertaking = Undertaking(kind=kind, server="files", artefact="abc", agent="ann", detail="files 1.0")
        disk.full = True
        with pytest.raises(AuditError, match="No space is left"):
            async with trail.on_record(undertaking):
                happened.append("it")
        assert happened == []
        disk.full = False
        async with trail.on_record(undertaking):
            happened.append("it")
        with pytest.raises(OSError, match="gone"):
            async with trail.on_record(undertaking):
                raise OSError("gone")
        records = (await trail.query())[::-1]
        assert (await file.verify()).intact
    assert happened == ["it"]
    assert [record.outcome for record in records] == ["begun", "begun", "ok", "begun", "failed"]
    assert {record.kind for record in records} == {kind}
    assert (records[1].ms, records[4].error, records[4].artefact) == (None, "OSError", "abc")


async def test_without_a_log_on_disk_installations_and_starts_are_recorded_in_memory() -> None:
    trail = AuditTrail(clock=FakeClock(NOW))
    trail.check()
    async with trail.on_record(Undertaking(kind=AuditKind.SPAWN, server="files")):
        assert [record.outcome for record in trail.memory.recent()] == ["begun"]
    assert [record.outcome for record in trail.memory.recent()] == ["ok", "begun"]
    await trail.memory.append(trail.memory.recent()[0])
    assert len(trail.memory) == 3


async def test_calls_are_refused_without_a_record_when_the_options_say_so(tmp_path: Path) -> None:
    disk = FullDisk()
    server = Server(*[ToolResult(text="fine")] * 5)
    async with FileAudit(tmp_path / "audit", files=disk, clock=FakeClock(NOW)) as file:
        trail = AuditTrail(AuditOptions(fail_closed=True), file=file)
        guarded = Audit(server, trail)
        assert await ask(guarded) == "fine"
        disk.full = True
        with pytest.raises(AuditError, match=r"'read' of files was called \(ok\), but that is not on record"):
            await guarded.call(ToolCall(server="files", tool="read"))
        made = server.calls
        with pytest.raises(AuditError, match="cannot be written: No space is left"):
            await guarded.call(ToolCall(server="files", tool="read"))
        assert server.calls == made
    with pytest.raises(AuditError, match="it is not open"):
        await guarded.call(ToolCall(server="files", tool="read"))


async def test_otherwise_calls_go_on_when_the_disk_is_full(tmp_path: Path) -> None:
    options = FileAuditOptions(most_waiting=3, linger=0)
    disk = FullDisk()
    async with FileAudit(tmp_path / "audit", options, files=disk, clock=FakeClock(NOW)) as file:
        disk.full = True
        guarded = Audit(Server(*[ToolResult(text="fine")] * 10), trail := AuditTrail(file=file))
        assert [await ask(guarded) for _ in range(10)] == ["fine"] * 10
        assert len(trail.memory) == 10
        disk.full = False
        await file.flush()


def test_sizes_are_those_of_the_json_and_unknown_when_there_is_none() -> None:
    assert size_of({"a": [1, "ä"]}) == len('{"a":[1,"ä"]}'.encode())
    assert size_of({"a": 2**70}) is None
    assert size_of_result(ToolResult(text="ä\ud800")) == 5
    blocks = ({"type": "text", "text": "abc"}, {"type": "image", "data": "abc"})
    assert size_of_result(ToolResult(text="abc", structured=[1, 2], content=blocks)) == 3 + 5 + 29
    assert size_of_result(ToolResult(text="abc", structured=2**70)) is None
    assert size_of_result(ToolResult(text="abc", content=({"type": "image", "data": 2**70},))) is None


async def test_listeners_hear_every_record_within_their_context_and_nothing_after_it() -> None:
    trail = AuditTrail()
    log, nerves = list[str](), list[str]()
    guarded = Audit(Server(*(ToolResult(text="fine") for _ in range(3))), trail)
    with trail.told_to(lambda record: log.append(record.tool)):
        await ask(guarded, tool="first")
        with trail.told_to(lambda record: nerves.append(record.tool)):
            await ask(guarded, tool="second")
        await ask(guarded, tool="third")
    trail.note((await trail.query(limit=1))[0])

    assert log == ["first", "second", "third"]
    assert nerves == ["second"]
