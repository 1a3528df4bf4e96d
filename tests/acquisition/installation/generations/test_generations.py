"""Generations: every change has a number that only grows, and names exactly what is held."""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.budget import DiskBudget
from vsm_mcp.acquisition.installation.generations.generations import ChangeKind, Generations
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.events import Event, GenerationMade, Progress
from vsm_mcp.model.server import Proven
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles

Hold = Callable[..., Awaitable[Proven]]


def names(state: Path, part: str) -> set[str]:
    return {path.name for path in (state / part).iterdir()}


def reader(store: PackageStore, rollback: Rollback) -> Installer:
    """Return what another process would read with."""
    return Installer([], store=store, rollback=rollback, files=LocalFiles())


@pytest.mark.anyio
@pytest.mark.promise("B67")
async def test_every_change_makes_a_generation_that_names_what_is_held(
    installer: Installer, hold: Hold, events: list[Event]
) -> None:
    assert await installer.generations.current() is None
    first = await hold("a", "1")
    await installer.serve(first, needs=("more",))
    second = await hold("a", "2")
    await hold("b", "1")
    await installer.remove("a")
    kept = await installer.generations.list()
    assert [one.number for one in kept] == [0, 1, 2, 3, 4, 5]
    assert [one.previous for one in kept] == [None, 0, 1, 2, 3, 4]
    assert [one.change for one in kept] == ["beginning", "acquire", "serve", "upgrade", "acquire", "release"]
    assert [[held.server for held in one.servers] for one in kept] == [[], ["a"], ["a"], ["a"], ["a", "b"], ["b"]]
    assert [event.number for event in events if isinstance(event, GenerationMade)] == [1, 2, 3, 4, 5]
    assert kept[1].servers[0].tree == kept[2].servers[0].tree == first.installed.digest
    assert kept[3].servers[0].tree == second.installed.digest
    assert kept[2].servers[0].needs == ("adding", "more")
    assert str(kept[5]).startswith("Generation 5 (2026-01-01 00:00:00 UTC): release a\n  b (file:")


@pytest.mark.anyio
@pytest.mark.parametrize("step", [timedelta(days=-400), timedelta(days=400)])
async def test_a_clock_that_jumps_changes_neither_numbers_nor_the_order_of_servers(
    installer: Installer, hold: Hold, *, clock: FakeClock, step: timedelta
) -> None:
    for name in ("c", "a", "b"):
        await hold(name)
        clock.advance(step)
    assert [record.name for record in await installer.records()] == ["c", "a", "b"]
    assert [one.number for one in await installer.generations.list()] == [0, 1, 2, 3]
    assert [record.since for record in await installer.records()] == [1, 2, 3]


@pytest.mark.anyio
async def test_only_the_newest_are_kept_and_what_only_older_ones_needed_goes_with_them(
    store: PackageStore, rollback: Rollback, hold: Hold, *, state: Path
) -> None:
    trees = [(await hold("a", str(number))).installed.digest for number in range(14)]
    installer = reader(store, rollback)
    assert await installer.generations.numbers() == tuple(range(5, 15))
    assert names(state, "store") == set(trees[4:])
    assert len(names(state, "records")) == 10
    made = await installer.prune(keep=1)
    assert made is not None
    assert (made.number, made.change) == (15, ChangeKind.PRUNE)
    assert await installer.generations.numbers() == (15,)
    assert names(state, "store") == {trees[-1]}
    assert names(state, "manifests") == {f"{trees[-1]}.json"}
    assert len(names(state, "records")) == 1
    await installer.verify((await installer.committed())[0], full=True)


@pytest.mark.anyio
async def test_nothing_is_forgotten_where_nothing_was_ever_held(installer: Installer) -> None:
    assert await installer.prune() is None
    with pytest.raises(ConfigurationError, match="0 generations"):
        await installer.prune(keep=0)


@pytest.mark.anyio
@pytest.mark.security
async def test_without_any_generation_no_record_is_believed(
    installer: Installer, hold: Hold, store: PackageStore, *, state: Path
) -> None:
    await hold("a")
    for path in (state / "generations").iterdir():
        path.unlink()
    assert await installer.records() == ()
    (broken,) = await installer.broken()
    assert (broken.path, broken.server) == (store.place("a"), "a")
    assert "is named by no generation" in broken.problem
    assert broken.remedies[0] == "Acquire a again."
    await hold("b")
    assert [[held.server for held in one.servers] for one in await installer.generations.list()] == [[], ["b"]]
    assert [record.name for record in await installer.records()] == ["b"]
    await hold("a")
    assert [record.name for record in await installer.records()] == ["b", "a"]
    assert await installer.broken() == ()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("name", ["\u0669\u0669.json", "\u00b2.json", "9" * 240 + ".json", "9.json", "-000000009.json"])
