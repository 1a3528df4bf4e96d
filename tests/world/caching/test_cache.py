"""What is kept is given while it is fresh, and loaded once for all who ask when it is not."""

import math
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import anyio
import pytest
from tests.world.caching.counted import Counted, eventually

from vsm_mcp.errors import ConfigurationError, LinkError
from vsm_mcp.world.caching.cache import Cache
from vsm_mcp.world.caching.figures import CacheFigures


@pytest.fixture
def source() -> Counted:
    return Counted()


@pytest.mark.anyio
@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.promise("E46", "E56")
async def test_a_value_is_loaded_once_and_given_for_as_long_as_it_is_fresh(source: Counted, *, owned: bool) -> None:
    cache = source.cache(fresh=300)
    async with cache if owned else AsyncExitStack():
        given = list[int]()
        for source.now in (0, 0, 299.9, 300, 599.9, 600):
            given.append(await cache.get("a"))
    assert given == [1, 1, 1, 2, 2, 3]
    assert cache.figures() == CacheFigures(
        hits=3, misses=3, loads=3, shared=0, failures=0, evicted=0, size=1, most=10, fresh=300
    )
    assert cache.figures().hit_rate == 0.5


@pytest.mark.anyio
async def test_a_value_that_never_ages_stays_until_it_is_forgotten(source: Counted) -> None:
    async with source.cache(fresh=math.inf) as cache:
        assert await cache.get("a") == 1
        source.now = 1e12
        assert await cache.get("a") == 1
        cache.forget("a")
        cache.forget("never heard of")
        assert [await cache.get("a"), await cache.get("b")] == [2, 3]
        cache.clear()
        assert cache.figures().size == 0
        assert [await cache.get("a"), await cache.get("b")] == [4, 5]


@pytest.mark.anyio
@pytest.mark.promise("E46", "E56")
async def test_what_was_used_longest_ago_makes_room(source: Counted) -> None:
    async with source.cache(most=2) as cache:
        for key in ("a", "b", "a", "c"):
            await cache.get(key)
        assert cache.figures().evicted == 1
        await cache.get("a")
        await cache.get("b")
    assert source.asked == ["a", "b", "c", "b"]
    assert (cache.figures().size, cache.figures().evicted) == (2, 2)


@pytest.mark.anyio
async def test_how_old_a_value_is_counts_from_when_its_load_began(source: Counted) -> None:
    gate = source.close()
    async with source.cache(fresh=300) as cache, anyio.create_task_group() as tasks:
        tasks.start_soon(cache.get, "a")
        await eventually(lambda: source.under_way)
        source.now = 299
        gate.set()
        await eventually(lambda: not source.under_way)
        assert await cache.get("a") == 1
        source.now = 300
        assert await cache.get("a") == 2


@pytest.mark.anyio
async def test_an_error_is_raised_to_all_who_wait_and_is_not_kept(source: Counted) -> None:
    source.broken, raised = LinkError("Nobody answers."), list[LinkError]()
    gate = source.close()

    async def ask(cache: Cache[str, int]) -> None:
        with pytest.raises(LinkError) as caught:
            await cache.get("a")
        raised.append(caught.value)
        assert len(caught.traceback) < 15  # that of the load and its own, not those of all others

    async with source.cache() as cache, anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(ask, cache)
        await eventually(lambda: source.under_way)
        source.broken = None
        gate.set()
        await eventually(lambda: len(raised) == 50)
        assert cache.figures().failures == 1
        assert await cache.get("a") == 2


@pytest.mark.anyio
@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.promise("E46")
async def test_two_hundred_who_ask_at_once_share_one_load(source: Counted, *, owned: bool) -> None:
    gate, cache, given = source.close(), source.cache(), list[int]()

    async def ask() -> None:
        given.append(await cache.get("a"))

    async with cache if owned else AsyncExitStack(), anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(ask)
        await eventually(lambda: cache.figures().shared == 199)
        gate.set()
    assert given == [1] * 200
    assert cache.figures() == replace(cache.figures(), loads=1, misses=200, hits=0)


@pytest.mark.anyio
async def test_different_values_are_loaded_at_the_same_time(source: Counted) -> None:
    gate = source.close()
    async with source.cache() as cache, anyio.create_task_group() as tasks:
        for key in "abc":
            tasks.start_soon(cache.get, key)
        await eventually(lambda: source.most_at_once == 3)
        gate.set()


@pytest.mark.anyio
@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("way", ["forget", "clear"])
async def test_what_was_forgotten_during_a_load_does_not_come_back_with_it(
    source: Counted, *, owned: bool, way: str
) -> None:
    old, cache, given = source.close(), source.cache(), list[int]()

    async def ask() -> None:
        given.append(await cache.get("a"))

    async with cache if owned else AsyncExitStack(), anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
        await eventually(lambda: source.under_way == 1 and cache.figures().shared == 1)
        cache.forget("a") if way == "forget" else cache.clear()
        new = source.close()
        tasks.start_soon(ask)
        await eventually(lambda: source.under_way == 2)
        new.set()
        await eventually(lambda: given)
        old.set()
        await eventually(lambda: len(given) == 3)
        assert await cache.get("a") == 2
    assert given == [2, 1, 1]
    assert cache.figures().loads == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"most": 0}, "cannot keep 0 values"),
        ({"fresh": 0.0}, "fresh for 0.0 seconds"),
        ({"fresh": math.nan}, "fresh for nan seconds"),
    ],
)
def test_options_that_make_no_sense_are_refused(source: Counted, option: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        source.cache(**option)


@pytest.mark.anyio
async def test_a_cache_is_owned_once_and_can_be_owned_again(source: Counted) -> None:
    cache = source.cache()
    async with cache:
        with pytest.raises(ConfigurationError, match="entered already"):
            await cache.__aenter__()
        await cache.get("a")
    async with cache:
        assert await cache.get("a") == 1
    await cache.__aexit__(None, None, None)  # fine when it is not entered
    assert repr(cache) == "Cache(1 of 10, loading=0)"
    assert source.cache().figures().hit_rate is None


@pytest.mark.anyio
@pytest.mark.promise("E71")
@pytest.mark.parametrize("kept", [10, 20_000])
async def test_a_hit_costs_microseconds_however_much_is_kept(source: Counted, kept: int) -> None:
    cache = Cache(source.load, most=kept, fresh=300)
    for number in range(kept):
        await cache.get(str(number))
    best = math.inf
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(1000):
            await cache.get("7")
        best = min(best, (time.perf_counter() - began) / 1000)
    assert best < 20e-6  # about 1 here; 50 is what discovery may take for it
