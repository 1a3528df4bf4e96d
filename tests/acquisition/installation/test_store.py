"""The store: what is in it is what was put there, and its records survive the process."""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.store import LARGEST_RECORD, PackageStore
from vsm_mcp.errors import ConfigurationError, IntegrityError
from vsm_mcp.world.files import LocalFiles


def modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in (directory, *directory.iterdir())}


def link(path: Path) -> None:
    path.symlink_to("/dev/zero")


async def put(store: PackageStore) -> str:
    """Put a tree with one file in its place."""
    await store.prepare()
    staged = store.staging("1") / "package"
    staged.mkdir(parents=True)
    (staged / "file").write_text("1")
    digest = await store.seal(staged)
    manifest = await store.describe(staged)
    await LocalFiles().rename(staged, store.tree(digest))
    await LocalFiles().write(store.manifest(digest), manifest)
    return digest


@pytest.mark.anyio
async def test_what_servers_read_is_open_and_the_rest_is_not(store: PackageStore, state: Path) -> None:
    await store.prepare()
    assert modes(state) == {
        "state": 0o755,
        "store": 0o755,
        "staging": 0o755,
        "servers": 0o700,
        "records": 0o700,
        "generations": 0o700,
        "manifests": 0o700,
        "locks": 0o700,
    }


@pytest.mark.anyio
async def test_an_unchanged_tree_passes_both_checks(store: PackageStore) -> None:
    digest = await put(store)
    await store.verify(digest)
    await store.verify(digest, full=True)


@pytest.mark.anyio
async def test_a_copied_tree_with_other_times_passes_after_one_full_check(store: PackageStore) -> None:
    digest = await put(store)
    known = store.manifest(digest).read_bytes()
    file = store.tree(digest) / "file"
    file.chmod(0o644)
    file.chmod(0o444)
    await store.verify(digest)
    assert store.manifest(digest).read_bytes() != known
    store.manifest(digest).unlink()
    await store.verify(digest)
    assert store.manifest(digest).exists()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("full", [True, False])
async def test_a_changed_tree_is_refused(store: PackageStore, *, full: bool) -> None:
    digest = await put(store)
    file = store.tree(digest) / "file"
    file.chmod(0o644)
    file.write_text("2")
    file.chmod(0o444)
    with pytest.raises(IntegrityError, match="was changed after it was installed") as caught:
        await store.verify(digest, full=full)
    assert caught.value.remedies


@pytest.mark.anyio
async def test_a_missing_tree_is_refused(store: PackageStore) -> None:
    digest = await put(store)
    await LocalFiles().remove(store.tree(digest))
    with pytest.raises(IntegrityError, match="missing"):
        await store.verify(digest)


@pytest.mark.security
@pytest.mark.parametrize("digest", ["../../etc", "", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_only_a_digest_names_a_tree(store: PackageStore, digest: str) -> None:
    with pytest.raises(IntegrityError, match="not a digest"):
        store.tree(digest)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"proven": 1, "at": "now"}', b"[" * 100_000, b" " * (LARGEST_RECORD + 1)]
)
async def test_a_record_that_cannot_be_read_is_told_and_raises_nothing(
    store: PackageStore, state: Path, content: bytes
) -> None:
    await store.prepare()
    (state / "servers" / "x.json").write_bytes(content)
    (stored,) = await store.stored()
    assert stored.path == state / "servers" / "x.json"
    assert stored.record is None
    assert "cannot be read" in stored.problem


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, link])
async def test_what_is_no_file_in_the_place_of_a_record_is_told_and_nobody_waits_for_it(
    store: PackageStore, state: Path, make: Callable[[Path], None]
) -> None:
    await store.prepare()
    make(state / "servers" / "x.json")
    with anyio.fail_after(10):
        (stored,) = await store.stored()
    assert stored.record is None
    assert "is not a regular file" in stored.problem or "is a link" in stored.problem


@pytest.mark.anyio
@pytest.mark.security
async def test_what_others_could_have_put_into_the_store_is_not_looked_at(store: PackageStore, state: Path) -> None:
    await store.prepare()
    (state / "servers").chmod(0o777)
    for attempt in (store.stored, store.prepare):
        with pytest.raises(ConfigurationError, match="servers is not trusted"):
            await attempt()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_record_that_others_can_write_to_is_none(store: PackageStore, state: Path) -> None:
    await store.prepare()
    (state / "servers" / "x.json").write_text("{}")
    (state / "servers" / "x.json").chmod(0o606)
    (stored,) = await store.stored()
    assert "x.json is not trusted: it can be written to by others (mode 606)" in stored.problem


@pytest.mark.anyio
async def test_other_files_beside_the_records_are_no_records(store: PackageStore, state: Path) -> None:
    assert await store.stored() == ()
    await store.prepare()
    (state / "servers" / ".x.json.1234.tmp").touch()
    (state / "servers" / ".x.json").touch()
    (state / "servers" / "notes.txt").touch()
    assert await store.stored() == ()


@pytest.mark.anyio
async def test_a_record_that_vanishes_while_it_is_looked_for_is_none(state: Path) -> None:
    class Vanishing(LocalFiles):
        async def entries(self, path: Path) -> tuple[str, ...]:
            return ("gone.json",)

    assert await PackageStore(state, Vanishing()).stored() == ()


@pytest.mark.anyio
async def test_what_nobody_needs_is_known(store: PackageStore) -> None:
    digest = await put(store)
    useless = await store.unreferenced(trees=(), records=())
    assert useless == [store.tree(digest), store.manifest(digest)]
    assert await store.unreferenced(trees=[digest], records=()) == []


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("content", [None, b"{}", b" " * (LARGEST_RECORD + 1)])
async def test_a_kept_record_that_is_gone_or_changed_is_refused(store: PackageStore, content: bytes | None) -> None:
    await store.prepare()
    if content is not None:
        store.kept("a" * 64).write_bytes(content)
    with pytest.raises(IntegrityError, match=r"is missing|cannot be read"):
        await store.read_kept("a" * 64)


def test_the_directory_that_others_may_not_enter_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    store = PackageStore(closed / "state", LocalFiles())
    found = store.obstacle()
    assert found is not None
    assert closed.is_relative_to(found)
    for path in (closed, *closed.parents):
        if not path.stat().st_mode & 0o001 and path.is_relative_to(tmp_path.parents[2]):
            path.chmod(path.stat().st_mode | 0o001)
    assert store.obstacle() is None
    assert "closed" in repr(store)


@pytest.mark.anyio
async def test_a_tree_that_cannot_be_read_is_a_configuration_error(store: PackageStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        await store.seal(tmp_path / "nowhere")
