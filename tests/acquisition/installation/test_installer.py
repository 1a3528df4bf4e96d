"""Installing: from a candidate to a record that another process reads, and back to nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.errors import InstallationError, IntegrityError
from vsm_mcp.events import Event, Progress
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Aspect, Enforcement, Held, Level
from vsm_mcp.model.proof import Evidence, ProofLevel, Trial
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    InProcessLaunch,
    Installed,
    Launch,
    PackageRef,
    Proven,
    Resolution,
    Rung,
    StdioLaunch,
    Variable,
    Vetted,
)
from vsm_mcp.model.verdict import Finding, Permission, Severity, Verdict
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles

FINDING = Finding(check="code", code="net", severity=Severity.LOW, message="It opens sockets.")
VERDICT = Verdict(accepted=True, findings=(FINDING,), permissions=frozenset({Permission.NETWORK}), score=90)
TOOL = ToolSpec(
    name="add", input_schema={"type": "object", "properties": {"a": {"type": "integer"}}}, raw={"x": [1, None]}
)


def prove(installed: Installed) -> Proven:
    return Proven(
        installed=installed,
        tools=(TOOL,),
        evidence=Evidence(
            level=ProofLevel.CALLABLE,
            trials=(Trial(tool="add", arguments={"a": 1}, passed=True, detail="answered well", elapsed=0.5),),
        ),
        enforcement=Enforcement(
            confiner="bubblewrap",
            profile="full",
            held={Aspect.FILES: Held(requested="private", level=Level.KERNEL)},
            warnings=("none",),
        ),
    )


async def stage(installer: Installer, candidate: Candidate, transaction: Transaction) -> Installed:
    resolution = await installer.resolve(candidate, Rung())
    artefact = await installer.fetch(candidate, resolution, into=await installer.quarantine(transaction))
    return await installer.stage(Vetted(artefact=artefact, verdict=VERDICT), transaction)


async def acquire(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, needs: Sequence[str] = ("add",)
) -> Proven:
    async with rollback.transaction("acquire") as transaction:
        return await installer.commit(prove(await stage(installer, candidate, transaction)), transaction, needs=needs)


def things(state: Path) -> dict[str, int]:
    """Return how many entries each part of the state directory has."""
    parts = ("store", "staging", "servers", "manifests", "transactions")
    return {part: len(list((state / part).iterdir())) for part in parts}


@pytest.mark.anyio
@pytest.mark.promise("A23", "A31")
async def test_a_committed_server_is_found_again_by_another_process_with_all_that_is_known_of_it(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, state: Path
) -> None:
    detailed = replace(candidate, environment=(Variable(name="TOKEN", secret=True),), egress=("example.org:443",))
    proven = await acquire(installer, rollback, detailed)
    assert proven.installed.path == state / "store" / proven.installed.digest
    assert (state / "store" / proven.installed.digest / "server.py").read_text() == "print('a server')\n"
    assert things(state) == {"store": 1, "staging": 0, "servers": 1, "manifests": 1, "transactions": 0}
    other = Installer([], store=PackageStore(state, LocalFiles()), rollback=rollback, files=LocalFiles())
    (record,) = await other.records()
    assert record.proven == proven
    assert record.needs == ("add",)
    assert await other.committed() == (proven,)
    assert await other.find(detailed) == proven


@pytest.mark.anyio
async def test_a_file_server_is_started_by_its_interpreter_with_the_candidates_words(
    installer: Installer, rollback: Rollback, candidate: Candidate
) -> None:
    proven = await acquire(installer, rollback, candidate)
    assert proven.installed.launch == StdioLaunch(argv=("/usr/bin/python3", "-I", "/pkg/server.py", "-v"))


@pytest.mark.anyio
@pytest.mark.parametrize("after", ["resolve", "quarantine", "stage"])
async def test_a_failure_anywhere_leaves_nothing(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, state: Path, after: str
) -> None:
    async def fail() -> None:
        async with rollback.transaction("acquire") as transaction:
            if after == "quarantine":
                await installer.quarantine(transaction)
            if after == "stage":
                await stage(installer, candidate, transaction)
            raise InstallationError("No.")

    await installer.store.prepare()
    with pytest.raises(InstallationError, match="No"):
        await fail()
    assert sum(things(state).values()) == 0
    assert await installer.find(candidate) is None


@pytest.mark.anyio
async def test_staging_has_its_own_undo(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, state: Path, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    artefact = await installer.fetch(candidate, await installer.resolve(candidate, Rung()), into=tmp_path / "own")
    async with rollback.transaction("acquire") as transaction:
        installed = await installer.stage(Vetted(artefact=artefact, verdict=VERDICT), transaction)
        assert installed.path is not None
        assert installed.path.is_dir()
    assert sum(things(state).values()) == 0


@pytest.mark.anyio
@pytest.mark.security
async def test_a_package_that_changed_while_it_was_tried_is_not_committed(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, state: Path
) -> None:
    async def tamper() -> None:
        async with rollback.transaction("acquire") as transaction:
            installed = await stage(installer, candidate, transaction)
            assert installed.path is not None
            server = installed.path / "server.py"
            server.chmod(0o644)
            server.write_text("evil")
            await installer.commit(prove(installed), transaction)

    with pytest.raises(IntegrityError, match="changed while it was tried"):
        await tamper()
    assert sum(things(state).values()) == 0


@pytest.mark.anyio
@pytest.mark.security
async def test_a_package_that_changed_in_the_store_is_not_used_and_is_replaced_when_acquired_again(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, events: list[Event]
) -> None:
    proven = await acquire(installer, rollback, candidate)
    assert proven.installed.path is not None
    server = proven.installed.path / "server.py"
    server.chmod(0o644)
    server.write_text("evil")
    with pytest.raises(IntegrityError, match="was changed"):
        await installer.find(candidate)
    again = await acquire(installer, rollback, candidate)
    assert again == proven
    assert server.read_text() == "print('a server')\n"
    assert any(isinstance(event, Progress) and "damaged" in event.detail for event in events)
    await installer.verify(again, full=True)


@pytest.mark.anyio
async def test_two_servers_may_share_one_tree_which_goes_when_no_kept_generation_needs_it(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, state: Path
) -> None:
    await acquire(installer, rollback, candidate)
    await acquire(installer, rollback, replace(candidate, name="io.example/other"))
    assert things(state)["store"] == 1
    await installer.remove("io.example/other")
    assert things(state)["store"] == 1
    assert await installer.find(candidate)
    await installer.remove(candidate.name)
    await installer.remove(candidate.name)
    assert things(state) == {"store": 1, "staging": 0, "servers": 0, "manifests": 1, "transactions": 0}
    await installer.prune()
    assert sum(things(state).values()) == 0
    assert await installer.records() == ()


@pytest.mark.anyio
async def test_a_server_is_found_by_its_package_version_and_words(
    installer: Installer, rollback: Rollback, candidate: Candidate
) -> None:
    proven = await acquire(installer, rollback, candidate)
    version = proven.installed.vetted.artefact.resolution.package.version
    named = replace(candidate.package, version=version)
    assert await installer.find(replace(candidate, package=named)) == proven
    for other in (
        replace(candidate, package=replace(candidate.package, version="1")),
        replace(candidate, name="other", package=PackageRef(ecosystem="pypi", name="server")),
        replace(candidate, name="other", arguments=()),
    ):
        assert await installer.find(other) is None


@pytest.mark.anyio
async def test_further_needs_are_noted_once_and_the_first_date_stays(
    installer: Installer, rollback: Rollback, candidate: Candidate, *, clock: FakeClock
) -> None:
    proven = await acquire(installer, rollback, candidate)
    first = clock.now()
    clock.advance(timedelta(days=1))
    assert await installer.serve(proven, needs=("add", "multiply")) == proven
    (record,) = await installer.records()
    assert (record.needs, record.at) == (("add", "multiply"), first)


@pytest.mark.anyio
async def test_serving_what_is_not_there_fails(installer: Installer, rollback: Rollback, candidate: Candidate) -> None:
    proven = await acquire(installer, rollback, candidate)
    await installer.remove(candidate.name)
    with pytest.raises(InstallationError, match="not in the store"):
        await installer.serve(proven, needs=())


@pytest.mark.anyio
async def test_an_in_process_server_is_held_without_files(
    installer: Installer, rollback: Rollback, state: Path
) -> None:
    candidate = Candidate(
        name="calculator", source="shelf", package=PackageRef(ecosystem="memory", name="calculator"), make=object
    )
    proven = await acquire(installer, rollback, candidate)
    assert proven.installed.path is None
    assert isinstance(proven.installed.launch, InProcessLaunch)
    assert len(proven.installed.digest) == 64
    assert sum(things(state).values()) == 0
    assert await installer.find(candidate) == proven
    await installer.serve(proven, needs=("subtract",))
    (record,) = await installer.records()
    assert record.needs == ("add", "subtract")
    await installer.remove("calculator")
    assert await installer.records() == ()


@pytest.mark.anyio
@pytest.mark.promise("A22")
async def test_the_same_package_is_acquired_by_one_task_at_a_time_and_another_one_is_not_held_up(
    store: PackageStore, rollback: Rollback, candidate: Candidate
) -> None:
    other = replace(candidate, package=PackageRef(ecosystem="memory", name="other"))
    order: list[str] = []
    waits = anyio.Event()

    def hear(event: Event) -> None:
        assert isinstance(event, Progress)
        assert "waiting for another acquisition" in event.detail
        waits.set()

    installer = Installer([], store=store, rollback=rollback, files=LocalFiles(), emit=hear)

    async def second() -> None:
        async with installer.exclusively(replace(candidate, name="io.example/alias")):
            order.append("second")

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, installer.exclusively(candidate):
            tasks.start_soon(second)
            await waits.wait()
            async with installer.exclusively(other):
                order.append("first")
    assert order == ["first", "second"]


@pytest.mark.anyio
async def test_waiting_for_another_acquisition_has_an_end(
    store: PackageStore, rollback: Rollback, candidate: Candidate
) -> None:
    installer = Installer([], store=store, rollback=rollback, files=LocalFiles(), patience=0.05)
    with pytest.raises(InstallationError, match=r"did not end within 0\.05 seconds"):
        async with installer.exclusively(candidate), installer.exclusively(candidate):
            pytest.fail("held twice")


@pytest.mark.anyio
@pytest.mark.promise("A21", "A78")
async def test_a_few_are_installed_at_once_and_not_more(store: PackageStore, rollback: Rollback) -> None:
    working = 0
    most = 0
    full = anyio.Event()

    class Watching(MemoryEcosystem):
        async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
            nonlocal working, most
            working += 1
            most = max(most, working)
            if working == 3:
                full.set()
            await full.wait()
            await anyio.wait_all_tasks_blocked()
            working -= 1
            return await super().resolve(package, rung=rung)

    installer = Installer([Watching()], store=store, rollback=rollback, files=LocalFiles(), most_at_once=3)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                package = PackageRef(ecosystem="memory", name=f"server{number}")
                tasks.start_soon(installer.resolve, Candidate(name="x", source="shelf", package=package), Rung())
            for number in range(3, 7):
                package = PackageRef(ecosystem="memory", name=f"server{number}")
                tasks.start_soon(installer.resolve, Candidate(name="x", source="shelf", package=package), Rung())
    assert most == 3


@pytest.mark.anyio
async def test_an_unknown_ecosystem_is_said(installer: Installer, candidate: Candidate) -> None:
    foreign = replace(candidate, package=PackageRef(ecosystem="npm", name="x"))
    with pytest.raises(InstallationError, match="there is no ecosystem npm") as caught:
        await installer.resolve(foreign, Rung())
    assert "file" in caught.value.remedies[0]
    assert "file" in repr(installer)


@pytest.mark.anyio
async def test_what_the_machine_does_not_allow_is_a_failed_installation(
    store: PackageStore, rollback: Rollback, candidate: Candidate
) -> None:
    files = LocalFiles()
    installer = Installer(
        [FileEcosystem(files, python=Path("/usr/bin/python3"))], store=store, rollback=rollback, files=files
    )
    script = replace(candidate, package=PackageRef(ecosystem="file", name=candidate.package.name + "/x.js"))
    with pytest.raises(InstallationError, match=r"needs Node\.js") as caught:
        await installer.resolve(script, Rung())
    assert "Install Node.js" in caught.value.remedies[0]


@pytest.mark.anyio
async def test_scratch_leaves_no_trace(installer: Installer, state: Path) -> None:
    async with installer.scratch() as directory:
        (directory / "x").mkdir()
        (directory / "x").chmod(0o500)
    assert not await anyio.Path(directory).exists()
    assert not await anyio.Path(state).exists()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_package_with_a_link_out_is_refused_when_it_is_staged(
    store: PackageStore, rollback: Rollback, candidate: Candidate, *, state: Path
) -> None:
    class Evil(FileEcosystem):
        async def install(self, vetted: Vetted, *, into: Path) -> Launch:
            (into / "evil").symlink_to("/etc")
            return await super().install(vetted, into=into)

    files = LocalFiles()
    ecosystem = Evil(files, python=Path("/usr/bin/python3"))
    installer = Installer([ecosystem], store=store, rollback=rollback, files=files)
    with pytest.raises(IntegrityError, match="leads out"):
        await acquire(installer, rollback, candidate)
    assert sum(things(state).values()) == 0


@pytest.mark.anyio
@pytest.mark.security
async def test_what_is_installed_is_started_as_it_was_vetted_or_not_at_all(
    store: PackageStore, rollback: Rollback, *, candidate: Candidate, state: Path
) -> None:
    class Changing(FileEcosystem):
        async def install(self, vetted: Vetted, *, into: Path) -> Launch:
            await super().install(vetted, into=into)
            return StdioLaunch(argv=("/usr/bin/python3", "-c", "print('something else')"))

    ecosystem = Changing(LocalFiles(), python=Path("/usr/bin/python3"))
    installer = Installer([ecosystem], store=store, rollback=rollback, files=LocalFiles())
    with pytest.raises(IntegrityError, match="in another way than the one that was vetted") as caught:
        await acquire(installer, rollback, candidate)
    assert caught.value.stage == "stage"
    assert sum(things(state).values()) == 0


def test_the_artefact_of_a_record_is_where_its_files_are(store: PackageStore, candidate: Candidate) -> None:
    resolution = Resolution(package=candidate.package, integrity="sha256:0", lock="")
    artefact = Artefact(
        candidate=candidate, resolution=resolution, root=Path("/gone"), launch=StdioLaunch(argv=("/x",))
    )
    vetted = Vetted(artefact=artefact, verdict=VERDICT)
    installed = Installed(vetted=vetted, path=Path("/gone"), digest="a" * 64, launch=artefact.launch)
    settled = store.settled(prove(installed))
    assert settled.installed.path == settled.installed.vetted.artefact.root == store.tree("a" * 64)
