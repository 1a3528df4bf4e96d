"""OSV database: advisories from files, as the databases of the ecosystems are published, without any network."""

import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.vetting.advisories.advisory import Advisory, Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.osv.archive import named
from vsm_mcp.acquisition.vetting.advisories.osv.index import Index, indexed
from vsm_mcp.acquisition.vetting.advisories.osv.record import advisory
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.json import JsonObject

MOST_PER_PACKAGE = 2_000

_Place = tuple[int, str]


class OsvDatabase:
    """Knows the advisories of an OSV database: a zip archive, or a directory of JSON files and archives.

    The files are read once and indexed by package; they are looked at again when one of them changes. What a record
    that cannot be read would say is unknown, and so is everything about an ecosystem that the database never names.

    Args:
        path: The archive or the directory.
        cache: A directory of this user's own where the index is kept for the next process.
    """

    name = "osv"

    def __init__(self, path: Path, *, cache: Path | None = None) -> None:
        """Keep the places; nothing is read yet."""
        self._path = path
        self._cache = cache
        self._index: Index | None = None
        self._indexing = anyio.Lock()

    def __repr__(self) -> str:
        """Show the place."""
        return f"OsvDatabase({self._path})"

    async def prepare(self) -> None:
        """Read the files now, which takes up to a minute for a large database that was never read before.

        Raises:
            ConfigurationError: There is no database at the place, or it cannot be read.
        """
        await self._current()

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        """Return what the database says about each package.

        Raises:
            ConfigurationError: There is no database at the place, or it cannot be read.
        """
        index, containers = await self._current()
        return await anyio.to_thread.run_sync(self._answers, index, containers, packages)

    async def _current(self) -> tuple[Index, tuple[Path, ...]]:
        async with self._indexing:
            self._index, containers = await anyio.to_thread.run_sync(self._read, self._index)
            return self._index, containers

    def _read(self, known: Index | None) -> tuple[Index, tuple[Path, ...]]:
        with _told(self._path):
            return indexed(self._path, known, cache=self._cache)

    def _answers(
        self, index: Index, containers: tuple[Path, ...], packages: Sequence[Pinned]
    ) -> Mapping[Pinned, Answer]:
        places = {package: index.of(package.ecosystem, package.name) for package in packages}
        wanted = {place for these in places.values() for place in these[:MOST_PER_PACKAGE]}
        with _told(self._path):
            records = _records(wanted, containers)
        return {one: _answer(index, one, [records.get(place) for place in places[one]]) for one in packages}


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Turn what goes wrong with the files into our error."""
    try:
        yield
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"The database of advisories {path} cannot be read: {str(error).rstrip('.')}.",
            remedies=("Name a zip archive or a directory of OSV records that this user may read.",),
        ) from error


def _records(wanted: set[_Place], containers: tuple[Path, ...]) -> Mapping[_Place, JsonObject | None]:
    """Read each wanted record once, each container opened once."""
    grouped: dict[int, list[str]] = {}
    for number, name in sorted(wanted):
        grouped.setdefault(number, []).append(name)
    return {
        (number, name): told
        for number, names in grouped.items()
        if number < len(containers)
        for name, told in named(containers[number], names)
    }


def _answer(index: Index, package: Pinned, records: Sequence[JsonObject | None]) -> Answer:
    if package.ecosystem not in index.ecosystems:
        return Answer(unknown=f"the database has no records of {package.ecosystem}")
    read = [told for told in records if told is not None]
    found: list[Advisory] = [one for told in read if (one := advisory(told, package)) is not None]
    unread = index.unread + len(records) - len(read)
    unknown = f"{unread} record(s) of the database could not be read" if unread else ""
    return Answer(advisories=tuple(found), unknown=unknown, as_of=index.newest)
