"""Directories for a moment: gone at the end, never taken from the living, and swept when their process is dead."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp.acquisition.installation.ecosystems.clients import passing as module
from vsm_mcp.acquisition.installation.ecosystems.clients.passing import PREFIX, passing, sweep

DIES = """
import os, signal, sys
from pathlib import Path
import anyio
from vsm_mcp.acquisition.installation.ecosystems.clients.passing import passing

async def main():
    async with passing(Path(sys.argv[1])) as inner:
        (inner / "secret").write_text("word")
        (inner / "closed").mkdir()
        (inner / "closed" / "file").touch()
        (inner / "closed").chmod(0)
        os.kill(os.getpid(), signal.SIGKILL)

anyio.run(main)
"""


def abandon(place: Path) -> None:
    """Let a process die in the middle."""
    done = subprocess.run([sys.executable, "-c", DIES, str(place)], check=False, timeout=30)
    assert done.returncode == -9
    assert [path.name for path in place.glob(f"{PREFIX}*/inner/secret")] == ["secret"]


@pytest.mark.anyio
@pytest.mark.security
async def test_what_a_killed_process_left_is_gone_when_the_next_directory_is_made(tmp_path: Path) -> None:
    abandon(tmp_path)
    async with passing(tmp_path) as inner:
        assert [path.name for path in tmp_path.iterdir()] == [inner.parent.name]
        assert list(inner.iterdir()) == []
        assert inner.stat().st_mode & 0o777 == 0o700
        assert inner.parent.stat().st_mode & 0o777 == 0o711
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.security
async def test_it_is_gone_however_deep_a_stranger_nested_what_is_in_it(tmp_path: Path) -> None:
    async with passing(tmp_path) as inner:
        here = os.open(inner, os.O_RDONLY)
        for _ in range(1_200):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_the_directories_of_the_living_are_left_alone(tmp_path: Path) -> None:
    kept: list[bool] = []

    async def work() -> None:
        async with passing(tmp_path) as inner:
            (inner / "file").touch()
            await anyio.lowlevel.checkpoint()
            await sweep(tmp_path)
            kept.append((inner / "file").exists())

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(work)
    assert kept == [True] * 12
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_it_is_gone_after_a_cancellation_even_when_it_was_made_unreadable(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with passing(tmp_path) as inner:
            (inner / "closed").mkdir()
            (inner / "closed" / "file").touch()
            (inner / "closed").chmod(0)
            scope.cancel()
            await anyio.sleep_forever()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.security
async def test_only_what_was_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "other")
    (tmp_path / f"{PREFIX}strange").mkdir()
    (tmp_path / f"{PREFIX}strange" / "something").touch()
    (tmp_path / f"{PREFIX}linked").mkdir()
    (tmp_path / f"{PREFIX}linked" / "lock").symlink_to(tmp_path / "other")
    expected = {path.name for path in tmp_path.iterdir()}
    (tmp_path / f"{PREFIX}empty").mkdir()
    await sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == expected
    await sweep(tmp_path / "missing")


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root can make what belongs to another user")
async def test_what_another_user_made_is_not_swept(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}theirs"
    left.mkdir()
    (left / "lock").touch()
    os.chown(left, 61190, 61190)
    await sweep(tmp_path)
    assert left.exists()


@pytest.mark.anyio
async def test_what_cannot_be_removed_waits_for_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / f"{PREFIX}left"
    (left / "inner").mkdir(parents=True)
    (left / "lock").touch()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("os.rmdir", refuse)
        await sweep(tmp_path)
    assert (left / "lock").exists()
    await sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_who_finds_no_locks_sweeps_nothing_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "lock").touch()

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    await sweep(tmp_path)
    assert left.exists()
    with pytest.raises(OSError, match="No locks"):
        async with passing(tmp_path):
            pytest.fail("made")


@pytest.mark.anyio
async def test_who_is_robbed_again_and_again_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise BlockingIOError(errno.EWOULDBLOCK, "Resource temporarily unavailable")

    monkeypatch.setattr(fcntl, "flock", taken)
    with pytest.raises(OSError, match="others remove"):
        async with passing(tmp_path):
            pytest.fail("made")


@pytest.mark.anyio
async def test_a_lock_that_was_removed_while_it_was_taken_is_worth_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, robbed = fcntl.flock, [True, False]

    def late(lock: int, kind: int) -> None:
        flock(lock, kind)
        if robbed.pop(0):
            (path,) = tmp_path.glob(f"{PREFIX}*")
            (path / "lock").unlink()
            path.rmdir()

    monkeypatch.setattr(fcntl, "flock", late)
    async with passing(tmp_path) as inner:
        assert [path.name for path in tmp_path.iterdir()] == [inner.parent.name]
    assert robbed == []


@pytest.mark.anyio
async def test_a_directory_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, robbed = module.tempfile.mkdtemp, [True, False]

    def early(*, prefix: str, dir: Path) -> str:  # noqa: A002 - the name it has there
        path = make(prefix=prefix, dir=dir)
        if robbed.pop(0):
            Path(path).rmdir()
        return path

    monkeypatch.setattr("tempfile.mkdtemp", early)
    async with passing(tmp_path) as inner:
        assert inner.is_dir()
    assert robbed == []


@pytest.mark.anyio
async def test_a_directory_that_is_only_half_made_is_swept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "chmod", full)
        with pytest.raises(OSError, match="No space"):
            async with passing(tmp_path):
                pytest.fail("made")
    await sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
