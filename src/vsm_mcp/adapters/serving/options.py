"""What the host says about its server: who a client is, what it may use, and how much of everything there may be."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from mcp.server import Server, ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.types import Scope

from vsm_mcp.model.offer import OfferedTool

READING = (
    "vsm_status",
    "vsm_variety",
    "vsm_gap",
    "vsm_performance",
    "vsm_diagnosis",
    "vsm_principles",
    "vsm_metrics",
    "vsm_security",
    "vsm_acquisitions",
    "vsm_generations",
    "vsm_tools",
    "vsm_preflight",
    "vsm_search",
)
"""Tools that change nothing."""


class ServePermissions(BaseModel, frozen=True, extra="forbid"):
    """What a client may use.

    Attributes:
        tools: Patterns of our own tools, such as ``vsm_*``; a report may be read as a resource when its tool may be
            used. By default those that change nothing, and ``vsm_execute``; nothing is acquired for a client.
        acquired: Patterns of acquired tools: their offered name, or ``server/tool``.
    """

    tools: tuple[str, ...] = (*READING, "vsm_execute")
    acquired: tuple[str, ...] = ("*",)

    @classmethod
    def everything(cls) -> "ServePermissions":
        """Permit all there is, acquiring and releasing included; autonomy, policy and approval still hold."""
        return cls(tools=("*",))

    @classmethod
    def nothing(cls) -> "ServePermissions":
        """Permit nothing at all."""
        return cls(tools=(), acquired=())

    def may_use(self, tool: str) -> bool:
        """Tell whether one of our own tools may be used."""
        return any(fnmatchcase(tool, pattern) for pattern in self.tools)

    def may_call(self, offered: OfferedTool) -> bool:
        """Tell whether an acquired tool may be called."""
        names = (offered.name, f"{offered.server}/{offered.tool}")
        return any(fnmatchcase(name, pattern) for pattern in self.acquired for name in names)

    @property
    def all_acquired(self) -> bool:
        """Whether every acquired tool may be called, also those to come."""
        return "*" in self.acquired


class ServeLimits(BaseModel, frozen=True, extra="forbid"):
    """How much there may be.

    Attributes:
        request_bytes: Bytes of a message from a client.
        response_bytes: Bytes of what a tool or a resource gives to a client.
        connections: Connections at once over TCP, over WebSocket and of the older HTTP, and sessions over HTTP.
        calls: Tool calls and reads under way at once, of all clients.
        page: Entries in one page of a list.
        bad_messages: Messages of a connection that cannot be read, before it is closed.
        write_seconds: Seconds in which a client must take a message.
    """

    request_bytes: int = Field(default=2**20, ge=1024)
    response_bytes: int = Field(default=10 * 2**20, ge=1024)
    connections: int = Field(default=100, ge=1)
    calls: int = Field(default=64, ge=1)
    page: int = Field(default=200, ge=1)
    bad_messages: int = Field(default=100, ge=1)
    write_seconds: float = Field(default=30.0, gt=0)


class Wire(StrEnum):
    """How a client is connected."""

    MEMORY = "memory"
    STDIO = "stdio"
    HTTP = "http"
    TCP = "tcp"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end, as far as it is known; nothing that the client says about itself.

    Attributes:
        wire: How it is connected.
        address: Its network address, if it has one.
        subject: Whom its access token names, when HTTP was set up to ask for one.
    """

    wire: Wire = Wire.MEMORY
    address: str | None = None
    subject: str | None = None


Principal = Callable[[Peer], str]
"""Names the agent that a client acts as: for permissions, rates and the audit log."""

Permitted = ServePermissions | Mapping[str, ServePermissions]
"""What everybody may use, or each agent by name; an agent that is not named may use nothing."""

Context = ServerRequestContext[Peer, object]

CONNECTED: ContextVar[Peer | None] = ContextVar("vsm_mcp_connected", default=None)
"""The other end of the connection that a task serves."""


@asynccontextmanager
async def connected(_: Server[Peer]) -> AsyncGenerator[Peer]:
    """Give a server of the SDK the other end of each connection, as its handlers' ``ctx.lifespan_context``."""
    yield CONNECTED.get() or Peer()


def principal_of(peer: Peer) -> str:
    """Return the agent of a client: whom its token names, else how it is connected."""
    return f"mcp-{peer.wire}" if peer.subject is None else f"mcp:{peer.subject}"


def peer_of(ctx: Context) -> Peer:
    """Return who makes a request."""
    request = ctx.request
    return peer_at(request.scope) if isinstance(request, Request) else ctx.lifespan_context


def peer_at(scope: Scope) -> Peer:
    """Return who is at the other end of a request over HTTP."""
    user, client = scope.get("user"), scope.get("client")
    subject = None
    if isinstance(user, AuthenticatedUser):
        subject = user.access_token.subject or user.access_token.client_id
    return Peer(wire=Wire.HTTP, address=client[0] if client else None, subject=subject)


def permissions_of(agent: str, permitted: Permitted) -> ServePermissions:
    """Return what an agent may use."""
    if isinstance(permitted, ServePermissions):
        return permitted
    return permitted.get(agent, ServePermissions.nothing())
