"""Real registries: what is published today can be resolved, fetched, installed and committed."""

import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.errors import InstallationError
from vsm_mcp.events import EgressDecided, Event
from vsm_mcp.model.server import Artefact, Candidate, Installed, PackageRef, Proven, Rung, StdioLaunch, Vetted
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.wiring.machine import Registries, make_ecosystems
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.processes import Command, LocalProcesses
from vsm_mcp.world.world import World

pytestmark = [
    pytest.mark.live,
    pytest.mark.node,
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]

_OWNER = "io.github.modelcontextprotocol"
HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"test","version":"1"}}}\n'
)


@pytest.fixture
def tmp_path() -> Generator[Path]:
    """A directory that the users of sandboxes can reach, other than the usual one."""
    with tempfile.TemporaryDirectory(prefix="vsm-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def confinement() -> Confinement:
    return Confinement.BUBBLEWRAP


@pytest.fixture
def ecosystems(confinement: Confinement, python: Path, *, state: Path, events: list[Event]) -> Sequence[Ecosystem]:
    settings, world = Settings(state=state, sandbox=confinement), World()
    return make_ecosystems(settings, world, Registries.of(world), python=python, emit=events.append)


@pytest.fixture
def installer(ecosystems: Sequence[Ecosystem], store: PackageStore, rollback: Rollback) -> Installer:
    return Installer(ecosystems, store=store, rollback=rollback, files=LocalFiles())


@pytest.mark.anyio
@pytest.mark.promise("A23")
@pytest.mark.parametrize(
    ("package", "ownership", "starts", "confinement"),
    [
        ("pypi:mcp-server-time", f"{_OWNER}/server-time", True, Confinement.BUBBLEWRAP),
        ("pypi:mcp-server-time", f"{_OWNER}/server-time", True, Confinement.NONE),
        ("pypi:office-powerpoint-mcp-server", None, False, Confinement.BUBBLEWRAP),
        ("npm:@modelcontextprotocol/server-memory", f"{_OWNER}/server-memory", True, Confinement.BUBBLEWRAP),
        ("npm:@modelcontextprotocol/server-memory", f"{_OWNER}/server-memory", True, Confinement.NONE),
    ],
)
async def test_a_published_server_is_installed_and_speaks(
    installer: Installer,
    rollback: Rollback,
    *,
    vet: Callable[[Artefact], Vetted],
    prove: Callable[[Installed], Proven],
    package: str,
    ownership: str | None,
    starts: bool,
    confinement: Confinement,
    events: Sequence[Event],
) -> None:
    candidate = Candidate(name=package, source="test", package=PackageRef.parse(package))
    resolution = await installer.resolve(candidate, Rung(before=datetime.now(UTC) - timedelta(days=7)))
    assert resolution.released is not None
    assert all(d.hashes and d.wheel and d.url is None and not d.scripts for d in resolution.dependencies)
    async with rollback.transaction("acquire") as transaction:
        artefact = await installer.fetch(candidate, resolution, into=await installer.quarantine(transaction))
        installed = await installer.stage(vet(artefact), transaction)
        proven = await installer.commit(prove(installed), transaction)
    assert artefact.resolution.ownership == ownership
    assert await installer.find(candidate) == proven
    launch, path = proven.installed.launch, proven.installed.path
    assert isinstance(launch, StdioLaunch)
    assert path is not None
    words = tuple(word.replace("/pkg", str(path)) for word in launch.argv)
    done = await LocalProcesses().run(Command(argv=words), stdin=HELLO, timeout=60)
    if starts:
        assert b'"serverInfo"' in done.stdout, done.stderr
    await installer.verify(proven, full=True)
    assert {entry.lstat().st_uid for entry in path.rglob("*")} == {os.geteuid()}
    decided = [event for event in events if isinstance(event, EgressDecided)]
    assert bool(decided) is (confinement is Confinement.BUBBLEWRAP)
    reached = {event.host for event in decided if event.allowed}
    assert not [event for event in decided if event.host not in reached]  # one that is slow is asked again


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("npm:lodash", "no MCP server in lodash"),
        ("pypi:six", "no MCP server in six"),
        ("npm:@modelcontextprotocol/server-memory@99.99.99", "no such version"),
        ("pypi:mcp-server-time@99.99", "does not exist"),
    ],
)
async def test_what_is_no_server_or_does_not_exist_is_said_to_be_so(
    installer: Installer, package: str, *, why: str
) -> None:
    candidate = Candidate(name=package, source="test", package=PackageRef.parse(package))
    with pytest.raises(InstallationError, match=why) as caught:
        async with installer.scratch() as directory:
            await installer.fetch(candidate, await installer.resolve(candidate, Rung()), into=directory)
    assert caught.value.remedies
