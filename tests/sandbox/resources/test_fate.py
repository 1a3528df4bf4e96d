"""Whatever comes first ends a tree, is told once, and nothing goes on unwatched."""

from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from vsm_mcp.events import Event, ResourceExceeded
from vsm_mcp.model.enforcement import Aspect, ExitReason, Held, Usage
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.sandbox.resources.controller import Exceeded, too_much_memory
from vsm_mcp.sandbox.resources.family import Family
from vsm_mcp.sandbox.resources.fate import TreeFate
from vsm_mcp.sandbox.resources.kept import KeptDirectory

pytestmark = pytest.mark.anyio

LIMITS = Limits(memory_mb=64)
TOO_MUCH = too_much_memory(LIMITS, peak=None)


class Holding:
    """Limits whose end a test decides."""

    def __init__(self) -> None:
        self.held: Mapping[Aspect, Held] = {}
        self.found: Exceeded | None = None
        self.error: OSError | None = None
        self.used = Usage()
        self.over = anyio.Event()
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1
        if self.error is not None:
            raise self.error

    def usage(self) -> Usage:
        if self.error is not None:
            raise self.error
        return self.used

    def exceeded(self) -> Exceeded | None:
        return self.found

    async def watch(self) -> None:
        await self.over.wait()
        if self.error is not None:
            raise self.error


class Scene:
    """A tree that counts how often it is killed, and what is told about it."""

    def __init__(self, limits: Limits = LIMITS, *, kept: tuple[KeptDirectory, ...] = ()) -> None:
        self.hold = Holding()
        self.killed = 0
        self.ended = anyio.Event()
        self.heard: list[Event] = []
        self.fate = TreeFate(self.hold, kept, limits=limits, kill=self._kill, subject="one", emit=self.heard.append)

    def _kill(self) -> None:
        self.killed += 1
        self.ended.set()


async def test_a_limit_that_is_reached_kills_and_is_told_once() -> None:
    scene = Scene()
    async with scene.fate.watched():
        assert (scene.fate.reason, scene.fate.detail) == (None, "")
        scene.hold.found = TOO_MUCH
        scene.hold.over.set()
        await anyio.wait_all_tasks_blocked()
        assert scene.killed == 1
        assert scene.fate.reason is ExitReason.MEMORY
        scene.fate.end()
    scene.fate.close(running=False)
    assert scene.fate.reason is ExitReason.MEMORY
    assert scene.heard == [ResourceExceeded(subject="one", aspect="memory", detail=TOO_MUCH.detail)]


async def test_what_the_kernel_killed_is_known_before_anybody_looked() -> None:
    scene = Scene()
    async with scene.fate.watched():
        scene.hold.found = TOO_MUCH
        assert scene.fate.reason is ExitReason.MEMORY
    assert len(scene.heard) == 1


async def test_leaving_a_running_tree_means_that_it_was_killed_on_purpose() -> None:
    scene = Scene()
    async with scene.fate.watched():
        scene.fate.close(running=True)
    assert (scene.fate.reason, scene.killed, scene.heard) == (ExitReason.KILLED, 1, [])
    scene.hold.found = TOO_MUCH
    assert scene.fate.reason is ExitReason.KILLED


@pytest.mark.security
async def test_a_watch_that_fails_ends_the_tree() -> None:
    scene = Scene()
    async with scene.fate.watched():
        scene.hold.error = OSError("gone")
        scene.hold.over.set()
        await anyio.wait_all_tasks_blocked()
        assert scene.fate.reason is ExitReason.UNSUPERVISED
        assert scene.fate.detail == "What it uses could not be watched any more: gone."
        assert scene.killed == 1


@pytest.mark.security
async def test_a_limit_on_cpu_that_cannot_be_applied_ends_the_tree_if_it_still_lives() -> None:
    scene = Scene()
    scene.hold.error = FileNotFoundError()
    scene.fate.settle()
    assert scene.killed == 0
    scene.hold.error = OSError("refused")
    scene.fate.settle()
    assert (scene.killed, scene.hold.settled) == (1, 2)
    assert scene.fate.detail == "Its CPU could not be limited: refused."
    assert scene.fate.usage() == Usage()


async def test_a_life_that_is_too_long_and_a_directory_that_is_too_large_end_it(tmp_path: Path) -> None:
    scene = Scene(Limits(lifetime=0.05))
    async with scene.fate.watched():
        await anyio.sleep(0.2)
    assert (scene.fate.reason, scene.fate.detail) == (ExitReason.LIFETIME, "It may live for 0.05 s.")
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    scene = Scene(kept=(KeptDirectory(tmp_path, "/work", limit_mb=1, family=Family((1 << 22) + 1)),))
    async with scene.fate.watched():
        with anyio.fail_after(5):
            await scene.ended.wait()
    assert scene.fate.reason is ExitReason.DISK


@pytest.mark.promise("A88")
async def test_a_process_that_ends_by_itself_near_the_limit_is_told_so() -> None:
    scene = Scene()
    scene.hold.used = Usage(memory_peak_bytes=60 << 20)
    scene.fate.close(running=False)
    assert scene.fate.reason is None
    assert scene.fate.detail == "Its memory was at 60 of the 64 MiB allowed."
    scene.hold.used = Usage()
    assert scene.fate.usage().memory_peak_bytes == 60 << 20


async def test_errors_of_the_body_arrive_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Scene(Limits(lifetime=60)).fate.watched():
            raise ZeroDivisionError
