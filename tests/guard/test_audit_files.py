"""The audit log on disk: private, chained, packed, let go; what was changed is found, and a crash is told apart."""

import gzip
import stat
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from vsm_mcp.errors import AuditError, ConfigurationError, PayloadError
from vsm_mcp.events import AuditFailed, AuditRepaired
from vsm_mcp.guard.auditing.chain import Chain, digest_of, unsealed
from vsm_mcp.guard.auditing.file import FileAudit, FileAuditOptions
from vsm_mcp.guard.auditing.inspection import AuditVerification, Inspection
from vsm_mcp.guard.auditing.record import AuditOutcome, AuditQuery, AuditRecord
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.world.files import LocalFiles

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = "audit-2026-03-01-00000.jsonl"
SECOND = "audit-2026-03-01-00001.jsonl"


Change = Callable[[list[bytes]], list[bytes]]


def record(number: int, *, time: datetime = NOW, server: str = "files") -> AuditRecord:
    return AuditRecord(time=time, outcome=AuditOutcome.OK, server=server, tool="read", request=str(number))


class World:
    """A directory, its clock, and who listens."""

    def __init__(self, directory: Path, *, key: str | None = None, **options: float) -> None:
        self.directory = directory
        self.clock = FakeClock(NOW)
        self.sink = RecordingSink()
        self.key = None if key is None else SecretStr(key)
        self.options = FileAuditOptions.model_validate({"linger": 0, **options})
        self.files: LocalFiles = LocalFiles()

    def log(self) -> FileAudit:
        return FileAudit(self.directory, self.options, clock=self.clock, files=self.files, key=self.key, emit=self.sink)

    async def write(self, *numbers: int, server: str = "files") -> None:
        async with self.log() as log:
            for number in numbers:
                log.note(record(number, time=self.clock.now(), server=server))
                await log.flush()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir() if path.name.startswith("audit"))

    def lines(self, name: str = FIRST) -> list[bytes]:
        return (self.directory / name).read_bytes().splitlines(keepends=True)

    def replace(self, lines: Sequence[bytes], name: str = FIRST) -> None:
        (self.directory / name).write_bytes(b"".join(lines))

    async def verify(self, expect: str | None = None) -> AuditVerification:
        return await self.log().verify(expect=expect)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "audit")


pytestmark = pytest.mark.anyio


@pytest.mark.promise("C142")
async def test_what_was_written_is_read_back_and_is_intact(world: World) -> None:
    await world.write(1, 2)
    await world.write(3, server="mail")
    found = await world.log().query()
    assert [(entry.request, entry.server) for entry in found] == [("3", "mail"), ("2", "files"), ("1", "files")]
    assert found[0] == record(3, server="mail")
    assert [entry.request for entry in await world.log().query(AuditQuery(server="files"), limit=1)] == ["2"]
    told = await world.verify()
    assert (told.intact, told.records, told.files, told.begins, told.torn, told.repairs) == (True, 3, 1, 0, 0, 0)
    async with world.log() as log:
        assert log.head == told.head
    assert (await World(world.directory.with_name("none")).verify()).records == 0
    assert "audit" in repr(world.log())


@pytest.mark.promise("B46")
async def test_only_its_owner_may_read_it(world: World) -> None:
    world.directory.mkdir(mode=0o755)
    await world.write(1)
    assert stat.S_IMODE(world.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((world.directory / FIRST).stat().st_mode) == 0o600
    world.clock.advance(timedelta(days=1))
    await world.write(2)
    assert stat.S_IMODE((world.directory / f"{FIRST}.gz").stat().st_mode) == 0o600


CHANGES: Mapping[str, tuple[int, Change]] = {
    "a word": (2, lambda lines: [lines[0], lines[1].replace(b'"read"', b'"load"'), *lines[2:]]),
    "one is gone": (2, lambda lines: [lines[0], *lines[2:]]),
    "two are exchanged": (2, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]]),
    "one is repeated": (3, lambda lines: [*lines[:2], lines[1], *lines[2:]]),
    "a foreign one": (3, lambda lines: [*lines[:2], b"{}\n", *lines[2:]]),
    "a huge one": (3, lambda lines: [*lines[:2], b"x" * 200_000 + b"\n", *lines[2:]]),
    "the first is gone": (1, lambda lines: lines[1:]),
}


