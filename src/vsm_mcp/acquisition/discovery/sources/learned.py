"""What servers proven here list as their tools: few registries publish it, and nothing finds a server better."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import anyio

from vsm_mcp.acquisition.discovery.index.documents import LONGEST_NAME, LONGEST_TOOL_TEXT, MOST_TOOLS
from vsm_mcp.acquisition.discovery.memory.merging import LEARNED, key_of
from vsm_mcp.acquisition.discovery.reading import clean, items, mapping, moment, parse, text
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Description, Listing
from vsm_mcp.acquisition.discovery.sources.entries import tools_of
from vsm_mcp.errors import ContentionError, PayloadError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import PackageRef, Proven, ToolSummary
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.files import Files

MOST_SERVERS = 2_000
LARGEST_FILE = 16_000_000
PATIENCE = 5.0

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
    """The tools of one package, as it listed them when it was proven last."""

    name: str
    package: PackageRef
    learned: datetime
    tools: tuple[ToolSummary, ...]

    def written(self) -> JsonValue:
        """Return it as it is kept."""
        return {
            "name": self.name,
            "package": {
                "ecosystem": self.package.ecosystem,
                "name": self.package.name,
                "version": self.package.version,
            },
            "learned": self.learned.isoformat(),
            "tools": [{"name": tool.name, "description": tool.description} for tool in self.tools],
        }

    def same_as(self, other: "_Learnt | None") -> bool:
        """Tell whether ``other`` says the same, whenever it was learnt."""
        return other is not None and (self.package, self.tools) == (other.package, other.tools)


class LearnedToolsSource:
    """Knows the tools of every server that was proven by this system, also in earlier processes.

    It makes no candidates: what it knows belongs to the candidates of the same package, and counts there instead of
    what others published. A server gains no more by it than the words of its own tools, bounded like all others.

    Args:
        path: The file it is kept in.
        files: Changes files.
        clock: Says when something was learnt.
    """

    name = LEARNED
    fresh_for = AT_ONCE

    def __init__(self, path: Path, files: Files, clock: Clock) -> None:
        """Keep the path; nothing is read yet."""
        self._path = path
        self._files = files
        self._clock = clock
        self._listing: Listing | None = None
        self._learning = anyio.Lock()

    def __repr__(self) -> str:
        """Show the path."""
        return f"LearnedToolsSource({str(self._path)!r})"

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return the tools of all servers that were learnt.

        Raises:
            ConfigurationError: The file cannot be read.
            PayloadError: It is damaged.
        """
        if self._listing is None:
            async with self._learning:
                self._listing = _listing(await self._read())
        return self._listing

    async def learn(self, proven: Proven) -> None:
        """Remember the tools that a server has listed; the longest unlearnt make room when there are too many.

        Raises:
            ConfigurationError: The file cannot be read or written.
            ContentionError: Another process has been writing it for seconds.
            PayloadError: It is damaged.
        """
        learnt = _Learnt(
            name=clean(proven.candidate.name, LONGEST_NAME),
            package=proven.installed.vetted.artefact.resolution.package,
            learned=self._clock.now(),
            tools=_summaries(proven),
        )
        async with self._learning:
            await self._files.make_directory(self._path.parent)
            lock = self._path.with_name(f"{self._path.name}.lock")
            async with self._files.lock(lock, patience=PATIENCE) as held:
                if not held:
                    raise ContentionError(
                        f"{self._path} has been written by another process for {PATIENCE:g} seconds.",
                        remedies=("Try again.",),
                    )
                self._listing = _listing(await self._join(learnt))

    async def _join(self, learnt: _Learnt) -> Mapping[str, _Learnt]:
        """Return all that is known with ``learnt``, and write it down if it is news."""
        known = dict(await self._read())
        key = key_of(learnt.package)
        if learnt.same_as(known.get(key)):
            return known
        known[key] = learnt
        kept, data = _fitting(known)
        await self._files.write(self._path, data)
        return kept

    async def _read(self) -> Mapping[str, _Learnt]:
        data = await self._files.read(self._path, limit=LARGEST_FILE)
        if data is None:
            return {}
        try:
            told = mapping(parse(data, what=str(self._path)))
        except PayloadError as error:
            raise self._damaged() from error
        if told.get("format") != _FORMAT or not isinstance(told.get("servers"), list):
            raise self._damaged()
        learnt = (_learnt(raw) for raw in items(told["servers"], MOST_SERVERS))
        return {key_of(one.package): one for one in learnt if one is not None}

    def _damaged(self) -> PayloadError:
        return PayloadError(
            f"{self._path} does not hold what was learnt about servers.",
            remedies=(f"Remove {self._path}: it is written anew when the next server is proven.",),
        )


def _summaries(proven: Proven) -> tuple[ToolSummary, ...]:
    pairs = (
        (clean(tool.name, LONGEST_NAME), clean(tool.description, LONGEST_TOOL_TEXT))
        for tool in proven.tools[:MOST_TOOLS]
    )
    return tuple(ToolSummary(name=name, description=description) for name, description in pairs if name)


def _learnt(raw: JsonValue) -> _Learnt | None:
    told = mapping(raw)
    package = mapping(told.get("package"))
    ecosystem, name, version = (package.get(key) for key in ("ecosystem", "name", "version"))
    learned = moment(told.get("learned"))
    if learned is None or not isinstance(ecosystem, str) or not isinstance(name, str):
        return None
    try:
        reference = PackageRef(ecosystem=ecosystem, name=name, version=version if isinstance(version, str) else None)
    except PayloadError:
        return None
    return _Learnt(
        name=text(told.get("name"), LONGEST_NAME),
        package=reference,
        learned=learned,
        tools=tools_of(told.get("tools")),
    )


def _fitting(known: Mapping[str, _Learnt]) -> tuple[Mapping[str, _Learnt], bytes]:
    """Return what is kept, the newest first, and how it is written; what does not fit is left out."""
    newest = sorted(known.items(), key=lambda item: item[1].learned, reverse=True)[:MOST_SERVERS]
    lines: list[bytes] = []
    room = LARGEST_FILE - 1000
    for _, one in newest:
        line = json.dumps(one.written(), ensure_ascii=False).encode()
        room -= len(line) + 2
        if room < 0:
            break
        lines.append(line)
    data = b'{"format": %d, "servers": [\n%s\n]}\n' % (_FORMAT, b",\n".join(lines))
    return dict(newest[: len(lines)]), data


def _listing(known: Mapping[str, _Learnt]) -> Listing:
    return Listing(
        descriptions=tuple(
            Description(name=one.name, source=LearnedToolsSource.name, package=one.package, tools=one.tools)
            for one in known.values()
        )
    )
