"""Servers described in files of this machine: ``server.json`` files, or pages of a registry; no network is needed."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import anyio.to_thread

from vsm_mcp.acquisition.discovery.index.documents import LONGEST_NAME
from vsm_mcp.acquisition.discovery.reading import clean, items, mapping, text
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.acquisition.discovery.sources.entries import Entry, read_entry
from vsm_mcp.acquisition.discovery.sources.lenient import parse_leniently
from vsm_mcp.acquisition.discovery.sources.pages import MOST_ENTRIES, MOST_TOOLS_IN_ALL, entries_of, too_many_tools
from vsm_mcp.acquisition.discovery.sources.registry import listing_of
from vsm_mcp.errors import ConfigurationError, PayloadError, VSMError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.world.files import read_regular

MOST_FILES = 100_000
LARGEST_FILE = 64_000_000
MOST_BYTES = 256_000_000
DEEPEST = 8
FRESH_FOR = timedelta(minutes=1)
"""So often the names, sizes and dates of the files are looked at; they are read again only when one has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A regular file below a directory, or the one file that was named.

    Attributes:
        name: Its path below the directory.
        path: Where it really is, links followed.
        size: Its bytes.
        changed: When it was changed, in nanoseconds.
    """

    name: str
    path: Path
    size: int
    changed: int


class FileSource:
    """Servers described in files, in the shape a registry has: an entry each, lists of entries, or whole pages.

    Args:
        path: A directory, whose ``.json`` files are read, those in its folders too; or one JSON file.
        name: What it is called in reports; by default ``files:`` and the last part of ``path``.
        fresh_for: How often it is looked whether something changed.

    Attributes:
        name: What it is called in reports.
        identity: Which files these are: the absolute path.
        fresh_for: How often it is looked whether something changed.
    """

    def __init__(self, path: str | Path, *, name: str = "", fresh_for: timedelta = FRESH_FOR) -> None:
        """Keep the path; nothing is read yet."""
        self._path = Path(path).expanduser().absolute()
        self.name: str = name or f"files:{self._path.name}"
        self.identity: str = f"files:{self._path}"
        self.fresh_for: timedelta = fresh_for

    def __repr__(self) -> str:
        """Show the path."""
        return f"FileSource({str(self._path)!r})"

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return all servers of the files; ``known`` itself while no file was added, changed or removed.

        Raises:
            ConfigurationError: There is no such file or directory, or it cannot be read.
            PayloadError: There is too much of it, or nothing in it makes sense.
        """
        return await anyio.to_thread.run_sync(self._list, known)

    def _list(self, known: Listing | None) -> Listing:
        found = look(self._path, lambda name: name.endswith(".json"))
        mark = mark_of(self._path, found)
        if known is not None and known.mark == mark:
            return known
        entries, omitted = self._read(found)
        return listing_of(entries, mark=mark, omitted=omitted)

    def _read(self, found: Iterable[FoundFile]) -> tuple[Sequence[Entry], int]:
        """Return the entries of all files, and how many files or entries make no sense."""
        entries: list[Entry] = []
        omitted = tools = 0
        why = ""
        for file in found:
            try:
                servers = _servers_in(parse_leniently(read_found(file, LARGEST_FILE), what=clean(file.name)))
            except VSMError as error:  # one bad file does not sink the others, and is counted
                omitted, why = omitted + 1, f": {error.message.removesuffix('.')}"
                continue
            read, bad = entries_of(servers, self.name)
            entries += read
            tools += sum(one.tools for one in read)
            omitted, why = (omitted + bad, why or _flaw(servers)) if bad else (omitted, why)
            if len(entries) > MOST_ENTRIES:
                raise PayloadError(f"{self._path} describes more than {MOST_ENTRIES} servers.")
            if tools > MOST_TOOLS_IN_ALL:
                raise too_many_tools(self.name)
        if omitted and not entries:
            raise PayloadError(
                f"Nothing in {self._path} describes a server{why}.",
                remedies=("Put server.json files there, or pages of a registry.",),
            )
        return entries, omitted


