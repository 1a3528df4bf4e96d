"""HTTP as odd servers speak it: what breaks off, is too large, resumes or leads elsewhere, one request at a time."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from typing import Self

import anyio
import httpcore2
import httpx2
import pytest
from tests.servers.links.ways import dial, remote

from vsm_mcp.errors import LinkError
from vsm_mcp.servers.links.wire.dialing import DialedNetwork
from vsm_mcp.servers.links.wire.events import Body, Failed, Fate, Fates
from vsm_mcp.servers.links.wire.http import PatientTransport
from vsm_mcp.servers.links.wire.wire import Bounds

pytestmark = pytest.mark.anyio

EVENTS = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
ANSWER = '{"jsonrpc": "2.0", "id": 1, "result": {}}'
NOTICE = '{"jsonrpc": "2.0", "method": "notifications/progress"}'
SMALL = Bounds(response=2000)


def reply(body: str, *more: str, status: int = 200, kind: str = "application/json", length: int | None = None) -> str:
    lines = "".join(f"{line}\r\n" for line in (*more, "connection: close"))
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n{lines}\r\n{body}"


ANSWERS = {
    "/short": reply("{", length=100),
    "/long": reply('"' + "x" * 3000 + '"'),
    "/many": reply("[" + "1," * 200_001 + "1]"),
    "/refused": reply('{"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "no"}}', status=400),
    "/cut-refusal": reply("no", status=500, length=100),
    "/unknown": reply("<html>", status=400, kind="text/html"),
    "/gone": reply("", status=404),
    "/moved": reply("", "location: http://elsewhere.example/mcp", status=307),
    "/packed": reply("x", "content-encoding: gzip"),
    "/no-http": "220 mail.example ready\r\n",
    "/hangs-up": "",
    "/told": f"{EVENTS}: hello\n\nevent: message\ndata: {NOTICE}\n\ndata: {ANSWER}\n\n",
    "/broken": f"{EVENTS}data: [[[\n\ndata: {ANSWER}\n\n",
    "/early": f"{EVENTS}data: {NOTICE}\n\n",
    "/resumable": f"{EVENTS}id: 7\r\nretry: 10\r\ndata:\r\n\r\n",
    "/large-event": f"{EVENTS}data: {'x' * 3000}\n\n",
    "/streamed": f"{EVENTS}data: {NOTICE}\n\ndata: {ANSWER}\n\n",
    "/large-of-one": EVENTS + 'data: {"jsonrpc": "2.0", "id": 9, "result": "' + "x" * 3000 + '"}\n\ndata: 1\n\n',
    "/endless-of-one": EVENTS + 'data: {"jsonrpc": "2.0", "id": 8, "result": "' + "x" * 7_000_000,
    "/large-of-none": EVENTS + "data: " + "x" * 3000 + "\n\ndata: 1\n\n",
}


class Scripted:
    """Answers every request with what stands for its path, in a thread; a path that is not there gets no answer."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.05)  # what was closed ends one turn later

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            if sent := re.search(r"content-length: (\d+)", head.lower()):
                await reader.readexactly(int(sent[1]))
            if path not in self.answers:
                await self._stop.wait()
            writer.write(self.answers[path].encode())
            await writer.drain()


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with Scripted(ANSWERS) as server:
        yield server


