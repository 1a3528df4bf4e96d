"""The last words of a process: its error output, always drained, only the end kept."""

from collections import deque
from collections.abc import Sequence

import anyio
from anyio.abc import ByteReceiveStream

from vsm_mcp.servers.links.quoting import Blotter

MOST_LINES = 50
LONGEST_LINE = 2048


class StderrRing:
    """Keeps the last lines of an error output, each cut to a bound, with secrets blotted out.

    Args:
        lines: How many lines are kept.
        longest: How many bytes of a line are kept.
        hide: Secrets; those of fewer than four characters would blot out ordinary text, and stay.
    """

    def __init__(self, *, lines: int = MOST_LINES, longest: int = LONGEST_LINE, hide: Sequence[str] = ()) -> None:
        """Start with nothing."""
        self._blotter = Blotter(hide)
        self._lines: deque[bytes] = deque(maxlen=lines)
        self._longest = longest
        self._open = b""
        self._finished = anyio.Event()

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines, oldest first, the unfinished one included."""
        return tuple(self._blotter.blot(_text(line)) for line in (*self._lines, self._open) if line)

    async def drain(self, stream: ByteReceiveStream) -> None:
        """Read ``stream`` to its end."""
        try:
            while True:
                self.feed(await stream.receive())
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return
        finally:
            self._finished.set()

    async def finished(self) -> None:
        """Wait until everything was read."""
        await self._finished.wait()

    def feed(self, chunk: bytes) -> None:
        """Take in ``chunk``; what goes beyond the bound of a line is dropped."""
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            self._grow(piece)
            if self._open:
                self._lines.append(self._open)
            self._open = b""
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        room = self._longest - len(self._open)
        if room > 0:
            self._open += piece[:room]


def _text(line: bytes) -> str:
    """Return ``line`` as text that is safe to show: no control characters, so no terminal is led astray."""
    decoded = line.decode("utf-8", "replace").rstrip()
    return "".join(char if char.isprintable() else " " for char in decoded)
