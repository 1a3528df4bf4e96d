"""The writable directories of servers, and how a host reads from them without being led astray."""

import os
import re
import stat
from hashlib import sha256
from pathlib import Path

import anyio.to_thread

from vsm_mcp.errors import PayloadError

LARGEST_FILE = 256 * 2**20


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
            limit: The most bytes to read.

        Raises:
            PayloadError: There is no such regular file, a part of the path is a link, or it is larger than ``limit``.
        """
        return await anyio.to_thread.run_sync(_read, self.directory(server), Path(name), limit)


def _read(root: Path, name: Path, limit: int) -> bytes:
    if name.is_absolute() or ".." in name.parts or not name.parts:
        raise PayloadError(f"{str(name)!r} is not a path below the server's directory.")
    try:
        descriptor = _open(root, name)
    except OSError as error:
        raise PayloadError(f"The server wrote no readable file {name}: {error.strerror}.") from error
    try:
        data = _contents(descriptor, limit + 1)
    finally:
        os.close(descriptor)
    if data is None:
        raise PayloadError(f"{name} is not a regular file.")
    if len(data) > limit:
        raise PayloadError(f"{name} is larger than {limit} bytes.")
    return data


def _contents(descriptor: int, most: int) -> bytes | None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(most)


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
