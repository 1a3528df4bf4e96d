"""Killed at any moment of an acquisition, the next start finds all of it or nothing."""

import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.errors import InstallationError, VSMError
from vsm_mcp.model.server import Candidate, Proven
from vsm_mcp.testing.faults import Crash, CrashingFiles, FullDisk, Moment
from vsm_mcp.world.files import Files, LocalFiles
from vsm_mcp.world.processes import Command, LocalProcesses

PROGRAM = Path(__file__).parent / "acquire.py"
_SPEC = importlib.util.spec_from_file_location("acquire", PROGRAM)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
acquire: Callable[[Path, Path, Files], Awaitable[tuple[str, Proven]]] = _MODULE.acquire
parts: Callable[[Path, Files], tuple[Rollback, Installer]] = _MODULE.parts
candidate: Callable[[Path], Candidate] = _MODULE.candidate

ALL = ("append", "write", "rename", "remove", "make_directory")


def _count(kinds: tuple[str, ...]) -> int:
    """Return how many effects of these kinds an acquisition has."""
    files = CrashingFiles(LocalFiles(), only=kinds)
    with tempfile.TemporaryDirectory() as directory:
        server = Path(directory, "server.py")
        server.write_text("print('a server')\n")
        anyio.run(acquire, Path(directory, "state"), server, files)
    return files.effects


EFFECTS = _count(ALL)
LINES = _count(("append",))


def entries(state: Path, part: str) -> list[str]:
    return sorted(path.name for path in (state / part).iterdir()) if (state / part).is_dir() else []


async def check(state: Path, server: Path) -> bool:
    """Recover, check that everything is consistent, and return whether the server is held."""
    rollback, installer = parts(state, LocalFiles())
    await rollback.recover()
    assert await rollback.recover() == ()
    assert await Journal(state, LocalFiles()).open() == ()
    assert entries(state, "staging") == []
    assert entries(state, "transactions") == []
    digests = [record.proven.installed.digest for record in await installer.records()]
    assert entries(state, "store") == digests
    assert entries(state, "manifests") == [f"{digest}.json" for digest in digests]
    assert [name for name in entries(state, "servers") if not name.endswith(".json")] == []
    for digest in digests:
        await installer.store.verify(digest, full=True)
    return await installer.find(candidate(server)) is not None


async def outcome(state: Path, server: Path, files: Files) -> VSMError | None:
    """Acquire and return what went wrong, if anything did."""
    try:
        await acquire(state, server, files)
    except VSMError as error:
        return error
    return None


async def check_and_acquire(state: Path, server: Path) -> None:
    """Check, then acquire: from whatever was left, the way goes on."""
    held = await check(state, server)
    how, _ = await acquire(state, server, LocalFiles())
    assert how == ("found" if held else "installed")
    assert await check(state, server)


@pytest.mark.anyio
@pytest.mark.promise("A23", "A30")
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("at", range(1, EFFECTS + 1))
async def test_a_crash_at_every_effect_is_repaired(state: Path, server: Path, *, at: int, moment: Moment) -> None:
    with pytest.raises(Crash):
        await acquire(state, server, CrashingFiles(LocalFiles(), at=at, moment=moment, only=ALL))
    await check_and_acquire(state, server)


@pytest.mark.anyio
@pytest.mark.promise("A23", "A30")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("at", range(1, LINES + 1))
async def test_kill_9_at_every_line_of_the_journal_is_repaired(
    state: Path, server: Path, *, at: int, moment: Moment
) -> None:
    command = Command(argv=(sys.executable, "-I", str(PROGRAM), str(state), str(server), str(at), moment))
    done = await LocalProcesses().run(command, timeout=50)
    assert done.returncode == -signal.SIGKILL, done.stderr
    await check_and_acquire(state, server)


@pytest.mark.anyio
async def test_a_crash_while_repairing_is_repaired(state: Path, server: Path) -> None:
    with pytest.raises(Crash):
        await acquire(state, server, CrashingFiles(LocalFiles(), at=EFFECTS - 3, only=ALL))
    for at in range(1, 10):
        files = CrashingFiles(LocalFiles(), at=at, only=ALL)
        try:
            await parts(state, files)[0].recover()
        except Crash:
            continue
        break
    await check_and_acquire(state, server)


def test_the_crash_tests_see_every_line() -> None:
    """Begin, three steps (quarantine, stage, describe), commit and end."""
    assert LINES == 6
    assert EFFECTS > 20


@pytest.mark.anyio
@pytest.mark.promise("A22")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_two_processes_that_want_the_same_install_it_once_and_both_have_it(state: Path, server: Path) -> None:
    said: list[bytes] = []

    async def run() -> None:
        command = Command(argv=(sys.executable, "-I", str(PROGRAM), str(state), str(server)))
        done = await LocalProcesses().run(command, timeout=50)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        tasks.start_soon(run)
    assert sorted(said) == [b"found\n", b"installed\n"]
    assert await check(state, server)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("at", range(1, EFFECTS + 1))
async def test_a_disk_that_fills_up_at_any_moment_fails_with_a_remedy_and_leaves_nothing(
    state: Path, server: Path, at: int
) -> None:
    error = await outcome(state, server, FullDisk(LocalFiles(), at=at))
    assert error is None or "Free disk space" in str(error)
    await check_and_acquire(state, server)


@pytest.mark.anyio
async def test_a_disk_that_is_really_full_fails_with_a_remedy_and_leaves_nothing(
    small_disk: Path, server: Path
) -> None:
    await anyio.Path(server).write_text("#" * 200_000)
    error = await outcome(small_disk / "state", server, LocalFiles())
    assert isinstance(error, InstallationError)
    assert "No space left on device" in error.message
    assert "Free disk space" in error.remedies[0]
    assert error.rolled_back
    await anyio.Path(server).write_text("print('a small server')\n")
    await check_and_acquire(small_disk / "state", server)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_leaves_nothing_and_sigterm_nothing_that_is_not_repaired(
    state: Path, server: Path, number: signal.Signals
) -> None:
    command = Command(argv=(sys.executable, "-I", str(PROGRAM), str(state), str(server), "pause"))
    with anyio.fail_after(50):
        async with LocalProcesses().open(command) as process:
            assert await process.stdout.receive() == b"paused\n"
            os.kill(process.pid, number)
            await process.wait()
    if number == signal.SIGINT:
        assert entries(state, "staging") == entries(state, "store") == entries(state, "servers") == []
        assert await Journal(state, LocalFiles()).open() == ()
    assert not await check(state, server)


@pytest.mark.anyio
@pytest.mark.promise("A30")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
async def test_ctrl_c_while_a_failure_is_undone_does_not_stop_the_undoing(
    state: Path, server: Path, backend: str
) -> None:
    command = Command(argv=(sys.executable, "-I", str(PROGRAM), str(state), str(server), "fail", backend))
    with anyio.fail_after(50):
        async with LocalProcesses().open(command) as process:
            assert await process.stdout.receive() == b"undoing\n"
            os.kill(process.pid, signal.SIGINT)
            await process.wait()
    assert entries(state, "staging") == entries(state, "store") == entries(state, "servers") == []
    assert await Journal(state, LocalFiles()).open() == ()
