"""Removes trees of strangers: however deep and whatever their rights, and never by way of a link. Blocking."""

import errno
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

DEEPEST = 32
"""How far it goes down at once, with one open directory per level; what is deeper is lifted up first."""

MOST_ROUNDS = 20_000
"""How often it begins at the top again, so that nobody who keeps adding directories holds it for ever."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNREADABLE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it; what vanishes from in there meanwhile is fine.

    It goes by open directories and single names, so that neither the depth of a tree nor the length of its paths
    matters, and nothing in it leads anywhere else.

    Raises:
        FileNotFoundError: It is not there.
        OSError: Something cannot be removed.
    """
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        top = _enter(path.name, parent)
        try:
            _clear(top)
        finally:
            os.close(top)
        os.rmdir(path.name, dir_fd=parent)
    finally:
        os.close(parent)


def _clear(top: int) -> None:
    for _ in range(MOST_ROUNDS):
        names = _strip(top)
        if not names:
            return
        for name in names:
            _take(name, top, top=top, depth=0)


def _take(name: str, directory: int, *, top: int, depth: int) -> None:
    """Remove a directory, or lift it to the top when it is too deep down."""
    with suppress(FileNotFoundError):  # somebody else was faster
        below = _enter(name, directory)
        try:
            if depth == DEEPEST:
                os.rename(name, secrets.token_hex(16), src_dir_fd=directory, dst_dir_fd=top)
                return
            for inner in _strip(below):
                _take(inner, below, top=top, depth=depth + 1)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=directory)


def _strip(directory: int) -> Sequence[str]:
    """Remove all but the directories that are in one, and return the names of these."""
    directories: list[str] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
                continue
            with suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=directory)
    return directories


def _enter(name: str, directory: int) -> int:
    """Open a directory in which entries can be removed from now on."""
    try:
        here = os.open(name, _DIRECTORY, dir_fd=directory)
    except PermissionError:
        _unlock(name, directory)
        here = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        if stat.S_IMODE(os.fstat(here).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(here, stat.S_IRWXU)
    except BaseException:
        os.close(here)
        raise
    return here


def _unlock(name: str, directory: int) -> None:
    """Give its owner the right to read a directory; by the directory itself, so that no link comes in between."""
    here = os.open(name, _UNREADABLE, dir_fd=directory)
    try:
        Path(f"/proc/self/fd/{here}").chmod(stat.S_IRWXU)
    except (
        FileNotFoundError
    ) as error:  # not the directory is missing but the way to it, and nobody may take it for gone
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name) from error
    finally:
        os.close(here)
