"""PyPI packages through uv: wheels only, pinned by their digests, put where no ``.pth`` file runs."""

import re
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
from pydantic import BaseModel, Field, ValidationError

from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.client import PackageClient, Symptom, symptom
from vsm_mcp.acquisition.installation.ecosystems.clients.cell import Cell
from vsm_mcp.acquisition.installation.ecosystems.clients.uv_client import Listed, UvClient
from vsm_mcp.acquisition.installation.ecosystems.entry import normalised
from vsm_mcp.acquisition.installation.ecosystems.wheel import read_wheel
from vsm_mcp.errors import InstallationError
from vsm_mcp.events import EventSink, ignore
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
from vsm_mcp.world.processes import Processes

_SITE = "site"
_START = "start.py"
_CONSTRAINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*((===|[<>=!~]=|<|>)\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)+")

UV_INHERITS = ("UV_*", "NETRC")
"""What uv reads of the environment to know the user's configuration."""

SYMPTOMS: Sequence[Symptom] = (
    symptom(
        r"hash mismatch",
        "A file of {subject} is not the one that was pinned.",
        "Do not use this package index until you know why.",
        integrity=True,
    ),
    symptom(
        r"filtered by `?exclude-newer|missing an upload date",
        "No release of what {subject} needs is old enough, or the index does not tell the dates.",
        "Wait until the release has aged, or lower VSM_MCP_MIN_RELEASE_AGE.",
    ),
    symptom(
        r"no (usable )?wheels|building source distributions is disabled|no-build|only-binary",
        "Something that {subject} needs exists as source only, and building it would run its code.",
        "Choose another server, or ask its publisher for wheels.",
    ),
    symptom(
        r"was not found in the (package registry|provided package locations)|there (is|are) no versions? of",
        "{subject}, or something it needs, does not exist in the package index.",
        "Check the spelling of the name and the version.",
    ),
    symptom(
        r"unsatisfiable|no solution found",
        "What {subject} needs does not fit together on this Python.",
        "Choose another server or version, or another interpreter (VSM_MCP_PYTHON).",
    ),
)


class _Wheel(BaseModel):
    url: str = ""
    hashes: dict[str, str] = {}
    uploaded: datetime | None = Field(default=None, alias="upload-time")


class _Package(BaseModel):
    name: str
    version: str | None = None
    wheels: list[_Wheel] = []
    vcs: dict[str, object] | None = None
    directory: dict[str, object] | None = None
    archive: dict[str, object] | None = None


class _Lock(BaseModel):
    packages: list[_Package] = []


