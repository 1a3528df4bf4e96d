"""The connections of every pool of a server are counted together, and a pool that is closed is forgotten."""

import gc
import weakref

import anyio.lowlevel
import pytest
from tests.servers.links.ways import remote

from vsm_mcp.servers.links.connections import ConnectionCount, HttpConnections
from vsm_mcp.servers.links.wire.events import Fates
from vsm_mcp.servers.links.wire.http import PatientTransport
from vsm_mcp.servers.links.wire.wire import Bounds


def test_the_pools_of_a_server_are_counted_together_while_they_are_open() -> None:
    connections = HttpConnections(7)

    def one() -> tuple[int, int, int]:
        return 1, 2, 3

    def other() -> tuple[int, int, int]:
        return 10, 20, 30

    assert connections.count() == ConnectionCount(active=0, idle=0, waiting=0, most=7)
    connections.opened(one)
    connections.opened(other)
    assert connections.count() == ConnectionCount(active=11, idle=22, waiting=33, most=7)
    connections.closed(one)
    connections.closed(one)
    assert connections.count() == ConnectionCount(active=10, idle=20, waiting=30, most=7)


async def hear(_: bytes) -> None:
    await anyio.lowlevel.checkpoint()


@pytest.mark.anyio
async def test_a_transport_that_was_closed_is_kept_by_nobody() -> None:
    given = remote()
    transport = PatientTransport(given, Fates(), bounds=Bounds(), hear=hear)
    assert given.connections.count().active == 0
    gone = weakref.ref(transport)
    await transport.aclose()
    del transport
    gc.collect()
    assert gone() is None
