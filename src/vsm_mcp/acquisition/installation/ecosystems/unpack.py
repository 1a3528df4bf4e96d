"""Unpacks archives of strangers: bounded, nothing outside its directory, nothing special. Blocking."""

import tarfile
from pathlib import Path

from vsm_mcp.errors import InstallationError, IntegrityError

MOST_FILES = 20_000
LARGEST = 200_000_000


def unpack_tarball(archive: Path, into: Path) -> None:
    """Unpack a gzipped tar archive, without the one directory that everything in it is in.

    Raises:
        IntegrityError: It holds a path or a link that leads out, or a special file, or is no such archive.
        InstallationError: It holds too much.
    """
    size = 0
    try:
        with tarfile.open(archive, mode="r:gz") as members:
            for count, member in enumerate(members, start=1):
                size += member.size
                if count > MOST_FILES or size > LARGEST:
                    raise InstallationError(
                        f"{archive.name} holds more than {MOST_FILES} files or {LARGEST} bytes.",
                        stage="fetch",
                        remedies=("Choose another server.",),
                    )
                _extract(members, member, into)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise IntegrityError(
            f"{archive.name} could not be unpacked: {error}.",
            stage="fetch",
            remedies=("Do not install this package.",),
        ) from error


def _extract(members: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    _, slash, rest = member.name.lstrip("./").partition("/")
    if not slash or not rest:
        return
    if not (member.isreg() or member.isdir()):
        raise IntegrityError(
            f"{member.name[:200]!r} is neither a file nor a directory.",
            stage="fetch",
            remedies=("Do not install this package.",),
        )
    members.extract(member.replace(name=rest, deep=False), into, filter="data")
