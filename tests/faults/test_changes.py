"""Killed or refused at any moment of a change, a state directory holds all of the change or nothing of it."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from changes import Place
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vsm_mcp.errors import VSMError
from vsm_mcp.testing.faults import Crash, CrashingFiles, FullDisk, Moment, ReadOnly
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import Files, LocalFiles
from vsm_mcp.world.processes import Command, LocalProcesses

PROGRAM = Path(__file__).parent / "changes.py"
CHANGES = ("upgrade", "release", "rollback", "prune")


def _prepared() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="vsm-faults-"))
    anyio.run(Place(directory / "state", LocalFiles()).prepare)
    return directory


@pytest.fixture(scope="module")
def template() -> Generator[Path]:
    directory = _prepared()
    yield directory
    anyio.run(LocalFiles().remove, directory)


@pytest.fixture
def state(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "place", symlinks=True)
    return tmp_path / "place" / "state"


async def outcomes(state: Path, kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is held before and after a change, having made it in a copy."""
    copy = state.parent.parent / "copy" / "state"
    shutil.copytree(state.parent, copy.parent, symlinks=True)
    before = await Place(state, LocalFiles()).held()
    await Place(copy, LocalFiles()).change(kind)
    return before, await Place(copy, LocalFiles()).held()


@pytest.mark.anyio
@pytest.mark.promise("A23", "A29", "A30", "A32", "B67")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("kind", CHANGES)
async def test_a_crash_at_every_effect_of_every_change_is_repaired(state: Path, kind: str, moment: Moment) -> None:
    before, after = await outcomes(state, kind)
    seen: set[bool] = set()
    for at in range(1, 200):
        place = state.parent.parent / str(at)
        shutil.copytree(state.parent, place, symlinks=True)
        files = CrashingFiles(LocalFiles(), at=at, moment=moment)
        try:
            await Place(place / "state", files).change(kind)
        except Crash:
            repaired = Place(place / "state", LocalFiles())
            await repaired.check()
            held = await repaired.held()
            assert held in (before, after)
            seen.add(held == after)
            await repaired.change(kind)
            await repaired.check()
            continue
        assert at > 10
        assert kind == "prune" or seen == {True, False}
        return
    pytest.fail("it never ended")


@pytest.mark.anyio
@pytest.mark.promise("A23", "A32")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("at", [3, 17, 40, 61, 83, 104])
async def test_kill_9_under_load_is_repaired(state: Path, at: int) -> None:
    argv = (sys.executable, "-I", str(PROGRAM), "load", str(state), str(at), Moment.AFTER)
    done = await LocalProcesses().run(Command(argv=argv), timeout=50)
    assert done.returncode == -signal.SIGKILL, done.stderr
    place = Place(state, LocalFiles())
    await place.check()
    assert set(await place.held()) <= set("abcdefg")
    await place.under_load()
    await place.check()
    assert set(await place.held()) == set("acdefg")


@pytest.mark.anyio
@pytest.mark.promise("A22", "A53")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_processes_that_change_the_same_state_at_once_lose_nothing(state: Path) -> None:
    async def run(kind: str) -> None:
        argv = (sys.executable, "-I", str(PROGRAM), kind, str(state))
        done = await LocalProcesses().run(Command(argv=argv), timeout=50)
        assert done.returncode == 0, done.stderr

    async with anyio.create_task_group() as tasks:
        for kind in ("load", "prune", "prune"):
            tasks.start_soon(run, kind)
    place = Place(state, LocalFiles())
    await place.check()
    assert set(await place.held()) == set("acdefg")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("kind", CHANGES)
async def test_a_disk_that_fills_up_at_any_moment_of_a_change_is_said_and_undone(state: Path, kind: str) -> None:
    before, after = await outcomes(state, kind)
    said: set[bool] = set()
    for at in range(1, 200):
        place = state.parent.parent / str(at)
        shutil.copytree(state.parent, place, symlinks=True)
        try:
            await Place(place / "state", FullDisk(LocalFiles(), at=at)).change(kind)
        except VSMError as error:
            said.add("Free disk space" in str(error))
            repaired = Place(place / "state", LocalFiles())
            await repaired.check()
            assert await repaired.held() in (before, after)
            continue
        assert said == {True}
        return
    pytest.fail("it never ended")


