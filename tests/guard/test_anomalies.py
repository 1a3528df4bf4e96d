"""What is usual is learned; what is not is told or stopped, and usual streams are left in peace."""

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from vsm_mcp.errors import AnomalyError, ToolError
from vsm_mcp.events import AnomalySeen, CallRefused, EgressDecided, HandlerDetached
from vsm_mcp.guard.anomaly import AnomalyAction, AnomalyDetection, AnomalyOptions
from vsm_mcp.guard.learning.baseline import Baseline
from vsm_mcp.guard.learning.errors import ErrorRate
from vsm_mcp.guard.learning.shapes import Shapes, shape_of
from vsm_mcp.guard.learning.tail import Tail
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonObject
from vsm_mcp.testing.world import RecordingSink

Sizes = Callable[[], int]
USUAL = AnomalyOptions()


def lognormal(rng: random.Random, sigma: float) -> Sizes:
    return lambda: int(rng.lognormvariate(6, sigma))


def pareto(rng: random.Random, alpha: float) -> Sizes:
    return lambda: int(100 * rng.paretovariate(alpha))


def mixed(rng: random.Random) -> Sizes:
    return lambda: int(rng.lognormvariate(4, 0.5) if rng.random() < 0.85 else rng.lognormvariate(9, 1))


def sessions(rng: random.Random) -> Sizes:
    """Sizes come in groups: each piece of work has its own scale."""

    def sizes() -> Iterator[int]:
        while True:
            scale = rng.lognormvariate(0, 0.8)
            for _ in range(rng.randint(3, 40)):
                yield int(300 * scale * rng.lognormvariate(0, 0.5))

    return sizes().__next__


STREAMS: dict[str, Callable[[random.Random], Sizes]] = {
    "always the same": lambda _: lambda: 120,
    "log-normal, narrow": lambda rng: lognormal(rng, 0.3),
    "log-normal": lambda rng: lognormal(rng, 1),
    "log-normal, wide": lambda rng: lognormal(rng, 2),
    "power law, 1.2": lambda rng: pareto(rng, 1.2),
    "power law, 2": lambda rng: pareto(rng, 2),
    "short and long": mixed,
    "in groups": sessions,
}


def baseline() -> Baseline:
    return Baseline(learn=USUAL.learn, risk=USUAL.risk, factor=USUAL.factor, memory=USUAL.memory)


def arguments(rng: random.Random) -> JsonObject:
    optional = {"limit": 0.5, "cursor": 0.1, "filter": 0.02, "debug": 0.003}
    return {"path": "x", **{name: True for name, share in optional.items() if rng.random() < share}}


@pytest.mark.parametrize("name", STREAMS)
def test_of_a_thousand_usual_calls_at_most_one_is_taken_for_unusual(name: str) -> None:
    calls, seen = 8_000, Counter[str]()
    rng = random.Random(f"usual {name}")  # noqa: S311 - not for secrets
    sent, received, learned, now = STREAMS[name](rng), STREAMS[name](rng), baseline(), 0.0
    for _ in range(calls):
        now += rng.expovariate(1) if rng.random() < 0.7 else rng.lognormvariate(2, 1.5)
        size, shape = sent(), shape_of(arguments(rng))
        found = (
            learned.before(now, size=size, shape=shape),
            learned.sending(now, size=size, shape=shape),
            learned.answered(size=received(), failed=rng.random() < 0.03),
        )
        seen.update(deviation.what for deviation in found if deviation is not None)
    assert seen.total() / calls * 1_000 <= 1, seen


def calls_until_seen(name: str, grown: Callable[[int], float], *, most: int) -> int | None:
    rng = random.Random(f"grown {name}")  # noqa: S311
    sent, learned, shape = STREAMS[name](rng), baseline(), shape_of({"a": 1})
    for now in range(1_500):
        size = sent()
        learned.before(now, size=size, shape=shape)
        learned.sending(now, size=size, shape=shape)
    for number in range(1, most + 1):
        size = int(sent() * grown(number))
        before = learned.before(1_500 + number, size=size, shape=shape)
        if before is not None or learned.sending(1_500 + number, size=size, shape=shape) is not None:
            return number
    return None


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("always the same", 1),
        ("log-normal, narrow", 3),
        ("log-normal", 20),
        ("power law, 1.2", 20),
        ("power law, 2", 20),
    ],
)
def test_ten_times_the_usual_size_is_seen(name: str, most: int) -> None:
    assert calls_until_seen(name, lambda _: 10, most=most)


@pytest.mark.parametrize("name", ["always the same", "log-normal, narrow", "log-normal", "power law, 2", "in groups"])
def test_sizes_that_grow_by_a_twentieth_each_call_are_seen(name: str) -> None:
    assert calls_until_seen(name, lambda number: 1.05**number, most=150)


