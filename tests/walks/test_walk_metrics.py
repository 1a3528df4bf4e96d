"""A host reads figures: what became of operations and how fast, fallbacks, batches, caches, connections, sandboxes."""

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.servers.links.peer import Net

from vsm_mcp import Autonomy, Confinement, Metrics, Operation, OperationalUnit, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.errors import CapacityError, StartError, ToolError
from vsm_mcp.events import Event, OperationEnded
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.model.operation import Outcome, Stage
from vsm_mcp.servers.supervision.restart import MOST_FAILURES
from vsm_mcp.settings.settings import Engine
from vsm_mcp.testing.peer import Json, Peer, Send
from vsm_mcp.testing.remote import Answer, Request
from vsm_mcp.testing.servers import memory_server

pytestmark = pytest.mark.anyio

PACK = Operation(needs="pack boxes")
PROGRAM = Path(__file__).parent / "tool_server.py"


class Worker:
    """Takes its time for what it is asked, or does not do it."""

    def __init__(self, name: str = "worker", *, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.name = name
        self.seconds = seconds
        self.error = error

    async def execute(self, operation: Operation, /) -> Outcome:
        await anyio.sleep(float(str(operation.arguments.get("seconds", self.seconds))))
        if self.error is not None:
            raise self.error
        return Outcome(value="done", text="done", server=self.name, tool="work", elapsed=0.0)


def system(
    state: Path, *units: OperationalUnit, shelf: Shelf | None = None, policy: Policy | None = None, **options: object
) -> ViableSystem:
    offers = shelf or Shelf()
    usual = {"state": state, "autonomy": Autonomy.AUTO, "sandbox": Confinement.NONE}
    settings = Settings.model_validate({**usual, **options})
    return ViableSystem(
        settings, shelf=offers, sources=(offers,), units=units, policy=policy or Policy(allow=("memory:*", "file:*"))
    )


def unit(name: str = "worker", *, seconds: float = 0.0, error: Exception | None = None) -> OperationalUnit:
    return OperationalUnit(name, Worker(name, seconds=seconds, error=error))


def lasting(*seconds: float) -> list[Operation]:
    return [Operation(needs="pack boxes", arguments={"seconds": each}) for each in seconds]


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def counting(text: str = "one two") -> Operation:
    return Operation(needs="count words", arguments={"text": text})


async def test_before_the_first_operation_nothing_is_known_and_nothing_is_made_up(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        metrics = vsm.metrics()
    assert metrics.operations.n == 0
    assert metrics.operations.response is None
    assert metrics.operations.failed_share is None
    assert metrics.operations.fallback_share is None
    assert metrics.batches.parallel_efficiency is None
    assert metrics.variety.speed_improvement is None
    assert metrics.cache_hit_rate is None
    assert "operations.response.mean" not in metrics.to_dict()


@pytest.mark.virtual_time
@pytest.mark.promise("D50")
async def test_the_response_time_has_a_mean_and_quantiles(tmp_path: Path) -> None:
    async with system(tmp_path, unit()) as vsm:
        for operation in lasting(*[1.0] * 98, 10.0, 30.0):
            await vsm.execute(operation)
        response = vsm.metrics().operations.response
    assert response is not None
    assert response.n == 100
    assert response.mean == pytest.approx((98 + 10 + 30) / 100)
    assert response.p50 == pytest.approx(1.0, rel=1 / 32)
    assert response.p99 == pytest.approx(10.0, rel=1 / 32)
    assert response.longest == pytest.approx(30.0)


async def test_what_failed_counts_among_what_ran_and_what_was_never_begun_does_not(tmp_path: Path) -> None:
    async with system(tmp_path, unit(error=ToolError("It broke."))) as vsm:
        for _ in range(3):
            with pytest.raises(ToolError):
                await vsm.execute(PACK)
        vsm.remove_unit("worker")
        vsm.add_unit(unit())
        await vsm.execute(PACK)
        vsm.add_unit(unit("other"))
        operations = vsm.metrics().operations
    assert (operations.n, operations.absorbed, operations.failed) == (4, 1, 3)
    assert operations.failed_share == pytest.approx(3 / 4)
    assert operations.response is not None
    assert operations.response.n == 4


@pytest.mark.promise("D52")
async def test_the_share_of_operations_that_fell_back_on_another_way_is_measured(tmp_path: Path) -> None:
    first, second = unit("a", error=StartError("It does not come up.")), unit("b")
    async with system(tmp_path, first, second) as vsm:
        for _ in range(3):
            assert (await vsm.execute(PACK)).server == "b"
        vsm.remove_unit("a")
        for _ in range(5):
            await vsm.execute(PACK)
        vsm.remove_unit("b")
        vsm.add_unit(unit("c", error=StartError("Nor this.")))
        vsm.add_unit(unit("d", error=StartError("Nor that.")))
        with pytest.raises(StartError):
            await vsm.execute(PACK)
        operations = vsm.metrics().operations
    assert (operations.n, operations.fallbacks, operations.fallbacks_absorbed) == (9, 4, 3)
    assert operations.fallback_share == pytest.approx(4 / 9)


@pytest.mark.virtual_time
@pytest.mark.promise("B74")
async def test_parallel_efficiency_is_the_share_of_the_time_of_batches_that_was_worked_in(tmp_path: Path) -> None:
    async with system(tmp_path, unit()) as vsm:
        outcome = await vsm.execute_many(lasting(1.0, 1.0, 1.0, 1.0))
        assert (outcome.worked, outcome.offered) == (pytest.approx(4.0), pytest.approx(4.0))
        assert vsm.metrics().batches.parallel_efficiency == pytest.approx(1.0)
        await vsm.execute_many(lasting(4.0, 1.0, 1.0, 2.0))
        batches = vsm.metrics().batches
    assert (batches.batches, batches.operations) == (2, 8)
    assert batches.parallel_efficiency == pytest.approx((4 + 8) / (4 + 16))
    assert batches.parallel_speedup == pytest.approx((4 + 8) / (1 + 4))


@pytest.mark.promise("B74")
async def test_the_hit_rate_is_that_of_all_caches_together(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    async with system(tmp_path, shelf=shelf) as vsm:
        await vsm.acquire_capability("count words")
        for _ in range(9):
            await vsm.execute(counting())
        metrics, stats = vsm.metrics(), vsm.cache_stats()
    assert metrics.caches == stats
    hits = sum(each.hits for each in stats.values())
    looked = hits + sum(each.misses for each in stats.values())
    assert hits >= 8 + 8  # the kind and the tools for it were known for all but the first
    assert metrics.cache_hit_rate == hits / looked


@pytest.mark.promise("B74")
async def test_variety_is_read_faster_than_it_is_counted_and_by_how_much_is_measured(tmp_path: Path) -> None:
    async with system(tmp_path, unit()) as vsm:
        for number in range(500):
            await vsm.execute(Operation(needs=f"pack box {number}"))
        faster = sorted(vsm.metrics().variety.speed_improvement or 0.0 for _ in range(9))
    assert faster[4] > 5, faster


class Slow(Peer):
    """Answers calls when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.tools = [{**self.tools[0], "name": "echo", "annotations": {"readOnlyHint": True}}]
        self.under_way = 0
        self.most = 0
        self.may_answer = False

    async def call(self, number: object, params: Json, send: Send) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            while not self.may_answer:  # noqa: ASYNC110 - told by another thread
                await anyio.sleep(0.01)
            await super().call(number, params, send)
        finally:
            self.under_way -= 1


class Keeping(Net):
    """Answers calls without a stream while it may, so that the connection can be kept."""

    def at_the_door(self, request: Request) -> Answer | None:
        assert isinstance(self.peer, Slow)
        asked = json.loads(request.body or b"{}")
        if asked.get("params", {}).get("name") != "echo" or not self.peer.may_answer:
            return None
        result = {"content": [{"type": "text", "text": json.dumps(asked["params"]["arguments"])}]}
        return Answer.of({"jsonrpc": "2.0", "id": asked["id"], "result": result})


@pytest.mark.promise("A61", "A79", "B54", "B55", "B56", "E55")
async def test_every_cache_is_as_large_and_keeps_for_as_long_as_the_settings_say(tmp_path: Path) -> None:
    small = system(
        tmp_path,
        unit(),
        discovery_cache_size=2,
        discovery_cache_ttl=60.0,
        match_cache_size=3,
        match_cache_ttl=70.0,
        variety_cache_size=4,
    )
    for vsm, expected in (
        (system(tmp_path, unit()), {"discovery": (500, 300), "matches": (2000, 600), "kinds": (1000, None)}),
        (small, {"discovery": (2, 60), "matches": (3, 70), "kinds": (4, None)}),
    ):
        async with vsm:
            for number in range(9):
                await vsm.execute(Operation(needs=f"pack box {number}"))
                await vsm.discover_servers(f"box {number}")
            caches = vsm.metrics().caches
        assert {name: (stats.max_size, stats.ttl) for name, stats in caches.items()} == expected
        for name in ("discovery", "kinds"):
            assert caches[name].size == min(9, caches[name].max_size)
            assert caches[name].hit_rate == 0


async def test_calls_that_wait_for_a_server_to_come_up_are_counted(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    with anyio.fail_after(10):
        async with system(tmp_path, shelf=shelf) as vsm:
            await vsm.acquire_capability("count words")
            assert vsm.metrics().servers.waiting == 0
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(vsm.execute, counting())
                while vsm.metrics().servers.waiting < 3:
                    await anyio.lowlevel.checkpoint()
                assert vsm.metrics().servers.calls == 3
            assert (vsm.metrics().servers.waiting, vsm.metrics().servers.processes) == (0, 1)


@pytest.fixture
def net() -> Iterator[Net]:
    with Keeping(Slow()) as net:
        yield net


@pytest.mark.promise("B36", "B65")
async def test_the_connections_to_a_server_over_http_are_bounded_and_counted(tmp_path: Path, net: Net) -> None:
    peer, shelf = net.peer, Shelf()
    assert isinstance(peer, Slow)
    shelf.connect("slow", HttpLaunch(url=f"http://127.0.0.1:{net.port}/mcp"), summary="Says a text again.")
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    peer.may_answer = True
    policy = Policy(allow=("remote:*", "memory:*"))
    with anyio.fail_after(30):
        async with system(tmp_path, shelf=shelf, policy=policy, http_connections=3) as vsm:
            await vsm.acquire_capability("count words", "text")
            assert vsm.metrics().http == {}  # it is not reached over HTTP
            await vsm.acquire_capability("say a text again", "slow")
            await vsm.call_tool("slow__echo", {"text": "hello"})
            await become(vsm, active=0, idle=1)
            await call_six_times(vsm, peer)
            await become(vsm, active=0, waiting=0)
            assert vsm.metrics().to_dict()["http.slow.most"] == 3
            await vsm.release_capability("slow")
            assert vsm.metrics().http == {}
    assert peer.most == 3
    assert Settings().http_connections == 50


async def call_six_times(vsm: ViableSystem, peer: Slow) -> None:
    """Call a server six times at once, which has three connections, and let it answer when nobody else gets one."""
    peer.may_answer, peer.most = False, 0
    async with anyio.create_task_group() as tasks:
        for calls in range(1, 7):
            tasks.start_soon(vsm.call_tool, "slow__echo", {"text": "hello"})
            await become(vsm, active=min(calls, 3), idle=0, waiting=max(0, calls - 3))
        while vsm.metrics().servers.calls < 6 or peer.under_way < 3:  # noqa: ASYNC110 - told by another thread
            await anyio.sleep(0.01)
        for _ in range(20):  # time enough for a fourth connection, were there no bound
            await become(vsm, active=3, idle=0, waiting=3)
            await anyio.sleep(0.01)
        peer.may_answer = True
    assert vsm.metrics().servers.calls == 0


async def become(vsm: ViableSystem, **counts: int) -> None:
    """Wait until the connections to the slow server are as many, and see that there are never more than may be."""
    while True:
        seen = vsm.metrics().http["slow"]
        assert seen.active + seen.idle <= seen.most == 3
        if counts.items() <= seen.model_dump().items():
            return
        await anyio.sleep(0.01)  # the server runs in a thread of its own


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.promise("B51")
async def test_there_are_no_more_confined_processes_than_the_settings_allow(tmp_path: Path, engine: Engine) -> None:
    nature, shelf = json.dumps(json.dumps({"tools": {"count_words": "Count the words of a text."}})), Shelf()
    for name in ("first", "second"):
        program = tmp_path / f"{name}.py"
        program.write_text(PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})"))
        shelf.offer_file(program, summary="Counts the words of a text.")
    with anyio.fail_after(50):
        async with system(
            tmp_path / "state", shelf=shelf, max_concurrent_sandboxes=1, coordination_timeout=0.05, engine=engine
        ) as vsm:
            await vsm.acquire_capability("count words", "first")
            await vsm.acquire_capability("count words", "second")
            sandboxes = vsm.metrics().sandboxes
            assert sandboxes is not None
            assert (sandboxes.busy, sandboxes.most) == (0, 1)
            await vsm.call_tool("first__count_words", {"text": "a b"})
            for _ in range(MOST_FAILURES + 1):  # a server that finds no room has not failed: it is never given up
                with pytest.raises(CapacityError, match="There are 1 confined processes"):
                    await vsm.call_tool("second__count_words", {"text": "a b"})
            sandboxes = vsm.metrics().sandboxes
            assert sandboxes is not None
            assert sandboxes.busy == 1
            assert vsm.metrics().operations.by_stage[Stage.STARVED] == MOST_FAILURES + 1
            await vsm.release_capability("first")
            assert "2 words" in (await vsm.call_tool("second__count_words", {"text": "a b"})).text
    assert Settings().max_concurrent_sandboxes == 256


async def test_the_record_gives_its_figures_by_dotted_names_and_shows_them_line_by_line(tmp_path: Path) -> None:
    async with system(tmp_path, unit(), node_id="host-7") as vsm:
        await vsm.execute(PACK)
        metrics = vsm.metrics()
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics
    figures = metrics.to_dict()
    assert figures["operations.n"] == 1
    assert figures["operations.by_stage.absorbed"] == 1
    assert figures["caches.kinds.misses"] == 1
    assert figures["viable"] == 1
    assert all(isinstance(value, int | float) for value in figures.values())
    shown = str(metrics).splitlines()
    assert shown[0].startswith("Metrics of host-7 at ")
    assert "  operations.absorbed: 1" in shown
    assert len(shown) == 1 + len(figures)


@pytest.mark.promise("C60")
async def test_without_telemetry_no_response_times_are_kept_and_the_system_measures_what_it_needs(
    tmp_path: Path,
) -> None:
    heard = list[Event]()
    async with system(tmp_path, unit(), telemetry=False) as vsm:
        vsm.events.attach("test", OperationEnded, heard.append)
        await vsm.execute(PACK)
        metrics = vsm.metrics()
        assert vsm.status().systems.system1.absorbed == 1
    assert metrics.operations.n == 1
    assert metrics.operations.response is None
    assert len(heard) == 1
