"""Rollback: all of a transaction happens, or nothing of it, whatever kills the process at whatever moment."""

import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
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
from vsm_mcp.acquisition.installation.ownership import insist_on_own
from vsm_mcp.acquisition.installation.retries import Retries
from vsm_mcp.errors import RollbackError, VSMError
from vsm_mcp.events import EventSink, TransactionRepaired, ignore
from vsm_mcp.world.files import Files

DEADLINE = 120.0
"""Seconds that undoing or finishing one transaction may take before it is left to ``recover``."""

LONGEST_REASON = 300

_INTERRUPTIONS = 3
_HOLD = re.compile(r"[0-9a-f]{16}\.lock")


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

        async def last() -> None:
            await self._rollback.journal.add(Entry(kind=EntryKind.COMMIT, tx=self.identity, finish=finish))
            await self._rollback.settle(self.identity)

        await _to_the_end(self.name, last)


class Rollback:
    """Runs transactions and repairs those that a crash has left behind.

    Args:
        journal: Where facts are kept; its directory is the only place where anything is undone.
        files: Makes the changes.
        emit: Hears of repairs.
        retries: How patient it is with what the machine refuses for a moment.
    """

    def __init__(
        self, journal: Journal, files: Files, emit: EventSink = ignore, *, retries: Retries | None = None
    ) -> None:
        """Keep the parts."""
        self.journal = journal
        self._files = files
        self._emit = emit
        self._retries = retries or Retries()
        self._holds = journal.root / "transactions"

    def __repr__(self) -> str:
        """Show whose."""
        return f"Rollback({self.journal!r})"

    @asynccontextmanager
    async def transaction(self, name: str) -> AsyncGenerator[Transaction]:
        """Run a transaction: what the body does and does not commit is undone, however the body is left.

        Raises:
            RollbackError: An undo failed; the journal keeps it for ``recover``.
            ConfigurationError: The state directory cannot be written to, or others could change it.
        """
        await insist_on_own(self.journal.root)
        transaction = Transaction(secrets.token_hex(8), name, self)
        for path, mode in ((self.journal.root, 0o755), (self._holds, 0o700)):  # confined servers pass through the root
            await self._files.make_directory(path, mode)
        async with self._files.lock(self._hold(transaction.identity)):
            try:
                await self.journal.add(Entry(kind=EntryKind.BEGIN, tx=transaction.identity, name=name))
                yield transaction
            except BaseException as error:
                await self._abandon(transaction, error)
                raise
            await _to_the_end(name, lambda: self._end(transaction))

    async def recover(self) -> tuple[str, ...]:
        """Repair every transaction whose process is gone: undo what was open, finish what was committed.

        Transactions that live, here or in another process, are left alone. Doing it twice is as good as once.

        Returns:
            The names of the repaired transactions.

        Raises:
            RollbackError: Some could not be repaired; all others are.
            ConfigurationError: Others could have changed the state directory.
        """
        await insist_on_own(self.journal.root)
        repaired: list[str] = []
        failures: list[RollbackError] = []
        for transaction in await self.journal.open():
            with _collected(transaction.name, failures):
                repaired += await self._repair(transaction)
        with _collected("sweeping up", failures):
            await self._sweep()
            await self.journal.sweep()
        if failures:
            raise _together(failures, repaired)
        return tuple(repaired)

    async def finish(self, *, patience: float = 10.0) -> None:
        """Finish what was committed and not finished, since what comes next builds on it.

        Args:
            patience: Seconds to wait for a transaction that lives and is about to finish.

        Raises:
            RollbackError: Something committed could not be finished; nothing may build on it.
        """
        for transaction in await self.journal.open():
            if transaction.finish is None:
                continue
            with _as_ours(transaction.name):
                await self._repair(transaction, patience=patience)
            if await self.journal.find(transaction.identity) is not None:
                raise RollbackError(
                    f"An earlier change, {transaction.name!r}, is committed and not finished yet.",
                    stage="commit",
                    remedies=("Try again in a moment.", "If it stays so, leave the system and enter it again."),
                )

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
        with _as_ours(transaction.name):
            if transaction.finish is None:
                await self._undo(transaction)
                outcome = "undone"
            else:
                await self._finish(transaction.name, transaction.finish)
                outcome = "finished"
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
        try:
            await _to_the_end(transaction.name, lambda: self._end(transaction))
        except Exception as failure:  # noqa: BLE001 - told with, or as a note of, why it was abandoned
            if isinstance(error, Exception):
                raise _failed(transaction.name, [failure]) from error
            # Cancellation and Ctrl-C must go on as what they are.
            error.add_note(f"The transaction {transaction.name!r} waits for recover(): {failure}")

    async def _end(self, transaction: Transaction) -> None:
        with _as_ours(transaction.name):
            await self.settle(transaction.identity)
            await self._files.remove(self._hold(transaction.identity))

    async def _repair(self, transaction: OpenTransaction, *, patience: float = 0) -> Sequence[str]:
        async with self._files.lock(self._hold(transaction.identity), patience=patience) as held:
            if not held:
                return ()
            outcome = await self.settle(transaction.identity)
        if outcome is None:
            return ()
        self._emit(TransactionRepaired(transaction=transaction.name, action=outcome))
        return (transaction.name,)

    async def _undo(self, transaction: OpenTransaction) -> None:
        """Undo every step, the last one first; one that fails does not stop the others."""
        failures: list[Exception] = []
        for action in reversed(transaction.undos):
            try:
                await self._retries.run(partial(self._do, action))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other steps are still to be undone
                failures.append(error)
        if failures:
            raise _failed(transaction.name, failures) from failures[0]

    async def _finish(self, name: str, actions: Sequence[Action]) -> None:
        """Do what is left, in order; where one fails all stop, for what comes last removes what the others move."""
        for action in actions:
            with _as_ours(name):
                await self._retries.run(partial(self._do, action))

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
        for name in filter(_HOLD.fullmatch, await self._files.entries(self._holds)):
            async with self._files.lock(self._holds / name, patience=0) as held:
                if held and await self.journal.find(Path(name).stem) is None:
                    await self._files.remove(self._holds / name)

    def _hold(self, identity: str) -> Path:
        return self._holds / f"{identity}.lock"


