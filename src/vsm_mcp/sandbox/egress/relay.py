"""One connection carried through: bytes and ends both ways, never more than the slower side takes."""

import socket
import struct

import anyio
from anyio.lowlevel import checkpoint

from vsm_mcp.sandbox.egress.ledger import ExceededError, Ledger, Meter

PIECE = 256 * 1024

_RESET = struct.pack("ii", 1, 0)


class RelayError(Exception):
    """A connection ended otherwise than by both sides; the text says how, in words for an event."""


async def carry(inside: socket.socket, outside: socket.socket, *, ledger: Ledger, idle: float) -> None:
    """Pass bytes on until both sides have said their last.

    Raises:
        RelayError: Too many bytes, or none for too long.
    """
    with anyio.CancelScope(deadline=anyio.current_time() + idle) as patience:

        def alive() -> None:
            patience.deadline = anyio.current_time() + idle

        meter = ledger.meter(alive)
        exceeded = await _both_ways(inside, outside, meter)
        if exceeded:
            raise RelayError(exceeded)
    if patience.cancelled_caught:
        raise RelayError(f"nothing passed for {idle:g} seconds")


def reset(one: socket.socket) -> None:
    """Let the next close of a connection tell the other side that it broke."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


async def _both_ways(inside: socket.socket, outside: socket.socket, meter: Meter) -> str:
    """Pass bytes on both ways; return which bound they broke, or nothing."""
    exceeded, broken = "", False
    async with anyio.create_task_group() as tasks:

        async def one_way(source: socket.socket, sink: socket.socket, *, outward: bool) -> None:
            nonlocal exceeded, broken
            try:
                await _pass_on(source, sink, meter=meter, outward=outward)
                if not broken:  # otherwise this end is only what is left of a connection that broke
                    sink.shutdown(socket.SHUT_WR)
            except ExceededError as error:
                exceeded = str(error)
            except OSError:
                pass  # one side broke the connection: so do we, with the other
            else:
                return
            broken = True
            reset(inside)
            reset(outside)
            tasks.cancel_scope.cancel()

        async def inward() -> None:
            await one_way(outside, inside, outward=False)

        tasks.start_soon(inward)
        await one_way(inside, outside, outward=True)
    return exceeded


async def _pass_on(source: socket.socket, sink: socket.socket, *, meter: Meter, outward: bool) -> None:
    """Pass bytes on one way until the source has said its last."""
    while True:
        try:
            data = source.recv(max(1, min(PIECE, meter.room)))
        except BlockingIOError:
            await anyio.wait_readable(source)
            continue
        if not data:
            return
        meter.count(len(data), outward=outward)
        await _send(sink, data)
        await checkpoint()


async def _send(sink: socket.socket, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sink.send(rest) :]
        except BlockingIOError:
            await anyio.wait_writable(sink)
