"""Rollback: all or nothing, whatever ends the body, and never outside the state directory."""

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import anyio
import pytest

from vsm_mcp.acquisition.installation.journal import Action, ActionKind, Entry, EntryKind, Journal
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError, RollbackError
from vsm_mcp.events import Event, TransactionRepaired
from vsm_mcp.testing.faults import Crash, CrashingFiles, Moment
from vsm_mcp.world.files import LocalFiles

ONE, TWO, THREE = ("1" * 16, "2" * 16, "3" * 16)


class Stubborn(LocalFiles):
    """Files that cannot be removed while ``stubborn`` is set."""

    stubborn = True

    async def remove(self, path: Path) -> None:
        if self.stubborn and "staging" in path.parts:
            raise ConfigurationError(f"{path} cannot be used: Permission denied.", remedies=("Give the right.",))
        await super().remove(path)


def remove(path: str) -> Action:
    return Action(kind=ActionKind.REMOVE, path=PurePosixPath(path))


def move(path: str, to: str) -> Action:
    return Action(kind=ActionKind.MOVE, path=PurePosixPath(path), to=PurePosixPath(to))


async def make(transaction: Transaction, state: Path, name: str = "staging/a") -> None:
    await transaction.step(f"make {name}", undo=remove(name))
    (state / name).mkdir(parents=True)
    (state / name / "file").write_text("content")


async def attempt(
    rollback: Rollback,
    state: Path,
    *names: str,
    error: BaseException | None = None,
    finish: Sequence[Action] | None = None,
) -> None:
    """Run a transaction that makes ``names``, commits ``finish`` if given and ends with ``error`` if given."""
    async with rollback.transaction("acquire") as transaction:
        for name in names or ("staging/a",):
            await make(transaction, state, name)
        (state / "store").mkdir(exist_ok=True)
        if finish is not None:
            await transaction.commit(*finish)
        if error is not None:
            raise error


def left(state: Path) -> list[str]:
    """Return everything below the state directory that is not the journal's own."""
    own = ("journal", "journal.lock", "transactions")
    return sorted(str(p.relative_to(state)) for p in state.rglob("*") if p.relative_to(state).parts[0] not in own)


@pytest.mark.anyio
@pytest.mark.promise("A29")
async def test_what_is_committed_lasts(rollback: Rollback, state: Path, journal: Journal) -> None:
    async with rollback.transaction("acquire") as transaction:
        await make(transaction, state)
        (state / "store").mkdir()
        await transaction.commit(move("staging/a", "store/a"), remove("staging"))
    assert left(state) == ["store", "store/a", "store/a/file"]
    assert await journal.open() == ()
    assert list((state / "transactions").iterdir()) == []


@pytest.mark.anyio
async def test_what_is_not_committed_is_undone(rollback: Rollback, state: Path, journal: Journal) -> None:
    async with rollback.transaction("acquire") as transaction:
        await make(transaction, state)
    assert left(state) == ["staging"]
    assert await journal.open() == ()


@pytest.mark.anyio
@pytest.mark.promise("A30")
@pytest.mark.parametrize("kind", [InstallationError, ValueError, KeyboardInterrupt, SystemExit])
async def test_an_error_undoes_every_step_and_goes_on(
    rollback: Rollback, state: Path, kind: Callable[[str], BaseException]
) -> None:
    error = kind("no")
    with pytest.raises(type(error)) as caught:
        await attempt(rollback, state, "staging/a", "staging/b", error=error)
    assert caught.value is error
    assert left(state) == ["staging", "store"]
    assert list((state / "transactions").iterdir()) == []


@pytest.mark.anyio
async def test_steps_are_undone_in_reverse_order(journal: Journal, state: Path) -> None:
    removed: list[str] = []

    class Watching(LocalFiles):
        async def remove(self, path: Path) -> None:
            removed.append(path.name)
            await super().remove(path)

    async with Rollback(journal, Watching()).transaction("acquire") as transaction:
        await make(transaction, state, "staging/a")
        await make(transaction, state, "staging/b")
    assert removed[:2] == ["b", "a"]


@pytest.mark.anyio
async def test_cancellation_undoes_and_stays_cancellation(rollback: Rollback, state: Path, journal: Journal) -> None:
    with anyio.move_on_after(5) as scope:
        async with rollback.transaction("acquire") as transaction:
            await make(transaction, state)
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert left(state) == ["staging"]
    assert await journal.open() == ()