class Server:
    def __init__(self) -> None:
        self.answer: ToolResult | Exception = ToolResult(text="fine")
        self.time = 1_000.0
        self.calls = 0

    def now(self) -> float:
        return self.time

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Watched:
    def __init__(self, options: AnomalyOptions | None = None) -> None:
        self.server, self.sink = Server(), RecordingSink()
        self.guard = AnomalyDetection(self.server, options, emit=self.sink, now=self.server.now)

    async def ask(self, *, agent: str = "ann", wait: float = 5.0, **given: object) -> ToolResult:
        self.server.time += wait
        arguments: JsonObject = {"path": "x"} if not given else {name: str(value) for name, value in given.items()}
        return await self.guard.call(ToolCall(server="files", tool="read", arguments=arguments, agent=agent))

    async def learn(self, calls: int = 250) -> None:
        for _ in range(calls):
            await self.ask()
        assert self.sink.of(AnomalySeen) == []

    def seen(self) -> list[str]:
        return [event.what for event in self.sink.of(AnomalySeen)]


STOP = AnomalyOptions(action=AnomalyAction.QUARANTINE)


@pytest.mark.anyio
async def test_large_arguments_are_told_with_figures_and_made_when_that_is_the_option() -> None:
    watched = Watched()
    await watched.learn()
    assert (await watched.ask(path="x" * 5_000)).text == "fine"
    (event,) = watched.sink.of(AnomalySeen)
    assert (event.agent, event.server, event.tool, event.what) == ("ann", "files", "read", "arguments are large")
    assert event.observed == 5_011
    assert event.typical is not None
    assert event.limit is not None
    assert event.typical < event.limit < 100
    assert (event.basis, event.quarantined, event.score > 40) == (250, False, True)


@pytest.mark.anyio
async def test_the_same_is_told_once_a_minute_and_counted() -> None:
    watched = Watched()
    await watched.learn(2_000)
    for _ in range(4):
        await watched.ask(path="x" * 5_000, wait=1)
    await watched.ask(path="x" * 5_000, wait=60)
    assert [event.untold for event in watched.sink.of(AnomalySeen) if event.what == "arguments are large"] == [0, 3]


@pytest.mark.anyio
@pytest.mark.promise("C144")
async def test_a_new_shape_a_flood_large_results_and_failures_are_told() -> None:
    watched = Watched()
    await watched.learn(1_000)
    await watched.ask(path="x", exec="y")
    for _ in range(200):
        await watched.ask(wait=0.01)
    watched.server.answer = ToolResult(text="x" * 9_000)
    await watched.ask()
    watched.server.answer = ToolResult(text="no", is_error=True)
    for _ in range(5):
        await watched.ask()
    watched.server.answer = ToolError("No.")
    for _ in range(5):
        with pytest.raises(ToolError):
            await watched.ask()
    told = ["arguments have a new shape", "calls come fast", "results are large", "calls fail"]
    assert list(dict.fromkeys(watched.seen())) == told


@pytest.mark.anyio
@pytest.mark.promise("C145")
async def test_what_is_unusual_is_stopped_until_somebody_approves_when_that_is_the_option() -> None:
    watched = Watched(STOP)
    await watched.learn()
    made = watched.server.calls
    with pytest.raises(AnomalyError, match=r"'read' of files .* by ann: it is stopped .* are large") as caught:
        await watched.ask(path="x" * 5_000)
    assert caught.value.remedies
    for _ in range(2):
        with pytest.raises(AnomalyError):
            await watched.ask()
    assert watched.server.calls == made
    assert [event.guard for event in watched.sink.of(CallRefused)] == ["anomaly"] * 3
    assert (await watched.ask(agent="bob")).text == "fine"
    assert watched.guard.quarantined() == (("ann", "files", "read"),)
    known = watched.guard.baseline("ann", "files", "read")
    assert known is not None
    assert known.quarantined
    assert watched.guard.approve("files", agent="bob") == 0
    assert watched.guard.approve("files") == 1
    assert (await watched.ask(path="x" * 5_000)).text == "fine"


@pytest.mark.anyio
async def test_a_stop_can_end_by_itself() -> None:
    watched = Watched(AnomalyOptions(action=AnomalyAction.QUARANTINE, quarantine=300))
    await watched.learn()
    with pytest.raises(AnomalyError):
        await watched.ask(path="x" * 5_000)
    with pytest.raises(AnomalyError):
        await watched.ask(wait=290)
    assert (await watched.ask(wait=20)).text == "fine"
    assert watched.guard.quarantined() == ()


@pytest.mark.anyio
async def test_growth_is_stopped_before_the_call_that_shows_it() -> None:
    watched = Watched(STOP)
    sizes = random.Random(7)  # noqa: S311
    for _ in range(1_500):
        await watched.ask(path="x" * int(sizes.lognormvariate(6, 1)))
    with pytest.raises(AnomalyError, match="keep being large"):  # noqa: PT012 - one of many calls
        for _ in range(30):
            await watched.ask(path="x" * int(10 * sizes.lognormvariate(6, 1)))


