"""Removing what strangers made: any depth, any rights, any length of names, and nothing else is touched."""

import errno
import os
import resource
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.removal import DEEPEST, remove_tree

DEEP = 3_000
FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def dig(top: Path, depth: int, *, name: str = "d", mode: int = 0o700) -> None:
    """Make a chain of directories, each with a file, by names that are never long."""
    top.mkdir()
    here = os.open(top, FLAGS)
    try:
        for _ in range(depth):
            os.mkdir(name, dir_fd=here)
            os.close(os.open("file", os.O_WRONLY | os.O_CREAT, 0o400, dir_fd=here))
            below = os.open(name, FLAGS, dir_fd=here)
            os.fchmod(here, mode)
            os.close(here)
            here = below
    finally:
        os.close(here)


def opened() -> set[int]:
    """Return the descriptors that are open."""
    return {int(path.name) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


@pytest.fixture
def everybodys() -> Generator[Path]:
    """Return an empty directory in which everybody may write."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        yield Path(place)


@contextmanager
def somebody(uid: int) -> Generator[None]:
    """Be another user for a moment: the superuser may do what others may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_tree_goes_however_deep_it_is(tmp_path: Path) -> None:
    dig(tmp_path / "tree", DEEP)
    await LocalFiles().remove(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.security
def test_a_tree_goes_however_long_its_paths_are(tmp_path: Path) -> None:
    dig(tmp_path / "tree", 5 * DEEPEST, name="d" * 250)
    before = opened()
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []
    assert opened() == before


@pytest.mark.security
def test_a_deep_tree_takes_few_open_files(tmp_path: Path) -> None:
    dig(tmp_path / "tree", 10 * DEEPEST)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(opened()) + DEEPEST + 10, hard))
    try:
        remove_tree(tmp_path / "tree")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.security
@pytest.mark.parametrize("mode", [0o000, 0o500, 0o300, 0o111])
def test_its_owner_gets_rid_of_it_whatever_its_rights(everybodys: Path, mode: int) -> None:
    with somebody(12345):
        dig(everybodys / "tree", 2 * DEEPEST, mode=mode)
        remove_tree(everybodys / "tree")
    assert list(everybodys.iterdir()) == []


@pytest.mark.security
def test_where_nobody_can_give_the_right_nothing_is_taken_for_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree").mkdir(0o700)
    real = os.open

    def closed(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "tree" and not flags & os.O_PATH:
            raise PermissionError(errno.EACCES, "closed")
        return real(path, flags, mode, dir_fd=dir_fd)

    def no_proc(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "no /proc")

    monkeypatch.setattr(os, "open", closed)
    monkeypatch.setattr(os, "chmod", no_proc)
    with pytest.raises(PermissionError):
        remove_tree(tmp_path / "tree")
    monkeypatch.undo()
    assert (tmp_path / "tree").is_dir()


@pytest.mark.anyio
async def test_what_cannot_be_opened_for_writing_is_an_error_and_nothing_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a").chmod(0o500)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "fchmod", refuse)
    before = opened()
    with pytest.raises(ConfigurationError, match="Operation not permitted"):
        await LocalFiles().remove(tmp_path / "tree")
    assert opened() <= before


@pytest.mark.anyio
@pytest.mark.security
async def test_who_keeps_adding_does_not_hold_it_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    real = os.rmdir

    def added(path: str, *, dir_fd: int | None = None) -> None:
        real(path, dir_fd=dir_fd)
        if path == "a":
            (tree / "a").mkdir()

    monkeypatch.setattr(os, "rmdir", added)
    monkeypatch.setattr("vsm_mcp.world.removal.MOST_ROUNDS", 5)
    with anyio.fail_after(10), pytest.raises(ConfigurationError, match="not empty"):
        await LocalFiles().remove(tree)


@pytest.mark.anyio
async def test_what_others_remove_at_the_same_time_is_no_error(tmp_path: Path) -> None:
    for _ in range(5):
        for number in range(40):
            (tmp_path / "tree" / str(number) / "below").mkdir(parents=True)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(LocalFiles().remove, tmp_path / "tree")
        assert list(tmp_path.iterdir()) == []


@settings(max_examples=30)
@given(
    paths=st.lists(
        st.lists(st.sampled_from(["a", "b", "-", "..x", "\udcff", "ü" * 80, "\n"]), min_size=1, max_size=40),
        max_size=12,
    ),
    kinds=st.lists(st.sampled_from(["file", "directory", "link", "pipe"]), min_size=12, max_size=12),
)
def test_whatever_is_in_a_tree_goes_and_what_it_links_to_stays(
    paths: list[list[str]], kinds: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("place")
    (place / "outside").mkdir()
    (place / "outside" / "kept").touch()
    (place / "tree").mkdir()
    for parts, kind in zip(paths, kinds, strict=False):
        path = place.joinpath("tree", *parts)
        try:
            if any(above.is_symlink() for above in path.parents):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path, kind, place / "outside")
        except OSError:  # it is there, something else is in its way, or it is called too long
            continue
    remove_tree(place / "tree")
    assert [*place.rglob("*")] == [place / "outside", place / "outside" / "kept"]


def _make(path: Path, kind: str, outside: Path) -> None:
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.touch(exist_ok=False)
