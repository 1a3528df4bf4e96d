"""Disk budgets: what takes too much is stopped while it is taken, and said with numbers."""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation import budget
from vsm_mcp.acquisition.installation.budget import DiskBudget, Usage, measure
from vsm_mcp.errors import ConfigurationError, InstallationError


def fill(root: Path, *, files: int, size: int) -> None:
    (root / "deep").mkdir(exist_ok=True)
    for number in range(files):
        (root / "deep" / str(number)).write_bytes(b"x" * size)


async def nothing() -> str:
    return "done"


@pytest.mark.anyio
@pytest.mark.promise("B60")
async def test_what_fits_is_measured_and_what_does_not_is_refused_with_numbers(tmp_path: Path) -> None:
    fill(tmp_path, files=5, size=400_000)
    (tmp_path / "link").symlink_to("/")
    used = await DiskBudget().check_package(tmp_path)
    assert used.files == 7
    assert used.size >= 2_000_000
    assert await DiskBudget().check_store(tmp_path) == used
    for small, said in (
        (DiskBudget(package_files=6), "more than 6 files"),
        (DiskBudget(package_mb=1), "more than 1 MB"),
    ):
        with pytest.raises(InstallationError, match=said) as caught:
            await small.check_package(tmp_path)
        assert caught.value.remedies
    with pytest.raises(InstallationError, match=r"takes 2 MB of the 1 MB it may"):
        await DiskBudget(store_mb=1).check_store(tmp_path)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(("files", "size"), [(60, 10), (3, 900_000)])
async def test_a_package_that_grows_and_grows_is_stopped_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, files: int, size: int
) -> None:
    monkeypatch.setattr(budget, "LOOK_EVERY", 0.01)

    async def grow() -> None:
        fill(tmp_path, files=files, size=size)
        await anyio.sleep_forever()

    with anyio.fail_after(10), pytest.raises(InstallationError, match="more than"):
        await DiskBudget(package_files=50, package_mb=2).watch(tmp_path, grow)


@pytest.mark.anyio
async def test_what_was_too_fast_to_be_seen_is_measured_at_the_end(tmp_path: Path) -> None:
    async def grow() -> None:
        fill(tmp_path, files=60, size=1)

    with pytest.raises(InstallationError, match="more than 50 files"):
        await DiskBudget(package_files=50).watch(tmp_path, grow)
    assert await DiskBudget().watch(tmp_path, nothing) == "done"


@pytest.mark.anyio
async def test_the_error_of_the_work_itself_comes_through_as_it_is(tmp_path: Path) -> None:
    async def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await DiskBudget().watch(tmp_path, fail)


@pytest.mark.anyio
async def test_cancelling_ends_the_work_and_the_watching(tmp_path: Path) -> None:
    with anyio.move_on_after(0.05) as scope:
        await DiskBudget().watch(tmp_path, anyio.sleep_forever)
    assert scope.cancelled_caught


def test_what_vanishes_while_it_is_measured_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure(tmp_path / "nowhere") == Usage()
    fill(tmp_path, files=3, size=1)
    real: Callable[[Path], object] = os.scandir

    def vanish(path: Path) -> object:
        found = real(path)
        for gone in (tmp_path / "deep").glob("1"):
            gone.unlink()
        return found

    monkeypatch.setattr(os, "scandir", vanish)
    assert measure(tmp_path).files == 3
    assert measure(tmp_path, 1).files == 1


@pytest.mark.anyio
async def test_what_cannot_be_measured_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _: int | None) -> Usage:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(budget, "measure", refuse)
    with pytest.raises(ConfigurationError, match="cannot be measured: Permission denied"):
        await DiskBudget().check_package(tmp_path)
