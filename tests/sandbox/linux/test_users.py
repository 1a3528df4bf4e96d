"""As root a sandbox runs under a user that nobody uses, and owns its directory; otherwise nothing changes."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.linux.users import UNCLAIMED, choose_user, hand_over

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root may give files away")


@pytest.fixture
def work() -> Generator[Path]:
    path = Path(tempfile.mkdtemp(prefix="vsm-users-"))
    yield path
    shutil.rmtree(path)


def be(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)


def test_an_ordinary_user_stays_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, 1000)
    assert choose_user(None, None, ()) is None
    assert choose_user(1000, None, ()) is None
    with pytest.raises(SandboxError, match="Only root may run a server as user 1001"):
        choose_user(1001, None, ())


@pytest.mark.security
def test_root_takes_a_number_that_nobody_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, 0)
    taken: list[int] = []
    for _ in range(5):
        user = choose_user(None, None, taken)
        assert user is not None
        assert user in UNCLAIMED
        assert user not in taken
        with pytest.raises(KeyError):
            pwd.getpwuid(user)
        taken.append(user)


def test_root_takes_the_number_that_the_policy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, 0)
    assert choose_user(1234, None, ()) == 1234


def test_numbers_that_have_names_or_are_not_mapped_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, 0)
    named = pwd.getpwuid(0)

    def known(_: int) -> pwd.struct_passwd:
        return named

    monkeypatch.setattr(pwd, "getpwuid", known)
    with pytest.raises(SandboxError, match="is free to run a sandbox under") as caught:
        choose_user(None, None, ())
    assert caught.value.remedies


@only_root
def test_a_number_that_runs_something_is_left_alone() -> None:
    first = choose_user(None, None, ())
    assert first is not None
    child = os.fork()
    if child == 0:
        os.setuid(first)
        os.kill(os.getpid(), 19)
        os._exit(0)
    try:
        os.waitpid(child, os.WUNTRACED)
        assert choose_user(None, None, ()) != first
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@only_root
def test_a_directory_is_given_with_all_that_is_in_it(work: Path) -> None:
    (work / "folder").mkdir()
    (work / "folder" / "file").write_text("x")
    (work / "link").symlink_to("/etc/hostname")
    before = Path("/etc/hostname").stat().st_uid
    hand_over(work, UNCLAIMED[0])
    paths = (work, work / "folder", work / "folder" / "file", work / "link")
    assert {path.lstat().st_uid for path in paths} == {UNCLAIMED[0]}
    assert Path("/etc/hostname").stat().st_uid == before
    hand_over(work, UNCLAIMED[0])
    assert choose_user(None, work, ()) == UNCLAIMED[0]
    hand_over(work, UNCLAIMED[1])
    assert (work / "folder" / "file").stat().st_uid == UNCLAIMED[1]


@only_root
@pytest.mark.security
def test_what_belongs_to_somebody_else_is_not_taken_from_them(work: Path) -> None:
    (work / "file").touch()
    os.chown(work / "file", 1000, 1000)
    with pytest.raises(SandboxError, match="belongs to user 1000"):
        hand_over(work, UNCLAIMED[0])
    (work / "file").unlink()
    os.chown(work, 1000, 1000)
    with pytest.raises(SandboxError, match="belongs to user 1000"):
        hand_over(work, UNCLAIMED[0])
    assert work.stat().st_uid == 1000


@only_root
@pytest.mark.security
def test_a_file_with_a_second_name_is_not_given_away(work: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    os.link(tmp_path / "precious", work / "innocent")
    with pytest.raises(SandboxError, match="second name"):
        hand_over(work, UNCLAIMED[0])
    assert (tmp_path / "precious").stat().st_uid == 0


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be given"):
        hand_over(tmp_path / "missing", UNCLAIMED[0])
