"""Docker's catalogue of servers, as a checkout or one file: its images are of no use here, its words are.

The catalogue names images, never packages of npm or PyPI. So its servers are no candidates: their words and tools
make the package of the same repository easier to find.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import anyio.to_thread

from vsm_mcp.acquisition.discovery.index.documents import LONGEST_NAME
from vsm_mcp.acquisition.discovery.reading import clean, items, mapping, parse, text
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.acquisition.discovery.sources.entries import address_of, keywords_of, tools_of
from vsm_mcp.acquisition.discovery.sources.files import FRESH_FOR, FoundFile, look, mark_of, read_found
from vsm_mcp.acquisition.discovery.sources.pages import MOST_TOOLS_IN_ALL, too_many_tools
from vsm_mcp.errors import ExtraMissingError, PayloadError, VSMError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.server import ToolSummary

try:
    import yaml
    from yaml.cyaml import CBaseLoader
except ImportError as _missing:
    raise ExtraMissingError("docker") from _missing

MOST_SERVERS = 20_000
LARGEST_CATALOGUE = 16_000_000
LARGEST_ENTRY = 256_000
LARGEST_TOOLS = 4_000_000
DEEPEST = 32
MOST_EVENTS = 1_000_000

_ENTRY = "server.yaml"
_TOOLS = "tools.json"


class DockerCatalogSource:
    """The servers of Docker's catalogue.

    Args:
        path: A checkout of it (``servers/NAME/server.yaml``, with ``tools.json`` beside it where there is one), or a
            catalogue file in YAML or JSON with the servers under ``registry``.
        name: What it is called in reports.
        fresh_for: How often it is looked whether something changed.

    Attributes:
        name: What it is called in reports.
        identity: Which catalogue this is: the absolute path.
        fresh_for: How often it is looked whether something changed.
    """

    def __init__(self, path: str | Path, *, name: str = "docker", fresh_for: timedelta = FRESH_FOR) -> None:
        """Keep the path; nothing is read yet."""
        self._path = Path(path).expanduser().absolute()
        self.name: str = name
        self.identity: str = f"docker:{self._path}"
        self.fresh_for: timedelta = fresh_for

    def __repr__(self) -> str:
        """Show the path."""
        return f"DockerCatalogSource({str(self._path)!r})"

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return descriptions of all servers whose source code has a known place; ``known`` if nothing changed.

        Raises:
            ConfigurationError: There is no such file or directory, or it cannot be read.
            PayloadError: It is no such catalogue, or there is too much of it.
        """
        return await anyio.to_thread.run_sync(self._list, known)

    def _list(self, known: Listing | None) -> Listing:
        servers = self._path / "servers"
        found = look(servers if servers.is_dir() else self._path, lambda name: name in {_ENTRY, _TOOLS})
        mark = mark_of(self._path, found)
        if known is not None and known.mark == mark:
            return known
        one_file = len(found) == 1 and found[0].path == self._path.resolve()
        told = list(self._bounded(self._catalogue(found[0]) if one_file else self._checkout(found)))
        if not any(description is not None for description in told):
            raise PayloadError(
                f"{self._path} holds no catalogue of servers.",
                remedies=("Give the path of a checkout, which has a folder 'servers', or of a catalogue file.",),
            )
        descriptions = [description for description in told if description is not None]
        return Listing(
            descriptions=tuple(one for one in descriptions if one.repository),
            mark=mark,
            omitted=len(told) - len(descriptions),
        )

    def _bounded(self, told: Iterable[Description | None]) -> Iterator[Description | None]:
        tools = 0
        for one in told:
            tools += 0 if one is None else len(one.tools)
            if tools > MOST_TOOLS_IN_ALL:
                raise too_many_tools(self.name)
            yield one

    def _checkout(self, found: tuple[FoundFile, ...]) -> Iterator[Description | None]:
        """Return one description per ``server.yaml``; ``None`` where it makes no sense."""
        tools = {file.path.parent: file for file in found if file.path.name == _TOOLS}
        for file in [file for file in found if file.path.name == _ENTRY][:MOST_SERVERS]:
            try:
                told = mapping(read_yaml(read_found(file, LARGEST_ENTRY), what=file.name))
                beside = tools.get(file.path.parent)
                published = () if beside is None else _tools_in(beside)
            except VSMError:
                yield None
                continue
            about, source = mapping(told.get("about")), mapping(told.get("source"))
            yield self._description(
                {**about, "name": told.get("name"), "metadata": told.get("meta")},
                repository=address_of(source.get("project"), source.get("directory")),
                tools=published,
            )

    def _catalogue(self, file: FoundFile) -> Iterator[Description | None]:
        """Return one description per server of a catalogue file; ``None`` where it makes no sense."""
        data = read_found(file, LARGEST_CATALOGUE)
        what = clean(file.name)
        told = parse(data, what=what) if file.path.suffix == ".json" else read_yaml(data, what=what)
        servers: Mapping[str, JsonValue] = mapping(mapping(told).get("registry"))
        for name, raw in list(servers.items())[:MOST_SERVERS]:
            server = mapping(raw)
            yield self._description(
                {**server, "name": name},
                repository=address_of(server.get("upstream") or server.get("source")),
                tools=tools_of(server.get("tools")),
            )

    def _description(self, told: JsonObject, *, repository: str, tools: tuple[ToolSummary, ...]) -> Description | None:
        name = text(told.get("name"), LONGEST_NAME)
        summary = text(told.get("description"))
        if not name or not summary:
            return None
        metadata = mapping(told.get("metadata"))
        return Description(
            name=name,
            source=self.name,
            repository=repository,
            title=text(told.get("title"), LONGEST_NAME),
            summary=summary,
            keywords=keywords_of(metadata.get("category"), metadata.get("tags")),
            tools=tools,
        )


def read_yaml(data: bytes, *, what: str) -> JsonValue:
    """Return the one document in ``data``, all its scalars as text; no tag means anything, and no alias is followed.

    Raises:
        PayloadError: It is no YAML, is nested too deeply, is too large, or uses aliases.
    """
    try:
        _insist_on_plain(data, what)
        value: JsonValue = yaml.load(data, Loader=CBaseLoader)  # noqa: S506 - it makes texts, lists and mappings only
    except (yaml.YAMLError, ValueError) as error:
        raise PayloadError(f"{what} is not readable YAML: {type(error).__name__}.") from error
    return value


def _insist_on_plain(data: bytes, what: str) -> None:
    """Look at the events only, which takes no room, before anything is built of them."""
    loader = CBaseLoader(data)
    depth = count = 0
    try:
        while (event := loader.get_event()) is not None:
            count += 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or count > MOST_EVENTS or isinstance(event, yaml.AliasEvent):
                raise PayloadError(f"{what} is nested too deeply, is too large, or uses aliases.")
    finally:
        loader.dispose()


def _tools_in(file: FoundFile) -> tuple[ToolSummary, ...]:
    return tools_of(items(parse(read_found(file, LARGEST_TOOLS), what=file.name), MOST_SERVERS))
