"""The store: trees of files under the digest of their content, and one record per server."""

import errno
import hashlib
import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

import anyio
import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from vsm_mcp.acquisition.installation import tree
from vsm_mcp.acquisition.installation.ownership import insist_on_own, insist_on_own_file
from vsm_mcp.errors import ConfigurationError, IntegrityError, PayloadError, VSMError
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
        at: When it was first committed, as the clock told.
        since: The generation with which it came; tells the order even when the clock was set.
    """

    proven: Proven
    needs: tuple[str, ...] = ()
    at: datetime
    since: int = 0

    @property
    def name(self) -> str:
        """The name of the server."""
        return self.proven.candidate.name


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A file that should hold a record.

    Attributes:
        path: Where it is.
        digest: The sha256 of what is in it.
        data: What is in it; empty when it is too large or no file.
        record: What it says, or ``None`` when it cannot be used.
        problem: Why it cannot be used; empty when it can.
    """

    path: Path
    digest: str
    data: bytes
    record: Record | None = None
    problem: str = ""


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
            ConfigurationError: They cannot be made, or others could change what is in them.
        """
        await insist_on_own(self.root)
        for name, mode in {
            "store": _OPEN,
            "staging": _OPEN,
            "servers": 0o700,
            "records": 0o700,
            "generations": 0o700,
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

    def place(self, server: str) -> Path:
        """Return where the record of the server with this name is, or would be."""
        distinct = hashlib.sha256(server.encode()).hexdigest()[:12]
        return self.root / "servers" / f"{_readable(server)[:80]}-{distinct}.json"

    def kept(self, digest: str) -> Path:
        """Return where the record with this digest is kept for as long as a generation refers to it.

        Raises:
            IntegrityError: ``digest`` is not a sha256 in hex.
        """
        return self.root / "records" / f"{self.tree(digest).name}.json"

    def lock(self, name: str) -> Path:
        """Return the lock file for ``name``."""
        return self.root / "locks" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"

    def relative(self, path: Path) -> PurePosixPath:
        """Return a path of the state directory as the journal writes it."""
        return PurePosixPath(path.relative_to(self.root))

    async def holds(self, digest: str) -> bool:
        """Tell whether there is a tree under this digest, whatever is in it."""
        return await anyio.Path(self.tree(digest)).is_dir()

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

    async def stored(self) -> tuple[StoredRecord, ...]:
        """Return every file that should hold the record of a server, readable or not.

        Raises:
            ConfigurationError: Others could have put them there.
        """
        await insist_on_own(self.root)
        names = await self._files.entries(self.root / "servers")
        paths = [self.root / "servers" / name for name in names if name.endswith(".json") and name[0] != "."]
        found = [await self._load(path) for path in paths]
        return tuple(stored for stored in found if stored is not None)

    async def read_kept(self, digest: str) -> Record:
        """Return a record that a generation refers to.

        Raises:
            IntegrityError: It is gone, was changed, or cannot be read.
        """
        stored = await self._load(self.kept(digest))
        if stored is None or stored.record is None or stored.digest != digest:
            why = "is missing" if stored is None else stored.problem or "was changed"
            raise IntegrityError(
                f"The record {self.kept(digest)} {why}.",
                stage="rollback",
                remedies=("Choose another generation.", "Find out who may write to the state directory."),
            )
        return stored.record

    def dump(self, record: Record) -> bytes:
        """Return a record as it is written."""
        return _RECORD.dump_json(record)

    def settled(self, proven: Proven) -> Proven:
        """Return ``proven`` with the paths it has once its tree is in the store."""
        installed = proven.installed
        path = self.tree(installed.digest)
        vetted = replace(installed.vetted, artefact=replace(installed.vetted.artefact, root=path))
        return replace(proven, installed=replace(installed, vetted=vetted, path=path))

    async def unreferenced(self, *, trees: Collection[str], records: Collection[str]) -> Sequence[Path]:
        """Return what is in the store and is needed neither by one of ``trees`` nor as one of ``records``.

        Args:
            trees: The digests of the trees that are needed.
            records: The digests of the kept records that are needed.
        """
        needed = {
            "store": set(trees),
            "manifests": {f"{digest}.json" for digest in trees},
            "records": {f"{digest}.json" for digest in records},
        }
        return [
            self.root / part / name
            for part, names in needed.items()
            for name in await self._files.entries(self.root / part)
            if name not in names and name[0] != "."
        ]

    def obstacle(self) -> Path | None:
        """Return the first directory on the way to the store that other users may not enter, or ``None``."""
        for path in reversed((self.root, *self.root.parents)):
            if path.exists() and not path.stat().st_mode & 0o001:
                return path
        return None

    async def _load(self, path: Path) -> StoredRecord | None:
        try:
            data = await self._content(path)
        except (PayloadError, ConfigurationError) as error:
            return StoredRecord(path=path, digest="", data=b"", problem=f"cannot be read: {_said(error)}")
        if data is None:
            return None
        digest = hashlib.sha256(data).hexdigest()
        try:
            record = self._parse(data)
        except (ValidationError, VSMError) as error:
            return StoredRecord(path=path, digest=digest, data=data, problem=f"cannot be read: {_said(error)}")
        return StoredRecord(path=path, digest=digest, data=data, record=record)

    async def _content(self, path: Path) -> bytes | None:
        if await anyio.Path(path).is_symlink():
            raise PayloadError(f"{path} is a link.")
        await insist_on_own_file(path)
        return await self._files.read(path, limit=LARGEST_RECORD)

    def _parse(self, data: bytes) -> Record:
        record = _RECORD.validate_json(data)
        installed = record.proven.installed
        if installed.launch != installed.vetted.artefact.launch:
            raise IntegrityError(f"{record.name} is to be started in another way than the one that was vetted.")
        return replace(record, proven=self.settled(record.proven))


def _readable(server: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", server.rsplit("/", 1)[-1]).strip("-") or "server"


def _said(error: ValidationError | VSMError) -> str:
    if isinstance(error, VSMError):
        return error.message.rstrip(".")
    return f"{error.error_count()} part(s) of it are not as they should be"


_ACQUIRE_AGAIN = "Release the server and acquire it again."


async def _in_thread(path: Path, work: Callable[[], _T]) -> _T:
    try:
        return await anyio.to_thread.run_sync(work)
    except OSError as error:
        said = os.strerror(error.errno or errno.EIO)
        raise ConfigurationError(
            f"{error.filename or path} cannot be used: {said}.",
            remedies=("Give this user access to it, or use another state directory: Settings(state=...).",),
        ) from error
