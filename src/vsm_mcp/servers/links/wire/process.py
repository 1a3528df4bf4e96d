"""Frames over the standard input and output of a process, with its last words and its exit code."""

import anyio

from vsm_mcp.servers.links.link import Ending, Explained
from vsm_mcp.servers.links.wire.framing import Framer, FrameReader
from vsm_mcp.servers.links.wire.stderr import StderrRing
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.world.processes import Process

LAST_WORDS_SECONDS = 1.0
GRACE_SECONDS = 1.0


class ProcessWire:
    """Carries frames to a process and back, one per line.

    Args:
        process: The server's process; whoever opened it ends it.
        stderr: Gets its error output, which `drain` reads.
        bounds: How long a line may be.
    """

    def __init__(self, process: Process, *, stderr: StderrRing, bounds: Bounds) -> None:
        """Join process and ring."""
        self._process = process
        self._stderr = stderr
        self._frames = FrameReader(process.stdout, Framer(largest=bounds.frame))

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines of its error output."""
        return self._stderr.lines

    async def receive(self) -> bytes:
        """Return the next line."""
        return await self._frames.receive()

    async def send(self, frame: bytes) -> None:
        """Write a line."""
        await self._process.stdin.send(frame + b"\n")

    async def shut(self) -> None:
        """Close its input: it may end by itself."""
        await self._process.stdin.aclose()

    async def rest(self) -> None:
        """Let it end by itself: it may have files to finish."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS):
            await self._process.wait()

    async def aclose(self) -> None:
        """Close its output."""
        await self._process.stdout.aclose()

    def cut(self) -> None:
        """Kill it."""
        self._process.kill()

    async def drain(self) -> None:
        """Read its error output to the end."""
        await self._stderr.drain(self._process.stderr)

    async def gone(self) -> str:
        """Wait for its end."""
        return f"the process ended with exit code {await self._process.wait()}"

    async def ending(self, reason: str) -> Ending:
        """Wait a moment for its exit code and its last words, and tell them."""
        return await ending_of(self._process, self._stderr, reason)


async def ending_of(process: Process, stderr: StderrRing, reason: str) -> Ending:
    """Wait a moment for the exit code and the last words of a process, and tell them."""
    with anyio.move_on_after(LAST_WORDS_SECONDS):
        await process.wait()
        await stderr.finished()
    detail = process.exit_detail if isinstance(process, Explained) else ""
    if detail:
        reason = f"{reason}: {detail.removesuffix('.')}"
    return Ending(reason=reason, exit_code=process.returncode, stderr=stderr.lines)
