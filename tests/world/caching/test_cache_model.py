"""Whatever happens in whatever order, a cache gives what the plain rules say."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.world.caching.counted import Counted

from vsm_mcp.errors import LinkError
from vsm_mcp.world.caching.cache import Cache

MOST, FRESH = 2, 10.0
KEYS = "abc"

Deed = tuple[str, str, float]
DEEDS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["get", "get", "get", "get and fail", "forget"]), st.sampled_from(KEYS), st.just(0.0)
        ),
        st.tuples(st.just("wait"), st.just(""), st.sampled_from([1.0, 5.0, 9.0, 10.0, 11.0])),
        st.tuples(st.just("clear"), st.just(""), st.just(0.0)),
    ),
    min_size=10,
    max_size=60,
)


@dataclass
class Kept:
    value: int
    made: float


@dataclass
class Rules:
    """The rules, for loads that end at once."""

    now: float = 0.0
    loads: int = 0
    hits: int = 0
    misses: int = 0
    evicted: int = 0
    kept: OrderedDict[str, Kept] = field(default_factory=OrderedDict[str, Kept])

    def get(self, key: str, *, fails: bool) -> int | None:
        """Return the value, or ``None`` for an error."""
        kept = self.kept.get(key)
        if kept is not None:
            self.kept.move_to_end(key)
            if self.now - kept.made < FRESH:
                self.hits += 1
                return kept.value
        self.misses += 1
        return self.load(key, fails=fails)

    def load(self, key: str, *, fails: bool) -> int | None:
        self.loads += 1
        if fails:
            return None
        self.kept[key] = Kept(self.loads, self.now)
        self.kept.move_to_end(key)
        if len(self.kept) > MOST:
            self.kept.popitem(last=False)
            self.evicted += 1
        return self.loads


async def follow(deeds: Sequence[Deed], source: Counted, *, cache: Cache[str, int], rules: Rules) -> None:
    for deed, key, seconds in deeds:
        source.now = rules.now = rules.now + seconds
        match deed:
            case "forget":
                cache.forget(key)
                rules.kept.pop(key, None)
            case "clear":
                cache.clear()
                rules.kept.clear()
            case "wait":
                pass
            case _:
                fails = deed == "get and fail"
                source.broken = LinkError("away") if fails else None
                try:
                    value = await cache.get(key)
                except LinkError:
                    value = None
                await anyio.wait_all_tasks_blocked()
                assert value == rules.get(key, fails=fails)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("owned", [True, False])
@settings(max_examples=60)
@given(deeds=DEEDS)
def test_a_cache_gives_what_the_rules_say(deeds: Sequence[Deed], *, backend: str, owned: bool) -> None:
    async def run() -> None:
        source, rules = Counted(), Rules()
        cache = source.cache(most=MOST, fresh=FRESH)
        if owned:
            async with cache:
                await follow(deeds, source, cache=cache, rules=rules)
        else:
            await follow(deeds, source, cache=cache, rules=rules)
        figures = cache.figures()
        assert (figures.hits, figures.misses) == (rules.hits, rules.misses)
        assert (figures.loads, figures.evicted, figures.size) == (rules.loads, rules.evicted, len(rules.kept))
        assert figures.size <= MOST

    anyio.run(run, backend=backend)


STORM = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "cancel", "end", "break", "forget", "age", "own", "leave"]),
        st.sampled_from("ab"),
        st.integers(0, 5),
    ),
    min_size=5,
    max_size=40,
)


@dataclass
class Begun:
    number: int
    gate: anyio.Event = field(default_factory=anyio.Event)
    error: Exception | None = None


class Storm:
    """Loads that end when they are told to, and callers that may be cancelled while they wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cache = Cache(self.load, most=2, fresh=3.0, now=lambda: self.now)
        self.owned: anyio.Event | None = None
        self.tasks = anyio.create_task_group()
        self.begun: list[Begun] = []
        self.under_way = {"a": 0, "b": 0}
        self.oldest = {"a": 0, "b": 0}
        self.allowed = {"a": 1, "b": 1}
        self.callers: list[anyio.CancelScope] = []
        self.answered = 0
        self.failed = 0
        self.calm = False

    async def load(self, key: str) -> tuple[str, int]:
        begun = Begun(len(self.begun) + 1)
        self.begun.append(begun)
        self.under_way[key] += 1
        assert self.under_way[key] <= self.allowed[key]
        try:
            if not self.calm:
                await begun.gate.wait()
        finally:
            self.under_way[key] -= 1
        if begun.error is not None:
            self.failed += 1
            raise begun.error
        return key, begun.number

    async def own(self, leave: anyio.Event) -> None:
        async with self.cache:
            await leave.wait()
        self.owned = None

    async def ask(self, key: str, scope: anyio.CancelScope) -> None:
        oldest = self.oldest[key]
        with scope:
            try:
                whose, number = await self.cache.get(key)
                assert whose == key
                assert number > oldest  # not what was forgotten before this was asked
            except LinkError:
                pass
            self.answered += 1
        self.answered += scope.cancelled_caught

    async def do(self, deed: str, key: str, number: int) -> None:
        match deed:
            case "ask":
                self.callers.append(anyio.CancelScope())
                self.tasks.start_soon(self.ask, key, self.callers[-1])
            case "cancel" if self.callers:
                self.callers[number % len(self.callers)].cancel()
            case "end" | "break" if self.begun:
                begun = self.begun[-1 - number % len(self.begun)]
                begun.error = LinkError("away") if deed == "break" and not begun.gate.is_set() else begun.error
                begun.gate.set()
            case "forget":
                self.cache.forget(key)
                self.oldest[key] = len(self.begun)
                self.allowed[key] += 1
            case "age":
                self.now += number
            case "own" if self.owned is None:
                self.owned = anyio.Event()
                self.tasks.start_soon(self.own, self.owned)
            case "leave" if self.owned is not None:
                self.owned.set()
            case _:
                pass

    async def run(self, deeds: Sequence[tuple[str, str, int]]) -> None:
        with anyio.fail_after(5):
            async with self.tasks:
                for deed, key, number in deeds:
                    await self.do(deed, key, number)
                    for _ in range(number * 4):
                        await anyio.lowlevel.checkpoint()
                self.calm = True
                for begun in self.begun:
                    begun.gate.set()
                if self.owned is not None:
                    self.owned.set()


@pytest.mark.promise("E29")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=150)
@given(deeds=STORM)
def test_whoever_comes_goes_or_breaks_everybody_is_answered_and_nothing_is_left(
    deeds: Sequence[tuple[str, str, int]], *, backend: str
) -> None:
    async def run() -> None:
        storm = Storm()
        await storm.run(deeds)
        assert storm.answered == len(storm.callers)
        assert storm.under_way == {"a": 0, "b": 0}
        assert storm.failed == storm.cache.figures().failures
        assert storm.cache.figures().size <= 2
        assert "loading=0" in repr(storm.cache)

    anyio.run(run, backend=backend)
