"""The older transport of two addresses: who is let in, what is refused, and what is left when somebody goes."""

import asyncio
import math
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import anyio
import anyio.lowlevel
import httpx2
import orjson
import pytest
from anyio.streams.text import TextReceiveStream
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.server import Server
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent, Tool
from pydantic import AnyHttpUrl
from tests.adapters.listener import asked, data_of, listening, post, scope_of
from tests.adapters.test_mcp_wires import HELLO, ONLY_ASYNCIO, STATUS

from vsm_mcp import Autonomy, Confinement, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.adapters.mcp_server import McpServer, mcp_server
from vsm_mcp.adapters.serving.options import (
    Context,
    Peer,
    ServeLimits,
    ServePermissions,
    Wire,
    connected,
    principal_of,
)
from vsm_mcp.model.launch import HttpLaunch

pytestmark = pytest.mark.anyio

WAIT: Mapping[str, object] = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "wait"}}
READY: Mapping[str, object] = {"jsonrpc": "2.0", "method": "notifications/initialized"}
ODD_LINES = "one\u2028two\u0085three\rfour\nfive"


class Host:
    """A server of the host's own; one of its tools waits until it is cancelled, the other repeats what ends lines."""

    def __init__(self) -> None:
        self.waits = anyio.Event()
        self.cancelled = anyio.Event()

    def server(self) -> Server[Peer]:
        return Server("host", lifespan=connected, on_list_tools=self.list, on_call_tool=self.call)

    async def list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name=name, input_schema={"type": "object"}) for name in ("wait", "odd")])

    async def call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        if params.name == "odd":
            return CallToolResult(content=[TextContent(text=ODD_LINES)])
        self.waits.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled.set()
        raise AssertionError


@asynccontextmanager
async def serving(
    state: Path,
    host: Host | None = None,
    *,
    peers: list[Peer] | None = None,
    permissions: Mapping[str, ServePermissions] | None = None,
    patience: float = 40,
    **limits: float,
) -> AsyncGenerator[McpServer]:
    def principal(peer: Peer) -> str:
        if peers is not None:
            peers.append(peer)
        return principal_of(peer)

    with anyio.fail_after(patience):
        async with ViableSystem(Settings(state=state, sandbox=Confinement.NONE), sources=()) as vsm:
            yield mcp_server(
                vsm,
                permissions=permissions,
                principal=principal,
                beside=host and host.server(),
                limits=ServeLimits.model_validate(limits),
            )


