"""An MCP registry (API v0.1) as a source: its pages are read whole, kept for an hour, and ranked here.

The registries' own search looks for a substring of the name only, so it is never used.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.ranking import Ranking
from vsm_mcp.acquisition.discovery.reading import items, mapping, parse, text
from vsm_mcp.errors import LinkError, PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary, Variable
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.http import Http

PAGE_SIZE = 100
MOST_PAGES = 500
MOST_SERVERS = 50_000
LARGEST_PAGE = 5_000_000
KEPT_FOR = timedelta(hours=1)

_OFFICIAL = "io.modelcontextprotocol.registry/official"
_ECOSYSTEMS = ("npm", "pypi")
_SERVER_NAME = re.compile(r"[A-Za-z0-9.-]{1,100}/[A-Za-z0-9._-]{1,100}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LONGEST_TITLE = 200
_LONGEST_WORD = 1000
_MOST_PACKAGES = 20
_MOST_VARIABLES = 64
_MOST_ARGUMENTS = 64
_MOST_TOOLS = 256


@dataclass(frozen=True, slots=True)
class _Snapshot:
    taken: datetime
    candidates: tuple[Candidate, ...]
    ranking: Ranking


class McpRegistrySource:
    """The servers of one registry: the official one, a company's, a mirror.

    Args:
        base_url: Its address, without ``/v0.1``.
        http: Sends the requests.
        clock: Says when the pages are too old.
        kept_for: After how long they are.
    """

    def __init__(self, base_url: str, http: Http, clock: Clock, *, kept_for: timedelta = KEPT_FOR) -> None:
        """Keep the address; nothing is asked yet."""
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise PayloadError("A registry needs an http or https address.", remedies=("Write it as https://HOST.",))
        self.name: str = f"registry:{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._clock = clock
        self._kept_for = kept_for
        self._snapshot: _Snapshot | None = None
        self._reading = anyio.Lock()
        self._start_over()

    def __repr__(self) -> str:
        """Show its name."""
        return f"McpRegistrySource({self.name!r})"

    async def search(self, wanted: str, *, limit: int) -> Sequence[Candidate]:
        """Return the servers that have words of what is ``wanted``, best first, and one of exactly that name.

        Raises:
            LinkError: The registry did not answer.
            PayloadError: Its answer makes no sense.
        """
        snapshot = await self._current()
        hits = await anyio.to_thread.run_sync(lambda: snapshot.ranking.search(wanted, limit=limit))
        exact = [one for one in snapshot.candidates if wanted in {one.name, one.package.name}]
        found = (snapshot.candidates[int(hit.key)] for hit in hits)
        return (*exact, *(one for one in found if one not in exact))[:limit]

    async def _current(self) -> _Snapshot:
        async with self._reading:
            now = self._clock.now()
            if self._snapshot is None or now - self._snapshot.taken >= self._kept_for:
                candidates = await self._read()
                ranking = await anyio.to_thread.run_sync(_indexed, candidates)
                self._snapshot = _Snapshot(now, candidates, ranking)
            return self._snapshot

    async def _read(self) -> tuple[Candidate, ...]:
        """Read the pages, going on where an earlier call was stopped by its deadline."""
        while self._pages < MOST_PAGES and len(self._read_so_far) < MOST_SERVERS:
            servers, following = await self._page(self._cursor)
            self._pages += 1
            for one in (one for raw in servers for one in candidates_of(raw, self.name)):
                self._read_so_far[f"{one.name} {one.package.ecosystem}:{one.package.name}"] = one
            if not following or following == self._cursor:
                break
            self._cursor = following
        candidates = tuple(self._read_so_far.values())
        self._start_over()
        return candidates

    def _start_over(self) -> None:
        self._read_so_far: dict[str, Candidate] = {}
        self._cursor = ""
        self._pages = 0

    async def _page(self, cursor: str) -> tuple[Sequence[JsonValue], str]:
        after = f"&cursor={quote(cursor, safe='')}" if cursor else ""
        address = f"{self._base_url}/v0.1/servers?limit={PAGE_SIZE}&version=latest{after}"
        reply = await self._http.send("GET", address, headers={"accept": "application/json"}, limit=LARGEST_PAGE)
        if not reply.ok:
            raise LinkError(
                f"The registry answered {reply.status}.", remedies=("Check its address, or try again later.",)
            )
        told = mapping(parse(reply.body, what=f"The page of {self.name}"))
        if not isinstance(told.get("servers"), list):
            raise PayloadError(f"The page of {self.name} has no list of servers.")
        following = mapping(told.get("metadata")).get("nextCursor")
        return items(told["servers"], PAGE_SIZE * 10), following if isinstance(following, str) else ""


def candidates_of(raw: JsonValue, source: str) -> tuple[Candidate, ...]:
    """Read one entry of a registry page: one candidate per npm or PyPI package that speaks over standard streams.

    What is deleted, is not the latest version, has no such package or makes no sense gives none; it never raises.
    """
    entry = mapping(raw)
    server = mapping(entry.get("server")) or entry
    name = server.get("name")
    if not isinstance(name, str) or not _SERVER_NAME.fullmatch(name) or not _is_current(entry, server):
        return ()
    packages = (mapping(package) for package in items(server.get("packages"), _MOST_PACKAGES))
    return tuple(one for package in packages for one in _candidate(server, package, name=name, source=source))


def _is_current(entry: JsonObject, server: JsonObject) -> bool:
    meta = mapping(entry.get("_meta")) or mapping(server.get("_meta"))
    official = mapping(meta.get(_OFFICIAL)) or meta
    deleted = "deleted" in (official.get("status"), server.get("status"))
    return not deleted and official.get("isLatest", official.get("is_latest")) is not False


def _candidate(server: JsonObject, package: JsonObject, *, name: str, source: str) -> Iterator[Candidate]:
    ecosystem = text(_either(package, "registryType", "registry_type", "registry_name")).lower()
    transport = text(mapping(package.get("transport")).get("type")) or "stdio"
    if ecosystem not in _ECOSYSTEMS or transport != "stdio":
        return
    reference = _reference(ecosystem, package, server)
    if reference is None:
        return
    arguments, complete = _arguments(_either(package, "packageArguments", "package_arguments"))
    variables = _variables(_either(package, "environmentVariables", "environment_variables"))
    unset = any(variable.required for variable in variables)
    yield Candidate(
        name=name,
        source=source,
        package=reference,
        version=reference.version,
        title=text(server.get("title"), _LONGEST_TITLE),
        summary=text(server.get("description")),
        publisher=name.partition("/")[0],
        arguments=arguments,
        environment=variables,
        tools=_tools(server),
        repository=text(mapping(server.get("repository")).get("url")),
        readiness=Readiness.UNTRIED if complete and not unset else Readiness.NEEDS_CONFIGURATION,
    )


def _either(told: JsonObject, *keys: str) -> JsonValue:
    """Return the first value there is: the schema's revisions spell their keys differently."""
    return next((told[key] for key in keys if told.get(key) is not None), None)


