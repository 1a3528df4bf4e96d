"""A source of servers: asked for what is wanted, it answers with candidates."""

from collections.abc import Sequence
from typing import Protocol

from vsm_mcp.model.server import Candidate


class Source(Protocol):
    """Knows servers. Discovery asks all its sources at once and ranks what they answer."""

    @property
    def name(self) -> str:
        """A short name, unique among the sources, for reports."""
        ...

    async def search(self, wanted: str, *, limit: int) -> Sequence[Candidate]:
        """Return at most ``limit`` candidates that may do what is ``wanted``, best first if the source can tell.

        Raises:
            VSMError: The source cannot answer; the other sources go on.
        """
        ...
