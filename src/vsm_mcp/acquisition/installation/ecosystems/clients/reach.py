"""Programs within reach: what the users of sandboxes may not read where it is, is copied to where they may."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from vsm_mcp.errors import ConfigurationError


def within_reach(program: Path, tools: Path) -> Path:
    """Return where every user may run a program that needs no other files; as root it may have to be copied. Blocking.

    Args:
        program: Where it is.
        tools: The directory for copies.

    Raises:
        ConfigurationError: It cannot be copied.
    """
    here = program.resolve()
    try:
        if os.geteuid() != 0 or _open_to_all(here):
            return here
        seen = here.stat()
        copy = tools / f"{here.name}-{seen.st_size:x}-{seen.st_mtime_ns:x}"
        if not copy.exists():
            _copy(here, copy)
    except OSError as error:
        raise ConfigurationError(
            f"{here} cannot be copied to where confined package clients reach it: {error}.",
            remedies=("Free disk space.", "Install this library where every user may read it."),
        ) from error
    return copy


def _open_to_all(path: Path) -> bool:
    needed = stat.S_IROTH | stat.S_IXOTH
    way = all(above.stat().st_mode & stat.S_IXOTH for above in path.parents)
    return way and path.stat().st_mode & needed == needed


def _copy(here: Path, copy: Path) -> None:
    """Copy a program in one step: others see all of it or nothing."""
    copy.parent.mkdir(0o755, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=copy.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        shutil.copyfile(here, part)
        part.chmod(0o755)
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
