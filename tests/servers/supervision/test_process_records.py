"""What a killed host left behind is found and ended by the next one, and nothing else ever is."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import anyio.to_thread
import pytest

from vsm_mcp.errors import StartError
from vsm_mcp.events import Event, OrphanEnded
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.supervision.records import MARK, ProcessRecords, RecordedProcesses
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import Workspace
from vsm_mcp.world.processes import Command, LocalProcesses
from vsm_mcp.world.secrets import ReferencedSecrets

HOST = Path(__file__).with_name("host.py")
SLEEP = Command(argv=("/bin/sleep", "1000"))


def ended(pid: int) -> bool:
    """Return whether a process is gone or waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def left_behind(directory: Path) -> list[int]:
    """Let a host start processes, kill it, and return the numbers of what it left."""
    host = subprocess.Popen([sys.executable, str(HOST), str(directory)], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    with host, host.stdout:
        pids = [int(word) for word in host.stdout.readline().split()]
        host.kill()
    return pids


@pytest.mark.anyio
async def test_a_process_is_written_down_as_long_as_it_lives(tmp_path: Path) -> None:
    processes = RecordedProcesses(LocalProcesses(), ProcessRecords(tmp_path / "records", random=Random(1)))  # noqa: S311 - repeats a test
    async with processes.open(SLEEP) as process:
        (record,) = [path async for path in anyio.Path(tmp_path / "records").iterdir()]
        assert (await record.read_text()).split()[0] == str(process.pid)
        assert (await record.stat()).st_mode & 0o777 == 0o600
    assert [path async for path in anyio.Path(tmp_path / "records").iterdir()] == []
    async with processes.open(Command(argv=("/usr/bin/env",))) as process:
        assert f"{MARK}=".encode() in await process.stdout.receive()
    done = await processes.run(Command(argv=("/bin/echo", "done")), timeout=10)
    assert done.stdout == b"done\n"


@pytest.mark.anyio
async def test_what_a_living_host_runs_is_left_alone(tmp_path: Path) -> None:
    records = ProcessRecords(tmp_path)
    async with RecordedProcesses(LocalProcesses(), records).open(SLEEP) as process:
        assert await records.sweep() == ()
        assert process.returncode is None
        assert len(list(tmp_path.iterdir())) == 1
    assert "ProcessRecords" in repr(records)


@pytest.mark.anyio
async def test_what_a_killed_host_left_behind_is_ended_when_the_next_one_begins(tmp_path: Path) -> None:
    pids = await anyio.to_thread.run_sync(left_behind, tmp_path)
    assert len(pids) == 4
    assert not any(map(ended, pids))
    events: list[Event] = []
    async with spawner(tmp_path, events):
        assert all(map(ended, pids))
    assert {event.pid for event in events if isinstance(event, OrphanEnded)} >= set(pids[:1])
    assert list(tmp_path.iterdir()) == []
    async with spawner(tmp_path, events):
        assert len({event.pid for event in events if isinstance(event, OrphanEnded)}) == len(events)


def sleeper() -> subprocess.Popen[bytes]:
    """Start a process that nobody supervises."""
    return subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)


def spawner(directory: Path, events: list[Event]) -> DynamicSpawner:
    records = ProcessRecords(directory)
    launcher = Launcher(
        Sandbox.none(RecordedProcesses(LocalProcesses(), records)),
        LazyConnector(eras={}, start=30, call=30),
        policy_for=lambda installed, work: SandboxPolicy(package=installed.path, work=work),
        secrets=ReferencedSecrets(),
        references=lambda _: {},
    )
    return DynamicSpawner(launcher, Workspace(directory / "work"), emit=events.append, records=records)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_number_that_was_given_to_another_process_is_never_killed(tmp_path: Path) -> None:
    other = sleeper()
    try:
        began = int(Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19])
        record = tmp_path / name(began=1)
        record.write_text(f"{other.pid} {began - 1}")
        assert await ProcessRecords(tmp_path).sweep() == ()
        assert other.poll() is None
        assert not record.exists()
        record.write_text(f"{other.pid} {began}")
        (orphan,) = await ProcessRecords(tmp_path).sweep()
        assert (orphan.pid, orphan.program) == (other.pid, "sleep")
        assert other.wait(10) == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()


