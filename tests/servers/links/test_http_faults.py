"""HTTP that goes wrong: each failure stays with the call that met it, and is an error that says what happened."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import anyio
import pytest
from tests.servers.links.ways import remote

from vsm_mcp.errors import LinkError, NeedsConfigurationError, PayloadError, StartError, VSMError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.launch import HttpLaunch, TcpLaunch, WebSocketLaunch
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.testing.remote import FAULTS, RemoteServer

pytestmark = pytest.mark.anyio

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})
SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing


AT_CALL: dict[str, tuple[type[VSMError], str]] = {
    "/failing": (LinkError, "status 503"),
    "/packed": (LinkError, "it is packed"),
    "/wide": (PayloadError, "200000 values"),
    "/endless": (PayloadError, "10485760 bytes"),
    "/early": (LinkError, "its answer ended before it was complete"),
}
AT_START: dict[str, tuple[type[VSMError], str]] = {
    "/status/500": (StartError, "status 500"),
    "/status/401": (NeedsConfigurationError, "401"),
    "/status/404": (StartError, "did not come up"),
    "/moved": (StartError, "not followed"),
}
ENDS = "/gone"


@pytest.fixture(scope="module")
def net() -> Iterator[RemoteServer]:
    with RemoteServer() as net:
        yield net


def at(net: RemoteServer, path: str, *, eras: dict[str, str] | None = None) -> AbstractAsyncContextManager[Link]:
    launch = HttpLaunch(url=net.url(path))
    given = remote({"authorization": f"Bearer {SECRET}"})
    connector = SdkConnector(eras={} if eras is None else eras, probe=5.0, start=10.0, call=10.0)
    return connector.remote(launch, given, name="s", digest="d", hide=[SECRET])


def test_every_fault_is_tried() -> None:
    tried = {"/status/N" if path.startswith("/status/") else path for path in (*AT_CALL, *AT_START, ENDS)}
    assert tried == FAULTS.keys()


@pytest.mark.parametrize("path", AT_CALL)
async def test_a_call_that_fails_fails_alone(net: RemoteServer, path: str) -> None:
    kind, said = AT_CALL[path]
    with anyio.fail_after(20):
        async with at(net, path) as link:
            with pytest.raises(kind, match=said) as caught:
                await link.call(HELLO)
            assert caught.value.remedies
            assert link.alive
            assert await link.tools()


async def test_a_session_that_the_server_forgot_ends_the_link(net: RemoteServer) -> None:
    with anyio.fail_after(20):
        async with at(net, ENDS) as link:
            with pytest.raises(LinkError, match="its session is gone"):
                await link.call(HELLO)
            assert not link.alive
            assert "session" in (await link.ended()).reason


@pytest.mark.parametrize("path", AT_START)
async def test_a_server_that_cannot_be_greeted_is_refused(net: RemoteServer, path: str) -> None:
    kind, said = AT_START[path]
    with anyio.fail_after(20), pytest.raises(kind, match=said) as caught:
        async with at(net, path):
            pytest.fail("it came up")
    assert SECRET not in str(caught.value)


async def test_headers_are_sent_with_every_request_and_never_shown(net: RemoteServer) -> None:
    net.peer.headers.clear()
    with anyio.fail_after(20):
        async with at(net, "/mcp") as link:
            text = (await link.call(ToolCall(server="s", tool="echo", arguments={"text": SECRET}))).text
            assert text == SECRET
            assert link.quoted(f"I was given {SECRET}") == "I was given [hidden]"
    assert net.peer.headers
    assert {headers.get("authorization") for headers in net.peer.headers} == {f"Bearer {SECRET}"}
    assert SECRET not in repr(remote({"authorization": SECRET}))


async def test_which_kind_of_http_a_server_knows_is_learned_once(net: RemoteServer) -> None:
    eras: dict[str, str] = {}
    with anyio.fail_after(20):
        async with at(net, "/older", eras=eras) as link:
            assert (await link.call(HELLO)).text == "hello"
        assert eras == {"d": "older-http"}
        async with at(net, "/older", eras=eras) as link:
            assert (await link.call(HELLO)).text == "hello"


@pytest.mark.parametrize(
    "launch",
    [
        HttpLaunch(url="http://127.0.0.1:9/mcp"),
        TcpLaunch(host="127.0.0.1", port=9),
        WebSocketLaunch(url="ws://127.0.0.1:9/"),
    ],
)
async def test_where_nobody_listens_nothing_comes_up(launch: HttpLaunch | TcpLaunch | WebSocketLaunch) -> None:
    connector = SdkConnector(eras={}, probe=5.0, start=10.0)
    with anyio.fail_after(20), pytest.raises(StartError, match=r"127\.0\.0\.1") as caught:
        async with connector.remote(launch, remote(), name="s", digest="d"):
            pytest.fail("it came up")
    assert caught.value.remedies


async def test_where_a_server_listened_before_nothing_comes_up() -> None:
    with RemoteServer() as left, anyio.fail_after(20):
        async with at(left, "/mcp") as link:
            assert (await link.call(HELLO)).text == "hello"
    with anyio.fail_after(20), pytest.raises(StartError, match=r"127\.0\.0\.1"):
        async with at(left, "/mcp"):
            pytest.fail("it came up")


async def test_what_is_no_websocket_of_this_protocol_is_refused(net: RemoteServer) -> None:
    launch = WebSocketLaunch(url=f"ws://127.0.0.1:{net.port}/status/403")
    with anyio.fail_after(20), pytest.raises(StartError, match="status 403"):
        async with SdkConnector(eras={}).remote(launch, remote(), name="s", digest="d"):
            pytest.fail("it came up")
