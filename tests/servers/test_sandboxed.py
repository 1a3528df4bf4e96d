"""Servers in the real sandbox: they do their work in their one directory and leave nothing behind."""

import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import NeedsConfigurationError, StartError, VSMError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.enforcement import Aspect, Held, Level
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.controller import Hold, Tree
from vsm_mcp.sandbox.resources.watchdog import Watchdog
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.supervision.health import Condition
from vsm_mcp.testing.servers import as_proven, hostile_server, make_spawner
from vsm_mcp.world.processes import LocalProcesses

pytestmark = [pytest.mark.sandbox, pytest.mark.anyio]

NAME = "example/hostile"
WRITE = ToolCall(server=NAME, tool="write_file", arguments={"name": "/work/kept.txt", "text": "kept"})
MARK = f"-{uuid.uuid4().hex}"
"""Tells the processes of these tests from all others of the same program."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory that every user can reach, as a package must be."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_mode & 0o001 == 0:
            directory.chmod(directory.stat().st_mode | 0o011)
    return tmp_path


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """After every test: no process of the server, confined or escaped."""
    before = _servers()
    yield
    end = time.monotonic() + 5
    while (left := _servers() - before) and time.monotonic() < end:
        pass
    assert not left


def sandbox() -> Sandbox:
    return Sandbox.bubblewrap(LocalProcesses())


@pytest.mark.promise("C141")
async def test_a_confined_server_works_in_its_own_directory_and_the_host_finds_the_file(place: Path) -> None:
    async with make_spawner(place / "work", sandbox=sandbox()) as spawner:
        spawner.adopt(as_proven(hostile_server(place / "pkg", "good", MARK)))
        assert (await spawner.call(WRITE)).text == "wrote /work/kept.txt"
        enforcement = spawner.states()[NAME].enforcement
    assert enforcement is not None
    assert enforcement.level(Aspect.ISOLATION) is Level.KERNEL
    assert [path.read_text() for path in (place / "work").rglob("kept.txt")] == ["kept"]


@pytest.mark.promise("E80", "B61")
async def test_of_a_server_that_is_well_it_is_known_what_its_processes_use(place: Path) -> None:
    async with make_spawner(place / "work", sandbox=sandbox()) as spawner:
        spawner.adopt(as_proven(hostile_server(place / "pkg", "good", MARK)))
        assert spawner.usages() == {}
        await spawner.call(WRITE)
        used = spawner.usages()[NAME]
        assert spawner.health()[NAME].condition is Condition.WELL
    assert used.processes == 1
    assert (used.memory_bytes or 0) > 1 << 20
    assert (used.cpu_seconds or 0) > 0


async def test_a_trial_says_what_confines_it_and_its_files_are_gone_with_it(place: Path) -> None:
    installed = hostile_server(place / "pkg", "good", MARK)
    async with make_spawner(place / "work", sandbox=sandbox()) as spawner, spawner.trial(installed) as running:
        assert (await running.link.call(WRITE)).text == "wrote /work/kept.txt"
        assert running.enforcement.level(Aspect.NETWORK) is Level.KERNEL
    assert not list(place.rglob("kept.txt"))


class Settling:
    """A way to hold trees that counts how often one is told that its start-up is over."""

    name = "counting"

    def __init__(self) -> None:
        self.settled: list[int] = []
        self._watchdog = Watchdog()

    async def unavailable(self) -> str | None:
        return await self._watchdog.unavailable()

    def plan(self, limits: Limits, /) -> Mapping[Aspect, Held]:
        return self._watchdog.plan(limits)

    @asynccontextmanager
    async def attach(self, tree: Tree, limits: Limits, /) -> AsyncGenerator[Hold]:
        async with self._watchdog.attach(tree, limits) as hold:
            yield _Counted(hold, self.settled)


class _Counted:
    def __init__(self, hold: Hold, settled: list[int]) -> None:
        self.hold = hold
        self.held = hold.held
        self.usage = hold.usage
        self.exceeded = hold.exceeded
        self.watch = hold.watch
        self._settled = settled

    def settle(self) -> None:
        self._settled.append(1)
        self.hold.settle()


async def test_start_up_is_over_once_the_server_speaks(place: Path) -> None:
    settling = Settling()
    confining = Sandbox.bubblewrap(LocalProcesses(), controllers=[settling])
    installed = hostile_server(place / "pkg", "good", MARK)
    async with make_spawner(place / "work", sandbox=confining) as spawner, spawner.trial(installed) as running:
        assert settling.settled == [1]
        assert running.enforcement.level(Aspect.CPU) is Level.SUPERVISED


@pytest.mark.security
async def test_not_even_a_grandchild_in_its_own_session_outlives_its_server(place: Path) -> None:
    before = _servers()
    installed = hostile_server(place / "pkg", "orphan", MARK)
    async with make_spawner(place / "work", sandbox=sandbox()) as spawner, spawner.trial(installed):
        assert len(_servers() - before) >= 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("exit-at-once", StartError),
        ("silence", StartError),
        ("garbage-flood", StartError),
        ("needs-credentials", NeedsConfigurationError),
        ("needs-credentials-in-list", NeedsConfigurationError),
    ],
)
async def test_a_confined_server_that_does_not_come_up_is_refused_as_any(
    place: Path, fault: str, kind: type[VSMError]
) -> None:
    async with make_spawner(place / "work", sandbox=sandbox(), start=2.0, probe=1.0) as spawner:
        with anyio.fail_after(20), pytest.raises(kind):
            async with spawner.trial(hostile_server(place / "pkg", fault, MARK)):
                pytest.fail("it came up")


@pytest.mark.parametrize("fault", ["crash-on-call", "long-line", "request-storm"])
async def test_a_confined_server_that_breaks_is_started_anew_by_the_next_call(place: Path, fault: str) -> None:
    async with make_spawner(place / "work", sandbox=sandbox()) as spawner:
        spawner.adopt(as_proven(hostile_server(place / "pkg", fault, MARK)))
        for generation in (1, 2):
            with anyio.fail_after(20), pytest.raises(VSMError):
                await spawner.call(WRITE)
            assert spawner.states()[NAME].generation == generation


@pytest.mark.security
@pytest.mark.promise("E2", "E34", "E49")
async def test_the_environment_of_the_host_does_not_reach_a_confined_server(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOBODYS_BUSINESS", "private")
    installed = hostile_server(place / "pkg", "good", MARK)
    async with make_spawner(place / "work", sandbox=sandbox()) as spawner, spawner.trial(installed) as running:
        names = (await running.link.call(ToolCall(server=NAME, tool="environment"))).text.split()
    assert "NOBODYS_BUSINESS" not in names


def _servers() -> set[int]:
    """Return the processes that run the server program, wherever they are."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if MARK.encode() in line:
            found.add(int(entry.name))
    return found
