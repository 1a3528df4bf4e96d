"""Health, readiness and figures of a viable system over HTTP: an application for any ASGI server."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from mcp.server.transport_security import TransportSecurityMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vsm_mcp.adapters.prometheus import CONTENT_TYPE, figures_text
from vsm_mcp.adapters.serving.options import ServeLimits
from vsm_mcp.adapters.serving.wires.web import listening, protection
from vsm_mcp.system.viable import ViableSystem

_UNAVAILABLE = 503

Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


def monitoring_app(vsm: ViableSystem, *, hosts: Sequence[str] | None = None) -> Starlette:
    """Return an ASGI application with what watches a service asks for.

    ``/health``: 200 as long as the event loop answers, with the verdict of ``vsm.status()`` and how many servers are
    in which state. ``/ready``: 200 while the system is entered, 503 before and after. ``/metrics``: the figures in
    Prometheus's text format. Nothing can be changed here, and no text of a server is shown but its name. There is no
    password: the host decides where it is reached.

    Args:
        vsm: The system; it may be entered later.
        hosts: Under which names, besides those of this machine, such as ``vsm.example.com:*``, requests may come: a
            page in a browser here cannot read along then. ``None`` for any name, as probes in a cluster need.
    """
    watched = _Watched(vsm)
    let_in = _door(hosts)
    return Starlette(
        routes=[
            Route("/health", let_in(watched.health)),
            Route("/ready", let_in(watched.ready)),
            Route("/metrics", let_in(watched.metrics)),
        ]
    )


@asynccontextmanager
async def listen_monitoring(
    vsm: ViableSystem, host: str = "127.0.0.1", port: int = 0, *, public: bool = False, hosts: Sequence[str] = ()
) -> AsyncGenerator[str]:
    """Serve `monitoring_app` while the body runs; yields the URL. asyncio only.

    Args:
        vsm: The system.
        host: Where to be reached.
        port: The port; 0 for any.
        public: Whether others than this machine may connect; then they may by any name.
        hosts: Under which names else they know it.

    Raises:
        ConfigurationError: The address is public and nobody said so, or it cannot be had.
    """
    app = monitoring_app(vsm, hosts=None if public else hosts)
    async with listening(app, host=host, port=port, public=public, limits=ServeLimits()) as address:
        yield f"http://{address}"


class _Watched:
    """Answers for a system."""

    def __init__(self, vsm: ViableSystem) -> None:
        self._vsm = vsm

    async def health(self, request: Request) -> Response:
        """Say that it lives, and how."""
        body: dict[str, object] = {"status": "alive", "viable": None, "health": None, "servers": {}}
        if self._vsm.entered:
            status = self._vsm.status()
            states = Counter(server.state for server in status.servers)
            body |= {"viable": status.viable, "health": status.health, "servers": states}
        return JSONResponse(body)

    async def ready(self, request: Request) -> Response:
        """Say whether it takes operations."""
        entered = self._vsm.entered
        return JSONResponse({"ready": entered}, status_code=200 if entered else _UNAVAILABLE)

    async def metrics(self, request: Request) -> Response:
        """Show the figures."""
        return Response(figures_text(self._vsm), media_type=CONTENT_TYPE)


def _door(hosts: Sequence[str] | None) -> Callable[[Answer], Answer]:
    """Return what turns requests away that come under another name."""
    if hosts is None:
        return lambda answer: answer
    security = TransportSecurityMiddleware(protection(hosts))

    def let_in(answer: Answer) -> Answer:
        async def checked(request: Request) -> Response:
            return await security.validate_request(request) or await answer(request)

        return checked

    return let_in
