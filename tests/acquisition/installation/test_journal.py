"""The journal: facts on disk first, torn lines are nothing, and it does not grow without end."""

from pathlib import Path, PurePosixPath

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.acquisition.installation.journal import Action, ActionKind, Entry, EntryKind, Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.errors import IntegrityError, RollbackError
from vsm_mcp.world.files import LocalFiles

UNDO = Action(kind=ActionKind.REMOVE, path=PurePosixPath("staging/1"))
MOVE = Action(kind=ActionKind.MOVE, path=PurePosixPath("staging/1"), to=PurePosixPath("store/1"))


def begin(tx: str) -> Entry:
    return Entry(kind=EntryKind.BEGIN, tx=tx, name=f"acquire {tx}")


@pytest.mark.anyio
async def test_an_open_transaction_is_known_with_its_undos_until_it_ends(journal: Journal) -> None:
    assert await journal.open() == ()
    await journal.add(begin("1"))
    await journal.add(begin("2"))
    await journal.add(Entry(kind=EntryKind.STEP, tx="1", name="stage", undo=UNDO))
    await journal.add(Entry(kind=EntryKind.COMMIT, tx="2", finish=(MOVE,)))
    first, second = await journal.open()
    assert (first.identity, first.name, first.undos, first.finish) == ("1", "acquire 1", (UNDO,), None)
    assert (second.undos, second.finish) == ((), (MOVE,))
    await journal.add(Entry(kind=EntryKind.END, tx="1", name="undone"))
    assert await journal.find("1") is None
    assert await journal.find("2") == second


@pytest.mark.anyio
async def test_a_commit_with_nothing_to_do_is_a_commit(journal: Journal) -> None:
    await journal.add(begin("1"))
    await journal.add(Entry(kind=EntryKind.COMMIT, tx="1", finish=()))
    found = await journal.find("1")
    assert found is not None
    assert found.finish == ()


@pytest.mark.anyio
async def test_what_is_said_about_unknown_transactions_means_nothing(journal: Journal) -> None:
    await journal.add(Entry(kind=EntryKind.STEP, tx="9", undo=UNDO))
    await journal.add(Entry(kind=EntryKind.END, tx="9"))
    assert await journal.open() == ()


@pytest.mark.anyio
@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_torn_last_line_never_happened_and_the_next_line_is_whole(journal: Journal, cut: int) -> None:
    await journal.add(begin("1"))
    whole = journal.path.read_bytes()
    await journal.add(Entry(kind=EntryKind.COMMIT, tx="1", finish=(MOVE,)))
    line = journal.path.read_bytes()[len(whole) :]
    journal.path.write_bytes(whole + line[:cut])
    found = await journal.find("1")
    assert found is not None
    assert found.finish is None
    await journal.add(begin("2"))
    assert [one.identity for one in await journal.open()] == ["1", "2"]


@pytest.mark.anyio
@pytest.mark.parametrize("line", [b'{"kind":"begin"}', b"[]", b'{"kind":"jump","tx":"1"}', b'{"kind":"step","tx":1}'])
async def test_a_line_of_somebody_else_is_not_guessed_at(journal: Journal, line: bytes) -> None:
    await journal.add(begin("1"))
    with journal.path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(IntegrityError, match="did not write") as caught:
        await journal.open()
    assert caught.value.remedies


@pytest.mark.anyio
async def test_it_is_compacted_when_large_and_keeps_what_is_open(state: Path) -> None:
    journal = Journal(state, LocalFiles(), large=2_000)
    await journal.add(begin("open"))
    await journal.add(Entry(kind=EntryKind.STEP, tx="open", name="stage", undo=UNDO))
    before = await journal.find("open")
    sizes: list[int] = []
    for number in range(60):
        await journal.add(begin(str(number)))
        await journal.add(Entry(kind=EntryKind.END, tx=str(number), name="undone"))
        sizes.append(journal.path.stat().st_size)
    assert max(sizes) < 2_500
    assert await journal.open() == (before,)


@pytest.mark.anyio
async def test_only_its_owner_may_read_it(journal: Journal) -> None:
    await journal.add(begin("1"))
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert str(journal.path) in repr(journal)


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=50), parts=st.lists(st.text("abc.-_ ü", min_size=1, max_size=8), min_size=1, max_size=4))
def test_whatever_is_written_is_read_back(
    name: str, parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:

    undo = Action(kind=ActionKind.REMOVE, path=PurePosixPath(*parts))
    journal = Journal(tmp_path_factory.mktemp("state"), LocalFiles())

    async def write_and_read() -> None:
        await journal.add(Entry(kind=EntryKind.BEGIN, tx="1", name=name))
        await journal.add(Entry(kind=EntryKind.STEP, tx="1", undo=undo))
        found = await journal.find("1")
        assert found is not None
        assert (found.name, found.undos) == (name, (undo,))

    anyio.run(write_and_read)


@pytest.mark.anyio
async def test_nothing_builds_on_what_is_committed_by_somebody_who_does_not_finish(
    rollback: Rollback, journal: Journal, files: LocalFiles
) -> None:
    await journal.add(Entry(kind=EntryKind.BEGIN, tx="1", name="open"))
    await journal.add(Entry(kind=EntryKind.BEGIN, tx="2", name="slow"))
    await journal.add(Entry(kind=EntryKind.COMMIT, tx="2", finish=()))
    holds = journal.root / "transactions"
    await files.make_directory(holds)
    async with files.lock(holds / "2.lock"):
        with pytest.raises(RollbackError, match="'slow', is committed and not finished yet"):
            await rollback.finish(patience=0.05)
    await rollback.finish()
    assert [one.identity for one in await journal.open()] == ["1"]
