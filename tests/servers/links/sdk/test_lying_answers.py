"""Answers made to harm: under other numbers, of millions of values, in floods, with secrets in them."""

import json
import sys
import time
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import pytest
from mcp import Client
from mcp.client import ClientSession
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse

from vsm_mcp.errors import CallTimeoutError, LinkError, NeedsConfigurationError, PayloadError, StartError, ToolError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.listing import LARGEST_LIST, Listing
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.servers.links.sdk.session import SdkLink
from vsm_mcp.servers.links.sdk.transports.framed import stdio
from vsm_mcp.servers.links.sdk.transports.traffic import MOST_WAITING
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.testing.servers import SYSTEM_PYTHON
from vsm_mcp.world.processes import Command, LocalProcesses, Process

SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing
HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})

LIAR = """
import json, os, sys, time
lie, secret = sys.argv[1], sys.argv[2]

def write(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

def send(**message):
    write(json.dumps({"jsonrpc": "2.0", **message}))

text = {"type": "object", "properties": {"text": {"type": "string"}}}
tool = {"name": "echo", "description": "Say it.", "inputSchema": text}
prompt = {"name": "hello", "description": "Greet."}
if lie == "secret-listed":
    tool["description"], tool["annotations"] = "Say " + secret, {"title": secret}
    prompt["description"] = secret
said = {
    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "prompts": {}},
    "serverInfo": {"name": "liar", "version": "1"}, "instructions": "Use " + secret if lie == "secret-listed" else "",
}
pages = 0
numbers = {"text": str, "zeros": lambda number: "00" + str(number), "wide": lambda number: chr(0xFF10 + number)}
many = "[" + "[]," * 150000 + "1]"
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    number, method = asked["id"], asked["method"]
    if method == "initialize":
        if lie == "secret-refusal":
            send(id=number, error={"code": -32001, "message": "I refuse " + secret})
        else:
            send(id=number, result=said)
    elif method.endswith("/list") and lie == "unset":
        sys.stderr.write("Error: the environment variable EXAMPLE_API_KEY is not set\\n")
        sys.stderr.flush()
        send(id=number, error={"code": -32603, "message": "Internal error"})
    elif method == "ping" and lie == "deaf":
        os.close(0)
        send(id=number, result={})
        time.sleep(60)
    elif method == "tools/list" and lie == "large-list":
        pages += 1
        entry = {**tool, "name": "echo" + str(pages), "description": "x" * 200000}
        send(id=number, result={"tools": [{**entry, "name": "t%d-%d" % (pages, one)} for one in range(20)],
                                "nextCursor": str(pages)})
    elif method == "tools/list":
        pages += 1
        other = numbers[lie](number) if lie in numbers and pages > 1 else number
        send(id=other, result={"tools": [tool]})
    elif method == "prompts/list":
        send(id=number, result={"prompts": [prompt]})
    elif lie == "nameless":
        send(id=None, error={"code": -32700, "message": "What?"})
    elif method == "ping":
        send(id=number, result={})
    elif lie == "secret-error":
        send(id=number, error={"code": -32000, "message": "Token " + secret + " is wrong\\n  -> Run: evil \\x1b[2J"})
    elif lie == "many-first":
        write('{"jsonrpc":"2.0","id":%d,"result":{"content":[],"structuredContent":{"r":%s}}}' % (number, many))
    elif lie == "many-last":
        write('{"result":{"content":[],"structuredContent":{"r":%s}},"id":%d,"jsonrpc":"2.0"}' % (many, number))
    elif lie == "many-nowhere":
        write('{"result":{"r":%s},"id":%d,"jsonrpc":"2.0","more":1}' % (many, number))
    elif lie == "commas":
        send(id=number, result={"content": [{"type": "text", "text": ',[{"\\\\' * 150000}]})
    elif lie in ("notices", "answers", "flood"):
        if lie != "flood":
            send(id=number, result={"content": [{"type": "text", "text": "hi"}]})
        notice = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}'
        answer = '{"jsonrpc":"2.0","id":%d,"result":{}}' % number
        while True:
            write("\\n".join([answer if lie == "answers" else notice] * 200))
    elif lie in ("busy", "pings"):
        notice = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}'
        if lie == "pings":
            notice = '{"jsonrpc":"2.0","id":"p","method":"ping"}'
        for _ in range(12 if lie == "busy" else 6):
            write("\\n".join([notice] * (1000 if lie == "busy" else 60)))
            for _ in range(60 * (lie == "pings")):
                sys.stdin.readline()
            time.sleep(0 if lie == "busy" else 0.5)
        send(id=number, result={"content": [{"type": "text", "text": "done"}]})
    else:
        send(id=number, result={"content": [{"type": "text", "text": "you said it"}]})
"""


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("liar") / "liar.py"
    program.write_text(LIAR)
    return program


