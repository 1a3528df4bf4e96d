"""Whoever is cancelled, whoever leaves: nobody waits for ever, and nothing goes on that nobody owns."""

import gc
from contextlib import AsyncExitStack

import anyio
import anyio.lowlevel
import pytest
from tests.world.caching.counted import Counted, eventually

from vsm_mcp.errors import LinkError
from vsm_mcp.world.caching.cache import Cache


@pytest.fixture
def source() -> Counted:
    return Counted()


class Callers:
    """Tasks that ask, each of which can be cancelled."""

    def __init__(self, cache: Cache[str, int]) -> None:
        self.cache = cache
        self.tasks = anyio.create_task_group()
        self.given: list[int] = []

    def ask(self, key: str = "a") -> anyio.CancelScope:
        scope = anyio.CancelScope()
        self.tasks.start_soon(self._ask, key, scope)
        return scope

    async def _ask(self, key: str, scope: anyio.CancelScope) -> None:
        with scope, anyio.fail_after(5):
            self.given.append(await self.cache.get(key))


@pytest.mark.anyio
async def test_a_load_survives_the_cancellation_of_the_first_who_asked(source: Counted) -> None:
    gate, cache = source.close(), source.cache()
    callers = Callers(cache)
    async with cache, callers.tasks:
        first = callers.ask()
        await eventually(lambda: source.under_way)
        for _ in range(10):
            callers.ask()
        await eventually(lambda: cache.figures().shared == 10)
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        gate.set()
        await eventually(lambda: len(callers.given) == 10)
    assert (callers.given, source.asked, source.cancelled) == ([1] * 10, ["a"], 0)


@pytest.mark.anyio
async def test_a_load_goes_on_for_those_who_come_later_when_all_who_asked_are_gone(source: Counted) -> None:
    gate, cache = source.close(), source.cache()
    callers = Callers(cache)
    async with cache, callers.tasks:
        scopes = [callers.ask(), callers.ask()]
        await eventually(lambda: cache.figures().shared == 1 and source.under_way)
        for scope in scopes:
            scope.cancel()
        await anyio.wait_all_tasks_blocked()
        gate.set()
        await eventually(lambda: not source.under_way)
        assert await cache.get("a") == 1
    assert (source.asked, callers.given) == (["a"], [])


@pytest.mark.anyio
async def test_loads_that_nobody_waits_for_end_when_there_are_too_many(source: Counted) -> None:
    gate, cache = source.close(), source.cache(most=3)
    callers = Callers(cache)
    async with cache, callers.tasks:
        scopes = [callers.ask(f"{number}") for number in range(20)]
        await eventually(lambda: source.under_way == 20)
        for scope in scopes:
            scope.cancel()
        await eventually(lambda: source.under_way == 3)
        assert repr(cache) == "Cache(0 of 3, loading=3)"
        source.gate = None
        gate.set()
        assert all([await cache.get(f"{number}") for number in range(20)])  # what was ended is loaded anew
    assert source.cancelled == 17


@pytest.mark.anyio
async def test_a_load_of_what_was_forgotten_ends_with_the_last_who_waits_for_it(source: Counted) -> None:
    source.close()
    callers = Callers(cache := source.cache())
    async with cache, callers.tasks:
        scopes = [callers.ask(), callers.ask()]
        await eventually(lambda: cache.figures().shared == 1 and source.under_way)
        cache.forget("a")
        scopes[0].cancel()
        await anyio.wait_all_tasks_blocked()
        assert source.under_way == 1
        scopes[1].cancel()
        await eventually(lambda: source.cancelled == 1)


@pytest.mark.anyio
async def test_without_an_owner_one_of_those_who_wait_takes_over_from_who_is_cancelled(source: Counted) -> None:
    gate, cache = source.close(), source.cache()
    callers = Callers(cache)
    async with callers.tasks:
        for leaders in range(1, 4):
            scope = callers.ask()
            await anyio.wait_all_tasks_blocked()
            callers.ask()
            await eventually(lambda: cache.figures().shared >= leaders and source.under_way == 1)  # noqa: B023 - at once
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert source.under_way == 1
        gate.set()
    assert source.most_at_once == 1
    assert len(set(callers.given)) == 1
    assert cache.figures().size == 1


