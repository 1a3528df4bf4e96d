"""Holdings: a record counts only as it was written, and one that was changed makes no other server unavailable."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.generations.change import Change
from vsm_mcp.acquisition.installation.generations.generations import ChangeKind, dump
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError, RollbackError
from vsm_mcp.model.server import Proven, StdioLaunch
from vsm_mcp.testing.faults import Crash, CrashingFiles
from vsm_mcp.world.files import LocalFiles

Hold = Callable[..., Awaitable[Proven]]


def _nonsense(path: Path) -> None:
    path.write_bytes(b"nonsense")


def _edited(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"/pkg/a.py", b"/pkg/b.py"))


def _white_space(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _gone(path: Path) -> None:
    path.unlink()


def _large(path: Path) -> None:
    path.write_bytes(b" " * 32_000_001)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("A31")
@pytest.mark.parametrize("damage", [_nonsense, _edited, _white_space, _gone, _large])
async def test_a_damaged_record_makes_its_own_server_unavailable_and_no_other(
    installer: Installer, hold: Hold, *, store: PackageStore, damage: Callable[[Path], None]
) -> None:
    for name in ("a", "b"):
        await hold(name)
    damage(store.place("a"))
    assert [record.name for record in await installer.records()] == ["b"]
    assert [proven.candidate.name for proven in await installer.committed()] == ["b"]
    (broken,) = await installer.broken()
    assert (broken.server, broken.path) == ("a", store.place("a"))
    assert str(store.place("a")) in broken.problem
    assert "Roll back to generation 2" in broken.remedies[0]
    await hold("c")
    assert [record.name for record in await installer.records()] == ["b", "c"]
    assert [one.server for one in await installer.broken()] == ["a"]
    await hold("a")
    assert await installer.broken() == ()
    assert [record.name for record in await installer.records()] == ["b", "c", "a"]


@pytest.mark.anyio
async def test_a_server_with_a_damaged_record_can_be_released(
    installer: Installer, hold: Hold, store: PackageStore
) -> None:
    await hold("a")
    _nonsense(store.place("a"))
    await installer.remove("a")
    assert await installer.broken() == ()
    current = await installer.generations.current()
    assert current is not None
    assert current.servers == ()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_record_that_nobody_committed_is_not_believed(
    installer: Installer, hold: Hold, store: PackageStore
) -> None:
    await hold("a")
    planted = store.root / "servers" / "planted.json"
    planted.write_bytes(store.place("a").read_bytes())
    (broken,) = await installer.broken()
    assert "belongs elsewhere" in broken.problem
    planted.unlink()
    (record,) = await installer.records()
    candidate = replace(record.proven.candidate, name="other")
    artefact = replace(record.proven.installed.vetted.artefact, candidate=candidate)
    vetted = replace(record.proven.installed.vetted, artefact=artefact)
    other = replace(record, proven=replace(record.proven, installed=replace(record.proven.installed, vetted=vetted)))
    store.place("other").write_bytes(store.dump(other))
    (broken,) = await installer.broken()
    assert (broken.server, "is not what generation 1 wrote" in broken.problem) == ("other", True)
    assert [record.name for record in await installer.records()] == ["a"]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_record_that_is_started_in_another_way_than_what_was_vetted_is_not_believed(
    installer: Installer, hold: Hold, store: PackageStore
) -> None:
    await hold("a")
    (record,) = await installer.records()
    launch = StdioLaunch(argv=("/usr/bin/python3", "-c", "print('planted')"))
    installed = replace(record.proven.installed, launch=launch)
    data = store.dump(replace(record, proven=replace(record.proven, installed=installed)))
    store.place("a").write_bytes(data)
    current = await installer.generations.current()
    assert current is not None
    held = current.servers[0].model_copy(update={"record": hashlib.sha256(data).hexdigest()})
    installer.generations.path(1).write_bytes(dump(current.model_copy(update={"servers": (held,)})))
    assert await installer.records() == ()
    (broken,) = await installer.broken()
    assert (broken.server, "in another way than the one that was vetted" in broken.problem) == ("a", True)


@pytest.mark.anyio
async def test_a_store_that_cannot_be_written_to_is_still_read(
    hold: Hold, store: PackageStore, rollback: Rollback
) -> None:
    class ReadOnly(LocalFiles):
        def lock(self, path: Path, *, patience: float = 0) -> "_Refusing":  # pyright: ignore[reportIncompatibleMethodOverride]
            return _Refusing(path)

    for name in ("a", "b"):
        await hold(name)
    _nonsense(store.place("a"))
    reader = Installer([], store=store, rollback=rollback, files=ReadOnly())
    assert [record.name for record in await reader.records()] == ["b"]


class _Refusing:
    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aenter__(self) -> bool:
        raise ConfigurationError(f"{self.path} cannot be used: Read-only file system.")

    async def __aexit__(self, *_: object) -> None:
        return None


@pytest.mark.anyio
async def test_who_reads_while_a_change_is_under_way_sees_it_whole(
    installer: Installer, hold: Hold, store: PackageStore, *, rollback: Rollback
) -> None:
    await hold("a")
    half = store.place("a").read_bytes()
    seen: list[list[str]] = []

    async def read() -> None:
        reader = Installer([], store=store, rollback=rollback, files=LocalFiles())
        seen.append([record.name for record in await reader.records()])

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, installer.holdings.alone():
            store.place("a").write_bytes(b"half")
            tasks.start_soon(read)
            await anyio.sleep(0.5)
            assert seen == []
            store.place("a").write_bytes(half)
    assert seen == [["a"]]


@pytest.mark.anyio
async def test_what_a_crash_left_committed_is_finished_before_anything_builds_on_it(
    installer: Installer, hold: Hold, store: PackageStore, *, state: Path
) -> None:
    await hold("a")
    dying = CrashingFiles(LocalFiles(), at=2, only=["rename"])
    dead = Installer([], store=store, rollback=Rollback(Journal(state, dying), dying), files=dying)
    (record,) = await installer.records()
    with pytest.raises(Crash):
        await dead.serve(record.proven, needs=("more",))
    await hold("b")
    kept = await installer.generations.list()
    assert [one.change for one in kept] == ["beginning", "acquire", "serve", "acquire"]
    assert (await installer.records())[0].needs == ("adding", "more")


@pytest.mark.anyio
async def test_nothing_builds_on_a_change_that_cannot_be_finished(hold: Hold, store: PackageStore, state: Path) -> None:
    class Stuck(LocalFiles):
        stuck = True

        async def rename(self, old: Path, new: Path) -> None:
            if self.stuck:
                raise ConfigurationError(f"{new} cannot be used: Permission denied.")
            await super().rename(old, new)

    await hold("a")
    files = Stuck()
    rollback = Rollback(Journal(state, files), files)
    installer = Installer([], store=store, rollback=rollback, files=files)
    with pytest.raises(RollbackError, match="Permission denied"):
        await installer.remove("a")
    again = Installer([], store=store, rollback=rollback, files=files)
    with pytest.raises(RollbackError, match="Permission denied"):
        await again.prune()
    files.stuck = False
    await rollback.recover()
    assert await installer.records() == ()
    assert [one.number for one in await installer.generations.list()] == [0, 1, 2]


@pytest.mark.anyio
@pytest.mark.parametrize("meanwhile", ["released", "upgraded"])
async def test_what_was_changed_or_released_meanwhile_is_not_overwritten(
    installer: Installer, hold: Hold, *, rollback: Rollback, meanwhile: str
) -> None:
    await hold("a", "1")
    (old,) = await installer.records()
    if meanwhile == "released":
        await installer.remove("a")
    else:
        await hold("a", "2")
    change = Change(kind=ChangeKind.SERVE, reason="late", put=(old,), replaces={"a": old.proven.installed.digest})
    before = await installer.records()
    with pytest.raises(InstallationError, match="a was changed or released meanwhile"):
        async with rollback.transaction("late") as transaction:
            await installer.holdings.commit(transaction, change)
    assert await installer.records() == before


@pytest.mark.anyio
async def test_a_tree_that_is_gone_is_not_written_down(installer: Installer, hold: Hold, store: PackageStore) -> None:
    proven = await hold("a")
    await LocalFiles().remove(store.tree(proven.installed.digest))
    with pytest.raises(IntegrityError, match="are missing from the store"):
        await installer.serve(proven, needs=("more",))
    assert "Holdings" in repr(installer.holdings)
