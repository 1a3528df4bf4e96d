"""No more calls pass than may, no flood of names gives anybody more, and the answer says when to come again."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from fractions import Fraction
from math import inf
from time import perf_counter

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from trio.testing import MockClock

from vsm_mcp.errors import RateLimitError
from vsm_mcp.events import CallRefused, Event
from vsm_mcp.guard.rates import Each, RateLimit, RateLimits, RateOptions
from vsm_mcp.model.call import ToolCall, ToolResult

VIRTUAL = pytest.param(("trio", {"clock": MockClock(autojump_threshold=0.0)}), id="trio")


class Server:
    def __init__(self) -> None:
        self.calls = 0

    async def call(self, _call: ToolCall, /) -> ToolResult:
        self.calls += 1
        return ToolResult(text="done")


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(*wanted: RateLimit, time: Callable[[], float], most: int = 10_000) -> RateLimits:
    return RateLimits(Server(), RateOptions(limits=wanted, most_kept=most), now=time)


def passes(guarded: RateLimits, *, agent: str = "a", server: str = "s", tool: str = "t") -> bool:
    """Make a call without an event loop: nothing in it waits."""
    try:
        guarded.call(ToolCall(server=server, tool=tool, agent=agent)).send(None)
    except StopIteration:
        return True
    except RateLimitError:
        return False
    raise AssertionError("the call waited")


def count(guarded: RateLimits, most: int = 1000, *, agent: str = "a", server: str = "s", tool: str = "t") -> int:
    return sum(passes(guarded, agent=agent, server=server, tool=tool) for _ in range(most))


@pytest.mark.promise("D7", "D27", "E54")
def test_of_130_calls_100_pass_and_30_are_refused() -> None:
    time = Time()
    guarded = RateLimits(Server(), RateOptions(), now=time)
    assert guarded.remaining("a", "s", "t") == 100
    assert count(guarded, 130) == 100
    assert guarded.remaining("a", "s", "t") == 0
    time.now += 60
    assert guarded.remaining("a", "s", "t") == 100


@pytest.mark.promise("D27")
@pytest.mark.parametrize("edge", [0.0, 59.9, 119.999, 30.0])
def test_there_is_no_second_burst_around_any_edge(edge: float) -> None:
    time = Time()
    guarded = RateLimits(Server(), RateOptions(), now=time)
    time.now = 960 + edge
    assert count(guarded) == 100
    time.now += 0.2
    assert count(guarded) == 0
    time.now += 0.4
    assert count(guarded) == 1


@pytest.mark.promise("E44", "E57")
@pytest.mark.anyio
async def test_a_refused_call_is_not_sent_and_says_exactly_when_the_next_one_passes() -> None:
    time, server, heard = Time(), Server(), list[Event]()
    options = RateOptions(limits=(RateLimit(calls=7, per=10, burst=2),))
    guarded = RateLimits(server, options, emit=heard.append, now=time)
    call = ToolCall(server="files", tool="read", agent="planner")
    for _ in range(2):
        await guarded.call(call)
    with pytest.raises(RateLimitError, match="planner may not call 'read' of files yet: 7 calls per 10 s") as info:
        await guarded.call(call)
    assert server.calls == 2
    assert info.value.retryable
    assert info.value.remedies[0] == "Call again in 1.43 s."
    assert info.value.retry_after == guarded.retry_after("planner", "files", "read") == 1.428572
    reason = "7 calls per 10 s are used up for this agent and this server and this tool."
    assert heard == [CallRefused(server="files", tool="read", agent="planner", reason=reason, guard="rates")]
    assert guarded.objection("planner", "files", "read") == "the next call can pass in 1.43 s."
    time.now += info.value.retry_after - 2e-6
    assert guarded.remaining("planner", "files", "read") == 0
    time.now += 2e-6
    assert guarded.objection("planner", "files", "read") is None
    assert guarded.remaining("planner", "files", "read") == 1
    await guarded.call(call)
    assert "limits=1" in repr(guarded)


@pytest.mark.parametrize("anyio_backend", [VIRTUAL])
@pytest.mark.anyio
async def test_time_is_that_of_the_event_loop() -> None:
    guarded = RateLimits(Server(), RateOptions(limits=(RateLimit(calls=1, per=3600),)))
    call = ToolCall(server="s", tool="t")
    await guarded.call(call)
    with pytest.raises(RateLimitError) as info:
        await guarded.call(call)
    await anyio.sleep(info.value.retry_after)
    await guarded.call(call)
    assert guarded.remaining("host", "s", "t") == 0


@pytest.mark.promise("E43")
def test_each_agent_server_and_tool_has_its_own_allowance() -> None:
    guarded = limits(RateLimit(calls=2), time=Time())
    assert count(guarded) == count(guarded, agent="b") == count(guarded, server="b") == count(guarded, tool="b") == 2


@pytest.mark.parametrize(
    ("each", "expected"), [((Each.AGENT,), 2), ((Each.SERVER,), 2), ((Each.TOOL,), 2), ((), 1)], ids=str
)
def test_a_limit_counts_together_what_it_does_not_count_apart(each: tuple[Each, ...], expected: int) -> None:
    guarded = limits(RateLimit(calls=1, each=each), time=Time())
    called = (("a", "s", "t"), ("b", "r", "u"), ("a", "s", "t"))
    assert sum(passes(guarded, agent=agent, server=server, tool=tool) for agent, server, tool in called) == expected


def test_a_call_must_be_within_every_limit_and_one_that_is_not_costs_nothing() -> None:
    guarded = limits(RateLimit(calls=5), RateLimit(calls=3, each=(Each.AGENT,)), time=Time())
    assert count(guarded, tool="t") == 3
    assert count(guarded, tool="u") == 0
    assert guarded.remaining("a", "s", "u") == 0
    unlimited = RateLimits(Server(), RateOptions(limits=(RateLimit(calls=1, target="s:t"),)), now=Time())
    assert unlimited.remaining("a", "s", "u") is None
    assert unlimited.retry_after("a", "s", "u") == 0
    assert count(unlimited, 10, tool="u") == 10


def test_what_the_second_limit_refuses_is_not_counted_by_the_first() -> None:
    time = Time()
    guarded = limits(RateLimit(calls=5), RateLimit(calls=1, each=(Each.AGENT,), per=1), time=time, most=1)
    assert count(guarded, 100) == 1
    time.now += 1
    assert count(guarded, 100) == 1
    assert count(guarded, 100, agent="b") == 1  # has no place of its own, and shares one
    time.now += 1
    assert guarded.remaining("b", "s", "t") == 1


@pytest.mark.promise("E54", "E77")
def test_an_exception_for_an_agent_is_written_before_the_rule() -> None:
    guarded = limits(RateLimit(agents="plan*", calls=7), RateLimit(calls=2), time=Time())
    assert count(guarded, agent="planner") == 7
    assert count(guarded, agent="writer") == 2


def test_a_flood_of_names_gives_nobody_a_new_allowance() -> None:
    time = Time()
    guarded = limits(RateLimit(calls=2), time=time, most=50)
    assert count(guarded) == 2
    for number in range(500):
        passes(guarded, agent=f"flood{number}")
        passes(guarded, tool=f"flood{number}")
    assert count(guarded) == 0
    time.now += 60
    assert count(guarded) == 2
    assert all(count(guarded, agent=f"later{number}") == 2 for number in range(5))


def test_what_has_no_place_shares_one_and_takes_what_is_left_along_when_it_gets_one() -> None:
    time = Time()
    guarded = limits(RateLimit(calls=4, per=4, burst=2), time=time, most=1)
    assert count(guarded, tool="first") == 2
    assert count(guarded, tool="second") == 2
    assert count(guarded, tool="third") == 0
    time.now += 2
    assert count(guarded, tool="second") == 2
    assert count(guarded, tool="second") == 0


@pytest.mark.promise("E70")
def test_a_call_costs_the_same_however_many_are_counted() -> None:
    def cost(many: int) -> float:
        """Return the seconds for 500 calls, at best, when allowances of so many agents are kept and all are used."""
        guarded = limits(RateLimit(calls=10_000_000, burst=10_000_000), time=Time(), most=many)
        for number in range(many):
            passes(guarded, agent=str(number))
        best = inf
        for turn in range(10):
            began = perf_counter()
            for number in range(500):
                passes(guarded, agent=f"new {turn} {number}")
            best = min(best, perf_counter() - began)
        return best

    assert cost(10_000) < 10 * cost(10)


def test_names_of_any_length_are_counted() -> None:
    guarded = limits(RateLimit(calls=2), time=Time())
    assert count(guarded, tool="x" * 100_000) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"calls": 0}, {"per": 0}, {"per": inf}, {"burst": 0}, {"each": ["tool", "tool"]}, {"target": "tool:x"}],
    ids=str,
)
def test_a_limit_that_cannot_be_is_an_error_where_it_is_written(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RateLimit.model_validate(wrong)


@settings(max_examples=60)
@given(
    calls=st.integers(1, 20),
    per=st.floats(0.01, 100),
    burst=st.integers(1, 10),
    attempts=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 12), st.integers(0, 5)), max_size=60),
)
@pytest.mark.promise("E43")
def test_in_no_stretch_of_time_more_than_the_burst_and_the_rate_pass(
    *, calls: int, per: float, burst: int, attempts: list[tuple[float, int, int]]
) -> None:
    time = Time()
    guarded = limits(RateLimit(calls=calls, per=per, burst=burst), time=time, most=3)
    passed: dict[int, list[float]] = {}
    for pause, many, tool in attempts:
        time.now += pause
        for _ in range(many):
            expected = (guarded.remaining("a", "s", str(tool)) or 0) > 0
            assert (guarded.objection("a", "s", str(tool)) is None) is expected
            assert passes(guarded, tool=str(tool)) is expected
            if expected:
                passed.setdefault(tool, []).append(time.now)
    for moments in passed.values():
        for begin in set(moments):
            for end in {moment for moment in moments if moment >= begin}:
                many = bisect_right(moments, end) - bisect_left(moments, begin)
                allowed = burst + Fraction(calls) * Fraction(end - begin + 2e-6) / Fraction(round(per * 1e6), 10**6)
                assert many <= allowed


@given(calls=st.integers(1, 50), per=st.floats(0.001, 1000), start=st.floats(0, 1e6), many=st.integers(1, 60))
def test_after_the_time_that_was_told_the_call_passes_and_not_before(
    *, calls: int, per: float, start: float, many: int
) -> None:
    time = Time()
    time.now = start
    guarded = limits(RateLimit(calls=calls, per=per), time=time)
    count(guarded, many)
    wait = guarded.retry_after("a", "s", "t")
    if wait:
        time.now += wait - 2e-6
        assert not passes(guarded)
    time.now = start + wait
    assert passes(guarded)