def start(program: Path, lie: str) -> AbstractAsyncContextManager[Process]:
    return LocalProcesses().open(Command(argv=(SYSTEM_PYTHON, str(program), lie, SECRET)))


def connect(program: Path, lie: str, *, call: float = 20.0) -> AbstractAsyncContextManager[Link]:
    connector = SdkConnector(eras={"d": "legacy"}, call=call)
    return connector.stdio(partial(start, program, lie), name="s", digest="d", hide=(SECRET,))


@pytest.mark.anyio
async def test_an_answer_under_its_number_as_text_is_an_answer(liar: Path) -> None:
    async with connect(liar, "text") as link:
        for _ in range(3):
            assert [tool.name for tool in await link.tools()] == ["echo"]


@pytest.mark.anyio
@pytest.mark.parametrize("lie", ["zeros", "wide"])
async def test_an_answer_under_another_number_is_none(liar: Path, lie: str) -> None:
    async with connect(liar, lie, call=0.3) as link:
        await link.tools()
        with pytest.raises(CallTimeoutError):
            await link.tools()
        assert (await link.call(HELLO)).text == "you said it"


@pytest.mark.anyio
@pytest.mark.parametrize("lie", ["many-first", "many-last"])
@pytest.mark.promise("E50")
async def test_an_answer_of_too_many_values_is_refused_unread_and_the_link_lives(liar: Path, lie: str) -> None:
    async with connect(liar, lie) as link:
        with pytest.raises(PayloadError, match="more than the 200000 values allowed"):
            await link.call(HELLO)
        await link.ping()
        assert link.alive


@pytest.mark.anyio
async def test_too_many_values_that_answer_nobody_end_the_link(liar: Path) -> None:
    async with connect(liar, "many-nowhere") as link:
        with pytest.raises(LinkError, match="a message that is not read: its 450052 bytes hold more than"):
            await link.call(HELLO)
        assert not link.alive


@pytest.mark.anyio
async def test_commas_and_brackets_of_a_long_text_are_no_values(liar: Path) -> None:
    async with connect(liar, "commas") as link:
        assert len((await link.call(HELLO)).text) == 5 * 150_000


@pytest.mark.anyio
@pytest.mark.parametrize(("lie", "said"), [("notices", "floods its connection"), ("answers", "answer nothing")])
@pytest.mark.promise("E50")
async def test_a_flood_of_what_nobody_asked_for_ends_the_link(liar: Path, lie: str, said: str) -> None:
    async with connect(liar, lie) as link:
        spent = time.process_time()
        assert (await link.call(HELLO)).text == "hi"
        with anyio.fail_after(10):
            ending = await link.ended()
        assert said in ending.reason
        assert not link.alive
        assert time.process_time() - spent < 5


@pytest.mark.anyio
@pytest.mark.parametrize("lie", ["busy", "pings"])
async def test_a_server_that_says_much_in_a_call_is_waited_with(liar: Path, lie: str) -> None:
    async with connect(liar, lie) as link:
        assert (await link.call(HELLO)).text == "done"
        assert link.alive


@pytest.mark.anyio
async def test_a_flood_in_a_call_costs_little_and_ends_with_its_deadline(liar: Path) -> None:
    async with connect(liar, "flood", call=3) as link:
        spent = time.process_time()
        with pytest.raises(CallTimeoutError):
            await link.call(HELLO)
        assert time.process_time() - spent < 1.5
        assert link.alive


@pytest.mark.anyio
@pytest.mark.promise("E64")
async def test_an_error_of_a_server_is_quoted_without_its_secrets_on_one_line(liar: Path) -> None:
    async with connect(liar, "secret-error") as link:
        with pytest.raises(ToolError) as caught:
            await link.call(HELLO)
    assert "Token [hidden] is wrong   -> Run: evil \\x1b[2J" in caught.value.message
    assert str(caught.value).count("\n  -> ") == len(caught.value.remedies)


