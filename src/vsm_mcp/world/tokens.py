"""Tokens by which servers elsewhere know this host: what was granted once, kept so that nobody is asked again."""

import hashlib
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.launch import HttpLaunch, address_of
from vsm_mcp.world.files import Files, LocalFiles

LONGEST_GRANT = 512 * 1024


class Tokens(Protocol):
    """Keeps what servers granted, by their names and addresses. What is kept lets its holder in."""

    async def load(self, server: str) -> SecretStr | None:
        """Return what was kept for a server, or ``None``."""
        ...

    async def save(self, server: str, granted: SecretStr) -> None:
        """Keep what was granted by a server, in the place of what was kept before."""
        ...

    async def forget(self, server: str) -> None:
        """Keep nothing of a server any more: it was released. Fine if nothing was kept."""
        ...


class MemoryTokens:
    """Keeps tokens in memory: a host that starts anew asks anew."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: dict[str, SecretStr] = {}

    def __repr__(self) -> str:
        """Show for how many servers something is kept."""
        return f"MemoryTokens({len(self._kept)} servers)"

    async def load(self, server: str) -> SecretStr | None:
        """Return what was kept for a server, or ``None``."""
        return self._kept.get(server)

    async def save(self, server: str, granted: SecretStr) -> None:
        """Keep what was granted."""
        self._kept[server] = granted

    async def forget(self, server: str) -> None:
        """Keep nothing of a server any more."""
        self._kept.pop(server, None)


class FileTokens:
    """Keeps tokens in files that only their owner reads, one for each server; they are not encrypted.

    Args:
        folder: Where; it is made, for its owner only.
        files: Changes files.
    """

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        """Keep where."""
        self._folder = folder
        self._files = files or LocalFiles()

    def __repr__(self) -> str:
        """Show where."""
        return f"FileTokens({str(self._folder)!r})"

    async def load(self, server: str) -> SecretStr | None:
        """Return what was kept for a server, or ``None``.

        Raises:
            ConfigurationError: The file cannot be read.
            PayloadError: The file is none of ours: it is too large, or no regular file.
        """
        data = await self._files.read(self._place(server), limit=LONGEST_GRANT)
        if data is None:
            return None
        try:
            return SecretStr(data.decode())
        except UnicodeDecodeError:  # the cause would carry the bytes of a secret along
            raise ConfigurationError(
                f"What was granted by {server} is no text: {self._place(server)}.",
                remedies=("Remove the file; the server asks once more.",),
            ) from None

    async def save(self, server: str, granted: SecretStr) -> None:
        """Keep what was granted.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        await self._files.make_directory(self._folder)
        await self._files.write(self._place(server), granted.get_secret_value().encode())

    async def forget(self, server: str) -> None:
        """Remove what was granted by a server.

        Raises:
            ConfigurationError: The file cannot be removed.
        """
        await self._files.remove(self._place(server))

    def _place(self, server: str) -> Path:
        return self._folder / f"{hashlib.sha256(server.encode()).hexdigest()}.json"


def key_of(name: str, launch: HttpLaunch) -> str:
    """Return what the tokens of a server are kept under: of a query, which may be secret, it has a digest only."""
    query = urlsplit(launch.url).query
    digest = f" {hashlib.sha256(query.encode()).hexdigest()}" if query else ""
    return f"{name} {address_of(launch)}{digest}"