@pytest.mark.anyio
async def test_a_commit_is_not_stopped_half_way_by_cancellation(rollback: Rollback, state: Path) -> None:
    with anyio.move_on_after(5) as scope:
        async with rollback.transaction("acquire") as transaction:
            await make(transaction, state)
            (state / "store").mkdir()
            scope.cancel()
            await transaction.commit(move("staging/a", "store/a"))
    assert left(state) == ["staging", "store", "store/a", "store/a/file"]


@pytest.mark.anyio
async def test_an_error_after_the_commit_changes_nothing(rollback: Rollback, state: Path) -> None:
    with pytest.raises(ValueError, match="late"):
        await attempt(rollback, state, finish=[move("staging/a", "store/a")], error=ValueError("late"))
    assert "store/a/file" in left(state)


@pytest.mark.anyio
async def test_a_tree_that_is_in_the_store_already_is_not_replaced(rollback: Rollback, state: Path) -> None:
    (state / "store" / "a").mkdir(parents=True)
    (state / "store" / "a" / "mark").touch()
    async with rollback.transaction("acquire") as transaction:
        await make(transaction, state)
        await transaction.commit(move("staging/a", "store/a"))
    assert left(state) == ["staging", "store", "store/a", "store/a/mark"]


@pytest.mark.anyio
async def test_a_file_replaces_a_file(rollback: Rollback, state: Path) -> None:
    async with rollback.transaction("acquire") as transaction:
        await make(transaction, state)
        (state / "record").write_text("old")
        await transaction.commit(move("staging/a/file", "record"), remove("staging"))
    assert (state / "record").read_text() == "content"


@pytest.mark.anyio
async def test_a_failing_undo_is_told_and_kept_until_it_can_be_done(journal: Journal, state: Path) -> None:
    files = Stubborn()
    rollback = Rollback(journal, files)
    with pytest.raises(RollbackError, match=r"could not be repaired: .*Permission denied\.") as caught:
        await attempt(rollback, state, error=ValueError("why"))
    assert isinstance(caught.value.__cause__, ValueError)
    assert not caught.value.rolled_back
    assert caught.value.remedies[0] == "Give the right."
    assert "staging/a" in left(state)
    with pytest.raises(RollbackError):
        await rollback.recover()
    files.stubborn = False
    assert await rollback.recover() == ("acquire",)
    assert await rollback.recover() == ()
    assert left(state) == ["staging", "store"]


@pytest.mark.anyio
async def test_one_undo_that_fails_does_not_stop_the_others(journal: Journal, state: Path) -> None:
    class Half(LocalFiles):
        async def remove(self, path: Path) -> None:
            if path.name == "b":
                raise ConfigurationError("b cannot be removed.")
            await super().remove(path)

    with pytest.raises(RollbackError, match="b cannot be removed"):
        await attempt(Rollback(journal, Half()), state, "staging/a", "staging/b")
    assert left(state) == ["staging", "staging/b", "staging/b/file", "store"]


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    "failure", [RecursionError("too deep"), ValueError("embedded null byte"), OSError(5, "broken")]
)
async def test_whatever_an_undo_fails_with_is_a_failed_rollback(
    journal: Journal, state: Path, failure: Exception
) -> None:
    class Failing(LocalFiles):
        async def remove(self, path: Path) -> None:
            raise failure

    said = f"'acquire' could not be repaired: {type(failure).__name__}: "
    for name, error in (("staging/a", None), ("staging/b", LookupError("why"))):
        with pytest.raises(RollbackError, match=said) as caught:
            await attempt(Rollback(journal, Failing()), state, name, error=error)
        assert not caught.value.rolled_back
    with pytest.raises(KeyboardInterrupt) as interrupted:
        await attempt(Rollback(journal, Failing()), state, "staging/c", error=KeyboardInterrupt())
    assert type(failure).__name__ in interrupted.value.__notes__[0]
    assert len(await journal.open()) == 3


