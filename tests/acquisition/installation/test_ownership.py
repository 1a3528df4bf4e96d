"""A state directory is only believed where nobody else can write to it, nor put another one in its place."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ownership import PARTS, insist_on_own
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
    assert f"chmod go-w {Path(os.path.normpath(place / where))}" in caught.value.remedies[0]
    assert "Settings(state=...)" in caught.value.remedies[1]


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
    assert f"chown -h{'' if where == '..' else 'R'} 0 " in caught.value.remedies[0]


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
