"""Rollback: all of a transaction happens, or nothing of it, whatever kills the process at whatever moment."""

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import anyio

from vsm_mcp.acquisition.installation.journal import (
    Action,
    ActionKind,
    Entry,
    EntryKind,
    Journal,
    OpenTransaction,
)
from vsm_mcp.errors import RollbackError, VSMError
from vsm_mcp.events import EventSink, TransactionRepaired, ignore
from vsm_mcp.world.files import Files


class Transaction:
    """A transaction under way. Every effect is announced before it happens, with what undoes it."""

    def __init__(self, identity: str, name: str, rollback: "Rollback") -> None:
        """Made by ``Rollback.transaction``."""
        self.identity = identity
        self.name = name
        self._rollback = rollback

    def __repr__(self) -> str:
        """Show number and name."""
        return f"Transaction({self.identity}, {self.name!r})"

    async def step(self, step: str, *, undo: Action) -> None:
        """Announce an effect; call this before the effect.

        Args:
            step: What is about to happen, for people.
            undo: What takes it back; also right when it has not happened yet.

        Raises:
            RollbackError: ``undo`` would reach outside the state directory.
            ConfigurationError: The journal cannot be written; then the effect must not happen.
        """
        self._rollback.check(undo)
        await self._rollback.journal.add(Entry(kind=EntryKind.STEP, tx=self.identity, name=step, undo=undo))

    async def commit(self, *finish: Action) -> None:
        """Make it last: once the line is in the journal, ``finish`` is done, now or by ``recover`` after a crash.

        Raises:
            RollbackError: ``finish`` would reach outside the state directory, or could not be done now.
            ConfigurationError: The journal cannot be written; then nothing is committed.
        """
        for action in finish:
            self._rollback.check(action)
        with anyio.CancelScope(shield=True):
            await self._rollback.journal.add(Entry(kind=EntryKind.COMMIT, tx=self.identity, finish=finish))
            await self._rollback.settle(self.identity)


