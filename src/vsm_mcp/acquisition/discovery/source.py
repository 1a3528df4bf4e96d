"""A source of servers: it lists all that it knows; discovery merges the lists of all sources and ranks them itself."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from vsm_mcp.model.server import Candidate, PackageRef, ToolSummary

AT_ONCE = timedelta()
"""How long a listing is fresh whose source answers at once and is asked for every search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Words by which a server is found and that are no part of what is acquired.

    A source that knows a server only as an image, or that learnt what a package's tools are called, says so with this.
    It belongs to the candidates of the same package; without a package, to the one package of the same repository.

    Attributes:
        name: The server's name in that source.
        source: Which source said so.
        package: Which package it is about.
        repository: Where the server's source code is, as published.
        title: For people.
        summary: One or two sentences; untrusted text.
        keywords: Further words to find it by.
        tools: Its tools; those of a package count instead of what others published about them.
    """

    name: str
    source: str
    package: PackageRef | None = None
    repository: str = ""
    title: str = ""
    summary: str = ""
    keywords: tuple[str, ...] = ()
    tools: tuple[ToolSummary, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that a source knows at one moment.

    Attributes:
        candidates: The servers that can be acquired.
        descriptions: Words by which servers are found, see ``Description``.
        mark: What the source wants to be told next time, to answer with less work; any text, kept with the listing.
        omitted: How many entries made no sense and were left out.
    """

    candidates: tuple[Candidate, ...] = ()
    descriptions: tuple[Description, ...] = ()
    mark: str = ""
    omitted: int = 0


class Source(Protocol):
    """Knows servers. Discovery asks all its sources at once, keeps what they list, and ranks it."""

    @property
    def name(self) -> str:
        """A short name, unique among the sources, for reports."""
        ...

    @property
    def fresh_for(self) -> timedelta:
        """How long a listing stays good; zero when asking costs nothing: then it is asked for every search.

        A listing of a source with a zero is not kept on disk.
        """
        ...

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return all servers it knows now.

        Args:
            known: What it answered last time, maybe in an earlier process; ``None`` when nothing is remembered. A
                source to which nothing has happened since returns ``known`` itself.

        Raises:
            VSMError: The source cannot answer; the other sources go on, and ``known`` stays in use.
        """
        ...
