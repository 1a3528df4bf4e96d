"""npm packages through npm: locked with digests, no install scripts, never npx."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import anyio.to_thread
from pydantic import BaseModel, Field, ValidationError

from vsm_mcp.acquisition.discovery.resolvers.npm import NPM_INHERITS, NpmPackage
from vsm_mcp.acquisition.installation.ecosystems.client import PackageClient, Symptom, symptom
from vsm_mcp.acquisition.installation.ecosystems.clients.cell import Cell
from vsm_mcp.acquisition.installation.ecosystems.clients.npm_client import NpmClient, missing
from vsm_mcp.acquisition.installation.ecosystems.entry import choose, lies, no_server
from vsm_mcp.acquisition.installation.ecosystems.unpack import LARGEST, unpack_tarball
from vsm_mcp.errors import (
    ConfigurationError,
    DiscoveryError,
    InstallationError,
    IntegrityError,
    LinkError,
    PayloadError,
)
from vsm_mcp.events import EventSink, Progress, ignore
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

Metadata = Callable[[str, str | None], Awaitable[NpmPackage]]
"""What the registry says about a package and a version."""

SYMPTOMS: Sequence[Symptom] = (
    symptom(
        r"EINTEGRITY|integrity checksum failed",
        "A file of {subject} is not the one that was pinned.",
        "Do not use this registry until you know why.",
        integrity=True,
    ),
    symptom(
        r"ETARGET|notarget|ENOVERSIONS",
        "{subject}, or something it needs, has no such version, or none that is old enough.",
        "Check the version.",
        "Wait until the release has aged, or lower VSM_MCP_MIN_RELEASE_AGE.",
    ),
    symptom(
        r"E404|404 not found",
        "{subject}, or something it needs, does not exist in the registry.",
        "Check the spelling of the name.",
    ),
    symptom(
        r"ERESOLVE|EBADENGINE|EBADPLATFORM",
        "What {subject} needs does not fit together on this machine.",
        "Choose another version or server, or install a newer Node.js.",
    ),
)

_ELSEWHERE = re.compile(r"(git|https?|file|link|github|gitlab|bitbucket|gist)[+:]|[\w.-]+/[\w.-]+(#.*)?$")
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")
_MOST_KNOWN = 64
_PROGRAM_SUFFIXES = (".js", ".mjs", ".cjs")


class _Entry(BaseModel):
    name: str = ""
    version: str = ""
    resolved: str = ""
    integrity: str = ""
    link: bool = False
    bundled: bool = Field(default=False, alias="inBundle")
    install_script: bool = Field(default=False, alias="hasInstallScript")
    dependencies: dict[str, str] = {}
    optional: dict[str, str] = Field(default={}, alias="optionalDependencies")


class _Lock(BaseModel):
    packages: dict[str, _Entry] = {}


class _Manifest(BaseModel):
    name: str = ""
    version: str = ""
    bin: str | dict[str, str] = {}
    ownership: str | None = Field(default=None, alias="mcpName")


class NpmEcosystem:
    """Knows packages of the user's npm registry.

    Args:
        processes: Starts npm.
        files: Reads and writes.
        node: The program that servers will run under, if there is one.
        npm: The program that resolves and installs, if there is one.
        metadata: Tells release dates and publishers.
        timeout: Seconds one run of npm may take.
        emit: Hears of progress.
        cell: Confines npm; without one it runs with all rights of this user.
    """

    name = "npm"

    def __init__(
        self,
        processes: Processes,
        files: Files,
        *,
        node: Path | None,
        npm: Path | None,
        metadata: Metadata,
        timeout: float = 300.0,
        emit: EventSink = ignore,
        cell: Cell | None = None,
    ) -> None:
        """Keep the parts."""
        client = PackageClient(
            processes, inherit=NPM_INHERITS, symptoms=SYMPTOMS, timeout=timeout, emit=emit, cell=cell
        )
        self._npm = NpmClient(client, processes, node=node, npm=npm)
        self._files = files
        self._node = node
        self._metadata = metadata
        self._served: dict[str, tuple[str, ...]] = {}
        self._emit = emit

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        """Choose exact versions and pin their digests.

        Raises:
            InstallationError: There is no such package or version, or the registry did not answer.
            ConfigurationError: There is no Node.js here.
        """
        if rung.constraints:
            raise InstallationError(
                f"npm packages cannot be constrained by {', '.join(rung.constraints)}.",
                stage="plan",
                remedies=("Name another version of the package instead: NAME@VERSION.",),
            )
        words = ["install", "--package-lock-only", "--lockfile-version=3", "--save-exact"]
        if rung.before is not None:
            words.append(f"--before={rung.before.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}")
        files = await self._asked(package)
        async with self._npm.workplace() as place:
            await place.put(place.home / "package.json", b'{"private": true}\n')
            spec = f"{package.name}@{package.version or 'latest'}"
            await self._npm.run([*words, "--", spec], place, files=files, subject=str(package), doing="resolving")
            data = await self._files.read(place.home / "package-lock.json")
        lock = _parse_lock(data or b"", package)
        own = lock.packages.get(f"node_modules/{package.name}")
        if own is None or not own.version or not own.integrity:
            raise InstallationError(f"npm locked no digest for {package}.", stage="plan", remedies=("Name a version.",))
        exact = PackageRef(ecosystem=self.name, name=package.name, version=own.version)
        released, publisher = await self._published(exact)
        return Resolution(
            package=exact,
            integrity=own.integrity,
            lock=(data or b"").decode(),
            rung=rung,
            released=released,
            dependencies=_dependencies(lock),
            publisher=publisher,
        )

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Unpack the package's own archive in ``into``, after comparing its digest.

        Raises:
            IntegrityError: It is not what was pinned, or tries to unpack elsewhere.
            InstallationError: It could not be fetched, or there is no server in it.
            ConfigurationError: There is no Node.js here.
        """
        package = resolution.package
        async with self._npm.workplace() as place:
            words = ["pack", f"--pack-destination={place.shown}", "--", f"{package.name}@{package.version}"]
            files = await self._asked(package)
            await self._npm.run(words, place, files=files, subject=str(package), doing="fetching")
            archives = [name for name in await self._files.entries(place.home) if name.endswith(".tgz")]
            if len(archives) != 1:
                raise InstallationError(
                    f"npm fetched {len(archives)} archives for {package}, not one.", stage="fetch", remedies=(_REPAIR,)
                )
            archive = place.home / archives[0]
            data = await self._files.read(archive, limit=LARGEST)
            _compare(data or b"", resolution.integrity, package)
            await anyio.to_thread.run_sync(unpack_tarball, archive, into)
        manifest = await self._manifest(into, package)
        launch = await self._launch(candidate, manifest, into)
        described = replace(resolution, ownership=manifest.ownership)
        return Artefact(candidate=candidate, resolution=described, root=into, launch=launch)

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        """Install the package and all it needs from the lock.

        Raises:
            IntegrityError: Something is not what was pinned.
            InstallationError: It could not be installed.
            ConfigurationError: There is no Node.js here.
        """
        resolution = vetted.artefact.resolution
        package = resolution.package
        root = _parse_lock(resolution.lock.encode(), package).packages.get("", _Entry())
        manifest = _Root(dependencies=root.dependencies).model_dump_json()
        async with self._npm.workplace(into) as there:
            await there.put(there.out / "package.json", manifest.encode())
            await there.put(there.out / "package-lock.json", resolution.lock.encode())
            # Every digest is in the lock: what is in the cache need not be asked for again.
            words = ["ci", "--omit=dev", "--no-bin-links", "--prefer-offline", f"--prefix={there.shown_out}"]
            files = await self._asked(package)
            await self._npm.run(words, there, files=files, subject=str(package), doing="installing")
            # Both name the registry, which is nothing a server should know.
            await there.drop("package-lock.json", "node_modules/.package-lock.json")
            await there.deliver()
        place = into / "node_modules" / package.name
        return await self._launch(vetted.candidate, await self._manifest(place, package), place)

    async def _asked(self, package: PackageRef) -> Sequence[str]:
        """Return where the registry says that files of a package are; only a confined npm needs to know beforehand.

        When the registry does not say, its own host must do; npm asks it too, and says what is wrong with it.
        """
        if not self._npm.confined:
            return ()
        if package.name not in self._served:
            try:
                known = await self._metadata(package.name, package.version)
            except (LinkError, DiscoveryError, PayloadError, ConfigurationError):
                return ()
            if len(self._served) >= _MOST_KNOWN:
                self._served.pop(next(iter(self._served)))
            self._served[package.name] = tuple(one.tarball for one in known.versions.values() if one.tarball)
        return self._served[package.name]

    async def _published(self, package: PackageRef) -> tuple[datetime | None, str]:
        """Return date and publisher; unknown ones are no obstacle here, vetting decides about them."""
        try:
            known = await self._metadata(package.name, package.version)
            version = known.version(package.version)
        except (LinkError, DiscoveryError, PayloadError, ConfigurationError) as error:
            self._emit(Progress(subject=str(package), detail=f"the registry tells no release date: {error.message}"))
            return None, ""
        return version.released, version.publisher

    async def _manifest(self, root: Path, package: PackageRef) -> _Manifest:
        data = await self._files.read(root / "package.json", limit=_LARGEST_MANIFEST)
        try:
            manifest = _Manifest.model_validate_json(data or b"")
        except ValidationError as error:
            raise no_server(package.name, "its package.json cannot be read") from error
        if manifest.name != package.name or _plain(manifest.version) != _plain(package.version or ""):
            raise lies(package, manifest.name, manifest.version)
        return manifest

    async def _launch(self, candidate: Candidate, manifest: _Manifest, root: Path) -> StdioLaunch:
        package = candidate.package
        if self._node is None:
            raise missing("node", str(package))
        programs = {package.name: manifest.bin} if isinstance(manifest.bin, str) else manifest.bin
        program = PurePosixPath(programs[choose(programs, package.name)])
        await self._check_program(root, program, package)
        place = f"{PACKAGE_ROOT}/node_modules/{package.name}/{program}"
        return StdioLaunch(argv=(str(self._node), place, *candidate.arguments))

    async def _check_program(self, root: Path, program: PurePosixPath, package: PackageRef) -> None:
        if program.is_absolute() or ".." in program.parts:
            raise IntegrityError(
                f"The program of {package} is outside of it: {str(program)[:200]}.",
                stage="fetch",
                remedies=("Do not install this package: its program would be a file of somebody else.",),
            )
        if not await anyio.Path(root / program).is_file():
            raise no_server(package.name, f"its program {program} is missing")
        async with await anyio.open_file(root / program, "rb") as file:
            head = (await file.read(200)).partition(b"\n")[0]
        if program.suffix not in _PROGRAM_SUFFIXES and b"node" not in head:
            raise no_server(package.name, f"its program {program} is not one of Node.js")


