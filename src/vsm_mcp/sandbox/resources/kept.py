"""How much a kept directory holds: measured from outside, without following anything that a server has put there."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.sandbox.resources.controller import MIB, Exceeded
from vsm_mcp.sandbox.resources.family import PROC, Family

LOOK_SECONDS = 0.25
DEEPEST = 100
SMALLEST = 4096
"""What the smallest entry counts: an empty file takes up room as well."""

_BLOCK = 512
_LARGEST_SHARE = 10.0
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Reached(Exception):  # noqa: N818 - ends a walk early, and is not an error
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class KeptDirectory:
    """Watches over one directory.

    Files that were removed but are held open by ``family`` count as well; one that is only mapped does not.

    Args:
        path: The directory.
        shown: How the sandbox calls it.
        limit_mb: The size allowed.
        family: The processes that write to it.
        proc: Where the kernel shows processes.
    """

    def __init__(self, path: Path, shown: str, *, limit_mb: int, family: Family, proc: Path = PROC) -> None:
        """Keep what to measure."""
        self.peak_bytes: int = 0
        self._path = path
        self._shown = shown
        self._limit_mb = limit_mb
        self._family = family
        self._proc = proc

    async def watch(self) -> Exceeded:
        """Measure again and again, and return when it is too large."""
        while True:
            before = anyio.current_time()
            exceeded = await anyio.to_thread.run_sync(self.look)
            if exceeded is not None:
                return exceeded
            await anyio.sleep(max(LOOK_SECONDS, (anyio.current_time() - before) * _LARGEST_SHARE))

    def look(self) -> Exceeded | None:
        """Measure once.

        Raises:
            OSError: The directory itself cannot be read.
        """
        measure = _Measure(self._limit_mb * MIB)
        try:
            top = os.open(self._path, _FLAGS)
            try:
                measure.device = os.fstat(top).st_dev
                measure.walk(top, depth=0)
                self._removed(measure)
            finally:
                os.close(top)
        except _Reached as reached:
            return Exceeded(
                reason=ExitReason.DISK, detail=f"{self._shown} may hold {self._limit_mb} MiB; {reached.why}."
            )
        finally:
            self.peak_bytes = max(self.peak_bytes, measure.bytes)
        return None

    def _removed(self, measure: "_Measure") -> None:
        """Count files that have no name any more but are open in a process of the sandbox."""
        for member in self._family.members():
            with suppress(OSError), os.scandir(self._proc / str(member.pid) / "fd") as entries:
                measure.count_removed(entry.path for entry in entries)


class _Measure:
    def __init__(self, limit: int) -> None:
        self.bytes = 0
        self.device: int = -1
        self._limit = limit
        self._seen: set[int] = set()

    def walk(self, directory: int, *, depth: int) -> None:
        """Count what is in a directory; an entry that vanishes meanwhile takes up nothing."""
        if depth > DEEPEST:
            raise _Reached(f"directories lie more than {DEEPEST} deep in it")
        with os.scandir(directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    self._entry(entry.name, directory, depth=depth)

    def count_removed(self, paths: Iterable[str]) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                found = os.stat(path)  # noqa: PTH116 - many of them, often
                if found.st_nlink == 0 and found.st_dev == self.device and stat.S_ISREG(found.st_mode):
                    self._count(found)

    def _entry(self, name: str, directory: int, *, depth: int) -> None:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        self._count(found)
        if not stat.S_ISDIR(found.st_mode):
            return
        try:
            inner = os.open(name, _FLAGS, dir_fd=directory)
        except (NotADirectoryError, PermissionError) as error:
            if isinstance(error, PermissionError):
                raise _Reached("it holds a directory that cannot be read") from error
            return
        try:
            self.walk(inner, depth=depth + 1)
        finally:
            os.close(inner)

    def _count(self, found: os.stat_result) -> None:
        if found.st_ino in self._seen:
            return
        self._seen.add(found.st_ino)
        self.bytes += max(found.st_blocks * _BLOCK, SMALLEST)
        if self.bytes > self._limit:
            raise _Reached(f"measured were more than {self.bytes // MIB} MiB in {len(self._seen)} entries")
