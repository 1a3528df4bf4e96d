"""The lock: what was held is held again to the byte on a fresh machine, or it is refused."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.lock.comparison import Standing
from vsm_mcp.acquisition.verification import Verifier
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.clearance import Go
from vsm_mcp.errors import AcquisitionError, CapabilityMissingError, ConfigurationError, IntegrityError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Dependency,
    Installed,
    PackageRef,
    Resolution,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.settings.settings import Confinement

PROGRAM = Path(__file__).parent / "tool_server.py"
COUNT = Operation(needs="count words", arguments={"text": "what a system does"})
TOOLS = {"count_words": "Count the words of a text."}


def write(file: Path, tools: Mapping[str, str] = TOOLS, more: str = "") -> Path:
    """Write a server file."""
    nature = json.dumps(json.dumps({"tools": tools}))
    text = PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})")
    file.write_text(text.replace('\n\nif __name__ == "__main__"', f'{more}\n\nif __name__ == "__main__"'))
    return file


def system(
    root: Path, state: str = "state", *, lock: bool = False, offline: bool = False, policy: Policy | None = None
) -> ViableSystem:
    offered = Shelf()
    for name in ("counter", "speller"):
        file = root / f"{name}.py"
        offered.offer_file(file if file.exists() else write(file), summary="Counts the words of a text.")
    settings = Settings(
        state=root / state,
        autonomy=Autonomy.AUTO,
        sandbox=Confinement.NONE,
        lock=root / "vsm.lock" if lock else None,
        offline=offline,
    )
    return ViableSystem(settings, shelf=offered, policy=policy or Policy(allow=("file:*",)))


async def locked(root: Path) -> Path:
    """Hold one server and lock it."""
    async with system(root, offline=True) as vsm:
        await vsm.acquire_capability("count words", "counter")
        return await vsm.save_lock(root / "vsm.lock")


@pytest.mark.anyio
async def test_what_is_locked_is_held_again_in_a_fresh_state_and_compares_equal(tmp_path: Path) -> None:
    lock = await locked(tmp_path)
    written = lock.read_bytes()
    async with system(tmp_path, "fresh", lock=True, offline=True) as vsm:
        before = await vsm.compare_lock()
        assert (before.same, before.servers["counter"].standing) == (False, Standing.MISSING)
        await vsm.acquire_capability("count words", "counter")
        assert (await vsm.execute(COUNT)).server == "counter"
        after = await vsm.compare_lock()
        assert after.same, after
        assert after.servers["counter"].standing is Standing.SAME
        assert await vsm.save_lock() == lock
    again, first = json.loads(lock.read_text()), json.loads(written)
    assert again.keys() == first.keys()


@pytest.mark.anyio
@pytest.mark.security
async def test_with_a_lock_nothing_else_is_acquired(tmp_path: Path) -> None:
    await locked(tmp_path)
    async with system(tmp_path, "fresh", lock=True, offline=True) as vsm:
        with pytest.raises(AcquisitionError, match="is not in the lock"):
            await vsm.acquire_capability("count words", "speller")
        assert not vsm.status().servers
        await vsm.acquire_capability("count words", "counter")
        with pytest.raises(AcquisitionError, match="is not in the lock"):
            await vsm.acquire_capability("spell words", "speller")
    assert not list((tmp_path / "fresh" / "staging").iterdir())


@pytest.mark.anyio
@pytest.mark.security
async def test_with_a_lock_nothing_newer_is_taken_and_nothing_else_is_tried(tmp_path: Path) -> None:
    await locked(tmp_path)
    write(tmp_path / "counter.py", more="\n\nTHIS = 'is new'\n")
    async with system(tmp_path, lock=True, offline=True) as vsm:
        (step,) = [step async for step in vsm.upgrade()]
        assert step.verdict not in {"upgraded", "current"}
        assert "is not the one that was locked" in " ".join(step.reasons)
        assert (await vsm.compare_lock()).same
        assert (await vsm.execute(COUNT)).server == "counter"
        for server, reason in (("speller", "is not in the lock"), ("counter", "is not the one that was locked")):
            report = await vsm.test_server(server)
            assert not report.works
            assert reason in (report.reason or "")
            assert report.tools == ()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_lock_that_was_edited_by_hand_is_refused_at_every_door(tmp_path: Path) -> None:
    lock = await locked(tmp_path)
    good = lock.read_text()
    for old, new in (("count_words", "erase_words"), ("counter.py", "speller.py"), ('"', "'"), (good, "")):
        lock.write_text(good.replace(old, new))
        with pytest.raises(IntegrityError):
            async with system(tmp_path, "fresh", lock=True, offline=True):
                pass
        async with system(tmp_path) as vsm:
            with pytest.raises(IntegrityError):
                await vsm.compare_lock(lock)
    lock.unlink()
    with pytest.raises(ConfigurationError):
        async with system(tmp_path, "fresh", lock=True, offline=True):
            pass
    async with system(tmp_path) as vsm:
        with pytest.raises(ConfigurationError):
            await vsm.compare_lock(lock)
        assert (await vsm.execute(COUNT)).server == "counter"


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("A23")
async def test_a_file_or_what_it_says_that_is_not_as_locked_is_refused_before_it_is_held(tmp_path: Path) -> None:
    """The same bytes that say something else are another server as well: here they read a mark beside the state."""
    says = f"\n\nif Path({str(tmp_path / 'mark')!r}).exists():\n    NATURE['tools']['more'] = 'More.'\n"
    write(tmp_path / "counter.py", more=says)
    await locked(tmp_path)
    (tmp_path / "mark").touch()
    async with system(tmp_path, "fresh", lock=True, offline=True) as vsm:
        with pytest.raises(IntegrityError, match="it says other things about itself"):
            await vsm.acquire_capability("count words", "counter")
        assert not vsm.status().servers
        (tmp_path / "mark").unlink()
        write(tmp_path / "counter.py", more=f"{says}\n\nTHIS = 'is new'\n")
        with pytest.raises(IntegrityError, match="is not the one that was locked"):
            await vsm.acquire_capability("count words", "counter")
        assert not vsm.status().servers
        assert [one.number for one in await vsm.generations()] in ([], [0])
    assert not list((tmp_path / "fresh" / "staging").iterdir())


@pytest.mark.anyio
async def test_what_is_held_and_differs_from_the_lock_is_told(tmp_path: Path) -> None:
    await locked(tmp_path)
    async with system(tmp_path, offline=True) as vsm:
        await vsm.acquire_capability("spell words", "speller")
        both = await vsm.compare_lock(tmp_path / "vsm.lock")
        assert not both.same
        assert {name: one.standing for name, one in both.servers.items()} == {
            "counter": Standing.SAME,
            "speller": Standing.UNLOCKED,
        }
        write(tmp_path / "counter.py", more="\n\nTHIS = 'is new'\n")
        assert [step.verdict async for step in vsm.upgrade("counter")] == ["upgraded"]
        changed = (await vsm.compare_lock(tmp_path / "vsm.lock")).servers["counter"]
        assert changed.standing is Standing.DIFFERENT
        assert any("the package is" in words for words in changed.differs)


@pytest.mark.anyio
@pytest.mark.security
async def test_what_is_held_and_not_locked_is_not_used_until_the_lock_is_written_anew(tmp_path: Path) -> None:
    await locked(tmp_path)
    async with system(tmp_path, offline=True) as vsm:
        await vsm.acquire_capability("spell words", "speller")
    needs = ["counter.count_words", "speller.count_words"]
    call = ToolCall(server="speller", tool="count_words", arguments={"text": "a"})
    async with system(tmp_path, lock=True, offline=True) as vsm:
        assert (await vsm.execute(COUNT)).server == "counter"
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.guarded.call(call)
        clearance = await vsm.preflight(needs)
        assert [cleared.go for cleared in clearance.needs] == [Go.GO, Go.OPERATOR]
        assert "save_lock()" in clearance.needs[1].remedy
        await vsm.save_lock()
    async with system(tmp_path, lock=True, offline=True) as vsm:
        assert (await vsm.preflight(needs)).go is Go.GO
        assert (await vsm.parts.guarded.call(call)).complaint is None


@pytest.mark.anyio
@pytest.mark.security
async def test_while_a_lock_is_in_force_nothing_is_approved_that_it_does_not_pin(tmp_path: Path) -> None:
    nature = "\n\nif starts() > 1:\n    NATURE['tools'].update(erase_words='Erase the words of a text.')\n"
    write(tmp_path / "counter.py", more=nature)
    await locked(tmp_path)
    call = ToolCall(server="counter", tool="count_words", arguments={"text": "one two"})
    async with system(tmp_path, offline=True) as vsm:
        await vsm.parts.guarded.call(call)
    async with system(tmp_path, lock=True, offline=True) as vsm:
        await vsm.parts.guarded.call(call)
        found = vsm.quarantined("counter")
        assert found is not None
        with pytest.raises(IntegrityError, match="cannot be approved while a lock is in force") as refusal:
            await vsm.approve_tools("counter", found)
        assert "write the lock anew" in refusal.value.remedies[0]
        assert vsm.quarantined("counter") == found
    async with system(tmp_path, offline=True) as vsm:
        await vsm.parts.guarded.call(call)
        found = vsm.quarantined("counter")
        assert found is not None
        await vsm.approve_tools("counter", found)
        assert vsm.quarantined("counter") is None


def unpack(tree: Path) -> None:
    """Put a package there as the client of its registry would."""
    own, described = tree / "site" / "word_server", tree / "site" / "word_server-2.0.dist-info"
    own.mkdir(parents=True)
    described.mkdir()
    write(own / "serve.py")
    write(tree / "start.py")
    (own / "__init__.py").write_text('"""Words."""\n')
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: word-server\nVersion: 2.0\n")
    names = ("word_server/__init__.py", "word_server/serve.py", "word_server-2.0.dist-info/METADATA")
    (described / "RECORD").write_text("".join(f"{name},,\n" for name in names))


def vetted_words(python: str, root: Path) -> Vetted:
    package, hashes = PackageRef(ecosystem="pypi", name="word-server", version="2.0"), ("sha256:" + "0" * 64,)
    resolution = Resolution(
        package=package,
        integrity=hashes[0],
        lock="word-server==2.0\n",
        released=datetime(2024, 1, 1, tzinfo=UTC),
        dependencies=(Dependency(name="word-server", version="2.0", hashes=hashes),),
    )
    candidate = Candidate(name="io.example/words", source="registry", package=package, summary="Counts words.")
    launch = StdioLaunch(argv=(python, "-I", "/pkg/start.py"))
    artefact = Artefact(candidate=candidate, resolution=resolution, root=root, launch=launch)
    return Vetted(artefact=artefact, verdict=Verdict(accepted=True))


async def hold_published(vsm: ViableSystem) -> None:
    """Hold a server as if it had come from a registry: nothing of it is on this machine but its tree in the store."""
    parts = vsm.parts
    launch = (await parts.installer.committed())[0].installed.launch
    assert isinstance(launch, StdioLaunch)
    async with parts.rollback.transaction("acquire") as transaction:
        store = parts.installer.holdings.store
        place = store.staging(transaction.identity) / "package"
        unpack(place)
        digest, vetted = await store.seal(place), vetted_words(launch.argv[0], place)
        installed = Installed(vetted=vetted, path=place, digest=digest, launch=vetted.artefact.launch)
        async with parts.spawner.trial(installed) as running:
            proven = await Verifier().prove(running)
        await parts.installer.commit(proven, transaction, needs=("count words",))


@pytest.mark.anyio
@pytest.mark.security
async def test_offline_a_published_server_is_held_again_from_its_tree_and_from_nothing_else(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "counter")
        await hold_published(vsm)
        await vsm.save_lock(tmp_path / "vsm.lock")
        (tree,) = [one.tree for one in (await vsm.generations())[-1].servers if one.server == "io.example/words"]
    policy = Policy(allow=("pypi:word-server",))
    async with system(tmp_path, "fresh", lock=True, offline=True, policy=policy) as vsm:
        with pytest.raises(AcquisitionError, match=r"its files \(\w+\) are not on this machine"):
            await vsm.acquire_capability("count words", "io.example/words")
        shutil.copytree(tmp_path / "state" / "store" / tree, tmp_path / "fresh" / "store" / tree)
        await vsm.acquire_capability("count words", "io.example/words")
        assert (await vsm.execute(COUNT)).server == "io.example/words"
        assert (await vsm.compare_lock()).servers["io.example/words"].standing is Standing.SAME
