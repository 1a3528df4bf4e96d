"""Two who want the same thing at once do not get in each other's way."""

import anyio
import pytest

from vsm_mcp.systems.system2 import System2


@pytest.mark.anyio
async def test_the_second_waits_and_is_told_that_it_waited() -> None:
    system, order = System2(), list[tuple[str, bool]]()
    first_in = anyio.Event()

    async def first() -> None:
        async with system.exclusively("slides") as alone:
            first_in.set()
            await anyio.wait_all_tasks_blocked()
            order.append(("first", alone))

    async def second() -> None:
        await first_in.wait()
        async with system.exclusively("slides") as alone:
            order.append(("second", alone))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            tasks.start_soon(second)
    assert order == [("first", True), ("second", False)]
    assert system.conflicts == 1


@pytest.mark.anyio
async def test_different_kinds_never_wait_for_each_other() -> None:
    system = System2()
    with anyio.fail_after(5):
        async with system.exclusively("slides") as one, system.exclusively("time") as other:
            assert one
            assert other
    assert system.conflicts == 0


@pytest.mark.anyio
async def test_a_cancelled_waiter_does_not_block_those_behind_it() -> None:
    system = System2()

    async def wait_in_vain() -> None:
        async with system.exclusively("slides"):
            pytest.fail("two at once")

    async with system.exclusively("slides"), anyio.create_task_group() as tasks:
        tasks.start_soon(wait_in_vain)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        async with system.exclusively("slides") as alone:
            assert alone
