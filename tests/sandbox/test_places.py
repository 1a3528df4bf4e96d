"""There are only so many confined processes at once: a further one waits for a bounded time, and is told why."""

import anyio
import pytest

from vsm_mcp.errors import CapacityError, ConfigurationError
from vsm_mcp.sandbox.places import SandboxPlaces
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

pytestmark = pytest.mark.anyio

CAT = Command(argv=("/bin/cat",))


@pytest.mark.virtual_time
async def test_no_more_hold_a_place_than_there_are_and_the_next_comes_in_when_one_ends() -> None:
    places, together = SandboxPlaces(2, timeout=60.0), list[int]()

    async def work() -> None:
        async with places.place():
            together.append(places.busy)
            await anyio.sleep(10)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(work)
        await anyio.wait_all_tasks_blocked()
        assert (places.busy, places.waiting, places.most) == (2, 3, 2)
    assert max(together) == 2
    assert len(together) == 5
    assert (places.busy, places.waiting) == (0, 0)


@pytest.mark.virtual_time
async def test_who_finds_no_place_in_time_is_told_how_many_there_are_and_what_to_do() -> None:
    places = SandboxPlaces(1, timeout=5.0)
    async with places.place():
        began = anyio.current_time()
        with pytest.raises(CapacityError, match="There are 1 confined processes") as caught:
            async with places.place():
                raise AssertionError
        assert anyio.current_time() - began == pytest.approx(5.0)
        assert "max_concurrent_sandboxes" in caught.value.remedies[0]
    async with places.place():
        assert places.busy == 1


@pytest.mark.virtual_time
@pytest.mark.parametrize("waited", [0.0, 1.0, 4.0])
async def test_who_is_cancelled_while_it_waits_or_at_the_moment_it_gets_one_keeps_no_place(waited: float) -> None:
    places = SandboxPlaces(1, timeout=5.0)

    async def wait() -> None:
        async with places.place():
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        async with places.place():
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(waited)
            if waited == 4.0:  # both at once: the place is given, and its taker is cancelled before it knows
                tasks.cancel_scope.cancel()
        tasks.cancel_scope.cancel()
    assert (places.busy, places.waiting) == (0, 0)


async def test_a_process_that_finds_no_place_is_not_started() -> None:
    sandbox = Sandbox.none(LocalProcesses(), places=SandboxPlaces(1, timeout=0.05))
    assert sandbox.places is not None
    with anyio.fail_after(10):
        async with sandbox.open(CAT, SandboxPolicy()):
            assert sandbox.places.busy == 1
            with pytest.raises(CapacityError):
                async with sandbox.open(CAT, SandboxPolicy()):
                    raise AssertionError
        assert sandbox.places.busy == 0
        async with sandbox.open(CAT, SandboxPolicy()) as confined:
            assert confined.pid > 1


def test_without_any_place_nothing_could_be_confined() -> None:
    with pytest.raises(ConfigurationError, match="too few"):
        SandboxPlaces(0, timeout=1.0)
