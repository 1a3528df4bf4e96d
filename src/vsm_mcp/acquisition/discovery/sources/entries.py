"""One entry of a registry, in any of the known revisions of its format, read leniently: what it cannot say is left out.

Keys are spelled in camel case or with underscores, facts about the entry stand beside it or in it, and fields that
make no sense are passed over; only an entry without a name that can be one is none at all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from vsm_mcp.acquisition.discovery.index.documents import (
    LONGEST_NAME,
    LONGEST_TOOL_TEXT,
    MOST_TOOLS,
)
from vsm_mcp.acquisition.discovery.reading import items, mapping, text
from vsm_mcp.acquisition.discovery.source import Description
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary, Variable

_OFFICIAL = "io.modelcontextprotocol.registry/official"
_PROVIDED = "io.modelcontextprotocol.registry/publisher-provided"
_BESIDE = "x-io.modelcontextprotocol.registry"
_ECOSYSTEMS = ("npm", "pypi")
_SERVER_NAME = re.compile(r"[A-Za-z0-9.-]{1,100}/[A-Za-z0-9._-]{1,100}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SUBFOLDER = re.compile(r"[A-Za-z0-9._@+-]+(/[A-Za-z0-9._@+-]+){0,15}")
_TO_FILL_IN = re.compile(r"\{\w+\}")
_LONGEST_WORD = 1000
_LONGEST_KEYWORD = 50
_MOST_KEYWORDS = 32
_MOST_PACKAGES = 20
_MOST_VARIABLES = 64
_MOST_ARGUMENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a registry says about one version of a server.

    Attributes:
        name: The server's name.
        candidates: One per package of npm or PyPI that speaks over standard streams.
        description: Words about it when it has no such package but a known place of its source code.
        deleted: The registry takes it back.
        latest: Whether it is the newest version; ``None`` when the entry does not say.
    """

    name: str
    candidates: tuple[Candidate, ...] = ()
    description: Description | None = None
    deleted: bool = False
    latest: bool | None = None

    @property
    def tools(self) -> int:
        """How many tools its candidates and its description have, all together."""
        described = len(self.description.tools) if self.description else 0
        return described + sum(len(one.tools) for one in self.candidates)


def read_entry(raw: JsonValue, source: str) -> Entry | None:
    """Return what an entry says, or ``None`` when it makes no sense; it never raises."""
    outer = mapping(raw)
    server = mapping(outer.get("server")) or outer
    name = server.get("name")
    if not isinstance(name, str) or not _SERVER_NAME.fullmatch(name):
        return None
    facts = _facts(outer, server)
    packages = (mapping(package) for package in items(server.get("packages"), _MOST_PACKAGES))
    candidates = tuple(one for package in packages for one in _candidate(server, package, name=name, source=source))
    status = (facts.get("status"), server.get("status"))
    latest = _either(facts, "isLatest", "is_latest")
    if latest is None:
        latest = mapping(server.get("version_detail")).get("is_latest")
    return Entry(
        name=name,
        candidates=tuple(replace(one, deprecated=True) for one in candidates) if "deprecated" in status else candidates,
        description=None if candidates else _description(server, name=name, source=source),
        deleted="deleted" in status,
        latest=latest if isinstance(latest, bool) else None,
    )


def address_of(told: JsonValue, subfolder: JsonValue = None) -> str:
    """Return the address of source code, with the folder in it that is meant; empty when it is not on the web."""
    address = text(told).split("#", 1)[0].split("?", 1)[0].rstrip("/").removesuffix(".git")
    try:
        parts = urlsplit(address)
        on_the_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return ""
    folder = text(subfolder).strip("/").removeprefix("./")
    if not on_the_web or not folder or folder == ".":
        return address if on_the_web else ""
    if not _SUBFOLDER.fullmatch(folder) or ".." in folder.split("/"):
        return ""  # which part of the code is meant is not known
    return address if address.endswith(f"/{folder}") else f"{address}/tree/HEAD/{quote(folder)}"


def tools_of(told: JsonValue) -> tuple[ToolSummary, ...]:
    """Read a list of tools, or of their names."""
    summaries: list[ToolSummary] = []
    for raw in items(told, MOST_TOOLS):
        tool = mapping(raw)
        name = text(raw if isinstance(raw, str) else tool.get("name"), LONGEST_NAME)
        if name:
            summaries.append(ToolSummary(name=name, description=text(tool.get("description"), LONGEST_TOOL_TEXT)))
    return tuple(summaries)