def _reference(ecosystem: str, package: JsonObject, server: JsonObject) -> PackageRef | None:
    identifier = _either(package, "identifier", "name")
    version = _either(package, "version") or mapping(server.get("version_detail")).get("version")
    if not isinstance(identifier, str):
        return None
    try:
        return PackageRef(ecosystem=ecosystem, name=identifier, version=version if isinstance(version, str) else None)
    except PayloadError:
        return None


def _arguments(told: JsonValue) -> tuple[tuple[str, ...], bool]:
    """Return the words that are fixed, and whether they are all that the server needs."""
    words: list[str] = []
    complete = True
    for raw in items(told, _MOST_ARGUMENTS):
        argument = mapping(raw)
        value = _either(argument, "value", "default")
        required = argument.get("isRequired", argument.get("is_required")) is True
        if not isinstance(value, str) or not _is_fixed(value):
            complete = complete and not required and "value" not in argument
            continue
        named = text(argument.get("type")) == "named"
        words += [text(argument.get("name"), _LONGEST_WORD)] if named else []
        words += [value] if value or not named else []
    return tuple(words), complete


def _is_fixed(value: str) -> bool:
    return len(value) <= _LONGEST_WORD and value.isprintable() and not re.search(r"\{\w+\}", value)


def _variables(told: JsonValue) -> tuple[Variable, ...]:
    variables: list[Variable] = []
    for raw in items(told, _MOST_VARIABLES):
        variable = mapping(raw)
        name = variable.get("name")
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            continue
        given = _either(variable, "value", "default")
        default = given if isinstance(given, str) and _is_fixed(given) else None
        required = variable.get("isRequired", variable.get("is_required")) is True
        variables.append(
            Variable(
                name=name,
                description=text(variable.get("description"), _LONGEST_WORD),
                required=required and default is None,
                secret=variable.get("isSecret", variable.get("is_secret")) is True,
                default=default,
            )
        )
    return tuple(variables)


def _tools(server: JsonObject) -> tuple[ToolSummary, ...]:
    """Read tools where a registry publishes them; the format itself has no place for them."""
    published = mapping(mapping(server.get("_meta")).get("io.modelcontextprotocol.registry/publisher-provided"))
    told = (mapping(tool) for tool in items(_either(server, "tools") or published.get("tools"), _MOST_TOOLS))
    pairs = ((text(tool.get("name"), _LONGEST_TITLE), text(tool.get("description"), 600)) for tool in told)
    return tuple(ToolSummary(name=name, description=description) for name, description in pairs if name)


def _indexed(candidates: Sequence[Candidate]) -> Ranking:
    return Ranking(Document.of(candidate, str(number)) for number, candidate in enumerate(candidates))