class PyPIEcosystem:
    """Knows packages of the user's Python package index.

    Args:
        uv: The program that resolves and installs.
        python: The interpreter that servers will run under; a confined process must be able to run it.
        processes: Starts uv.
        files: Reads and writes.
        indexes: Tells where packages come from.
        timeout: Seconds one run of uv may take.
        emit: Hears of progress.
        cell: Confines uv; without one it runs with all rights of this user.
        listed: Tells where the files of a project are, so that a confined uv can be let through to them.
    """

    name = "pypi"

    def __init__(
        self,
        processes: Processes,
        files: Files,
        *,
        uv: Path,
        python: Path,
        indexes: Callable[[], Awaitable[PyPIIndexes]],
        timeout: float = 300.0,
        emit: EventSink = ignore,
        cell: Cell | None = None,
        listed: Listed | None = None,
    ) -> None:
        """Keep the parts."""
        client = PackageClient(processes, inherit=UV_INHERITS, symptoms=SYMPTOMS, timeout=timeout, emit=emit, cell=cell)
        self._uv = UvClient(client, uv=uv, python=python, indexes=indexes, listed=listed)
        self._files = files
        self._python = str(python)

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Choose exact versions and pin the digests of their wheels.

        Raises:
            InstallationError: There is no such package or version, it has no wheels, or the index did not answer.
        """
        words = ["--format", "pylock.toml", "--no-header", "--no-annotate"]
        if rung.before is not None:
            words += ["--exclude-newer", rung.before.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]
        wanted = package.name if package.version is None else f"{package.name}=={package.version}"
        async with self._uv.workplace() as place:
            await place.put(place.home / "constraints.txt", _constraints(rung).encode())
            await place.put(place.home / "requirements.in", f"{wanted}\n".encode())
            words += ["-c", "constraints.txt", "requirements.in", "-o", "pylock.toml"]
            await self._uv.run("compile", words, place, package=package, doing="resolving")
            data = await self._files.read(place.home / "pylock.toml")
        return _resolution(package, rung, _parse(data or b"", package))

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Unpack the package's own wheel in ``into``; uv checks its digest.

        Raises:
            IntegrityError: It is not what was pinned.
            InstallationError: It could not be fetched, or there is no server in it.
        """
        package = resolution.package
        own = f"{package.name}=={package.version} --hash={resolution.integrity}\n"
        await self._install(own, into, package, doing="fetching", options=())
        facts = await anyio.to_thread.run_sync(read_wheel, into, package)
        described = replace(
            resolution,
            ownership=resolution.ownership or facts.ownership,
            publisher=resolution.publisher or facts.publisher,
        )
        return Artefact(candidate=candidate, resolution=described, root=into, launch=self._launch(candidate))

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Install every wheel of the lock in ``into``, with a small program that starts the server.

        Raises:
            IntegrityError: A wheel is not what was pinned.
            InstallationError: A wheel could not be installed.
        """
        resolution = vetted.artefact.resolution
        site = into / _SITE
        await self._install(
            resolution.lock, site, resolution.package, doing="installing", options=("--compile-bytecode",)
        )
        facts = await anyio.to_thread.run_sync(read_wheel, site, resolution.package)
        await self._files.write(into / _START, facts.program.encode())
        await self._files.write(into / "requirements.lock", resolution.lock.encode())
        return self._launch(vetted.candidate)

    def _launch(self, candidate: Candidate) -> StdioLaunch:
        return StdioLaunch(argv=(self._python, "-I", f"{PACKAGE_ROOT}/{_START}", *candidate.arguments))

    async def _install(self, lock: str, into: Path, package: PackageRef, *, doing: str, options: Sequence[str]) -> None:
        async with self._uv.workplace(into) as place:
            await place.put(place.home / "requirements.lock", lock.encode())
            words = ["--target", place.shown_out, "--require-hashes", "--no-deps", "--link-mode", "copy", *options]
            words += ["-r", "requirements.lock"]
            await self._uv.run("install", words, place, package=package, doing=doing)
            await place.drop(".lock")
            await place.deliver()


def _constraints(rung: Rung) -> str:
    for constraint in rung.constraints:
        if not _CONSTRAINT.fullmatch(constraint):
            raise InstallationError(
                f"{constraint[:80]!r} is not a version constraint.",
                stage="plan",
                remedies=("Write it as NAME<VERSION.",),
            )
    return "".join(f"{constraint}\n" for constraint in rung.constraints)


def _parse(data: bytes, package: PackageRef) -> Sequence[_Package]:
    try:
        return _Lock.model_validate(tomllib.loads(data.decode())).packages
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise InstallationError(
            f"uv wrote a lock for {package} that cannot be read: {error}.",
            stage="plan",
            remedies=("Reinstall uv, then try again: pip install --force-reinstall uv.",),
        ) from error


def _resolution(package: PackageRef, rung: Rung, packages: Sequence[_Package]) -> Resolution:
    own = next((one for one in packages if normalised(one.name) == normalised(package.name)), None)
    if own is None or own.version is None:
        raise InstallationError(f"uv chose no version of {package}.", stage="plan", remedies=("Name a version.",))
    wheel = _own_wheel(own.wheels)
    pinned = f"sha256:{wheel.hashes['sha256']}" if wheel and "sha256" in wheel.hashes else ""
    if not pinned:
        raise InstallationError(
            f"The index gives no digest for {package}.", stage="plan", remedies=("Use an index that does.",)
        )
    own = own.model_copy(update={"wheels": [wheel]})
    dependencies = tuple(_dependency(own if one.name == own.name else one) for one in packages)
    return Resolution(
        package=PackageRef(ecosystem="pypi", name=package.name, version=own.version),
        integrity=pinned,
        lock="".join(_line(dependency) for dependency in dependencies),
        rung=rung,
        released=wheel.uploaded if wheel else None,
        dependencies=dependencies,
    )


def _own_wheel(wheels: Sequence[_Wheel]) -> _Wheel | None:
    """Return the wheel to take when several fit: the one for every machine, else the one for the newest system."""
    everywhere = [wheel for wheel in wheels if wheel.url.endswith("-none-any.whl")]
    return next(iter(everywhere or wheels[-1:]), None)


def _dependency(package: _Package) -> Dependency:
    elsewhere = package.vcs or package.archive or package.directory
    return Dependency(
        name=package.name,
        version=package.version or "",
        hashes=tuple(f"sha256:{wheel.hashes['sha256']}" for wheel in package.wheels if "sha256" in wheel.hashes),
        url=None if elsewhere is None else str(elsewhere.get("url") or elsewhere.get("path") or "elsewhere"),
        wheel=bool(package.wheels),
    )


def _line(dependency: Dependency) -> str:
    hashes = "".join(f" \\\n    --hash={digest}" for digest in dependency.hashes)
    return f"{dependency.name}=={dependency.version}{hashes}\n"
