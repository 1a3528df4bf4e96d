"""Whose a directory is: only what nobody else can write to, nor put something else in the place of, is believed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

import anyio.to_thread

from vsm_mcp.errors import ConfigurationError

PARTS = ("store", "staging", "servers", "records", "generations", "manifests", "locks", "transactions")
"""The directories of a state directory in which this library alone writes."""

MOST_LINKS = 40
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ELSEWHERE = "Or use another state directory: Settings(state=...)."


async def insist_on_own(root: Path) -> None:
    """Make sure that a state directory is this user's, or the superuser's, and that nobody else can change it.

    What is missing is fine: it is made below what was looked at.

    Raises:
        ConfigurationError: It, one of its parts or a directory above it belongs to somebody else, can be written to by
            others, or cannot be looked at; or it or one of its parts is a link.
    """
    await anyio.to_thread.run_sync(_insist, root)


def _insist(root: Path) -> None:
    place = Path(os.path.abspath(root))  # noqa: PTH100 - without following links
    for path, status in _way(place.parent):
        _refuse(path, status, own=False)
    for path in (place, *(place / name for name in PARTS)):
        status = _status(path)
        if status is not None:
            _refuse(path, status, own=True)


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every directory and link on the way to a path, those by way of links too; up to what is missing."""
    here, links = Path(path.anchor), 0
    left = [*reversed(path.parts)]
    while left:
        above, here = here, here / left.pop()
        if here.name == "..":
            here = above.parent
            continue
        status = _status(here)
        if status is None:
            return
        yield here, status
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                raise _refusal(here, f"leads over more than {MOST_LINKS} links", "Name the directory itself.")
            left += reversed(PurePath(here.readlink()).parts)
            here = above


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        said = os.strerror(error.errno or 0)
        raise _refusal(path, f"cannot be looked at ({said})", "Give this user the right to enter it.") from error


def _refuse(path: Path, status: os.stat_result, *, own: bool) -> None:
    if status.st_uid not in {0, os.geteuid()}:
        raise _refusal(
            path,
            f"belongs to the user {status.st_uid}, who could put anything there",
            f"If everything in it is yours, take it over: chown {'-hR' if own else '-h'} {os.geteuid()} {path}",
        )
    if stat.S_ISLNK(status.st_mode):
        if own:
            raise _refusal(path, "is a link", "Put the directory itself there, or name it.")
    elif not stat.S_ISDIR(status.st_mode):
        raise _refusal(path, "is not a directory", f"Remove {path} if it is not yours.")
    elif _is_open(status) and (own or not status.st_mode & stat.S_ISVTX):
        raise _refusal(
            path,
            f"can be written to by others (mode {stat.S_IMODE(status.st_mode):o})",
            f"If everything in it is yours, take that right away: chmod go-w {path}",
        )


def _is_open(status: os.stat_result) -> bool:
    """Return whether others may write; a group of the owner's own, with the same number, is nobody else."""
    others = stat.S_IWOTH if status.st_gid == status.st_uid else _OTHERS
    return bool(status.st_mode & others)


def _refusal(path: Path, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{path} is not trusted: it {why}.", remedies=(remedy, _ELSEWHERE))
