"""Servers of this machine: one file, or an object of the host."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.model.server import Artefact, Candidate, InProcessLaunch, PackageRef, Rung, StdioLaunch, Vetted
from vsm_mcp.world.files import LocalFiles

PYTHON, NODE = Path("/usr/bin/python3"), Path("/usr/bin/node")
ECOSYSTEMS: tuple[Ecosystem, ...] = (FileEcosystem(LocalFiles(), python=PYTHON, node=NODE), MemoryEcosystem())
FILES, MEMORY = ECOSYSTEMS


def ref(path: Path) -> PackageRef:
    return PackageRef(ecosystem="file", name=str(path))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "start"), [("s.py", (str(PYTHON), "-I")), ("s.js", (str(NODE),)), ("s.mjs", (str(NODE),))]
)
async def test_a_file_is_started_by_its_interpreter(tmp_path: Path, name: str, start: tuple[str, ...]) -> None:
    (tmp_path / name).write_text("content")
    (tmp_path / "into").mkdir()
    resolution = await FILES.resolve(ref(tmp_path / name), rung=Rung())
    candidate = Candidate(name="s", source="shelf", package=ref(tmp_path / name), arguments=("x",))
    artefact = await FILES.fetch(candidate, resolution, into=tmp_path / "into")
    assert artefact.launch == StdioLaunch(argv=(*start, f"/pkg/{name}", "x"))
    assert (tmp_path / "into" / name).read_text() == "content"
    (dependency,) = resolution.dependencies
    assert dependency.hashes == (resolution.integrity,)
    assert await FILES.resolve(resolution.package, rung=Rung()) == resolution


@pytest.mark.anyio
async def test_what_is_no_server_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.sh").touch()
    (tmp_path / "d.py").mkdir()
    (tmp_path / "p.py").write_text("# /// script\n# dependencies = ['x']\n# ///\n")
    for name, why in {
        "s.sh": "neither Python nor",
        "d.py": "no server file",
        "n.py": "no server",
        "p.py": "asks for packages",
    }.items():
        with pytest.raises(InstallationError, match=why) as caught:
            await FILES.resolve(ref(tmp_path / name), rung=Rung())
        assert caught.value.remedies


@pytest.mark.anyio
async def test_a_script_without_node_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "s.js").touch()
    with pytest.raises(ConfigurationError, match=r"needs Node\.js"):
        await FileEcosystem(LocalFiles(), python=PYTHON).resolve(ref(tmp_path / "s.js"), rung=Rung())


@pytest.mark.anyio
@pytest.mark.security
async def test_a_file_that_changes_on_the_way_is_refused(tmp_path: Path, vet: Callable[[Artefact], Vetted]) -> None:
    path = tmp_path / "s.py"
    path.write_text("good")
    (tmp_path / "into").mkdir()
    resolution = await FILES.resolve(ref(path), rung=Rung())
    candidate = Candidate(name="s", source="shelf", package=ref(path))
    artefact = await FILES.fetch(candidate, resolution, into=tmp_path / "into")
    (tmp_path / "s.py").write_text("evil")
    with pytest.raises(IntegrityError, match="changed while"):
        await FILES.fetch(candidate, resolution, into=tmp_path / "into")
    with pytest.raises(IntegrityError, match="changed while"):
        await FILES.install(vet(artefact), into=tmp_path / "into")
    with pytest.raises(IntegrityError, match=r"is \w+, not"):
        await FILES.resolve(resolution.package, rung=Rung())


@pytest.mark.anyio
async def test_an_object_of_the_host_is_made_by_its_function(tmp_path: Path, vet: Callable[[Artefact], Vetted]) -> None:
    package = PackageRef(ecosystem="memory", name="calculator")
    candidate = Candidate(name="calculator", source="shelf", package=package, make=object)
    resolution = await MEMORY.resolve(package, rung=Rung())
    artefact = await MEMORY.fetch(candidate, resolution, into=tmp_path)
    assert artefact.launch == InProcessLaunch(make=object)
    assert await MEMORY.install(vet(artefact), into=tmp_path) == artefact.launch
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InstallationError, match="nothing makes one") as caught:
        await MEMORY.fetch(replace(candidate, make=None), resolution, into=tmp_path)
    assert caught.value.remedies
