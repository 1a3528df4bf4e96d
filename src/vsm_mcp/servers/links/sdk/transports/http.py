"""The SDK's transport over HTTP, streamable or the older kind, with what failed and why put in the SDK's place."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

import anyio
import httpx2
from anyio.abc import TaskGroup
from mcp.client import Transport
from mcp.client._transport import ReadStream, WriteStream
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import CONNECTION_CLOSED, ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.link import Ending, Remote
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.sdk.transports.authorization import Entrance
from vsm_mcp.servers.links.sdk.transports.streams import Item, Reading, Writing
from vsm_mcp.servers.links.sdk.transports.traffic import NOT_LET_IN, TOO_LARGE, UNREACHED, Traffic
from vsm_mcp.servers.links.wire.events import Failed, Fate, Fates
from vsm_mcp.servers.links.wire.http import CONNECT_SECONDS, Authorizes, PatientTransport
from vsm_mcp.servers.links.wire.wire import Bounds

MOST_WAITING = 10_000
_UNANSWERED = "SSE stream"
_MARKS: Mapping[Fate, object] = {Fate.TOO_LARGE: TOO_LARGE, Fate.NOT_LET_IN: NOT_LET_IN}
_LISTS = frozenset({"tools", "prompts"})


class HttpTransport:
    """Carries messages to a server over HTTP and back.

    Enter it once (the SDK's client does).

    Args:
        opened: The SDK's own transport.
        traffic: Sorts the messages.
        fates: Knows how requests failed.
    """

    def __init__(self, opened: Transport, desk: "_Desk", tasks: TaskGroup) -> None:
        """Join the parts."""
        self.traffic: Traffic = desk.traffic
        self.fates: Fates = desk.fates
        self._opened = opened
        self._desk = desk
        self._tasks = tasks

    async def __aenter__(self) -> tuple[Reading, Writing]:
        """Connect, and return the stream of messages from the server and the one to it."""
        read, write = await self._opened.__aenter__()
        self._tasks.start_soon(self._desk.forward, read)
        return Reading(self._desk.next, self._desk.close), _writing(self.traffic, write)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session, if there is one and the server still listens."""
        await self._opened.__aexit__(kind, error, trace)

    @property
    def said(self) -> tuple[str, ...]:
        """Nothing: there is no second stream."""
        return ()

    async def rest(self) -> None:
        """Do not wait: there is no process that could have files to finish."""

    async def ending(self) -> Ending:
        """Tell why the connection ended."""
        return Ending(reason=self.traffic.broken or "the connection closed")


class _Desk:
    """Where everything that comes from the server arrives: answers from the SDK, the rest from below it."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic: Traffic = traffic
        self.fates: Fates = Fates()
        self._put, self._taken = anyio.create_memory_object_stream[SessionMessage](MOST_WAITING)
        traffic.whenever_broken(self._put.close)

    async def hear(self, frame: bytes) -> None:
        """Take in a message that is no answer."""
        try:
            message = self.traffic.read(frame)
        except PayloadError as error:
            self.traffic.break_off(error.message.removesuffix("."))
            return
        if message is not None:
            self._hand_over(SessionMessage(message))
        await self.traffic.pause()
        await anyio.lowlevel.checkpoint()  # there may be thousands: the others have their turn between them

    async def forward(self, read: ReadStream[Item]) -> None:
        """Take in what comes out of the SDK's own transport, until its end."""
        try:
            async for item in read:
                await self.traffic.pause()
                self._take(item)
        except PayloadError as error:
            self.traffic.break_off(error.message.removesuffix("."))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            pass  # it was closed, which is its end
        self.traffic.break_off("the server closed its stream")

    async def next(self) -> SessionMessage:
        """Return the next message.

        Raises:
            anyio.EndOfStream: There will be none.
        """
        try:
            return await self._taken.receive()
        except anyio.ClosedResourceError as error:
            raise anyio.EndOfStream from error

    async def close(self) -> None:
        """Give up what was not taken."""
        self._put.close()
        self._taken.close()

    def _take(self, item: Item) -> None:
        """Take in an item. How long it was is bounded below; it is measured again where lists are added up."""
        if not isinstance(item, SessionMessage):
            self.traffic.noise.count(b"")
            return
        message = self._explained(item.message)
        frame = b""
        if isinstance(message, JSONRPCResponse) and not _LISTS.isdisjoint(message.result):
            frame = message.model_dump_json().encode()
        kept = self.traffic.sorted(message, frame)
        if kept is not None:
            self._hand_over(SessionMessage(kept, item.metadata))

    def _hand_over(self, item: SessionMessage) -> None:
        try:
            self._put.send_nowait(item)
        except anyio.WouldBlock:
            self.traffic.break_off("the server says more than can be taken in")
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return  # nobody waits any more

    def _explained(self, message: JSONRPCMessage) -> JSONRPCMessage:
        """Return ``message``, or what stands for it when its request failed on the way."""
        if not isinstance(message, JSONRPCError):
            return message
        failed = self.fates.take(message.id)
        if failed is None and message.error.code == CONNECTION_CLOSED and message.error.message.startswith(_UNANSWERED):
            failed = Failed(Fate.UNREACHED, "its answer ended before it was complete")
        if failed is None:
            return message
        if failed.fate is Fate.GONE:
            self.traffic.break_off(failed.why)
            return message
        mark = _MARKS.get(failed.fate, UNREACHED)
        return JSONRPCError(jsonrpc="2.0", id=message.id, error=ErrorData(code=0, message=failed.why, data=mark))


@asynccontextmanager
async def http(
    launch: HttpLaunch,
    remote: Remote,
    *,
    listing: Listing,
    bounds: Bounds,
    older: bool = False,
    entrance: Entrance | None = None,
) -> AsyncGenerator[HttpTransport]:
    """Make a transport over HTTP.

    Args:
        launch: Where the server is.
        remote: What is given to reach it.
        listing: Hears of lists of tools.
        bounds: How large messages may be.
        older: Whether to use the older kind of two streams.
        entrance: Gets what lets this host in, if the server wants anything.
    """
    desk = _Desk(Traffic(listing=listing, bounds=bounds))
    client = _Clients(remote, desk, bounds, entrance and entrance.for_one(desk.traffic.unhurried))
    async with anyio.create_task_group() as tasks:
        try:
            if older:
                yield HttpTransport(sse_client(launch.url, httpx_client_factory=client), desk, tasks)
            else:
                async with client() as one:
                    opened = streamable_http_client(launch.url, http_client=one, max_sse_event_size=bounds.frame)
                    yield HttpTransport(opened, desk, tasks)
        finally:
            tasks.cancel_scope.cancel()
            await desk.close()


@dataclass(frozen=True, slots=True)
class _Clients:
    """Makes HTTP clients, in the way in which the SDK asks for them; what it says about times is not heeded."""

    remote: Remote
    desk: _Desk
    bounds: Bounds
    authorizes: Authorizes | None

    def __call__(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        """Return a client whose requests end with their callers' deadlines, and not before."""
        return httpx2.AsyncClient(
            headers={**(headers or {}), **self.remote.headers, "accept-encoding": "identity"},
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            auth=auth,
            transport=PatientTransport(
                self.remote, self.desk.fates, bounds=self.bounds, hear=self.desk.hear, authorizes=self.authorizes
            ),
            trust_env=False,
        )


def _writing(traffic: Traffic, inner: WriteStream[SessionMessage]) -> Writing:
    async def send(item: SessionMessage, /) -> None:
        traffic.sent(item.message)
        if traffic.broken is not None:
            raise anyio.BrokenResourceError
        await inner.send(item)
        traffic.wrote(item.message)

    return Writing(send, inner.aclose)
