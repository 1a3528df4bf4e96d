"""The wires of the MCP server: TCP, WebSocket, HTTP, pipes; who is let in, and what becomes of rubbish."""

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx2
import orjson
import pytest
import websockets
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, StdioServerParameters
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import AnyHttpUrl
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets.typing import Origin, Subprotocol

from vsm_mcp import Settings, ViableSystem
from vsm_mcp.__main__ import main
from vsm_mcp.adapters.mcp_server import McpServer, mcp_server
from vsm_mcp.adapters.serving.options import Peer, ServeLimits, Wire, principal_of
from vsm_mcp.adapters.serving.wires.streams import Outgoing, StandardStreams
from vsm_mcp.adapters.serving.wires.web import SocketFrames
from vsm_mcp.commands.outcome import ExitCode
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.addresses import is_here

HELLO: Mapping[str, object] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
DISCOVER: Mapping[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": META}}
STATUS: Mapping[str, object] = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "vsm_status", "arguments": {}, "_meta": META},
}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
ONLY_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])


@asynccontextmanager
async def serving(state: Path, peers: list[Peer] | None = None, **limits: float) -> AsyncGenerator[McpServer]:
    def principal(peer: Peer) -> str:
        if peers is not None:
            peers.append(peer)
        return principal_of(peer)

    with anyio.fail_after(20):
        async with ViableSystem(Settings(state=state), sources=()) as vsm:
            yield mcp_server(vsm, principal=principal, limits=ServeLimits.model_validate(limits))


class Lines:
    """A client that speaks in lines."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self._buffered = BufferedByteReceiveStream(stream)

    async def ask(self, message: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
        await self.stream.send(orjson.dumps(message) + b"\n")
        return orjson.loads(await self._buffered.receive_until(b"\n", 10_000_000))

    async def is_closed(self) -> bool:
        try:
            await self.stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
        return False


@pytest.mark.anyio
@pytest.mark.promise("C33")
async def test_tcp_serves_both_eras_a_line_per_message(tmp_path: Path) -> None:
    peers: list[Peer] = []
    async with serving(tmp_path, peers) as served, served.listen_tcp() as address:
        for first, version in ((HELLO, "2025-11-25"), (DISCOVER, "2026-07-28")):
            async with await anyio.connect_tcp(*address) as stream:
                client = Lines(stream)
                hello = (await client.ask(first))["result"]
                assert version in orjson.dumps(hello).decode()
                old = {**STATUS, "params": {"name": "vsm_status"}}
                answer = await client.ask(STATUS if first is DISCOVER else old)
                assert answer["result"]["isError"] is False
    assert {(peer.wire, peer.address) for peer in peers} == {(Wire.TCP, "127.0.0.1")}


@pytest.mark.anyio
async def test_lines_that_cannot_be_read_are_skipped_until_there_are_too_many(tmp_path: Path) -> None:
    async with serving(tmp_path, bad_messages=2) as served, served.listen_tcp() as address:
        async with await anyio.connect_tcp(*address) as stream:
            client = Lines(stream)
            await stream.send(b"rubbish\n\n" + b"[" * 100_000 + b"\n")
            assert (await client.ask(HELLO))["result"]
            await stream.send(b"rubbish\n")
            assert await client.is_closed()
        async with await anyio.connect_tcp(*address) as stream:
            await stream.send(b"[" + b"0," * 300_000 + b"0]\n")
            assert (await Lines(stream).ask(HELLO))["result"]


@pytest.mark.anyio
async def test_a_line_that_is_too_long_ends_its_connection_and_no_other(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, request_bytes=2048) as served,
        served.listen_tcp() as address,
        await anyio.connect_tcp(*address) as good,
        await anyio.connect_tcp(*address) as bad,
    ):
        assert (await Lines(bad).ask(HELLO))["result"]
        await bad.send(b"x" * 3000)
        assert await Lines(bad).is_closed()
        assert (await Lines(good).ask(HELLO))["result"]


@pytest.mark.anyio
async def test_connections_have_a_bound_and_a_place_is_given_back(tmp_path: Path) -> None:
    async with serving(tmp_path, connections=1) as served, served.listen_tcp() as address:
        async with await anyio.connect_tcp(*address) as first, await anyio.connect_tcp(*address) as second:
            assert (await Lines(first).ask(HELLO))["result"]
            assert await Lines(second).is_closed()
        for _ in range(100):
            async with await anyio.connect_tcp(*address) as third:
                await third.send(orjson.dumps(HELLO) + b"\n")
                if not await Lines(third).is_closed():
                    return
            await anyio.sleep(0.02)
        raise AssertionError("the place was not given back")


class Stuck:
    """A client that does not read."""

    closed = False

    async def receive(self) -> bytes:
        raise anyio.EndOfStream

    async def send(self, frame: bytes, /) -> None:
        assert frame
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.anyio
async def test_a_client_that_does_not_read_is_let_go() -> None:
    stuck = Stuck()
    outgoing = Outgoing(stuck, ServeLimits(write_seconds=0.01))
    message = SessionMessage(jsonrpc_message_adapter.validate_python(dict(HELLO), by_name=False))
    with anyio.fail_after(5), pytest.raises(anyio.BrokenResourceError):
        await outgoing.send(message)
    assert stuck.closed


@contextmanager
def standard_streams() -> Generator[tuple[int, int]]:
    """Put pipes in the place of standard input and output; give the client's ends."""
    kept = os.dup(0), os.dup(1)
    theirs, ours = os.pipe(), os.pipe()
    os.dup2(theirs[0], 0)
    os.dup2(ours[1], 1)
    try:
        yield theirs[1], ours[0]
    finally:
        os.dup2(kept[0], 0)
        os.dup2(kept[1], 1)
        for descriptor in (*kept, theirs[0], *ours):
            os.close(descriptor)


