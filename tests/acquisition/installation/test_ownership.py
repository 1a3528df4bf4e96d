"""A state directory is only believed where nobody else can write to it, nor put another one in its place."""

import grp
import os
import pwd
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation import ownership
from vsm_mcp.acquisition.installation.ownership import PARTS, insist_on_own, insist_on_own_file
from vsm_mcp.errors import ConfigurationError

STRANGER = 12345

as_superuser = pytest.mark.skipif(
    os.geteuid() != 0, reason="allowed: only the superuser can give files to somebody else; run as root to see it"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a state directory with all its parts, below another directory."""
    state = tmp_path / "above" / "state"
    for part in PARTS:
        (state / part).mkdir(parents=True)
    return state


@pytest.mark.anyio
async def test_what_this_user_made_is_trusted_and_what_is_missing_too(place: Path) -> None:
    await insist_on_own(place)
    await insist_on_own(place / "no" / "where")
    await insist_on_own(place / "store" / ".." / ".." / "state")


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("where", [".", "..", *PARTS])
@pytest.mark.parametrize("mode", [0o777, 0o757])
async def test_where_others_may_write_nothing_is_believed(place: Path, where: str, mode: int) -> None:
    (place / where).chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"can be written to by others \(mode {mode:o}\)") as caught:
        await insist_on_own(place)
    recursive = "" if where == ".." else "-R "
    assert f"chmod {recursive}go-w {Path(os.path.normpath(place / where))}" in caught.value.remedies[0]
    assert "Settings(state=...)" in caught.value.remedies[-1]


@pytest.mark.anyio
@as_superuser
@pytest.mark.security
@pytest.mark.parametrize("where", ["..", "."])
async def test_a_group_is_others_unless_it_is_the_users_own(place: Path, where: str) -> None:
    (place / where).chmod(0o775)
    await insist_on_own(place)
    os.chown(place / where, 0, STRANGER)
    with pytest.raises(ConfigurationError, match="mode 775"):
        await insist_on_own(place)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_shared_directory_above_is_fine_where_everybody_keeps_what_is_theirs(place: Path) -> None:
    place.parent.chmod(0o1777)
    await insist_on_own(place)
    place.chmod(0o1777)
    with pytest.raises(ConfigurationError, match="can be written to by others"):
        await insist_on_own(place)


@pytest.mark.anyio
@as_superuser
@pytest.mark.security
@pytest.mark.parametrize("where", [".", "..", *PARTS])
async def test_what_belongs_to_somebody_else_is_not_believed(place: Path, where: str) -> None:
    os.chown(place / where, STRANGER, STRANGER)
    with pytest.raises(ConfigurationError, match=f"belongs to the user {STRANGER}") as caught:
        await insist_on_own(place)
    told = " ".join(caught.value.remedies)
    assert ("chown -hR 0 " in told) is (where != "..")
    assert ("where all above it belongs to this user (0)" in told) is (where == "..")


@pytest.mark.anyio
@as_superuser
@pytest.mark.security
async def test_what_the_superuser_made_is_trusted_by_everybody() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (Path(place) / "store").mkdir(0o755)
        os.seteuid(STRANGER)
        try:
            await insist_on_own(Path(place))
        finally:
            os.seteuid(0)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("where", [".", *PARTS])
async def test_neither_it_nor_its_parts_may_be_a_link(place: Path, where: str) -> None:
    (place / where).rename(place.parent / "real")
    (place if where == "." else place / where).symlink_to(place.parent / "real")
    with pytest.raises(ConfigurationError, match="is a link") as caught:
        await insist_on_own(place)
    assert "Put the directory itself there" in caught.value.remedies[0]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_link_above_is_fine_when_all_on_its_way_is_trusted(place: Path, tmp_path: Path) -> None:
    assert place == tmp_path / "above" / "state"
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "hop").symlink_to("../above")
    (tmp_path / "way").symlink_to(tmp_path / "shared" / "hop")
    await insist_on_own(tmp_path / "way" / "state")
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(ConfigurationError, match="shared is not trusted"):
        await insist_on_own(tmp_path / "way" / "state")


@pytest.mark.anyio
@pytest.mark.security
async def test_links_that_lead_nowhere_in_the_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ConfigurationError, match="leads over more than 40 links"):
        await insist_on_own(tmp_path / "a" / "state")


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
async def test_what_is_no_directory_is_refused(place: Path, make: Callable[[Path], None]) -> None:
    (place / "servers").rmdir()
    make(place / "servers")
    with pytest.raises(ConfigurationError, match="is not a directory"):
        await insist_on_own(place)


@pytest.mark.anyio
async def test_what_cannot_be_looked_at_is_refused(place: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be looked at \(File name too long\)"):
        await insist_on_own(place / ("x" * 300) / "state")


@pytest.fixture
def volume() -> Generator[Path]:
    """Return a directory as Kubernetes hands it out with fsGroup, to a process whose own group that is."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        volume = Path(place) / "volume"
        volume.mkdir()
        os.chown(volume, 0, STRANGER)
        volume.chmod(0o2775)
        os.setegid(STRANGER)
        os.seteuid(STRANGER + 1)
        try:
            yield volume
        finally:
            os.seteuid(0)
            os.setegid(0)


@pytest.mark.anyio
@as_superuser
async def test_the_group_of_this_process_alone_is_nobody_else(volume: Path) -> None:
    await insist_on_own(volume)
    await insist_on_own(volume / "state")


@pytest.mark.anyio
@as_superuser
@pytest.mark.security
@pytest.mark.parametrize("how", ["primary", "further"])
async def test_a_group_that_others_are_in_is_others_though_this_process_is_too(
    volume: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    group = STRANGER if how == "primary" else STRANGER + 2
    other = pwd.struct_passwd(("other", "x", STRANGER + 3, group, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [other])
    members = {STRANGER: grp.struct_group(("team", "x", STRANGER, ["other"]))}
    if how == "further":
        monkeypatch.setattr(grp, "getgrgid", members.__getitem__)
    with pytest.raises(ConfigurationError, match="mode 2775"):
        await insist_on_own(volume)


@pytest.mark.anyio
@as_superuser
async def test_what_to_do_about_a_volume_that_everybody_may_write_to_is_told(volume: Path) -> None:
    os.seteuid(0)
    volume.chmod(0o777)
    os.seteuid(STRANGER + 1)
    with pytest.raises(ConfigurationError, match="mode 777") as caught:
        await insist_on_own(volume)
    told = " ".join(caught.value.remedies)
    assert all(part in told for part in ("init container", "fsGroup", f"mkdir -m 0700 {volume}/vsm_mcp"))
    os.seteuid(0)
    volume.chmod(0o1777)
    os.seteuid(STRANGER + 1)
    (volume / "vsm_mcp").mkdir(0o700)
    await insist_on_own(volume / "vsm_mcp")


@pytest.mark.anyio
@as_superuser
@pytest.mark.security
@pytest.mark.parametrize(
    ("users", "fine"), [("1000 2000 1\n", True), ("0 0 4294967295\n", False), ("1000 2000 x\n", False), (None, False)]
)
async def test_above_the_owner_of_what_has_no_owner_in_this_namespace_is_trusted(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, users: str | None, fine: bool
) -> None:
    (tmp_path / "shown").write_text(f"{STRANGER}\n")
    if users is not None:
        (tmp_path / "users").write_text(users)
    monkeypatch.setattr(ownership, "_UNMAPPED", tmp_path / "shown")
    monkeypatch.setattr(ownership, "_USERS_HERE", tmp_path / "users")
    os.chown(place.parent, STRANGER, STRANGER)
    if fine:
        await insist_on_own(place)
        place.parent.chmod(0o775)  # whose group that is cannot be told either
    with pytest.raises(ConfigurationError, match="above is not trusted") as caught:
        await insist_on_own(place)
    assert "chown" not in " ".join(caught.value.remedies)
    os.chown(place.parent, 0, 0)
    os.chown(place, STRANGER, STRANGER)
    with pytest.raises(ConfigurationError, match="state is not trusted"):
        await insist_on_own(place)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_file_is_only_believed_where_nobody_else_may_write_to_it(place: Path) -> None:
    file = place / "journal"
    await insist_on_own_file(file)
    file.touch(0o600)
    await insist_on_own_file(file)
    file.chmod(0o666)
    with pytest.raises(ConfigurationError, match="journal is not trusted: it can be written to by others") as caught:
        await insist_on_own_file(file)
    assert f"chmod -R go-w {file}" in caught.value.remedies[0]
    (place / "link").symlink_to("journal")
    with pytest.raises(ConfigurationError, match="is a link"):
        await insist_on_own_file(place / "link")
    with pytest.raises(ConfigurationError, match=r"cannot be opened \(File name too long\)"):
        await insist_on_own_file(place / ("x" * 300))


@pytest.mark.anyio
@as_superuser
@pytest.mark.security
async def test_a_file_of_somebody_else_is_not_believed(place: Path) -> None:
    (place / "journal").touch(0o600)
    os.chown(place / "journal", STRANGER, STRANGER)
    with pytest.raises(ConfigurationError, match=f"belongs to the user {STRANGER}"):
        await insist_on_own_file(place / "journal")