@pytest.mark.anyio
@pytest.mark.parametrize("failure", [RecursionError("too deep"), ConfigurationError("The disk is broken.")])
async def test_whatever_finishing_fails_with_is_a_failed_rollback_and_it_is_committed(
    journal: Journal, state: Path, rollback: Rollback, *, failure: Exception
) -> None:
    class Failing(LocalFiles):
        async def rename(self, old: Path, new: Path) -> None:
            raise failure

    failing = Rollback(journal, Failing())
    with pytest.raises(RollbackError, match="could not be repaired"):
        await attempt(failing, state, finish=[move("staging/a", "store/a")])
    with pytest.raises(RollbackError, match="could not be repaired"):
        await failing.finish()
    await rollback.finish()
    assert "store/a/file" in left(state)


@pytest.mark.anyio
async def test_a_commit_that_is_written_down_and_whose_end_is_not_says_that_it_is_not_finished(
    state: Path, files: LocalFiles
) -> None:
    class Full(LocalFiles):
        async def append(self, path: Path, data: bytes) -> None:
            if b'"end"' in data:
                raise ConfigurationError("The disk is full.", remedies=("Free disk space.",))
            await super().append(path, data)

    with pytest.raises(RollbackError, match="disk is full"):
        await attempt(Rollback(Journal(state, Full()), files), state, finish=[move("staging/a", "store/a")])
    assert await Rollback(Journal(state, files), files).recover() == ("acquire",)


async def left_open(journal: Journal, identity: str, name: str, *, undo: Action) -> None:
    """Write what a process that died in the middle of a transaction leaves in the journal."""
    await journal.add(Entry(kind=EntryKind.BEGIN, tx=identity, name=name))
    await journal.add(Entry(kind=EntryKind.STEP, tx=identity, name="stage", undo=undo))


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("A30")
async def test_hopeless_transactions_do_not_keep_the_others_from_being_repaired(
    rollback: Rollback, journal: Journal, state: Path
) -> None:
    for place in ("staging/b", "transactions"):
        (state / place).mkdir(parents=True)
    await left_open(journal, ONE, "first", undo=remove("staging/\0"))
    await left_open(journal, TWO, "second", undo=remove("staging/b"))
    await left_open(journal, THREE, "third", undo=remove("/etc/passwd"))
    (state / "transactions" / f"{'4' * 16}.lock").mkdir()
    with pytest.raises(RollbackError) as caught:
        await rollback.recover()
    assert "'first' could not be repaired: ValueError" in caught.value.message
    assert "not a place where a transaction may change anything" in caught.value.message
    assert "'sweeping up'" in caught.value.message
    assert caught.value.message.endswith("Repaired: 'second'.")
    assert not caught.value.rolled_back
    assert left(state) == ["staging"]
    assert [one.name for one in await journal.open()] == ["first", "third"]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_tree_that_is_deeper_than_anybody_can_walk_is_undone(
    rollback: Rollback, journal: Journal, state: Path
) -> None:
    async with rollback.transaction("acquire") as transaction:
        await make(transaction, state)
        here = os.open(state / "staging" / "a", os.O_RDONLY)
        for _ in range(1_500):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
    assert left(state) == ["staging"]
    assert await journal.open() == ()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("identity", ["../../escape", "1" * 15, "1" * 16 + "\n", "G" * 16, ""])
async def test_a_journal_that_was_changed_names_no_files(
    rollback: Rollback, journal: Journal, state: Path, *, identity: str
) -> None:
    (state / "transactions").mkdir(parents=True)
    await journal.add(Entry(kind=EntryKind.BEGIN, tx=identity, name="evil"))
    with pytest.raises(IntegrityError, match="did not write"):
        await rollback.recover()
    assert list(state.parent.rglob("*.lock")) == [state / "journal.lock"]


@pytest.mark.anyio
@pytest.mark.security
async def test_in_a_directory_that_others_can_change_nothing_is_begun_nor_repaired(
    rollback: Rollback, journal: Journal, state: Path
) -> None:
    (state / "staging" / "a").mkdir(parents=True)
    await left_open(journal, ONE, "planted", undo=remove("staging/a"))
    state.chmod(0o777)
    with pytest.raises(ConfigurationError, match="can be written to by others"):
        await rollback.recover()
    with pytest.raises(ConfigurationError, match="can be written to by others"):
        async with rollback.transaction("acquire"):
            pytest.fail("begun")
    assert "staging/a" in left(state)


