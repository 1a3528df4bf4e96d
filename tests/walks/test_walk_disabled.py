"""A server that the host disabled is held and not used, in this life and the next, until it is enabled."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Confinement, Operation, Policy, RestartType, Settings, Shelf, Supervision, ViableSystem
from vsm_mcp.acquisition.report import Fate
from vsm_mcp.clearance import Go
from vsm_mcp.errors import (
    CapabilityMissingError,
    ConfigurationError,
    DisabledError,
    DiscoveryError,
    PolicyError,
    VettingError,
)
from vsm_mcp.events import (
    CapabilityAdopted,
    CapabilityReleased,
    ServerDisabled,
    ServerEnabled,
    ServerStarted,
)
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.operation import Stage, kind_of
from vsm_mcp.servers.supervision.health import Condition
from vsm_mcp.servers.supervision.supervision import Group, Strategy
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.world.clock import Clock, SystemClock
from vsm_mcp.world.world import World

PROGRAM = Path(__file__).parent / "tool_server.py"
COUNT = Operation(needs="count words", arguments={"text": "one two"})
CALL = ToolCall(server="counter", tool="count_words", arguments={"text": "one two"})
WAITS = """
    if text == "wait":
        import time
        Path("waiting").touch()
        while not Path("go").exists():
            time.sleep(0.01)"""


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def in_memory(
    state: Path,
    *,
    heard: RecordingSink | None = None,
    clock: Clock | None = None,
    supervision: Supervision | None = None,
) -> ViableSystem:
    """Offer two servers that count words."""
    shelf = Shelf()
    for name in ("words", "words-too"):
        shelf.offer(name, lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    policy, world = Policy(allow=("memory:*",)), World(clock=clock or SystemClock())
    return ViableSystem(
        settings,
        shelf=shelf,
        sources=(shelf,),
        policy=policy,
        world=world,
        supervision=supervision,
        emit=heard or RecordingSink(),
    )


def as_files(root: Path, *, block: Sequence[str] = (), heard: RecordingSink | None = None) -> ViableSystem:
    """Offer a server that counts words and waits when it is asked to, and one that spells them."""
    shelf = Shelf()
    for name, tool in {"counter": "count_words", "speller": "spell_words"}.items():
        text = PROGRAM.read_text().replace('json.loads("{}")', f'{{"tools": {{"{tool}": "Look at words."}}}}')
        (root / f"{name}.py").write_text(text.replace('"""Do what a test writes here."""', f'"""Wait."""{WAITS}'))
        shelf.offer_file(root / f"{name}.py", summary=f"{tool.replace('_', ' ')} of a text.")
    settings = Settings(state=root / "state", autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    return ViableSystem(
        settings,
        shelf=shelf,
        sources=(shelf,),
        policy=Policy(allow=("file:*",), block=tuple(block)),
        supervision=Supervision(otherwise=RestartType.PERMANENT),
        emit=heard or RecordingSink(),
    )


def stored(state: Path) -> dict[str, bytes]:
    """Return all that is kept of servers that are held."""
    return {
        str(path): path.read_bytes()
        for part in ("servers", "records", "generations", "store")
        for path in (state / part).rglob("*")
        if path.is_file()
    }


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_a_disabled_server_is_held_and_neither_listed_nor_called(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "words")
        assert (await vsm.execute(COUNT)).server == "words"
        await vsm.disable_server("words")
        (server,) = vsm.status().servers
        assert (server.name, server.state, server.pid) == ("words", "disabled", None)
        assert vsm.health()["words"].condition is Condition.UNKNOWN
        assert vsm.tools() == ()
        with pytest.raises(DisabledError, match="'count_words' of words cannot be used: the server is dis") as refusal:
            await vsm.call_tool("words__count_words", {"text": "one"})
        assert refusal.value.remedies[0] == "Enable it: await vsm.enable_server('words')."
        with pytest.raises(DisabledError):
            await vsm.parts.guarded.call(ToolCall(server="words", tool="count_words", arguments={"text": "one"}))
        with pytest.raises(DisabledError):
            await vsm.test_connection("words")
        needs = (await vsm.preflight(["words.count_words", "words__count_words", "count words"])).needs
        assert {(need.go, need.reason, need.server) for need in needs} == {(Go.OPERATOR, "words is disabled", "words")}
        assert vsm.status().servers[0].starts == 1


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_an_enabled_server_serves_again_and_whoever_listens_hears_of_both(tmp_path: Path) -> None:
    heard = RecordingSink()
    async with in_memory(tmp_path, heard=heard) as vsm:
        await vsm.acquire_capability("count words", "words")
        for switch in (vsm.disable_server, vsm.disable_server, vsm.enable_server, vsm.enable_server):
            await switch("words")
        assert [tool.name for tool in vsm.tools()] == ["words__count_words"]
        assert (await vsm.call_tool("words__count_words", {"text": "one two"})).value == {"result": 2}
        assert (await vsm.execute(COUNT)).server == "words"
        assert vsm.status().servers[0].state == "running"
    switched = (CapabilityAdopted, CapabilityReleased, ServerDisabled, ServerEnabled)
    assert [type(fact) for fact in heard.events if isinstance(fact, switched)] == [
        CapabilityAdopted,
        CapabilityReleased,
        ServerDisabled,
        ServerEnabled,
        CapabilityAdopted,
    ]


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_nothing_is_acquired_by_itself_in_the_place_of_a_disabled_server(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "words")
        await vsm.disable_server("words")
        for operation in (COUNT, Operation(needs="number of words", tool="count_words", arguments={"text": "one"})):
            with pytest.raises(DisabledError, match="disabled"):
                await vsm.execute(operation)
        assert len(vsm.acquisitions) == 1
        assert vsm.parts.variety.coverage_of(kind_of("count words")) == 0
        for _ in range(20):
            vsm.parts.variety.observe(kind_of("count words"), Stage.UNKNOWN)
        assert (await vsm.parts.system4.scan()).proposals.best == ()
        with pytest.raises(VettingError, match="words is disabled") as refusal:
            await vsm.acquire_capability("count words", "words")
        assert "enable_server('words')" in refusal.value.remedies[0]
        report = await vsm.acquire_capability("count words")  # the host's own word, and it is told what was passed over
        assert report.server == "words-too"
        passed_over = next(one for one in report.candidates if one.name == "words")
        assert (passed_over.fate, passed_over.reason) == (Fate.REFUSED, "words is disabled.")
        assert (await vsm.execute(COUNT)).server == "words-too"


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_a_disabled_server_is_not_let_go_for_being_unused_nor_at_once_when_it_is_enabled(tmp_path: Path) -> None:
    clock = FakeClock()
    async with in_memory(tmp_path, clock=clock) as vsm:
        await vsm.acquire_capability("count words", "words")
        system4, week = vsm.parts.system4, timedelta(days=7)
        for _ in range(2000):
            system4.upkeep.note(None)
        clock.advance(week)
        assert [idle.server for idle in await system4.idle()] == ["words"]
        await vsm.disable_server("words")
        assert await system4.idle() == ()
        await vsm.enable_server("words")
        assert await system4.idle() == ()
        clock.advance(week)
        assert [idle.server for idle in await system4.idle()] == ["words"]


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_a_name_that_is_not_held_is_neither_disabled_nor_enabled(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "words")
        for switch in (vsm.disable_server, vsm.enable_server):
            with pytest.raises(DiscoveryError, match="'wrods' is held") as refusal:
                await switch("wrods")
            assert refusal.value.remedies == ("Held are: words.",)
        assert vsm.status().servers[0].state == "idle"
        await vsm.disable_server("words")
        await vsm.release_capability("words")
        await vsm.acquire_capability("count words", "words")
        assert (await vsm.execute(COUNT)).server == "words"


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_a_server_of_the_hosts_own_process_stays_disabled_when_another_life_offers_it(tmp_path: Path) -> None:
    async with in_memory(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "words")
        await vsm.disable_server("words")
    async with in_memory(tmp_path) as vsm:
        with pytest.raises(VettingError, match="words is disabled"):
            await vsm.acquire_capability("count words", "words")
        await vsm.enable_server("words")
        await vsm.acquire_capability("count words", "words")
        assert (await vsm.execute(COUNT)).server == "words"


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_what_rests_on_a_disabled_server_does_not_start_without_it(tmp_path: Path) -> None:
    rests = Supervision(groups=(Group(servers=("words", "words-too"), strategy=Strategy.REST_FOR_ONE),))
    async with in_memory(tmp_path, supervision=rests) as vsm:
        for server in ("words", "words-too"):
            await vsm.acquire_capability("count words", server)
        await vsm.disable_server("words")
        with pytest.raises(DisabledError, match="words cannot be used"):
            await vsm.execute(COUNT)
        await vsm.enable_server("words")
        assert (await vsm.call_tool(vsm.tools()[0].name, {"text": "one two"})).value == {"result": 2}
        assert vsm.status().servers[1].state == "running"


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_a_call_under_way_ends_well_and_then_the_process_ends(tmp_path: Path) -> None:
    async with as_files(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "counter")
        work, said, pid = vsm.parts.workspace.directory("counter"), list[str](), None

        async def wait() -> None:
            said.append((await vsm.execute(Operation(needs="count words", arguments={"text": "wait"}))).text)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                while not (work / "waiting").exists():  # noqa: ASYNC110 - another process tells
                    await anyio.sleep(0.01)
                pid = vsm.status().servers[0].pid
                tasks.start_soon(vsm.disable_server, "counter")
                while vsm.status().servers[0].state != "disabled":  # noqa: ASYNC110 - written down in a thread
                    await anyio.sleep(0.01)
                with pytest.raises(DisabledError):
                    await vsm.parts.guarded.call(CALL)
                assert (pid is not None, said) == (True, [])
                (work / "go").touch()
        assert said == ["one: count_words sees 1 words in wait"]
        assert not vsm.parts.system3.audits.units
        assert not Path(f"/proc/{pid}").exists()
        (state,) = vsm.parts.spawner.states().values()
        assert (state.status, state.pid, state.processes, state.generation) == ("disabled", None, 0, 1)


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_nothing_starts_a_disabled_server_and_all_that_is_kept_of_it_stays(tmp_path: Path) -> None:
    heard = RecordingSink()
    async with as_files(tmp_path, heard=heard) as vsm:
        await vsm.acquire_capability("count words", "counter")
        assert (await vsm.execute(COUNT)).server == "counter"
        before, started = stored(tmp_path / "state"), len(heard.of(ServerStarted))
        assert vsm.parts.system3.audits.units == ("counter",)
        await vsm.disable_server("counter")
        with pytest.raises(DisabledError):
            await vsm.parts.guarded.call(CALL)
        assert not vsm.parts.system3.audits.units
        (step,) = [step async for step in vsm.upgrade()]
        assert (step.verdict, step.reasons) == ("refused", ("counter is disabled.",))
        await vsm.enable_server("counter")
        assert len(heard.of(ServerStarted)) == started
        assert stored(tmp_path / "state") == before
        assert (await vsm.execute(COUNT)).server == "counter"
        assert len(heard.of(ServerStarted)) == started + 1


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("D8")
@pytest.mark.parametrize("left", [None, b"", b"\x00\xff" * 1000], ids=["whole", "empty", "nonsense"])
async def test_it_is_disabled_in_the_next_life_too_whatever_became_of_the_file_that_says_so(
    tmp_path: Path, left: bytes | None
) -> None:
    async with as_files(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "counter")
        await vsm.acquire_capability("spell words", "speller")
        await vsm.disable_server("counter")
    (mark,) = (tmp_path / "state" / "disabled").iterdir()
    assert mark.read_text() == "counter\n"
    if left is not None:
        mark.write_bytes(left)
    heard = RecordingSink()
    async with as_files(tmp_path, heard=heard) as vsm:
        assert {one.name: one.state for one in vsm.status().servers} == {"counter": "disabled", "speller": "idle"}
        assert [adopted.server for adopted in heard.of(CapabilityAdopted)] == ["speller"]
        assert [tool.server for tool in vsm.tools()] == ["speller"]
        with pytest.raises(DisabledError):
            await vsm.execute(COUNT)
        with pytest.raises(DisabledError):
            await vsm.parts.guarded.call(CALL)
        assert not heard.of(ServerStarted)
        await vsm.enable_server("counter")
        assert (await vsm.execute(COUNT)).server == "counter"
    async with as_files(tmp_path) as vsm:
        assert (await vsm.execute(COUNT)).server == "counter"


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("D8")
async def test_when_it_cannot_be_told_what_is_disabled_nothing_begins(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(0o700)
    (tmp_path / "state" / "disabled").write_text("nonsense")
    with pytest.raises(ConfigurationError, match="disabled cannot be used") as refusal:
        async with as_files(tmp_path):
            pass
    assert refusal.value.remedies


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("D8")
async def test_enabling_looks_at_the_server_as_entering_does(tmp_path: Path) -> None:
    async with as_files(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "counter")
        await vsm.disable_server("counter")
    async with as_files(tmp_path, block=("file:*/counter.py",)) as vsm:
        with pytest.raises(PolicyError, match="is not used"):
            await vsm.enable_server("counter")
        assert vsm.tools() == ()
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.guarded.call(CALL)


@pytest.mark.anyio
@pytest.mark.promise("D8")
async def test_going_back_to_a_generation_does_not_enable_what_it_brings_back(tmp_path: Path) -> None:
    async with as_files(tmp_path) as vsm:
        await vsm.acquire_capability("count words", "counter")
        held = (await vsm.generations())[-1].number
        await vsm.acquire_capability("spell words", "speller")
        await vsm.disable_server("speller")
        await vsm.rollback_to(held)
        assert [server.name for server in vsm.status().servers] == ["counter"]
        await vsm.rollback_to(held + 1)
        assert {one.name: one.state for one in vsm.status().servers} == {"counter": "idle", "speller": "disabled"}
        await vsm.enable_server("speller")
        assert {tool.server for tool in vsm.tools()} == {"counter", "speller"}
