"""The writable directories of servers, and how a host reads from them without being led astray."""

import os
import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import anyio.to_thread

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.behaviour import MOST_NAMES
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.server import WORK_ROOT, Running
from vsm_mcp.world.files import read_regular

LARGEST_FILE = 16 * 2**20
"""What is read of a file unless its reader says that it may be more: all of it is in memory at once."""

DEEPEST = 16
MOST_ENTRIES = 10_000
_DIRECTORY = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY


class Workspace:
    """One directory per server below ``root``.

    A server owns its directory and may put anything there, links included. Never execute from it.

    Args:
        root: Where the directories are.
    """

    def __init__(self, root: Path) -> None:
        """Keep the root; directories are made when a server first needs one."""
        self.root = root

    def __repr__(self) -> str:
        """Show the root."""
        return f"Workspace({str(self.root)!r})"

    def directory(self, server: str) -> Path:
        """Return the directory of a server. Different names never share one."""
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", server.rsplit("/", 1)[-1]).strip("-")[:40]
        return self.root / f"{readable or 'server'}-{sha256(server.encode()).hexdigest()[:12]}"

    async def read(self, server: str, name: str, *, limit: int = LARGEST_FILE) -> bytes:
        """Read a file that a server wrote, following no link.

        Args:
            server: The server's name.
            name: The file's path below the server's directory.
            limit: The most bytes to read; all of them are in memory at once.

        Raises:
            PayloadError: There is no such regular file, a part of the path is a link, or it is larger than ``limit``.
        """
        return await anyio.to_thread.run_sync(_read, self.directory(server), Path(name), limit)

    async def written(self, server: str) -> frozenset[str] | None:
        """Return the names of the files below a server's directory, at most some hundred; ``None`` if it has none."""
        return await anyio.to_thread.run_sync(_written, self.directory(server))


async def written_by(running: Running) -> frozenset[str] | None:
    """Return the names of the files that a confined throw-away instance wrote; ``None`` when nobody can look.

    Its directory is inside the sandbox only, so it is looked at through the process, as long as that lives.
    """
    if running.pid is None or running.enforcement.level(Aspect.FILES) is Level.NONE:
        return None
    return await anyio.to_thread.run_sync(_written, Path(f"/proc/{running.pid}/root{WORK_ROOT}"))


def _read(root: Path, name: Path, limit: int) -> bytes:
    if name.is_absolute() or ".." in name.parts or not name.parts or "\0" in str(name):
        raise PayloadError(
            f"{str(name)!r} is not a path below the server's directory.",
            remedies=("Give a relative path without '..' and without a null character.",),
        )
    try:
        descriptor = _open(root, name)
    except OSError as error:
        raise PayloadError(
            f"The server wrote no readable file {name}: {error.strerror}.",
            remedies=("Look at the name that the tool returned.",),
        ) from error
    try:
        data = read_regular(descriptor, limit + 1)
    finally:
        os.close(descriptor)
    if data is None:
        raise PayloadError(f"{name} is not a regular file.", remedies=("Name a file, not a directory or a link.",))
    if len(data) > limit:
        raise PayloadError(
            f"{name} is larger than {limit} bytes.",
            remedies=("Ask the tool for a smaller file.", "Allow a larger one, if there is memory for it: limit=..."),
        )
    return data


def _open(root: Path, name: Path) -> int:
    """Open one component after the other, so that no link on the way is followed."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    here = os.open(root, flags | os.O_DIRECTORY)
    for part in name.parts[:-1]:
        try:
            below = os.open(part, flags | os.O_DIRECTORY, dir_fd=here)
        finally:
            os.close(here)
        here = below
    try:
        return os.open(name.parts[-1], flags, dir_fd=here)
    finally:
        os.close(here)


def _written(root: Path) -> frozenset[str] | None:
    """Walk down by descriptors only, so that no link of the server leads anywhere; bounded in every way."""
    try:
        start = os.open(root, _DIRECTORY)
    except OSError:
        return None
    walk = _Walk()
    try:
        walk.go(start, "")
    finally:
        os.close(start)
    return frozenset(sorted(walk.found)[:MOST_NAMES])


class _Walk:
    """The names below a directory that somebody else writes to."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._left = MOST_ENTRIES

    def go(self, directory: int, prefix: str) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                self._left -= 1
                if self._left < 0:
                    return
                name = f"{prefix}{entry.name.encode('utf-8', 'backslashreplace').decode()}"
                if not entry.is_dir(follow_symlinks=False):
                    self.found.append(name)
                elif name.count("/") < DEEPEST:
                    self._enter(directory, entry.name, f"{name}/")

    def _enter(self, directory: int, name: str, prefix: str) -> None:
        with suppress(OSError):  # it is gone by now, or closed to us: what cannot be seen is not named
            below = os.open(name, _DIRECTORY, dir_fd=directory)
            try:
                self.go(below, prefix)
            finally:
                os.close(below)
