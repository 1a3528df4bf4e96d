"""The directory of a client's run: gone at the end, delivered in one step, and never with anything but plain files."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.clients import benches
from vsm_mcp.acquisition.installation.ecosystems.clients.benches import bench, furnish, take_back
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError


@pytest.mark.anyio
async def test_what_was_installed_is_delivered_with_the_mode_of_its_place_and_the_rest_is_gone(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir(0o711)
    async with bench(into) as place:
        assert place.home.parent.parent == tmp_path
        furnish(place.home, {"secret": b"word"})
        assert (place.home / ".client" / "secret").stat().st_mode & 0o777 == 0o600
        await place.put(place.out / "file", b"data")
        await place.put(place.out / "lock", b"data")
        await place.drop("lock", "never/there")
        await place.deliver()
    assert [path.name for path in tmp_path.iterdir()] == ["into"]
    assert (into / "file").read_bytes() == b"data"
    assert not (into / "lock").exists()
    assert into.stat().st_mode & 0o777 == 0o711


@pytest.mark.anyio
async def test_a_place_that_is_not_empty_is_an_error_and_the_bench_is_gone_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "something").touch()

    async def deliver() -> None:
        async with bench(tmp_path / "into") as place:
            (place.home / "closed").mkdir(0)
            await place.deliver()

    with pytest.raises(InstallationError, match="cannot be moved"):
        await deliver()
    assert [path.name for path in tmp_path.iterdir()] == ["into"]


@pytest.mark.anyio
async def test_no_room_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No directory for a package client"):
        async with bench(tmp_path / "missing" / "into"):
            pytest.fail("made")
    with pytest.raises(ConfigurationError, match="No directory"):
        furnish(tmp_path / "missing", {})
    async with bench(tmp_path / "into") as place:
        with pytest.raises(ConfigurationError, match="written to"):
            await place.put(place.home / "no" / "file", b"")


def _link(home: Path) -> None:
    (home / "x").symlink_to("/etc/passwd")


def _inner_link(home: Path) -> None:
    (home / "a").mkdir()
    (home / "a" / "x").symlink_to("../b")


def _pipe(home: Path) -> None:
    os.mkfifo(home / "x")


def _socket(home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(home / "x"))


def _deep(home: Path) -> None:
    for _ in range(benches.DEEPEST + 2):
        home = home / "d"
        home.mkdir()


@pytest.mark.security
@pytest.mark.parametrize("evil", [_link, _inner_link, _pipe, _socket, _deep])
def test_what_no_client_leaves_behind_is_refused(tmp_path: Path, evil: Callable[[Path], None]) -> None:
    evil(tmp_path)
    with pytest.raises(IntegrityError, match="A package client"):
        take_back(tmp_path)


@pytest.mark.security
def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benches, "MOST_ENTRIES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(InstallationError, match="more than 2 files"):
        take_back(tmp_path)
    with pytest.raises(InstallationError, match="cannot be taken back"):
        take_back(tmp_path / "missing")


@pytest.mark.security
@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root takes files back from other users")
def test_what_another_user_wrote_is_owned_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").touch()
    for path in (tmp_path / "a" / "x", tmp_path / "a", tmp_path):
        os.chown(path, 61190, 61190)
    tmp_path.chmod(0)
    take_back(tmp_path)
    assert {path.stat().st_uid for path in (tmp_path, *tmp_path.rglob("*"))} == {0}
    assert tmp_path.stat().st_mode & 0o777 == 0o700
