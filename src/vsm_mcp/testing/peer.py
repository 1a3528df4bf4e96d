"""A small well-behaved server without any connection of its own: it takes messages and sends what they ask for.

`vsm_mcp.testing.remote` serves it over a network.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import anyio

Json = dict[str, object]
Send = Callable[[Json], Awaitable[None]]
"""Sends a message. Raises `ConnectionError` when its other end went."""

HANDSHAKE = "2025-11-25"
STATELESS = "2026-07-28"
HUGE = 11_000_000
LONGEST_SLEEP = 60.0

_Asked = Callable[[object, Json, Send], Awaitable[None]]
_CAPABILITIES: Json = {"tools": {"listChanged": True}}
_COMPLETE: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def tool(name: str) -> Json:
    """Return the listing of a tool that takes any object."""
    return {"name": name, "description": f"Do {name}.", "inputSchema": {"type": "object"}, "vendor": {"x": 1}}


TOOLS: tuple[Json, ...] = tuple(
    tool(name) for name in ("echo", "add", "fail", "sleep", "count", "huge", "announce", "die", "cancelled", "ask")
)


class DeathError(Exception):
    """The server ends its connection at once, without an answer."""


class Peer:
    """Answers messages, well and in time; subclasses may know better, or worse.

    Its tools: ``echo`` and ``add`` do what they say, ``fail`` fails, ``sleep`` lasts a minute, ``count`` reports
    progress, ``huge`` answers with 11 MB, ``announce`` tells that the tools changed, ``die`` raises `DeathError`,
    ``cancelled`` says how many calls were given up, ``ask`` asks the user for a name (`STATELESS` only).

    Args:
        version: The one version of the protocol that it speaks.
        endless: Whether its list of tools has always one more page, all of them empty.

    Attributes:
        version: The version of the protocol.
        endless: Whether its list of tools never ends.
        tools: What it lists.
        cancelled: How many calls were given up.
        initialized: How often it was greeted in the old way.
        headers: Those of each request over HTTP, their names in small letters.
        seen: The methods of all messages that came, in order.
        listening: Who listens to announcements: the number of the request, and what sends to him.
    """

    def __init__(self, *, version: str = HANDSHAKE, endless: bool = False) -> None:
        """Start without having seen anything."""
        self.version: str = version
        self.endless: bool = endless
        self.tools: list[Json] = list(TOOLS)
        self.cancelled: int = 0
        self.initialized: int = 0
        self.headers: list[dict[str, str]] = []
        self.seen: list[str] = []
        self.listening: list[tuple[object, Send]] = []

    async def take(self, message: Json, send: Send, /) -> None:
        """Take a message, and send what it asks for.

        Raises:
            DeathError: The connection is to be ended.
            ConnectionError: Nobody is there any more to send to.
        """
        method, params = message.get("method"), members(message, "params")
        self.seen.append(str(method))
        if method == "notifications/cancelled":
            self.cancelled += 1
        if "id" not in message or method is None:
            return
        number = message["id"]
        era: dict[str, _Asked] = {"initialize": self.initialize}
        if self.version == STATELESS:
            era = {"server/discover": _discover, "subscriptions/listen": self.listen}
        known: dict[str, _Asked] = {**era, "ping": _ping, "tools/list": self.list_tools, "tools/call": self.call}
        if (act := known.get(str(method))) is not None:
            await act(number, params, send)
        else:
            await refuse(send, number, code=-32601, said="Method not found")

    async def initialize(self, number: object, params: Json, send: Send, /) -> None:
        """Answer the old greeting."""
        self.initialized += 1
        info = {"name": "peer", "version": "1"}
        agreed: Json = {"protocolVersion": self.version, "capabilities": _CAPABILITIES, "serverInfo": info}
        await answer(send, number, agreed)

    async def list_tools(self, number: object, params: Json, send: Send, /) -> None:
        """List the tools."""
        page = str(params.get("cursor") or "0")
        more = {"nextCursor": str(int(page) + 1)} if self.endless else {}
        await answer(send, number, {"tools": [] if self.endless else self.tools, **more})

    async def listen(self, number: object, params: Json, send: Send, /) -> None:
        """Keep a stream of announcements open until its other end goes."""
        about = {"io.modelcontextprotocol/subscriptionId": number}
        agreed: Json = {"_meta": about, "notifications": {"toolsListChanged": True}}
        await send({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": agreed})
        self.listening.append((number, send))
        await anyio.sleep(LONGEST_SLEEP)

    async def announce(self, send: Send, /) -> None:
        """Tell that the tools changed: to those who listen, or to everybody, as the version wants it."""
        changed: Json = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        if self.version != STATELESS:
            await send(changed)
        for number, told in self.listening:
            with suppress(ConnectionError):  # it listened once
                await told({**changed, "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": number}}})

    async def ask(self, number: object, params: Json, send: Send, /) -> None:
        """Ask the user for a name before anything is done; what was asked is known again by its state."""
        given = members(members(members(params, "inputResponses"), "who"), "content")
        if given:
            await text(send, number, f"{params.get('requestState')}: {given.get('name')}")
            return
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        asked: Json = {"method": "elicitation/create", "params": {"message": "Name?", "requestedSchema": schema}}
        wanted: Json = {"resultType": "input_required", "requestState": "s1", "inputRequests": {"who": asked}}
        await answer(send, number, wanted)

    async def call(self, number: object, params: Json, send: Send, /) -> None:
        """Run a tool and answer with what it says."""
        name, given = str(params.get("name")), members(params, "arguments")
        if name == "count":
            await _count(given, members(params, "_meta")["progressToken"], send)
        if name == "announce":
            await self.announce(send)
        await _suffer(name)
        said = {
            "echo": str(given.get("text")),
            "fail": "it failed",
            "count": "counted",
            "announce": "announced",
            "cancelled": str(self.cancelled),
        }
        if name == "add":
            total = {"sum": float(str(given["a"])) + float(str(given["b"]))}
            await answer(send, number, {"content": [], "structuredContent": total})
        elif name == "ask":
            await self.ask(number, params, send)
        elif name == "huge":
            await text(send, number, "x" * HUGE)
        elif name in said:
            await text(send, number, said[name], is_error=name == "fail")
        else:
            await refuse(send, number, code=-32602, said=f"Unknown tool: {name}")


def members(message: Json, key: str) -> Json:
    """Return the object that is at ``key``, or an empty one."""
    value = message.get(key)
    return cast("Json", value) if isinstance(value, dict) else {}


async def answer(send: Send, number: object, result: Json) -> None:
    """Answer a request."""
    await send({"jsonrpc": "2.0", "id": number, "result": {**_COMPLETE, **result}})


async def text(send: Send, number: object, said: str, *, is_error: bool = False) -> None:
    """Answer a call with text."""
    await answer(send, number, {"content": [{"type": "text", "text": said}], "isError": is_error})


async def refuse(send: Send, number: object, *, code: int, said: str) -> None:
    """Answer a request with an error."""
    await send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": said}})


async def attend(
    peer: Peer, send: Send, line: bytes, *, receive: Callable[[], Awaitable[bytes]], end: Callable[[], Awaitable[None]]
) -> None:
    """Take one message after the other, without waiting for the answer to the one before.

    Args:
        peer: Takes the messages.
        send: Sends what it answers.
        line: The first message, as JSON.
        receive: Returns the next one; nothing at the end.
        end: Breaks off the connection, when the peer dies.
    """

    async def take(message: Json) -> None:
        try:
            await peer.take(message, send)
        except DeathError:
            await end()
        except ConnectionError:
            return

    async with anyio.create_task_group() as tasks:
        while line:
            tasks.start_soon(take, json.loads(line))
            line = await receive()
        tasks.cancel_scope.cancel()


async def _discover(number: object, _: Json, send: Send) -> None:
    await answer(send, number, {"supportedVersions": [STATELESS], "capabilities": _CAPABILITIES})


async def _ping(number: object, _: Json, send: Send) -> None:
    await answer(send, number, {})


async def _suffer(name: str) -> None:
    if name == "sleep":
        await anyio.sleep(LONGEST_SLEEP)
    if name == "die":
        raise DeathError


async def _count(given: Json, token: object, send: Send) -> None:
    for step in range(int(str(given["steps"]))):
        await anyio.sleep(float(str(given["pause"])))
        told = {"progressToken": token, "progress": step + 1, "total": 9, "message": "on"}
        await send({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
