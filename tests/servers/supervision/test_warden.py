"""What an unconfined server leaves is ended as soon as its host is gone, by a process that costs nothing otherwise."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.lowlevel
import anyio.to_thread
import pytest

from vsm_mcp.errors import StartError
from vsm_mcp.events import Event, HostUnwatched
from vsm_mcp.servers.supervision.records import MARK, ProcessRecords, RecordedProcesses
from vsm_mcp.servers.supervision.warden import Warden
from vsm_mcp.world.processes import Command, Completed, LocalProcesses, Process

pytestmark = pytest.mark.anyio

HOST = Path(__file__).with_name("watched_host.py")
SLEEP = Command(argv=("/bin/sleep", "1000"))


@dataclass(frozen=True, slots=True)
class Hosting:
    """A host that runs, and the numbers of what its servers are and have started."""

    process: subprocess.Popen[str]
    pids: Sequence[int]

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self) -> int:
        """Let it leave in order; return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.wait(20)


@asynccontextmanager
async def hosting(directory: Path, backend: str, *more: str) -> AsyncGenerator[Hosting]:
    """Start a host; what a failing test would leave behind is ended, too."""
    words = [sys.executable, str(HOST), str(directory), backend, *more]
    process = subprocess.Popen(  # noqa: ASYNC220 - a host of its own, read from a thread
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    host = Hosting(process, [])
    try:
        line = await anyio.to_thread.run_sync(host.says)
        yield Hosting(process, [int(word) for word in line.split()])
    finally:
        with process:
            process.kill()
        await ProcessRecords(directory).sweep()


def ended(pid: int) -> bool:
    """Return whether a process is gone or waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wardens(directory: Path) -> list[int]:
    """Return the processes that wait for the end of a host, or sweep after it: by their words."""
    found: list[int] = []
    for path in Path("/proc").iterdir():
        try:
            words = (path / "cmdline").read_bytes().split(b"\0") if path.name.isdigit() else []
        except OSError:
            continue
        if b"-c" in words and str(directory).encode() in words and not ended(int(path.name)):
            found.append(int(path.name))
    return found


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the kernel sets no event for other processes' children."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.02)


async def test_when_a_host_is_killed_its_servers_and_all_they_started_are_gone_without_another_host(
    tmp_path: Path, anyio_backend_name: str
) -> None:
    async with hosting(tmp_path, anyio_backend_name) as host:
        assert len(host.pids) == 6
        assert len(wardens(tmp_path)) == 1
        assert not any(map(ended, host.pids))
        await anyio.to_thread.run_sync(host.kill)
        await soon(lambda: all(map(ended, host.pids)))
        await soon(lambda: not wardens(tmp_path))
    assert list(tmp_path.iterdir()) == []


async def test_a_copy_of_the_host_that_outlives_it_does_not_keep_its_servers_alive(
    tmp_path: Path, anyio_backend_name: str
) -> None:
    async with hosting(tmp_path, anyio_backend_name, "fork") as host:
        *pids, copy = host.pids
        try:
            await anyio.to_thread.run_sync(host.kill)
            await soon(lambda: all(map(ended, pids)))
            assert not ended(copy)
        finally:
            os.kill(copy, signal.SIGKILL)


async def test_a_host_that_leaves_in_order_leaves_nobody_who_watches(tmp_path: Path, anyio_backend_name: str) -> None:
    async with hosting(tmp_path, anyio_backend_name) as host:
        (warden,) = wardens(tmp_path)
        assert await anyio.to_thread.run_sync(host.leave) == 0
        assert ended(warden)
        assert wardens(tmp_path) == []
        assert list(tmp_path.iterdir()) == []


async def test_the_servers_of_another_host_on_the_same_state_are_left_alone(
    tmp_path: Path, anyio_backend_name: str
) -> None:
    async with hosting(tmp_path, anyio_backend_name) as one, hosting(tmp_path, anyio_backend_name) as other:
        assert len(wardens(tmp_path)) == 2
        await anyio.to_thread.run_sync(one.kill)
        await soon(lambda: all(map(ended, one.pids)) and len(wardens(tmp_path)) == 1)
        assert not any(map(ended, other.pids))
        await anyio.to_thread.run_sync(other.kill)
        await soon(lambda: all(map(ended, other.pids)))


async def test_an_interrupt_from_the_terminal_ends_no_watch(tmp_path: Path, anyio_backend_name: str) -> None:
    async with hosting(tmp_path, anyio_backend_name) as host:
        (warden,) = wardens(tmp_path)
        os.killpg(host.process.pid, signal.SIGINT)
        assert await anyio.to_thread.run_sync(host.says) == "interrupted"
        assert os.getsid(warden) == warden
        for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(warden, signum)
        await anyio.to_thread.run_sync(host.kill)
        await soon(lambda: all(map(ended, host.pids)))


def watched(directory: Path) -> RecordedProcesses:
    records = ProcessRecords(directory)
    warden = Warden(LocalProcesses(), records)
    return RecordedProcesses(LocalProcesses(), records, watching=warden.watching)


async def test_one_process_watches_from_the_first_server_to_the_last_and_is_itself_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, "0" * 32)  # this host was itself started by one that is watched
    processes = watched(tmp_path)
    assert wardens(tmp_path) == []
    async with processes.open(SLEEP):
        async with processes.open(SLEEP):
            (warden,) = wardens(tmp_path)
        assert wardens(tmp_path) == [warden]
        assert MARK.encode() not in Path(f"/proc/{warden}/environ").read_bytes()
        assert not Path(f"/proc/{warden}/cwd").readlink().is_relative_to(tmp_path)
    assert wardens(tmp_path) == []
    async with processes.open(SLEEP):
        assert len(wardens(tmp_path)) == 1


async def test_many_servers_that_start_and_end_at_once_share_one_watch(tmp_path: Path) -> None:
    processes = watched(tmp_path)
    most = 0

    async def live() -> None:
        nonlocal most
        for _ in range(3):
            async with processes.open(SLEEP):
                await anyio.lowlevel.checkpoint()
                most = max(most, len(wardens(tmp_path)))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(live)
    assert most == 1
    assert wardens(tmp_path) == []


async def test_a_watch_that_somebody_ended_is_taken_up_again_with_the_next_server(tmp_path: Path) -> None:
    processes = watched(tmp_path)
    async with processes.open(SLEEP):
        (first,) = wardens(tmp_path)
        os.kill(first, signal.SIGKILL)
        await soon(lambda: ended(first))
        async with processes.open(SLEEP):
            (second,) = wardens(tmp_path)
        assert second != first
        assert wardens(tmp_path) == [second]
    assert wardens(tmp_path) == []


class NoShell:
    """A machine that has no shell."""

    def __init__(self) -> None:
        self._local = LocalProcesses()

    async def run(self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = 1000) -> Completed:
        return await self._local.run(command, timeout=timeout, stdin=stdin, limit=limit)

    def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[Process]:
        if command.argv[0] == "/bin/sh":
            raise StartError("There is no shell.", remedies=("Install one.",))
        return self._local.open(command, run_as=run_as, pass_fds=pass_fds)


async def test_where_nobody_can_watch_servers_run_all_the_same_and_that_is_told_once(tmp_path: Path) -> None:
    records, events = ProcessRecords(tmp_path), list[Event]()
    warden = Warden(NoShell(), records, emit=events.append)
    processes = RecordedProcesses(NoShell(), records, watching=warden.watching)
    for _ in range(2):
        async with processes.open(SLEEP) as process:
            assert process.returncode is None
    assert events == [HostUnwatched(reason="There is no shell.")]
    assert repr(warden) == "Warden(watched=0, process=None)"


async def test_a_program_that_is_no_interpreter_is_not_begun_anew_to_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/product/bin/product")
    events: list[Event] = []
    async with Warden(LocalProcesses(), ProcessRecords(tmp_path), emit=events.append).watching():
        assert wardens(tmp_path) == []
    (event,) = events
    assert isinstance(event, HostUnwatched)
    assert "is no Python interpreter" in event.reason
