"""All servers that are known at one moment, and the ranking over them; never changed, only followed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.store import Stored, digest_of
from vsm_mcp.acquisition.discovery.memory.merging import Merged
from vsm_mcp.acquisition.discovery.ranking import Ranking

LARGEST_RECENT_PART = 0.1
"""The part of all servers that may be new or changed before all of them are indexed anew."""

MOST_RECENT = 500
"""So many may be new or changed in any case, unless they are more than all others: few do not know what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The servers by their keys, and an index over them: a large one that stays, and a small one for what is recent.

    Attributes:
        servers: All servers.
        ranking: Ranks them.
        indexed: What the large index was made of; ``None`` for what it was when another process made it.
    """

    servers: Mapping[str, Merged]
    ranking: Ranking
    indexed: Mapping[str, Merged | None]

    @classmethod
    def of(cls, servers: Mapping[str, Merged]) -> Self:
        """Index all of ``servers``. Takes seconds for thousands."""
        return cls(servers=servers, ranking=Ranking(documents_of(servers, servers)), indexed=servers)

    @classmethod
    def recalled(cls, servers: Mapping[str, Merged], stored: Stored) -> Self:
        """Return what is known when it is ``servers``, with an index that was made before, maybe of others."""
        base = stored.segment
        digests = dict(zip(base.keys, stored.digests, strict=True))
        indexed = {key: _if_same(servers.get(key), key, digest) for key, digest in digests.items()}
        return cls(servers={}, ranking=Ranking(index=Index(base=base)), indexed=indexed).followed_by(servers)

    def stored(self) -> Stored | None:
        """Return the large index to be kept, if it is over exactly what is known."""
        if self.indexed is not self.servers:
            return None
        base = self.ranking.index.base
        return Stored(segment=base, digests=[digest_of(self.servers[key].document(key)) for key in base.keys])

    def followed_by(self, servers: Mapping[str, Merged]) -> Self:
        """Return what is known when it is ``servers``; only what differs is indexed, as long as that is little."""
        changed = [key for key, one in servers.items() if self.indexed.get(key) != one]
        gone = self.indexed.keys() - servers.keys()
        before = len(self.indexed)
        if len(changed) + len(gone) > max(min(MOST_RECENT, before), LARGEST_RECENT_PART * before):
            return type(self).of(servers)
        ranking = self.ranking.beside(documents_of(servers, changed), without=gone)
        return type(self)(servers=servers, ranking=ranking, indexed=self.indexed)


def _if_same(known: Merged | None, key: str, digest: bytes) -> Merged | None:
    return known if known is not None and digest_of(known.document(key)) == digest else None


def documents_of(servers: Mapping[str, Merged], keys: Collection[str]) -> list[Document]:
    """Return what is ranked of the servers with these keys."""
    return [servers[key].document(key) for key in keys]
