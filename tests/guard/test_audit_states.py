"""Nothing to verify is not intact, what was lost is counted, and what somebody approved goes on."""

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import AnomalyError, AuditError
from vsm_mcp.guard.anomaly import AnomalyAction, AnomalyDetection, AnomalyOptions
from vsm_mcp.guard.auditing.file import FileAudit, FileAuditOptions
from vsm_mcp.guard.auditing.record import AuditOutcome, AuditRecord
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.testing.world import FakeClock

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(number: int) -> AuditRecord:
    return AuditRecord(time=NOW, outcome=AuditOutcome.OK, server="files", tool="read", request=str(number))


def log(directory: Path, **options: float) -> FileAudit:
    return FileAudit(directory, FileAuditOptions.model_validate({"linger": 0, **options}), clock=FakeClock(NOW))


@pytest.mark.promise("C142")
async def test_where_there_is_nothing_to_verify_nothing_is_intact(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for directory in ("missing", "empty"):
        told = await log(tmp_path / directory).verify()
        assert (told.intact, told.records, told.files, told.reason) == (None, 0, 0, None)
    told = await log(tmp_path / "missing").verify(expect="f" * 64)
    assert told.intact is False
    async with log(tmp_path / "empty") as written:
        await written.append(record(1))
    assert (await log(tmp_path / "empty").verify()).intact is True


async def test_records_that_were_lost_are_counted_when_the_log_is_verified(tmp_path: Path) -> None:
    async with log(tmp_path, most_waiting=3) as written:
        for number in range(8):
            try:
                written.note(record(number))
            except AuditError:
                continue
        with pytest.raises(AuditError, match="too many records wait"):
            written.check()
        await written.flush()
        written.check()
        await written.append(record(9))
    told = await log(tmp_path).verify()
    assert (told.intact, told.lost, told.records) == (True, 5, 5)


class Server:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        self.time += 5
        return self.time

    async def call(self, call: ToolCall, /) -> ToolResult:
        return ToolResult(text="fine")


def ask(agent: str, path: str = "x") -> ToolCall:
    return ToolCall(server="files", tool="read", agent=agent, arguments={"path": path})


async def stopped(guard: AnomalyDetection, agent: str) -> None:
    for _ in range(250):
        await guard.call(ask(agent))
    with pytest.raises(AnomalyError):
        await guard.call(ask(agent, "x" * 5_000))


async def test_what_stopped_a_whole_server_because_too_much_was_stopped_is_learned_anew_when_approved() -> None:
    server = Server()
    guard = AnomalyDetection(server, AnomalyOptions(action=AnomalyAction.QUARANTINE, most=2), now=server.now)
    with anyio.fail_after(10):
        for agent in ("ann", "bob", "carl"):
            await stopped(guard, agent)
    assert ("", "files", "") in guard.quarantined()
    with pytest.raises(AnomalyError):
        await guard.call(ask("dora"))
    assert guard.approve("files", agent="carl") == 0
    assert guard.approve("files") == 3
    assert (await guard.call(ask("carl", "x" * 5_000))).text == "fine"
    assert (await guard.call(ask("dora"))).text == "fine"


async def test_stops_that_are_over_do_not_make_a_whole_server_stop() -> None:
    server = Server()
    guard = AnomalyDetection(
        server, AnomalyOptions(action=AnomalyAction.QUARANTINE, most=2, quarantine=10), now=server.now
    )
    for agent in ("ann", "bob", "carl"):
        await stopped(guard, agent)
    assert [key[0] for key in guard.quarantined()] == ["carl"]
