"""The command ``serve``: a viable system as an MCP server, with the settings of the environment."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from vsm_mcp.adapters.mcp_server import McpServer, mcp_server
from vsm_mcp.adapters.serving.options import ServePermissions
from vsm_mcp.commands.outcome import CommandLine, ExitCode, Result
from vsm_mcp.events import EventSink
from vsm_mcp.settings.settings import Settings
from vsm_mcp.system.viable import ViableSystem
from vsm_mcp.world.groups import first_error

_LARGEST_PORT = 65_535


def _words(parser: ArgumentParser) -> None:
    wire = parser.add_mutually_exclusive_group()
    for name, what in (
        ("http", "streamable HTTP at /mcp"),
        ("tcp", "TCP, one JSON message per line"),
        ("websocket", "WebSocket and streamable HTTP at /mcp"),
        ("sse", "the older HTTP with SSE at /sse and streamable HTTP at /mcp"),
    ):
        wire.add_argument(f"--{name}", type=_address, metavar="HOST:PORT", help=f"serve {what}; port 0 for any")
    parser.add_argument(
        "--monitor",
        type=_address,
        metavar="HOST:PORT",
        help="serve /health, /ready and /metrics (for Prometheus) besides; needs the extra prometheus",
    )
    parser.add_argument(
        "--public", action="store_true", help="let others than this machine connect; there is no password"
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME[:PORT]", help="a name under which clients know the server"
    )
    parser.add_argument(
        "--allow-tool",
        action="append",
        default=[],
        metavar="PATTERN",
        help="let clients use these of our tools besides, such as vsm_acquire; may be given more than once",
    )
    parser.add_argument("--offer-tools", action="store_true", help="list the acquired tools as tools of their own")
    parser.add_argument("--plain-names", action="store_true", help="with the names that their servers gave them")


async def _run(options: Namespace, emit: EventSink) -> Result:
    """Serve until the client is gone, or until it is interrupted or terminated; then end every server cleanly."""
    usual = ServePermissions()
    permissions = ServePermissions(tools=(*usual.tools, *options.allow_tool))
    async with ViableSystem(Settings.from_environment(), emit=emit) as vsm:
        served = mcp_server(
            vsm,
            permissions=permissions,
            offer_tools=options.offer_tools or options.plain_names,
            plain_names=options.plain_names,
        )
        listener = _listener(served, options)
        with first_error(), anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with _monitored(vsm, options), anyio.create_task_group() as tasks:
                tasks.start_soon(_until_done, served, listener, tasks.cancel_scope)
                async for _ in signals:
                    tasks.cancel_scope.cancel()
    return Result(report=None, code=ExitCode.WELL)


async def _until_done(
    served: McpServer, listener: AbstractAsyncContextManager[str | tuple[str, int]] | None, scope: anyio.CancelScope
) -> None:
    if listener is None:
        await served.run_stdio()
        scope.cancel()
        return
    async with listener as address:
        place = ":".join(map(str, address)) if isinstance(address, tuple) else address
        print(f"Serving at {place}.", file=sys.stderr, flush=True)  # noqa: T201 - for the person who started it
        await anyio.sleep_forever()


@asynccontextmanager
async def _monitored(vsm: ViableSystem, options: Namespace) -> AsyncGenerator[None]:
    """Let others watch while the body runs, if somebody wants to."""
    if options.monitor is None:
        yield
        return
    from vsm_mcp.adapters.asgi import listen_monitoring  # noqa: PLC0415 - needs an extra

    async with listen_monitoring(vsm, *options.monitor, public=options.public, hosts=options.host) as url:
        print(f"Monitoring at {url}.", file=sys.stderr, flush=True)  # noqa: T201 - for the person who started it
        yield


def _listener(served: McpServer, options: Namespace) -> AbstractAsyncContextManager[str | tuple[str, int]] | None:
    """Return what listens; ``None`` for standard input and output."""
    if options.tcp is not None:
        return served.listen_tcp(*options.tcp, public=options.public)
    if options.http is not None:
        return served.listen_http(*options.http, public=options.public, hosts=options.host)
    if options.websocket is not None:
        return served.listen_websocket(*options.websocket, public=options.public, hosts=options.host)
    if options.sse is not None:
        return served.listen_sse(*options.sse, public=options.public, hosts=options.host)
    return None


def _address(text: str) -> tuple[str, int]:
    """Return host and port; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or int(port[:9]) > _LARGEST_PORT:
        raise ArgumentTypeError(f"{text[:100]!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


COMMAND = CommandLine(run=_run, words=_words)
