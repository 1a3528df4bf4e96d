"""The files of an audit log: one a day or more, old ones compressed, very old ones let go."""

import gzip
import re
import zlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Self

import anyio.to_thread

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.world.files import Files

LARGEST_FILE = 60_000_000
"""More is never read: neither as it is, nor unpacked."""

_NAME = re.compile(r"audit-(\d{4}-\d{2}-\d{2})-(\d{5})\.jsonl(\.gz)?")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DayFile:
    """One file of the log.

    Attributes:
        day: The day it was begun on.
        number: Which file of that day.
        packed: Whether it is compressed.
    """

    day: date
    number: int = 0
    packed: bool = False

    @classmethod
    def of(cls, name: str) -> Self | None:
        """Return the file of this name; ``None`` when it is no file of a log."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        try:
            day = date.fromisoformat(found[1])
        except ValueError:
            return None
        return cls(day=day, number=int(found[2]), packed=found[3] is not None)

    @property
    def name(self) -> str:
        """Its name."""
        return f"audit-{self.day.isoformat()}-{self.number:05}.jsonl{'.gz' if self.packed else ''}"


class DayFiles:
    """Finds, reads, writes, packs and removes the files of a log.

    Args:
        directory: Where they are.
        files: Changes files.
    """

    def __init__(self, directory: Path, files: Files) -> None:
        """Do nothing yet."""
        self._directory = directory
        self._files = files

    async def all(self) -> list[DayFile]:
        """Return the files, oldest first; one that is there packed and unpacked counts unpacked: it is whole."""
        found = [DayFile.of(name) for name in await self._files.entries(self._directory)]
        kept: dict[tuple[date, int], DayFile] = {}
        for file in sorted((file for file in found if file is not None), reverse=True):
            kept[file.day, file.number] = file
        return [kept[key] for key in sorted(kept)]

    async def read(self, file: DayFile) -> bytes:
        """Return what is in a file, unpacked.

        Raises:
            PayloadError: It is too large, or damaged.
            ConfigurationError: It cannot be read.
        """
        data = await self._files.read(self._directory / file.name, limit=LARGEST_FILE)
        if data is None:
            raise PayloadError(f"{file.name} is gone.", remedies=(_KEEP,))
        return await anyio.to_thread.run_sync(_unpacked, data, file.name) if file.packed else data

    async def append(self, file: DayFile, data: bytes) -> None:
        """Add to a file; all of it or nothing."""
        await self._files.append(self._directory / file.name, data)

    async def pack(self, file: DayFile) -> None:
        """Compress a file. A crash in between leaves both forms, and the next time does it again."""
        data = await self.read(file)
        packed = await anyio.to_thread.run_sync(_packed, data)
        await self._files.write(self._directory / replace(file, packed=True).name, packed)
        await self._files.remove(self._directory / file.name)

    async def remove(self, file: DayFile) -> None:
        """Let a file go."""
        await self._files.remove(self._directory / file.name)

    async def prepare(self) -> None:
        """Make the directory, for its owner only.

        Raises:
            ConfigurationError: It cannot be made, or others may use it and that cannot be changed.
        """
        await self._files.make_directory(self._directory)
        try:
            await anyio.to_thread.run_sync(_close_to_others, self._directory)
        except OSError as error:
            raise ConfigurationError(
                f"{self._directory} is open to other users: {error}.",
                remedies=("Give the audit log a directory of its own.",),
            ) from error


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)


_KEEP = "Let nobody but this program change the log, and take the file from a copy."


def _unpacked(data: bytes, name: str) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(data, LARGEST_FILE)
    except zlib.error as error:
        raise PayloadError(f"{name} is damaged: {error}.", remedies=(_KEEP,)) from error
    if not unpacking.eof or unpacking.unused_data:
        raise PayloadError(f"{name} is damaged, or unpacks to more than {LARGEST_FILE} bytes.", remedies=(_KEEP,))
    return plain


def _close_to_others(directory: Path) -> None:
    if directory.stat().st_mode & 0o077:
        directory.chmod(0o700)
