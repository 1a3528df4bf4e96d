"""Whether a server that is held is the one that the lock in force pins."""

from vsm_mcp.acquisition.lock.comparison import compare
from vsm_mcp.acquisition.lock.entries import LockedServer
from vsm_mcp.acquisition.lock.lockfile import Lockfile, files_of
from vsm_mcp.errors import IntegrityError, PayloadError
from vsm_mcp.model.server import Proven

MOST_KEPT = 1000
"""Trees whose files were read; beyond, all others are forgotten and read again."""


class LockInForce:
    """Judges what is held by a lock, as `confirm` judges what comes in.

    On the machine that wrote the lock this reads no file: a tree is named by its digest. On another one the files are
    read once per tree.

    Args:
        lock: The lock.
    """

    def __init__(self, lock: Lockfile) -> None:
        """Keep the lock."""
        self._lock = lock
        self._files: dict[str, str] = {}

    def __repr__(self) -> str:
        """Show how much is pinned."""
        return f"LockInForce({len(self._lock.servers)} servers)"

    async def objection(self, proven: Proven) -> str | None:
        """Return why a held server is not what is pinned; ``None`` when it is."""
        name = proven.candidate.name
        locked = self._lock.servers.get(name)
        if locked is None:
            return f"{name} is not in the lock in force."
        try:
            found = LockedServer.of(proven, files=await self._digest(locked, proven))
        except (IntegrityError, PayloadError) as error:
            return error.message
        differs = compare(_of(name, locked), _of(name, found)).servers[name].differs
        return f"{name} is not what the lock in force pins: {'; '.join(differs)}." if differs else None

    async def _digest(self, locked: LockedServer, proven: Proven) -> str:
        """Return the digest of the files; the name of a tree in the store says what they are."""
        tree = proven.installed.digest
        if tree == locked.tree:
            return locked.files
        known = self._files.get(tree)
        if known is None:
            known = await files_of(proven)
            self._files = {tree: known} if len(self._files) >= MOST_KEPT else {**self._files, tree: known}
        return known


def _of(name: str, server: LockedServer) -> Lockfile:
    return Lockfile(servers={name: server})
