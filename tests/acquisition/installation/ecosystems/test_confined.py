"""Package clients in the sandbox: they work, reach the configured registry and nothing else, and leave plain files."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
import uv

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmPackage, NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.client import PackageClient
from vsm_mcp.acquisition.installation.ecosystems.clients.cache import ClientCache
from vsm_mcp.acquisition.installation.ecosystems.clients.cell import Cell, Refusals
from vsm_mcp.acquisition.installation.ecosystems.clients.passing import PREFIX
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError, LinkError
from vsm_mcp.events import EgressDecided, EgressEnded, Event, EventSink, Progress
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Rung, Vetted
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.machine import Cells
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.http import HttpClient
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.world import World

# Real clients are slow to start; that sandboxes run under both back ends is shown elsewhere.
pytestmark = [pytest.mark.sandbox, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

MakeWheel = Callable[..., Path]
MakePackage = Callable[..., None]
Vet = Callable[[Artefact], Vetted]
NPM_PACKAGE = PackageRef(ecosystem="npm", name="slides")
PYPI_PACKAGE = PackageRef(ecosystem="pypi", name="slides-mcp")


@pytest.fixture
def tmp_path() -> Generator[Path]:
    """A directory that the users of sandboxes can reach, other than the usual one."""
    with tempfile.TemporaryDirectory(prefix="vsm-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def cell(tmp_path: Path, heard: list[Event]) -> Cell:
    return make_cell(tmp_path, heard.append)


@pytest.fixture
def npm(registry: object, cell: Cell, heard: list[Event]) -> NpmEcosystem:
    assert registry
    node, program = shutil.which("node"), shutil.which("npm")
    assert node
    assert program
    processes = LocalProcesses()
    metadata = NpmRegistry(HttpClient(), processes).metadata
    return NpmEcosystem(
        processes,
        LocalFiles(),
        node=Path(node),
        npm=Path(program),
        metadata=metadata,
        emit=heard.append,
        cell=cell,
    )


def make_cell(place: Path, emit: EventSink, *, package_mb: int = 1000) -> Cell:
    refusals = Refusals(emit)
    sandbox = Sandbox.bubblewrap(LocalProcesses(), emit=refusals)
    cache = ClientCache(place / "state" / "cache" / "client", most_mb=package_mb)
    return Cell(sandbox, refusals, cache=cache, tools=place / "tools", package_mb=package_mb)


def pypi(address: str, cell: Cell, python: Path, *, heard: list[Event]) -> PyPIEcosystem:
    async def indexes() -> PyPIIndexes:
        return PyPIIndexes(default=address)

    return PyPIEcosystem(
        LocalProcesses(),
        LocalFiles(),
        uv=Path(uv.find_uv_bin()),
        python=python,
        indexes=indexes,
        timeout=60,
        emit=heard.append,
        cell=cell,
    )


def places(root: Path) -> tuple[Path, Path]:
    """Make what a transaction makes: a directory for what is not vetted, and one for what is."""
    (root / "quarantine").mkdir(0o700)
    (root / "package").mkdir(0o755)
    return root / "quarantine", root / "package"


def owners(root: Path) -> set[int]:
    return {path.lstat().st_uid for path in root.rglob("*")} | {root.stat().st_uid}


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.security
@pytest.mark.promise("A23", "A24")
async def test_a_confined_npm_installs_from_the_configured_registry_and_what_it_wrote_belongs_to_this_user(
    npm: NpmEcosystem, package: MakePackage, *, vet: Vet, tmp_path: Path, heard: list[Event]
) -> None:
    mark = tmp_path / "ran"
    package("helper", files={"index.js": "module.exports = 'helped';"})
    package(
        "slides",
        files={"run.js": "console.log(require('helper'));"},
        bin="run.js",
        dependencies={"helper": "1"},
        scripts={"postinstall": f"touch {mark}"},
    )
    quarantine, into = places(tmp_path)
    candidate = Candidate(name="slides", source="npm", package=NPM_PACKAGE)
    resolution = await npm.resolve(NPM_PACKAGE, rung=Rung())
    artefact = await npm.fetch(candidate, resolution, into=quarantine)
    await npm.install(vet(artefact), into=into)
    assert (into / "node_modules" / "helper" / "index.js").read_text() == "module.exports = 'helped';"
    assert sorted(path.name for path in into.iterdir()) == ["node_modules", "package.json"]
    assert owners(into) | owners(quarantine) == {os.geteuid()}
    assert into.stat().st_mode & 0o777 == 0o755
    assert not mark.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(PREFIX)) == []
    ended = [event for event in heard if isinstance(event, EgressEnded)]
    assert {place.partition(":")[0] for event in ended for place in event.reached} == {"localhost"}
    assert [event.refused for event in ended] == [0, 0, 0]
    assert [event.detail.partition(":")[0] for event in heard if isinstance(event, Progress)][::2] == [
        "resolving", "fetching", "installing",
    ]  # fmt: skip


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.security
async def test_a_registry_that_sends_npm_elsewhere_is_named_with_the_host_and_the_bytes_do_not_come(
    npm: NpmEcosystem, package: MakePackage, registry: object, *, vet: Vet, tmp_path: Path, heard: list[Event]
) -> None:
    package("helper", files={"index.js": ""})
    package("slides", files={"run.js": ""}, bin="run.js", dependencies={"helper": "1"})
    documents: dict[str, bytes] = getattr(registry, "documents", {})
    elsewhere = documents["/helper"].replace(b"127.0.0.1", b"files.example.test")
    candidate = Candidate(name="slides", source="npm", package=NPM_PACKAGE)
    documents["/helper"] = elsewhere
    resolution = await npm.resolve(NPM_PACKAGE, rung=Rung())
    quarantine, into = places(tmp_path)
    artefact = await npm.fetch(candidate, resolution, into=quarantine)
    with pytest.raises(InstallationError, match=r"sent the package client to files\.example\.test") as caught:
        await npm.install(vet(artefact), into=into)
    assert any("configure that host" in remedy for remedy in caught.value.remedies)
    refused = [event for event in heard if isinstance(event, EgressDecided) and not event.allowed]
    assert {event.host for event in refused} == {"files.example.test"}
    assert "npm:slides@1.0.0" in refused[0].subject


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.security
async def test_a_token_reaches_the_registry_and_is_neither_among_the_words_nor_left_behind(
    npm: NpmEcosystem,
    package: MakePackage,
    registry: object,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heard: list[Event],
) -> None:
    package("slides", files={"run.js": ""}, bin="run.js")
    url = str(getattr(registry, "url", ""))
    monkeypatch.setenv("NPM_TOKEN_FOR_TEST", "not-a-real-token")
    npmrc = tmp_path / "npmrc"
    npmrc.write_text(
        f"; mine\n//{url.removeprefix('http://')}:_authToken=${{NPM_TOKEN_FOR_TEST}}\n//other.test/:_authToken=other\n"
    )
    await npm.resolve(NPM_PACKAGE, rung=Rung())
    logins: list[str] = getattr(registry, "logins", [])
    assert "Bearer not-a-real-token" in logins
    assert not any("not-a-real-token" in str(event) for event in heard)
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"not-a-real-token" in path.read_bytes() for path in kept)


@pytest.mark.anyio
@pytest.mark.security
async def test_a_confined_uv_installs_from_an_index_on_this_machine_without_any_network(
    wheel: MakeWheel,
    index: Path,
    cell: Cell,
    *,
    python: Path,
    vet: Vet,
    tmp_path: Path,
    heard: list[Event],
) -> None:
    wheel("helper", files={"helper.py": "WORD = 'helped'\n"})
    wheel(
        "slides-mcp",
        files={"slides_mcp.py": "def main():\n    return 3\n"},
        requires=("helper",),
        scripts={"slides-mcp": "slides_mcp:main"},
    )
    ecosystem = pypi(f"{index.as_uri()}/", cell, python, heard=heard)
    candidate = Candidate(name="slides", source="pypi", package=PYPI_PACKAGE)
    quarantine, into = places(tmp_path)
    resolution = await ecosystem.resolve(PYPI_PACKAGE, rung=Rung())
    artefact = await ecosystem.fetch(candidate, resolution, into=quarantine)
    await ecosystem.install(vet(artefact), into=into)
    assert (into / "site" / "helper.py").exists()
    assert sorted(path.name for path in into.iterdir()) == ["requirements.lock", "site", "start.py"]
    assert owners(into) | owners(quarantine) == {os.geteuid()}
    assert not any(isinstance(event, EgressDecided | EgressEnded) for event in heard)
    wrong = replace(resolution, integrity="sha256:" + "0" * 64)
    with pytest.raises(IntegrityError, match="not the one that was pinned"):
        await ecosystem.fetch(candidate, wrong, into=tmp_path / "again")


@pytest.mark.anyio
@pytest.mark.security
async def test_an_index_that_sends_uv_elsewhere_is_named_with_the_host(
    registry: object, cell: Cell, *, python: Path, heard: list[Event]
) -> None:
    name = "slides_mcp-1.0-py3-none-any.whl"
    page = f'<a href="http://files.example.test/{name}#sha256={"0" * 64}">{name}</a>'
    documents: dict[str, bytes] = getattr(registry, "documents", {})
    documents["/simple/slides-mcp/"] = page.encode()
    url = str(getattr(registry, "url", ""))
    ecosystem = pypi(f"{url}simple/", cell, python, heard=heard)
    with pytest.raises(InstallationError, match=r"sent the package client to files\.example\.test"):
        await ecosystem.resolve(PYPI_PACKAGE, rung=Rung())


@pytest.mark.anyio
@pytest.mark.security
async def test_a_cancelled_client_is_gone_at_once_with_all_it_started_and_nothing_is_left(
    registry: object, tmp_path: Path, *, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = anyio.Event()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def hear(event: Event) -> None:
        if isinstance(event, EgressDecided):
            asking.set()

    ecosystem = pypi(f"{getattr(registry, 'url', '')}hang/", make_cell(tmp_path, hear), python, heard=[])
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def resolve() -> None:
                await ecosystem.resolve(PYPI_PACKAGE, rung=Rung())

            tasks.start_soon(resolve)
            await asking.wait()
            assert _running("uv")
            tasks.cancel_scope.cancel()
    assert not _running("uv")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.anyio
@pytest.mark.security
async def test_a_client_that_takes_too_long_or_too_much_is_ended_and_the_limit_named(
    cell: Cell, tmp_path: Path
) -> None:
    client = PackageClient(LocalProcesses(), timeout=1.0, cell=cell)
    async with client.workplace(tmp_path / "into") as place:
        with pytest.raises(InstallationError, match=r"did not end within 1 seconds") as caught:
            await client.run(("/bin/sleep", "60"), cwd=place.home, subject="x", doing="resolving")
    assert any("VSM_MCP_INSTALL_TIMEOUT" in remedy for remedy in caught.value.remedies)
    async with client.workplace(tmp_path / "into") as place:
        words = ("/bin/sh", "-c", "ln -s /etc/passwd out/link")
        with pytest.raises(IntegrityError, match="neither a file nor a directory"):
            await client.run(words, cwd=place.home, subject="x", doing="resolving")
    assert not list(tmp_path.glob(f"{PREFIX}*"))


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        ("head -c 10000001 /dev/zero", InstallationError, "wrote more than 10000000 bytes to stdout"),
        ("head -c 60000000 /dev/zero >large; sleep 30", InstallationError, r"was ended \(disk\)"),
        ("cd out; i=0; while mkdir d && cd d; do i=$((i+1)); [ $i -lt 102 ] || exit 0; done", IntegrityError, "deeper"),
    ],
)
async def test_what_a_client_may_say_and_write_is_bounded(
    tmp_path: Path, script: str, kind: type[InstallationError], *, message: str
) -> None:
    client = PackageClient(LocalProcesses(), timeout=20, cell=make_cell(tmp_path, lambda _: None, package_mb=20))
    async with client.workplace(tmp_path / "into") as place:
        with pytest.raises(kind, match=message) as caught:
            await client.run(("/bin/sh", "-c", script), cwd=place.home, subject="x", doing="resolving")
    assert caught.value.remedies or kind is IntegrityError
    assert not list(tmp_path.glob(f"{PREFIX}*"))


@pytest.mark.anyio
@pytest.mark.security
async def test_a_client_that_cannot_be_confined_does_not_run(tmp_path: Path) -> None:
    refusals = Refusals(lambda _: None)
    cell = Cell(Sandbox.bubblewrap(LocalProcesses(), binaries=()), refusals)
    client = PackageClient(LocalProcesses(), cell=cell)
    assert not client.keeps
    assert await client.reach(Path("/bin/true")) == Path("/bin/true")
    async with client.workplace(tmp_path / "into") as place:
        with pytest.raises(InstallationError, match="could not be confined, so it did not run") as caught:
            await client.run(("/bin/sh", "-c", "touch mark"), cwd=place.home, subject="x", doing="resolving")
        assert not (place.home / "mark").exists()
    assert any("bubblewrap" in remedy for remedy in caught.value.remedies)


@pytest.mark.anyio
async def test_an_npm_that_cannot_be_confined_is_said_to_be_so(cell: Cell) -> None:
    async def unknown(name: str, version: str | None) -> NpmPackage:
        raise LinkError(f"{name}@{version} is unknown.")

    def npm(node: Path | None, program: Path) -> NpmEcosystem:
        return NpmEcosystem(LocalProcesses(), LocalFiles(), node=node, npm=program, metadata=unknown, cell=cell)

    with pytest.raises(ConfigurationError, match="needs node"):
        await npm(None, Path("/bin/sh")).resolve(NPM_PACKAGE, rung=Rung())
    with pytest.raises(ConfigurationError, match="is not npm itself"):
        await npm(Path("/bin/sh"), Path("/bin/sh")).resolve(NPM_PACKAGE, rung=Rung())


def test_without_confinement_clients_have_no_cell(tmp_path: Path, anyio_backend: str) -> None:
    assert anyio_backend
    settings: Mapping[str, object] = {"state": tmp_path, "sandbox": "none"}
    assert Cells.of(Settings.model_validate(settings), World()) == Cells()


def _running(name: str) -> list[Path]:
    """Return the processes of a program that this process started, itself or through others."""
    found: list[Path] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = entry.joinpath("cmdline").read_bytes().split(b"\0")
            if Path(os.fsdecode(words[0])).name == name and _below_this(entry):
                found.append(entry)
    return found


def _below_this(entry: Path) -> bool:
    number = int(entry.name)
    while number > 1:
        number = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        if number == os.getpid():
            return True
    return False
