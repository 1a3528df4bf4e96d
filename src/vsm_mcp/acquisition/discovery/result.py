"""What discovery answers: servers in order, why they stand where they stand, and who could not be asked."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field, field_serializer

from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import Candidate

_WIDEST = 60


class SourceState(StrEnum):
    """How far what a source says can be relied on."""

    FRESH = "fresh"
    KEPT = "kept"
    """It could not answer now; what it listed before is in use."""
    FAILED = "failed"
    """It could not answer, and nothing is known from before."""


class SourceReport(BaseModel, frozen=True, extra="forbid"):
    """How a source stands.

    Attributes:
        name: The source.
        state: Whether it answered.
        servers: How many servers it lists or describes.
        omitted: How many of its entries made no sense.
        taken: When it listed them; ``None`` when it is asked each time.
        error: Why it could not answer.
    """

    name: str
    state: SourceState
    servers: int
    omitted: int = 0
    taken: datetime | None = None
    error: str | None = None

    def __str__(self) -> str:
        """Say it in a line."""
        since = f", as of {self.taken:%Y-%m-%d %H:%M} UTC" if self.taken else ""
        odd = f", {self.omitted} unreadable entries left out" if self.omitted else ""
        failed = f": {clean(self.error)}" if self.error else ""
        return f"source {clean(self.name)}: {self.state.value}, {self.servers} servers{since}{odd}{failed}"


class RankedServer(BaseModel, frozen=True, extra="forbid"):
    """A candidate with its score and the reasons for it, the strongest first. Scores compare within one result only.

    Attributes:
        candidate: What would be acquired.
        score: What it counts.
        why: What brought it there.
        said_by: Which source said it, for every field that is not the word of ``candidate.source``.
        tools: The names of its tools, at most 64: those it listed when it was proven here, else published or described
            ones.
    """

    candidate: Candidate
    score: float
    why: tuple[str, ...] = ()
    said_by: Mapping[str, str] = Field(default_factory=dict[str, str])
    tools: tuple[str, ...] = ()

    @field_serializer("candidate")
    def _public(self, candidate: Candidate) -> Mapping[str, JsonValue]:
        return {
            "name": candidate.name,
            "source": candidate.source,
            "package": str(candidate.package),
            "title": candidate.title,
            "summary": candidate.summary,
            "publisher": candidate.publisher,
            "readiness": candidate.readiness.value,
            "deprecated": candidate.deprecated,
            "environment": [variable.name for variable in candidate.environment],
            "tools": [tool.name for tool in candidate.tools],
            "egress": list(candidate.egress),
            "repository": candidate.repository,
        }


class DiscoveryResult(BaseModel, frozen=True, extra="forbid"):
    """What was found for what was wanted, best first, and how the sources stand.

    Ranked does not mean fitting: whether a server does what is wanted is shown by verification.

    Attributes:
        wanted: What was asked; empty where servers were listed without being asked for anything.
        ranked: The servers.
        sources: Every source that was asked, in order.
        withheld: Servers that would stand among the ranked ones, were they not blocked by the policy: the best 20 at
            most; ``why`` says by which rule.
    """

    wanted: str
    ranked: tuple[RankedServer, ...] = ()
    sources: tuple[SourceReport, ...] = ()
    withheld: tuple[RankedServer, ...] = ()

    @property
    def errors(self) -> Mapping[str, str]:
        """Why sources could not answer, by their names."""
        return {source.name: source.error for source in self.sources if source.error}

    def __iter__(self) -> Iterator[RankedServer]:  # type: ignore[override]  # a result is its entries, not its fields
        """Go through the ranked servers, best first."""
        return iter(self.ranked)

    def __len__(self) -> int:
        """Return how many servers were ranked."""
        return len(self.ranked)

    def __bool__(self) -> bool:
        """A result is true when it ranked something."""
        return bool(self.ranked)

    def __str__(self) -> str:
        """Show a table, one line per server, then one line per source that failed."""
        header = ("score", "server", "package", "source", "state", "tools", "why")
        rows = [header, *(_row(entry) for entry in self.ranked)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
        told = (str(source) for source in self.sources if source.error or source.omitted)
        blocked = (f"withheld {clean(one.candidate.name)}: {clean(' '.join(one.why))}" for one in self.withheld)
        title = f"{len(self)} servers" + (f" for {self.wanted!r}" if self.wanted else "")
        return "\n".join((title, *lines, *blocked, *told))


def _row(entry: RankedServer) -> tuple[str, ...]:
    one = entry.candidate
    told = (
        one.name,
        str(one.package),
        one.source,
        one.readiness.value,
        ", ".join(entry.tools),
        "; ".join(entry.why[:2]),
    )
    cells = (clean(cell) for cell in told)  # whoever is shown has chosen most of it
    return (f"{entry.score:.2f}", *(cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…" for cell in cells))


class Covering(BaseModel, frozen=True, extra="forbid"):
    """A server that was chosen, and the operations it was chosen for."""

    server: RankedServer
    operations: tuple[str, ...]


class ServerCover(BaseModel, frozen=True, extra="forbid"):
    """Few servers for several operations, the one for most of them first; whether they fit is shown by verification.

    Attributes:
        chosen: The servers.
        uncovered: The operations that no server has words for.
    """

    chosen: tuple[Covering, ...] = ()
    uncovered: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Covering]:  # type: ignore[override]  # as above
        """Go through the servers."""
        return iter(self.chosen)

    def __len__(self) -> int:
        """Return how many servers there are."""
        return len(self.chosen)

    def __str__(self) -> str:
        """Show a line per server, then one for what is left."""
        lines = (f"{_shown(one.server.candidate)}: {clean('; '.join(one.operations))}" for one in self)
        left = (f"uncovered: {clean('; '.join(self.uncovered))}",) if self.uncovered else ()
        return "\n".join((f"{len(self)} servers", *lines, *left))


def _shown(candidate: Candidate) -> str:
    return clean(f"{candidate.name} ({candidate.package})")
