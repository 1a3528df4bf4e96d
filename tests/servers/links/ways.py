"""The ways to make a link to the same small server, for the contract that all of them keep."""

import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from tests.servers.links.peer import Net

from vsm_mcp.errors import LinkError
from vsm_mcp.model.launch import HttpLaunch, TcpLaunch, WebSocketLaunch
from vsm_mcp.sandbox.egress.addresses import UnreachableError, host_resolver, reach
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.link import Connector, Link, Remote
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.testing.peer import HUGE
from vsm_mcp.world.processes import Command, LocalProcesses

PEER = Path(__file__).with_name("peer.py")

Opened = AbstractAsyncContextManager[Link]


class Open(Protocol):
    def __call__(self, connector: Connector, net: Net, version: str, /, *, endless: bool) -> Opened: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to make a link.

    Attributes:
        open: Makes it; gets the served peer, the version of the protocol and whether its lists end.
        dies: Whether the link ends when the server does; otherwise only the one call fails.
        here: Whether the server is an object of this process.
    """

    open: Open
    connector: Callable[..., Connector] = SdkConnector
    dies: bool = True
    here: bool = False
    served: bool = True


async def dial(host: str, port: int) -> socket.socket:
    """Connect, to this machine too."""
    try:
        return await reach(host, port, private=True, resolve=host_resolver())
    except UnreachableError as error:
        raise LinkError(f"{host}:{port} cannot be reached: {error}.") from error


def remote(headers: Mapping[str, str] | None = None) -> Remote:
    """Return what is given to reach a server on this machine."""
    return Remote(dial=dial, headers=dict(headers or {}))


def stdio(connector: Connector, _: Net, version: str, *, endless: bool) -> Opened:
    argv = (sys.executable, str(PEER), version, "endless" if endless else "ending")
    start = partial(LocalProcesses().open, Command(argv=argv))
    return connector.stdio(start, name="s", digest="d")


def tcp(connector: Connector, net: Net, _version: str, *, endless: bool) -> Opened:  # noqa: ARG001 - a way has one shape
    return connector.remote(TcpLaunch(host="127.0.0.1", port=net.port), remote(), name="s", digest="d")


def websocket(connector: Connector, net: Net, _version: str, *, endless: bool) -> Opened:  # noqa: ARG001 - a way has one shape
    launch = WebSocketLaunch(url=f"ws://127.0.0.1:{net.websocket_port}/")
    return connector.remote(launch, remote(), name="s", digest="d")


def http(connector: Connector, net: Net, _version: str, *, endless: bool, path: str = "/mcp") -> Opened:  # noqa: ARG001 - a way has one shape
    launch = HttpLaunch(url=f"http://127.0.0.1:{net.port}{path}")
    return connector.remote(launch, remote(), name="s", digest="d")


def here(connector: Connector, _net: Net, _version: str, *, endless: bool) -> Opened:
    return connector.memory(lambda: own_server(endless=endless), name="s")


def own_server(*, endless: bool = False) -> MCPServer[None]:
    """Return a server of this process with the tools of the peer."""
    server: MCPServer[None] = MCPServer("peer", version="1")

    async def count(steps: int, pause: float, ctx: Context) -> str:
        for step in range(steps):
            await anyio.sleep(pause)
            await ctx.report_progress(step + 1, 9, "on")
        return "counted"

    async def announce(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        return "announced"

    tools: list[tuple[str, Callable[..., object]]] = [
        ("echo", echo), ("add", add), ("fail", fail), ("sleep", sleep), ("huge", huge),
        ("count", count), ("announce", announce),
    ]  # fmt: skip
    for name, function in tools:
        server.add_tool(function, name=name, description=f"Do {name}.")
    if endless:
        for number in range(1001):
            server.add_tool(echo, name=f"echo-{number}")
    return server


def echo(text: str) -> str:
    return text


def add(a: float, b: float) -> dict[str, float]:
    return {"sum": a + b}


def fail() -> str:
    raise ToolError("it failed")


async def sleep() -> str:
    await anyio.sleep_forever()
    return ""


def huge() -> str:
    return "x" * HUGE


WAYS: dict[str, Way] = {
    "lean-stdio": Way(open=stdio, connector=LeanConnector, served=False),
    "sdk-stdio": Way(open=stdio, served=False),
    "sdk-tcp": Way(open=tcp),
    "sdk-websocket": Way(open=websocket),
    "sdk-http": Way(open=http, dies=False),
    "sdk-sse": Way(open=partial(http, path="/older")),
    "in-process": Way(open=here, here=True, served=False),
}
