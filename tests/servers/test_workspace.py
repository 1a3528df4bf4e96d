"""A host reads what a server wrote without being led astray."""

from pathlib import Path

import pytest

from vsm_mcp.errors import PayloadError
from vsm_mcp.servers.workspace import LARGEST_FILE, Workspace

SERVER = "io.example/writer"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "work")
    workspace.directory(SERVER).mkdir(parents=True)
    return workspace


@pytest.mark.anyio
async def test_a_file_that_a_server_wrote_can_be_read(workspace: Workspace) -> None:
    below = workspace.directory(SERVER) / "out"
    below.mkdir()
    (below / "deck.pptx").write_bytes(b"slides")
    assert await workspace.read(SERVER, "out/deck.pptx") == b"slides"


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("E3")
async def test_a_link_is_not_followed_at_the_end_nor_on_the_way(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_bytes(b"secret")
    (workspace.directory(SERVER) / "key").symlink_to(tmp_path / "secret" / "key")
    (workspace.directory(SERVER) / "way").symlink_to(tmp_path / "secret")
    for name in ("key", "way/key"):
        with pytest.raises(PayloadError):
            await workspace.read(SERVER, name)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("name", ["../other", "/etc/hostname", "", "a/../../b", "\0", "a/b\0"])
@pytest.mark.promise("E3")
async def test_a_path_that_leads_out_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(PayloadError):
        await workspace.read(SERVER, name)


@pytest.mark.anyio
async def test_a_directory_a_missing_file_and_a_large_one_are_errors(workspace: Workspace) -> None:
    (workspace.directory(SERVER) / "out").mkdir()
    (workspace.directory(SERVER) / "large").write_bytes(b"x" * 11)
    with pytest.raises(PayloadError, match="not a regular file"):
        await workspace.read(SERVER, "out")
    with pytest.raises(PayloadError, match="no readable file"):
        await workspace.read(SERVER, "nothing")
    with pytest.raises(PayloadError, match="larger than 10 bytes"):
        await workspace.read(SERVER, "large", limit=10)


@pytest.mark.anyio
async def test_a_file_is_not_read_into_memory_beyond_what_its_reader_allows(workspace: Workspace) -> None:
    with (workspace.directory(SERVER) / "sparse").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(PayloadError, match=f"larger than {LARGEST_FILE} bytes") as caught:
        await workspace.read(SERVER, "sparse")
    assert "limit=" in caught.value.remedies[1]
    assert len(await workspace.read(SERVER, "sparse", limit=LARGEST_FILE + 1)) == LARGEST_FILE + 1


def test_servers_with_like_names_never_share_a_directory(workspace: Workspace) -> None:
    assert workspace.directory("a/writer") != workspace.directory("b/writer")
