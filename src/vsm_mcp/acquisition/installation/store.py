"""The store: trees of files under the digest of their content, and one record per server."""

import errno
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from vsm_mcp.acquisition.installation import tree
from vsm_mcp.errors import ConfigurationError, IntegrityError
from vsm_mcp.model.server import Proven
from vsm_mcp.world.files import Files

LARGEST_RECORD = 32_000_000
_OPEN = 0o755
"""For what servers read: they may run as another user."""

_T = TypeVar("_T")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A server in the store.

    Attributes:
        proven: The server with its evidence.
        needs: What it was acquired for.
        at: When it was first committed.
    """

    proven: Proven
    needs: tuple[str, ...] = ()
    at: datetime


_RECORD = TypeAdapter(Record)


class PackageStore:
    """Keeps what was installed. It changes through transactions, whose last act moves things into their place.

    Args:
        root: The state directory.
        files: Reads and writes.
    """

    def __init__(self, root: Path, files: Files) -> None:
        """Keep the place; nothing is made yet."""
        self.root = root
        self._files = files

    def __repr__(self) -> str:
        """Show the place."""
        return f"PackageStore({self.root})"

    async def prepare(self) -> None:
        """Make the directories that are missing.

        Raises:
            ConfigurationError: They cannot be made.
        """
        for name, mode in {
            "store": _OPEN,
            "staging": _OPEN,
            "servers": 0o700,
            "manifests": 0o700,
            "locks": 0o700,
        }.items():
            await self._files.make_directory(self.root / name, mode)

    def staging(self, identity: str) -> Path:
        """Return the directory where the transaction ``identity`` prepares a package."""
        return self.root / "staging" / identity

    def tree(self, digest: str) -> Path:
        """Return where the tree with this digest is, or would be.

        Raises:
            IntegrityError: ``digest`` is not a sha256 in hex.
        """
        if not _DIGEST.fullmatch(digest):
            raise IntegrityError(f"{digest[:80]!r} is not a digest.", remedies=(_ACQUIRE_AGAIN,))
        return self.root / "store" / digest

    def manifest(self, digest: str) -> Path:
        """Return where the manifest of that tree is."""
        return self.root / "manifests" / f"{digest}.json"

    def place(self, proven: Proven) -> Path:
        """Return where the record of a server is."""
        candidate = proven.candidate
        distinct = hashlib.sha256(candidate.name.encode()).hexdigest()[:12]
        return self.root / "servers" / f"{candidate.slug[:80]}-{distinct}.json"

    def lock(self, name: str) -> Path:
        """Return the lock file for ``name``."""
        return self.root / "locks" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"

    def relative(self, path: Path) -> PurePosixPath:
        """Return a path of the state directory as the journal writes it."""
        return PurePosixPath(path.relative_to(self.root))

    async def seal(self, path: Path) -> str:
        """Make a staged tree read-only and return its digest.

        Raises:
            IntegrityError: There is something in it that must not be in a package.
            InstallationError: It is too large.
        """
        return await _in_thread(path, lambda: tree.seal(path))

    async def digest(self, path: Path) -> str:
        """Return the digest of a tree.

        Raises:
            IntegrityError: There is something in it that could not be in a sealed tree.
        """
        return await _in_thread(path, lambda: tree.digest(path))

    async def describe(self, path: Path) -> bytes:
        """Return the manifest of a tree."""
        return await _in_thread(path, lambda: tree.manifest(path))

    async def settle(self) -> None:
        """Bring what was written by package clients safely to disk."""
        await anyio.to_thread.run_sync(os.sync)

    async def verify(self, digest: str, *, full: bool = False) -> None:
        """Check that the tree with this digest is what it was.

        Args:
            digest: Which one.
            full: Read every byte; otherwise only when an entry's size, mode or times differ.

        Raises:
            IntegrityError: It is missing or was changed.
        """
        path = self.tree(digest)
        known = None if full else await self._files.read(self.manifest(digest))
        if known is not None and await anyio.to_thread.run_sync(tree.unchanged, path, known):
            return
        if not path.is_dir():
            raise IntegrityError(f"The package {digest[:12]} is missing from the store.", remedies=(_ACQUIRE_AGAIN,))
        found = await self.digest(path)
        if found != digest:
            raise IntegrityError(
                f"The package {digest[:12]} was changed after it was installed (now {found[:12]}).",
                remedies=(_ACQUIRE_AGAIN, f"Find out who may write to {path}."),
            )
        await self._files.write(self.manifest(digest), await self.describe(path))

    async def records(self) -> tuple[Record, ...]:
        """Return the records of all servers in the store, in the order in which they came.

        Raises:
            IntegrityError: A record cannot be read.
        """
        names = [name for name in await self._files.entries(self.root / "servers") if name.endswith(".json")]
        found = [await self._load(self.root / "servers" / name) for name in names if not name.startswith(".")]
        return tuple(sorted((record for record in found if record), key=lambda record: record.at))

    def dump(self, record: Record) -> bytes:
        """Return a record as it is written."""
        return _RECORD.dump_json(record)

    def settled(self, proven: Proven) -> Proven:
        """Return ``proven`` with the paths it has once its tree is in the store."""
        installed = proven.installed
        path = self.tree(installed.digest)
        vetted = replace(installed.vetted, artefact=replace(installed.vetted.artefact, root=path))
        return replace(proven, installed=replace(installed, vetted=vetted, path=path))

    async def unreferenced(self) -> Sequence[str]:
        """Return the digests of trees that no record needs."""
        needed = {record.proven.installed.digest for record in await self.records()}
        return [name for name in await self._files.entries(self.root / "store") if name not in needed]

    def obstacle(self) -> Path | None:
        """Return the first directory on the way to the store that other users may not enter, or ``None``."""
        for path in reversed((self.root, *self.root.parents)):
            if path.exists() and not path.stat().st_mode & 0o001:
                return path
        return None

    async def _load(self, path: Path) -> Record | None:
        data = await self._files.read(path, limit=LARGEST_RECORD)
        if data is None:
            return None
        try:
            record = _RECORD.validate_json(data)
        except ValidationError as error:
            raise IntegrityError(
                f"The record {path} cannot be read: {error.error_count()} part(s) of it are not as they should be.",
                remedies=(f"Remove {path}, then acquire the server again.",),
            ) from error
        return replace(record, proven=self.settled(record.proven))


_ACQUIRE_AGAIN = "Release the server and acquire it again."


async def _in_thread(path: Path, work: Callable[[], _T]) -> _T:
    try:
        return await anyio.to_thread.run_sync(work)
    except OSError as error:
        said = os.strerror(error.errno or errno.EIO)
        raise ConfigurationError(f"{error.filename or path} cannot be used: {said}.") from error
