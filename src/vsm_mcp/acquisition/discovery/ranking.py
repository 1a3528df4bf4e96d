"""Ranking by BM25F over the fields of a server and of its tools, in plain Python.

Scores order candidates; they do not say whether any of them fits. That is decided by verification.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.index.bm25f import fields_of
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.segment import Posting, Segment
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.model.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What one term of the query brought to a hit: its part of the score and the fields it was found in."""

    term: str
    score: float
    fields: tuple[str, ...]

    def __str__(self) -> str:
        """Write it as ``powerpoint 3.10 (name, title)``."""
        return f"{self.term} {self.score:.2f} ({', '.join(self.fields)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that has words of the query: its key, its score and why, the strongest word first."""

    key: str
    score: float
    why: tuple[Matched, ...]


class Ranking:
    """An index to be searched; never changed once made, only followed by another one.

    Args:
        documents: What can be found; of several with one key the last one counts.
        tokenizer: Cuts texts into terms; give one to share its memory between indexes.
    """

    def __init__(self, documents: Iterable[Document] = (), *, tokenizer: Tokenizer | None = None) -> None:
        """Count the words of all documents."""
        self._tokenizer = tokenizer or Tokenizer()
        self._base = Segment.of(documents, self._tokenizer)
        self._recent: Segment | None = None
        self._hidden: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        """Show the size."""
        return f"Ranking(documents={len(self)})"

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._base) - len(self._hidden) + (len(self._recent) if self._recent else 0)

    def search(self, query: str, *, limit: int = 10) -> tuple[Hit, ...]:
        """Return at most ``limit`` documents that have words of ``query``, best first; equals in the order of keys."""
        terms = [self._term(term, times) for term, times in self._tokenizer.query(query).items()]
        weighted = _weighted([term for term in terms if term.postings])
        best = self._best(self._scores(weighted), limit)
        return tuple(self._hit(number, score, weighted) for number, score in best)

    def _term(self, term: str, times: int) -> "_Term":
        places = ((0, self._base), (len(self._base), self._recent))
        found = ((offset, segment.posting(term)) for offset, segment in places if segment is not None)
        return _Term(term, times, tuple((offset, posting) for offset, posting in found if posting is not None))

    def _scores(self, weighted: Sequence[tuple["_Term", float]]) -> dict[int, float]:
        scores: dict[int, float] = {}
        known = scores.get
        for term, weight in weighted:
            for offset, posting in term.postings:
                for number, impact in zip(posting.numbers, posting.impacts, strict=True):
                    scores[number + offset] = known(number + offset, 0.0) + weight * impact
        for number in self._hidden & scores.keys():
            del scores[number]
        return scores

    def _best(self, scores: Mapping[int, float], limit: int) -> Sequence[tuple[int, float]]:
        highest = heapq.nlargest(limit, scores.values())
        least = highest[-1] if highest else 0.0
        able = [(number, score) for number, score in scores.items() if score >= least]
        return sorted(able, key=lambda pair: (-pair[1], self._key(pair[0])))[:limit]

    def _key(self, number: int) -> str:
        base = len(self._base)
        return self._base.keys[number] if number < base or self._recent is None else self._recent.keys[number - base]

    def _hit(self, number: int, score: float, weighted: Sequence[tuple["_Term", float]]) -> Hit:
        matched = (term.matched(number, weight) for term, weight in weighted)
        why = sorted((one for one in matched if one.score > 0), key=lambda one: -one.score)
        return Hit(key=self._key(number), score=score, why=tuple(why))


@dataclass(frozen=True, slots=True)
class _Term:
    """A term of a query: how often it is there, and what is known of it in each segment, with the segment's offset."""

    text: str
    times: int
    postings: tuple[tuple[int, Posting], ...]

    @property
    def rarity(self) -> float:
        return self.postings[0][1].rarity

    def matched(self, number: int, weight: float) -> Matched:
        found = (posting.at(number - offset) for offset, posting in self.postings if number >= offset)
        impact, mask = max(found, default=(0.0, 0))
        return Matched(term=self.text, score=weight * impact, fields=fields_of(mask))


def _weighted(terms: Sequence[_Term]) -> list[tuple[_Term, float]]:
    """Return the terms, each with what it counts in the query: (1 + ln times) * sqrt(rarity / highest rarity)."""
    highest = max((term.rarity for term in terms), default=1.0)
    return [(term, (1 + math.log(term.times)) * math.sqrt(term.rarity / highest)) for term in terms]


def rank(corpus: Iterable[Document | JsonObject], queries: Iterable[str], *, limit: int = 10) -> list[tuple[Hit, ...]]:
    """Rank ``corpus`` for every query: the function to measure the ranking with.

    Args:
        corpus: Documents, or JSON objects ``{"id", "name", "title", "description", "category", "tools"}`` where tools
            are ``{"name", "description"}``; everything but ``id`` and ``name`` may be absent. Single tools may
            be ranked as well: their arguments are ``"params": [[name, description], ...]``.
        queries: What is wanted, in plain words.
        limit: How many hits per query.

    Returns:
        For each query its hits, best first; ``hit.key`` is the document's ``id``.
    """
    documents = (row if isinstance(row, Document) else Document.read(row) for row in corpus)
    ranking = Ranking(documents)
    return [ranking.search(query, limit=limit) for query in queries]
