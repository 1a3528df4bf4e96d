"""Files: whole or not at all, locks among tasks and processes, and words for what the machine refuses."""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.processes import Command, LocalProcesses

HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def files() -> LocalFiles:
    return LocalFiles()


@pytest.mark.anyio
async def test_what_is_written_can_be_read_and_only_its_owner_may(files: LocalFiles, tmp_path: Path) -> None:
    await files.write(tmp_path / "a", b"one")
    await files.write(tmp_path / "a", b"two")
    assert await files.read(tmp_path / "a") == b"two"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert names(tmp_path) == ["a"]


@pytest.mark.anyio
async def test_the_mode_asked_for_is_the_mode_whatever_the_umask(files: LocalFiles, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        await files.write(tmp_path / "a", b"", mode=0o644)
        await files.make_directory(tmp_path / "b" / "c", 0o755)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "b" / "c").stat().st_mode) == 0o755


@pytest.mark.anyio
async def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await files.write(tmp_path / "a", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match=r"No space left on device\.") as caught:
        await files.write(tmp_path / "a", b"new")
    assert "Free disk space" in caught.value.remedies[0]
    assert await files.read(tmp_path / "a") == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.anyio
async def test_a_place_that_does_not_exist_is_told_with_what_to_do(files: LocalFiles, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No such file or directory\.") as caught:
        await files.write(tmp_path / "nowhere" / "a", b"new")
    assert "the directory it is in" in caught.value.remedies[0]


@pytest.mark.anyio
async def test_an_append_that_fails_half_way_is_taken_back(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await files.append(tmp_path / "log", b"first\n")
    real = os.write
    calls: list[int] = []

    def half(descriptor: int, data: bytes) -> int:
        if calls:
            raise OSError(errno.ENOSPC, "full")
        calls.append(1)
        return real(descriptor, bytes(data)[:3])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(ConfigurationError, match="No space left"):
        await files.append(tmp_path / "log", b"second\n")
    monkeypatch.undo()
    await files.append(tmp_path / "log", b"third\n")
    assert await files.read(tmp_path / "log") == b"first\nthird\n"


@pytest.mark.anyio
async def test_reading_is_bounded_and_missing_is_none(files: LocalFiles, tmp_path: Path) -> None:
    await files.write(tmp_path / "a", b"12345")
    assert await files.read(tmp_path / "b") is None
    assert await files.read(tmp_path / "a", limit=5) == b"12345"
    with pytest.raises(PayloadError, match="more than 4 bytes"):
        await files.read(tmp_path / "a", limit=4)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
async def test_what_is_no_file_is_refused_and_nobody_waits_for_it(
    files: LocalFiles, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "a")
    with anyio.fail_after(10), pytest.raises(PayloadError, match="not a regular file") as caught:
        await files.read(tmp_path / "a")
    assert "Remove" in caught.value.remedies[0]


@pytest.mark.anyio
async def test_what_the_machine_refuses_is_a_configuration_error_with_the_path(
    files: LocalFiles, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    below = tmp_path / "file" / "x"
    for attempt in (
        files.write(below, b""),
        files.append(below, b""),
        files.read(below),
        files.entries(below),
        files.rename(tmp_path / "file", below),
        files.make_directory(below),
        files.make_directory(tmp_path / "file"),
    ):
        with pytest.raises(ConfigurationError, match="cannot be used: Not a directory") as caught:
            await attempt
        assert caught.value.remedies
    with pytest.raises(ConfigurationError):
        async with files.lock(below):
            pytest.fail("held")


@pytest.mark.anyio
async def test_entries_are_sorted_and_none_when_missing(files: LocalFiles, tmp_path: Path) -> None:
    for name in ("b", "a", ".c"):
        (tmp_path / name).touch()
    assert await files.entries(tmp_path) == (".c", "a", "b")
    assert await files.entries(tmp_path / "nowhere") == ()


@pytest.mark.anyio
async def test_rename_moves_between_directories(files: LocalFiles, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "a").write_bytes(b"1")
    await files.rename(tmp_path / "a", tmp_path / "x" / "b")
    await files.rename(tmp_path / "x" / "b", tmp_path / "x" / "c")
    assert (tmp_path / "x" / "c").read_bytes() == b"1"
    assert not (tmp_path / "a").exists()


@pytest.mark.anyio
async def test_removing_takes_read_only_trees_and_never_follows_links(files: LocalFiles, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(0o500)
    (outside / "kept").parent.chmod(0o700)
    (outside / "kept").touch()
    tree = tmp_path / "tree"
    (tree / "deep" / "deeper").mkdir(parents=True)
    (tree / "deep" / "deeper" / "file").touch(0o400)
    (tree / "link").symlink_to(outside)
    for directory in (tree / "deep" / "deeper", tree / "deep", tree):
        directory.chmod(0o555)
    await files.remove(tree)
    await files.remove(tree)
    (tmp_path / "link").symlink_to(outside)
    await files.remove(tmp_path / "link")
    await files.remove(tmp_path / "no" / "where")
    assert names(tmp_path) == ["outside"]
    assert names(outside) == ["kept"]


@pytest.mark.anyio
async def test_a_lock_is_held_by_one_task_at_a_time(files: LocalFiles, tmp_path: Path) -> None:
    inside = 0
    most = 0

    async def work() -> None:
        nonlocal inside, most
        async with files.lock(tmp_path / "lock") as held:
            assert held
            inside += 1
            most = max(most, inside)
            await anyio.lowlevel.checkpoint()
            inside -= 1

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(work)
    assert most == 1


@pytest.mark.anyio
async def test_without_patience_a_held_lock_is_refused_at_once(files: LocalFiles, tmp_path: Path) -> None:
    async with files.lock(tmp_path / "lock") as first, files.lock(tmp_path / "lock", patience=0) as second:
        assert (first, second) == (True, False)
    async with files.lock(tmp_path / "lock", patience=0) as third:
        assert third


@pytest.mark.anyio
async def test_waiting_for_a_lock_can_be_cancelled(files: LocalFiles, tmp_path: Path) -> None:
    async with files.lock(tmp_path / "lock"):
        with anyio.move_on_after(0.05) as scope:
            async with files.lock(tmp_path / "lock"):
                pytest.fail("held twice")
        assert scope.cancelled_caught


@pytest.mark.anyio
async def test_a_lock_of_another_process_ends_with_that_process(files: LocalFiles, tmp_path: Path) -> None:
    command = Command(argv=(sys.executable, "-I", "-c", HOLDER, str(tmp_path / "lock")))
    async with LocalProcesses().open(command) as holder:
        assert await holder.stdout.receive() == b"held\n"
        async with files.lock(tmp_path / "lock", patience=0) as held:
            assert not held
        holder.kill()
        await holder.wait()
        async with files.lock(tmp_path / "lock") as held:
            assert held


@pytest.mark.anyio
@pytest.mark.parametrize("again", [True, False])
async def test_a_lock_file_that_its_holder_removes_meanwhile_is_no_lock(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    lock = tmp_path / "lock"
    real = fcntl.flock
    calls: list[int] = []

    def removed_first(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            lock.unlink()
            if again:
                lock.touch()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    async with files.lock(lock) as held:
        assert held
        assert len(calls) == 2
        async with LocalFiles().lock(lock, patience=0) as twice:
            assert not twice


@given(before=st.binary(max_size=200), after=st.binary(max_size=200))
def test_appending_keeps_every_byte(before: bytes, after: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "log"

    async def both() -> bytes | None:
        files = LocalFiles()
        await files.append(path, before)
        await files.append(path, after)
        return await files.read(path)

    assert anyio.run(both) == before + after
