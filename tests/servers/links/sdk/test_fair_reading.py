"""However much a server says at once, whoever else runs in the same loop has a turn between its messages."""

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp.servers.links.link import Ending
from vsm_mcp.servers.links.listing import Listing
from vsm_mcp.servers.links.sdk.transports.framed import MOST_IN_A_ROW, FramedTransport
from vsm_mcp.servers.links.sdk.transports.traffic import Traffic
from vsm_mcp.servers.links.wire.wire import Bounds

pytestmark = pytest.mark.anyio

NOTICE = b'{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}'
MANY = 5000


class Storm:
    """A wire that has thousands of messages ready, and then ends."""

    def __init__(self) -> None:
        self.left = MANY
        self.said = ()

    async def receive(self) -> bytes:
        if not self.left:
            await anyio.lowlevel.checkpoint()
            raise anyio.EndOfStream
        self.left -= 1
        return NOTICE

    async def send(self, frame: bytes) -> None:
        raise anyio.BrokenResourceError

    async def shut(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def rest(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()

    def cut(self) -> None:
        self.left = 0

    async def gone(self) -> str:
        await anyio.sleep_forever()
        return ""

    async def ending(self, reason: str) -> Ending:
        await anyio.lowlevel.checkpoint()
        return Ending(reason=reason)


async def test_thousands_of_messages_are_not_read_in_one_go() -> None:
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    transport = FramedTransport(Storm(), Traffic(listing=Listing(), bounds=Bounds()))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(neighbour)
            with pytest.raises(anyio.EndOfStream):
                await transport.receive()
            tasks.cancel_scope.cancel()
    assert turns >= MANY / MOST_IN_A_ROW
