"""Crash here: files that fail, or end the process, at a chosen effect."""

import os
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import anyio

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.files import DEFAULT_LIMIT, Files


class Crash(BaseException):
    """The process is as good as dead: nothing of it may have an effect any more."""


class Moment(StrEnum):
    """When a crash comes: before the effect, or when it has happened and nobody knows yet."""

    BEFORE = "before"
    AFTER = "after"


def crash() -> NoReturn:
    """Crash as an exception that no ``except Exception`` holds up.

    Raises:
        Crash: Always.
    """
    raise Crash


def die() -> NoReturn:
    """End this process at once, as ``kill -9`` does.

    Raises:
        Crash: Never in practice: the process is gone.
    """
    os.kill(os.getpid(), signal.SIGKILL)
    raise Crash


class CrashingFiles:
    """Files of which the n-th effect is the last. Afterwards every effect crashes, for the dead do nothing.

    An effect is a write, an append, a rename, a removal or a new directory; reading and locking are none.

    Args:
        files: Does the work until then.
        at: Which effect, counted from 1; 0 for none, to count.
        moment: Before or after it.
        only: Count only effects of these kinds, such as ``("append",)`` for journal lines; empty counts all.
        way: How to crash: ``crash`` raises, ``die`` kills the process.
    """

    def __init__(
        self,
        files: Files,
        *,
        at: int = 0,
        moment: Moment = Moment.BEFORE,
        only: Sequence[str] = (),
        way: Callable[[], NoReturn] = crash,
    ) -> None:
        """Count from 1."""
        self._files = files
        self._at = at
        self._moment = moment
        self._only = frozenset(only)
        self._way = way
        self._dead = False
        self.effects: int = 0

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Put ``data`` in the place of whatever was at ``path``."""
        async with self._effect("write"):
            await self._files.write(path, data, mode=mode)

    async def append(self, path: Path, data: bytes) -> None:
        """Add ``data`` to the end of ``path``."""
        async with self._effect("append"):
            await self._files.append(path, data)

    async def read(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """Return what is in ``path``, or ``None`` when there is no such file."""
        return await self._files.read(path, limit=limit)

    async def entries(self, path: Path) -> tuple[str, ...]:
        """Return the sorted names in the directory ``path``."""
        return await self._files.entries(path)

    async def rename(self, old: Path, new: Path) -> None:
        """Move ``old`` to ``new``."""
        async with self._effect("rename"):
            await self._files.rename(old, new)

    async def remove(self, path: Path) -> None:
        """Remove a file or a whole tree."""
        async with self._effect("remove"):
            await self._files.remove(path)

    async def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Make a directory."""
        async with self._effect("make_directory"):
            await self._files.make_directory(path, mode)

    @asynccontextmanager
    async def lock(self, path: Path, *, patience: float = float("inf")) -> AsyncGenerator[bool]:
        """Hold ``path`` alone."""
        async with self._files.lock(path, patience=patience) as held:
            yield held

    @asynccontextmanager
    async def _effect(self, kind: str) -> AsyncGenerator[None]:
        if self._dead:
            raise Crash
        if self._only and kind not in self._only:
            yield
            return
        self.effects += 1
        last = self.effects == self._at
        if last and self._moment is Moment.BEFORE:
            self._end()
        yield
        if last:
            self._end()

    def _end(self) -> NoReturn:
        self._dead = True
        self._way()


class FullDisk:
    """Files on a disk that is full from the n-th effect on: removing and moving still work, more bytes do not fit.

    Args:
        files: Does the work until then.
        at: From which write, append or new directory on, counted from 1; 0 for never.
    """

    def __init__(self, files: Files, *, at: int = 0) -> None:
        """Count from 1."""
        self._files = files
        self._at = at
        self.effects: int = 0

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Put ``data`` in the place of whatever was at ``path``, if it fits."""
        self._fill(path)
        await self._files.write(path, data, mode=mode)

    async def append(self, path: Path, data: bytes) -> None:
        """Add ``data`` to the end of ``path``, if it fits."""
        self._fill(path)
        await self._files.append(path, data)

    async def read(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """Return what is in ``path``, or ``None`` when there is no such file."""
        return await self._files.read(path, limit=limit)

    async def entries(self, path: Path) -> tuple[str, ...]:
        """Return the sorted names in the directory ``path``."""
        return await self._files.entries(path)

    async def rename(self, old: Path, new: Path) -> None:
        """Move ``old`` to ``new``."""
        await self._files.rename(old, new)

    async def remove(self, path: Path) -> None:
        """Remove a file or a whole tree."""
        await self._files.remove(path)

    async def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Make a directory, if it fits."""
        self._fill(path)
        await self._files.make_directory(path, mode)

    @asynccontextmanager
    async def lock(self, path: Path, *, patience: float = float("inf")) -> AsyncGenerator[bool]:
        """Hold ``path`` alone."""
        async with self._files.lock(path, patience=patience) as held:
            yield held

    def _fill(self, path: Path) -> None:
        self.effects += 1
        if self._at and self.effects >= self._at:
            raise ConfigurationError(
                f"{path} cannot be used: No space left on device.",
                remedies=(f"Free disk space on the file system of {path}.",),
            )


class ReadOnly:
    """Files that can only be read, locks included: every effect is refused as a read-only file system refuses it.

    Args:
        files: Does the reading.
    """

    def __init__(self, files: Files) -> None:
        """Keep what reads."""
        self._files = files

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Refuse to write."""
        raise _read_only(path)

    async def append(self, path: Path, data: bytes) -> None:
        """Refuse to write."""
        raise _read_only(path)

    async def read(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """Return what is in ``path``, or ``None`` when there is no such file."""
        return await self._files.read(path, limit=limit)

    async def entries(self, path: Path) -> tuple[str, ...]:
        """Return the sorted names in the directory ``path``."""
        return await self._files.entries(path)

    async def rename(self, old: Path, new: Path) -> None:
        """Refuse to move."""
        raise _read_only(new)

    async def remove(self, path: Path) -> None:
        """Refuse to remove what is there."""
        if await anyio.Path(path).exists():
            raise _read_only(path)

    async def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Refuse to make a directory that is missing."""
        if not await anyio.Path(path).is_dir():
            raise _read_only(path)

    @asynccontextmanager
    async def lock(self, path: Path, *, patience: float = float("inf")) -> AsyncGenerator[bool]:
        """Refuse: a lock is a file that is opened for writing."""
        raise _read_only(path)
        yield False


def _read_only(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be used: Read-only file system.",
        remedies=("Choose a directory on a file system that can be written to.",),
    )
