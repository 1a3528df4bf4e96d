"""The journal: facts on disk first, torn lines are nothing, and it does not grow without end."""

from pathlib import Path, PurePosixPath

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.acquisition.installation.journal import Action, ActionKind, Entry, EntryKind, Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.errors import ConfigurationError, IntegrityError, RollbackError
from vsm_mcp.world.files import LocalFiles

ONE, TWO, NINE = ("1" * 16, "2" * 16, "9" * 16)
UNDO = Action(kind=ActionKind.REMOVE, path=PurePosixPath("staging/1"))
MOVE = Action(kind=ActionKind.MOVE, path=PurePosixPath("staging/1"), to=PurePosixPath("store/1"))


def begin(tx: str) -> Entry:
    return Entry(kind=EntryKind.BEGIN, tx=tx, name=f"acquire {tx}")


@pytest.mark.anyio
async def test_an_open_transaction_is_known_with_its_undos_until_it_ends(journal: Journal) -> None:
    assert await journal.open() == ()
    await journal.add(begin(ONE))
    await journal.add(begin(TWO))
    await journal.add(Entry(kind=EntryKind.STEP, tx=ONE, name="stage", undo=UNDO))
    await journal.add(Entry(kind=EntryKind.COMMIT, tx=TWO, finish=(MOVE,)))
    first, second = await journal.open()
    assert (first.identity, first.name, first.undos, first.finish) == (ONE, f"acquire {ONE}", (UNDO,), None)
    assert (second.undos, second.finish) == ((), (MOVE,))
    await journal.add(Entry(kind=EntryKind.END, tx=ONE, name="undone"))
    assert await journal.find(ONE) is None
    assert await journal.find(TWO) == second


@pytest.mark.anyio
async def test_a_commit_with_nothing_to_do_is_a_commit(journal: Journal) -> None:
    await journal.add(begin(ONE))
    await journal.add(Entry(kind=EntryKind.COMMIT, tx=ONE, finish=()))
    found = await journal.find(ONE)
    assert found is not None
    assert found.finish == ()


@pytest.mark.anyio
async def test_what_is_said_about_unknown_transactions_means_nothing(journal: Journal) -> None:
    await journal.add(Entry(kind=EntryKind.STEP, tx=NINE, undo=UNDO))
    await journal.add(Entry(kind=EntryKind.END, tx=NINE))
    assert await journal.open() == ()


@pytest.mark.anyio
@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_torn_last_line_never_happened_and_the_next_line_is_whole(journal: Journal, cut: int) -> None:
    await journal.add(begin(ONE))
    whole = journal.path.read_bytes()
    await journal.add(Entry(kind=EntryKind.COMMIT, tx=ONE, finish=(MOVE,)))
    line = journal.path.read_bytes()[len(whole) :]
    journal.path.write_bytes(whole + line[:cut])
    found = await journal.find(ONE)
    assert found is not None
    assert found.finish is None
    await journal.add(begin(TWO))
    assert [one.identity for one in await journal.open()] == [ONE, TWO]


@pytest.mark.anyio
@pytest.mark.parametrize("line", [b'{"kind":"begin"}', b"[]", b'{"kind":"jump","tx":"1"}', b'{"kind":"step","tx":1}'])
async def test_a_line_of_somebody_else_is_not_guessed_at(journal: Journal, line: bytes) -> None:
    await journal.add(begin(ONE))
    with journal.path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(IntegrityError, match="did not write") as caught:
        await journal.open()
    assert caught.value.remedies


@pytest.mark.anyio
async def test_it_is_compacted_when_large_and_keeps_what_is_open(state: Path) -> None:
    journal = Journal(state, LocalFiles(), large=2_000)
    await journal.add(begin(ONE))
    await journal.add(Entry(kind=EntryKind.STEP, tx=ONE, name="stage", undo=UNDO))
    before = await journal.find(ONE)
    sizes: list[int] = []
    for number in range(60):
        await journal.add(begin(f"{number:016x}"))
        await journal.add(Entry(kind=EntryKind.END, tx=f"{number:016x}", name="undone"))
        sizes.append(journal.path.stat().st_size)
    assert max(sizes) < 2_500
    assert await journal.open() == (before,)


@pytest.mark.anyio
async def test_only_its_owner_may_read_it(journal: Journal) -> None:
    await journal.add(begin(ONE))
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert str(journal.path) in repr(journal)


@settings(max_examples=50)
@given(name=st.text(max_size=50), parts=st.lists(st.text("abc.-_ ü", min_size=1, max_size=8), min_size=1, max_size=4))
def test_whatever_is_written_is_read_back(
    name: str, parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:

    undo = Action(kind=ActionKind.REMOVE, path=PurePosixPath(*parts))
    journal = Journal(tmp_path_factory.mktemp("state"), LocalFiles())

    async def write_and_read() -> None:
        await journal.add(Entry(kind=EntryKind.BEGIN, tx=ONE, name=name))
        await journal.add(Entry(kind=EntryKind.STEP, tx=ONE, undo=undo))
        found = await journal.find(ONE)
        assert found is not None
        assert (found.name, found.undos) == (name, (undo,))

    anyio.run(write_and_read)


@pytest.mark.anyio
async def test_nothing_builds_on_what_is_committed_by_somebody_who_does_not_finish(
    rollback: Rollback, journal: Journal, files: LocalFiles
) -> None:
    await journal.add(Entry(kind=EntryKind.BEGIN, tx=ONE, name="open"))
    await journal.add(Entry(kind=EntryKind.BEGIN, tx=TWO, name="slow"))
    await journal.add(Entry(kind=EntryKind.COMMIT, tx=TWO, finish=()))
    holds = journal.root / "transactions"
    await files.make_directory(holds)
    async with files.lock(holds / f"{TWO}.lock"):
        with pytest.raises(RollbackError, match="'slow', is committed and not finished yet"):
            await rollback.finish(patience=0.05)
    await rollback.finish()
    assert [one.identity for one in await journal.open()] == [ONE]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_journal_that_others_can_write_to_is_neither_read_nor_added_to(journal: Journal) -> None:
    await journal.add(begin("a" * 16))
    journal.path.chmod(0o606)
    before = journal.path.read_bytes()
    for attempt in (journal.open(), journal.add(begin("b" * 16))):
        with pytest.raises(ConfigurationError, match="journal is not trusted: it can be written to by others"):
            await attempt
    assert journal.path.read_bytes() == before