@pytest.mark.anyio
async def test_standard_streams_are_taken_and_given_back(tmp_path: Path) -> None:
    peers: list[Peer] = []
    async with serving(tmp_path, peers) as served:
        with standard_streams() as (to_server, from_server):
            before = os.fstat(1).st_ino
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(served.run_stdio)
                while os.fstat(1).st_ino == before:  # until the streams are taken
                    await anyio.lowlevel.checkpoint()
                for message, sign in ((DISCOVER, b"2026-07-28"), (STATUS, b'"isError":false')):
                    os.write(1, b"printed by somebody\n")
                    os.write(to_server, orjson.dumps(message) + b"\n")
                    answer = b""
                    while not answer.endswith(b"\n"):
                        await anyio.wait_readable(from_server)
                        answer += os.read(from_server, 65_536)
                    assert sign in answer
                    assert b"printed" not in answer
                os.close(to_server)
            os.write(1, b"given back")
            assert os.read(from_server, 100) == b"given back"
    assert [peer.wire for peer in peers] == [Wire.STDIO]


@pytest.mark.anyio
async def test_a_client_that_is_gone_ends_the_writing() -> None:
    with standard_streams() as (to_server, _):
        read, write = os.pipe()
        os.dup2(write, 1)
        os.close(write)
        streams = StandardStreams()
        await streams.send(b"x" * 5000)
        os.close(read)
        with pytest.raises(anyio.BrokenResourceError):
            await streams.send(b"x")
        await streams.aclose()
        await streams.aclose()
        os.close(to_server)


@pytest.mark.anyio
async def test_input_from_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(orjson.dumps(HELLO))
    with standard_streams() as (to_server, _):
        with (tmp_path / "said").open("rb") as said:
            os.dup2(said.fileno(), 0)
        streams = StandardStreams()
        assert await streams.receive() == orjson.dumps(HELLO)
        with pytest.raises(anyio.EndOfStream):
            await streams.receive()
        await streams.aclose()
        os.close(to_server)


@pytest.mark.anyio
async def test_a_public_address_must_be_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for listen in (served.listen_tcp, served.listen_http, served.listen_websocket, served.listen_sse):
            for host in ("0.0.0.0", "::", "example.com"):  # noqa: S104 - that is what is refused
                with pytest.raises(ConfigurationError, match="could be reached from elsewhere"):
                    await listen(host).__aenter__()
        async with served.listen_tcp("0.0.0.0", public=True) as address:  # noqa: S104 - asked for
            with pytest.raises(ConfigurationError, match="Nothing can be served"):
                await served.listen_tcp(port=address[1]).__aenter__()
        with pytest.raises(ConfigurationError, match="Nothing can be served"):
            await served.listen_tcp(port=70_000).__aenter__()
    assert is_here("::1")
    assert is_here("localhost")


