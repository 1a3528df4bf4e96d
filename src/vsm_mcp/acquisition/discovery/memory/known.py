"""All servers that are known at one moment, and the ranking over them; never changed, only followed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.memory.merging import Merged
from vsm_mcp.acquisition.discovery.ranking import Ranking

LARGEST_RECENT_PART = 0.1
"""The part of all servers that may be new or changed before all of them are indexed anew."""

MOST_RECENT = 500
"""So many may be new or changed in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The servers by their keys, and an index over them: a large one that stays, and a small one for what is recent.

    Attributes:
        servers: All servers.
        ranking: Ranks them.
        indexed: What the large index was made of.
    """

    servers: Mapping[str, Merged]
    ranking: Ranking
    indexed: Mapping[str, Merged]

    @classmethod
    def of(cls, servers: Mapping[str, Merged], ranking: Ranking | None = None) -> Self:
        """Index all of ``servers``, unless ``ranking`` is over exactly these already. Takes seconds for thousands."""
        whole = Ranking(documents_of(servers, servers)) if ranking is None else ranking
        return cls(servers=servers, ranking=whole, indexed=servers)

    def followed_by(self, servers: Mapping[str, Merged]) -> Self:
        """Return what is known when it is ``servers``; only what differs is indexed, as long as that is little."""
        changed = [key for key, one in servers.items() if self.indexed.get(key) != one]
        gone = self.indexed.keys() - servers.keys()
        if len(changed) + len(gone) > max(MOST_RECENT, LARGEST_RECENT_PART * len(self.indexed)):
            return type(self).of(servers)
        ranking = self.ranking.beside(documents_of(servers, changed), without=gone)
        return type(self)(servers=servers, ranking=ranking, indexed=self.indexed)


def documents_of(servers: Mapping[str, Merged], keys: Collection[str]) -> list[Document]:
    """Return what is ranked of the servers with these keys."""
    return [servers[key].document(key) for key in keys]
