"""Installing: resolve, fetch, stage and commit, one acquisition of the same package at a time, a few at once."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import anyio

from vsm_mcp.acquisition.installation.ecosystems.client import scratch
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.journal import Action, ActionKind
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.installation.store import PackageStore, Record
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.events import EventSink, Progress, ignore
from vsm_mcp.model.server import Artefact, Candidate, InProcessLaunch, Installed, Proven, Resolution, Rung, Vetted
from vsm_mcp.world.clock import Clock, SystemClock
from vsm_mcp.world.files import Files

_T = TypeVar("_T")
_STORE = "the store"


class Installer:
    """Brings packages to this machine and keeps the records of those that proved themselves.

    Args:
        ecosystems: Where packages come from.
        store: Where they are kept.
        rollback: Undoes what does not come to its end.
        files: Makes changes.
        clock: Dates records.
        emit: Hears of progress.
        most_at_once: How many packages are worked on at the same time.
        patience: Seconds to wait for another acquisition of the same package.
    """

    def __init__(
        self,
        ecosystems: Sequence[Ecosystem],
        *,
        store: PackageStore,
        rollback: Rollback,
        files: Files,
        clock: Clock | None = None,
        emit: EventSink = ignore,
        most_at_once: int = 5,
        patience: float = 1800.0,
    ) -> None:
        """Keep the parts; nothing is touched yet."""
        self._ecosystems: Mapping[str, Ecosystem] = {ecosystem.name: ecosystem for ecosystem in ecosystems}
        self._store = store
        self._rollback = rollback
        self._files = files
        self._clock = clock or SystemClock()
        self._emit = emit
        self._limiter = anyio.CapacityLimiter(most_at_once)
        self._patience = patience
        self._in_process: dict[str, Record] = {}

    def __repr__(self) -> str:
        """Show what it can install."""
        return f"Installer({', '.join(self._ecosystems)})"

    @property
    def store(self) -> PackageStore:
        """Where packages are kept."""
        return self._store

    async def resolve(self, candidate: Candidate, rung: Rung) -> Resolution:
        """Pin exact versions and digests of a package and all it needs; leaves no trace.

        Raises:
            InstallationError: It could not be resolved.
        """
        ecosystem = self._ecosystem(candidate)
        return await self._alone(lambda: ecosystem.resolve(candidate.package, rung=rung))

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Unpack the package itself in the empty directory ``into``; nothing of it runs.

        Raises:
            IntegrityError: It is not what was pinned.
            InstallationError: It could not be fetched, or there is no server in it.
        """
        ecosystem = self._ecosystem(candidate)
        return await self._alone(lambda: ecosystem.fetch(candidate, resolution, into=into))

    def scratch(self) -> AbstractAsyncContextManager[Path]:
        """Return an empty directory that is gone at the end: for looking at a package without acquiring it."""
        return scratch()

    async def quarantine(self, transaction: Transaction) -> Path:
        """Return an empty directory for what is not vetted; it ends with the transaction.

        Raises:
            ConfigurationError: It cannot be made.
        """
        path = self._store.staging(transaction.identity) / "quarantine"
        await self._store.prepare()
        await transaction.step("quarantine", undo=self._remove(path.parent))
        await self._files.make_directory(path.parent, 0o755)
        await self._files.make_directory(path, 0o700)
        return path

    async def stage(self, vetted: Vetted, transaction: Transaction) -> Installed:
        """Install a package and all it needs in the staging area, read-only from then on.

        Raises:
            IntegrityError: Something is not what was pinned, or must not be in a package.
            InstallationError: It could not be installed.
        """
        ecosystem = self._ecosystem(vetted.candidate)
        if isinstance(vetted.artefact.launch, InProcessLaunch):
            digest = hashlib.sha256(vetted.candidate.name.encode()).hexdigest()
            return Installed(vetted=vetted, path=None, digest=digest, launch=vetted.artefact.launch)
        path = self._store.staging(transaction.identity) / "package"
        await self._store.prepare()
        await transaction.step("stage", undo=self._remove(path.parent))
        await self._files.make_directory(path.parent, 0o755)
        await self._files.make_directory(path, 0o755)
        launch = await self._alone(lambda: ecosystem.install(vetted, into=path))
        return Installed(vetted=vetted, path=path, digest=await self._store.seal(path), launch=launch)

    async def commit(self, proven: Proven, transaction: Transaction, *, needs: Sequence[str] = ()) -> Proven:
        """Move a proven package into the store and write its record; from the journal line on it lasts.

        Raises:
            IntegrityError: It changed since it was staged.
            InstallationError: It could not be written down.
        """
        record = Record(proven=proven, needs=tuple(needs), at=self._clock.now())
        path = proven.installed.path
        if path is None:
            await transaction.commit(self._remove(self._store.staging(transaction.identity)))
            self._in_process[proven.candidate.name] = record
            return proven
        found = await self._store.digest(path)
        if found != proven.installed.digest:
            raise IntegrityError(
                f"{proven.candidate.name} changed while it was tried (now {found[:12]}).",
                stage="commit",
                remedies=("Find out who may write to the state directory.",),
            )
        await self._alone(lambda: self._commit(record, path, transaction))
        return self._store.settled(proven)

    async def serve(self, proven: Proven, *, needs: Sequence[str]) -> Proven:
        """Note that a server in the store serves further needs, with its newest proof.

        Raises:
            InstallationError: It is not in the store, or it could not be written down.
        """
        known = await self._record(proven.candidate.name)
        if known is None:
            raise InstallationError(f"{proven.candidate.name} is not in the store.", stage="commit")
        record = replace(known, proven=proven, needs=tuple(dict.fromkeys((*known.needs, *needs))))
        if proven.installed.path is None:
            self._in_process[proven.candidate.name] = record
        else:
            await self._alone(lambda: self._files.write(self._store.place(proven), self._store.dump(record)))
        return proven

    async def find(self, candidate: Candidate) -> Proven | None:
        """Return the server in the store that is this package in this version (or any, if it names none).

        Raises:
            IntegrityError: It was changed after it was installed.
        """
        wanted = candidate.package
        for record in await self.records():
            held = record.proven.installed.vetted.artefact.resolution.package
            same = (held.ecosystem, held.name) == (wanted.ecosystem, wanted.name)
            if not same or record.proven.candidate.arguments != candidate.arguments:
                continue
            if wanted.version in {None, held.version}:
                await self.verify(record.proven)
                return record.proven
        return None

    async def verify(self, proven: Proven, *, full: bool = False) -> None:
        """Check that the files of a server in the store are what they were; cheap unless ``full``.

        Raises:
            IntegrityError: They are missing or were changed.
        """
        if proven.installed.path is not None:
            await self._store.verify(proven.installed.digest, full=full)

    async def records(self) -> tuple[Record, ...]:
        """Return the records of all servers that are held, in the order in which they came.

        Raises:
            IntegrityError: A record cannot be read.
        """
        held = (*await self._store.records(), *self._in_process.values())
        return tuple(sorted(held, key=lambda record: record.at))

    async def committed(self) -> tuple[Proven, ...]:
        """Return all servers that are held.

        Raises:
            IntegrityError: A record cannot be read.
        """
        return tuple(record.proven for record in await self.records())

    async def remove(self, server: str) -> None:
        """Remove a server by its name: its record, and its files if no other server shares them; missing is fine.

        Raises:
            RollbackError: Something could not be removed now; ``recover`` will do it.
        """
        self._in_process.pop(server, None)
        record = await self._record(server)
        if record is None:
            return
        digest = record.proven.installed.digest
        async with self._files.lock(self._store.lock(_STORE)):
            sharing = [other for other in await self._store.records() if other.proven.installed.digest == digest]
            gone = [self._remove(self._store.place(record.proven))]
            if len(sharing) == 1:
                gone += [self._remove(self._store.tree(digest)), self._remove(self._store.manifest(digest))]
            async with self._rollback.transaction(f"remove {server}") as transaction:
                await transaction.commit(*gone)

    @asynccontextmanager
    async def exclusively(self, candidate: Candidate) -> AsyncGenerator[None]:
        """Hold a package alone, in this process and among processes: nobody else acquires it meanwhile.

        Raises:
            InstallationError: Somebody else held it for too long.
        """
        await self._store.prepare()
        lock = self._store.lock(f"{candidate.package.ecosystem}:{candidate.package.name}")
        async with self._files.lock(lock, patience=0) as held:
            if held:
                yield
                return
        self._emit(Progress(subject=candidate.name, detail="waiting for another acquisition of the same package"))
        async with self._files.lock(lock, patience=self._patience) as held:
            if not held:
                raise InstallationError(
                    f"Another acquisition of {candidate.package} did not end within {self._patience:g} seconds.",
                    remedies=("Wait for the other process, or end it.",),
                )
            yield

    def _ecosystem(self, candidate: Candidate) -> Ecosystem:
        name = candidate.package.ecosystem
        if name not in self._ecosystems:
            raise InstallationError(
                f"{candidate.package} cannot be installed: there is no ecosystem {name}.",
                remedies=(f"Choose a server of {', '.join(self._ecosystems)}.",),
            )
        return self._ecosystems[name]

    async def _alone(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do one of a few things at once; what the machine does not allow is a failed installation."""
        try:
            async with self._limiter:
                return await work()
        except ConfigurationError as error:
            raise InstallationError(error.message, remedies=error.remedies) from error

    async def _record(self, server: str) -> Record | None:
        return next((record for record in await self.records() if record.proven.candidate.name == server), None)

    async def _commit(self, record: Record, path: Path, transaction: Transaction) -> None:
        installed = record.proven.installed
        staging = path.parent
        manifest, written = staging / "manifest.json", staging / "record.json"
        settled = replace(record, proven=self._store.settled(record.proven))
        await transaction.step("describe", undo=self._remove(staging))
        await self._files.write(manifest, await self._store.describe(path))
        await self._files.write(written, self._store.dump(settled))
        await self._store.settle()
        async with self._files.lock(self._store.lock(_STORE)):
            await transaction.commit(
                *await self._broken(installed.digest),
                self._move(path, self._store.tree(installed.digest)),
                self._move(manifest, self._store.manifest(installed.digest)),
                self._move(written, self._store.place(record.proven)),
                self._remove(staging),
            )

    async def _broken(self, digest: str) -> Sequence[Action]:
        """Return what removes a tree that is in the store under this digest but is not what it says."""
        place = self._store.tree(digest)
        if not await anyio.Path(place).exists():
            return ()
        try:
            await self._store.verify(digest, full=True)
        except IntegrityError as error:
            self._emit(Progress(subject=digest[:12], detail=f"replacing a damaged package: {error.message}"))
            return (self._remove(place),)
        return ()

    def _remove(self, path: Path) -> Action:
        return Action(kind=ActionKind.REMOVE, path=self._store.relative(path))

    def _move(self, old: Path, new: Path) -> Action:
        return Action(kind=ActionKind.MOVE, path=self._store.relative(old), to=self._store.relative(new))