@pytest.mark.anyio
async def test_a_failing_undo_does_not_hide_a_keyboard_interrupt(journal: Journal, state: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        await attempt(Rollback(journal, Stubborn()), state, error=KeyboardInterrupt())
    assert "waits for recover()" in caught.value.__notes__[0]


@pytest.mark.anyio
async def test_recovery_undoes_what_a_crash_left_and_says_so(
    rollback: Rollback, state: Path, events: list[Event]
) -> None:
    dying = Rollback(rollback.journal, CrashingFiles(LocalFiles(), at=1, only=["remove"]))
    with pytest.raises(Crash):
        await attempt(dying, state, error=ValueError("the crash comes while this is undone"))
    assert "staging/a/file" in left(state)
    assert await rollback.recover() == ("acquire",)
    assert left(state) == ["staging", "store"]
    assert events == [TransactionRepaired(transaction="acquire", action="undone")]
    assert list((state / "transactions").iterdir()) == []


@pytest.mark.anyio
async def test_recovery_finishes_what_was_committed(rollback: Rollback, state: Path, events: list[Event]) -> None:
    dying = Rollback(rollback.journal, CrashingFiles(LocalFiles(), at=1, only=["rename"]))
    with pytest.raises(Crash):
        await attempt(dying, state, finish=[move("staging/a", "store/a"), remove("staging")])
    assert "store/a" not in left(state)
    assert await rollback.recover() == ("acquire",)
    assert left(state) == ["store", "store/a", "store/a/file"]
    assert events == [TransactionRepaired(transaction="acquire", action="finished")]


@pytest.mark.anyio
async def test_recovery_does_not_mind_what_was_finished_already(rollback: Rollback, state: Path) -> None:
    dying = Rollback(rollback.journal, CrashingFiles(LocalFiles(), at=1, only=["rename"], moment=Moment.AFTER))
    with pytest.raises(Crash):
        await attempt(dying, state, finish=[move("staging/a", "store/a"), remove("staging")])
    assert await rollback.recover() == ("acquire",)
    assert left(state) == ["store", "store/a", "store/a/file"]


@pytest.mark.anyio
async def test_a_living_transaction_is_left_alone(rollback: Rollback, journal: Journal, state: Path) -> None:
    async with rollback.transaction("acquire") as transaction:
        await make(transaction, state)
        assert await Rollback(journal, LocalFiles()).recover() == ()
        assert "staging/a/file" in left(state)
        (state / "store").mkdir()
        await transaction.commit(move("staging/a", "store/a"))
    assert "store/a/file" in left(state)


@pytest.mark.anyio
async def test_a_transaction_that_ends_while_recovery_looks_is_not_repaired(journal: Journal, state: Path) -> None:
    await journal.add(Entry(kind=EntryKind.BEGIN, tx=ONE, name="acquire"))
    (state / "transactions").mkdir()

    class Slow(LocalFiles):
        async def read(self, path: Path, *, limit: int = 0) -> bytes | None:
            found = await super().read(path)
            if path == journal.path and b"end" not in (found or b""):
                await Journal(state, LocalFiles()).add(Entry(kind=EntryKind.END, tx=ONE))
            return found

    late = Rollback(Journal(state, Slow()), LocalFiles())
    assert await late.recover() == ()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../outside", "staging/../../outside", ".", "journal", "journal.lock", "transactions/x"]
)
async def test_nothing_outside_the_state_directory_is_ever_touched(rollback: Rollback, path: str) -> None:
    for actions in ((remove(path),), (move("staging/a", path),)):
        with pytest.raises(RollbackError, match="not a place"):
            async with rollback.transaction("acquire") as transaction:
                await transaction.commit(*actions)
    with pytest.raises(RollbackError, match="not a place"):
        async with rollback.transaction("acquire") as transaction:
            await transaction.step("evil", undo=remove(path))


@pytest.mark.anyio
@pytest.mark.security
async def test_a_link_does_not_lead_an_undo_outside(rollback: Rollback, journal: Journal, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "precious").mkdir(parents=True)
    journal.root.mkdir()
    (journal.root / "way").symlink_to(outside)
    await left_open(journal, ONE, "evil", undo=remove("way/precious"))
    (journal.root / "transactions").mkdir()
    with pytest.raises(RollbackError, match="not a place"):
        await rollback.recover()
    assert (outside / "precious").is_dir()