async def _to_the_end(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do ``work`` in a task of its own, which neither cancellation nor Ctrl-C of the caller stops half-way.

    What interrupts that task itself makes it begin again, for doing it twice is as good as once; the interruption goes
    on when the work is done.

    Raises:
        RollbackError: It did not end in time; the journal keeps it.
    """
    failures: list[BaseException] = []

    async def do() -> None:
        with anyio.move_on_after(DEADLINE, shield=True) as scope:
            failures.extend(await _again(work, scope))
        if scope.cancelled_caught:
            failures.append(_too_slow(name))

    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(do)
    if failures:
        raise failures[0]


async def _again(work: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> Sequence[BaseException]:
    """Do ``work``, again when it is interrupted; return what there is to raise."""
    interruptions: list[BaseException] = []
    for _ in range(_INTERRUPTIONS):
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised by the caller: a task group would wrap it
            return (error,)
        except anyio.get_cancelled_exc_class():
            if scope.cancel_called:
                raise
        except BaseException as error:  # noqa: BLE001 - raised by the caller, when the work is done
            interruptions.append(error)
        else:
            return interruptions
    return (*interruptions, _disturbed())


def _disturbed() -> RollbackError:
    return RollbackError(
        f"A transaction was interrupted {_INTERRUPTIONS} times before it was brought to its end.",
        stage="rollback",
        rolled_back=False,
        remedies=("Leave the system and enter it again: that repairs it.",),
    )


def _too_slow(name: str) -> RollbackError:
    return RollbackError(
        f"{name!r} could not be brought to its end within {DEADLINE:g} seconds.",
        stage="rollback",
        rolled_back=False,
        remedies=(
            "Look whether another process holds the state directory.",
            "Then leave the system and enter it again: that repairs it.",
        ),
    )


def _refused(relative: PurePosixPath) -> RollbackError:
    return RollbackError(
        f"{str(relative)!r} is not a place where a transaction may change anything.",
        rolled_back=False,
        remedies=("Look at the journal: it was changed by somebody else.",),
    )


@contextmanager
def _as_ours(name: str) -> Generator[None]:
    """Turn whatever goes wrong with a transaction into an error that says so: no caller has to know what can."""
    try:
        yield
    except RollbackError:
        raise
    except Exception as error:
        raise _failed(name, [error]) from error


@contextmanager
def _collected(name: str, failures: list[RollbackError]) -> Generator[None]:
    """Keep what goes wrong with a transaction for later, so that the others come to their turn."""
    try:
        with _as_ours(name):
            yield
    except RollbackError as error:
        failures.append(error)


def _together(failures: Sequence[RollbackError], repaired: Sequence[str]) -> RollbackError:
    """Return what is left to be repaired, of all transactions that a crash had left."""
    said = " ".join(failure.message for failure in failures)
    others = f" Repaired: {', '.join(map(repr, repaired))}." if repaired else ""
    error = RollbackError(
        f"{said}{others}",
        stage="rollback",
        rolled_back=False,
        remedies=tuple(dict.fromkeys(remedy for failure in failures for remedy in failure.remedies)),
    )
    error.__cause__ = failures[0]
    return error


def _failed(name: str, failures: Sequence[Exception]) -> RollbackError:
    said = " ".join(_said(failure) for failure in failures)
    remedies = [remedy for failure in failures if isinstance(failure, VSMError) for remedy in failure.remedies]
    return RollbackError(
        f"{name!r} could not be repaired: {said}",
        stage="rollback",
        rolled_back=False,
        remedies=(
            *dict.fromkeys(remedies),
            "Then start again: the journal knows what is left to do.",
        ),
    )


def _said(failure: Exception) -> str:
    if isinstance(failure, VSMError):
        return failure.message
    return f"{type(failure).__name__}: {str(failure)[:LONGEST_REASON]}."
