"""What the host says about calls holds for the whole system: agents, zones, rates, records, programs, health."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from vsm_mcp import (
    AgentOptions,
    AgentRule,
    AnomalyOptions,
    AuditQuery,
    Autonomy,
    Confinement,
    Guards,
    Policy,
    Probe,
    RateLimit,
    RateOptions,
    Settings,
    Shelf,
    Supervision,
    ViableSystem,
    ZoneOptions,
)
from vsm_mcp.errors import (
    AnomalyError,
    ArgumentError,
    AuditError,
    CallTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ZoneError,
)
from vsm_mcp.events import ServerStarted
from vsm_mcp.guard.anomaly import AnomalyAction
from vsm_mcp.guard.auditing.file import FileAudit
from vsm_mcp.testing.servers import memory_server

pytestmark = pytest.mark.anyio

SERVER = Path(__file__).with_name("tool_server.py")
TEXT = {"text": "a b"}


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def publish(text: str) -> str:
    """Publish a text."""
    return f"published: {text}"


RULES = Guards(
    agents=AgentOptions(rules={"reader": AgentRule(allow=("words:count_words",))}),
    rates=RateOptions(limits=(RateLimit(calls=2, per=60.0, agents="reader"),)),
    zones=ZoneOptions(servers={"words:count_words": "trusted", "words:publish": "untrusted"}),
)


def system(state: Path, *, guards: Guards | None = None, audit: Path | None = None) -> ViableSystem:
    shelf = Shelf()
    tools = {"count_words": count_words, "publish": publish}
    shelf.offer("words", lambda: memory_server(tools), summary="Counts words and publishes.")
    return ViableSystem(
        Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, audit=audit),
        shelf=shelf,
        sources=(shelf,),
        policy=Policy(allow=("memory:*", "file:*")),
        guards=guards,
    )


@pytest.mark.promise("E78", "D4")
async def test_an_agent_sees_and_calls_what_it_may_and_no_more_often_than_it_may(tmp_path: Path) -> None:
    async with system(tmp_path, guards=RULES) as vsm:
        await vsm.acquire_capability("count words", "words")
        assert [tool.tool for tool in vsm.tools(agent="reader")] == ["count_words"]
        assert [tool.tool for tool in vsm.tools()] == ["count_words", "publish"]
        with pytest.raises(PermissionDeniedError, match="reader may not call 'publish'"):
            await vsm.call_tool("publish", {"text": "a"}, agent="reader")
        for _ in range(2):
            await vsm.call_tool("count_words", {"text": "a"}, agent="reader")
        with pytest.raises(RateLimitError) as late:
            await vsm.call_tool("count_words", {"text": "a"}, agent="reader")
        assert 0 < late.value.retry_after <= 60


@pytest.mark.promise("C143")
async def test_what_was_read_in_a_trusted_zone_does_not_go_to_an_untrusted_one(tmp_path: Path) -> None:
    async with system(tmp_path, guards=RULES) as vsm:
        await vsm.acquire_capability("count words", "words")
        assert (await vsm.call_tool("publish", {"text": "a"}, agent="writer")).text == "published: a"
        await vsm.call_tool("count_words", {"text": "a"}, agent="writer")
        with pytest.raises(ZoneError):
            await vsm.call_tool("publish", {"text": "a"}, agent="writer")


@pytest.mark.promise("C142", "D48")
async def test_calls_installations_and_refusals_are_in_a_log_that_can_be_verified(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with system(tmp_path / "state", audit=log) as vsm:
        await vsm.acquire_capability("count words", "words")
        await vsm.call_tool("count_words", {"text": "a b"}, agent="planner")
        with pytest.raises(ArgumentError):
            await vsm.call_tool("count_words", {"txt": "a b"}, agent="planner")
        newest = await vsm.audit.query(AuditQuery(agent="planner"))
        assert [(record.tool, str(record.outcome)) for record in newest] == [
            ("count_words", "refused"),
            ("count_words", "ok"),
        ]
    kept = FileAudit(log)
    assert [str(record.kind) for record in reversed(await kept.query(limit=20))][:2] == ["install", "install"]
    assert (await kept.verify()).intact


async def test_nothing_is_installed_that_cannot_be_put_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_self: FileAudit, _record: object) -> None:
        raise AuditError("The log cannot be written.")

    async with system(tmp_path / "state", audit=tmp_path / "log") as vsm:
        monkeypatch.setattr(FileAudit, "append", full)
        with pytest.raises(AuditError):
            await vsm.acquire_capability("count words", "words")
        assert not vsm.tools()
        assert not vsm.status().servers


async def test_a_program_calls_tools_as_the_agent_that_wrote_it(tmp_path: Path) -> None:
    async with system(tmp_path, guards=RULES) as vsm:
        await vsm.acquire_capability("count words", "words")
        assert "def count_words(text: str)" in vsm.declarations(agent="reader")
        assert "publish" not in vsm.declarations(agent="reader")
        code = "n = 0\nfor text in ['a', 'a b']:\n    n += await words.count_words(text)\nn"
        assert (await vsm.run_code(code, agent="reader")).value == 3
        assert [record.agent for record in vsm.audit.memory.recent(AuditQuery(tool="count_words"))] == [
            "reader",
            "reader",
        ]


@pytest.mark.promise("D54")
async def test_the_health_of_servers_is_told_without_asking_them(tmp_path: Path) -> None:
    vsm = system(tmp_path)
    async with vsm:
        await vsm.acquire_capability("count words", "words")
        assert str(vsm.health()["words"].condition) == "unknown"
        await vsm.call_tool("count_words", {"text": "a"})
        assert str(vsm.health()["words"].condition) == "well"
        assert "words" in repr(vsm)


class Clerk:
    """Counts words and how often it was asked to, until its token expires; says that it only reads."""

    def __init__(self) -> None:
        self.asked = 0
        self.expired = False

    def count_words(self, text: str) -> int:
        """Count the words of a text."""
        self.asked += 1
        if self.expired:
            raise ToolError("the token expired")
        return len(text.split())

    def serve(self) -> MCPServer[None]:
        server = memory_server({"note": publish})
        server.add_tool(self.count_words, annotations=ToolAnnotations(read_only_hint=True))
        return server


def checked(state: Path, clerk: Clerk, guards: Guards) -> ViableSystem:
    shelf = Shelf()
    shelf.offer("words", clerk.serve, summary="Counts words.")
    return ViableSystem(
        Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE),
        shelf=shelf,
        sources=(shelf,),
        policy=Policy(allow=("memory:*",)),
        guards=guards,
        supervision=Supervision(check_every=0.02),
    )


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - nobody tells of a check
            await anyio.sleep(0.01)


@pytest.mark.promise("A26", "B35")
async def test_checks_find_an_expired_token_and_are_neither_recorded_nor_counted_as_calls(tmp_path: Path) -> None:
    clerk = Clerk()
    twice = Guards(rates=RateOptions(limits=(RateLimit(calls=2, per=3600.0),)))
    async with checked(tmp_path, clerk, twice) as vsm:
        await vsm.acquire_capability("count words", "words", probe=Probe(tool="count_words", arguments=TEXT))
        await vsm.call_tool("count_words", TEXT)
        before, clerk.expired = clerk.asked, True
        await until(lambda: clerk.asked > before + 3)
        assert str(vsm.health()["words"].condition) == "suspect"
        assert "the token expired" in str(vsm.health()["words"].complaint)
        clerk.expired = False
        await until(lambda: str(vsm.health()["words"].condition) == "well")
        await vsm.call_tool("count_words", TEXT)
        assert len(vsm.audit.memory.recent(AuditQuery(tool="count_words"))) == 2


async def test_no_check_calls_what_the_rules_forbid_the_host(tmp_path: Path) -> None:
    clerk = Clerk()
    rules = Guards(agents=AgentOptions(rules={"host": AgentRule(allow=("words:note",))}))
    async with checked(tmp_path, clerk, rules) as vsm:
        await vsm.acquire_capability("count words", "words", probe=Probe(tool="count_words", arguments=TEXT))
        before = clerk.asked
        await vsm.call_tool("note", {"text": "a"})
        await anyio.sleep(0.3)
        assert clerk.asked == before
        assert str(vsm.health()["words"].condition) == "well"


async def test_no_check_calls_what_is_stopped_because_of_an_anomaly(tmp_path: Path) -> None:
    clerk = Clerk()
    stops = Guards(anomaly=AnomalyOptions(action=AnomalyAction.QUARANTINE, learn=30))
    async with checked(tmp_path, clerk, stops) as vsm:
        await vsm.acquire_capability("count words", "words", probe=Probe(tool="count_words", arguments=TEXT))
        for _ in range(40):
            await vsm.call_tool("count_words", TEXT)
        asked = clerk.asked
        await until(lambda: clerk.asked > asked)
        with pytest.raises(AnomalyError):
            await vsm.call_tool("count_words", {"text": "a " * 50_000})
        await anyio.sleep(0.1)
        asked = clerk.asked
        await anyio.sleep(0.3)
        assert clerk.asked == asked


@pytest.mark.promise("D51")
async def test_the_share_of_calls_that_the_rules_refuse_is_measured(tmp_path: Path) -> None:
    async with system(tmp_path, guards=RULES) as vsm:
        await vsm.acquire_capability("count words", "words")
        for _ in range(3):
            await vsm.call_tool("count_words", {"text": "a"})
        with pytest.raises(PermissionDeniedError):
            await vsm.call_tool("publish", {"text": "a"}, agent="reader")
        status = vsm.status()
        assert vsm.analyze_variety().gaps_by_system["system5"].stage == "s5_refused"
    assert status.readings["gap by system"].parts["system5"] == pytest.approx(0.25, abs=0.01)
    assert status.variety.ratio == pytest.approx(0.75, abs=0.01)


@pytest.mark.promise("D46")
async def test_how_long_a_call_may_take_is_read_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(text: str) -> str:
        """Wait for a text."""
        if text:
            await anyio.sleep_forever()
        return "done"

    assert Settings().call_timeout == 60.0
    monkeypatch.setenv("VSM_MCP_CALL_TIMEOUT", "1")
    shelf = Shelf()
    shelf.offer("waiter", lambda: memory_server({"wait": wait}), summary="Waits for a text.")
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, allow=("memory:*",))
    with anyio.fail_after(30):
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
            await vsm.acquire_capability("wait for a text", "waiter", probe=Probe(tool="wait", arguments={"text": ""}))
            with pytest.raises(CallTimeoutError):
                await vsm.call_tool("wait", {"text": "a"})


async def test_a_server_that_crashes_is_up_again_before_it_is_called(tmp_path: Path) -> None:
    shelf, heard = Shelf(), list[ServerStarted]()
    nature = json.dumps({"tools": {"count_words": "Counts the words of a text."}})
    place = tmp_path / "texts.py"
    place.write_text(SERVER.read_text().replace('json.loads("{}")', f"json.loads({nature!r})"))
    shelf.offer_file(place, summary="Counts the words of a text.")
    vsm = ViableSystem(
        Settings(state=tmp_path / "state", autonomy=Autonomy.AUTO, sandbox=Confinement.NONE),
        shelf=shelf,
        sources=(shelf,),
        policy=Policy(allow=("file:*",)),
    )
    async with vsm:
        await vsm.acquire_capability("count words", "texts", probe=Probe(tool="count_words", arguments=TEXT))
        vsm.events.attach("starts", ServerStarted, heard.append)
        await vsm.call_tool("count_words", TEXT)
        with anyio.fail_after(20):
            os.kill(heard[-1].pid or 0, signal.SIGKILL)
            while len(heard) < 2:  # noqa: ASYNC110 - what is waited for is done by another process
                await anyio.sleep(0.01)
        await vsm.call_tool("count_words", TEXT)
        assert len(heard) == 2


async def test_a_system_shows_itself_outside_of_its_event_loop(tmp_path: Path) -> None:
    vsm = system(tmp_path)
    assert repr(vsm) == "ViableSystem(not entered)"
    async with vsm:
        await vsm.acquire_capability("count words", "words")
        assert "words" in await anyio.to_thread.run_sync(repr, vsm)
        assert "words" in await anyio.to_thread.run_sync(repr, vsm.parts.spawner)
