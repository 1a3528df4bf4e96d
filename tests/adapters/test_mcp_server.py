"""A viable system as an MCP server: what clients see, what they may do, and what they are told when it goes wrong."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import anyio
import orjson
import pytest
from mcp import Client, MCPError
from mcp.server import Server
from mcp.server.mcpserver import Context as ServerContext
from mcp.server.subscriptions import ToolsListChanged
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    TextContent,
    TextResourceContents,
    Tool,
)

from vsm_mcp import Autonomy, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.adapters.mcp_server import McpServer, mcp_server
from vsm_mcp.adapters.serving.options import Context, Peer, ServeLimits, ServePermissions, connected
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.events import Event, RequestFailed
from vsm_mcp.status import SystemStatus
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.variety.analysis import CacheStats

Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")
ALL = ServePermissions.everything()

pytestmark = pytest.mark.anyio


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def shout(text: str) -> str:
    """Say a text in capital letters."""
    return text.upper()


def divide(a: int, b: int) -> float:
    """Divide one number by another."""
    return a / b


def shelf_of_words() -> Shelf:
    shelf = Shelf()
    tools = {"count_words": count_words, "shout": shout}
    shelf.offer("words", lambda: memory_server(tools), summary="Counts the words of a text; says it in capitals.")
    shelf.offer("sums", lambda: memory_server({"divide": divide}), summary="Divides numbers.")
    return shelf


@asynccontextmanager
async def living(
    state: Path,
    *held: str,
    approve: Callable[..., Awaitable[bool]] | None = None,
) -> AsyncGenerator[ViableSystem]:
    shelf = shelf_of_words()
    autonomy = Autonomy.AUTO if approve is None else Autonomy.APPROVE
    settings = Settings(autonomy=autonomy, allow=("memory:*",), state=state)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,), approve=approve) as vsm:
        for name in held:
            await vsm.acquire_capability({"words": "count words", "sums": "divide numbers"}[name], name)
        yield vsm


@asynccontextmanager
async def client_of(served: McpServer, era: Era = "auto") -> AsyncGenerator[Client]:
    with anyio.fail_after(20):
        async with Client(served.server, mode=era, cache=None) as client:
            yield client


def words_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


async def names_of(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("era", ERAS)
async def test_by_default_a_client_may_look_and_execute_and_acquire_nothing(tmp_path: Path, era: Era) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm), era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        changing = {name for name, tool in tools.items() if tool.annotations and not tool.annotations.read_only_hint}
        assert changing == {"vsm_execute"}
        assert {"vsm_status", "vsm_variety", "vsm_metrics", "vsm_diagnosis", "vsm_search", "vsm_tools"} <= tools.keys()
        for forbidden in ("vsm_acquire", "vsm_release", "vsm_decide", "no_such_tool"):
            with pytest.raises(MCPError, match="There is no tool") as refused:
                await client.call_tool(forbidden, {"wanted": "count words"})
            assert refused.value.code == INVALID_PARAMS


async def test_the_annotations_tell_what_is_dangerous(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, permissions=ALL)) as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {
            "vsm_execute",
            "vsm_release",
        }
        reaching = {name for name, hint in hints.items() if hint and hint.open_world_hint}
        assert reaching == {"vsm_search", "vsm_plan", "vsm_execute", "vsm_acquire"}


@pytest.mark.promise("C33")
@pytest.mark.parametrize("era", ERAS)
async def test_each_report_is_a_tool_and_a_resource(tmp_path: Path, era: Era) -> None:
    async with living(tmp_path, "words") as vsm, client_of(mcp_server(vsm), era) as client:
        listed = (await client.list_resources()).resources
        assert len(listed) == 10
        for resource in listed:
            result = await client.call_tool(f"vsm_{resource.name}")
            assert not result.is_error, resource.name
            read = (await client.read_resource(resource.uri)).contents[0]
            assert isinstance(read, TextResourceContents)
            assert orjson.loads(read.text).keys() == orjson.loads(words_of(result)).keys()
            assert result.structured_content == orjson.loads(words_of(result))
        status = SystemStatus.model_validate_json(words_of(await client.call_tool("vsm_status")))
        assert [server.name for server in status.servers] == ["words"]
        metrics = (await client.call_tool("vsm_metrics")).structured_content
        assert (metrics["servers"]["held"], metrics["acquired"]) == (1, 1)


@pytest.mark.parametrize("era", ERAS)
async def test_an_operation_is_done_and_says_by_whom(tmp_path: Path, era: Era) -> None:
    async with living(tmp_path, "words") as vsm, client_of(mcp_server(vsm), era) as client:
        done = await client.call_tool("vsm_execute", {"needs": "count words", "arguments": {"text": "a b c"}})
        assert words_of(done) == "3"
        assert done.structured_content["server"] == "words"
        assert done.structured_content["tool"] == "count_words"
        named = {"needs": "say it loud", "tool": "shout", "arguments": {"text": "a"}, "timeout": 5}
        assert words_of(await client.call_tool("vsm_execute", named)) == "A"
        assert vsm.status().systems.system1.absorbed == 2


async def test_a_gap_is_measured_and_not_closed_for_a_client_that_may_not_acquire(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm)) as client:
        failed = await client.call_tool("vsm_execute", {"needs": "count words", "arguments": {"text": "a"}})
        assert failed.is_error
        assert failed.structured_content["error"] == "CapabilityMissingError"
        assert failed.structured_content["remedies"]
        assert vsm.acquisitions == ()
        assert vsm.status().variety.gap == 1


async def test_a_gap_is_closed_for_a_client_that_may_acquire(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, permissions=ALL)) as client:
        done = await client.call_tool("vsm_execute", {"needs": "count words", "arguments": {"text": "a b"}})
        assert words_of(done) == "2"
        assert len(vsm.acquisitions) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_an_acquisition_tells_how_far_it_is_and_can_be_taken_back(tmp_path: Path, era: Era) -> None:
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        heard.append((progress, message))

    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, permissions=ALL), era) as client:
        found = await client.call_tool("vsm_search", {"wanted": "count words", "limit": 1})
        assert [entry["candidate"]["name"] for entry in found.structured_content["ranked"]] == ["words"]
        plan = await client.call_tool("vsm_plan", {"wanted": "count words"})
        assert not plan.is_error
        report = await client.call_tool("vsm_acquire", {"wanted": "count words"}, progress_callback=hear)
        assert report.structured_content["server"] == "words"
        assert sorted({done for done, _ in heard}) == [done + 1.0 for done in range(len(heard))]
        assert any("verify" in str(message) for _, message in heard)
        tested = await client.call_tool("vsm_test_connection", {"server": "words"})
        assert tested.structured_content["ok"] is True
        await client.call_tool("vsm_release", {"server": "words"})
        assert vsm.tools() == ()
        again = await client.call_tool("vsm_release", {"server": "words"})
        assert again.structured_content["error"] == "DiscoveryError"


async def plod(steps: int, ctx: ServerContext) -> str:
    """Take some steps, and tell each."""
    for step in range(steps):
        await ctx.report_progress(step + 1, steps, f"step {step + 1}")
    return "there"


async def test_the_progress_of_an_acquired_tool_reaches_the_client(tmp_path: Path) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    shelf = Shelf()
    shelf.offer("walks", lambda: memory_server({"plod": plod}), summary="Takes steps.")
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, allow=("memory:*",))
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        await vsm.acquire_capability("take steps", "walks", probe=Probe(tool="plod", arguments={"steps": 1}))
        served = mcp_server(vsm, permissions=ALL, offer_tools=True)
        async with client_of(served, "auto") as client:
            done = await client.call_tool("walks__plod", {"steps": 3}, progress_callback=hear)
            assert words_of(done) == "there"
    assert sorted(heard) == [(step, 3.0, f"step {step}") for step in (1, 2, 3)]


async def test_progress_is_heard_by_the_client_that_asked_and_no_other(tmp_path: Path) -> None:
    heard: dict[str, list[str]] = {"words": [], "sums": []}

    def listener(name: str) -> ProgressFnT:
        async def hear(progress: float, total: float | None, message: str | None) -> None:
            assert (progress > 0, total) == (True, None)
            heard[name].append(str(message))

        return hear

    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, permissions=ALL), "legacy") as client:

        async def acquire(name: str) -> None:
            given = {"wanted": name, "server": name}
            assert not (await client.call_tool("vsm_acquire", given, progress_callback=listener(name))).is_error

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(acquire, "words")
            tasks.start_soon(acquire, "sums")
    for name, other in (("words", "sums"), ("sums", "words")):
        assert any(message.startswith(f"{name}:") for message in heard[name])
        assert not any(message.startswith(f"{other}:") for message in heard[name])


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_gives_up_ends_the_work(tmp_path: Path, era: Era) -> None:
    asked, ended = anyio.Event(), anyio.Event()

    async def approve(_: object) -> bool:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()
        return True

    async with living(tmp_path, approve=approve) as vsm, client_of(mcp_server(vsm, permissions=ALL), era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "vsm_acquire", {"wanted": "count words"})
            await asked.wait()
            tasks.cancel_scope.cancel()
        await ended.wait()
        assert vsm.acquisitions == ()
        assert vsm.status().servers == ()


@pytest.mark.parametrize(
    ("tool", "given", "place"),
    [
        ("vsm_execute", {}, "needs"),
        ("vsm_execute", {"needs": 7}, "needs"),
        ("vsm_execute", {"needs": "x", "timeout": -1}, "timeout"),
        ("vsm_execute", {"needs": "x", "arguments": ["secret-value"]}, "arguments"),
        ("vsm_search", {"wanted": "x", "limit": "5"}, "limit"),
        ("vsm_search", {"wanted": "x" * 201}, "wanted"),
        ("vsm_status", {"extra": "secret-value"}, "extra"),
        ("vsm_preflight", {"needs": []}, "needs"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_by_place_and_not_repeated(
    tmp_path: Path, *, tool: str, given: dict[str, object], place: str
) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm)) as client:
        refused = await client.call_tool(tool, given)
        assert refused.is_error
        assert refused.structured_content["error"] == "PayloadError"
        assert f"{place}: " in words_of(refused)
        assert "secret-value" not in words_of(refused)


async def test_decisions_are_made_and_their_outcomes_told(tmp_path: Path) -> None:
    options = [{"name": name, "attributes": {"reach": reach}} for name, reach in (("wait", 0.1), ("go", 0.9))]
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, permissions=ALL)) as client:
        decision = await client.call_tool("vsm_decide", {"context": {"issue": "Go?", "options": options}})
        assert decision.structured_content["decision"] == "go"
        told = {"decision_id": decision.structured_content["id"], "success": True, "note": "went well"}
        assert not (await client.call_tool("vsm_record_outcome", told)).is_error
        assert (await client.call_tool("vsm_record_outcome", told)).is_error
        wrong = await client.call_tool("vsm_decide", {"context": {"nonsense": 1}})
        assert wrong.structured_content["error"] == "PayloadError"


async def test_a_preflight_says_whether_needs_are_met(tmp_path: Path) -> None:
    async with living(tmp_path, "words") as vsm, client_of(mcp_server(vsm)) as client:
        cleared = await client.call_tool("vsm_preflight", {"needs": ["count words", "fly to the moon"]})
        assert len(cleared.structured_content["needs"]) == 2


async def test_each_agent_may_do_what_is_said_of_it_and_strangers_nothing(tmp_path: Path) -> None:
    names = iter(["reader", "reader", "stranger", "stranger", "stranger"])
    permitted = {"reader": ServePermissions(tools=("vsm_status",))}
    async with living(tmp_path) as vsm:
        served = mcp_server(vsm, permissions=permitted, principal=lambda _: next(names))
        async with client_of(served) as client:
            assert await names_of(client) == ["vsm_status"]
            assert not (await client.call_tool("vsm_status")).is_error
            assert await names_of(client) == []
            assert (await client.list_resources()).resources == []
            with pytest.raises(MCPError, match="no such resource"):
                await client.read_resource("vsm://status")


async def test_a_client_is_known_by_its_connection_and_never_by_what_it_says(tmp_path: Path) -> None:
    agents: list[Peer] = []

    def principal(peer: Peer) -> str:
        agents.append(peer)
        return "someone"

    async with living(tmp_path) as vsm:
        served = mcp_server(vsm, principal=principal)
        async with client_of(served) as client:
            await client.list_tools()
    assert agents == [Peer()]


async def test_acquired_tools_are_used_as_far_as_they_are_permitted(tmp_path: Path) -> None:
    permissions = ServePermissions(acquired=("words/count_words",))
    async with living(tmp_path, "words", "sums") as vsm:
        async with client_of(mcp_server(vsm, permissions=permissions)) as client:
            listed = await client.call_tool("vsm_tools")
            assert list(listed.structured_content["tools"]) == ["words__count_words"]
            done = await client.call_tool("vsm_execute", {"needs": "count words", "arguments": {"text": "a"}})
            assert words_of(done) == "1"
            for refused in (
                {"needs": "divide numbers", "arguments": {"a": 1, "b": 1}},
                {"needs": "x", "tool": "divide", "arguments": {"a": 1, "b": 1}},
                {"needs": "x", "tool": "sums__divide", "arguments": {"a": 1, "b": 1}},
            ):
                result = await client.call_tool("vsm_execute", refused)
                assert result.structured_content["error"] == "PermissionDeniedError"
            missing = await client.call_tool("vsm_execute", {"needs": "fly to the moon"})
            assert missing.structured_content["error"] == "CapabilityMissingError"
        assert vsm.status().variety.gap == 1


@pytest.mark.parametrize("era", ERAS)
async def test_acquired_tools_are_offered_as_tools_of_their_own(tmp_path: Path, era: Era) -> None:
    async with living(tmp_path, "words", "sums") as vsm:
        async with client_of(mcp_server(vsm, offer_tools=True), era) as client:
            assert (await names_of(client))[-3:] == ["sums__divide", "words__count_words", "words__shout"]
            assert words_of(await client.call_tool("words__count_words", {"text": "a b"})) == "2"
        async with client_of(mcp_server(vsm, offer_tools=True, plain_names=True), era) as client:
            assert (await names_of(client))[-3:] == ["divide", "count_words", "shout"]
            assert (await client.call_tool("divide", {"a": 6, "b": 2})).structured_content == {"result": 3.0}
            broken = await client.call_tool("divide", {"a": 6, "b": 0})
            assert broken.is_error
            assert broken.structured_content["error"] == "ToolError"
            with pytest.raises(MCPError, match="There is no tool"):
                await client.call_tool("sums__divide", {"a": 1, "b": 1})
            named = {"needs": "x", "tool": "divide", "arguments": {"a": 4, "b": 2}}
            assert words_of(await client.call_tool("vsm_execute", named)) == "2.0"


async def test_listening_clients_hear_that_the_tools_changed(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm:
        served = mcp_server(vsm, offer_tools=True)
        async with client_of(served) as client:
            async with client.listen(tools_list_changed=True) as changes:
                await vsm.acquire_capability("count words", "words")
                async for _ in changes:
                    break
                await served.changes.publish(ToolsListChanged())  # what the host has to say besides
                async for _ in changes:
                    break
            assert "words__count_words" in await names_of(client)


class Breaking(ViableSystem):
    """A system with a fault."""

    def cache_stats(self) -> Mapping[str, CacheStats]:
        raise RuntimeError("/root/secret-path is broken")


@pytest.mark.parametrize("era", ERAS)
async def test_what_breaks_inside_is_told_to_the_host_and_not_to_the_client(tmp_path: Path, era: Era) -> None:
    events: list[Event] = []

    def principal(_: Peer) -> str:
        if len(events) == 2:
            raise RuntimeError("secret-path again")
        return "reader"

    async with (
        Breaking(Settings(state=tmp_path), sources=(), emit=events.append) as vsm,
        client_of(mcp_server(vsm, principal=principal), era) as client,
    ):
        failed = await client.call_tool("vsm_metrics")
        assert failed.is_error
        said = [words_of(failed)]
        for ask in (client.read_resource("vsm://metrics"), client.list_tools()):
            with pytest.raises(MCPError) as refused:
                await ask
            said.append(str(refused.value))
    assert "secret-path" not in " ".join(said)
    told = [event for event in events if isinstance(event, RequestFailed)]
    assert [(event.agent, event.request) for event in told] == [
        ("reader", "vsm_metrics"),
        ("reader", "vsm://metrics"),
        ("?", "tools/list"),
    ]
    assert all("secret-path" in event.reason for event in told)


async def test_answers_have_a_bound(tmp_path: Path) -> None:
    limits = ServeLimits(response_bytes=1024)
    async with (
        living(tmp_path, "words") as vsm,
        client_of(mcp_server(vsm, limits=limits, offer_tools=True)) as client,
    ):
        refused = await client.call_tool("vsm_status")
        assert "at most 1024 are given out" in words_of(refused)
        with pytest.raises(MCPError, match="at most 1024"):
            await client.read_resource("vsm://status")
        assert (await client.call_tool("words__shout", {"text": "a" * 2000})).is_error
        loud = {"needs": "x", "tool": "shout", "arguments": {"text": "a" * 2000}}
        assert (await client.call_tool("vsm_execute", loud)).is_error


async def test_calls_under_way_have_a_bound(tmp_path: Path) -> None:
    asked = anyio.Event()

    async def approve(_: object) -> bool:
        asked.set()
        await anyio.sleep_forever()
        return True

    async with living(tmp_path, approve=approve) as vsm:
        served = mcp_server(vsm, permissions=ALL, limits=ServeLimits(calls=1))
        async with client_of(served) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "vsm_acquire", {"wanted": "count words"})
            await asked.wait()
            busy = await client.call_tool("vsm_status")
            assert busy.is_error
            assert busy.structured_content["retryable"] is True
            tasks.cancel_scope.cancel()


async def test_lists_come_in_pages(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, limits=ServeLimits(page=3))) as client:
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = await client.list_tools(cursor=cursor)
            names += [tool.name for tool in page.tools]
            assert len(page.tools) <= 3
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(names) == len(set(names)) == 14
        assert len((await client.list_resources(cursor="9")).resources) == 1
        assert (await client.list_resource_templates()).next_cursor is None
        for wrong in ("x", "-1", "10000", "1" * 30):
            with pytest.raises(MCPError, match="cursor"):
                await client.list_tools(cursor=wrong)


@pytest.mark.parametrize("era", ERAS)
async def test_parts_of_reports_are_read_by_name(tmp_path: Path, era: Era) -> None:
    async with living(tmp_path, "words") as vsm, client_of(mcp_server(vsm), era) as client:
        templates = [template.uri_template for template in (await client.list_resource_templates()).resource_templates]
        assert templates == ["vsm://servers/{name}", "vsm://acquisitions/{name}", "vsm://tools/{name}"]
        for uri in ("vsm://servers/words", "vsm://acquisitions/1", "vsm://tools/words__shout"):
            part = (await client.read_resource(uri)).contents[0]
            assert isinstance(part, TextResourceContents)
            assert "words" in part.text
        code = -32002 if era == "legacy" else INVALID_PARAMS
        for uri in (
            "vsm://servers/x",
            "vsm://acquisitions/0",
            "vsm://acquisitions/x",
            "vsm://x/y",
            "vsm://",
            "file:///x",
        ):
            with pytest.raises(MCPError, match="no such resource") as missing:
                await client.read_resource(uri)
            assert missing.value.code == code
            assert missing.value.data == {"uri": uri}


class Host:
    """A server of the host's own."""

    endless = False

    async def tools(self, _: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        names = ["confirm"] if params and params.cursor else ["greet", "vsm_status"]
        more = "more" if self.endless or not (params and params.cursor) else None
        return ListToolsResult(
            tools=[Tool(name=name, input_schema={"type": "object"}) for name in names], next_cursor=more
        )

    async def call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        if params.name == "confirm":
            if params.request_state is None:
                return InputRequiredResult(request_state="begun")
            return CallToolResult(content=[TextContent(text=params.request_state)])
        return CallToolResult(content=[TextContent(text=f"hello over {ctx.lifespan_context.wire}")])

    async def resources(self, _: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
        return ListResourcesResult(resources=[Resource(uri="host://motto", name="motto")])

    async def read(self, _: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        return ReadResourceResult(contents=[TextResourceContents(uri=params.uri, text="semper idem")])

    async def prompts(self, _: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(prompts=[Prompt(name="hello")])

    async def prompt(self, _: Context, __: GetPromptRequestParams) -> GetPromptResult:
        return GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(text="hello"))])

    def server(self) -> Server[Peer]:
        return Server(
            "host",
            lifespan=connected,
            on_list_tools=self.tools,
            on_call_tool=self.call,
            on_list_resources=self.resources,
            on_read_resource=self.read,
            on_list_prompts=self.prompts,
            on_get_prompt=self.prompt,
        )


@pytest.mark.parametrize("era", ERAS)
async def test_a_server_of_the_hosts_own_is_served_beside(tmp_path: Path, era: Era) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, beside=Host().server()), era) as client:
        names = await names_of(client)
        assert names[-2:] == ["greet", "confirm"]
        assert names.count("vsm_status") == 1
        assert (await client.call_tool("vsm_status")).structured_content["sandbox"]
        assert words_of(await client.call_tool("greet")) == "hello over memory"
        assert (await client.list_resources()).resources[-1].uri == "host://motto"
        read = (await client.read_resource("host://motto")).contents[0]
        assert isinstance(read, TextResourceContents)
        assert read.text == "semper idem"
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["hello"]
        assert (await client.get_prompt("hello")).messages


async def test_what_is_remembered_at_a_client_cannot_be_changed_there(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, beside=Host().server())) as client:
        assert words_of(await client.call_tool("confirm")) == "begun"
        with pytest.raises(MCPError):
            await client.call_tool("confirm", request_state="forged")


async def test_an_endless_list_beside_ends_in_an_error(tmp_path: Path) -> None:
    host = Host()
    host.endless = True
    async with living(tmp_path) as vsm, client_of(mcp_server(vsm, beside=host.server())) as client:
        with pytest.raises(MCPError):
            await client.list_tools()


async def test_tokens_are_no_matter_of_websockets(tmp_path: Path) -> None:
    class Verifier:
        async def verify_token(self, token: str) -> None:
            del token

    async with living(tmp_path) as vsm:
        with pytest.raises(ConfigurationError, match="WebSockets know no tokens"):
            mcp_server(vsm).streamable_http_app(websocket=True, token_verifier=Verifier())


async def test_a_served_system_says_its_name(tmp_path: Path) -> None:
    async with living(tmp_path) as vsm:
        assert repr(mcp_server(vsm, name="mine")) == "McpServer('mine')"
