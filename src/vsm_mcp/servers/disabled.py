"""Servers that the host disabled: held with all they have, never started and never called, until they are enabled."""

import hashlib
from pathlib import Path

from vsm_mcp.errors import DisabledError
from vsm_mcp.world.files import Files


class DisabledServers:
    """Knows which servers are disabled, in this life of the host and in the next one.

    Each is a file whose name is made from that of the server. That there is one is all that counts: what is in it is
    for people, so a file that was damaged disables as well as a whole one.

    Args:
        root: The directory of these files.
        files: Reads and writes.
    """

    def __init__(self, root: Path, files: Files) -> None:
        """Keep the place; nothing is read yet."""
        self._root = root
        self._files = files
        self._marks: set[str] = set()

    def __repr__(self) -> str:
        """Show the place and how many there are."""
        return f"DisabledServers({self._root}, {len(self._marks)})"

    def __contains__(self, server: object) -> bool:
        """Return whether the server of this name is disabled."""
        return isinstance(server, str) and bool(self._marks) and _mark(server) in self._marks

    async def load(self) -> None:
        """Read which are disabled.

        Raises:
            ConfigurationError: It cannot be read; no server may be used then.
        """
        self._marks = set(await self._files.entries(self._root))

    async def add(self, server: str) -> None:
        """Disable a server; it is from when it is written down.

        Raises:
            ConfigurationError: It cannot be written down; nothing was changed.
        """
        await self._files.make_directory(self._root)
        await self._files.write(self._root / _mark(server), f"{server}\n".encode())
        self._marks.add(_mark(server))

    async def remove(self, server: str) -> None:
        """Let a server be used again; fine if it was not disabled.

        Raises:
            ConfigurationError: It cannot be written down; it is still disabled.
        """
        if server in self:
            await self._files.remove(self._root / _mark(server))
            self._marks.discard(_mark(server))


def refusal(server: str, tool: str = "") -> DisabledError:
    """Return what is said to who asks for what a disabled server does."""
    what = f"{tool!r} of {server}" if tool else server
    return DisabledError(
        f"{what} cannot be used: the server is disabled.",
        remedies=(
            f"Enable it: await vsm.enable_server({server!r}).",
            "If another server should do it, acquire that by its name: acquire_capability(wanted, server).",
        ),
    )


def _mark(server: str) -> str:
    return hashlib.sha256(server.encode()).hexdigest()
