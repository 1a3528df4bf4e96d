"""The state directory belongs to its owner: records are private, and nobody else may change anything in it."""

import os
import stat
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Settings, Shelf, ViableSystem

REPEATER = Path(__file__).with_name("repeater.py")

pytestmark = [pytest.mark.security, pytest.mark.anyio]

OPEN = ("", "store", "staging", "work")
"""What servers, which run as another user, pass through or read; all else is for the owner alone."""


@pytest.fixture(params=[0o000, 0o077], ids=["open", "closed"])
def umask(request: pytest.FixtureRequest) -> Generator[None]:
    """Whatever this process would let others do by default."""
    before = os.umask(int(request.param))
    yield
    os.umask(before)


@pytest.fixture
def anyio_backend() -> str:
    """Files are written by one thread on either back end."""
    return "asyncio"


def modes(state: Path) -> Mapping[str, os.stat_result]:
    paths = [state, *state.rglob("*")]
    return {str(path.relative_to(state)).removeprefix("."): path.lstat() for path in paths if not path.is_symlink()}


@pytest.mark.promise("B45", "B60")
@pytest.mark.usefixtures("umask")
async def test_records_are_private_and_nobody_else_may_change_anything(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer_file(REPEATER, name="repeater", summary="Says what it hears.")
    state = tmp_path / "state"
    settings = Settings(state=state, autonomy=Autonomy.AUTO, allow=("file:*",), sandbox=Confinement.NONE)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        await vsm.acquire_capability("echo", "repeater")
        await vsm.save_lock(state / "vsm.lock")
        found = modes(state)
    assert {status.st_uid for status in found.values()} == {os.geteuid()}
    others_write = [name for name, status in found.items() if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)]
    assert others_write == []
    private = {
        name: stat.filemode(status.st_mode)
        for name, status in found.items()
        if name.split("/")[0] not in OPEN and name != "vsm.lock" and status.st_mode & 0o077
    }
    assert private == {}
    assert {"journal", "records", "servers", "generations", "manifests"} <= {name.split("/")[0] for name in found}
