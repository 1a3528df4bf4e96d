"""What discovery answers: servers in order, why they stand where they stand, and who could not be asked."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, Field, field_serializer

from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.server import Candidate

_WIDEST = 60


class RankedServer(BaseModel, frozen=True, extra="forbid"):
    """A candidate with its score and the reasons for it, the strongest first. Scores compare within one result only."""

    candidate: Candidate
    score: float
    why: tuple[str, ...] = ()

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
            "environment": [variable.name for variable in candidate.environment],
            "tools": [tool.name for tool in candidate.tools],
            "egress": list(candidate.egress),
            "repository": candidate.repository,
        }


class DiscoveryResult(BaseModel, frozen=True, extra="forbid"):
    """What was found for what was wanted, best first, and which sources could not answer.

    Ranked does not mean fitting: whether a server does what is wanted is shown by verification.
    """

    wanted: str
    ranked: tuple[RankedServer, ...] = ()
    errors: Mapping[str, str] = Field(default_factory=dict[str, str])

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
        header = ("score", "server", "package", "source", "state", "why")
        rows = [header, *(_row(entry) for entry in self.ranked)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
        failed = (f"source {name} failed: {reason}" for name, reason in self.errors.items())
        return "\n".join((f"{len(self)} servers for {self.wanted!r}", *lines, *failed))


def _row(entry: RankedServer) -> tuple[str, ...]:
    one = entry.candidate
    cells = (one.name, str(one.package), one.source, one.readiness.value, "; ".join(entry.why[:2]))
    return (f"{entry.score:.2f}", *(cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…" for cell in cells))
