"""Holdings: which servers are held, and the one way to change that: trees, records and a generation in one commit."""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vsm_mcp.acquisition.installation.budget import DiskBudget
from vsm_mcp.acquisition.installation.generations.admission import Budget, admit_newcomer, insist_on_name
from vsm_mcp.acquisition.installation.generations.change import Change, Staged
from vsm_mcp.acquisition.installation.generations.generations import (
    ChangeKind,
    Generation,
    Generations,
    HeldServer,
    dump,
)
from vsm_mcp.acquisition.installation.journal import Action, ActionKind
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.installation.store import PackageStore, Record, StoredRecord
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.events import EventSink, GenerationMade, Progress, ignore
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.files import Files

_STORE = "the store"
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRecord:
    """A server that is not offered, because what the store says about it cannot be trusted.

    Attributes:
        path: The file that is not as it should be.
        server: The name of the server, if it is known.
        problem: What is wrong, in one sentence.
        remedies: What to do about it.
    """

    path: Path
    server: str | None
    problem: str
    remedies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What is in the store at one moment, compared with the generation that wrote it."""

    current: Generation | None
    newest: int | None
    stored: tuple[StoredRecord, ...]
    broken: tuple[BrokenRecord, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        found = [stored.record for stored in self.stored if stored.record is not None]
        return tuple(sorted(found, key=lambda record: (record.since, record.at, record.name)))

    @property
    def damaged(self) -> Mapping[str, str]:
        """The package of each server that the generation knows and whose record cannot be trusted."""
        names = {broken.server for broken in self.broken}
        servers = () if self.current is None else self.current.servers
        return {held.server: held.package for held in servers if held.server in names}


class Holdings:
    """Knows and changes which servers are held.

    A record counts only when it is, byte for byte, what the current generation wrote; without any generation none does.
    One that does not count makes its own server unavailable and no other.

    Args:
        store: Where trees and records are.
        generations: Reads generations.
        rollback: Ends what a crash has left committed.
        files: Reads and writes.
        budget: How much disk may be taken.
        allowed: How many servers may be held and acquired; any number without it.
        emit: Hears of changes, and of packages that are repaired.
    """

    def __init__(
        self,
        store: PackageStore,
        generations: Generations,
        rollback: Rollback,
        *,
        files: Files,
        clock: Clock,
        budget: DiskBudget | None = None,
        allowed: Budget | None = None,
        emit: EventSink = ignore,
    ) -> None:
        """Keep the parts."""
        self.store = store
        self.generations = generations
        self._rollback = rollback
        self._files = files
        self._clock = clock
        self._budget = budget or DiskBudget()
        self._allowed = allowed
        self._emit = emit

    def __repr__(self) -> str:
        """Show where."""
        return f"Holdings({self.store!r})"

    async def records(self) -> tuple[Record, ...]:
        """Return the records that can be trusted, in the order in which their servers came."""
        return (await self._settled()).records

    async def broken(self) -> tuple[BrokenRecord, ...]:
        """Return what is in the store and cannot be trusted."""
        return (await self._settled()).broken

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Hold the store alone, among tasks and processes, with nothing committed that is not finished.

        Raises:
            RollbackError: An earlier change could not be finished.
        """
        await self.store.prepare()
        async with self._files.lock(self.store.lock(_STORE)):
            await self._rollback.finish()
            yield

    async def commit(self, transaction: Transaction, change: Change) -> Generation:
        """Make a change last, as the last act of ``transaction``; what no kept generation needs is removed with it.

        Raises:
            IntegrityError: Something that it builds on is missing or was changed meanwhile.
            InstallationError: There is no room for it.
            VettingError: A server has the name of another one that is held.
            PolicyError: It would be one server too many, whoever acquired the others.
            RollbackError: It is committed and could not be finished now; ``recover`` will do it.
        """
        async with self.alone():
            seen = await self._look()
            await self._check(change, seen)
            self._admit(change, seen)
            staging = self.store.staging(transaction.identity)
            await transaction.step("describe", undo=self._remove(staging))
            await self._files.make_directory(staging, 0o755)
            if change.staged is not None:
                await self._budget.check_store(self.store.root)
            made, finish = await self._describe(change, seen, staging)
            await transaction.commit(*finish, self._remove(staging))
        self._emit(GenerationMade(number=made.number, change=made.change, reason=made.reason))
        return made

    async def admit(self, record: Record, beside: tuple[Record, ...]) -> None:
        """Let a server that needs no room in the store be held; the caller holds the store `alone`.

        Raises:
            VettingError: It has the name of another one that is held.
            PolicyError: It would be one server too many.
        """
        change = Change(kind=ChangeKind.ACQUIRE, reason=f"acquire {record.name}", put=(record,), beside=beside)
        self._admit(change, await self._look())

    async def _settled(self) -> _Seen:
        """Look; if something is wrong, look again when nobody is changing anything."""
        seen = await self._look()
        if not seen.broken:
            return seen
        try:
            async with self._files.lock(self.store.lock(_STORE), patience=_PATIENCE):
                return await self._look()
        except ConfigurationError:
            return seen  # the store cannot be written to: nobody is changing it

    async def _look(self) -> _Seen:
        numbers = await self.generations.numbers()
        newest = numbers[-1] if numbers else None
        stored = await self.store.stored()
        try:
            current = await self.generations.current()
        except IntegrityError as error:
            broken = [
                BrokenRecord(path=one.path, server=_name(one), problem=error.message, remedies=error.remedies)
                for one in stored
            ]
            return _Seen(current=None, newest=newest, stored=(), broken=tuple(broken))
        problems = {one.path: self._problem(one, current) for one in stored}
        broken = [self._distrusted(one, problems[one.path], current) for one in stored if problems[one.path]]
        return _Seen(
            current=current,
            newest=newest,
            stored=tuple(one for one in stored if not problems[one.path]),
            broken=(*broken, *self._missing(current, problems)),
        )

    def _problem(self, stored: StoredRecord, current: Generation | None) -> str:
        if stored.record is None:
            return stored.problem
        name = stored.record.name
        if self.store.place(name) != stored.path:
            return f"is about {name}, whose record belongs elsewhere"
        if current is None:
            return "is named by no generation"
        if all((held.server, held.record) != (name, stored.digest) for held in current.servers):
            return f"is not what generation {current.number} wrote"
        return ""

    def _distrusted(self, stored: StoredRecord, problem: str, current: Generation | None) -> BrokenRecord:
        servers = () if current is None else current.servers
        server = next((held.server for held in servers if self.store.place(held.server) == stored.path), _name(stored))
        return BrokenRecord(
            path=stored.path,
            server=server,
            problem=f"The record {stored.path} {problem}.",
            remedies=_remedies(server, current),
        )

    def _missing(self, current: Generation | None, there: Mapping[Path, str]) -> Sequence[BrokenRecord]:
        servers = () if current is None else current.servers
        places = {held.server: self.store.place(held.server) for held in servers}
        return [
            BrokenRecord(
                path=path, server=name, problem=f"The record {path} is missing.", remedies=_remedies(name, current)
            )
            for name, path in places.items()
            if path not in there
        ]

    async def _check(self, change: Change, seen: _Seen) -> None:
        if change.since is not None and change.since != seen.newest:
            raise InstallationError(
                f"Generation {change.since} is not the current one any more: it is {seen.newest}.",
                stage="commit",
                remedies=("Plan again, then try again.",),
            )
        trees = {record.name: record.proven.installed.digest for record in seen.records}
        for name, tree in change.replaces.items():
            if trees.get(name) != tree:
                raise InstallationError(
                    f"{name} was changed or released meanwhile.", stage="commit", remedies=("Try again.",)
                )
        fresh = change.staged.digest if change.staged else None
        for record in change.put:
            tree = record.proven.installed.digest
            if tree != fresh and not await self.store.holds(tree):
                raise IntegrityError(
                    f"The files of {record.name} ({tree[:12]}) are missing from the store.",
                    stage="commit",
                    remedies=("Acquire it again.",),
                )

    def _admit(self, change: Change, seen: _Seen) -> None:
        """Nothing comes in under a name that is taken, nor beyond the budget; going back is bound by neither."""
        if change.kind is ChangeKind.ROLLBACK:
            return
        held = (*seen.records, *change.beside)
        for record in change.put:
            insist_on_name(record.proven.candidate, held, seen.damaged)
            if change.kind is ChangeKind.ACQUIRE and self._allowed is not None:
                admit_newcomer(record.name, held, budget=self._allowed, now=self._clock.now())

    async def _describe(self, change: Change, seen: _Seen, staging: Path) -> tuple[Generation, Sequence[Action]]:
        """Write all that is new beside its place; return the generation and what brings everything to its place."""
        beginning, actions = await self._beginning(seen, staging)
        before = seen.current or beginning
        gone = {*change.drop, *(record.name for record in change.put)}
        held = [one for one in (before.servers if before else ()) if one.server not in gone]
        number = 1 if seen.newest is None else seen.newest + 1
        came = {record.name: record.since for record in seen.records}
        for place, record in enumerate(change.put):
            data = self.store.dump(replace(record, since=record.since or came.get(record.name, number)))
            held.append(_held(record, hashlib.sha256(data).hexdigest()))
            actions += await self._write(data, staging / f"record-{place}", self.store.kept(held[-1].record))
            actions += await self._write(data, staging / f"server-{place}", self.store.place(record.name))
        made = Generation(
            number=number,
            at=self._clock.now(),
            change=change.kind,
            reason=change.reason,
            previous=0 if seen.newest is None else seen.newest,
            servers=tuple(sorted(held, key=lambda one: one.server)),
        )
        actions += [self._remove(self.store.place(name)) for name in change.drop]
        actions += await self._write(dump(made), staging / "generation", self.generations.path(made.number))
        keep = change.keep or self.generations.keep
        stale = await self._prune([one for one in (beginning, made) if one is not None], keep=keep)
        return made, (*await self._trees(change.staged), *actions, *stale)

    async def _beginning(self, seen: _Seen, staging: Path) -> tuple[Generation | None, list[Action]]:
        """Before the first change of all, nothing is held: that is the generation 0, so that one can go back to it."""
        if seen.newest is not None:
            return None, []
        found = Generation(number=0, at=self._clock.now(), change=ChangeKind.BEGINNING, reason="nothing is held yet")
        return found, [*await self._write(dump(found), staging / "beginning", self.generations.path(0))]

    async def _write(self, data: bytes, path: Path, to: Path) -> Sequence[Action]:
        await self._files.write(path, data)
        return (self._move(path, to),)

    async def _trees(self, staged: Staged | None) -> Sequence[Action]:
        if staged is None:
            return ()
        return (
            *await self._damaged(staged.digest),
            self._move(staged.path, self.store.tree(staged.digest)),
            self._move(staged.manifest, self.store.manifest(staged.digest)),
        )

    async def _damaged(self, digest: str) -> Sequence[Action]:
        """Return what removes a tree that is in the store under this digest but is not what it says."""
        if not await self.store.holds(digest):
            return ()
        try:
            await self.store.verify(digest, full=True)
        except IntegrityError as error:
            self._emit(Progress(subject=digest[:12], detail=f"replacing a damaged package: {error.message}"))
            return (self._remove(self.store.tree(digest)),)
        return ()

    async def _prune(self, made: Sequence[Generation], *, keep: int) -> Sequence[Action]:
        """Return what removes generations that are too old, and all that only they needed."""
        known = await self.generations.numbers()
        numbers = [*known, *(one.number for one in made)]
        old = numbers[:-keep]
        removing = [self._remove(self.generations.path(number)) for number in old]
        try:
            kept = [await self.generations.find(number) for number in known if number not in old]
        except IntegrityError as error:
            self._emit(Progress(subject="generations", detail=f"nothing is removed: {error.message}"))
            return removing
        held = [server for one in (*kept, *(new for new in made if new.number not in old)) for server in one.servers]
        useless = await self.store.unreferenced(
            trees={server.tree for server in held}, records={server.record for server in held}
        )
        return (*removing, *map(self._remove, useless))

    def _remove(self, path: Path) -> Action:
        return Action(kind=ActionKind.REMOVE, path=self.store.relative(path))

    def _move(self, old: Path, new: Path) -> Action:
        return Action(kind=ActionKind.MOVE, path=self.store.relative(old), to=self.store.relative(new))


def _held(record: Record, digest: str) -> HeldServer:
    installed = record.proven.installed
    return HeldServer(
        server=record.name,
        package=str(installed.vetted.artefact.resolution.package),
        tree=installed.digest,
        record=digest,
        tools=tuple(tool.name for tool in record.proven.tools),
        needs=record.needs,
    )


def _name(stored: StoredRecord) -> str | None:
    return None if stored.record is None else stored.record.name


def _remedies(server: str | None, current: Generation | None) -> tuple[str, ...]:
    back = () if current is None else (f"Roll back to generation {current.number}, which writes it anew.",)
    again = "Remove the file, then acquire the server again." if server is None else f"Acquire {server} again."
    return (*back, again, "Find out who may write to the state directory.")
