"""Disk budgets: how much a package and the whole state directory may take, measured while it is being taken."""

import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from vsm_mcp.errors import ConfigurationError, InstallationError

MEGABYTE = 1_000_000
LOOK_EVERY = 0.5
_BLOCK = 512

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a directory takes: how many entries, and how many bytes on disk."""

    files: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskBudget:
    """How much disk may be taken.

    Attributes:
        store_mb: By the whole state directory, kept generations included.
        package_mb: By one package with all it needs.
        package_files: How many files and directories one package may have, with all it needs.
    """

    store_mb: int = 10_000
    package_mb: int = 1_000
    package_files: int = 50_000

    async def check_package(self, path: Path) -> Usage:
        """Measure a package.

        Raises:
            InstallationError: It takes more than it may.
            ConfigurationError: It cannot be measured.
        """
        used = await _measure(path, self.package_files + 1)
        if used.files > self.package_files:
            raise InstallationError(
                f"The package has more than {self.package_files} files.",
                stage="stage",
                remedies=("Choose another server.", "Allow packages more files: VSM_MCP_PACKAGE_FILES."),
            )
        if used.size > self.package_mb * MEGABYTE:
            raise InstallationError(
                f"The package takes more than {self.package_mb} MB.",
                stage="stage",
                remedies=("Choose another server.", "Allow packages more room: VSM_MCP_PACKAGE_MB."),
            )
        return used

    async def check_store(self, root: Path) -> Usage:
        """Measure the whole state directory.

        Raises:
            InstallationError: It takes more than it may.
            ConfigurationError: It cannot be measured.
        """
        used = await _measure(root, None)
        if used.size > self.store_mb * MEGABYTE:
            raise InstallationError(
                f"The state directory {root} takes {used.size / MEGABYTE:.0f} MB of the {self.store_mb} MB it may.",
                stage="stage",
                remedies=(
                    "Release servers that are not used, then forget old generations with prune.",
                    "Allow it more room: VSM_MCP_STORE_MB.",
                ),
            )
        return used

    async def watch(self, path: Path, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do ``work``, which fills ``path``, and stop it as soon as that takes more than a package may.

        Raises:
            InstallationError: It takes too much.
        """
        done: list[_T] = []
        failures: list[Exception] = []

        async def look() -> None:
            while True:
                await anyio.sleep(LOOK_EVERY)
                try:
                    await self.check_package(path)
                except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                    failures.append(error)
                    tasks.cancel_scope.cancel()
                    return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            try:
                done.append(await work())
            except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                failures.append(error)
            tasks.cancel_scope.cancel()
        if failures:
            raise failures[0]
        await self.check_package(path)
        return done[0]


async def _measure(root: Path, most: int | None) -> Usage:
    try:
        return await anyio.to_thread.run_sync(measure, root, most)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or root} cannot be measured: {error.strerror}.",
            remedies=("Give this user the right to read it.",),
        ) from error


def measure(root: Path, most: int | None = None) -> Usage:
    """Return what is below ``root``, no link followed; once ``most`` entries were seen it looks no further.

    What vanishes meanwhile is not counted. Blocking.
    """
    files = size = 0
    left = [root]
    while left:
        for path, status in _entries(left.pop()):
            files += 1
            size += status.st_blocks * _BLOCK
            if most is not None and files >= most:
                return Usage(files=files, size=size)
            if stat.S_ISDIR(status.st_mode):
                left.append(path)
    return Usage(files=files, size=size)


def _entries(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    yield Path(entry.path), entry.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return
