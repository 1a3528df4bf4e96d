"""What a package client keeps between runs: a directory of its own, shared by its runs only, emptied when too large."""

import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.installation.budget import MEGABYTE, measure
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.sandbox.linux.users import UNCLAIMED, choose_user, hand_over
from vsm_mcp.world.files import LocalFiles

LARGEST_CACHE_MB = 512
MOST_CACHED_FILES = 100_000
PATIENCE = 60.0

_FIRST_WAIT = 0.01
_LONGEST_WAIT = 0.2
_OPEN = 0o755
_OF_SERVERS = UNCLAIMED[:-64]
"""The users that sandboxes of servers choose first: caches keep theirs, so they leave these to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A cache in use: where it is, and which user its clients run under when this process is root."""

    path: Path
    user: int | None


class ClientCache:
    """The cache of one kind of client. Any number of runs use it at once; it is emptied only when none does.

    As root, its owner is the user that all runs of this client have.

    Args:
        path: The directory; its lock lies beside it.
        run_as: The user to run under when this process is root; ``None`` chooses one that nobody uses.
        most_mb: The size above which it is emptied before the next run.
        patience: Seconds to wait for another process that empties it.
    """

    def __init__(
        self, path: Path, *, run_as: int | None = None, most_mb: int = LARGEST_CACHE_MB, patience: float = PATIENCE
    ) -> None:
        """Keep the place; nothing is made yet."""
        self.most_mb = most_mb
        self._path = path
        self._run_as = run_as
        self._patience = patience
        self._files = LocalFiles()

    def __repr__(self) -> str:
        """Show the place."""
        return f"ClientCache({self._path})"

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[Held]:
        """Use the cache as long as the context lasts.

        Raises:
            ConfigurationError: It cannot be made, or somebody else has been emptying it for too long.
            SandboxError: No user can be chosen for it, or it belongs to somebody else.
        """
        await self._files.make_directory(self._path.parent, _OPEN)
        lock = await anyio.to_thread.run_sync(_open_lock, self._path.with_suffix(".lock"))
        try:
            if _taken(lock, fcntl.LOCK_EX):
                with anyio.CancelScope(shield=True):
                    await self._tidy()
            await _share(lock, self._path, self._patience)
            owner = (await anyio.Path(self._path).stat()).st_uid
            yield Held(path=self._path, user=owner if os.geteuid() == 0 else None)
        finally:
            os.close(lock)

    async def _tidy(self) -> None:
        """Make it ready while nobody uses it."""
        used = await anyio.to_thread.run_sync(measure, self._path, MOST_CACHED_FILES)
        if used.size > self.most_mb * MEGABYTE or used.files >= MOST_CACHED_FILES:
            await self._files.remove(self._path)
        await self._files.make_directory(self._path, 0o700)
        user = choose_user(self._run_as, self._path, _OF_SERVERS)
        if user is not None:
            await anyio.to_thread.run_sync(hand_over, self._path, user)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be opened: {error.strerror}.", remedies=("Give this user the right to write there.",)
        ) from error


def _taken(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _share(lock: int, path: Path, patience: float) -> None:
    wait = _FIRST_WAIT
    try:
        with anyio.fail_after(patience):
            while not _taken(lock, fcntl.LOCK_SH):
                await anyio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
    except TimeoutError as error:
        raise ConfigurationError(
            f"Another process has been emptying {path} for {patience:g} seconds.",
            remedies=("Wait for the other process, or end it.",),
        ) from error