@pytest.mark.anyio
@pytest.mark.security
async def test_what_is_swept_after_one_host_is_what_that_one_left_and_nothing_else(tmp_path: Path) -> None:
    others = [sleeper() for _ in range(3)]
    try:
        for number, other in enumerate(others):
            began = int(Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19])
            (tmp_path / name(began=1 + number // 2, mark=number)).write_text(f"{other.pid} {began - number % 2}")
        host = name(began=1).rpartition(".")[0]
        orphans = await anyio.to_thread.run_sync(ProcessRecords(tmp_path).sweep_after, host)
        assert [orphan.pid for orphan in orphans] == [others[0].pid]
        assert [other.poll() for other in others[1:]] == [None, None]
        assert len(list(tmp_path.iterdir())) == 3
    finally:
        for other in others:
            other.kill()
            other.wait()


@pytest.mark.anyio
async def test_who_sweeps_after_a_host_waits_for_its_end(tmp_path: Path) -> None:
    host, other = sleeper(), sleeper()
    orphans: list[int] = []

    async def sweep() -> None:
        found = await anyio.to_thread.run_sync(ProcessRecords(tmp_path).sweep_after, record.name.rpartition(".")[0])
        orphans.extend(orphan.pid for orphan in found)

    try:
        began = [int(Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()[19]) for one in (host, other)]
        record = tmp_path / name(pid=host.pid, began=began[0])
        record.write_text(f"{other.pid} {began[1]}")
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sweep)
                while not held(host.pid):  # noqa: ASYNC110 - the kernel sets no event
                    await anyio.sleep(0.01)
                assert (other.poll(), orphans) == (None, [])
                host.kill()
        assert orphans == [other.pid]
    finally:
        for one in (host, other):
            one.kill()
            one.wait()


def held(pid: int) -> bool:
    """Return whether this process waits for the end of another one."""
    for path in Path("/proc/self/fdinfo").iterdir():
        with suppress(FileNotFoundError):
            if f"Pid:\t{pid}\n" in path.read_text():
                return True
    return False


@pytest.mark.anyio
async def test_records_that_cannot_be_judged_from_here_are_left_and_those_of_an_earlier_boot_are_dropped(
    tmp_path: Path,
) -> None:
    foreign, old, odd = tmp_path / name(space="1"), tmp_path / name(boot="0" * 36), tmp_path / "notes.txt"
    for path in (foreign, old, odd):
        path.touch()
    assert await ProcessRecords(tmp_path).sweep() == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((foreign.name, odd.name))


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["", "12", "x y", "1 2 3", "-5 7", "9" * 60])
async def test_a_record_that_says_nothing_ends_nothing(tmp_path: Path, text: str) -> None:
    record = tmp_path / name(began=1)
    record.write_text(text)
    assert await ProcessRecords(tmp_path).sweep() == ()
    assert not record.exists()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_record_that_is_a_link_or_no_file_is_not_followed(tmp_path: Path) -> None:
    other = sleeper()
    try:
        began = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (tmp_path / "real").write_text(f"{other.pid} {began}")
        (tmp_path / name(began=1)).symlink_to(tmp_path / "real")
        os.mkfifo(tmp_path / name(began=2))
        assert await ProcessRecords(tmp_path).sweep() == ()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.anyio