@pytest.mark.anyio
async def test_without_an_owner_nothing_goes_on_when_all_are_cancelled(source: Counted) -> None:
    source.close()
    callers = Callers(cache := source.cache())
    async with callers.tasks:
        for _ in range(5):
            callers.ask()
        await eventually(lambda: cache.figures().shared == 4)
        callers.tasks.cancel_scope.cancel()
    assert (source.under_way, repr(cache)) == (0, "Cache(0 of 10, loading=0)")
    source.gate = None
    assert await cache.get("a") > 0


@pytest.mark.anyio
async def test_leaving_ends_what_is_under_way_and_those_who_still_wait_load_for_themselves(source: Counted) -> None:
    callers = Callers(cache := source.cache())
    async with callers.tasks:
        async with cache:
            source.close()
            callers.ask()
            callers.ask()
            await eventually(lambda: source.under_way == 1 and cache.figures().shared == 1)
            source.gate = None
        assert source.cancelled == 1
        await eventually(lambda: len(callers.given) == 2)
        assert source.asked == ["a", "a"]


@pytest.mark.anyio
async def test_leaving_before_a_load_had_its_first_step_leaves_nobody_waiting(source: Counted) -> None:
    callers = Callers(cache := source.cache())
    async with callers.tasks:
        async with cache:
            callers.ask()
            callers.ask()
            await anyio.lowlevel.checkpoint()
        await eventually(lambda: len(callers.given) == 2)
    assert repr(cache) == "Cache(1 of 10, loading=0)"


@pytest.mark.anyio
async def test_an_owner_who_is_being_cancelled_leaves_nobody_waiting(source: Counted) -> None:
    cache, leave = source.cache(), anyio.Event()

    async def own() -> None:
        async with cache:
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await leave.wait()

    callers = Callers(cache)
    async with callers.tasks, anyio.create_task_group() as owners:
        owners.start_soon(own)
        await anyio.wait_all_tasks_blocked()
        owners.cancel_scope.cancel()
        callers.ask()  # what it starts in the owner's tasks is cancelled at once
        with anyio.CancelScope(shield=True):
            await eventually(lambda: callers.given)
        leave.set()
    assert cache.figures().size == 1


@pytest.mark.anyio
async def test_the_error_of_the_body_passes_bare(source: Counted) -> None:
    with pytest.raises(LinkError, match="of the body"):  # noqa: PT012 - the body is what it is about
        async with source.cache() as cache:
            source.close()
            with anyio.move_on_after(0.01):
                await cache.get("a")
            assert source.under_way == 1
            raise LinkError("of the body")
    assert source.under_way == 0


@pytest.mark.anyio
async def test_a_deadline_of_who_asks_is_not_one_of_the_load(source: Counted) -> None:
    gate = source.close()
    async with source.cache() as cache:
        with anyio.move_on_after(0.01) as scope:
            await cache.get("a")
        assert scope.cancelled_caught
        gate.set()
        assert await cache.get("a") == 1
    assert source.asked == ["a"]


@pytest.mark.anyio
@pytest.mark.parametrize("owned", [True, False])
async def test_no_load_and_no_error_is_held_on_to_once_it_ended(*, owned: bool) -> None:
    async def load(key: str) -> str:
        raise LinkError(f"{key} is away.")

    cache = Cache(load, most=3, fresh=300)
    async with cache if owned else AsyncExitStack():
        for number in range(10):
            with pytest.raises(LinkError):
                await cache.get(f"{number}")
        gc.collect()
        held = [one for one in gc.get_objects() if isinstance(one, LinkError) and "is away" in one.message]
        assert len(held) <= 1  # the last one may still be in the hands of the interpreter
    assert cache.figures().failures == 10