def keywords_of(*told: JsonValue) -> tuple[str, ...]:
    """Read words to find a server by: lists of them, or single ones."""
    words = (word for value in told for word in (items(value, _MOST_KEYWORDS) or (value,)))
    return tuple(dict.fromkeys(filter(None, (text(word, _LONGEST_KEYWORD) for word in words))))[:_MOST_KEYWORDS]


def _facts(outer: JsonObject, server: JsonObject) -> JsonObject:
    """Return what the registry itself says about an entry: beside it, in it, under its own key or flat."""
    meta = mapping(outer.get("_meta")) or mapping(server.get("_meta"))
    return mapping(meta.get(_OFFICIAL)) or mapping(outer.get(_BESIDE)) or meta


def _either(told: JsonObject, *keys: str) -> JsonValue:
    """Return the first value there is: the format's revisions spell their keys differently."""
    return next((told[key] for key in keys if told.get(key) is not None), None)


def _repository(server: JsonObject) -> str:
    told = mapping(server.get("repository"))
    return address_of(told.get("url"), told.get("subfolder"))


def _provided(server: JsonObject) -> JsonObject:
    return mapping(mapping(server.get("_meta")).get(_PROVIDED))


def _description(server: JsonObject, *, name: str, source: str) -> Description | None:
    address = _repository(server)
    if not address:
        return None
    return Description(
        name=name,
        source=source,
        repository=address,
        title=text(server.get("title"), LONGEST_NAME),
        summary=text(server.get("description")),
        keywords=_keywords(server),
        tools=_tools(server),
    )


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
        title=text(server.get("title"), LONGEST_NAME),
        summary=text(server.get("description")),
        keywords=_keywords(server),
        publisher=name.partition("/")[0],
        arguments=arguments,
        environment=variables,
        tools=_tools(server),
        repository=_repository(server) or text(mapping(server.get("repository")).get("url")),
        readiness=Readiness.UNTRIED if complete and not unset else Readiness.NEEDS_CONFIGURATION,
    )


def _reference(ecosystem: str, package: JsonObject, server: JsonObject) -> PackageRef | None:
    identifier = _either(package, "identifier", "name")
    version = _either(package, "version") or mapping(server.get("version_detail")).get("version")
    if not isinstance(identifier, str):
        return None
    exact = version if isinstance(version, str) and version != "latest" else None
    try:
        return PackageRef(ecosystem=ecosystem, name=identifier, version=exact)
    except PayloadError:
        return None


def _arguments(told: JsonValue) -> tuple[tuple[str, ...], bool]:
    """Return the words that are fixed, and whether they are all that the server needs."""
    words: list[str] = []
    complete = True
    for raw in items(told, _MOST_ARGUMENTS):
        argument = mapping(raw)
        value = _either(argument, "value", "default")
        required = _either(argument, "isRequired", "is_required") is True
        if not isinstance(value, str) or not _is_fixed(value):
            complete = complete and not required and "value" not in argument
            continue
        named = text(argument.get("type")) == "named"
        words += [text(argument.get("name"), _LONGEST_WORD)] if named else []
        words += [value] if value or not named else []
    return tuple(words), complete


def _is_fixed(value: str) -> bool:
    return len(value) <= _LONGEST_WORD and value.isprintable() and not _TO_FILL_IN.search(value)


def _variables(told: JsonValue) -> tuple[Variable, ...]:
    variables: list[Variable] = []
    for raw in items(told, _MOST_VARIABLES):
        variable = mapping(raw)
        name = variable.get("name")
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            continue
        given = _either(variable, "value", "default")
        default = given if isinstance(given, str) and _is_fixed(given) else None
        required = _either(variable, "isRequired", "is_required") is True
        variables.append(
            Variable(
                name=name,
                description=text(variable.get("description"), _LONGEST_WORD),
                required=required and default is None,
                secret=_either(variable, "isSecret", "is_secret") is True,
                default=default,
            )
        )
    return tuple(variables)


def _keywords(server: JsonObject) -> tuple[str, ...]:
    provided = _provided(server)
    return keywords_of(
        *(told.get(key) for told in (server, provided) for key in ("keywords", "tags", "category", "categories"))
    )


def _tools(server: JsonObject) -> tuple[ToolSummary, ...]:
    """Read tools where a registry publishes them; the format itself has no place for them."""
    return tools_of(_either(server, "tools") or _provided(server).get("tools"))
