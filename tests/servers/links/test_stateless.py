"""Servers of protocol 2026-07-28: nothing is kept between two calls, so a restart of theirs is not even noticed."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, ExitStack

import anyio
import pytest
from tests.servers.links.peer import Net
from tests.servers.links.ways import WAYS, Open, Way, http, tcp

from vsm_mcp.errors import CallTimeoutError, LinkError, ToolError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.link import Consent, Link
from vsm_mcp.servers.links.sdk.announcements import FIRST_PAUSE
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.testing.peer import STATELESS, Json, Peer, Send

pytestmark = pytest.mark.anyio

ECHO = ToolCall(server="s", tool="echo", arguments={"text": "on"})
ASK = ToolCall(server="s", tool="ask")


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Net(Peer(version=STATELESS)) as net:
        yield net


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[str(request.param)]


def opened(
    way: Way, net: Net, *, idle: float = 20.0, consent: Consent | None = None
) -> AbstractAsyncContextManager[Link]:
    return way.open(way.connector(eras={}, call=idle, consent=consent), net, STATELESS, endless=False)


def over(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", names, indirect=True)


@over("lean-stdio", "sdk-stdio", "sdk-tcp", "sdk-websocket", "sdk-http")
async def test_a_stateless_server_keeps_the_contract_of_every_link(way: Way, net: Net) -> None:
    greeted = net.peer.initialized
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            assert link.protocol_version == STATELESS
            assert {"echo", "add"} <= {tool.name for tool in await link.tools()}
            assert (await link.call(ECHO)).text == "on"
            assert (await link.call(ToolCall(server="s", tool="fail"))).is_error
            await link.ping()
            with pytest.raises(ToolError, match="nknown tool"):
                await link.call(ToolCall(server="s", tool="nothing"))
            with pytest.raises(CallTimeoutError):
                await link.call(ToolCall(server="s", tool="sleep", timeout=0.05))
            told: list[float] = []

            def tell(done: float, _total: float | None, _message: str) -> None:
                told.append(done)

            arguments: JsonObject = {"steps": 2, "pause": 0.01}
            count = ToolCall(server="s", tool="count", arguments=arguments, progress=tell)
            assert (await link.call(count)).text == "counted"
            assert told == [1, 2]
            with pytest.raises(LinkError):
                await link.call(ToolCall(server="s", tool="die"))
    assert net.peer.initialized == greeted


@over("sdk-tcp", "sdk-http")
async def test_a_stateless_server_announces_to_those_who_listen(way: Way, net: Net) -> None:
    net.peer.listening.clear()
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            while not net.peer.listening:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)
            before = link.changes
            await link.call(ToolCall(server="s", tool="announce"))
            while link.changes == before:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)


def unheard(_done: float, _total: float | None, _message: str) -> None:
    """Hear of progress, which has to be asked for, and do nothing with it."""


class Mute(Peer):
    """Says that it announces, and refuses to."""

    async def listen(self, number: object, _: Json, send: Send) -> None:
        await send({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "Method not found"}})


@pytest.mark.parametrize("way", [tcp, http])
async def test_a_server_that_refuses_to_announce_is_listed_once_more_and_not_asked_again(way: Open) -> None:
    with Net(Mute(version=STATELESS)) as net, anyio.fail_after(20):
        async with way(SdkConnector(eras={}), net, STATELESS, endless=False) as link:
            while not link.changes:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)
            arguments: JsonObject = {"steps": 1, "pause": 1.2 * FIRST_PAUSE}
            count = ToolCall(server="s", tool="count", arguments=arguments, progress=unheard)
            assert (await link.call(count)).text == "counted"
            assert link.changes == 1
        assert net.peer.seen.count("subscriptions/listen") == 1


@pytest.mark.promise("E25")
async def test_a_stateless_link_over_http_survives_a_restart_of_its_server_and_listens_again() -> None:
    first = Net(Peer(version=STATELESS))
    with anyio.fail_after(30), ExitStack() as served:
        served.enter_context(first)
        async with http(SdkConnector(eras={}, call=10.0), first, STATELESS, endless=False) as link:
            assert (await link.call(ECHO)).text == "on"
            served.close()
            with pytest.raises(LinkError, match="was not reached"):
                await link.call(ECHO)
            assert link.alive
            second = served.enter_context(Net(Peer(version=STATELESS), port=first.port))
            assert (await link.call(ECHO)).text == "on"
            assert await link.tools()
            assert link.alive
            while not second.peer.listening:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)
            before = link.changes
            await link.call(ToolCall(server="s", tool="announce"))
            while link.changes == before:  # noqa: ASYNC110 - it happens in another thread
                await anyio.sleep(0.01)


@over("sdk-tcp", "sdk-http")
async def test_a_call_that_asks_its_user_is_made_again_with_the_answer_of_a_host_that_consents(
    way: Way, net: Net
) -> None:
    asked: list[tuple[str, JsonObject]] = []

    async def elicit(server: str, question: JsonObject) -> JsonObject | None:
        asked.append((server, question))
        await anyio.sleep(0.3)
        return {"action": "accept", "content": {"name": "Ada"}}

    with anyio.fail_after(20):
        async with opened(way, net, idle=0.25, consent=Consent(elicit=elicit)) as link:
            assert (await link.call(ASK)).text == "s1: Ada"
    assert [(server, question["message"]) for server, question in asked] == [("s", "Name?")]


async def refused(_server: str, _question: JsonObject) -> JsonObject | None:
    await anyio.lowlevel.checkpoint()
    return None


async def failed(_server: str, _question: JsonObject) -> JsonObject | None:
    await anyio.lowlevel.checkpoint()
    raise RuntimeError("why")


async def declined(_server: str, _question: JsonObject) -> JsonObject | None:
    await anyio.lowlevel.checkpoint()
    return {"action": "decline"}


@pytest.mark.parametrize(
    "consent", [Consent(), Consent(roots=refused), Consent(elicit=refused), Consent(elicit=failed)]
)
async def test_a_question_that_the_host_does_not_answer_refuses_the_call(net: Net, consent: Consent) -> None:
    with anyio.fail_after(20):
        async with opened(WAYS["sdk-tcp"], net, consent=consent) as link:
            with pytest.raises(ToolError, match="more input, which is not granted"):
                await link.call(ASK)
            assert (await link.call(ECHO)).text == "on"


async def test_a_server_that_asks_again_and_again_is_not_answered_for_ever(net: Net) -> None:
    with anyio.fail_after(20):
        async with opened(WAYS["sdk-tcp"], net, consent=Consent(elicit=declined)) as link:
            before = net.peer.seen.count("tools/call")
            with pytest.raises(ToolError, match="more input"):
                await link.call(ASK)
    assert net.peer.seen.count("tools/call") - before == 11