@pytest.mark.anyio
async def test_a_host_that_a_server_never_asked_for_is_told_and_stops_all_of_it() -> None:
    watched = Watched(STOP)

    def asks_for(host: str) -> None:
        watched.guard.hear(EgressDecided(subject="files", host=host, port=443, allowed=False, reason=""))

    asks_for("api.example")
    await watched.learn()
    asks_for("api.example")
    watched.guard.hear(HandlerDetached(name="x", reason=""))
    assert watched.seen() == []
    asks_for("drop.example\n")
    assert watched.seen() == ["it asks for the new host drop.example "]
    for agent in ("ann", "bob"):
        with pytest.raises(AnomalyError, match="drop"):
            await watched.ask(agent=agent)
    known = watched.guard.baseline("ann", "files", "read")
    assert known is not None
    assert known.hosts == ("api.example", "drop.example ")
    assert known.quarantined
    assert watched.guard.approve("files") == 1


@pytest.mark.anyio
async def test_what_was_learned_can_be_looked_at_and_is_unknown_before() -> None:
    watched = Watched()
    assert watched.guard.baseline("ann", "files", "read") is None
    await watched.ask()
    early = watched.guard.baseline("ann", "files", "read")
    assert early is not None
    assert (early.calls, early.typical_sent, early.most_sent, early.shapes) == (1, None, None, 1)
    await watched.learn(250)
    late = watched.guard.baseline("ann", "files", "read")
    assert late is not None
    assert late.typical_sent is not None
    assert late.most_sent is not None
    assert 8 < late.typical_sent < 16 < late.most_sent
    assert late.error_rate == 0
    assert "AnomalyDetection(" in repr(watched.guard)


@pytest.mark.anyio
async def test_made_up_names_do_not_fill_the_memory() -> None:
    watched = Watched(AnomalyOptions(most=10, action=AnomalyAction.QUARANTINE, learn=30, quiet=1))
    for number in range(50):
        await watched.ask(agent=f"agent-{number}")
        watched.guard.hear(EgressDecided(subject=f"s{number}", host="h", port=1, allowed=True, reason=""))
    assert len(watched.guard._learned) == 10  # pyright: ignore[reportPrivateUsage]
    assert len(watched.guard._hosts) == 10  # pyright: ignore[reportPrivateUsage]
    for agent in range(12):
        for _ in range(40):
            await watched.ask(agent=f"loud-{agent}")
        with pytest.raises(AnomalyError):
            await watched.ask(agent=f"loud-{agent}", path="x" * 5_000)
        if watched.guard.quarantined()[0][0] == "":
            break
    assert ("", "files", "") in watched.guard.quarantined()


@pytest.mark.anyio
async def test_made_up_names_do_not_push_out_what_was_learned() -> None:
    watched = Watched(AnomalyOptions(most=10, action=AnomalyAction.QUARANTINE, learn=30))
    await watched.learn(40)
    for number in range(50):
        await watched.ask(agent=f"agent-{number}")
    with pytest.raises(AnomalyError, match="arguments are large"):
        await watched.ask(path="x" * 5_000)


def test_a_shift_that_stays_becomes_usual() -> None:
    tail, alarms = Tail(learn=100, risk=1e-4, factor=3, memory=500), list[int]()
    for number in range(6_000):
        value = 100 if number < 2_000 else 5_000
        if value > tail.limit or tail.add(value):
            alarms.append(number)
            tail.add(value)
    assert 2_000 in alarms
    assert max(alarms) < 4_000
    assert 0 <= tail.share <= 1


def test_shapes_are_the_same_for_the_same_names_and_kinds_only() -> None:
    assert shape_of({"a": 1, "b": "x"}) == shape_of({"b": "y", "a": 2.5})
    different: list[JsonObject] = [
        {"a": 1},
        {"a": True},
        {"a": None},
        {"a": "1"},
        {"a": {}},
        {"a": {"b": 1}},
        {"a": []},
        {"a": [1]},
        {"a": ["x", 1]},
        {"b": 1},
    ]
    assert len({shape_of(arguments) for arguments in different}) == len(different)
    deep: JsonObject = {"a": 1}
    for _ in range(500):
        deep = {"a": deep}
    assert shape_of(deep) == shape_of({"a": deep})


def test_where_new_shapes_keep_coming_one_more_is_no_surprise() -> None:
    known, open_ended = Shapes(learn=100, risk=0.001), Shapes(learn=100, risk=0.001)
    for number in range(300):
        known.add(7)
        open_ended.add(number if number % 5 == 0 else -1)
    assert known.surprises(8)
    assert not known.surprises(7)
    assert not open_ended.surprises(10_001)
    assert len(open_ended) <= 128
    for number in range(2_000):
        open_ended.add(50_000 + number)
    assert len(open_ended) == 128
    assert not open_ended.surprises(10_001)


def test_where_errors_are_usual_more_of_them_say_nothing() -> None:
    rate = ErrorRate(learn=100, risk=1e-4)
    assert not any(rate.add(failed=number % 2 == 0) for number in range(5_000))
    assert not any(rate.add(failed=True) for _ in range(50))
    assert rate.rate == pytest.approx(0.5, abs=0.05)
