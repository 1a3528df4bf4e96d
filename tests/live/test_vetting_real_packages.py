"""Vetting on real packages: honest, well-known servers pass every standard check of their code."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan
from vsm_mcp.acquisition.vetting.code.files import FileAudit
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Resolution, StdioLaunch
from vsm_mcp.model.verdict import Severity

pytestmark = [pytest.mark.live, pytest.mark.anyio, pytest.mark.timeout(180)]

PYPI = ("office-powerpoint-mcp-server", "mcp-server-time", "mcp-server-git", "mcp-server-fetch")
NPM = (
    "@modelcontextprotocol/server-memory",
    "@modelcontextprotocol/server-filesystem",
    "@modelcontextprotocol/server-everything",
)


@pytest.fixture
def anyio_backend() -> str:
    """Fetch every package once: the checks themselves are tested on both back ends."""
    return "asyncio"


def wheel(name: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, name]
    subprocess.run(command, check=True, timeout=120)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder / "root")  # noqa: S202 - a zip file that never leaves the folder, not a tar file
    return folder / "root"


def tarball(name: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    assert npm
    subprocess.run([npm, "pack", "--silent", "--pack-destination", folder, name], check=True, timeout=120, cwd=folder)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder / "root", filter="data")
    return folder / "root" / "package"


@pytest.mark.parametrize(
    ("ecosystem", "name", "fetch"),
    [*(("pypi", name, wheel) for name in PYPI), *(("npm", name, tarball) for name in NPM)],
)
async def test_well_known_honest_servers_are_accepted_by_the_code_checks(
    tmp_path: Path, *, ecosystem: str, name: str, fetch: Callable[[str, Path], Path]
) -> None:
    ref = PackageRef(ecosystem=ecosystem, name=name, version="1")
    artefact = Artefact(
        candidate=Candidate(name=name, source="test", package=ref),
        resolution=Resolution(package=ref, integrity="sha256:00", lock=str(ref)),
        root=fetch(name, tmp_path),
        launch=StdioLaunch(argv=("/usr/bin/true",)),
    )
    policy = Policy(allow=(f"{ecosystem}:{name}",))
    verdict = await Vetting((CodeScan(policy), FileAudit()), policy=policy).examine(artefact)
    assert [found.message for found in verdict.findings if found.severity >= Severity.HIGH or found.unknown] == []
    assert verdict
