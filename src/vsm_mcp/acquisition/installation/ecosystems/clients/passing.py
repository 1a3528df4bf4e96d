"""Directories for a moment: gone at the end, or, when their process was killed, as soon as another is made beside them.

Each lies in one of its own, beside a lock that ends with the process: what nobody holds is what somebody left.
"""

import errno
import fcntl
import os
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.files import LocalFiles

PREFIX = ".vsm-mcp-"
MOST_SEEN = 10_000
MOST_SWEPT = 64

_INNER = "inner"
_LOCK = "lock"
_LOCK_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTEMPTS = 8
_TRAVERSED = 0o711
"""Sandboxes run under other users: these have to get to what is theirs in there, and see nothing else."""


@asynccontextmanager
async def passing(place: Path | None = None) -> AsyncGenerator[Path]:
    """Make an empty directory for the time of the context; sweep first what killed processes left beside it.

    Args:
        place: Where; the directory for temporary files when ``None``.

    Raises:
        OSError: It cannot be made.
    """
    where = Path(tempfile.gettempdir()) if place is None else place
    await sweep(where)
    outer, lock = await anyio.to_thread.run_sync(_make, where)
    try:
        yield outer / _INNER
    finally:
        try:
            with anyio.CancelScope(shield=True):
                await _remove(outer)
        finally:
            os.close(lock)


async def sweep(place: Path) -> None:
    """Remove from ``place`` what killed processes of this user left there; what cannot be removed waits for another."""
    abandoned = await anyio.to_thread.run_sync(_abandoned, place)
    try:
        for outer, _ in abandoned:
            with suppress(OSError, ConfigurationError):
                await _remove(outer)
    finally:
        for _, lock in abandoned:
            os.close(lock)


async def _remove(outer: Path) -> None:
    """Remove what is in a directory before its lock, so that it is never without while something is in there."""
    await LocalFiles().remove(outer / _INNER)
    await LocalFiles().remove(outer)


def _make(place: Path) -> tuple[Path, int]:
    """Make a directory that this process holds; who sweeps at this very moment may take it before that."""
    for _ in range(_ATTEMPTS):
        outer = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        lock = _take(outer, os.O_CREAT | os.O_EXCL)
        if lock is not None:
            _furnish(outer, lock)
            return outer, lock
    raise OSError(errno.EBUSY, f"others remove what is made in {place}")


def _furnish(outer: Path, lock: int) -> None:
    try:
        outer.chmod(_TRAVERSED)
        (outer / _INNER).mkdir(0o700)
    except OSError:
        os.close(lock)  # what is there is swept as if this process were gone
        raise


def _take(outer: Path, flags: int) -> int | None:
    """Return what holds a directory as long as it is open; ``None`` when somebody else does, or it is gone."""
    try:
        lock = os.open(outer / _LOCK, _LOCK_FLAGS | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        gone = os.fstat(lock).st_nlink == 0
    except BlockingIOError:
        gone = True
    except BaseException:
        os.close(lock)
        raise
    if gone:
        os.close(lock)
    return None if gone else lock


def _abandoned(place: Path) -> Sequence[tuple[Path, int]]:
    found: list[tuple[Path, int]] = []
    with suppress(OSError):  # whoever wants to make something there will hear what is wrong with the place
        found.extend((outer, lock) for outer in _ours(place) if (lock := _taken(outer)) is not None)
    return found


def _taken(outer: Path) -> int | None:
    with suppress(OSError):
        if (lock := _take(outer, 0)) is not None:
            return lock
        outer.rmdir()  # only an empty one goes: left before it was locked
    return None


def _ours(place: Path) -> Sequence[Path]:
    with os.scandir(place) as entries:
        named = (entry for entry in islice(entries, MOST_SEEN) if entry.name.startswith(PREFIX))
        mine = (Path(entry.path) for entry in named if _is_mine(entry))
        return [*islice(mine, MOST_SWEPT)]


def _is_mine(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    return False
