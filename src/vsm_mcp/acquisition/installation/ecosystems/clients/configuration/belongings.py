"""What of the user's own files and variables a confined client is shown: each asked for by name, bounded, read here."""

from collections.abc import Mapping
from pathlib import Path

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.sandbox.linux.argv import SYSTEM_ROOTS
from vsm_mcp.world.processes import Command

LARGEST_FILE = 8_000_000


def variables(*patterns: str) -> Mapping[str, str]:
    """Return the variables of this process's environment that match."""
    return Command(argv=("/",), inherit=patterns).environment() if patterns else {}


def read_small(path: Path, limit: int = LARGEST_FILE) -> bytes:
    """Return what is in a file of the user's configuration; nothing when it is missing. Blocking.

    Raises:
        ConfigurationError: It cannot be read, or has more than ``limit`` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    if len(data) > limit:
        raise _unreadable(path, f"it has more than {limit} bytes")
    return data


def to_show(*paths: Path) -> tuple[Path, ...]:
    """Return those that are not in the system's own directories, which a sandbox shows anyway."""
    return tuple(path for path in paths if not any(path.is_relative_to(root) for root in SYSTEM_ROOTS))


def _unreadable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}, which a package client is configured for, cannot be read: {why}.",
        remedies=("Repair the setting that names it, or remove it.",),
    )