def look(path: Path, wanted: Callable[[str], bool]) -> tuple[FoundFile, ...]:
    """Return the regular files below ``path`` whose own name is ``wanted``, by name; hidden ones are passed over.

    A link is followed if it leads to a file below ``path``. Blocking.

    Raises:
        ConfigurationError: There is no such file or directory, or it cannot be read.
        PayloadError: There are too many files, or too many bytes in them.
    """
    try:
        root = path.resolve(strict=True)
        found = sorted(_walk(root, wanted), key=lambda file: file.name) if root.is_dir() else [_named(root)]
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}.",
            remedies=("Give the path of a directory or a file that this user may read.",),
        ) from error
    if sum(file.size for file in found) > MOST_BYTES:
        raise PayloadError(f"The files of {path} hold more than {MOST_BYTES} bytes.")
    return tuple(found)


def mark_of(root: Path, found: Iterable[FoundFile]) -> str:
    """Return a digest of a place and the names, sizes and dates in it: another one means that something changed."""
    facts = "\n".join((repr(str(root)), *(f"{file.name!r} {file.size} {file.changed}" for file in found)))
    return hashlib.sha256(facts.encode(errors="backslashreplace")).hexdigest()


def read_found(file: FoundFile, limit: int) -> bytes:
    """Return what is in a file. Blocking.

    Raises:
        ConfigurationError: It cannot be read any more.
        PayloadError: It holds more than ``limit`` bytes, or is no regular file any more.
    """
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            data = read_regular(descriptor, limit + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigurationError(f"{clean(str(file.path))} cannot be read: {error.strerror}.") from error
    if data is None or len(data) > limit:
        raise PayloadError(f"{clean(str(file.path))} is not a regular file of at most {limit} bytes.")
    return data


def _named(path: Path) -> FoundFile:
    facts = path.stat()
    return FoundFile(name=path.name, path=path, size=facts.st_size, changed=facts.st_mtime_ns)


def _walk(root: Path, wanted: Callable[[str], bool]) -> Iterator[FoundFile]:
    count = 0
    folders = [(root, 0)]
    while folders:
        folder, depth = folders.pop()
        with os.scandir(folder) as places:
            inside = sorted(places, key=lambda place: place.name)
        for place in inside:
            if place.name.startswith("."):
                continue
            if place.is_dir(follow_symlinks=False):
                folders += [(Path(place.path), depth + 1)] if depth < DEEPEST else []
            elif wanted(place.name) and (found := _inside(Path(place.path), root)) is not None:
                yield found
            count += 1
            if count > MOST_FILES:
                raise PayloadError(f"There are more than {MOST_FILES} files below {root}.")


def _inside(place: Path, root: Path) -> FoundFile | None:
    """Return a regular file, or ``None`` for what is none, leads out of ``root``, or has just gone."""
    try:
        real = place.resolve(strict=True) if place.is_symlink() else place
        facts = real.lstat()
        if not stat.S_ISREG(facts.st_mode) or not real.is_relative_to(root):
            return None
    except (OSError, RuntimeError):
        return None
    return FoundFile(name=str(place.relative_to(root)), path=real, size=facts.st_size, changed=facts.st_mtime_ns)


def _servers_in(told: JsonValue) -> Sequence[JsonValue]:
    servers = mapping(told).get("servers", told)
    return items(servers, MOST_ENTRIES) if isinstance(servers, list) else (servers,)


def _flaw(servers: Sequence[JsonValue]) -> str:
    """Say what is wrong with the first entry that has a name and is no server; nothing when there is none."""
    for raw in servers:
        outer = mapping(raw)
        name = text((mapping(outer.get("server")) or outer).get("name"), LONGEST_NAME)
        if name and read_entry(raw, "") is None:
            return f": the name {name!r} is not of the form OWNER/NAME"
    return ""