@pytest.mark.anyio
async def test_when_the_journal_cannot_be_written_there_is_no_step_and_nothing_is_left(
    state: Path, files: LocalFiles
) -> None:
    class Full(LocalFiles):
        async def append(self, path: Path, data: bytes) -> None:
            if b'"step"' in data:
                raise ConfigurationError("The disk is full.", remedies=("Free disk space.",))
            await super().append(path, data)

    journal = Journal(state, Full())
    with pytest.raises(ConfigurationError, match="disk is full"):
        async with Rollback(journal, files).transaction("acquire") as transaction:
            await make(transaction, state)
    assert left(state) == []
    assert await journal.open() == ()


@pytest.mark.anyio
async def test_lock_files_that_nobody_holds_are_swept(rollback: Rollback, state: Path) -> None:
    async with rollback.transaction("alive"):
        (state / "transactions" / f"{ONE}.lock").touch()
        await rollback.recover()
        assert len(list((state / "transactions").iterdir())) == 1


@pytest.mark.anyio
async def test_transactions_show_themselves(rollback: Rollback) -> None:
    async with rollback.transaction("acquire") as transaction:
        assert "acquire" in repr(transaction)
    assert "journal" in repr(rollback)


@pytest.mark.anyio
@pytest.mark.promise("A30")
async def test_ctrl_c_while_something_is_undone_does_not_stop_it(journal: Journal, state: Path) -> None:
    class Interrupted(LocalFiles):
        times = 0

        async def remove(self, path: Path) -> None:
            if path.name == "a" and self.times < 2:
                self.times += 1
                raise KeyboardInterrupt
            await super().remove(path)

    with pytest.raises(KeyboardInterrupt):
        await attempt(Rollback(journal, Interrupted()), state, error=ValueError("why"))
    assert left(state) == ["staging", "store"]
    assert await journal.open() == ()


@pytest.mark.anyio
async def test_an_undo_that_hangs_is_left_to_recovery(
    journal: Journal, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(LocalFiles):
        async def remove(self, path: Path) -> None:
            await anyio.sleep_forever()

    monkeypatch.setattr("vsm_mcp.acquisition.installation.rollback.DEADLINE", 0.05)
    with anyio.fail_after(10), pytest.raises(RollbackError, match="within"):
        await attempt(Rollback(journal, Hanging()), state, error=ValueError("why"))
    monkeypatch.undo()
    assert await Rollback(journal, LocalFiles()).recover() == ("acquire",)
    assert left(state) == ["staging", "store"]


@pytest.mark.anyio
async def test_what_a_dead_process_left_of_a_compaction_is_swept(rollback: Rollback, state: Path) -> None:
    await attempt(rollback, state)
    (state / ".journal.0123456789abcdef.tmp").touch()
    await rollback.recover()
    assert not (state / ".journal.0123456789abcdef.tmp").exists()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("times", [2, 99])
async def test_a_task_that_is_cancelled_from_outside_begins_its_undo_again(
    journal: Journal, state: Path, *, times: int
) -> None:
    class Cancelled(LocalFiles):
        left = times

        async def remove(self, path: Path) -> None:
            if path.name == "a" and self.left:
                self.left -= 1
                raise asyncio.CancelledError
            await super().remove(path)

    rollback = Rollback(journal, Cancelled())
    if times == 2:
        with pytest.raises(ValueError, match="why"):
            await attempt(rollback, state, error=ValueError("why"))
        assert left(state) == ["staging", "store"]
    else:
        with pytest.raises(RollbackError, match="interrupted 3 times"):
            await attempt(rollback, state, error=ValueError("why"))
        assert "staging/a" in left(state)
        assert len(await journal.open()) == 1


@pytest.mark.anyio
async def test_a_transaction_in_a_new_place_lets_confined_servers_pass_through_it(tmp_path: Path) -> None:
    files, root = LocalFiles(), tmp_path / "new"
    async with Rollback(Journal(root, files), files).transaction("first"):
        assert stat.S_IMODE(root.stat().st_mode) == 0o755
        assert stat.S_IMODE((root / "transactions").stat().st_mode) == 0o700