class _Root(BaseModel):
    private: bool = True
    dependencies: dict[str, str]


_LARGEST_MANIFEST = 2_000_000
_REPAIR = "Try again with a current npm: Node.js 20 or later."


def _parse_lock(data: bytes, package: PackageRef) -> _Lock:
    try:
        return _Lock.model_validate_json(data)
    except ValidationError as error:
        raise InstallationError(
            f"npm wrote a lock for {package} that cannot be read: {error.error_count()} part(s) of it are wrong.",
            stage="plan",
            remedies=(_REPAIR,),
        ) from error


def _dependencies(lock: _Lock) -> tuple[Dependency, ...]:
    specs = [spec for entry in lock.packages.values() for spec in (entry.dependencies | entry.optional).items()]
    elsewhere = {name: spec for name, spec in specs if _ELSEWHERE.match(spec) and not spec.startswith("npm:")}
    return tuple(
        Dependency(
            name=entry.name or _name(place),  # an alias hides what it really is
            version=entry.version,
            hashes=_hashes(place, lock.packages),
            url=elsewhere.get(_name(place)) or (entry.resolved if _is_elsewhere(entry) else None),
            scripts=entry.install_script,
        )
        for place, entry in lock.packages.items()
        if place
    )


def _name(place: str) -> str:
    return place.rpartition("node_modules/")[2]


