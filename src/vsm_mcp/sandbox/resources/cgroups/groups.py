"""Control groups: where this machine keeps them, and directories of our own in them that never stay behind."""

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

PREFIX = "vsm-"
REMOVAL_SECONDS = 5.0

_NAME = re.compile(r"vsm-(?P<pid>\d{1,10})-(?P<started>\d{1,20})-\d{1,10}")
_RETRY_SECONDS = 0.01
_MOST_BESIDE = 512
_LONGEST = 1 << 16
_NUMBERS: Callable[[], int] = itertools.count().__next__


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A hierarchy of control groups that is mounted.

    Attributes:
        path: Where.
        root: Which group of the hierarchy is seen there.
        version: 1 or 2.
        controllers: What it controls; empty for version 2, whose groups say it themselves.
    """

    path: Path
    root: str
    version: int
    controllers: frozenset[str] = frozenset()


def hierarchies(proc: Path) -> tuple[Mounted, ...]:
    """Return the hierarchies that this process sees.

    Raises:
        OSError: The kernel does not tell.
        ValueError: It tells something else.
    """
    return tuple(_mounted((proc / "self/mountinfo").read_text()))


def own_groups(proc: Path, pid: int | str = "self") -> Mapping[str, str]:
    """Return the groups that a process is in, by controller; ``""`` stands for version 2.

    Raises:
        OSError: The process is gone.
        ValueError: The kernel tells something unknown.
    """
    found: dict[str, str] = {}
    for line in (proc / str(pid) / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def directory(mounted: Mounted, group: str) -> Path | None:
    """Return the directory of a group; ``None`` when it is not below what is mounted."""
    inside = os.path.relpath(group, mounted.root)
    if inside.startswith("..") or any(part == ".." for part in Path(group).parts):
        return None
    return mounted.path / inside


def new_name(proc: Path) -> str:
    """Return a name for a group that tells which process made it, and that nobody else uses."""
    return f"{PREFIX}{os.getpid()}-{_started(proc, 'self')}-{_NUMBERS()}"


def sweep(parent: Path, proc: Path) -> tuple[str, ...]:
    """Remove the groups that processes left behind which are gone; return their names.

    A group in which something still lives is left alone: the process that made it may be in another container.
    """
    removed: list[str] = []
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is not None and not _lives(proc, match["pid"], match["started"]):
                with suppress(OSError):
                    Path(entry.path).rmdir()
                    removed.append(entry.name)
    return tuple(removed)


def sweep_beside(parent: Path, proc: Path) -> None:
    """Do the same in the groups beside ``parent``: another run of this program may have been in one of those."""
    with suppress(OSError), os.scandir(parent.parent) as entries:
        for entry in itertools.islice(entries, _MOST_BESIDE):
            if entry.is_dir(follow_symlinks=False):
                sweep(Path(entry.path), proc)


def read(path: Path) -> str:
    """Read a file of a group, bounded.

    Raises:
        OSError: It is not there.
    """
    with path.open("rb", buffering=0) as file:
        return file.read(_LONGEST).decode(errors="replace").strip()


def read_number(path: Path) -> int | None:
    """Read a number; ``None`` for no limit, and for a file that this kernel does not have.

    Raises:
        OSError: The group is gone.
    """
    try:
        text = read(path)
    except FileNotFoundError:
        return None
    return int(text) if text.isdecimal() else None


def read_table(path: Path) -> Mapping[str, int]:
    """Read lines of a name and a number.

    Raises:
        OSError: It is not there.
    """
    pairs = (line.split() for line in read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}  # noqa: PLR2004 - a pair


def write(path: Path, value: object) -> None:
    """Write a file of a group in one piece.

    Raises:
        OSError: The kernel refused.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def pids(path: Path) -> tuple[int, ...]:
    """Return the processes in a group.

    Raises:
        OSError: It is gone.
    """
    return tuple(int(word) for word in read(path / "cgroup.procs").split())


async def remove(paths: tuple[Path, ...], remove_one: Callable[[Path], object] = Path.rmdir) -> tuple[Path, ...]:
    """Remove groups whose processes have just ended; return those that could not be removed in time."""
    left = paths
    with anyio.move_on_after(REMOVAL_SECONDS, shield=True):
        left = await anyio.to_thread.run_sync(_remove, paths, remove_one)
        while left:
            await anyio.sleep(_RETRY_SECONDS)
            left = await anyio.to_thread.run_sync(_remove, left, remove_one)
    return left


def _remove(paths: tuple[Path, ...], remove_one: Callable[[Path], object]) -> tuple[Path, ...]:
    """Remove what is empty by now."""
    left: list[Path] = []
    for path in paths:
        try:
            remove_one(path)
        except FileNotFoundError:
            continue
        except OSError:
            left.append(path)
    return tuple(left)


def _mounted(text: str) -> Iterator[Mounted]:
    for line in text.splitlines():
        own, _, system = line.partition(" - ")
        fields, kinds = own.split(" "), system.split(" ")
        if kinds[0] == "cgroup2":
            yield Mounted(path=Path(_plain(fields[4])), root=_plain(fields[3]), version=2)
        elif kinds[0] == "cgroup":
            yield Mounted(
                path=Path(_plain(fields[4])),
                root=_plain(fields[3]),
                version=1,
                controllers=frozenset(kinds[2].split(",")) - {"rw", "ro"},
            )


def _plain(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _lives(proc: Path, pid: str, started: str) -> bool:
    try:
        return _started(proc, pid) == int(started)
    except OSError:
        return False


def _started(proc: Path, pid: str) -> int:
    text = (proc / pid / "stat").read_text()
    return int(text[text.rindex(")") + 2 :].split()[19])