@pytest.mark.anyio
async def test_an_error_in_the_body_passes_bare(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        with pytest.raises(ZeroDivisionError):
            async with served.listen_tcp():
                raise ZeroDivisionError


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_http_says_that_it_needs_asyncio(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        with pytest.raises(ConfigurationError, match="under asyncio only"):
            await served.listen_http().__aenter__()


@pytest.mark.anyio
@ONLY_ASYNCIO
@pytest.mark.promise("C54")
async def test_http_refuses_other_hosts_other_pages_and_what_is_too_large(tmp_path: Path) -> None:
    peers: list[Peer] = []
    async with serving(tmp_path, peers, request_bytes=4096) as served, served.listen_http() as url:
        async with httpx2.AsyncClient(headers=HEADERS) as http:
            assert (await http.post(url, json=HELLO)).status_code == 200
            assert (await http.post(url, json=HELLO, headers={"host": "evil.example"})).status_code == 421
            assert (await http.post(url, json=HELLO, headers={"origin": "http://evil.example"})).status_code == 403
            assert (await http.post(url, content=b"x" * 5000)).status_code == 413
        async with Client(url) as client:
            assert (await client.call_tool("vsm_status")).structured_content["sandbox"]
        with pytest.raises(ConfigurationError, match="Nothing can be served"):
            await served.listen_http(port=int(url.split(":")[2].split("/")[0])).__aenter__()
    assert {(peer.wire, peer.address) for peer in peers} == {(Wire.HTTP, "127.0.0.1")}


@pytest.mark.anyio
@ONLY_ASYNCIO
async def test_the_second_part_of_an_answer_does_not_wait_for_the_first_to_be_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening: list[socket.socket] = []

    def kept(address: tuple[str, int], *, family: int) -> socket.socket:
        listening.append(create_server(address, family=family))
        return listening[-1]

    create_server = socket.create_server
    monkeypatch.setattr(socket, "create_server", kept)
    async with serving(tmp_path) as served, served.listen_http() as url:
        port = int(url.split(":")[2].split("/")[0])
        assert [one.getsockname()[1] for one in listening] == [port]
        assert listening[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "what is accepted inherits it"


@pytest.mark.anyio
@ONLY_ASYNCIO
@pytest.mark.promise("C53")
async def test_whom_a_token_names_is_the_agent(tmp_path: Path) -> None:
    class Verifier:
        async def verify_token(self, token: str) -> AccessToken | None:
            known = AccessToken(token=token, client_id="desk", scopes=[], subject="ada")
            return known if token == "hers" else None  # noqa: S105 - nothing secret

    peers: list[Peer] = []
    issuer = AnyHttpUrl("https://issuer.example")
    auth = AuthSettings(issuer_url=issuer, resource_server_url=None, validate_token_resource=False)
    async with serving(tmp_path, peers) as served:
        app = served.streamable_http_app(auth=auth, token_verifier=Verifier())
        transport = httpx2.ASGITransport(app=app)
        call = {**STATUS, "params": {"name": "vsm_status", "arguments": {}, "_meta": META}}
        headers = {
            **HEADERS,
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "vsm_status",
        }
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http,
        ):
            assert (await http.post("/mcp", json=call)).status_code == 401
            answer = await http.post("/mcp", json=call, headers={"authorization": "Bearer hers"})
            assert answer.status_code == 200
    assert [principal_of(peer) for peer in peers] == ["mcp:ada"]


@pytest.mark.anyio
@ONLY_ASYNCIO
async def test_websockets_need_the_subprotocol_and_the_right_origin(tmp_path: Path) -> None:
    peers: list[Peer] = []
    mcp = [Subprotocol("mcp")]
    async with serving(tmp_path, peers, connections=1, request_bytes=2048) as served, served.listen_websocket() as url:
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(url)
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(url, subprotocols=mcp, origin=Origin("http://evil.example"))
        async with websockets.connect(url, subprotocols=mcp) as client:
            assert client.subprotocol == "mcp"
            await client.send(orjson.dumps(DISCOVER))
            assert "2026-07-28" in str(await client.recv())
            await client.send(orjson.dumps(STATUS).decode())
            assert orjson.loads(await client.recv())["result"]["isError"] is False
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url, subprotocols=mcp)
            await client.send("x" * 3000)
            with pytest.raises(websockets.ConnectionClosed):
                await client.recv()
        async with Client(url.replace("ws:", "http:")) as http:
            assert (await http.list_tools()).tools
    assert {peer.wire for peer in peers} == {Wire.WEBSOCKET, Wire.HTTP}


@pytest.mark.anyio
async def test_a_websocket_of_any_asgi_server_is_bounded_and_ends_once() -> None:
    said: list[Message] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "bytes": b"x" * 11},
        {"type": "websocket.disconnect", "code": 1000},
    ]

    async def receive() -> Message:
        return said.pop(0)

    async def send(message: Message) -> None:
        if message["type"] != "websocket.accept":
            raise OSError

    websocket = WebSocket({"type": "websocket"}, receive, send)
    await websocket.accept()
    frames = SocketFrames(websocket, largest=10)
    with pytest.raises(PayloadError, match="11 bytes"):
        await frames.receive()
    with pytest.raises(anyio.EndOfStream):
        await frames.receive()
    with pytest.raises(anyio.BrokenResourceError):
        await frames.send(b"{}")
    await frames.aclose()
    await frames.aclose()


