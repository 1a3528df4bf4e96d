"""What a kept directory holds is measured, whatever a server puts there."""

import os
import subprocess
from pathlib import Path

import anyio
import pytest

from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.sandbox.resources.family import Family
from vsm_mcp.sandbox.resources.kept import DEEPEST, KeptDirectory

MIB = 1 << 20


def kept(path: Path, limit: int = 1, pid: int = 0) -> KeptDirectory:
    return KeptDirectory(path, "/work", limit_mb=limit, family=Family(pid or (1 << 22) + 1))


def test_files_in_it_and_below_it_count(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x" * 600_000)
    directory = kept(tmp_path)
    assert directory.look() is None
    assert 600_000 <= directory.peak_bytes < MIB
    (tmp_path / "more").write_bytes(b"x" * 600_000)
    exceeded = directory.look()
    assert exceeded is not None
    assert exceeded.reason is ExitReason.DISK
    assert exceeded.detail.startswith("/work may hold 1 MiB; measured were more than 1 MiB in ")


def test_a_sparse_file_counts_what_it_takes_and_a_second_name_counts_once(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100 * MIB)
    (tmp_path / "one").write_bytes(b"x" * 700_000)
    os.link(tmp_path / "one", tmp_path / "two")
    assert kept(tmp_path).look() is None


def test_many_empty_files_are_not_for_free(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / str(number)).touch()
    assert kept(tmp_path).look() is not None


@pytest.mark.security
def test_nothing_in_it_is_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "large").write_bytes(b"x" * 2 * MIB)
    work = tmp_path / "work"
    work.mkdir()
    (work / "link").symlink_to(other)
    (work / "file").symlink_to(other / "large")
    assert kept(work).look() is None
    link = tmp_path / "link"
    link.symlink_to(other)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        kept(link).look()


@pytest.mark.security
def test_directories_that_lie_too_deep_end_it(tmp_path: Path) -> None:
    where = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEEPEST + 2):
        os.mkdir("d", dir_fd=where)
        inner = os.open("d", os.O_RDONLY, dir_fd=where)
        os.close(where)
        where = inner
    os.close(where)
    exceeded = kept(tmp_path, limit=100).look()
    assert exceeded is not None
    assert "more than 100 deep" in exceeded.detail


@pytest.mark.security
@pytest.mark.skipif(os.geteuid() == 0, reason="allowed: root reads every directory")
def test_a_directory_that_cannot_be_read_ends_it(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir(0o000)
    exceeded = kept(tmp_path).look()
    assert exceeded is not None
    assert "cannot be read" in exceeded.detail


@pytest.mark.security
def test_a_file_without_a_name_counts_while_a_process_holds_it_open(tmp_path: Path) -> None:
    script = f"exec 3>{tmp_path}/x; rm {tmp_path}/x; head -c 2000000 /dev/zero >&3; echo up; read line"
    with subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert kept(tmp_path).look() is None
        assert kept(tmp_path, pid=process.pid).look() is not None
        process.communicate(b"\n")
    assert kept(tmp_path, pid=process.pid).look() is None


@pytest.mark.anyio
async def test_watching_ends_with_what_was_found(tmp_path: Path) -> None:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                assert (await kept(tmp_path).watch()).reason is ExitReason.DISK

            tasks.start_soon(watch)
            await anyio.sleep(0.05)
            (tmp_path / "large").write_bytes(b"x" * 2 * MIB)
