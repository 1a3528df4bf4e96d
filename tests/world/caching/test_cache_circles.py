"""Loads may need other values, and never wait for themselves."""

from contextlib import AsyncExitStack

import anyio
import pytest
from tests.world.caching.counted import Counted, eventually

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.caching.cache import Cache


@pytest.fixture
def source() -> Counted:
    return Counted()


@pytest.mark.anyio
@pytest.mark.parametrize("owned", [True, False])
async def test_a_load_that_needs_what_it_loads_is_refused_instead_of_waiting_for_itself(*, owned: bool) -> None:
    needs = {"a": "b", "b": "c", "c": "a", "d": "e", "e": ""}

    async def load(key: str) -> str:
        return key + (await cache.get(needs[key]) if needs[key] else "")

    cache = Cache(load, most=10, fresh=300)
    async with cache if owned else AsyncExitStack():
        with anyio.fail_after(5):
            with pytest.raises(ConfigurationError, match="wait for itself"):
                await cache.get("a")
            assert await cache.get("d") == "de"


@pytest.mark.anyio
@pytest.mark.parametrize("owned", [True, False])
async def test_loads_that_need_each_other_are_refused_whoever_asks(*, owned: bool) -> None:
    begun, refused, both = list[str](), list[str](), anyio.Event()

    async def load(key: str) -> str:
        begun.append(key)
        if len(begun) == 2:
            both.set()
        await both.wait()
        return await cache.get("b" if key == "a" else "a")

    async def ask(key: str) -> None:
        with pytest.raises(ConfigurationError, match="wait for itself"):
            await cache.get(key)
        refused.append(key)

    cache = Cache(load, most=10, fresh=300)
    with anyio.fail_after(5):
        async with cache if owned else AsyncExitStack(), anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "a")
            tasks.start_soon(ask, "b")
    assert sorted(refused) == ["a", "b"]


@pytest.mark.anyio
async def test_a_load_may_need_the_same_value_twice(source: Counted) -> None:
    async def load(key: str) -> str:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(source_cache.get, "part")
        return f"{key}{await source_cache.get('part')}"

    async with source.cache() as source_cache, Cache(load, most=3, fresh=300) as cache:
        assert await cache.get("whole") == "whole1"


@pytest.mark.anyio
async def test_whether_loads_need_each_other_is_found_out_at_once_however_many_there_are(source: Counted) -> None:
    gate = source.close()

    async def load(step: int) -> int:
        if not step:
            return await source.load("bottom")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ladder.get, step - 1)
            tasks.start_soon(ladder.get, step - 1)
        return step

    ladder = Cache(load, most=100, fresh=300)
    cache = Cache(lambda _: ladder.get(40), most=100, fresh=300)
    with anyio.fail_after(5):
        async with ladder, anyio.create_task_group() as tasks:
            tasks.start_soon(ladder.get, 40)
            await eventually(lambda: source.under_way and ladder.figures().shared == 40)
            tasks.start_soon(cache.get, 0)
            await eventually(lambda: ladder.figures().shared == 41)
            gate.set()
