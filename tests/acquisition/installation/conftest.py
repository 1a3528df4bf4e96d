"""What the tests of installing share: a state directory with its parts, and one server file."""

from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.events import Event
from vsm_mcp.model.server import Candidate, PackageRef
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
