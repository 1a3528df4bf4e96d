"""Archive: the records of an OSV database, read from zip archives and from directories, one by one. Blocking."""

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from vsm_mcp.acquisition.discovery.reading import mapping
from vsm_mcp.model.json import JsonObject

MOST_RECORDS = 3_000_000
LARGEST_RECORD = 20_000_000

_DEEPEST = 4

Stamp = tuple[tuple[str, int, int], ...]
"""What files looked like: path, time of the last change in nanoseconds, size."""


def containers(path: Path) -> tuple[tuple[Path, ...], Stamp]:
    """Return the archives and the directories of records at ``path``, and what their files look like.

    Raises:
        OSError: There is none, or it cannot be read.
        ValueError: There are too many files.
    """
    files = [path] if path.is_file() else sorted(_files(path, _DEEPEST))
    if not files:
        raise FileNotFoundError(f"there is neither an archive nor a record at {path}")
    stamp = tuple((str(file), (status := file.stat()).st_mtime_ns, status.st_size) for file in files)
    archives = [file for file in files if file.suffix == ".zip"]
    folders = dict.fromkeys(file.parent for file in files if file.suffix == ".json")
    return (*archives, *folders), stamp


def every(container: Path) -> Iterator[tuple[str, JsonObject | None]]:
    """Yield the name and the content of every record; ``None`` for one that cannot be read.

    Raises:
        OSError: The container cannot be read.
        zipfile.BadZipFile: It is no archive.
    """
    if container.suffix != ".zip":
        for file in container.glob("*.json"):
            yield file.name, _read_file(file)
        return
    with zipfile.ZipFile(container) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".json"):
                yield entry.filename, _read_entry(archive, entry)


def named(container: Path, names: Sequence[str]) -> Iterator[tuple[str, JsonObject | None]]:
    """Yield the records with these names; ``None`` for one that cannot be read.

    Raises:
        OSError: The container cannot be read.
        zipfile.BadZipFile: It is no archive.
    """
    if container.suffix != ".zip":
        yield from ((name, _read_file(container / name)) for name in names)
        return
    with zipfile.ZipFile(container) as archive:
        yield from ((name, _read_entry(archive, name)) for name in names)


def _files(folder: Path, deep: int) -> Iterator[Path]:
    for number, entry in enumerate(folder.iterdir()):
        if number > MOST_RECORDS:
            raise ValueError(f"{folder} has more than {MOST_RECORDS} entries")
        if entry.is_dir() and not entry.is_symlink() and deep:
            yield from _files(entry, deep - 1)
        elif entry.suffix in {".json", ".zip"} and entry.is_file():
            yield entry


def _read_file(file: Path) -> JsonObject | None:
    try:
        with file.open("rb") as opened:
            return _parse(opened)
    except OSError:
        return None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | str) -> JsonObject | None:
    try:
        with archive.open(entry) as opened:
            return _parse(opened)
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError, KeyError, zlib.error):
        return None


def _parse(file: IO[bytes]) -> JsonObject | None:
    data = file.read(LARGEST_RECORD + 1)
    if len(data) > LARGEST_RECORD:
        return None
    try:
        return mapping(json.loads(data))
    except (ValueError, RecursionError):
        return None
