"""A tree of files: what may be in one, and that every change shows in its digest."""

import os
import socket
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.installation import tree
from vsm_mcp.errors import InstallationError, IntegrityError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "package"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (root / "bin" / "run").chmod(0o700)
    (root / "data").write_bytes(b"12345")
    (root / "link").symlink_to("bin/run")
    return root


def test_a_sealed_tree_is_read_only_and_readable_for_everybody(root: Path) -> None:
    tree.seal(root)
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*") if not path.is_symlink()}
    assert modes == {"bin": 0o555, "run": 0o555, "data": 0o444}
    assert stat.S_IMODE(root.stat().st_mode) == 0o755


def test_equal_trees_have_equal_digests_wherever_they_are_and_whenever_they_were_made(
    root: Path, tmp_path: Path
) -> None:
    first = tree.seal(root)
    other = tmp_path / "other"
    (other / "bin").mkdir(parents=True)
    (other / "link").symlink_to("bin/run")
    (other / "data").write_bytes(b"12345")
    (other / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (other / "bin" / "run").chmod(0o755)
    os.utime(other / "data", (1, 1))
    assert tree.seal(other) == first == tree.digest(root)


def _content(root: Path) -> None:
    (root / "data").write_bytes(b"12346")


def _mode(root: Path) -> None:
    (root / "data").chmod(0o555)


def _name(root: Path) -> None:
    (root / "data").rename(root / "datb")


def _more(root: Path) -> None:
    (root / "empty").mkdir(0o555)


def _less(root: Path) -> None:
    (root / "data").unlink()


def _link(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("data")


CHANGES = [_content, _mode, _name, _more, _less, _link]


@pytest.mark.security
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_the_digest_and_shows_in_the_manifest(root: Path, change: Callable[[Path], None]) -> None:
    before = tree.seal(root)
    known = tree.manifest(root)
    assert tree.unchanged(root, known)
    (root / "data").chmod(0o644)
    (root / "data").chmod(0o444)
    change(root)
    assert tree.digest(root) != before
    assert not tree.unchanged(root, known)


def test_moving_content_between_files_changes_the_digest(tmp_path: Path) -> None:
    digests: set[str] = set()
    for number, (first, second) in enumerate([(b"ab", b"c"), (b"a", b"bc"), (b"", b"abc")]):
        root = tmp_path / str(number)
        root.mkdir()
        (root / "1").write_bytes(first)
        (root / "2").write_bytes(second)
        digests.add(tree.seal(root))
    assert len(digests) == 3


def test_a_manifest_that_makes_no_sense_or_a_missing_tree_is_a_change(root: Path, tmp_path: Path) -> None:
    assert not tree.unchanged(root, b"nonsense")
    assert not tree.unchanged(tmp_path / "nowhere", tree.manifest(root))


def _absolute(root: Path) -> None:
    (root / "evil").symlink_to("/etc/passwd")


def _climbing(root: Path) -> None:
    (root / "evil").symlink_to("../../outside")


def _indirect(root: Path) -> None:
    (root / "up").symlink_to(".")
    (root / "evil").symlink_to("up/../../outside")


def _pipe(root: Path) -> None:
    os.mkfifo(root / "evil")


def _socket(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(root)
        listener.bind("evil")


def _setuid(root: Path) -> None:
    (root / "evil").touch()
    (root / "evil").chmod(0o4755)


def _setgid(root: Path) -> None:
    (root / "evil").touch()
    (root / "evil").chmod(0o2755)


def _shared(root: Path) -> None:
    (root.parent / "outside").touch()
    (root / "evil").hardlink_to(root.parent / "outside")


def _case(root: Path) -> None:
    (root / "evil").touch()
    (root / "EVIL").touch()


def _unicode(root: Path) -> None:
    (root / "evil\u00e9").touch()
    (root / "evile\u0301").touch()


EVILS = [_absolute, _climbing, _indirect, _pipe, _socket, _setuid, _setgid, _shared]


@pytest.mark.security
@pytest.mark.parametrize("evil", EVILS)
@pytest.mark.promise("A51")
def test_what_must_not_be_in_a_package_is_refused(
    root: Path, evil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    evil(root)
    with pytest.raises(IntegrityError, match="evil") as caught:
        tree.seal(root)
    assert caught.value.remedies
    with pytest.raises(IntegrityError):
        tree.digest(root)


@pytest.mark.security
@pytest.mark.parametrize("evil", [_case, _unicode])
def test_names_that_other_file_systems_take_for_one_are_refused(root: Path, evil: Callable[[Path], None]) -> None:
    evil(root)
    with pytest.raises(IntegrityError, match=r"differs from .* only in case or Unicode"):
        tree.seal(root)


@pytest.mark.security
def test_directories_that_never_end_are_refused(root: Path) -> None:
    known = tree.manifest(root)
    deep = root.joinpath(*("d" * 120))
    deep.mkdir(parents=True)
    for look in (tree.seal, tree.digest, tree.manifest):
        with pytest.raises(IntegrityError, match="deeper than 100 levels"):
            look(root)
    assert not tree.unchanged(root, known)


@given(st.lists(st.text(alphabet="aAbB\u00e9\u0065\u0301", min_size=1, max_size=3), max_size=6))
def test_names_pass_exactly_when_no_two_fold_to_one(names: list[str]) -> None:
    folded = {unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()) for name in names}
    noted = tree.Names()
    try:
        for name in names:
            noted.add(PurePosixPath(name))
    except IntegrityError:
        assert len(folded) < len(names)
    else:
        assert len(folded) == len(names)


def test_a_link_to_nowhere_inside_is_harmless(root: Path) -> None:
    (root / "dangling").symlink_to("bin/nothing")
    tree.seal(root)


def test_too_many_files_or_bytes_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_FILES", 3)
    with pytest.raises(InstallationError, match="more than 3 files"):
        tree.seal(root)
    monkeypatch.setattr(tree, "MOST_FILES", 100)
    monkeypatch.setattr(tree, "LARGEST_TREE", 10)
    with pytest.raises(InstallationError, match="10 bytes"):
        tree.seal(root)
