"""Unpacks archives of strangers: bounded, nothing outside its directory, nothing special. Blocking."""

import gzip
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from vsm_mcp.acquisition.installation.tree import DEEPEST, Names
from vsm_mcp.errors import InstallationError, IntegrityError

MOST_FILES = 20_000
LARGEST = 200_000_000
LARGEST_PIECE = 1_000_000
"""What may be read at once: the headers of an archive name their own size."""

MOST_DENSE = 200
"""How many bytes one byte of an archive may stand for, once it stands for many."""

ALWAYS_FINE = 10_000_000
"""Below this size nothing is too dense."""


def unpack_tarball(archive: Path, into: Path) -> None:
    """Unpack a gzipped tar archive, without the one directory that everything in it is in.

    Raises:
        IntegrityError: It holds a path or a link that leads out, a special file, one name twice or in two spellings, or
            directories that are nested too deep, or is no such archive.
        InstallationError: It holds too much.
    """
    try:
        with (
            archive.open("rb") as file,
            _Bounded(file, archive.stat().st_size) as plain,
            tarfile.open(fileobj=plain, mode="r:") as members,
        ):
            _unpack(members, archive.name, into)
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError) as error:
        raise _evil(f"{archive.name} could not be unpacked: {error}.") from error


class _Bounded(gzip.GzipFile):
    """The content of an archive, which ends with an error where there is too much of it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._most = max(ALWAYS_FINE, min(2 * LARGEST, size * MOST_DENSE))

    def read(self, size: int | None = -1) -> bytes:
        wanted = LARGEST_PIECE + 1 if size is None or size < 0 else size
        if wanted > LARGEST_PIECE:
            raise _evil(f"A part of the archive says that it is {wanted} bytes long.")
        self._check(self.tell() + wanted)
        return super().read(wanted)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._check(offset)
        return super().seek(offset, whence)

    def _check(self, offset: int) -> None:
        if offset > self._most:
            raise InstallationError(
                f"The archive unpacks to more than {self._most} bytes, which no package of its size should.",
                stage="fetch",
                remedies=("Do not install this package.",),
            )


def _unpack(members: tarfile.TarFile, archive: str, into: Path) -> None:
    size = 0
    names = Names()
    for count, member in enumerate(members, start=1):
        size += member.size
        if count > MOST_FILES or size > LARGEST:
            raise InstallationError(
                f"{archive} holds more than {MOST_FILES} files or {LARGEST} bytes.",
                stage="fetch",
                remedies=("Choose another server.",),
            )
        inner = _inner(member)
        if inner is not None:
            names.add(inner, directory=member.isdir())
            _put(members, member, into / inner)


def _put(members: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    """Write a file or a directory; nothing that is there already is followed or replaced."""
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    content = members.extractfile(member)
    if content is None:
        raise _evil(f"{member.name[:200]!r} has no content.")
    place.parent.mkdir(parents=True, exist_ok=True)
    with content, place.open("xb") as file:
        shutil.copyfileobj(content, file)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)


def _inner(member: tarfile.TarInfo) -> PurePosixPath | None:
    """Return where a member belongs, without the outer directory; ``None`` for what is not in one."""
    shown = repr(member.name[:200])
    path = PurePosixPath(member.name)
    if path.is_absolute() or "//" in member.name or "\\" in member.name or ".." in path.parts:
        raise _evil(f"The archive holds the path {shown}, which leads out of it.")
    if not member.name.isprintable():
        raise _evil(f"The archive holds the path {shown}, which cannot be shown.")
    if len(path.parts) < 2:  # noqa: PLR2004 - the outer directory and something in it
        return None
    if member.issparse() or not (member.isreg() or member.isdir()):
        raise _evil(f"{shown} is neither a file nor a directory.")
    if len(path.parts) > DEEPEST:
        raise _evil(f"The archive nests directories deeper than {DEEPEST} levels: {shown}.")
    return PurePosixPath(*path.parts[1:])


def _evil(message: str) -> IntegrityError:
    return IntegrityError(message, stage="fetch", remedies=("Do not install this package.",))
