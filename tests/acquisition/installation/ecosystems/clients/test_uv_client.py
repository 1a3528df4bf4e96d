"""uv as a client: what a run asks of indexes before it may go anywhere, and what it does when they do not answer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.resolvers.files import PyPIFile
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.clients.benches import Workplace
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import Given
from vsm_mcp.acquisition.installation.ecosystems.clients.uv_client import MOST_KNOWN, UvClient
from vsm_mcp.errors import DiscoveryError
from vsm_mcp.model.server import PackageRef
from vsm_mcp.world.processes import Completed


class Recorder:
    """Runs nothing; knows what it was given."""

    confined = True
    keeps = True

    def __init__(self) -> None:
        self.given: list[Given] = []

    def knows(self, *names: str) -> bool:
        return not names

    async def reach(self, program: Path) -> Path:
        return program

    @asynccontextmanager
    async def workplace(self, into: Path | None = None) -> AsyncGenerator[Workplace]:
        yield Workplace(home=Path("/"), out=Path("/"), shown="/work", shown_out="/work/out", into=into)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        subject: str,
        doing: str,
        defaults: Mapping[str, str] | None = None,
        given: Given | None = None,
    ) -> Completed:
        assert argv
        assert (cwd.is_absolute(), bool(subject), doing, defaults) == (True, True, "resolving", None)
        assert given
        self.given.append(given)
        return Completed(returncode=0, stdout=b"", stderr=b"")


class Index:
    """Lists one wheel for every project that it knows."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def indexes(self) -> PyPIIndexes:
        return PyPIIndexes(default="http://localhost:8/simple/", extra=("https://localhost/",))

    async def files(self, name: str) -> Mapping[str, tuple[PyPIFile, ...]]:
        self.asked.append(name)
        if name == "unknown":
            raise DiscoveryError("There is no such project.")
        file = PyPIFile(filename="a.whl", version="1", wheel=True, url="https://files.example.net/a.whl")
        return {"1": (file, file)}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("D21")
async def test_an_index_is_asked_once_for_the_hosts_of_a_project_and_few_answers_are_kept(tmp_path: Path) -> None:
    runner, index = Recorder(), Index()
    client = UvClient(
        runner, uv=Path("/usr/bin/uv"), python=Path("/usr/bin/python3"), indexes=index.indexes, listed=index.files
    )
    home = Workplace(home=tmp_path, out=tmp_path, shown="/work", shown_out="/work/out")

    async def run(name: str) -> tuple[str, ...]:
        package = PackageRef(ecosystem="pypi", name=name)
        await client.run("compile", (), home, package=package, doing="resolving")
        return runner.given[-1].egress.allow

    registries = ("localhost:8", "localhost:443")
    assert await run("slides") == (*registries, "files.example.net:443")
    assert await run("unknown") == registries
    await run("slides")
    assert index.asked == ["slides", "unknown"]
    for number in range(MOST_KNOWN):
        await run(f"other-{number}")
    await run("slides")
    assert index.asked.count("slides") == 2
    assert "localhost:8" in (tmp_path / "indexes.txt").read_text()
