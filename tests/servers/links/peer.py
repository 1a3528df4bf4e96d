"""The peer of `vsm_mcp.testing` over the connections that it lacks there: WebSocket, and standard input and output.

Runs as a program over standard input and output, and in a thread over TCP, WebSocket and both kinds of HTTP.
"""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from typing_extensions import override
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from vsm_mcp.testing.peer import Json, Peer, attend
from vsm_mcp.testing.remote import RemoteServer


class Net(RemoteServer):
    """Serves a peer over WebSocket as well, on a port of its own."""

    def __init__(self, peer: Peer, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(peer, port=port, tls=tls)
        self.websocket_port = 0

    @override
    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        sockets = await serve(
            self._websocket,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol("mcp")],
            max_size=None,
            compression=None,
            ssl=self.tls,
        )
        self.websocket_port = next(iter(sockets.sockets)).getsockname()[1]
        async with super().listening():
            yield
        sockets.close()

    async def _websocket(self, connection: ServerConnection) -> None:
        async def send(message: Json) -> None:
            try:
                await connection.send(json.dumps(message))
            except ConnectionClosed as error:
                raise ConnectionError from error

        async def receive() -> bytes:
            try:
                return str(await connection.recv()).encode()
            except ConnectionClosed:
                return b""

        async def end() -> None:
            connection.transport.abort()

        await attend(self.peer, send, await receive(), receive=receive, end=end)


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def send(message: Json) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    async def end() -> None:
        os._exit(9)

    peer = Peer(version=sys.argv[1], endless="endless" in sys.argv)
    await attend(peer, send, await reader.readline(), receive=reader.readline, end=end)


if __name__ == "__main__":
    asyncio.run(main())
