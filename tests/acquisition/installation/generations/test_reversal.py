"""Reversal: a plan tells what going back would cost, and going back restores exactly what was held, or nothing."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.generations.reversal import Reversal
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.workspace import Workspace

Hold = Callable[..., Awaitable[Proven]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


@pytest.fixture
def reversal(installer: Installer, rollback: Rollback, workspace: Workspace) -> Reversal:
    calls = {"a": 2, "b": 0, "c": 1}
    return Reversal(installer.holdings, rollback, workspace=workspace, open_calls=lambda: calls)


@pytest.mark.anyio
@pytest.mark.promise("B67")
async def test_the_plan_tells_who_goes_comes_and_changes_what_is_lost_and_has_no_effect(
    installer: Installer, hold: Hold, reversal: Reversal, *, workspace: Workspace
) -> None:
    await hold("a", "1", tools=("add", "sum"), needs=("adding",))
    await hold("gone", needs=("leaving",))
    await hold("a", "2", tools=("add", "minus"), needs=("adding", "subtracting"))
    await hold("b", needs=("drawing",))
    await installer.remove("gone")
    wrote = workspace.directory("b")
    wrote.mkdir(parents=True)
    (wrote / "picture").write_bytes(b"x" * 5000)
    before = await installer.generations.numbers()
    plan = await reversal.plan(2)
    assert (plan.target, plan.current, plan.possible) == (2, 5, True)
    assert [(one.server, one.then) for one in plan.gone] == [("b", None)]
    assert [(one.server, one.now) for one in plan.back] == [("gone", None)]
    (changed,) = plan.changed
    assert changed.server == "a"
    assert changed.now != changed.then
    assert (changed.tools_gained, changed.tools_lost) == (("sum",), ("minus",))
    assert plan.unserved == ("subtracting", "drawing")
    assert plan.open_calls == {"a": 2}
    (risk,) = plan.data_at_risk
    assert (risk.server, risk.path, risk.files) == ("b", str(wrote), 1)
    assert risk.size >= 5000
    assert "gone" in str(plan)
    assert await installer.generations.numbers() == before


@pytest.mark.anyio
@pytest.mark.promise("B67", "A29")
async def test_going_back_restores_exactly_what_was_held_and_says_what_is_left_to_do(
    installer: Installer, hold: Hold, reversal: Reversal
) -> None:
    await hold("a", "1")
    await hold("stays")
    then = await installer.records()
    await hold("a", "2")
    await hold("b")
    done = await reversal.rollback_to(await reversal.plan(2))
    assert await installer.records() == then
    assert [record.name for record in done.adopt] == ["a"]
    assert done.adopt[0] == then[0]
    assert done.release == ("b",)
    assert (done.generation.number, done.generation.previous, done.generation.change) == (5, 4, "rollback")
    assert done.generation.servers == (await installer.generations.find(2)).servers
    for proven in await installer.committed():
        await installer.verify(proven, full=True)
    forth = await reversal.rollback_to(4)
    assert sorted(record.name for record in forth.adopt) == ["a", "b"]
    assert forth.release == ()
    assert [record.name for record in await installer.records()] == ["a", "stays", "b"]
    back = await reversal.rollback_to(0)
    assert back.release == ("a", "b", "stays")
    assert await installer.records() == ()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("damage", ["tree", "no tree", "record", "no record"])
async def test_what_was_changed_since_is_not_gone_back_to(
    installer: Installer, hold: Hold, reversal: Reversal, *, store: PackageStore, damage: str
) -> None:
    first = await hold("a", "1")
    await hold("a", "2")
    await hold("b")
    before = await installer.records()
    tree, record = store.tree(first.installed.digest), (await installer.generations.find(1)).servers[0].record
    if damage == "tree":
        (tree / "a.py").chmod(0o644)
        (tree / "a.py").write_text("evil")
    elif damage == "no tree":
        tree.rename(tree.with_name("f" * 64))
    elif damage == "record":
        store.kept(record).write_bytes(store.kept(record).read_bytes() + b" ")
    else:
        store.kept(record).unlink()
    plan = await reversal.plan(1)
    assert not plan.possible
    assert "a: " in plan.obstacles[0]
    with pytest.raises(IntegrityError, match="Generation 1 cannot be held again: a: "):
        await reversal.rollback_to(1)
    assert await installer.records() == before


@pytest.mark.anyio
async def test_a_plan_is_carried_out_only_while_nothing_changed_since(
    installer: Installer, hold: Hold, reversal: Reversal
) -> None:
    await hold("a")
    plan = await reversal.plan(0)
    await hold("b")
    with pytest.raises(InstallationError, match="Generation 1 is not the current one any more: it is 2"):
        await reversal.rollback_to(plan)
    assert [record.name for record in await installer.records()] == ["a", "b"]


@pytest.mark.anyio
@pytest.mark.security
async def test_going_back_to_the_present_repairs_a_damaged_record(
    installer: Installer, hold: Hold, reversal: Reversal, *, store: PackageStore
) -> None:
    await hold("a")
    await hold("b")
    store.place("a").write_text("damaged")
    done = await reversal.rollback_to(2)
    assert [record.name for record in done.adopt] == ["a"]
    assert await installer.broken() == ()
    store.place("a").write_text("damaged again")
    assert (await reversal.rollback_to(0)).release == ("a", "b")
    assert await installer.broken() == ()


@pytest.mark.anyio
@pytest.mark.security
async def test_an_unreadable_newest_generation_can_be_gone_back_from(
    installer: Installer, hold: Hold, reversal: Reversal, *, store: PackageStore, state: Path
) -> None:
    await hold("a")
    await hold("b")
    (state / "generations" / "0000000002.json").write_text("damaged")
    plan = await reversal.plan(1)
    assert [one.server for one in plan.back] == ["a"]
    done = await reversal.rollback_to(1)
    assert done.generation.number == 3
    assert [record.name for record in await installer.records()] == ["a"]
    assert done.release == ("b",)
    assert await installer.broken() == ()
    assert not store.place("b").exists()


@pytest.mark.anyio
async def test_a_generation_that_is_not_kept_is_said_and_nothing_is_asked_of_nobody(
    installer: Installer, rollback: Rollback, hold: Hold, *, workspace: Workspace
) -> None:
    reversal = Reversal(installer.holdings, rollback, workspace=workspace)
    with pytest.raises(IntegrityError, match="There is no generation 3"):
        await reversal.plan(3)
    await hold("a")
    assert (await reversal.plan(0)).open_calls == {}
    assert "Reversal" in repr(reversal)


@pytest.mark.anyio
async def test_what_cannot_be_measured_is_an_error(
    hold: Hold, reversal: Reversal, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    await hold("a")
    monkeypatch.setattr("vsm_mcp.acquisition.installation.generations.reversal.measure", refuse)
    with pytest.raises(ConfigurationError, match=r"What a wrote to .* cannot be measured: Permission denied"):
        await reversal.plan(0)
