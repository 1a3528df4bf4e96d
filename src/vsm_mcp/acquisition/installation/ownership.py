"""Whose a directory is: only what nobody else can write to, nor put something else in the place of, is believed."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath

import anyio.to_thread

from vsm_mcp.errors import ConfigurationError

PARTS = (
    "store", "staging", "servers", "records", "generations", "manifests", "locks", "transactions", "tools", "cache",
)  # fmt: skip
"""The directories of a state directory in which this library alone writes; clients do below the caches."""

MOST_LINKS = 40
_ELSEWHERE = "Or use another state directory: Settings(state=...)."
_UNMAPPED = Path("/proc/sys/kernel/overflowuid")
_USERS_HERE = Path("/proc/self/uid_map")


async def insist_on_own(root: Path) -> None:
    """Make sure that a state directory is this user's, or the superuser's, and that nobody else can change it.

    What is missing is fine: it is made below what was looked at.

    Raises:
        ConfigurationError: It, one of its parts or a directory above it belongs to somebody else, can be written to by
            others, or cannot be looked at; or it or one of its parts is a link.
    """
    await anyio.to_thread.run_sync(_insist, root)


async def insist_on_own_file(path: Path) -> None:
    """Make sure that a file in a state directory is this user's, or the superuser's, and nobody else can change it.

    It stays the one that was looked at: nobody else can put another one into a directory of the state directory.

    Raises:
        ConfigurationError: It belongs to somebody else, can be written to by others, is a link, or cannot be opened.
    """
    await anyio.to_thread.run_sync(_insist_on_file, path)


def _insist_on_file(path: Path) -> None:
    try:
        # Without waiting: a pipe that nobody writes to would be waited for without end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    except OSError as error:
        why = "is a link" if error.errno == errno.ELOOP else f"cannot be opened ({os.strerror(error.errno or 0)})"
        raise _refusal(path, why, f"Remove {path} if it is not yours.") from error
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    _refuse_strangers(path, status)
    if _is_open(status):
        raise _refusal(path, _written(status), _take_away(path))


def _insist(root: Path) -> None:
    place = Path(os.path.abspath(root))  # noqa: PTH100 - without following links
    for path, status in _way(place.parent):
        _refuse_above(path, status)
    for path in (place, *(place / name for name in PARTS)):
        status = _status(path)
        if status is not None:
            _refuse_own(path, status)


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


def _refuse_above(path: Path, status: os.stat_result) -> None:
    """Refuse a directory or a link on the way, which is another user's to repair more often than not."""
    if not _is_trusted(status.st_uid) and status.st_uid != _unmapped():
        raise _refusal(
            path,
            f"belongs to the user {status.st_uid}, who could put anything there",
            f"Keep the state directory where all above it belongs to this user ({os.geteuid()}) or to the superuser.",
        )
    if stat.S_ISLNK(status.st_mode):
        return
    _refuse_no_directory(path, status)
    if _is_open(status) and not status.st_mode & stat.S_ISVTX:
        raise _refusal(
            path,
            _written(status),
            f"If nobody else needs to write there, take that right away: chmod go-w {path}",
            f"If others do, let each keep what is theirs: chmod +t {path}",
        )


def _refuse_own(path: Path, status: os.stat_result) -> None:
    _refuse_strangers(path, status)
    if stat.S_ISLNK(status.st_mode):
        raise _refusal(path, "is a link", "Put the directory itself there, or name it.")
    _refuse_no_directory(path, status)
    if _is_open(status):
        mine = status.st_uid == os.geteuid()
        raise _refusal(path, _written(status), *((_take_away(path),) if mine else _of_volume(path)))


def _refuse_strangers(path: Path, status: os.stat_result) -> None:
    if not _is_trusted(status.st_uid):
        raise _refusal(
            path,
            f"belongs to the user {status.st_uid}, who could put anything there",
            f"If everything in it is yours, take it over: chown -hR {os.geteuid()} {path}",
        )


def _refuse_no_directory(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise _refusal(path, "is not a directory", f"Remove {path} if it is not yours.")


def _is_trusted(user: int) -> bool:
    return user in {0, os.geteuid()}


def _unmapped() -> int | None:
    """Return whom everybody is shown as who has no number in this user namespace; ``None`` when all have one.

    In most such namespaces the superuser of the machine is one of them, and so the owner of the root directory.
    """
    try:
        shown = int(_UNMAPPED.read_text())
        ranges = [[int(number) for number in line.split()] for line in _USERS_HERE.read_text().splitlines()]
    except (OSError, ValueError):
        return None
    return None if any(first <= shown < first + count for first, _, count in ranges) else shown


def _is_open(status: os.stat_result) -> bool:
    """Return whether others may write; a group of the owner's own, or of this process alone, is nobody else."""
    if status.st_mode & stat.S_IWGRP:
        own = status.st_gid == status.st_uid or _is_mine_alone(status.st_gid)
        if not own or status.st_uid == _unmapped():
            return True
    return bool(status.st_mode & stat.S_IWOTH)


def _is_mine_alone(group: int) -> bool:
    """Return whether a group is this process's own, and the user database knows nobody else in it."""
    if group != os.getegid():
        return False
    users = pwd.getpwall()
    me = {user.pw_name for user in users if _is_trusted(user.pw_uid)}
    members = {user.pw_name for user in users if user.pw_gid == group}
    with suppress(KeyError):  # a number that a container was given has no name
        members.update(grp.getgrgid(group).gr_mem)
    return members <= me


def _written(status: os.stat_result) -> str:
    return f"can be written to by others (mode {stat.S_IMODE(status.st_mode):o})"


def _take_away(path: Path) -> str:
    return f"If everything in it is yours, take that right away: chmod -R go-w {path}"


def _of_volume(path: Path) -> tuple[str, ...]:
    """Return what to do about a directory that this user cannot change, such as a volume of a container."""
    return (
        f"Let who made it (such as an init container) give it away: chown {os.geteuid()} {path} && chmod 700 {path}",
        "If only its group may write (fsGroup), run with that group as the process's own: runAsGroup, as fsGroup.",
        f"Or let who made it do chmod +t {path}, and use a directory of its own below it: mkdir -m 0700 {path}/vsm_mcp",
    )


def _refusal(path: Path, why: str, *remedies: str) -> ConfigurationError:
    return ConfigurationError(f"{path} is not trusted: it {why}.", remedies=(*remedies, _ELSEWHERE))
