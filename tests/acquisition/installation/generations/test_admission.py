"""Admission: a name stays with its package, and the budget holds for all who share a store."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.generations.admission import Budget
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore, Record
from vsm_mcp.errors import PolicyError, VettingError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import Candidate, Installed, PackageRef, Proven, Rung, Vetted
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles

PLENTY = Budget(servers=100, acquisitions_per_day=100)


class Process:
    """One process that acquires into a store."""

    def __init__(self, root: Path, allowed: Budget = PLENTY, clock: FakeClock | None = None) -> None:
        files = LocalFiles()
        self.root, self.state = root, root / "state"
        self.store = PackageStore(self.state, files)
        self.rollback = Rollback(Journal(self.state, files), files)
        self.installer = Installer(
            [FileEcosystem(files, python=Path("/usr/bin/python3")), MemoryEcosystem()],
            store=self.store,
            rollback=self.rollback,
            files=files,
            clock=clock or FakeClock(),
            allowed=allowed,
        )

    def candidate(self, name: str, *, file: str | None = None, arguments: tuple[str, ...] = ()) -> Candidate:
        path = self.root / f"{file or name}.py"
        path.write_text(f"print({path.name!r})\n")
        package = PackageRef(ecosystem="file", name=str(path))
        return Candidate(name=name, source="shelf", package=package, arguments=arguments)

    async def acquire(self, candidate: Candidate, *, replaces: Record | None = None) -> Proven:
        resolution = await self.installer.resolve(candidate, Rung())
        async with self.rollback.transaction(f"acquire {candidate.name}") as transaction:
            into = await self.installer.quarantine(transaction)
            artefact = await self.installer.fetch(candidate, resolution, into=into)
            vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
            staged = await self.installer.stage(vetted, transaction)
            return await self.installer.commit(shown(staged), transaction, needs=("printing",), replaces=replaces)

    async def held(self) -> list[str]:
        return [record.name for record in await self.installer.records()]


def shown(installed: Installed) -> Proven:
    return Proven(
        installed=installed,
        tools=(ToolSpec(name="print"),),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


def in_process(name: str) -> Candidate:
    package = PackageRef(ecosystem="memory", name=name)
    return Candidate(name=name, source="shelf", package=package, make=lambda: memory_server({"length": len}))


@pytest.mark.anyio
@pytest.mark.security
async def test_two_processes_together_do_not_hold_more_than_the_budget(tmp_path: Path) -> None:
    refused: list[str] = []

    async def acquire(process: Process, name: str) -> None:
        try:
            await process.acquire(process.candidate(name))
        except PolicyError as error:
            refused.append(error.message)

    processes = [Process(tmp_path, Budget(servers=2)) for _ in range(2)]
    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(acquire, processes[number % 2], f"server{number}")
    assert [len(await process.held()) for process in processes] == [2, 2]
    assert refused == ["2 servers are held and the budget allows 2."] * 2
    assert list((tmp_path / "state" / "staging").iterdir()) == []
    assert len(list((tmp_path / "state" / "store").iterdir())) == 2


@pytest.mark.anyio
@pytest.mark.security
async def test_what_other_processes_acquired_within_a_day_counts_when_a_server_is_written_down(tmp_path: Path) -> None:
    clock = FakeClock()
    one, other = (Process(tmp_path, Budget(acquisitions_per_day=1), clock) for _ in range(2))
    await one.acquire(one.candidate("a"))
    with pytest.raises(PolicyError, match="1 servers were acquired within a day"):
        await other.acquire(other.candidate("b"))
    clock.advance(timedelta(hours=25))
    await other.acquire(other.candidate("b"))
    assert await one.held() == ["a", "b"]


@pytest.mark.anyio
async def test_an_upgrade_needs_no_place_and_what_is_in_process_does(tmp_path: Path) -> None:
    process = Process(tmp_path, Budget(servers=2))
    await process.acquire(in_process("words"))
    await process.acquire(process.candidate("a"))
    (_, record) = await process.installer.records()
    await process.acquire(process.candidate("a"), replaces=record)
    for late in (process.candidate("b"), in_process("more")):
        with pytest.raises(PolicyError, match="2 servers are held"):
            await process.acquire(late)
    assert await process.held() == ["words", "a"]
    await process.installer.remove("words")
    await process.acquire(process.candidate("b"))


@pytest.mark.anyio
@pytest.mark.security
async def test_another_package_does_not_take_the_place_of_a_server_by_its_name(tmp_path: Path) -> None:
    process = Process(tmp_path)
    good = await process.acquire(process.candidate("a"))
    for other in (process.candidate("a", file="evil"), in_process("a")):
        for attempt in (process.installer.find, process.acquire):
            with pytest.raises(VettingError, match=f"a is held already as file:.*a.py.*, and this is {other.package}"):
                await attempt(other)
    with pytest.raises(VettingError, match="held already with other arguments") as caught:
        await process.acquire(process.candidate("a", arguments=("--serve-me",)))
    assert "Release it first" in caught.value.remedies[0]
    assert "release_capability('a')" in caught.value.remedies[0]
    assert await process.installer.committed() == (good,)
    await process.installer.remove("a")
    await process.acquire(in_process("a"))
    with pytest.raises(VettingError, match="held already as memory:a"):
        await process.acquire(process.candidate("a"))


@pytest.mark.anyio
@pytest.mark.security
async def test_neither_an_upgrade_nor_a_new_need_changes_the_package_of_a_name(tmp_path: Path) -> None:
    process = Process(tmp_path)
    await process.acquire(process.candidate("a"))
    (record,) = await process.installer.records()
    with pytest.raises(VettingError, match="a is held already as file"):
        await process.acquire(process.candidate("a", file="evil"), replaces=record)
    assert (await process.installer.records()) == (record,)


@pytest.mark.anyio
@pytest.mark.security
async def test_of_two_packages_that_come_under_one_name_at_once_one_is_refused(tmp_path: Path) -> None:
    process, other = Process(tmp_path), Process(tmp_path)
    refused: list[str] = []

    async def acquire(process: Process, candidate: Candidate) -> None:
        try:
            await process.acquire(candidate)
        except VettingError as error:
            refused.append(error.message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(acquire, process, process.candidate("a"))
        tasks.start_soon(acquire, other, other.candidate("a", file="evil"))
    assert len(refused) == 1
    assert await process.held() == ["a"]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_server_with_a_damaged_record_keeps_its_name_until_it_is_released(tmp_path: Path) -> None:
    process = Process(tmp_path)
    await process.acquire(process.candidate("a"))
    process.store.place("a").write_bytes(b"nonsense")
    evil = process.candidate("a", file="evil")
    with pytest.raises(VettingError, match=r"a is held already as file:.*a\.py"):
        await process.acquire(evil)
    await process.acquire(process.candidate("a"))
    assert await process.held() == ["a"]
    process.store.place("a").write_bytes(b"nonsense")
    await process.installer.remove("a")
    await process.acquire(evil)
    (record,) = await process.installer.records()
    assert replace(record.proven.candidate, summary="") == evil
