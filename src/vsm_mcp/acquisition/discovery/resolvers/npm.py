"""npm as a resolver: what the user's own registry says about a package. It never searches."""

import base64
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.discovery.reading import items, mapping, moment, parse, text, words
from vsm_mcp.errors import CallTimeoutError, ConfigurationError, DiscoveryError, LinkError, PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.world.http import Http
from vsm_mcp.world.processes import Command, Completed, Processes

NPM_INHERITS = (
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "NPM_*",
    "npm_*",
    "*_PROXY",
    "*_proxy",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_*",
)
"""What npm reads of the environment to know the user's registry, proxy, certificates and credentials."""

LARGEST_METADATA = 30_000_000
PATIENCE = 60.0

_MOST_VERSIONS = 10_000
_MOST_ENTRIES = 500
_LONGEST_WORD = 4096
_INSTALL_SCRIPTS = ("preinstall", "install", "postinstall")
_NOT_ALLOWED = (401, 403)
_NOT_THERE = (404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmVersion:
    """One published version.

    Attributes:
        version: Which.
        integrity: ``sha512-<base64>`` of its tarball (``sha1-`` for very old ones); empty when the registry gives none.
        tarball: Where the registry says the tarball is.
        released: When it was published there.
        ownership: The server name it claims (``mcpName``).
        install_scripts: The scripts that would run while it is being installed, by name.
        bin: Its programs: name to the file within the package.
        dependencies: Names to version ranges, optional ones included.
        node: The range of Node.js versions it asks for.
        summary: Its own one-line description.
        publisher: Who published it, else its author, as the registry states it.
        licence: As stated.
        repository: Where its source is, as stated.
        deprecated: Why it should no longer be used; empty when it is not deprecated.
        uploader: The account that published it; empty when the registry does not say.
        maintainers: The accounts that could publish the package then, as far as the registry says.
        attested: Whether the registry serves an attestation of how it was built; ``None`` when it tells nothing of it.
    """

    version: str
    integrity: str = ""
    tarball: str = ""
    released: datetime | None = None
    ownership: str | None = None
    install_scripts: Mapping[str, str] = field(default_factory=dict[str, str])
    bin: Mapping[str, str] = field(default_factory=dict[str, str])
    dependencies: Mapping[str, str] = field(default_factory=dict[str, str])
    node: str = ""
    summary: str = ""
    publisher: str = ""
    licence: str = ""
    repository: str = ""
    deprecated: str = ""
    uploader: str = ""
    maintainers: frozenset[str] = frozenset()
    attested: bool | None = None

    @property
    def has_install_script(self) -> bool:
        """True when installing it would run code of it."""
        return bool(self.install_scripts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage:
    """What a registry says about a package.

    Attributes:
        name: Its name.
        latest: The version that the registry's tag ``latest`` points to.
        versions: What is known of each version, by version.
        released: When each version was published, as far as the registry says.
    """

    name: str
    latest: str | None
    versions: Mapping[str, NpmVersion]
    released: Mapping[str, datetime] = field(default_factory=dict[str, datetime])

    def version(self, version: str | None = None) -> NpmVersion:
        """Return the version asked for, or the latest.

        Raises:
            DiscoveryError: There is no such version.
        """
        wanted = version or self.latest
        if wanted is None or wanted not in self.versions:
            raise DiscoveryError(
                f"The npm package {self.name} has no version {wanted or 'tagged latest'}.",
                stage="discover",
                remedies=(f"Name one of its {len(self.versions)} versions, such as npm:{self.name}@VERSION.",),
            )
        return self.versions[wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmSettings:
    """The user's settings that say where packages come from.

    Attributes:
        registry: The base address, ending in a slash.
        scopes: The base addresses of single scopes, by scope (``@scope``).
        cafile: The certificates that npm trusts, if the user named a file.
    """

    registry: str
    scopes: Mapping[str, str] = field(default_factory=dict[str, str])
    cafile: str | None = None

    def base(self, name: str) -> str:
        """Return the base address of the registry that the package ``name`` comes from."""
        return self.scopes.get(name.partition("/")[0], self.registry)

    def address(self, name: str) -> str:
        """Return where the metadata of the package ``name`` is."""
        return self.base(name) + quote(name, safe="@")


class NpmRegistry:
    """Asks the registry that the user's npm is configured for.

    The address comes from ``npm config list`` once; metadata is then read over HTTP. Where that is not answered (a
    registry that wants credentials that only npm knows) ``npm view`` asks instead.

    Args:
        http: Sends the requests.
        processes: Runs npm.
        npm: The program; found on the search path when not given.
    """

    name = "npm"

    def __init__(self, http: Http, processes: Processes, *, npm: Path | None = None) -> None:
        """Keep the ports; nothing is asked yet."""
        self._http = http
        self._processes = processes
        self._npm = npm
        self._settings: NpmSettings | None = None
        self._asking = anyio.Lock()

    def __repr__(self) -> str:
        """Show the program."""
        return f"NpmRegistry(npm={self._npm!s})"

    async def settings(self) -> NpmSettings:
        """Return where packages come from, as npm itself reports it.

        Raises:
            ConfigurationError: npm is missing or cannot say.
        """
        async with self._asking:
            if self._settings is None:
                self._settings = _read_settings(await self._run("config", "list", "--json"))
            return self._settings

    async def metadata(self, name: str, version: str | None = None) -> NpmPackage:
        """Return what the registry says about the package ``name``.

        Args:
            name: The package's name.
            version: The version that matters most; only that one (or the latest) is sure to be described.

        Raises:
            DiscoveryError: There is no such package or version.
            LinkError: The registry did not answer.
            PayloadError: ``name`` is no package name, or the answer makes no sense.
            ConfigurationError: npm is missing or its configuration cannot be read.
        """
        PackageRef(ecosystem="npm", name=name, version=version)
        settings = await self.settings()
        try:
            reply = await self._http.send("GET", settings.address(name), limit=LARGEST_METADATA, cafile=settings.cafile)
        except LinkError:
            return await self._view(name, version)
        if reply.status in _NOT_ALLOWED:
            return await self._view(name, version)
        if reply.status in _NOT_THERE:
            raise _unknown(name)
        if not reply.ok:
            raise LinkError(
                f"The npm registry answered {reply.status} for {name}.",
                remedies=("Try again later, or check the registry that 'npm config get registry' names.",),
            )
        package = read_package(await _parse(reply.body, name), name)
        package.version(version)
        return package

    async def candidate(self, package: PackageRef) -> Candidate:
        """Return an exact package as a candidate, after the registry confirmed that it exists.

        Raises:
            DiscoveryError: There is no such package or version.
            LinkError: The registry did not answer.
        """
        known = (await self.metadata(package.name, package.version)).version(package.version)
        return Candidate(
            name=package.name,
            source="package",
            package=PackageRef(ecosystem="npm", name=package.name, version=known.version),
            version=known.version,
            summary=known.summary,
            publisher=known.publisher,
            repository=known.repository,
        )

    async def _view(self, name: str, version: str | None) -> NpmPackage:
        wanted = f"{name}@{version}" if version else name
        done = await self._run("view", wanted, "--json")
        answer = mapping(await _parse(done.stdout or b"{}", name))
        problem = mapping(answer.get("error"))
        if text(problem.get("code")) == "E404":
            raise _unknown(name)
        if done.returncode != 0 or not answer:
            raise LinkError(
                f"npm could not ask its registry about {name}: {_said(problem, done)}.",
                remedies=(f"See what 'npm view {name}' says, and repair npm's registry, proxy or cafile settings.",),
            )
        return _viewed(answer, name)

    async def _run(self, *arguments: str) -> Completed:
        program = self._npm or _which("npm")
        command = Command(argv=(str(program), *arguments), inherit=NPM_INHERITS, cwd=Path("/"))
        try:
            return await self._processes.run(command, timeout=PATIENCE, limit=LARGEST_METADATA)
        except CallTimeoutError as error:
            raise LinkError(
                f"npm had no answer from its registry after {PATIENCE:g} seconds.",
                remedies=("Check that the registry, proxy and cafile of npm's settings can be reached: npm ping.",),
            ) from error


def _which(program: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise ConfigurationError(
            f"The program {program} was not found, so npm packages cannot be looked up.",
            remedies=("Install Node.js 20 or later with npm.",),
        )
    return Path(found)


def _read_settings(done: Completed) -> NpmSettings:
    told = mapping(parse(done.stdout or b"{}", what="What 'npm config list --json' printed"))
    registry = text(told.get("registry"), _LONGEST_WORD)
    if done.returncode != 0 or urlsplit(registry).scheme not in {"http", "https"}:
        raise ConfigurationError(
            f"npm does not say which registry it uses (exit code {done.returncode}).",
            remedies=("See what 'npm config get registry' says, and set it.",),
        )
    scopes = {
        key.removesuffix(":registry"): _based(value)
        for key, value in words(told, most=10_000, longest=_LONGEST_WORD).items()
        if key.startswith("@") and key.endswith(":registry")
    }
    return NpmSettings(registry=_based(registry), scopes=scopes, cafile=text(told.get("cafile"), _LONGEST_WORD) or None)


def _based(address: str) -> str:
    return address.rstrip("/") + "/"


async def _parse(data: bytes, name: str) -> JsonObject:
    what = f"What the npm registry answered for {name}"
    value = await anyio.to_thread.run_sync(lambda: parse(data, what=what))
    return mapping(value)


def read_package(told: JsonObject, name: str) -> NpmPackage:
    """Read the metadata document of a package.

    Raises:
        PayloadError: It holds no versions.
    """
    times = {version: when for version, raw in mapping(told.get("time")).items() if (when := moment(raw)) is not None}
    manifests = list(mapping(told.get("versions")).items())[-_MOST_VERSIONS:]
    versions = {version: _version(mapping(raw), version, times.get(version)) for version, raw in manifests}
    if not versions:
        raise PayloadError(f"The npm registry's answer for {name} holds no versions.")
    latest = text(mapping(told.get("dist-tags")).get("latest")) or None
    return NpmPackage(name=name, latest=latest, versions=versions, released=times)


def _viewed(told: JsonObject, name: str) -> NpmPackage:
    """Read what ``npm view`` prints: one manifest, with the list of versions and times mixed in."""
    version = text(told.get("version"))
    return read_package({**told, "versions": {version: {**told, "versions": None}} if version else {}}, name)


def _version(manifest: JsonObject, version: str, released: datetime | None) -> NpmVersion:
    dist = mapping(manifest.get("dist"))
    optional = words(manifest.get("optionalDependencies"), most=_MOST_ENTRIES, longest=_LONGEST_WORD)
    needed = words(manifest.get("dependencies"), most=_MOST_ENTRIES, longest=_LONGEST_WORD)
    return NpmVersion(
        version=version,
        integrity=_integrity(dist),
        tarball=text(dist.get("tarball"), _LONGEST_WORD),
        released=released,
        ownership=text(manifest.get("mcpName"), 200) or None,
        install_scripts=_install_scripts(manifest),
        bin=_programs(manifest),
        dependencies={**needed, **optional},
        node=text(mapping(manifest.get("engines")).get("node"), 200),
        summary=text(manifest.get("description")),
        publisher=_publisher(manifest),
        licence=text(manifest.get("license"), 200),
        repository=text(mapping(manifest.get("repository")).get("url") or manifest.get("repository")),
        deprecated=text(manifest.get("deprecated")),
        uploader=text(mapping(manifest.get("_npmUser")).get("name"), 200),
        maintainers=frozenset(filter(None, map(_account, items(manifest.get("maintainers"), _MOST_ENTRIES)))),
        attested=_attested(dist),
    )


def _account(person: JsonValue) -> str:
    return text(mapping(person).get("name"), 200) or text(person, 200).partition(" ")[0]


def _attested(dist: JsonObject) -> bool | None:
    """Tell whether an attestation is served: registries that know of attestations sign what they serve."""
    if mapping(dist.get("attestations")):
        return True
    return False if items(dist.get("signatures"), 1) else None


def _integrity(dist: JsonObject) -> str:
    integrity = text(dist.get("integrity"), _LONGEST_WORD)
    if integrity:
        return integrity
    try:
        digest = bytes.fromhex(text(dist.get("shasum"), 40))
    except ValueError:
        return ""
    return "sha1-" + base64.b64encode(digest).decode() if digest else ""


def _install_scripts(manifest: JsonObject) -> dict[str, str]:
    scripts = words(manifest.get("scripts"), most=_MOST_ENTRIES, longest=100_000)
    found = {name: scripts[name][:_LONGEST_WORD] for name in _INSTALL_SCRIPTS if name in scripts}
    if not found and (manifest.get("hasInstallScript") is True or manifest.get("gypfile") is True):
        return {"install": "(not published)"}
    return found


def _programs(manifest: JsonObject) -> dict[str, str]:
    declared = manifest.get("bin")
    if isinstance(declared, str):
        return {text(manifest.get("name"), 214).rpartition("/")[2]: declared[:_LONGEST_WORD]}
    return words(declared, most=100, longest=_LONGEST_WORD)


def _publisher(manifest: JsonObject) -> str:
    people = (manifest.get("_npmUser"), *items(manifest.get("maintainers"), 1), manifest.get("author"))
    for person in people:
        name = text(mapping(person).get("name"), 200) or text(person, 200)
        if name:
            return name
    return ""


def _said(problem: JsonObject, done: Completed) -> str:
    said = text(problem.get("summary"), 200)
    return said or f"exit code {done.returncode}"


def _unknown(name: str) -> DiscoveryError:
    return DiscoveryError(
        f"There is no npm package {name}, or this registry does not show it.",
        stage="discover",
        remedies=("Check the spelling of the package's name.",),
    )