async def test_nothing_starts_that_cannot_be_written_down(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    records = ProcessRecords(tmp_path / "file" / "records")
    with pytest.raises(StartError, match="cannot be written down") as caught:
        async with RecordedProcesses(LocalProcesses(), records).open(SLEEP):
            pytest.fail("it was started")
    assert caught.value.remedies
    with pytest.raises(StartError, match="cannot be written down"):
        await records.sweep()


def name(*, boot: str = "", space: str = "", pid: int = 0, began: int = 0, mark: int | None = None) -> str:
    """Return the name of a record of this machine's, with other parts where they are given."""
    boot = boot or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    space = space or str(Path("/proc/self/ns/pid").stat().st_ino)
    return f"{boot}.{space}.{pid or os.getpid()}.{began}.{began if mark is None else mark:032x}"


@pytest.mark.anyio
async def test_a_record_that_is_taken_away_while_its_process_starts_keeps_nothing_from_running(tmp_path: Path) -> None:
    records = ProcessRecords(tmp_path)
    with records.keep() as record:
        record.note(2**22 + 1)  # no process has this number: it ended before anybody looked
        assert record.path.read_text() == ""
        record.path.unlink()
        record.path.mkdir()
        with pytest.raises(StartError, match="cannot be written down"):
            record.note(os.getpid())
        record.path.rmdir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_child_that_keeps_starting_others_is_ended_with_all_of_them(tmp_path: Path) -> None:
    mark = f"{7:032x}"
    script = f"{sys.executable} -c 'import time; time.sleep(1000)' & while :; do /bin/sleep 0.01; done"
    chain = marked_process(mark, script)
    try:
        (tmp_path / name(began=7)).touch()
        orphans = await ProcessRecords(tmp_path).sweep()
        assert chain.pid in {orphan.pid for orphan in orphans}
        assert chain.wait(10) == -signal.SIGKILL
        assert await ProcessRecords(tmp_path).sweep() == ()
    finally:
        chain.kill()
        chain.wait()


def marked_process(mark: str, script: str) -> subprocess.Popen[bytes]:
    """Start a shell that carries a mark; for a moment after it began, the kernel shows no environment of it."""
    process = subprocess.Popen(["/bin/sh", "-c", script], env={MARK: mark}, start_new_session=True)
    while mark.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes():
        pass
    return process


@pytest.mark.anyio
@pytest.mark.parametrize("refused", [True, False])
async def test_what_could_not_be_ended_stays_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    other = sleeper()
    try:
        began = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        record = tmp_path / name(began=3)
        record.write_text(f"{other.pid} {began}")

        def kill(_group: int, _signal: int) -> None:
            if refused:
                raise PermissionError

        monkeypatch.setattr(os, "killpg", kill)
        assert await ProcessRecords(tmp_path, patience=0.01).sweep() == ()
        assert record.exists()
        monkeypatch.undo()
        assert [orphan.pid for orphan in await ProcessRecords(tmp_path).sweep()] == [other.pid]
        assert not record.exists()
    finally:
        other.kill()
        other.wait()


@pytest.mark.anyio
async def test_a_host_that_ended_and_was_not_reaped_counts_as_gone(tmp_path: Path) -> None:
    host = subprocess.Popen([sys.executable, str(HOST), str(tmp_path)], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - reaped at the end of the test, not before
    assert host.stdout is not None
    with host, host.stdout:
        pids = [int(word) for word in host.stdout.readline().split()]
        host.kill()
        with anyio.fail_after(10):
            while not ended(host.pid):  # noqa: ASYNC110 - the kernel sets no event
                await anyio.sleep(0.01)
        orphans = await ProcessRecords(tmp_path).sweep()
        assert {*pids} & {orphan.pid for orphan in orphans}
        assert all(ended(pid) for pid in pids)


SWEEP = """
import anyio, sys
from pathlib import Path
from vsm_mcp.servers.supervision.records import ProcessRecords
print(len(anyio.run(ProcessRecords(Path(sys.argv[1])).sweep)))
"""


def test_a_host_that_was_started_by_what_it_ends_does_not_end_itself(tmp_path: Path) -> None:
    pids = left_behind(tmp_path)
    mark = next(tmp_path.iterdir()).name.rpartition(".")[2]
    swept = subprocess.run(
        [sys.executable, "-c", SWEEP, str(tmp_path)],
        env={**os.environ, MARK: mark},
        start_new_session=True,
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert int(swept.stdout) > 0
    assert all(ended(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []
