"""Peers that say odd things over a good connection: floods, questions, tools and arguments that cannot be used."""

from collections.abc import Iterator
from types import MappingProxyType

import anyio
import pytest
from mcp import MCPError
from mcp.server import MCPServer
from mcp_types import INVALID_REQUEST, ImageContent
from tests.servers.links.peer import Net
from tests.servers.links.ways import Open, http, tcp

from vsm_mcp.errors import LinkError, PayloadError, ToolError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.arguments import sendable, size_of
from vsm_mcp.servers.links.link import Consent, Link
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.testing.peer import Json, Peer, Send, members, tool

pytestmark = pytest.mark.anyio

VERSION = "2025-11-25"


class Odd(Peer):
    async def list_tools(self, number: object, params: Json, send: Send) -> None:
        if self.tools:
            await super().list_tools(number, params, send)
        else:
            await send({"jsonrpc": "2.0", "id": number, "error": {"code": -32000, "message": "not today"}})

    async def call(self, number: object, params: Json, send: Send) -> None:
        if params.get("name") == "storm":
            for count in range(20_000):
                await send({"jsonrpc": "2.0", "id": f"r{count}", "method": "roots/list"})
        if params.get("name") == "elicit":
            asked: Json = {"message": "Name?", "requestedSchema": {"type": "object", "properties": {}}}
            await send({"jsonrpc": "2.0", "id": "e1", "method": "elicitation/create", "params": asked})
        given = members(params, "arguments")
        for count in range(int(str(given.get("chatter", 0)))):
            await send({"chatter": count})
        await super().call(number, {**params, "name": "sleep" if params.get("name") == "sleep" else "echo"}, send)


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Net(Odd()) as net:
        yield net


async def test_a_storm_of_requests_over_http_ends_the_link(net: Net) -> None:
    with anyio.fail_after(20):
        async with http(SdkConnector(eras={}), net, VERSION, endless=False) as link:
            with pytest.raises(LinkError):
                await link.call(ToolCall(server="s", tool="storm"))
            assert not link.alive
            assert "floods its connection with requests" in (await link.ended()).reason


async def test_a_question_over_http_reaches_the_host_that_allows_questions(net: Net) -> None:
    heard = anyio.Event()

    async def elicit(_server: str, _question: JsonObject) -> JsonObject | None:
        await anyio.lowlevel.checkpoint()
        heard.set()
        return {"action": "decline"}

    with anyio.fail_after(20):
        connector = SdkConnector(eras={}, consent=Consent(elicit=elicit))
        async with http(connector, net, VERSION, endless=False) as link:
            call = ToolCall(server="s", tool="elicit", arguments={"text": "on"})
            assert (await link.call(call)).text == "on"
            await heard.wait()


async def test_what_is_no_message_is_passed_over_in_a_stream_of_many_answers_until_it_is_a_flood(net: Net) -> None:
    with anyio.fail_after(20):
        async with http(SdkConnector(eras={"d": "older-http"}), net, VERSION, endless=False, path="/older") as link:
            few = ToolCall(server="s", tool="echo", arguments={"chatter": 3, "text": "on"})
            assert (await link.call(few)).text == "on"
            with pytest.raises(LinkError, match=r"1001 lines .* that answer nothing"):
                await link.call(ToolCall(server="s", tool="sleep", arguments={"chatter": 1001}))
            assert not link.alive


@pytest.mark.parametrize("way", [http, tcp])
async def test_a_server_that_refuses_to_list_its_tools_is_an_error_and_the_link_lives(way: Open, net: Net) -> None:
    net.peer.tools = []
    try:
        with anyio.fail_after(20):
            async with way(SdkConnector(eras={}), net, VERSION, endless=False) as link:
                with pytest.raises(ToolError, match="s refused the request for its tools: not today"):
                    await link.tools()
                assert link.alive
    finally:
        net.peer.tools = [tool("echo")]


@pytest.mark.parametrize("way", [http, tcp])
async def test_a_call_under_way_ends_with_its_link(way: Open, net: Net) -> None:
    over: list[str] = []

    async def call(link: Link) -> None:
        with pytest.raises(LinkError) as caught:
            await link.call(ToolCall(server="s", tool="sleep"))
        over.append(caught.value.message)

    net.peer.seen.clear()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, way(SdkConnector(eras={}), net, VERSION, endless=False) as link:
            tasks.start_soon(call, link)
            while "tools/call" not in net.peer.seen:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)
    assert over == ["The connection to s broke during the call of sleep, which may have been executed: it was closed."]


async def test_tools_that_cannot_be_handled_are_left_out_each_with_its_reason(net: Net) -> None:
    huge = {**tool("huge"), "description": "x" * 300_000}
    deep: list[object] = []
    for _ in range(80):
        deep = [deep]
    nested = {**tool("nested"), "inputSchema": {"type": "object", "default": deep}}
    net.peer.tools = [tool("echo"), huge, nested, tool("two\nlines")]
    try:
        with anyio.fail_after(20):
            async with tcp(SdkConnector(eras={}), net, VERSION, endless=False) as link:
                assert [one.name for one in await link.tools()] == ["echo"]
                dropped = dict(link.dropped)
    finally:
        net.peer.tools = [tool("echo")]
    assert "more than the" in dropped["huge"]
    assert "cannot be pinned" in dropped["nested"]
    assert any("printable characters" in reason for reason in dropped.values())


@pytest.mark.parametrize("value", [float("nan"), object(), {"a": {1, 2}}])
def test_arguments_that_are_no_json_are_refused(value: object) -> None:
    arguments: JsonObject = {"a": [value]}  # pyright: ignore[reportAssignmentType] - what no type checker saw
    with pytest.raises(PayloadError, match="no JSON values"):
        sendable(arguments, "the call of t", most=100)


def test_arguments_are_sent_as_plain_json_whatever_they_were_kept_in() -> None:
    given: JsonObject = {"a": MappingProxyType({"b": (1, "x")})}
    assert sendable(given, "the call of t", most=100) == {"a": {"b": [1, "x"]}}
    with pytest.raises(PayloadError, match="more than the 100"):
        sendable({"a": ["x" * 200]}, "the call of t", most=100)
    assert size_of({1: 2**70}) > 20


async def picture() -> ImageContent:
    await anyio.lowlevel.checkpoint()
    return ImageContent(type="image", data="aGk=", mime_type="image/png")


async def refuse() -> str:
    await anyio.lowlevel.checkpoint()
    raise MCPError(INVALID_REQUEST, "not like this")


async def test_a_tool_of_this_process_may_answer_with_a_picture_or_refuse_in_the_words_of_the_protocol() -> None:
    server: MCPServer[None] = MCPServer("here")
    server.add_tool(picture, structured_output=False)
    server.add_tool(refuse)
    connector = LazyConnector(eras={}, start=10.0, call=10.0)
    assert repr(connector) == "LazyConnector(probe=5.0, start=10.0, call=10.0)"
    with anyio.fail_after(20):
        async with connector.memory(lambda: server, name="s") as link:
            shown = await link.call(ToolCall(server="s", tool="picture"))
            assert shown.content[0]["mimeType"] == "image/png"
            with pytest.raises(ToolError, match="not like this"):
                await link.call(ToolCall(server="s", tool="refuse"))