@pytest.mark.anyio
@ONLY_ASYNCIO
async def test_a_websocket_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    async with serving(tmp_path) as served:
        with pytest.raises(ConfigurationError, match="'ws'"):
            await served.listen_websocket().__aenter__()


@pytest.mark.promise("C54")
def test_the_command_serves_over_stdio_and_ends_with_its_client(tmp_path: Path) -> None:
    program = (
        "import os, runpy, sys; sys.argv[1:] = ['serve'];"
        "import vsm_mcp.adapters.mcp_server as m; real = m.McpServer.serve_frames\n"
        "async def noisy(self, frames, peer):\n"
        "    print('printed'); os.write(1, b'written'); os.system('echo shouted'); await real(self, frames, peer)\n"
        "m.McpServer.serve_frames = noisy\n"
        "runpy.run_module('vsm_mcp', run_name='__main__')\n"
    )

    async def talk() -> None:
        env = {**os.environ, "VSM_MCP_STATE": str(tmp_path)}
        command = StdioServerParameters(command=sys.executable, args=["-c", program], env=env)
        with anyio.fail_after(40):
            async with Client(command) as client:
                assert len((await client.list_tools()).tools) == 14
                assert (await client.call_tool("vsm_status")).structured_content["viable"] is None

    anyio.run(talk)


@pytest.mark.parametrize("words", [["--http", "no"], ["--tcp", "127.0.0.1:99999"], ["--tcp", "a:1", "--http", "a:1"]])
def test_the_command_refuses_what_is_no_address(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", *words])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage:" in captured.err


def test_the_command_refuses_a_public_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path))
    for wire in ("--http", "--tcp", "--websocket", "--sse"):
        assert main(["serve", wire, "0.0.0.0:0"]) == ExitCode.UNUSABLE
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "could be reached from elsewhere" in captured.err


@pytest.mark.promise("C53")
def test_the_command_serves_at_an_address_until_it_is_terminated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path))
    read, write = os.pipe()
    monkeypatch.setattr(sys, "stderr", os.fdopen(write, "w"))

    def meet() -> None:
        host, port = os.read(read, 1000).decode().strip().removeprefix("Serving at ").removesuffix(".").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(orjson.dumps(HELLO) + b"\n")
            met.append(connection.recv(65_536))
        os.kill(os.getpid(), signal.SIGTERM)

    met: list[bytes] = []
    client = threading.Thread(target=meet)
    client.start()
    assert main(["serve", "--tcp", "127.0.0.1:0"]) == ExitCode.WELL
    client.join()
    sys.stderr.close()
    os.close(read)
    assert b"2025-11-25" in met[0]
    assert capsys.readouterr().out == ""