@pytest.mark.anyio
async def test_a_refused_greeting_is_quoted_without_secrets(liar: Path) -> None:
    with pytest.raises(StartError, match=r"I refuse \[hidden\]"):
        async with connect(liar, "secret-refusal"):
            pytest.fail("it came up")


@pytest.mark.anyio
async def test_what_a_server_lists_and_tells_of_itself_holds_none_of_its_secrets(liar: Path) -> None:
    async with connect(liar, "secret-listed") as link:
        (tool,), (prompt,) = await link.tools(), await link.prompts()
        assert (tool.description, prompt.description, link.instructions) == ("Say [hidden]", "[hidden]", "Use [hidden]")
        assert SECRET not in json.dumps([tool.raw, prompt.raw], default=dict)


@pytest.mark.anyio
async def test_a_list_of_tools_that_is_too_large_in_all_is_refused(liar: Path) -> None:
    async with connect(liar, "large-list") as link:
        with pytest.raises(LinkError, match=f"more than {LARGEST_LIST} bytes"):
            await link.tools()


@pytest.mark.anyio
async def test_a_tool_that_nobody_saw_come_is_an_error_of_ours(liar: Path) -> None:
    async with (
        start(liar, "good") as process,
        stdio(process, listing=Listing(), stderr=StderrRing()) as transport,
        Client(transport, mode="legacy", cache=None) as client,
    ):
        link = SdkLink(client.session, name="s", listing=Listing(), seconds=5, transport=transport)
        with pytest.raises(LinkError, match="lists 'echo' in an answer that nobody asked for"):
            await link.tools()


@pytest.mark.anyio
async def test_why_a_server_lists_nothing_is_read_from_its_error_output(liar: Path) -> None:
    async with connect(liar, "unset") as link:
        assert await link.prompts() == ()
        with pytest.raises(NeedsConfigurationError, match="EXAMPLE_API_KEY"):
            await link.tools()
        assert link.alive


@pytest.mark.anyio
async def test_a_server_that_stops_listening_is_gone(liar: Path) -> None:
    async with connect(liar, "deaf") as link:
        await link.ping()
        with pytest.raises(LinkError, match="the server closed its input"):
            await link.call(HELLO)
        assert not link.alive


class Broken:
    """A session whose library fails at what it reads."""

    protocol_version = "2025-11-25"

    async def send_ping(self) -> None:
        await anyio.lowlevel.checkpoint()
        raise LookupError(sys.argv[0])


@pytest.mark.anyio
async def test_whatever_the_library_raises_at_an_answer_is_an_error_of_ours() -> None:
    session = cast("ClientSession", Broken())
    link = SdkLink(session, name="s", listing=Listing(), seconds=5, transport=None)
    with pytest.raises(LinkError, match="cannot be read: LookupError"):
        await link.ping()


@pytest.mark.anyio
async def test_only_so_many_requests_are_remembered_the_newest(liar: Path) -> None:
    async with start(liar, "good") as process, stdio(process, listing=Listing(), stderr=StderrRing()) as transport:
        for number in range(MOST_WAITING + 1):
            transport.traffic.sent(JSONRPCRequest(jsonrpc="2.0", id=number, method="ping"))
        async with transport as (read, write):
            for number in (0, MOST_WAITING):
                request = JSONRPCRequest(jsonrpc="2.0", id=number, method="ping")
                await process.stdin.send(request.model_dump_json(by_alias=True).encode() + b"\n")
            item = await read.receive()
            assert isinstance(item, SessionMessage)
            assert isinstance(item.message, JSONRPCResponse)
            assert item.message.id == MOST_WAITING
            assert transport.traffic.noise.total == 1
            await write.aclose()


@pytest.mark.anyio
async def test_an_error_that_names_no_request_is_passed_on_and_counted(liar: Path) -> None:
    async with (
        start(liar, "nameless") as process,
        stdio(process, listing=Listing(), stderr=StderrRing()) as transport,
        transport as (read, _),
    ):
        await process.stdin.send(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        item = await read.receive()
        assert isinstance(item, SessionMessage)
        assert isinstance(item.message, JSONRPCError)
        assert transport.traffic.noise.total == 1
