"""What asking every source anew brought: which servers are new, gone or different, and how the sources stand."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from pydantic import BaseModel

from vsm_mcp.acquisition.discovery.memory.merging import Merged
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.result import SourceReport

MOST_SHOWN = 10
"""So many names of each kind are printed; all of them are there."""


class Rediscovery(BaseModel, frozen=True, extra="forbid"):
    """How the sources stand after they were asked anew, and what differs from what was known before.

    Iterating gives the reports of the sources. Servers that only other sources list now, or that are described in other
    words, are changed.

    Attributes:
        sources: Every source, in order.
        added: The names of servers that were not known before.
        removed: The names of servers that are not known any more.
        changed: The names of servers of which something else is said now.
    """

    sources: tuple[SourceReport, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @classmethod
    def between(
        cls, before: Mapping[str, Merged], after: Mapping[str, Merged], *, sources: tuple[SourceReport, ...]
    ) -> Self:
        """Compare what was known, by package, with what is known now."""
        return cls(
            sources=sources,
            added=_names(one for key, one in after.items() if key not in before),
            removed=_names(one for key, one in before.items() if key not in after),
            changed=_names(one for key, one in after.items() if key in before and one != before[key]),
        )

    @property
    def errors(self) -> Mapping[str, str]:
        """Why sources could not answer, by their names."""
        return {source.name: source.error for source in self.sources if source.error}

    def __iter__(self) -> Iterator[SourceReport]:  # type: ignore[override]  # its entries are the reports, not its fields
        """Go through the reports of the sources."""
        return iter(self.sources)

    def __len__(self) -> int:
        """Return how many sources there are."""
        return len(self.sources)

    def __getitem__(self, place: int) -> SourceReport:
        """Return the report of a source by its place."""
        return self.sources[place]

    def __str__(self) -> str:
        """Show a line for each kind of difference, then one per source."""
        told = {"added": self.added, "removed": self.removed, "changed": self.changed}
        return "\n".join((*(_line(kind, names) for kind, names in told.items()), *map(str, self.sources)))


def _names(servers: Iterable[Merged]) -> tuple[str, ...]:
    return tuple(sorted(one.candidate.name for one in servers))


def _line(kind: str, names: tuple[str, ...]) -> str:
    shown = ", ".join((*map(clean, names[:MOST_SHOWN]), *(("...",) if len(names) > MOST_SHOWN else ())))
    return f"{len(names)} {kind}: {shown}" if names else f"0 {kind}"
