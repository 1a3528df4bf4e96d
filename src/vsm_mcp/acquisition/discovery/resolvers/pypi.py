"""PyPI as a resolver: what the user's own package index says about a project. It never searches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import anyio
import anyio.to_thread
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from vsm_mcp.acquisition.discovery.reading import items, mapping, parse, text
from vsm_mcp.acquisition.discovery.resolvers.files import (
    MOST_FILES,
    PyPIFile,
    by_version,
    files_of_page,
    json_file,
    simple_file,
    yanked,
)
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes, ask_indexes
from vsm_mcp.errors import DiscoveryError, LinkError, PayloadError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.world.http import Http, Reply
from vsm_mcp.world.processes import Processes

LARGEST_METADATA = 30_000_000

_LONGEST_README = 1_000_000
_NOT_THERE = (404, 410)
_OK = 200
_OWNERSHIP = re.compile(r"mcp-name:\s*([A-Za-z0-9.-]{1,100}/[A-Za-z0-9._-]{1,100})")
_ACCEPT = {"accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PyPIProject:
    """What an index says about a project and one version of it.

    Attributes:
        name: Its name, normalised.
        version: The version asked for, else the latest stable one that was not withdrawn.
        files: The files of each version, by version.
        ownership: The server name that this version's description claims (``mcp-name:``); ``None`` when it claims none.
        described: Whether the index served the description of this version: without it, ``ownership`` says nothing.
        summary: Its own one-line description.
        publisher: Its author or maintainer, as stated.
        licence: As stated.
        repository: Where its source is, as stated.
    """

    name: str
    version: str
    files: Mapping[str, tuple[PyPIFile, ...]] = field(default_factory=dict[str, tuple[PyPIFile, ...]])
    ownership: str | None = None
    described: bool = False
    summary: str = ""
    publisher: str = ""
    licence: str = ""
    repository: str = ""

    def of(self, version: str | None = None) -> tuple[PyPIFile, ...]:
        """Return the files of ``version``, or of the version this is about."""
        return self.files.get(version or self.version, ())

    def released(self, version: str | None = None) -> datetime | None:
        """Return when the first file of ``version`` was uploaded; ``None`` when the index does not say."""
        return min((file.released for file in self.of(version) if file.released), default=None)

    def has_wheel(self, version: str | None = None) -> bool:
        """Return whether ``version`` can be installed without building it."""
        return any(file.wheel for file in self.of(version))

    def yanked(self, version: str | None = None) -> str:
        """Return why ``version`` was withdrawn; empty when it was not."""
        return yanked(self.of(version))

    @property
    def requires_python(self) -> str:
        """The range of Python versions that this version asks for."""
        return next((file.requires_python for file in self.of() if file.requires_python), "")


class PyPIIndex:
    """Asks the package index that the user's uv and pip are configured for.

    The addresses come from uv's and pip's own configuration, once. The index's JSON interface is asked first, its
    simple pages where there is none; each index only about what those before it do not know. The certificates that pip
    is configured for (``cert``) are trusted, unless ``SSL_CERT_FILE`` names others.

    Args:
        http: Sends the requests.
        processes: Runs the clients to ask for their configuration.
    """

    name = "pypi"

    def __init__(self, http: Http, processes: Processes) -> None:
        """Keep the ports; nothing is asked yet."""
        self._http = http
        self._processes = processes
        self._indexes: PyPIIndexes | None = None
        self._asking = anyio.Lock()

    def __repr__(self) -> str:
        """Say what it is."""
        return "PyPIIndex()"

    async def indexes(self) -> PyPIIndexes:
        """Return where packages come from, as uv and pip report it.

        Raises:
            ConfigurationError: Neither can say.
        """
        async with self._asking:
            if self._indexes is None:
                self._indexes = await ask_indexes(self._processes)
            return self._indexes

    async def metadata(self, name: str, version: str | None = None) -> PyPIProject:
        """Return what the index says about the project ``name`` and one version of it.

        Raises:
            DiscoveryError: There is no such project or version.
            LinkError: No index knows it, and at least one did not answer.
            PayloadError: ``name`` is no project name, or the answer makes no sense.
            ConfigurationError: The address of the index cannot be found out.
        """
        PackageRef(ecosystem="pypi", name=name, version=version)
        indexes = await self.indexes()
        silent: LinkError | None = None
        for index in indexes.in_order:
            try:
                project = await self._ask(index, canonicalize_name(name), version)
            except LinkError as error:
                silent = error
                continue
            if project is not None:
                return project
        if silent is not None:
            raise silent
        raise DiscoveryError(
            f"There is no PyPI project {name}, or this index does not show it.",
            stage="discover",
            remedies=("Check the spelling of the project's name.",),
        )

    async def described(self, name: str, version: str) -> JsonObject | None:
        """Return what the JSON interface says about one version; ``None`` where there is none, or it does not know it.

        Raises:
            LinkError: No index knows it, and at least one did not answer.
            PayloadError: The answer makes no sense.
            ConfigurationError: The address of the index cannot be found out.
        """
        indexes = await self.indexes()
        silent: LinkError | None = None
        for index in indexes.in_order:
            try:
                told = await self._json(index, f"{canonicalize_name(name)}/{quote(version)}/json")
            except LinkError as error:
                silent = error
                continue
            if told is not None:
                return told
        if silent is not None:
            raise silent
        return None

    async def files(self, name: str) -> Mapping[str, tuple[PyPIFile, ...]]:
        """Return the files of each version as the simple pages list them; nothing when no index lists any.

        Raises:
            LinkError: An index did not answer.
            PayloadError: The answer makes no sense.
            ConfigurationError: The address of the index cannot be found out.
        """
        indexes = await self.indexes()
        for index in indexes.in_order:
            listed = await self._listed(index, canonicalize_name(name))
            if listed:
                return listed
        return {}

    async def candidate(self, package: PackageRef) -> Candidate:
        """Return an exact package as a candidate, after the index confirmed that it exists.

        Raises:
            DiscoveryError: There is no such project or version.
            LinkError: The index did not answer.
        """
        known = await self.metadata(package.name, package.version)
        return Candidate(
            name=package.name,
            source="package",
            package=PackageRef(ecosystem="pypi", name=package.name, version=known.version),
            version=known.version,
            summary=known.summary,
            publisher=known.publisher,
            repository=known.repository,
        )

    async def _ask(self, index: str, name: str, version: str | None) -> PyPIProject | None:
        told = await self._json(index, f"{name}/json")
        if told is None:
            return await self._ask_simply(index, name, version)
        project = _project(told, name, version, base=f"{index}../pypi/{name}/json")
        if project.described:
            return project
        older = await self._json(index, f"{name}/{project.version}/json")
        return project if older is None else _described(project, mapping(older.get("info")))

    async def _json(self, index: str, rest: str) -> JsonObject | None:
        if urlsplit(index).scheme == "file" or not index.endswith("/simple/"):
            return None
        reply = await self._get(f"{index.removesuffix('simple/')}pypi/{rest}", {})
        if reply is None or "json" not in reply.headers.get("content-type", "json"):
            return None
        return mapping(await _parse(reply.body, rest))

    async def _ask_simply(self, index: str, name: str, version: str | None) -> PyPIProject | None:
        files = await self._listed(index, name)
        return None if files is None else PyPIProject(name=name, version=_chosen(files, name, version), files=files)

    async def _listed(self, index: str, name: str) -> Mapping[str, tuple[PyPIFile, ...]] | None:
        address = f"{index}{name}/"
        reply = await self._page(address)
        if reply is None:
            return None
        if "json" in reply.headers.get("content-type", ""):
            told = mapping(await _parse(reply.body, name))
            found = [simple_file(mapping(raw), address) for raw in items(told.get("files"), MOST_FILES)]
        else:
            found = await anyio.to_thread.run_sync(files_of_page, reply.body, address)
        return by_version(found, name)

    async def _page(self, address: str) -> Reply | None:
        if urlsplit(address).scheme != "file":
            return await self._get(address, _ACCEPT)
        return await anyio.to_thread.run_sync(_read_page, Path(unquote(urlsplit(address).path)) / "index.html")

    async def _get(self, address: str, headers: Mapping[str, str]) -> Reply | None:
        cafile = (await self.indexes()).cafile
        reply = await self._http.send("GET", address, headers=headers, limit=LARGEST_METADATA, cafile=cafile)
        if reply.status in _NOT_THERE:
            return None
        if not reply.ok:
            raise LinkError(
                f"The package index answered {reply.status}.",
                remedies=("Try again later, or check the index that 'pip config list' or UV_DEFAULT_INDEX names.",),
            )
        return reply


async def _parse(data: bytes, name: str) -> JsonObject:
    what = f"What the package index answered for {name}"
    return mapping(await anyio.to_thread.run_sync(lambda: parse(data, what=what)))


def _read_page(path: Path) -> Reply | None:
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST_METADATA + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LinkError(f"The index page {path} cannot be read: {error}.") from error
    if len(body) > LARGEST_METADATA:
        raise PayloadError(f"The index page {path} has more than {LARGEST_METADATA} bytes.")
    return Reply(status=_OK, headers={"content-type": "text/html"}, body=body)


def _project(told: JsonObject, name: str, version: str | None, *, base: str) -> PyPIProject:
    info = mapping(told.get("info"))
    files: dict[str, tuple[PyPIFile, ...]] = {}
    for release, raw in list(mapping(told.get("releases")).items())[:MOST_FILES]:
        read = tuple(json_file(mapping(one), release, base) for one in items(raw, MOST_FILES))
        if read:
            files[release] = read
    current = text(info.get("version"), 255)
    if current and current not in files:
        read = tuple(json_file(mapping(one), current, base) for one in items(told.get("urls"), MOST_FILES))
        files |= {current: read} if read else {}
    chosen = _chosen(files, name, version or (current if current in files else None))
    project = PyPIProject(name=name, version=chosen, files=files)
    return _described(project, info) if chosen == current else project


def _described(project: PyPIProject, info: JsonObject) -> PyPIProject:
    readme = info.get("description")
    found = _OWNERSHIP.search(readme[:_LONGEST_README]) if isinstance(readme, str) else None
    people = (text(info.get(key), 200) for key in ("author", "author_email", "maintainer", "maintainer_email"))
    licences = (text(info.get(key), 200) for key in ("license_expression", "license"))
    return PyPIProject(
        name=project.name,
        version=project.version,
        files=project.files,
        ownership=found.group(1) if found else None,
        described=isinstance(readme, str),
        summary=text(info.get("summary")),
        publisher=next((person for person in people if person), ""),
        licence=next((licence for licence in licences if licence), ""),
        repository=_repository(info),
    )


def _repository(info: JsonObject) -> str:
    links = {key.casefold(): text(value) for key, value in mapping(info.get("project_urls")).items()}
    for key in ("repository", "source", "source code", "github", "homepage"):
        if links.get(key):
            return links[key]
    return text(info.get("home_page"))


def _chosen(files: Mapping[str, tuple[PyPIFile, ...]], name: str, version: str | None) -> str:
    wanted = _latest(files) if version is None else version
    if wanted in files:
        return wanted
    same = [known for known in files if wanted and _order(known) == _order(wanted) != _order("")]
    if same:
        return same[0]
    raise DiscoveryError(
        f"The PyPI project {name} has no version {version or 'that can be installed'}.",
        stage="discover",
        remedies=(f"Name one of its {len(files)} versions, such as pypi:{name}@VERSION.",),
    )


def _latest(files: Mapping[str, tuple[PyPIFile, ...]]) -> str:
    """Return the newest version, preferring stable ones and those that were not withdrawn."""

    def rank(version: str) -> tuple[bool, bool, Version]:
        order = _order(version)
        return (not all(file.yanked for file in files[version]), not order.is_prerelease, order)

    return max(files, key=rank, default="")


def _order(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:
        return Version("0.dev0")
