"""Snapshots on disk: the last listing of each source, the index, what an embedder saw; each whole or not there."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from vsm_mcp.acquisition.discovery.index import store
from vsm_mcp.acquisition.discovery.index.store import Stored
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.errors import PayloadError
from vsm_mcp.world.files import Files

FORMAT = 2
LARGEST = 256_000_000

_LONGEST_HEADER = 10_000
_LISTING = TypeAdapter(Listing)
_INDEX = "servers.index"
_MEANINGS = "servers.meanings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A listing and when its source gave it."""

    listing: Listing
    at: datetime


class _Header(BaseModel, frozen=True, extra="forbid"):
    format: int
    source: str
    at: AwareDatetime
    sha256: str


class Snapshots:
    """What discovery remembers from one process to the next.

    Args:
        files: Writes and reads.
        place: The directory for it.
    """

    def __init__(self, files: Files, place: Path) -> None:
        """Keep the place; nothing is made yet."""
        self._files = files
        self._place = place

    def __repr__(self) -> str:
        """Show the place."""
        return f"Snapshots({str(self._place)!r})"

    async def listing(self, source: str) -> Taken | None:
        """Return the last listing of a source; ``None`` when there is none, or none that can be used.

        Raises:
            ConfigurationError: The machine does not let it be read.
        """
        try:
            data = await self._files.read(self._file(source), limit=LARGEST)
            return None if data is None else await anyio.to_thread.run_sync(_read, data, source)
        except PayloadError:  # too large, damaged, of another version: the source is asked again, whole
            return None

    async def keep(self, source: str, taken: Taken) -> None:
        """Remember a listing, if it can be written: in-process servers cannot.

        Raises:
            ConfigurationError: The machine does not let it be written.
        """
        data = await anyio.to_thread.run_sync(_written, source, taken)
        if data is not None:
            await self._put(self._file(source), data)

    async def index(self) -> Stored | None:
        """Return the stored index, if there is one that can be used.

        Raises:
            ConfigurationError: The machine does not let it be read.
        """
        try:
            data = await self._files.read(self._place / _INDEX, limit=LARGEST)
            return None if data is None else await anyio.to_thread.run_sync(store.read, data)
        except PayloadError:
            return None

    async def keep_index(self, stored: Stored) -> None:
        """Store an index.

        Raises:
            ConfigurationError: The machine does not let it be written.
        """
        await self._put(self._place / _INDEX, await anyio.to_thread.run_sync(store.write, stored))

    async def meanings(self) -> bytes | None:
        """Return what an embedder saw of servers, as it was stored; ``None`` when there is none, or too much of it.

        Raises:
            ConfigurationError: The machine does not let it be read.
        """
        try:
            return await self._files.read(self._place / _MEANINGS, limit=LARGEST)
        except PayloadError:
            return None

    async def keep_meanings(self, stored: bytes) -> None:
        """Store what an embedder saw of servers.

        Raises:
            ConfigurationError: The machine does not let it be written.
        """
        await self._put(self._place / _MEANINGS, stored)

    async def _put(self, path: Path, data: bytes) -> None:
        await self._files.make_directory(self._place)
        await self._files.write(path, data)

    def _file(self, source: str) -> Path:
        readable = re.sub(r"[^a-z0-9.-]+", "-", source.lower()).strip("-.")[:60]
        return self._place / f"{readable}-{hashlib.sha256(source.encode()).hexdigest()[:12]}.listing"


def _read(data: bytes, source: str) -> Taken:
    line = data[:_LONGEST_HEADER].partition(b"\n")[0]
    body = data[len(line) + 1 :]
    try:
        header = _Header.model_validate_json(line)
        if (header.format, header.source) != (FORMAT, source) or _digest(header.at, body) != header.sha256:
            raise PayloadError(f"The remembered listing of {source} is of another version, or damaged.")
        return Taken(listing=_LISTING.validate_json(body), at=header.at)
    except ValidationError as error:
        raise PayloadError(f"The remembered listing of {source} has {error.error_count()} faults.") from error


def _written(source: str, taken: Taken) -> bytes | None:
    if any(candidate.make is not None for candidate in taken.listing.candidates):
        return None
    try:
        body = _LISTING.dump_json(taken.listing)
    except PydanticSerializationError:  # text that no file can hold, such as half of a character
        return None
    header = _Header(format=FORMAT, source=source, at=taken.at, sha256=_digest(taken.at, body))
    return header.model_dump_json().encode() + b"\n" + body


def _digest(at: datetime, body: bytes) -> str:
    return hashlib.sha256(at.astimezone(UTC).isoformat().encode() + body).hexdigest()
