"""Package clients in the sandbox where it is harder: in a container, and where a private authority signs."""

import shutil
import ssl
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import trustme
import uv

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.clients.cache import ClientCache
from vsm_mcp.acquisition.installation.ecosystems.clients.cell import Cell, Refusals
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.errors import InstallationError
from vsm_mcp.events import EgressEnded, Event
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Rung, Vetted
from vsm_mcp.sandbox.linux.setup import known_binaries
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.http import HttpClient
from vsm_mcp.world.processes import LocalProcesses

# Real clients are slow to start; that sandboxes run under both back ends is shown elsewhere.
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.sandbox,
    pytest.mark.security,
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]

NPM_PACKAGE = PackageRef(ecosystem="npm", name="slides")
PYPI_PACKAGE = PackageRef(ecosystem="pypi", name="slides-mcp")
LIKE_A_CONTAINER = """#!/bin/sh
if [ "$1" = --args ] && grep -qz -- '^--proc$' "/proc/self/fd/$2"; then
    echo "bwrap: Can't mount proc on /newroot/proc: Operation not permitted" >&2
    exit 1
fi
exec {binary} "$@"
"""


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
def in_a_container(tmp_path: Path) -> tuple[Path, ...]:
    """Return the program as it is in a container that hides parts of ``/proc``: it cannot mount another."""
    program = tmp_path / "bwrap"
    program.write_text(LIKE_A_CONTAINER.format(binary=known_binaries()[0]))
    program.chmod(0o755)
    return (program,)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Make an authority that nobody knows but whoever is told of its file."""
    known = trustme.CA()
    known.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)
    return known


@pytest.fixture
def encrypted(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    """Encrypt with a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def make_cell(sandbox: Sandbox, refusals: Refusals, place: Path) -> Cell:
    return Cell(sandbox, refusals, cache=ClientCache(place / "state" / "cache" / "client"), tools=place / "tools")


def make_npm(cell: Cell) -> NpmEcosystem:
    node, program = shutil.which("node"), shutil.which("npm")
    assert node
    assert program
    processes = LocalProcesses()
    metadata = NpmRegistry(HttpClient(), processes).metadata
    return NpmEcosystem(processes, LocalFiles(), node=Path(node), npm=Path(program), metadata=metadata, cell=cell)


def make_pypi(indexes: PyPIIndexes, cell: Cell, python: Path) -> PyPIEcosystem:
    async def told() -> PyPIIndexes:
        return indexes

    return PyPIEcosystem(
        LocalProcesses(), LocalFiles(), uv=Path(uv.find_uv_bin()), python=python, indexes=told, cell=cell
    )


@pytest.mark.node
@pytest.mark.promise("A23", "A24")
async def test_both_clients_install_where_a_container_allows_the_lesser_profile_only(
    registry: object,
    package: Callable[..., None],
    wheel: Callable[..., Path],
    *,
    index: Path,
    in_a_container: tuple[Path, ...],
    python: Path,
    vet: Callable[[Artefact], Vetted],
    tmp_path: Path,
    heard: list[Event],
) -> None:
    assert registry
    refusals = Refusals(heard.append)
    sandbox = Sandbox.bubblewrap(LocalProcesses(), binaries=in_a_container, emit=refusals)
    assert (await sandbox.probe()).profile == "nested"
    cell = make_cell(sandbox, refusals, tmp_path)
    package("slides", files={"run.js": ""}, bin="run.js")
    wheel("slides-mcp", files={"slides_mcp.py": "def main():\n    pass\n"}, scripts={"slides-mcp": "slides_mcp:main"})
    known = (
        (make_npm(cell), NPM_PACKAGE, "node_modules/slides/run.js"),
        (make_pypi(PyPIIndexes(default=f"{index.as_uri()}/"), cell, python), PYPI_PACKAGE, "site/slides_mcp.py"),
    )
    for ecosystem, wanted, file in known:
        places = tmp_path / wanted.ecosystem
        (places / "quarantine").mkdir(parents=True)
        (places / "package").mkdir()
        candidate = Candidate(name=wanted.name, source="test", package=wanted)
        resolution = await ecosystem.resolve(wanted, rung=Rung())
        artefact = await ecosystem.fetch(candidate, resolution, into=places / "quarantine")
        await ecosystem.install(vet(artefact), into=places / "package")
        assert (places / "package" / file).is_file()
    ended = [event for event in heard if isinstance(event, EgressEnded)]
    assert {place.partition(":")[0] for event in ended for place in event.reached} == {"localhost"}


class TestBehindTLS:
    """The registry's certificate is one that only the user's own configuration vouches for."""

    @pytest.fixture
    def tls(self, encrypted: ssl.SSLContext) -> ssl.SSLContext:
        return encrypted

    @pytest.mark.node
    async def test_a_confined_npm_trusts_what_its_own_configuration_names_and_nothing_else(
        self,
        registry: object,
        package: Callable[..., None],
        *,
        tmp_path: Path,
        heard: list[Event],
    ) -> None:
        assert str(getattr(registry, "url", "")).startswith("https://localhost:")
        refusals = Refusals(heard.append)
        cell = make_cell(Sandbox.bubblewrap(LocalProcesses(), emit=refusals), refusals, tmp_path)
        package("slides", files={"run.js": ""}, bin="run.js")
        with pytest.raises(InstallationError, match="certificate is not trusted"):
            await make_npm(cell).resolve(NPM_PACKAGE, rung=Rung())
        (tmp_path / "npmrc").write_text(f"cafile={tmp_path}/authority.pem\n")
        npm = make_npm(cell)
        resolution = await npm.resolve(NPM_PACKAGE, rung=Rung())
        (tmp_path / "quarantine").mkdir()
        candidate = Candidate(name="slides", source="test", package=NPM_PACKAGE)
        artefact = await npm.fetch(candidate, resolution, into=tmp_path / "quarantine")
        assert (artefact.root / "run.js").is_file()

    async def test_a_confined_uv_trusts_what_its_own_configuration_names_and_nothing_else(
        self,
        registry: object,
        wheel: Callable[..., Path],
        *,
        python: Path,
        tmp_path: Path,
    ) -> None:
        made = wheel(
            "slides-mcp", files={"slides_mcp.py": "def main():\n    pass\n"}, scripts={"slides-mcp": "slides_mcp:main"}
        )
        documents: dict[str, bytes] = getattr(registry, "documents", {})
        documents["/simple/slides-mcp/"] = (made.parent / "index.html").read_bytes()
        documents[f"/simple/slides-mcp/{made.name}"] = made.read_bytes()
        refusals = Refusals(lambda _: None)
        cell = make_cell(Sandbox.bubblewrap(LocalProcesses(), emit=refusals), refusals, tmp_path)
        address = f"{getattr(registry, 'url', '')}simple/"
        with pytest.raises(InstallationError, match="certificate is not trusted"):
            await make_pypi(PyPIIndexes(default=address), cell, python).resolve(PYPI_PACKAGE, rung=Rung())
        ecosystem = make_pypi(PyPIIndexes(default=address, cafile=f"{tmp_path}/authority.pem"), cell, python)
        resolution = await ecosystem.resolve(PYPI_PACKAGE, rung=Rung())
        (tmp_path / "quarantine").mkdir()
        candidate = Candidate(name="slides", source="test", package=PYPI_PACKAGE)
        artefact = await ecosystem.fetch(candidate, resolution, into=tmp_path / "quarantine")
        assert (artefact.root / "slides_mcp.py").is_file()