@ONLY_ASYNCIO
@pytest.mark.promise("C33")
async def test_a_client_that_knows_only_the_older_transport_is_served_as_any_other(tmp_path: Path) -> None:
    peers: list[Peer] = []
    async with serving(tmp_path, peers=peers) as served, served.listen_sse() as url:
        assert url.endswith("/sse")
        async with Client(sse_client(url)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert {"vsm_status", "vsm_execute"} <= names
            assert "vsm_acquire" not in names
            assert (await client.call_tool("vsm_status")).structured_content["sandbox"]
            with pytest.raises(MCPError, match="There is no tool 'vsm_acquire' that you may use"):
                await client.call_tool("vsm_acquire", {"wanted": "anything"})
        async with Client(url.replace("/sse", "/mcp")) as newer:
            assert (await newer.list_tools()).tools
    assert {(peer.wire, peer.address) for peer in peers} == {(Wire.HTTP, "127.0.0.1")}


@ONLY_ASYNCIO
async def test_a_text_with_all_that_ends_lines_elsewhere_arrives_as_it_was(tmp_path: Path) -> None:
    async with serving(tmp_path, Host()) as served, served.listen_sse() as url, Client(sse_client(url)) as client:
        odd = (await client.call_tool("odd")).content[0]
        assert isinstance(odd, TextContent)
        assert odd.text == ODD_LINES


@ONLY_ASYNCIO
async def test_who_may_use_nothing_over_http_may_use_nothing_over_the_older_either(tmp_path: Path) -> None:
    permissions = {"mcp-tcp": ServePermissions.everything()}
    async with (
        serving(tmp_path, permissions=permissions) as served,
        served.listen_sse() as url,
        Client(sse_client(url)) as client,
    ):
        assert {tool.name for tool in (await client.list_tools()).tools} == set()
        with pytest.raises(MCPError):
            await client.read_resource("vsm://status")


@ONLY_ASYNCIO
async def test_another_viable_system_acquires_this_one_over_the_older_transport(tmp_path: Path) -> None:
    async with serving(tmp_path / "served") as served, served.listen_sse() as url:
        shelf = Shelf()
        shelf.connect("other", HttpLaunch(url=url), summary="Tells how another viable system is.")
        settings = Settings(state=tmp_path / "client", autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
        policy = Policy(allow=("remote:*",))
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=policy) as vsm:
            assert (await vsm.acquire_capability("tells how another viable system is", "other")).server == "other"
            assert "sandbox" in str((await vsm.call_tool("other__vsm_status", {})).value)


@ONLY_ASYNCIO
@pytest.mark.promise("C54")
async def test_other_hosts_other_pages_and_what_is_no_message_are_refused_at_both_addresses(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, request_bytes=4096) as served,
        served.listen_sse() as url,
        httpx2.AsyncClient() as http,
    ):
        async with http.stream("GET", url) as listening:
            heard = listening.aiter_bytes()
            address = urljoin(url, (await anext(heard)).decode().split("data: ")[1].strip())
            for wrong, status in (({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)):
                assert (await http.get(url, headers=wrong)).status_code == status
                assert (await http.post(address, json=HELLO, headers=wrong)).status_code == status
            json = {"content-type": "application/json"}
            assert (await http.post(address, content=b"x" * 5000, headers=json)).status_code == 413
            for rubbish in (b"", b"rubbish", orjson.dumps([HELLO]), b"[" * 4000, b"[" + b"0," * 2000 + b"0]"):
                assert (await http.post(address, content=rubbish, headers=json)).status_code == 400
            assert (await http.post(address, content=orjson.dumps(HELLO))).status_code == 400
            assert (await http.post(f"{address}0", json=HELLO)).status_code == 404
            assert (await http.post(urljoin(url, "/messages/"), json=HELLO)).status_code == 404
            assert (await http.post(address, json=HELLO)).status_code == 202
        for method, where in (("POST", url), ("HEAD", url), ("GET", address)):
            assert (await http.request(method, where)).status_code == 405


@ONLY_ASYNCIO
async def test_the_older_transport_is_served_only_where_somebody_asked_for_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.listen_http() as url, httpx2.AsyncClient() as http:
        for path in ("/sse", "/messages/"):
            assert (await http.get(urljoin(url, path))).status_code == 404


async def test_one_client_too_many_is_turned_away_until_a_place_is_given_back(tmp_path: Path) -> None:
    async with serving(tmp_path, connections=1) as served:
        app = served.streamable_http_app(sse=True)
        for _ in range(2):
            async with listening(app) as (listener, address):
                assert await asked(app, scope_of("GET", "/sse")) == 503
                assert await post(app, address, HELLO) == 202
                assert data_of(await listener.hear())["result"]["protocolVersion"] == "2025-11-25"
            assert listener.ended.is_set()


async def test_when_a_client_goes_in_the_middle_of_a_call_nothing_of_it_is_left(tmp_path: Path) -> None:
    host = Host()
    async with serving(tmp_path, host) as served:
        app = served.streamable_http_app(sse=True)
        async with listening(app) as (listener, address):
            for message in (HELLO, READY, WAIT):
                assert await post(app, address, message) == 202
            await host.waits.wait()
            assert not host.cancelled.is_set()
            listener.gone.set()
            with anyio.fail_after(5):
                await listener.ended.wait()
            assert host.cancelled.is_set()
            assert await post(app, address, HELLO) == 404


@ONLY_ASYNCIO
async def test_clients_that_go_without_a_word_leave_no_tasks(tmp_path: Path) -> None:
    host = Host()
    async with serving(tmp_path, host, connections=1) as served, served.listen_sse() as url:
        before = len(asyncio.all_tasks())
        async with httpx2.AsyncClient() as http:
            async with http.stream("GET", url) as listening:
                heard = listening.aiter_bytes()
                address = urljoin(url, (await anext(heard)).decode().split("data: ")[1].strip())
                for message in (HELLO, READY, WAIT):
                    assert (await http.post(address, json=message)).status_code == 202
                await host.waits.wait()
            with anyio.fail_after(5):
                await host.cancelled.wait()
            while (await http.post(address, json=HELLO)).status_code != 404:
                await anyio.lowlevel.checkpoint()
        while len(asyncio.all_tasks()) > before:
            await anyio.lowlevel.checkpoint()


@ONLY_ASYNCIO
@pytest.mark.parametrize("older", [True, False])
async def test_leaving_while_clients_listen_takes_no_time(tmp_path: Path, *, older: bool) -> None:
    async with serving(tmp_path) as served, httpx2.AsyncClient() as http:
        async with served.listen_sse() as url:
            headers = {"accept": "application/json, text/event-stream"}
            where = url if older else url.replace("/sse", "/mcp")
            if not older:
                headers["mcp-session-id"] = (await http.post(where, json=HELLO, headers=headers)).headers[
                    "mcp-session-id"
                ]
            listening = await http.send(http.build_request("GET", where, headers=headers), stream=True)
            assert listening.status_code == 200
            started = anyio.current_time()
        assert anyio.current_time() - started < 4  # who is not let go is waited for, 5 seconds
        await listening.aclose()


@pytest.mark.virtual_time
async def test_a_client_that_does_not_read_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path, patience=math.inf, connections=1, write_seconds=3) as served:
        app = served.streamable_http_app(sse=True)
        for asks, seconds in ((True, 5), (False, 20)):
            with anyio.fail_after(seconds):
                async with listening(app) as (listener, address):
                    listener.deaf_from = 2
                    if asks:
                        assert await post(app, address, HELLO) == 202
                    await listener.ended.wait()