@pytest.mark.parametrize("key", [None, "k" * 32])
@pytest.mark.parametrize("what", CHANGES)
async def test_the_first_record_that_was_changed_is_named(world: World, what: str, key: str | None) -> None:
    line, change = CHANGES[what]
    world = World(world.directory, key=key)
    await world.write(1, 2, 3, 4)
    world.replace(change(world.lines()))
    told = await world.verify()
    assert (told.intact, told.broken_file, told.broken_line, told.keyed) == (False, FIRST, line, key is not None)
    assert told.reason


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=80)
def test_not_one_bit_can_be_changed_unseen(place: int, bit: int) -> None:
    chain = Chain(key=b"k")
    data = bytearray(b"".join(chain.seal({"kind": "call", "n": number}) for number in range(4)))
    whole = Inspection(key=b"k", expect=chain.before)
    whole.read(FIRST, bytes(data))
    assert whole.report().intact
    data[place % len(data)] ^= 1 << bit
    changed = Inspection(key=b"k", expect=chain.before)
    changed.read(FIRST, bytes(data))
    assert not changed.report().intact


async def test_a_chain_that_was_made_without_the_key_is_found(world: World) -> None:
    await world.write(1, 2)
    told = await World(world.directory, key="k" * 32).verify()
    assert (told.intact, told.broken_line, told.reason) == (False, 1, "its digest is another one")


@pytest.mark.parametrize("body", [{"before": 7, "seq": 0}, {"before": "f" * 64, "seq": 0}])
def test_a_line_that_is_no_first_one_is_none(body: dict[str, str | int]) -> None:
    inspection = Inspection()
    inspection.read(FIRST, Chain().seal(body))
    assert not inspection.report().intact


def resealed(lines: list[bytes], place: int, *, seq: int) -> bytes:
    """Return a line with another text and a digest that fits, as one can make it who has no key to find."""
    before = unsealed(lines[place - 1].rstrip(), None).digest
    return Chain(seq=seq, before=before).seal({"kind": "call", "tool": "load"})


@pytest.mark.parametrize(
    ("seq", "found"),
    [(1, (3, "it does not name the record before it")), (2, (2, "it has the number 2, and 1 is due"))],
)
async def test_a_record_with_a_digest_made_to_fit_is_found(tmp_path: Path, seq: int, found: tuple[int, str]) -> None:
    world = World(tmp_path / "audit")
    await world.write(1, 2, 3)
    lines = world.lines()
    world.replace([lines[0], resealed(lines, 1, seq=seq), lines[2]])
    told = await world.verify()
    assert (told.broken_line, told.reason) == found


async def test_an_end_that_was_cut_off_is_found_by_a_digest_that_was_noted_elsewhere(world: World) -> None:
    await world.write(1, 2, 3)
    head = (await world.verify()).head
    assert (await world.verify(head)).intact
    world.replace(world.lines()[:2])
    assert (await world.verify()).intact
    told = await world.verify(head)
    assert (told.intact, told.broken_file) == (False, None)
    assert "the end is missing" in (told.reason or "")


@pytest.mark.parametrize("cut", [1, 40, 200])
async def test_a_line_that_a_crash_tore_is_told_apart_from_one_that_was_changed(world: World, cut: int) -> None:
    await world.write(1, 2, 3)
    lines = world.lines()
    world.replace([*lines[:2], lines[2][:-cut]])
    told = await world.verify()
    assert (told.intact, told.records, told.torn) == (True, 2, len(lines[2]) - cut)
    await world.write(4)
    told = await world.verify()
    assert (told.intact, told.records, told.torn, told.repairs) == (True, 4, 0, 1)
    assert [event.file for event in world.sink.of(AuditRepaired)] == [FIRST]
    assert [entry.request for entry in await world.log().query()] == ["4", "", "2", "1"]
    assert world.names() == [f"{FIRST}.gz", SECOND]


