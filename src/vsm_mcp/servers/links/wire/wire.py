"""What carries messages: whole frames in, whole frames out, and an end that can be explained."""

from dataclasses import dataclass
from typing import Protocol

from vsm_mcp.servers.links.link import Ending

LARGEST_REQUEST = 2**20
LARGEST_RESPONSE = 10 * 2**20
_ENVELOPE = 6 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large messages may be.

    Attributes:
        request: Bytes of the arguments of a call.
        response: Bytes of an answer. A larger one is refused, and the connection lives on.
    """

    request: int = LARGEST_REQUEST
    response: int = LARGEST_RESPONSE

    @property
    def frame(self) -> int:
        """Bytes of anything at all. What is larger ends the connection: where the next message begins is not known."""
        return self.response + _ENVELOPE


class Wire(Protocol):
    """Carries frames, one message each."""

    @property
    def said(self) -> tuple[str, ...]:
        """The last lines that the server wrote beside its messages."""
        ...

    async def receive(self) -> bytes:
        """Return the next frame.

        Raises:
            anyio.EndOfStream: There will be none.
            PayloadError: It is larger than allowed; nothing after it can be read.
        """
        ...

    async def send(self, frame: bytes) -> None:
        """Write a frame. When this is cancelled the frame may be torn.

        Raises:
            anyio.BrokenResourceError: The other side does not read any more.
            anyio.ClosedResourceError: This side was closed.
        """
        ...

    async def shut(self) -> None:
        """Say that nothing more will be sent."""
        ...

    async def rest(self) -> None:
        """Wait a moment for the end of a server that was told that nothing more will be sent."""
        ...

    async def aclose(self) -> None:
        """Read no more: `receive` ends."""
        ...

    def cut(self) -> None:
        """End it at once, in the middle of whatever happens."""
        ...

    async def gone(self) -> str:
        """Wait until the other side is gone, whether or not somebody reads, and say how."""
        ...

    async def ending(self, reason: str) -> Ending:
        """Explain the end, with what is known of the other side."""
        ...