@pytest.mark.anyio
@pytest.mark.parametrize("kind", CHANGES)
async def test_a_store_that_is_read_only_is_said_and_read(state: Path, kind: str) -> None:
    before = await Place(state, LocalFiles()).held()
    place = Place(state, ReadOnly(LocalFiles()))
    with pytest.raises(VSMError, match="Read-only file system") as caught:
        await place.change(kind)
    assert "file system that can be written to" in str(caught.value)
    assert await place.held() == before
    await Place(state, LocalFiles()).check()


@pytest.mark.anyio
async def test_a_torn_line_of_the_journal_is_as_if_it_had_never_been_written(state: Path) -> None:
    place = Place(state, LocalFiles())
    journal = state / "journal"
    for torn in (
        b'\n{"kind":"begin","tx":"1","na',
        b'\n{"kind":"commit","tx":"1","finish":[{"kind":"rem',
        b"\n\xff\x00",
    ):
        journal.write_bytes(journal.read_bytes() + torn)
        await place.check()
        await place.change("upgrade")
        await place.check()


NAMES = st.sampled_from("abc")
CONTENTS = st.sampled_from("12")


class Machine(RuleBasedStateMachine):
    """Acquires, upgrades, releases, prunes and goes back, crashes anywhere and lets the clock jump."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="vsm-machine-", dir=_FAST))
        self.state = self.directory / "state"
        self.clock = FakeClock()
        self.expected: dict[str, str] = {}
        self.history: dict[int, dict[str, str]] = {}
        self.newest = -1

    def teardown(self) -> None:
        anyio.run(LocalFiles().remove, self.directory)

    def place(self, files: Files | None = None) -> Place:
        return Place(self.state, files or LocalFiles(), clock=self.clock)

    @rule(days=st.integers(-400, 400))
    def jump(self, days: int) -> None:
        self.clock.advance(timedelta(days=days))

    @rule(name=NAMES, content=CONTENTS)
    def hold(self, name: str, content: str) -> None:
        anyio.run(self.place().hold, name, content)
        self.learn({**self.expected, name: content})

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        anyio.run(self.place().installer.remove, name)
        self.learn({other: content for other, content in self.expected.items() if other != name})

    @rule(keep=st.integers(1, 4))
    def prune(self, keep: int) -> None:
        anyio.run(lambda: self.place().installer.prune(keep=keep))
        self.learn(self.expected)

    @precondition(lambda self: len(self.history) > 0)
    @rule(data=st.data())
    def back(self, data: st.DataObject) -> None:
        kept = anyio.run(self.place().installer.generations.numbers)
        target = data.draw(st.sampled_from(kept))
        anyio.run(self.place().reversal.rollback_to, target)
        self.learn(self.history[target])

    @rule(
        at=st.integers(1, 45), moment=st.sampled_from(Moment), name=NAMES, deed=st.sampled_from(["release", "1", "2"])
    )
    def crash(self, at: int, *, moment: Moment, name: str, deed: str) -> None:
        place = self.place(CrashingFiles(LocalFiles(), at=at, moment=moment))
        after = {other: held for other, held in self.expected.items() if other != name}
        if deed != "release":
            after[name] = deed
        try:
            if deed == "release":
                anyio.run(place.installer.remove, name)
            else:
                anyio.run(place.hold, name, deed)
        except Crash:
            anyio.run(self.place().rollback.recover)
        held = self.held()
        assert held in (self.expected, after)
        self.learn(held)

    @invariant()
    def nothing_is_broken_lost_or_left_over(self) -> None:
        anyio.run(self.place().check)
        assert self.held() == self.expected

    def held(self) -> dict[str, str]:
        async def look() -> dict[str, str]:
            records = await self.place().installer.records()
            return {one.name: one.proven.candidate.summary for one in records}

        return anyio.run(look)

    def learn(self, held: dict[str, str]) -> None:
        """Note what is expected, and that numbers only grow."""
        numbers = anyio.run(self.place().installer.generations.numbers)
        if numbers:
            assert numbers[-1] >= self.newest
            self.newest = numbers[-1]
        self.history = {number: self.history.get(number, {}) for number in numbers}
        self.expected = held
        if numbers:
            self.history[numbers[-1]] = held


_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