async def test_crashes_while_a_crash_is_noted_are_noted_together(world: World) -> None:
    await world.write(1)
    world.replace([*world.lines(), b'{"seq":1,'])
    world.replace([b'{"seq":1,"bef'], SECOND)
    assert (await world.verify()).torn == 22
    await world.write(2)
    told = await world.verify()
    assert (told.intact, told.repairs, told.records) == (True, 2, 3)


async def test_bytes_added_where_a_crash_was_noted_are_found(world: World) -> None:
    await world.write(1)
    world.replace([*world.lines(), b'{"seq":1,'])
    world.clock.advance(timedelta(days=1))
    await world.write(2)
    packed = world.directory / f"{FIRST}.gz"
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes()) + b"x"))
    told = await world.verify()
    assert (told.intact, told.broken_file) == (False, "audit-2026-03-02-00000.jsonl")
    assert "torn bytes" in (told.reason or "")


async def test_a_log_that_was_changed_at_its_end_goes_on_and_still_shows_it(world: World) -> None:
    await world.write(1, 2)
    lines = world.lines()
    world.replace([lines[0], lines[1].replace(b'"read"', b'"load"')])
    await world.write(3)
    assert [event.file for event in world.sink.of(AuditRepaired)] == [FIRST]
    told = await world.verify()
    assert (told.intact, told.broken_line) == (False, 2)
    assert told.broken_file == f"{FIRST}.gz"
    assert (await world.log().query(limit=1))[0].request == "3"


@pytest.mark.promise("B46")
async def test_each_day_has_its_file_and_old_ones_are_packed_and_chained(world: World) -> None:
    async with world.log() as log:
        for number in range(3):
            await log.append(record(number, time=world.clock.now()))
            world.clock.advance(timedelta(days=1))
    assert world.names() == [f"{FIRST}.gz", "audit-2026-03-02-00000.jsonl.gz", "audit-2026-03-03-00000.jsonl"]
    told = await world.verify()
    assert (told.intact, told.records, told.files) == (True, 3, 3)
    since = AuditQuery(since=NOW + timedelta(days=1))
    assert [entry.request for entry in await world.log().query(since)] == ["2", "1"]
    (world.directory / "audit-2026-03-02-00000.jsonl.gz").unlink()
    told = await world.verify()
    assert (told.broken_file, told.broken_line) == ("audit-2026-03-03-00000.jsonl", 1)


async def test_a_clock_that_runs_back_does_not_mix_up_the_files(world: World) -> None:
    await world.write(1)
    world.clock.set(NOW - timedelta(days=3))
    await world.write(2)
    assert world.names() == [FIRST]
    assert (await world.verify()).intact


async def test_a_day_with_much_to_say_has_several_files(tmp_path: Path) -> None:
    world = World(tmp_path / "audit", largest_file=1_000)
    await world.write(*range(10))
    assert len(world.names()) > 2
    told = await world.verify()
    assert (told.intact, told.records) == (True, 10)
    await world.write(10)
    assert [entry.request for entry in await world.log().query()] == [str(number) for number in range(10, 0, -1)]


@pytest.mark.promise("B46")
async def test_files_are_let_go_after_ninety_days_and_the_log_notes_that(world: World) -> None:
    await world.write(1)
    world.clock.advance(timedelta(days=90))
    await world.write(2)
    assert len(world.names()) == 2
    world.clock.advance(timedelta(days=1))
    await world.write(3)
    assert world.names() == ["audit-2026-05-30-00000.jsonl.gz", "audit-2026-05-31-00000.jsonl"]
    told = await world.verify()
    assert (told.intact, told.begins, told.records) == (True, 1, 3)
    (world.directory / "audit-2026-05-30-00000.jsonl.gz").unlink()
    told = await world.verify()
    assert (told.intact, told.reason) == (False, "the records before it are gone, and no record notes that")


async def test_two_processes_do_not_write_to_one_directory(world: World) -> None:
    with anyio.fail_after(20):
        async with world.log():
            with pytest.raises(AuditError, match="Another process writes the audit log"):
                await world.write(1)


