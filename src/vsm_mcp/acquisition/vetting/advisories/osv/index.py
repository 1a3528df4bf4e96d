"""Index: which records of an OSV database speak of which package, kept on disk while the database is the same."""

import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path

import anyio.from_thread
from pydantic import BaseModel, ValidationError

from vsm_mcp.acquisition.vetting.advisories.osv.archive import MOST_RECORDS, Stamp, containers, every
from vsm_mcp.acquisition.vetting.advisories.osv.record import key, outline
from vsm_mcp.model.json import JsonObject

LARGEST_INDEX = 500_000_000

_CHECK_EVERY = 256
_FORMAT = 1


class Index(BaseModel, extra="forbid"):
    """Where the records about each package are.

    Attributes:
        form: The number of this form of an index.
        stamp: What the files looked like when it was made.
        places: By package (``ecosystem:name``): number of the container and name of the record in it.
        ecosystems: Those that are spoken of at all: about others the database says nothing.
        unread: How many records could not be read.
        newest: When the newest record was changed.
    """

    form: int = _FORMAT
    stamp: Stamp
    places: dict[str, list[tuple[int, str]]] = {}
    ecosystems: set[str] = set()
    unread: int = 0
    newest: datetime | None = None

    def of(self, ecosystem: str, name: str) -> list[tuple[int, str]]:
        """Return the places of the records about a package."""
        return self.places.get(_place(*key(ecosystem, name)), [])


def indexed(path: Path, known: Index | None, *, cache: Path | None) -> tuple[Index, tuple[Path, ...]]:
    """Return the index of the database at ``path`` and its containers; ``known`` when the files are still the same.

    Raises:
        OSError: There is no database, or it cannot be read.
        ValueError: It has too many records.
        zipfile.BadZipFile: It is no archive.
    """
    places, stamp = containers(path)
    if known is not None and known.stamp == stamp:
        return known, places
    if cache is None:
        return _made(places, stamp), places
    place = cache / f"advisories-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()}.json"
    kept = _kept(place, stamp)
    if kept is not None:
        return kept, places
    made = _made(places, stamp)
    _keep(made, place)
    return made, places


def _made(places: tuple[Path, ...], stamp: Stamp) -> Index:
    index = Index(stamp=stamp)
    for number, container in enumerate(places):
        for count, (name, told) in enumerate(every(container)):
            if count % _CHECK_EVERY == 0:
                anyio.from_thread.check_cancelled()
            if count > MOST_RECORDS:
                raise ValueError(f"{container} has more than {MOST_RECORDS} records")
            _note(index, (number, name), told)
    return index


def _note(index: Index, place: tuple[int, str], told: JsonObject | None) -> None:
    said = None if told is None else outline(told)
    if said is None:
        index.unread += 1
        return
    index.ecosystems.update(ecosystem for ecosystem, _ in said.packages)
    if said.modified is not None and (index.newest is None or said.modified > index.newest):
        index.newest = said.modified
    if not said.withdrawn:
        for package in said.packages:
            index.places.setdefault(_place(*package), []).append(place)


def _place(ecosystem: str, name: str) -> str:
    return f"{ecosystem}:{name}"


def _kept(place: Path, stamp: Stamp) -> Index | None:
    """Return the index that was kept, when it is whole, ours and of the same files."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mine = os.fstat(descriptor).st_uid == os.geteuid()
            data = file.read(LARGEST_INDEX + 1) if mine else b""
        index = Index.model_validate_json(data)
    except (OSError, ValidationError):
        return None
    return index if (index.form, index.stamp) == (_FORMAT, stamp) else None


def _keep(index: Index, place: Path) -> None:
    """Write the index for the next time; when that cannot be done it is made again then."""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            try:
                file.write(index.model_dump_json().encode())
                Path(file.name).replace(place)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError:
        return
