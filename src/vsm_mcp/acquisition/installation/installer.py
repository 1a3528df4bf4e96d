"""Installing: resolve, fetch, stage and commit, one acquisition of the same package at a time, a few at once."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import anyio

from vsm_mcp.acquisition.installation.budget import DiskBudget
from vsm_mcp.acquisition.installation.ecosystems.client import scratch
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.remote import pinned
from vsm_mcp.acquisition.installation.generations.admission import Budget, insist_on_name
from vsm_mcp.acquisition.installation.generations.change import Change, Staged
from vsm_mcp.acquisition.installation.generations.generations import KEPT, ChangeKind, Generation, Generations
from vsm_mcp.acquisition.installation.generations.holdings import BrokenRecord, Holdings
from vsm_mcp.acquisition.installation.journal import Action, ActionKind
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.installation.store import PackageStore, Record
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.events import EventSink, Progress, ignore
from vsm_mcp.model.launch import address_of
from vsm_mcp.model.server import Artefact, Candidate, Installed, Proven, Resolution, Rung, StdioLaunch, Vetted
from vsm_mcp.world.clock import Clock, SystemClock
from vsm_mcp.world.files import Files

_T = TypeVar("_T")


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
        budget: How much disk may be taken.
        allowed: How many servers may be held and acquired, by all processes together; any number without it.
        keep: How many generations are kept to go back to.
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
        budget: DiskBudget | None = None,
        allowed: Budget | None = None,
        keep: int = KEPT,
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
        self._budget = budget or DiskBudget()
        self._holdings = Holdings(
            store,
            Generations(store.root / "generations", files, keep=keep),
            rollback,
            files=files,
            clock=self._clock,
            budget=self._budget,
            allowed=allowed,
            emit=emit,
        )
        self._in_process: dict[str, Record] = {}

    def __repr__(self) -> str:
        """Show what it can install."""
        return f"Installer({', '.join(self._ecosystems)})"

    @property
    def store(self) -> PackageStore:
        """Where packages are kept."""
        return self._store

    @property
    def holdings(self) -> Holdings:
        """What is held, and the way to change it."""
        return self._holdings

    @property
    def generations(self) -> Generations:
        """What was held after each change."""
        return self._holdings.generations

    async def resolve(self, candidate: Candidate, rung: Rung) -> Resolution:
        """Pin exact versions and digests of a package and all it needs; leaves no trace.

        Raises:
            InstallationError: It could not be resolved.
        """
        ecosystem = self._ecosystem(candidate)
        resolution = await self._alone(lambda: ecosystem.resolve(candidate.package, rung=rung))
        return resolution if candidate.remote is None else pinned(resolution, candidate.remote)

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        """Unpack the package itself in the empty directory ``into``; nothing of it runs.

        Raises:
            IntegrityError: It is not what was pinned.
            InstallationError: It could not be fetched, takes more room than it may, or there is no server in it.
        """
        ecosystem = self._ecosystem(candidate)
        return await self._alone(
            lambda: self._budget.watch(into, lambda: ecosystem.fetch(candidate, resolution, into=into))
        )

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
        await self._alone(lambda: self._budget.check_store(self._store.root))
        await transaction.step("quarantine", undo=self._remove(path.parent))
        await self._files.make_directory(path.parent, 0o755)
        await self._files.make_directory(path, 0o700)
        return path

    async def stage(self, vetted: Vetted, transaction: Transaction) -> Installed:
        """Install a package and all it needs in the staging area, read-only from then on.

        Raises:
            IntegrityError: Something is not what was pinned, or must not be in a package.
            InstallationError: It could not be installed, or takes more room than it may.
        """
        ecosystem = self._ecosystem(vetted.candidate)
        if not isinstance(vetted.artefact.launch, StdioLaunch):
            digest = hashlib.sha256(_said_of(vetted).encode()).hexdigest()
            return Installed(vetted=vetted, path=None, digest=digest, launch=vetted.artefact.launch)
        path = self._store.staging(transaction.identity) / "package"
        await self._store.prepare()
        await transaction.step("stage", undo=self._remove(path.parent))
        await self._files.make_directory(path.parent, 0o755)
        await self._files.make_directory(path, 0o755)
        launch = await self._alone(lambda: self._budget.watch(path, lambda: ecosystem.install(vetted, into=path)))
        if launch != vetted.artefact.launch:
            raise IntegrityError(
                f"{vetted.candidate.name} would be started in another way than the one that was vetted.",
                stage="stage",
                remedies=("Try again.", "If it stays so, do not install this package."),
            )
        return Installed(vetted=vetted, path=path, digest=await self._store.seal(path), launch=launch)

    async def commit(
        self, proven: Proven, transaction: Transaction, *, needs: Sequence[str] = (), replaces: Record | None = None
    ) -> Proven:
        """Move a proven package into the store and write its record; from the journal line on it lasts.

        Args:
            proven: What was staged and proved itself.
            transaction: The transaction in which it was staged.
            needs: What it is for.
            replaces: The record of the server that it takes the place of, in an upgrade.

        Raises:
            IntegrityError: It changed since it was staged.
            InstallationError: It could not be written down, there is no room, or what it replaces changed meanwhile.
            VettingError: Another package is held under its name.
            PolicyError: It would be one server too many, also counting those of other processes.
        """
        path = proven.installed.path
        if path is None:
            return await self._commit_in_process(proven, transaction, needs)
        found = await self._store.digest(path)
        if found != proven.installed.digest:
            raise IntegrityError(
                f"{proven.candidate.name} changed while it was tried (now {found[:12]}).",
                stage="commit",
                remedies=("Find out who may write to the state directory.",),
            )
        at, since = (self._clock.now(), 0) if replaces is None else (replaces.at, replaces.since)
        record = Record(proven=self._store.settled(proven), needs=tuple(needs), at=at, since=since)
        await self._alone(lambda: self._commit(record, path, transaction, replaces=replaces))
        return record.proven

    async def serve(self, proven: Proven, *, needs: Sequence[str]) -> Proven:
        """Note that a server in the store serves further needs, with its newest proof.

        Raises:
            InstallationError: It is not in the store, or it could not be written down.
        """
        known = await self._record(proven.candidate.name)
        if known is None:
            raise InstallationError(
                f"{proven.candidate.name} is not in the store.", stage="commit", remedies=("Acquire it first.",)
            )
        record = replace(known, proven=proven, needs=tuple(dict.fromkeys((*known.needs, *needs))))
        if proven.installed.path is None:
            self._in_process[record.name] = record
            return proven
        change = Change(
            kind=ChangeKind.SERVE,
            reason=f"{record.name} serves {', '.join(needs) or 'as before'}",
            put=(record,),
            replaces={record.name: known.proven.installed.digest},
        )
        await self._alone(lambda: self._change(change))
        return proven

    async def find(self, candidate: Candidate) -> Proven | None:
        """Return the server in the store that is this package in this version (or any, if it names none).

        Raises:
            IntegrityError: It was changed after it was installed.
            VettingError: Another package is held under its name, or the same one that is started in another way.
        """
        wanted, records = candidate.package, await self.records()
        insist_on_name(candidate, records)
        for record in records:
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

        One whose record was damaged is not among them; `broken` tells.
        """
        held = (*await self._holdings.records(), *self._in_process.values())
        return tuple(sorted(held, key=lambda record: (record.since, record.at, record.name)))

    async def broken(self) -> tuple[BrokenRecord, ...]:
        """Return the servers that are not offered because their record was damaged, each with what to do."""
        return await self._holdings.broken()

    async def committed(self) -> tuple[Proven, ...]:
        """Return all servers that are held."""
        return tuple(record.proven for record in await self.records())

    async def remove(self, server: str) -> None:
        """Let a server go by its name, its record damaged or not; missing is fine.

        Its files stay for as long as a kept generation needs them: see `prune`.

        Raises:
            RollbackError: Something could not be removed now; ``recover`` will do it.
        """
        self._in_process.pop(server, None)
        broken = any(one.server == server for one in await self.broken())
        if broken or await self._record(server) is not None:
            await self._change(Change(kind=ChangeKind.RELEASE, reason=f"release {server}", drop=(server,)))

    async def prune(self, *, keep: int = 1) -> Generation | None:
        """Forget all but the newest ``keep`` generations, and remove what only they needed.

        Returns:
            The generation that this made; ``None`` when nothing was ever held.

        Raises:
            ConfigurationError: ``keep`` is less than 1.
            RollbackError: Something could not be removed now; ``recover`` will do it.
        """
        if keep < 1:
            raise ConfigurationError(f"{keep} generations cannot be kept.", remedies=("Keep 1 or more.",))
        if not await self.generations.numbers():
            return None
        return await self._change(Change(kind=ChangeKind.PRUNE, reason=f"keep {keep}", keep=keep))

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

    async def _commit_in_process(self, proven: Proven, transaction: Transaction, needs: Sequence[str]) -> Proven:
        """Keep a server of the host's own process for as long as this process lives."""
        async with self._holdings.alone():
            newest = (0, *await self.generations.numbers())[-1]
            record = Record(proven=proven, needs=tuple(needs), at=self._clock.now(), since=newest)
            await self._holdings.admit(record, tuple(self._in_process.values()))
            await transaction.commit(self._remove(self._store.staging(transaction.identity)))
            self._in_process[record.name] = record
        return proven

    async def _commit(self, record: Record, path: Path, transaction: Transaction, *, replaces: Record | None) -> None:
        manifest = path.parent / "manifest.json"
        await self._files.write(manifest, await self._store.describe(path))
        await self._store.settle()
        package = record.proven.installed.vetted.artefact.resolution.package
        if replaces is None:
            kind, reason, known = ChangeKind.ACQUIRE, f"acquire {record.name} ({package})", {}
        else:
            kind, reason = ChangeKind.UPGRADE, f"upgrade {record.name} to {package}"
            known = {record.name: replaces.proven.installed.digest}
        staged = Staged(path=path, manifest=manifest, digest=record.proven.installed.digest)
        change = Change(
            kind=kind,
            reason=reason,
            put=(record,),
            staged=staged,
            replaces=known,
            beside=tuple(self._in_process.values()),
        )
        await self._holdings.commit(transaction, change)

    async def _change(self, change: Change) -> Generation:
        async with self._rollback.transaction(change.reason) as transaction:
            return await self._holdings.commit(transaction, change)

    def _remove(self, path: Path) -> Action:
        return Action(kind=ActionKind.REMOVE, path=self._store.relative(path))


def _said_of(vetted: Vetted) -> str:
    """Return what a server without files is told apart by: its name, and its address if it runs elsewhere."""
    remote = vetted.candidate.remote
    return vetted.candidate.name if remote is None else f"{vetted.candidate.name}\n{address_of(remote)}"