class Disk(LocalFiles):
    """Runs out of space, or fails otherwise, when it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def append(self, path: Path, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        await super().append(path, data)


async def until_it_can_be_written(log: FileAudit) -> None:
    with anyio.fail_after(5):
        while True:
            try:
                return log.check()
            except AuditError:
                await anyio.sleep(0.01)


async def test_a_full_disk_is_told_and_what_waits_is_written_when_there_is_room(tmp_path: Path) -> None:
    world = World(tmp_path / "audit", most_waiting=5, retry=0.01)
    world.files = disk = Disk()
    disk.error = ConfigurationError("No space left.")
    async with world.log() as log:
        for number in range(5):
            log.note(record(number))
        for taken in (lambda: log.note(record(5)), log.check):
            with pytest.raises(AuditError, match="too many records wait"):
                taken()
        with pytest.raises(AuditError, match="No space left"):
            await log.flush()
        with pytest.raises(AuditError, match="No space left"):
            log.check()
        disk.error = None
        await until_it_can_be_written(log)
    assert [event.lost for event in world.sink.of(AuditFailed)] == [1, 1]
    assert (await world.verify()).intact
    requests = [entry.request or entry.detail for entry in await world.log().query()][::-1]
    assert requests == ["1 records were lost", "0", "1", "2", "3", "4"]


async def test_a_failure_that_nobody_expected_refuses_and_does_not_end_the_log(tmp_path: Path) -> None:
    world = World(tmp_path / "audit")
    world.files = disk = Disk()
    async with world.log() as log:
        disk.error = RuntimeError("odd")
        with pytest.raises(AuditError, match="RuntimeError: odd"):
            await log.append(record(1))
        disk.error = None
        await log.append(record(2))
    assert (await world.verify()).records == 2


async def test_what_cannot_be_written_before_closing_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "audit", linger=5)
    world.files = disk = Disk()
    async with world.log() as log:
        disk.error = ConfigurationError("No.")
        log.note(record(1))
    assert [event.lost for event in world.sink.of(AuditFailed)] == [0, 1]
    with pytest.raises(AuditError, match="it is not open"):
        log.note(record(2))


async def test_what_waits_is_written_when_the_host_is_cancelled_or_fails(world: World) -> None:
    with anyio.CancelScope() as scope:
        async with world.log() as log:
            log.note(record(1))
            scope.cancel()
            await anyio.sleep_forever()
    with pytest.raises(KeyError):  # noqa: PT012 - the context is what is tried
        async with world.log() as log:
            log.note(record(2))
            raise KeyError
    assert (await world.verify()).records == 2


async def test_damaged_and_foreign_files_harm_nobody(world: World) -> None:
    await world.write(1)
    (world.directory / "audit-2026-99-99-00000.jsonl").write_text("x")
    (world.directory / "notes.txt").write_text("x")
    old = world.directory / "audit-2026-02-01-00000.jsonl.gz"
    bomb = gzip.compress(b"x" * 60_000_001, 1)
    for damage in (
        b"x",
        b"no gzip at all",
        bomb,
        gzip.compress(b"x") + b"y",
        gzip.compress(b"x")[:-3],
    ):
        old.write_bytes(damage)
        told = await world.verify()
        assert (told.intact, told.broken_file) == (False, old.name)
        with pytest.raises(PayloadError, match="is damaged"):
            await world.log().query(limit=100)
    world.clock.set(NOW + timedelta(days=80))
    await world.write(2)
    assert not old.exists()
    assert any("broken when it was let go" in event.detail for event in world.sink.of(AuditRepaired))


async def test_a_newest_file_that_is_damaged_is_left_as_it_is(world: World) -> None:
    await world.write(1)
    world.clock.advance(timedelta(days=1))
    await world.write(2)
    (world.directory / "audit-2026-03-02-00000.jsonl").unlink()
    packed = world.directory / f"{FIRST}.gz"
    packed.write_bytes(b"x")
    await world.write(3)
    assert (await world.verify()).broken_file == packed.name
    assert packed.read_bytes() == b"x"


async def test_old_files_that_cannot_be_put_away_are_told_and_nothing_else_suffers(world: World) -> None:
    class NoPacking(LocalFiles):
        async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
            raise ConfigurationError("No room.")

    world.files = NoPacking()
    await world.write(1)
    world.clock.advance(timedelta(days=1))
    await world.write(2)
    assert [event.reason for event in world.sink.of(AuditFailed)] == ["old files could not be put away: No room."]
    assert (await world.verify()).records == 2


async def test_a_file_left_both_packed_and_not_counts_once(world: World) -> None:
    await world.write(1)
    (world.directory / f"{FIRST}.gz").write_bytes(gzip.compress(b"half"))
    assert (await world.verify()).records == 1
    world.clock.advance(timedelta(days=1))
    await world.write(2)
    assert (await world.verify()).records == 2


async def test_a_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(ConfigurationError):
        await World(tmp_path / "audit").write(1)


async def test_long_texts_and_arguments_are_kept_short_in_the_files(world: World) -> None:
    odd = record(1)._replace(tool="x\n" * 1_000, agent="\ud800", arguments={"a": "x" * 40_000}, artefact="a", error="E")
    async with world.log() as log:
        await log.append(odd)
        await log.append(odd._replace(arguments={"a": 2**70}))
    assert max(map(len, world.lines())) < 2_000
    arguments = [entry.arguments for entry in await world.log().query()]
    assert arguments == ["[cannot be written]", "[40008 bytes]"]
    assert (await world.verify()).intact


@asynccontextmanager
async def timed() -> AsyncGenerator[list[float]]:
    spent = [time.perf_counter()]
    yield spent
    spent[0] = time.perf_counter() - spent[0]


async def test_it_takes_many_records_a_second_and_bounded_memory(tmp_path: Path) -> None:
    world = World(tmp_path / "audit", linger=0.05)
    async with timed() as spent, world.log() as log:
        for number in range(10_000):
            log.note(record(number))
            if number % 1_000 == 999:
                await anyio.lowlevel.checkpoint()
        await log.flush()
    assert 10_000 / spent[0] > 2_500  # more than 20,000 when nothing else runs
    assert (await world.verify()).records == 10_000


async def test_a_line_that_is_no_record_is_passed_over_by_queries_and_named_by_verifying(world: World) -> None:
    await world.write(1)
    body = b"no json}"
    digest = digest_of(body, None).encode()
    world.replace([*world.lines(), body[:-1] + b',"digest":"' + digest + b'"}\n'])
    assert [entry.request for entry in await world.log().query()] == ["1"]
    assert (await world.verify()).reason == "it is not JSON"


async def test_files_that_vanish_and_directories_that_cannot_be_made_are_told(world: World) -> None:
    class Vanishing(LocalFiles):
        async def read(self, path: Path, *, limit: int = 0) -> bytes | None:
            return None

        async def make_directory(self, path: Path, mode: int = 0o700) -> None:
            return None

    await world.write(1)
    world.files = Vanishing()
    with pytest.raises(PayloadError, match="is gone"):
        await world.log().query()
    world.directory = world.directory / "missing"
    with pytest.raises(ConfigurationError, match="is open to other users"):
        await world.write(2)


async def test_what_is_too_much_while_writing_fails_is_lost_oldest_first_and_counted(tmp_path: Path) -> None:
    class Slow(LocalFiles):
        def __init__(self) -> None:
            self.begun, self.gate, self.fails = anyio.Event(), anyio.Event(), True

        async def append(self, path: Path, data: bytes) -> None:
            self.begun.set()
            await self.gate.wait()
            if self.fails:
                self.fails = False
                raise ConfigurationError("No.")
            await super().append(path, data)

    world = World(tmp_path / "audit", most_waiting=2, retry=0.01)
    world.files = slow = Slow()
    with anyio.fail_after(10):
        async with world.log() as log:
            log.note(record(1))
            log.note(record(2))
            await slow.begun.wait()
            log.note(record(3))
            slow.gate.set()
    assert [event.lost for event in world.sink.of(AuditFailed)] == [0, 1]
    requests = [entry.request or entry.detail for entry in await world.log().query()][::-1]
    assert requests == ["1 records were lost", "2", "3"]