class Rollback:
    """Runs transactions and repairs those that a crash has left behind.

    Args:
        journal: Where facts are kept; its directory is the only place where anything is undone.
        files: Makes the changes.
        emit: Hears of repairs.
    """

    def __init__(self, journal: Journal, files: Files, emit: EventSink = ignore) -> None:
        """Keep the parts."""
        self.journal = journal
        self._files = files
        self._emit = emit
        self._holds = journal.root / "transactions"

    def __repr__(self) -> str:
        """Show whose."""
        return f"Rollback({self.journal!r})"

    @asynccontextmanager
    async def transaction(self, name: str) -> AsyncGenerator[Transaction]:
        """Run a transaction: what the body does and does not commit is undone, however the body is left.

        Raises:
            RollbackError: An undo failed; the journal keeps it for ``recover``.
        """
        transaction = Transaction(secrets.token_hex(8), name, self)
        await self._files.make_directory(self._holds)
        async with self._files.lock(self._hold(transaction.identity)):
            try:
                await self.journal.add(Entry(kind=EntryKind.BEGIN, tx=transaction.identity, name=name))
                yield transaction
            except BaseException as error:
                await self._abandon(transaction, error)
                raise
            with anyio.CancelScope(shield=True):
                await self.settle(transaction.identity)
                await self._files.remove(self._hold(transaction.identity))

    async def recover(self) -> tuple[str, ...]:
        """Repair every transaction whose process is gone: undo what was open, finish what was committed.

        Transactions that live, here or in another process, are left alone. Doing it twice is as good as once.

        Returns:
            The names of the repaired transactions.

        Raises:
            RollbackError: Some could not be repaired; all others are.
        """
        repaired: list[str] = []
        failures: list[RollbackError] = []
        for transaction in await self.journal.open():
            try:
                repaired += await self._repair(transaction)
            except RollbackError as error:
                failures.append(error)
        await self._sweep()
        if failures:
            raise failures[0]
        return tuple(repaired)

    async def settle(self, identity: str) -> str | None:
        """Undo or finish a transaction, whichever the journal says, and end it; called with its lock held.

        Returns:
            ``"finished"`` or ``"undone"``; ``None`` when it had ended already.

        Raises:
            RollbackError: Something could not be done; the journal keeps it.
        """
        transaction = await self.journal.find(identity)
        if transaction is None:
            return None
        committed = transaction.finish is not None
        actions = transaction.finish if transaction.finish is not None else tuple(reversed(transaction.undos))
        await self._do_all(transaction, actions)
        outcome = "finished" if committed else "undone"
        await self.journal.add(Entry(kind=EntryKind.END, tx=identity, name=outcome))
        return outcome

    def check(self, action: Action) -> None:
        """Refuse an action that would reach outside the state directory, or into the journal itself.

        Raises:
            RollbackError: It would.
        """
        for path in (action.path, *(() if action.to is None else (action.to,))):
            self._inside(path)

    async def _abandon(self, transaction: Transaction, error: BaseException) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.settle(transaction.identity)
                await self._files.remove(self._hold(transaction.identity))
            except VSMError as failure:
                if isinstance(error, Exception):
                    raise _failed(transaction.name, [failure]) from error
                # Cancellation and Ctrl-C must go on as what they are.
                error.add_note(f"The transaction {transaction.name!r} waits for recover(): {failure}")

    async def _repair(self, transaction: OpenTransaction) -> Sequence[str]:
        async with self._files.lock(self._hold(transaction.identity), patience=0) as held:
            if not held:
                return ()
            outcome = await self.settle(transaction.identity)
        if outcome is None:
            return ()
        self._emit(TransactionRepaired(transaction=transaction.name, action=outcome))
        return (transaction.name,)

    async def _do_all(self, transaction: OpenTransaction, actions: Sequence[Action]) -> None:
        failures: list[VSMError] = []
        for action in actions:
            try:
                await self._do(action)
            except VSMError as error:
                failures.append(error)
        if failures:
            raise _failed(transaction.name, failures) from failures[0]

    async def _do(self, action: Action) -> None:
        path = self._inside(action.path)
        if action.kind is ActionKind.REMOVE or action.to is None:
            await self._files.remove(path)
            return
        to = self._inside(action.to)
        if not path.exists():
            return
        if to.is_dir():
            await self._files.remove(path)  # a tree is stored under the digest of its content: the same is there
        else:
            await self._files.rename(path, to)

    def _inside(self, relative: PurePosixPath) -> Path:
        path = self.journal.root / relative
        own = {self.journal.path.name, f"{self.journal.path.name}.lock", self._holds.name}
        if relative.is_absolute() or not relative.parts or ".." in relative.parts or relative.parts[0] in own:
            raise _refused(relative)
        if not path.parent.resolve().is_relative_to(self.journal.root.resolve()):
            raise _refused(relative)
        return path

    async def _sweep(self) -> None:
        """Remove the lock files of transactions that are over."""
        for name in await self._files.entries(self._holds):
            async with self._files.lock(self._holds / name, patience=0) as held:
                if held and await self.journal.find(Path(name).stem) is None:
                    await self._files.remove(self._holds / name)

    def _hold(self, identity: str) -> Path:
        return self._holds / f"{identity}.lock"


def _refused(relative: PurePosixPath) -> RollbackError:
    return RollbackError(
        f"{str(relative)!r} is not a place where a transaction may change anything.",
        rolled_back=False,
        remedies=("Look at the journal: it was changed by somebody else.",),
    )


def _failed(name: str, failures: Sequence[VSMError]) -> RollbackError:
    said = " ".join(failure.message for failure in failures)
    remedies = [remedy for failure in failures for remedy in failure.remedies]
    return RollbackError(
        f"{name!r} could not be repaired: {said}",
        stage="rollback",
        rolled_back=False,
        remedies=(
            *dict.fromkeys(remedies),
            "Then call recover() or start again: the journal knows what is left to do.",
        ),
    )
