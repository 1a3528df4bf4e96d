"""PyPI: wheels only, pinned, started by a small program, with nothing of them run on the way."""

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import uv

from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.pypi import PyPIEcosystem
from vsm_mcp.errors import InstallationError, IntegrityError
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Resolution, Rung, StdioLaunch, Vetted
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses

MakeWheel = Callable[..., Path]
Vet = Callable[[Artefact], Vetted]
SERVER = "import sys\ndef main():\n    import helper\n    print(sys.argv, helper.WORD)\n    return 3\n"
PACKAGE = PackageRef(ecosystem="pypi", name="slides-mcp")
CANDIDATE = Candidate(name="io.example/slides", source="pypi", package=PACKAGE, arguments=("--work", "/work"))


class Recording(LocalProcesses):
    """Processes that remember what they ran."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        self.commands.append(command)
        return await super().run(command, timeout=timeout, stdin=stdin, limit=limit)


@pytest.fixture
def processes() -> Recording:
    return Recording()


def ecosystem(
    index: Path, processes: LocalProcesses, extra: tuple[str, ...] = (), *, main_last: bool = False
) -> PyPIEcosystem:
    async def indexes() -> PyPIIndexes:
        cafile = "/nowhere/certificates.pem"
        return PyPIIndexes(default=f"{index.as_uri()}/", extra=extra, main_last=main_last, cafile=cafile)

    return PyPIEcosystem(
        processes, LocalFiles(), uv=Path(uv.find_uv_bin()), python=Path(sys.executable), indexes=indexes
    )


@pytest.fixture
def pypi(index: Path, processes: Recording) -> PyPIEcosystem:
    return ecosystem(index, processes)


@pytest.fixture
def slides(wheel: MakeWheel) -> Path:
    """Publish a server with one dependency, and two versions of that."""
    for version in ("1.0", "2.0"):
        wheel("helper", version, files={"helper.py": f"WORD = 'helper {version}'\n"})
    return wheel(
        "slides-mcp",
        files={"slides_mcp/__init__.py": SERVER},
        requires=("helper",),
        scripts={"slides-mcp": "slides_mcp:main"},
        readme="A server.\n\n<!-- mcp-name: io.example/slides -->\n",
        author="Ada",
    )


@pytest.mark.anyio
async def test_resolving_pins_every_wheel_and_leaves_nothing(pypi: PyPIEcosystem, slides: Path) -> None:
    resolution = await pypi.resolve(PACKAGE, rung=Rung())
    digest = hashlib.sha256(slides.read_bytes()).hexdigest()
    assert resolution.package == replace(PACKAGE, version="1.0")
    assert resolution.integrity == f"sha256:{digest}"
    assert {(d.name, d.version, d.wheel, d.url) for d in resolution.dependencies} == {
        ("slides-mcp", "1.0", True, None),
        ("helper", "2.0", True, None),
    }
    assert all(len(dependency.hashes) == 1 for dependency in resolution.dependencies)
    assert f"slides-mcp==1.0 \\\n    --hash=sha256:{digest}\n" in resolution.lock
    assert "file:" not in resolution.lock


@pytest.mark.anyio
async def test_a_constraint_and_an_exact_version_are_kept(pypi: PyPIEcosystem, slides: Path) -> None:
    assert slides.exists()
    exact = replace(PACKAGE, version="1.0")
    resolution = await pypi.resolve(exact, rung=Rung(constraints=("helper<2",)))
    assert ("helper", "1.0") in {(d.name, d.version) for d in resolution.dependencies}


@pytest.mark.anyio
async def test_a_fetched_package_shows_its_claims_and_brings_no_dependencies(
    pypi: PyPIEcosystem, slides: Path, tmp_path: Path
) -> None:
    assert slides.exists()
    resolution = await pypi.resolve(PACKAGE, rung=Rung())
    artefact = await pypi.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    assert artefact.resolution.ownership == "io.example/slides"
    assert artefact.resolution.publisher == "Ada"
    assert (artefact.root / "slides_mcp" / "__init__.py").read_text() == SERVER
    assert not (artefact.root / "helper.py").exists()
    assert artefact.launch == StdioLaunch(argv=(sys.executable, "-I", "/pkg/start.py", "--work", "/work"))


@pytest.mark.anyio
async def test_an_installed_package_starts_from_wherever_it_is(
    pypi: PyPIEcosystem, slides: Path, *, tmp_path: Path, vet: Vet
) -> None:
    assert slides.exists()
    resolution = await pypi.resolve(PACKAGE, rung=Rung())
    artefact = await pypi.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    (tmp_path / "pkg").mkdir()
    launch = await pypi.install(vet(artefact), into=tmp_path / "pkg")
    assert launch == artefact.launch
    await anyio.Path(tmp_path / "pkg").rename(tmp_path / "elsewhere")
    done = await LocalProcesses().run(
        Command(argv=(sys.executable, "-I", str(tmp_path / "elsewhere" / "start.py"), "-x")), timeout=30
    )
    assert done.stdout == b"['slides-mcp', '-x'] helper 2.0\n", done.stderr
    assert done.returncode == 3


@pytest.mark.anyio
@pytest.mark.security
async def test_nothing_of_a_package_runs_before_it_is_started_not_even_a_pth_file(
    pypi: PyPIEcosystem, wheel: MakeWheel, *, tmp_path: Path, vet: Vet
) -> None:
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w').close()\n"
    wheel(
        "slides-mcp",
        files={"evil.pth": f"import os; {evil}", "slides_mcp/__init__.py": evil + SERVER, "sitecustomize.py": evil},
        scripts={"run": "slides_mcp:main"},
    )
    resolution = await pypi.resolve(PACKAGE, rung=Rung())
    artefact = await pypi.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    (tmp_path / "pkg").mkdir()
    await pypi.install(vet(artefact), into=tmp_path / "pkg")
    assert not mark.exists()
    (tmp_path / "pkg" / "site" / "slides_mcp" / "__init__.py").write_text("def main(): pass\n")
    done = await LocalProcesses().run(
        Command(argv=(sys.executable, "-I", str(tmp_path / "pkg" / "start.py"))), timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert not mark.exists()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_package_that_exists_as_source_only_is_refused_and_never_built(
    pypi: PyPIEcosystem, sdist: MakeWheel, tmp_path: Path
) -> None:
    sdist("slides-mcp", tmp_path / "built")
    with pytest.raises(InstallationError, match="source only") as caught:
        await pypi.resolve(PACKAGE, rung=Rung())
    assert caught.value.remedies
    assert not (tmp_path / "built").exists()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("phase", ["fetch", "install"])
async def test_other_bytes_than_pinned_are_an_integrity_error(
    pypi: PyPIEcosystem, slides: Path, *, tmp_path: Path, phase: str
) -> None:
    assert slides.exists()
    resolution = await pypi.resolve(PACKAGE, rung=Rung())
    lock = re.sub(r"sha256:\w+", "sha256:" + "0" * 64, resolution.lock)
    wrong = replace(resolution, integrity="sha256:" + "0" * 64, lock=lock)
    with pytest.raises(IntegrityError, match="not the one that was pinned"):
        await (
            pypi.fetch(CANDIDATE, wrong, into=tmp_path / "own") if phase == "fetch" else _install(pypi, wrong, tmp_path)
        )


async def _install(pypi: PyPIEcosystem, resolution: Resolution, tmp_path: Path) -> None:
    artefact = Artefact(candidate=CANDIDATE, resolution=resolution, root=tmp_path, launch=StdioLaunch(argv=("/x",)))
    await pypi.install(Vetted(artefact=artefact, verdict=Verdict(accepted=True)), into=tmp_path / "pkg")


@pytest.mark.anyio
async def test_a_name_that_does_not_exist_is_said_to_be_so(pypi: PyPIEcosystem) -> None:
    with pytest.raises(InstallationError, match="does not exist in the package index") as caught:
        await pypi.resolve(PACKAGE, rung=Rung())
    assert "spelling" in caught.value.remedies[0]


@pytest.mark.anyio
async def test_a_version_that_does_not_exist_is_said_to_be_so(pypi: PyPIEcosystem, slides: Path) -> None:
    assert slides.exists()
    with pytest.raises(InstallationError, match="does not exist in the package index"):
        await pypi.resolve(replace(PACKAGE, version="7.7"), rung=Rung())


@pytest.mark.anyio
async def test_requirements_that_contradict_each_other_are_said_to_be_so(pypi: PyPIEcosystem, wheel: MakeWheel) -> None:
    wheel("helper", "1.0", files={"helper.py": ""})
    wheel("helper", "2.0", files={"helper.py": ""})
    wheel("other", "1.0", files={"other.py": ""}, requires=("helper<2",))
    wheel("slides-mcp", files={"a.py": ""}, requires=("helper>=2", "other"), scripts={"a": "a:main"})
    with pytest.raises(InstallationError, match="does not fit together"):
        await pypi.resolve(PACKAGE, rung=Rung())


@pytest.mark.anyio
async def test_an_index_without_dates_cannot_say_what_is_old_enough(pypi: PyPIEcosystem, slides: Path) -> None:
    assert slides.exists()
    with pytest.raises(InstallationError, match="does not tell the dates") as caught:
        await pypi.resolve(PACKAGE, rung=Rung(before=datetime(2020, 1, 1, tzinfo=UTC)))
    assert "VSM_MCP_MIN_RELEASE_AGE" in caught.value.remedies[0]


@pytest.mark.anyio
async def test_an_index_that_cannot_be_reached_is_said_to_be_so(index: Path, processes: Recording) -> None:
    async def unreachable() -> PyPIIndexes:
        return PyPIIndexes(default="http://127.0.0.1:9/simple/")

    assert index.exists()
    pypi = PyPIEcosystem(
        processes, LocalFiles(), uv=Path(uv.find_uv_bin()), python=Path(sys.executable), indexes=unreachable
    )
    with pytest.raises(InstallationError, match="registry cannot be reached") as caught:
        await pypi.resolve(PACKAGE, rung=Rung())
    assert "network" in caught.value.remedies[0]
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.anyio
async def test_a_library_is_no_server(pypi: PyPIEcosystem, wheel: MakeWheel, tmp_path: Path) -> None:
    wheel("slides-mcp", files={"slides_mcp.py": ""})
    resolution = await pypi.resolve(PACKAGE, rung=Rung())
    with pytest.raises(InstallationError, match="no MCP server in slides-mcp: no executable"):
        await pypi.fetch(CANDIDATE, resolution, into=tmp_path / "own")


@pytest.mark.anyio
@pytest.mark.security
async def test_addresses_of_indexes_are_not_among_the_words_that_others_can_see(
    index: Path, processes: Recording, slides: Path, *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slides.exists()
    other = tmp_path / "other"
    other.mkdir()
    pypi = ecosystem(index, processes, (f"{other.as_uri()}/",))
    await pypi.resolve(PACKAGE, rung=Rung())
    (command,) = processes.commands
    assert not any("file://" in word for word in command.argv)
    assert "unsafe-best-match" in command.argv
    monkeypatch.setenv("UV_INDEX_STRATEGY", "first-index")
    await pypi.resolve(PACKAGE, rung=Rung())
    assert "unsafe-best-match" not in processes.commands[-1].argv


@pytest.mark.anyio
@pytest.mark.security
async def test_a_better_version_elsewhere_does_not_outdo_an_index_that_uv_was_told_of(
    index: Path, processes: Recording, slides: Path, *, tmp_path: Path
) -> None:
    assert slides.exists()
    other = tmp_path / "other"
    other.mkdir()
    await ecosystem(index, processes, (f"{other.as_uri()}/",), main_last=True).resolve(PACKAGE, rung=Rung())
    assert "unsafe-best-match" not in processes.commands[-1].argv


@pytest.mark.anyio
async def test_certificates_of_pip_are_used_where_the_user_set_no_others(
    pypi: PyPIEcosystem, processes: Recording, slides: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slides.exists()
    monkeypatch.setenv("SSL_CERT_FILE", "/mine")
    await pypi.resolve(PACKAGE, rung=Rung())
    monkeypatch.delenv("SSL_CERT_FILE")
    await pypi.resolve(PACKAGE, rung=Rung())
    assert [command.env for command in processes.commands] == [{}, {"SSL_CERT_FILE": "/nowhere/certificates.pem"}]


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("constraint", ["-r /etc/passwd", "mcp<2\n--index-url x", "mcp @ file:///x", "mcp", ""])
async def test_only_a_version_constraint_is_one(pypi: PyPIEcosystem, constraint: str) -> None:
    with pytest.raises(InstallationError, match="not a version constraint"):
        await pypi.resolve(PACKAGE, rung=Rung(constraints=(constraint,)))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text", ["packages = 1", "not toml", "packages = []", '[[packages]]\nname = "slides-mcp"\nversion = "1"']
)
async def test_a_lock_that_makes_no_sense_is_an_error(index: Path, text: str) -> None:
    class Lying(LocalProcesses):
        async def run(
            self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
        ) -> Completed:
            assert command.cwd is not None
            await anyio.Path(command.cwd / "pylock.toml").write_text(text)
            return Completed(returncode=0, stdout=b"", stderr=b"")

    with pytest.raises(InstallationError, match="slides-mcp"):
        await ecosystem(index, Lying()).resolve(PACKAGE, rung=Rung())


@pytest.mark.anyio
async def test_what_comes_from_elsewhere_is_marked(index: Path) -> None:
    lock = """
[[packages]]
name = "slides.mcp"
version = "1.0"
wheels = [
  { url = "x/slides_mcp-1.0-cp311-linux.whl", hashes = { sha256 = "a" } },
  { url = "x/slides_mcp-1.0-py3-none-any.whl", upload-time = 2025-01-02T03:04:05Z, hashes = { sha256 = "b" } },
]
[[packages]]
name = "git"
version = "1.0"
vcs = { type = "git", url = "https://example.org/x.git" }
[[packages]]
name = "file"
version = "1.0"
archive = { path = "x.whl", hashes = { sha256 = "c" } }
"""

    class Lying(LocalProcesses):
        async def run(
            self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
        ) -> Completed:
            assert command.cwd is not None
            await anyio.Path(command.cwd / "pylock.toml").write_text(lock)
            return Completed(returncode=0, stdout=b"", stderr=b"")

    resolution = await ecosystem(index, Lying()).resolve(PACKAGE, rung=Rung())
    own, git, file = resolution.dependencies
    assert (own.hashes, resolution.integrity) == (("sha256:b",), "sha256:b")
    assert resolution.released == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (git.url, git.wheel, file.url) == ("https://example.org/x.git", False, "x.whl")
