"""What the tests of installing share: a state directory with its parts, and one server file."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.events import Event
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel, Trial
from vsm_mcp.model.server import Candidate, Installed, PackageRef, Proven, Rung, Vetted
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles


@pytest.fixture
def files() -> LocalFiles:
    return LocalFiles()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def journal(state: Path, files: LocalFiles) -> Journal:
    return Journal(state, files)


@pytest.fixture
def rollback(journal: Journal, files: LocalFiles, events: list[Event]) -> Rollback:
    return Rollback(journal, files, events.append)


@pytest.fixture
def store(state: Path, files: LocalFiles) -> PackageStore:
    return PackageStore(state, files)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def installer(store: PackageStore, rollback: Rollback, *, clock: FakeClock, events: list[Event]) -> Installer:
    files = LocalFiles()
    return Installer(
        [FileEcosystem(files, python=Path("/usr/bin/python3")), MemoryEcosystem()],
        store=store,
        rollback=rollback,
        files=files,
        clock=clock,
        emit=events.append,
    )


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    server = tmp_path / "server.py"
    server.write_text("print('a server')\n")
    return Candidate(
        name="io.example/server",
        source="shelf",
        package=PackageRef(ecosystem="file", name=str(server)),
        arguments=("-v",),
    )


def proven(installed: Installed, tools: Sequence[str] = ("add",)) -> Proven:
    """Return an installed server as if it had proven itself."""
    trial = Trial(tool=tools[0], arguments={"a": 1}, passed=True, detail="answered well", elapsed=0.5)
    return Proven(
        installed=installed,
        tools=tuple(ToolSpec(name=name) for name in tools),
        evidence=Evidence(level=ProofLevel.CALLABLE, trials=(trial,)),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


Hold = Callable[..., Awaitable[Proven]]


@pytest.fixture
def hold(installer: Installer, rollback: Rollback, tmp_path: Path) -> Hold:
    """Return what acquires a server of this name whose file has this content: ``await hold("a", "1")``."""

    async def acquire(
        name: str, content: str = "1", *, tools: Sequence[str] = ("add",), needs: Sequence[str] = ("adding",)
    ) -> Proven:
        file = tmp_path / f"{name}.py"
        file.write_text(f"print({content!r})\n")
        wanted = Candidate(name=name, source="shelf", package=PackageRef(ecosystem="file", name=str(file)))
        known = next((record for record in await installer.records() if record.name == name), None)
        resolution = await installer.resolve(wanted, Rung())
        async with rollback.transaction(f"acquire {name}") as transaction:
            artefact = await installer.fetch(wanted, resolution, into=await installer.quarantine(transaction))
            staged = await installer.stage(Vetted(artefact=artefact, verdict=Verdict(accepted=True)), transaction)
            return await installer.commit(proven(staged, tools), transaction, needs=needs, replaces=known)

    return acquire