@pytest.mark.virtual_time
async def test_a_silent_server_shows_now_and_then_that_it_lives(tmp_path: Path) -> None:
    async with serving(tmp_path, patience=math.inf) as served:
        with anyio.fail_after(60):
            async with listening(served.streamable_http_app(sse=True)) as (listener, _):
                for _ in range(2):
                    assert (await listener.hear())["body"] == b": still here\r\n\r\n"


async def test_below_a_prefix_clients_are_told_to_post_below_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        app = served.streamable_http_app(sse=True)
        async with listening(app, root="/of this/host") as (listener, address):
            assert address.startswith("/of%20this/host/messages/?session_id=")
            assert await post(app, address.replace("%20", " "), HELLO, root="/of this/host") == 202
            assert data_of(await listener.hear())["result"]


async def test_a_session_is_open_only_to_whom_its_token_named(tmp_path: Path) -> None:
    class Verifier:
        async def verify_token(self, token: str) -> AccessToken | None:
            await anyio.lowlevel.checkpoint()
            known = AccessToken(token=token, client_id="desk", scopes=["tools"], subject=token)
            return known if token in {"ada", "bob"} else None

    peers: list[Peer] = []
    issuer, resource = AnyHttpUrl("https://issuer.example"), AnyHttpUrl("https://vsm.example/mcp")
    auth = AuthSettings(
        issuer_url=issuer, resource_server_url=resource, required_scopes=["tools"], validate_token_resource=False
    )
    async with serving(
        tmp_path, peers=peers, permissions={"mcp:ada": ServePermissions(tools=("vsm_status",))}
    ) as served:
        app = served.streamable_http_app(sse=True, auth=auth, token_verifier=Verifier())
        for token in ("", "eve"):
            assert await asked(app, scope_of("GET", "/sse", token=token)) == 401
        async with listening(app, token="ada") as (listener, address):  # noqa: S106 - nothing secret
            assert await post(app, address, HELLO) == 401
            assert await post(app, address, HELLO, token="bob") == 404  # noqa: S106 - nothing secret
            for message in (HELLO, READY, {**STATUS, "params": {"name": "vsm_status"}}):
                assert await post(app, address, message, token="ada") == 202  # noqa: S106 - nothing secret
            assert data_of(await listener.hear())["result"]["protocolVersion"] == "2025-11-25"
            assert data_of(await listener.hear())["result"]["isError"] is False
    assert {principal_of(peer) for peer in peers} == {"mcp:ada"}


@ONLY_ASYNCIO
@pytest.mark.promise("C54")
async def test_the_command_serves_the_older_transport_and_ends_while_a_client_listens(tmp_path: Path) -> None:
    env = {**os.environ, "VSM_MCP_STATE": str(tmp_path)}
    command = [sys.executable, "-m", "vsm_mcp", "serve", "--sse", "127.0.0.1:0"]
    with anyio.fail_after(40):
        async with await anyio.open_process(command, env=env, stdin=None, stdout=None) as process:
            assert process.stderr is not None
            said = await TextReceiveStream(process.stderr).receive()
            url = said.strip().removeprefix("Serving at ").removesuffix(".")
            async with Client(sse_client(url)) as client:
                assert len((await client.list_tools()).tools) == 14
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