async def test_a_file_that_is_not_called_like_a_generation_is_none(
    installer: Installer, hold: Hold, *, state: Path, name: str
) -> None:
    await hold("a")
    (state / "generations" / name).write_bytes(installer.generations.path(1).read_bytes())
    assert await installer.generations.numbers() == (0, 1)
    assert [record.name for record in await installer.records()] == ["a"]


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
async def test_a_generation_that_is_no_file_makes_nothing_available_and_says_so(
    installer: Installer, hold: Hold, *, state: Path, make: Callable[[Path], None]
) -> None:
    await hold("a")
    make(state / "generations" / "0000000009.json")
    with anyio.fail_after(10):
        assert await installer.records() == ()
        (broken,) = await installer.broken()
    assert "The generation 9" in broken.problem
    assert "is not a regular file" in broken.problem


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"number": 9, "at": "2026-01-01T00:00:00Z"}', b"[" * 9999])
async def test_an_unreadable_newest_generation_makes_nothing_available_and_says_so(
    installer: Installer, hold: Hold, *, state: Path, content: bytes
) -> None:
    await hold("a")
    (state / "generations" / "0000000001.json").write_bytes(content)
    assert await installer.records() == ()
    (broken,) = await installer.broken()
    assert broken.server == "a"
    assert "generation 1" in broken.problem
    assert "Remove" in broken.remedies[0]
    with pytest.raises(IntegrityError, match="cannot be read"):
        await installer.generations.list()


@pytest.mark.anyio
async def test_while_an_older_generation_cannot_be_read_nothing_is_removed(
    store: PackageStore, rollback: Rollback, hold: Hold, *, state: Path, events: list[Event]
) -> None:
    for number in range(4):
        await hold("a", str(number))
    (state / "generations" / "0000000002.json").write_bytes(b"nonsense")
    await Installer([], store=store, rollback=rollback, files=LocalFiles(), emit=events.append).prune(keep=4)
    assert len(names(state, "store")) == 4
    assert any(isinstance(event, Progress) and "nothing is removed" in event.detail for event in events)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_generation_that_says_it_is_another_one_is_refused(
    installer: Installer, hold: Hold, state: Path
) -> None:
    await hold("a")
    (state / "generations" / "0000000007.json").write_bytes((state / "generations" / "0000000001.json").read_bytes())
    with pytest.raises(IntegrityError, match="it says that it is 1"):
        await installer.generations.current()
    assert "Generations" in repr(installer.generations)


@pytest.mark.anyio
async def test_a_generation_that_is_not_kept_is_said(state: Path) -> None:
    generations = Generations(state / "generations", LocalFiles())
    assert await generations.list() == ()
    with pytest.raises(IntegrityError, match="There is no generation 7") as caught:
        await generations.find(7)
    assert "none" in caught.value.remedies[0]
    assert "generations" in repr(generations)


@pytest.mark.anyio
@pytest.mark.promise("B60")
async def test_a_full_budget_refuses_what_is_new_and_never_a_release(
    store: PackageStore, rollback: Rollback, hold: Hold
) -> None:
    proven = await hold("a")
    small = Installer([], store=store, rollback=rollback, files=LocalFiles(), budget=DiskBudget(store_mb=0))
    with pytest.raises(InstallationError, match=r"takes \d+ MB of the 0 MB it may") as caught:
        async with rollback.transaction("acquire") as transaction:
            await small.quarantine(transaction)
    assert "prune" in caught.value.remedies[0]
    await small.serve(proven, needs=("more",))
    await small.remove("a")
    assert await small.records() == ()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_generation_that_others_can_write_to_is_not_read(installer: Installer, hold: Hold) -> None:
    await hold("a")
    installer.generations.path(1).chmod(0o606)
    for attempt in (installer.generations.current, installer.generations.list):
        with pytest.raises(ConfigurationError, match=r"1\.json is not trusted: it can be written to by others"):
            await attempt()