class Asking:
    """A client with what it heard and learned."""

    def __init__(self, port: int, bounds: Bounds) -> None:
        self.heard: list[bytes] = []
        self.fates = Fates()
        self._base = f"http://127.0.0.1:{port}"
        transport = PatientTransport(remote(), self.fates, bounds=bounds, hear=self._hear)
        self.client = httpx2.AsyncClient(transport=transport, trust_env=False, timeout=5.0)

    async def _hear(self, frame: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        self.heard.append(frame)

    async def post(self, path: str, **headers: str) -> httpx2.Response:
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(self._base + path, json=message, headers=given)

    async def get(self, path: str) -> list[str]:
        async with self.client.stream("GET", self._base + path) as response:
            return [line async for line in response.aiter_lines() if line]

    async def delete(self, path: str) -> httpx2.Response:
        return await self.client.delete(self._base + path)


@asynccontextmanager
async def asking(server: Scripted, *, bounds: Bounds = SMALL) -> AsyncGenerator[Asking]:
    with anyio.fail_after(10):
        asks = Asking(server.port, bounds)
        async with asks.client:
            yield asks


@pytest.mark.parametrize(
    ("path", "fate", "said"),
    [
        ("/short", Fate.UNREACHED, "broke off"),
        ("/long", Fate.TOO_LARGE, "2000 bytes"),
        ("/cut-refusal", Fate.UNREACHED, "status 500"),
        ("/unknown", Fate.UNREACHED, "status 400"),
        ("/packed", Fate.UNREACHED, "it is packed"),
        ("/no-http", Fate.UNREACHED, ""),
        ("/hangs-up", Fate.UNREACHED, ""),
        ("/early", Fate.UNREACHED, "before it was complete"),
        ("/large-event", Fate.TOO_LARGE, "2000 bytes"),
    ],
)
async def test_what_goes_wrong_is_an_error_for_the_one_request_it_happened_to(
    server: Scripted, path: str, *, fate: Fate, said: str
) -> None:
    async with asking(server) as asks:
        answer = json.loads((await asks.post(path)).content)
        failed = asks.fates.take(1)
    assert answer["id"] == 1
    assert failed is not None
    assert failed.fate is fate
    assert said in failed.why
    assert asks.fates.take(1) is None


async def test_an_answer_of_too_many_values_is_not_read(server: Scripted) -> None:
    async with asking(server, bounds=Bounds()) as asks:
        await asks.post("/many")
        failed = asks.fates.take(1)
    assert failed is not None
    assert failed.fate is Fate.TOO_LARGE
    assert "values" in failed.why


async def test_an_error_of_the_protocol_is_for_the_one_who_asked_whatever_the_status(server: Scripted) -> None:
    async with asking(server) as asks:
        answer = await asks.post("/refused")
        assert answer.json()["error"]["code"] == -32602
        assert asks.fates.take(1) is None


async def test_a_redirect_is_handed_on_and_not_followed(server: Scripted) -> None:
    async with asking(server) as asks:
        answer = await asks.post("/moved")
    assert answer.status_code == 307
    assert answer.headers["location"] == "http://elsewhere.example/mcp"


async def test_a_session_is_gone_only_for_one_who_had_one(server: Scripted) -> None:
    async with asking(server) as asks:
        await asks.post("/gone")
        assert asks.fates.older
        before, _ = asks.fates.take(1), await asks.post("/gone", mcp_session_id="s1")
        after = asks.fates.take(1)
    assert before is not None
    assert after is not None
    assert (before.fate, after.fate) == (Fate.UNREACHED, Fate.GONE)


async def test_what_is_said_before_an_answer_is_heard_and_the_answer_stands_alone(server: Scripted) -> None:
    async with asking(server) as asks:
        answer = await asks.post("/told")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == json.loads(ANSWER)
        assert asks.heard == [NOTICE.encode()]
        assert (await asks.post("/broken")).json() == json.loads(ANSWER)
        assert asks.heard[1:] == [b"[[["]


async def test_a_stream_that_ends_early_and_can_be_resumed_says_from_where(server: Scripted) -> None:
    async with asking(server) as asks:
        answer = await asks.post("/resumable")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b"id: 7\nretry: 10\n\n"


async def test_a_stream_of_many_answers_is_passed_on_event_by_event(server: Scripted) -> None:
    async with asking(server) as asks:
        assert await asks.get("/streamed") == [f"data: {NOTICE}", f"data: {ANSWER}"]
        replaced = await asks.get("/large-of-one")
        assert json.loads(replaced[1].removeprefix("data: "))["id"] == 9
        assert replaced[-1] == "data: 1"
        failed = asks.fates.take(9)
        assert failed is not None
        assert failed.fate is Fate.TOO_LARGE
        assert await asks.get("/large-of-none") == []
        assert len(await asks.get("/endless-of-one")) == 2


async def test_a_message_that_waits_for_no_answer_gets_none(server: Scripted) -> None:
    async with asking(server) as asks:
        answer = await asks.client.post(f"http://127.0.0.1:{server.port}/cut-refusal", json={"jsonrpc": "2.0"})
        assert (answer.status_code, answer.content) == (500, b"")
        answer = await asks.client.post(f"http://127.0.0.1:{server.port}/hangs-up", json={"jsonrpc": "2.0"})
        assert answer.status_code == 503


async def test_the_end_of_a_session_is_a_courtesy_that_nobody_waits_long_for(server: Scripted) -> None:
    began = anyio.current_time()
    async with asking(server) as asks:
        assert (await asks.delete("/never")).status_code == 405
    assert 0.9 < anyio.current_time() - began < 5
    async with asking(server) as asks:
        assert (await asks.delete("/gone")).status_code == 404


def test_how_requests_failed_is_remembered_within_bounds() -> None:
    fates = Fates()
    for number in range(1001):
        fates.note(number, Failed(Fate.UNREACHED, "why"))
    assert fates.take(0) is None
    assert fates.take(1000) == Failed(Fate.UNREACHED, "why")


def test_a_body_of_another_is_not_read() -> None:
    with pytest.raises(TypeError, match="not a body of ours"):
        Body.of(httpx2.Response(200, content=b""))


async def test_a_connection_that_says_nothing_ends_in_time(server: Scripted) -> None:
    with anyio.fail_after(10):
        stream = await DialedNetwork(dial).connect_tcp("127.0.0.1", server.port, timeout=5)
        await stream.write(b"GET /never HTTP/1.1\r\n\r\n")
        with pytest.raises(httpcore2.ReadTimeout, match=r"0\.05 seconds"):
            await stream.read(10, timeout=0.05)
        await stream.write(b"")
        with pytest.raises(httpcore2.WriteTimeout, match=r"0\.2 seconds"):
            await stream.write(b"x" * 20_000_000, timeout=0.2)
        assert stream.get_extra_info("is_readable") is False
        assert stream.get_extra_info("ssl_object") is None
        await stream.aclose()
        with pytest.raises(httpcore2.ReadError):
            await stream.read(10)
        with pytest.raises(httpcore2.WriteError):
            await stream.write(b"x")


async def test_an_end_that_the_other_side_made_is_seen_before_the_connection_is_used_again(server: Scripted) -> None:
    with anyio.fail_after(10):
        stream = await DialedNetwork(dial).connect_tcp("127.0.0.1", server.port)
        await stream.write(b"GET /hangs-up HTTP/1.1\r\n\r\n")
        assert await stream.read(10) == b""
        assert stream.get_extra_info("is_readable") is True
        await stream.aclose()


async def test_encryption_that_never_begins_ends_in_time(server: Scripted) -> None:
    with anyio.fail_after(10):
        stream = await DialedNetwork(dial).connect_tcp("127.0.0.1", server.port)
        with pytest.raises(httpcore2.ConnectTimeout, match="no encryption"):
            await stream.start_tls(httpx2.create_ssl_context(), "127.0.0.1", timeout=0.1)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(OSError("no route"), httpcore2.ConnectError), (LinkError("Not allowed."), httpcore2.ConnectError)],
)
async def test_what_cannot_be_dialed_cannot_be_connected_to(failure: Exception, kind: type[Exception]) -> None:
    async def refuse(_host: str, _port: int) -> object:
        await anyio.lowlevel.checkpoint()
        raise failure

    with pytest.raises(kind, match=r"no route|Not allowed$"):
        await DialedNetwork(refuse).connect_tcp("far.example", 80)  # pyright: ignore[reportArgumentType]


@pytest.mark.promise("E26")
async def test_dialing_ends_in_time() -> None:
    async def hang(_host: str, _port: int) -> object:
        await anyio.sleep_forever()
        return None

    network = DialedNetwork(hang)  # pyright: ignore[reportArgumentType]
    with pytest.raises(httpcore2.ConnectTimeout, match=r"0\.01 seconds"):
        await network.connect_tcp("far.example", 80, timeout=0.01)
    await network.sleep(0)
