"""Places are taken in order of urgency, are never lost, and a wait for one ends in time."""

import tracemalloc
from contextlib import suppress

import anyio
import pytest
from anyio.abc import TaskGroup

from vsm_mcp.errors import CapacityError, ConfigurationError
from vsm_mcp.systems.operations.places import Places

PATIENCE = 3600.0


async def wait_until_waiting(places: Places, count: int) -> None:
    with anyio.fail_after(5):
        while places.waiting < count:
            await anyio.lowlevel.checkpoint()


async def queue(tasks: TaskGroup, places: Places, log: list[str], *, entries: list[tuple[str, int]]) -> None:
    """Begin one task for each name and priority, each waiting before the next one begins."""

    async def work(name: str, priority: int) -> None:
        await places.enter(priority=priority, timeout=PATIENCE)
        log.append(name)
        places.leave()

    for number, (name, priority) in enumerate(entries, start=places.waiting + 1):
        tasks.start_soon(work, name, priority)
        await wait_until_waiting(places, number)


@pytest.mark.anyio
async def test_free_places_are_taken_without_waiting() -> None:
    places = Places(2, owner="the test")
    await places.enter(priority=0, timeout=0.0)
    await places.enter(priority=0, timeout=0.0)
    assert (places.busy, places.waiting, places.most) == (2, 0, 2)
    places.leave()
    places.leave()
    assert places.busy == 0


@pytest.mark.anyio
async def test_who_waits_comes_in_by_priority_and_equal_ones_in_order() -> None:
    places, log = Places(1, owner="the test"), list[str]()
    await places.enter(priority=0, timeout=0.0)
    async with anyio.create_task_group() as tasks:
        await queue(tasks, places, log, entries=[("low", -1), ("first", 0), ("second", 0), ("urgent", 9)])
        places.leave()
    assert log == ["urgent", "first", "second", "low"]
    assert (places.busy, places.waiting) == (0, 0)


@pytest.mark.anyio
async def test_nobody_who_comes_later_overtakes_who_was_called() -> None:
    places, log = Places(1, owner="the test"), list[str]()
    await places.enter(priority=0, timeout=0.0)
    async with anyio.create_task_group() as tasks:
        await queue(tasks, places, log, entries=[("waiting", 0)])
        places.leave()
        await places.enter(priority=9, timeout=PATIENCE)
        log.append("later")
    assert log == ["waiting", "later"]


@pytest.mark.anyio
async def test_a_wait_ends_in_time_and_says_what_was_full() -> None:
    places = Places(3, owner="the workshop")
    for _ in range(3):
        await places.enter(priority=0, timeout=0.0)
    with pytest.raises(CapacityError, match=r"All 3 places of the workshop are taken .* within 0\.01 seconds\."):
        await places.enter(priority=0, timeout=0.01)
    assert (places.busy, places.waiting) == (3, 0)


@pytest.mark.anyio
async def test_when_too_many_wait_the_next_one_is_told_at_once() -> None:
    places, log = Places(1, owner="the test", most_waiting=2), list[str]()
    await places.enter(priority=0, timeout=0.0)
    async with anyio.create_task_group() as tasks:
        await queue(tasks, places, log, entries=[("a", 0), ("b", 0)])
        with pytest.raises(CapacityError, match="2 operations wait already"):
            await places.enter(priority=9, timeout=PATIENCE)
        places.leave()
    assert log == ["a", "b"]


@pytest.mark.anyio
async def test_who_is_cancelled_while_waiting_leaves_no_trace() -> None:
    places, log = Places(1, owner="the test"), list[str]()
    await places.enter(priority=0, timeout=0.0)
    async with anyio.create_task_group() as patient:
        await queue(patient, places, log, entries=[("patient", 0)])
        async with anyio.create_task_group() as impatient:
            await queue(impatient, places, log, entries=[("x", 5), ("y", 5), ("z", 5)])
            impatient.cancel_scope.cancel()
        assert places.waiting == 1
        places.leave()
    assert log == ["patient"]
    assert (places.busy, places.waiting) == (0, 0)


@pytest.mark.anyio
async def test_who_gave_up_is_passed_over() -> None:
    places, log = Places(1, owner="the test"), list[str]()
    await places.enter(priority=0, timeout=0.0)
    async with anyio.create_task_group() as patient:
        await queue(patient, places, log, entries=[("a", 0), ("b", 0), ("c", 0)])
        async with anyio.create_task_group() as impatient:
            await queue(impatient, places, log, entries=[("gone", 9)])
            impatient.cancel_scope.cancel()
        assert places.waiting == 3
        places.leave()
    assert log == ["a", "b", "c"]


@pytest.mark.anyio
async def test_a_place_given_to_one_who_is_cancelled_in_that_moment_goes_on_to_the_next() -> None:
    places, log = Places(1, owner="the test"), list[str]()
    await places.enter(priority=0, timeout=0.0)
    async with anyio.create_task_group() as patient:
        await queue(patient, places, log, entries=[("patient", 0)])
        async with anyio.create_task_group() as unlucky:
            await queue(unlucky, places, log, entries=[("unlucky", 9)])
            unlucky.cancel_scope.cancel()
            places.leave()
    assert log == ["patient"]
    assert (places.busy, places.waiting) == (0, 0)


@pytest.mark.anyio
async def test_many_who_give_up_take_no_memory() -> None:
    places = Places(1, owner="the test")
    await places.enter(priority=0, timeout=0.0)
    tracemalloc.start()
    for _ in range(2000):
        with suppress(CapacityError):
            await places.enter(priority=0, timeout=0.0)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100_000  # 2000 who wait would take several times as much
    places.leave()
    assert places.busy == 0


@pytest.mark.anyio
async def test_never_more_than_allowed_are_at_work_at_once() -> None:
    places, at_work, most = Places(7, owner="the test"), 0, 0

    async def work(number: int) -> None:
        nonlocal at_work, most
        await places.enter(priority=number % 3, timeout=PATIENCE)
        at_work += 1
        most = max(most, at_work)
        for _ in range(number % 5):
            await anyio.lowlevel.checkpoint()
        at_work -= 1
        places.leave()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(work, number)
    assert most == 7
    assert (places.busy, places.waiting) == (0, 0)


def test_without_any_place_nothing_could_be_done() -> None:
    with pytest.raises(ConfigurationError, match="with 0 places"):
        Places(0, owner="the test")


def test_places_show_how_many_are_taken() -> None:
    assert repr(Places(2, owner="the test")) == "Places(busy=0, most=2, waiting=0)"
