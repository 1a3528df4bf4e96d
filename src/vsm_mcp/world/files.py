"""Files, durable: every effect is whole or did not happen, and survives a loss of power once it returned."""

import errno
import fcntl
import math
import os
import secrets
import stat
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.world.removal import remove_tree

DEFAULT_LIMIT = 64_000_000
_FIRST_WAIT = 0.01
_LONGEST_WAIT = 0.2


class Files(Protocol):
    """Changes files. Every method raises ``ConfigurationError`` when the machine does not let it."""

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Put ``data`` in the place of whatever was at ``path``: readers see the old or the new, never a part."""
        ...

    async def append(self, path: Path, data: bytes) -> None:
        """Add ``data`` to the end of ``path``, made if it is missing, for its owner only; all of it or nothing."""
        ...

    async def read(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """Return what is in ``path``, or ``None`` when there is no such file.

        Raises:
            PayloadError: It holds more than ``limit`` bytes, or is not a regular file.
        """
        ...

    async def entries(self, path: Path) -> tuple[str, ...]:
        """Return the sorted names in the directory ``path``; none when it is missing."""
        ...

    async def rename(self, old: Path, new: Path) -> None:
        """Move ``old`` to ``new`` on the same file system in one step."""
        ...

    async def remove(self, path: Path) -> None:
        """Remove a file or a whole tree, read-only ones too, links never followed; missing is fine."""
        ...

    async def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Make a directory, and what is missing above it, with exactly ``mode``; present is fine."""
        ...

    def lock(self, path: Path, *, patience: float = math.inf) -> AbstractAsyncContextManager[bool]:
        """Hold ``path`` alone, among tasks and among processes; the lock ends with its holder's life.

        The context's value is True when the lock is held, and False when somebody else has held it for all of the
        ``patience`` seconds.
        """
        ...


class LocalFiles:
    """The files of this machine."""

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Put ``data`` in the place of whatever was at ``path``, in one step."""
        await anyio.to_thread.run_sync(_write, path, data, mode)

    async def append(self, path: Path, data: bytes) -> None:
        """Add ``data`` to the end of ``path``; all of it or nothing."""
        await anyio.to_thread.run_sync(_append, path, data)

    async def read(self, path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
        """Return what is in ``path``, or ``None`` when there is no such file."""
        return await anyio.to_thread.run_sync(_read, path, limit)

    async def entries(self, path: Path) -> tuple[str, ...]:
        """Return the sorted names in the directory ``path``; none when it is missing."""
        return await anyio.to_thread.run_sync(_entries, path)

    async def rename(self, old: Path, new: Path) -> None:
        """Move ``old`` to ``new`` on the same file system in one step."""
        await anyio.to_thread.run_sync(_rename, old, new)

    async def remove(self, path: Path) -> None:
        """Remove a file or a whole tree; missing is fine."""
        await anyio.to_thread.run_sync(_remove, path)

    async def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Make a directory, and what is missing above it, with exactly ``mode``; present is fine."""
        await anyio.to_thread.run_sync(_make_directory, path, mode)

    @asynccontextmanager
    async def lock(self, path: Path, *, patience: float = math.inf) -> AsyncGenerator[bool]:
        """Hold ``path`` alone, among tasks and among processes."""
        descriptor = _try_lock(path)
        pause = _FIRST_WAIT
        end = anyio.current_time() + patience
        while descriptor is None and anyio.current_time() < end:
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_WAIT)
            descriptor = _try_lock(path)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                os.close(descriptor)


def read_regular(descriptor: int, most: int) -> bytes | None:
    """Return at most that many bytes of an open file; ``None`` when it is not a regular one. Blocking."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(most)


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Turn what the machine says into our error, with what to do about it."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Check the path and its file system.").format(path=path)
        said = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigurationError(f"{path} cannot be used: {said}.", remedies=(remedy,)) from error


_REMEDIES = {
    errno.ENOENT: "Check the path {path}: it, or the directory it is in, does not exist.",
    errno.ENOTDIR: "Check the path {path}: something on the way to it is a file.",
    errno.ENOSPC: "Free disk space on the file system of {path}.",
    errno.EDQUOT: "Free disk space: the quota of this user is used up.",
    errno.EACCES: "Give this user the right to write to {path}, or choose another directory.",
    errno.EPERM: "Give this user the right to write to {path}, or choose another directory.",
    errno.EROFS: "Choose a directory on a file system that can be written to.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.EXDEV: "Keep the whole state directory on one file system.",
}


def _write(path: Path, data: bytes, mode: int) -> None:
    with _told(path):
        temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)


def _append(path: Path, data: bytes) -> None:
    with _told(path):
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = os.fstat(descriptor).st_size
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)
        if before == 0:
            _sync_directory(path.parent)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(path: Path, limit: int) -> bytes | None:
    with _told(path):
        try:
            # Without waiting: a pipe that nobody writes to would be waited for without end.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            data = read_regular(descriptor, limit + 1)
        finally:
            os.close(descriptor)
    if data is None:
        raise PayloadError(f"{path} is not a regular file.", remedies=(f"Remove {path} if it is not yours.",))
    if len(data) > limit:
        raise PayloadError(f"{path} holds more than {limit} bytes.", remedies=(f"Remove {path} if it is not yours.",))
    return data


def _entries(path: Path) -> tuple[str, ...]:
    with _told(path):
        try:
            return tuple(sorted(os.listdir(path)))  # noqa: PTH208 - names are wanted, not paths
        except FileNotFoundError:
            return ()


def _rename(old: Path, new: Path) -> None:
    with _told(new):
        old.replace(new)
        _sync_directory(new.parent)
        if old.parent != new.parent:
            _sync_directory(old.parent)


def _remove(path: Path) -> None:
    with _told(path), suppress(FileNotFoundError):  # somebody else was faster
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink(missing_ok=True)
        _sync_directory(path.parent)


def _make_directory(path: Path, mode: int) -> None:
    with _told(path):
        missing = [parent for parent in (path, *path.parents) if not parent.exists()]
        for directory in reversed(missing):
            with suppress(FileExistsError):
                directory.mkdir(mode)
                directory.chmod(mode)
                _sync_directory(directory.parent)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock, or ``None`` when somebody else holds it."""
    with _told(path):
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _is_still(path, descriptor):
                return descriptor
            os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether ``path`` names the open file: its last holder may have removed it in between."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
