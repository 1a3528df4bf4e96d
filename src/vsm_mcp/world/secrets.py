"""Secrets by reference: ``env:NAME`` or ``file:/path``, read only at the moment a server is started."""

import os
import re
import stat
from pathlib import Path
from typing import Protocol

import anyio.to_thread
from pydantic import SecretStr

from vsm_mcp.errors import ConfigurationError

LONGEST_SECRET = 64 * 1024

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secrets(Protocol):
    """Resolves references to secrets."""

    async def get(self, name: str) -> SecretStr | None:
        """Return the secret that the reference ``name`` points to, or ``None`` when there is none.

        Raises:
            ConfigurationError: ``name`` is not a reference, or what it points to cannot be read.
        """
        ...


class ReferencedSecrets:
    """Reads ``env:NAME`` from this process's environment and ``file:/path`` from disk."""

    async def get(self, name: str) -> SecretStr | None:
        """Return the secret that the reference ``name`` points to, or ``None`` when there is none."""
        scheme, _, rest = name.partition(":")
        if scheme == "env" and _VARIABLE.fullmatch(rest):
            value = os.environ.get(rest)
            return None if value is None else SecretStr(value)
        if scheme == "file" and rest.startswith("/"):
            return await anyio.to_thread.run_sync(_read, Path(rest))
        raise ConfigurationError(
            "A secret must be given by reference.",
            remedies=("Write env:NAME or file:/absolute/path instead of the secret itself.",),
        )


def _read(path: Path) -> SecretStr | None:
    try:
        data = _read_bounded(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The secret file {path} cannot be read: {error}.",
            remedies=("Let this user read the file, or name another.",),
        ) from error
    if len(data) > LONGEST_SECRET:
        raise ConfigurationError(
            f"The secret file {path} is larger than {LONGEST_SECRET} bytes.", remedies=("Keep one secret per file.",)
        )
    try:
        return SecretStr(data.decode().strip())
    except UnicodeDecodeError:
        # The cause would carry the bytes of the secret along.
        raise ConfigurationError(
            f"The secret file {path} is not UTF-8 text.", remedies=("Write the secret as UTF-8 text.",)
        ) from None


def _read_bounded(path: Path) -> bytes:
    """Read a regular file; a pipe would block and a device has no end."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is not a regular file")
        return file.read(LONGEST_SECRET + 1)