def _is_elsewhere(entry: _Entry) -> bool:
    return entry.link or entry.resolved.startswith(("git", "file:"))


def _hashes(place: str, packages: Mapping[str, _Entry]) -> tuple[str, ...]:
    """Return the digests that pin a place; what comes inside another package is pinned by that package's."""
    entry = packages.get(place)
    if entry is not None and (entry.integrity or not entry.bundled):
        return tuple(entry.integrity.split())
    outer = place.rpartition("/node_modules/")[0]
    return _hashes(outer, packages) if outer else ()


def _compare(data: bytes, integrity: str, package: PackageRef) -> None:
    pinned = {word.partition("-")[0]: word.partition("-")[2] for word in integrity.split()}
    algorithm = next((name for name in _ALGORITHMS if name in pinned), None)
    if algorithm is None:
        raise IntegrityError(
            f"{package} is pinned by {integrity[:80]!r}, which is no digest.",
            stage="fetch",
            remedies=("Ask the registry for another version, or use one that gives sha512 digests.",),
        )
    found = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    if found != pinned[algorithm]:
        raise IntegrityError(
            f"The archive of {package} is not the one that was pinned ({algorithm}).",
            stage="fetch",
            remedies=("Do not use this registry until you know why.",),
        )


def _plain(version: str) -> str:
    """Return a version as the registry lists it: without a leading mark and without what was built from."""
    return version.strip().lstrip("=v").partition("+")[0]
