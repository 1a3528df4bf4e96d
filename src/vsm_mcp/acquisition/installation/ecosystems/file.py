"""A server that is one file on this machine: copied and pinned by its digest."""

import hashlib
import re
from pathlib import Path

import anyio

from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.model.server import (
    PACKAGE_ROOT,
    Artefact,
    Candidate,
    Dependency,
    Launch,
    PackageRef,
    Resolution,
    Rung,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.world.files import Files

LARGEST_FILE = 10_000_000
_NEEDS_PACKAGES = re.compile(rb"^# /// script\s*$", re.MULTILINE)
_JAVASCRIPT = (".js", ".mjs", ".cjs")


class FileEcosystem:
    """Knows single files of Python or JavaScript that need nothing but their interpreter.

    Args:
        files: Reads and writes.
        python: The interpreter for ``.py``.
        node: The interpreter for ``.js``, ``.mjs`` and ``.cjs``, if there is one.
    """

    name = "file"

    def __init__(self, files: Files, *, python: Path, node: Path | None = None) -> None:
        """Keep the parts."""
        self._files = files
        self._python = python
        self._node = node

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Pin the file as it is now.

        Raises:
            InstallationError: There is no such file, it needs packages, or is of another kind.
            IntegrityError: It is not the version that was asked for.
        """
        path = Path(package.name)
        self._interpreter(path)
        data = await self._read(path)
        if path.suffix == ".py" and _NEEDS_PACKAGES.search(data):
            raise InstallationError(
                f"{path} asks for packages, which a single file cannot bring.",
                stage="plan",
                remedies=("Publish it as a package, or use the standard library only.",),
            )
        digest = hashlib.sha256(data).hexdigest()
        version = digest[:16]
        if package.version not in {None, version}:
            raise IntegrityError(
                f"{path} is {version}, not {package.version}.",
                stage="plan",
                remedies=(f"Read what changed in the file; then ask for @{version}, or leave the version out.",),
            )
        pinned = f"sha256:{digest}"
        return Resolution(
            package=PackageRef(ecosystem=self.name, name=package.name, version=version),
            integrity=pinned,
            lock=f"{digest}  {path.name}\n",
            rung=rung,
            dependencies=(Dependency(name=path.name, version=version, hashes=(pinned,)),),
        )

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Copy the file.

        Raises:
            IntegrityError: It changed since it was resolved.
            InstallationError: It is gone.
        """
        launch = await self._copy(candidate, resolution, into)
        return Artefact(candidate=candidate, resolution=resolution, root=into, launch=launch)

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Copy the file.

        Raises:
            IntegrityError: It changed since it was resolved.
            InstallationError: It is gone.
        """
        return await self._copy(vetted.candidate, vetted.artefact.resolution, into)

    async def _copy(self, candidate: Candidate, resolution: Resolution, into: Path) -> Launch:
        path = Path(resolution.package.name)
        data = await self._read(path)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != resolution.integrity:
            raise IntegrityError(f"{path} changed while it was being acquired.", remedies=("Try again.",))
        await self._files.write(into / path.name, data)
        return StdioLaunch(argv=(*self._interpreter(path), f"{PACKAGE_ROOT}/{path.name}", *candidate.arguments))

    async def _read(self, path: Path) -> bytes:
        ordinary = await anyio.Path(path).is_file()
        data = await self._files.read(path, limit=LARGEST_FILE) if ordinary else None
        if data is None:
            raise InstallationError(
                f"There is no server file {path}.", stage="plan", remedies=("Check the path of the file.",)
            )
        return data

    def _interpreter(self, path: Path) -> tuple[str, ...]:
        if path.suffix == ".py":
            return (str(self._python), "-I")
        if path.suffix not in _JAVASCRIPT:
            raise InstallationError(
                f"{path} is neither Python nor JavaScript.", stage="plan", remedies=("Offer a .py, .js or .mjs file.",)
            )
        if self._node is None:
            raise ConfigurationError(
                f"{path.name} needs Node.js, which was not found.", remedies=("Install Node.js 20 or later.",)
            )
        return (str(self._node),)
