"""Ranking by BM25F over the fields of a server and of its tools, in plain Python.

Scores order candidates; they do not say whether any of them fits. That is decided by verification.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.index.bm25f import count, fields_of, postings
from vsm_mcp.acquisition.discovery.index.documents import Document
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
    """An index over documents, built once.

    Args:
        documents: What can be found.
        tokenizer: Cuts texts into terms; give one to share its memory between indexes.
    """

    def __init__(self, documents: Iterable[Document], *, tokenizer: Tokenizer | None = None) -> None:
        """Count the words of all documents."""
        self._tokenizer = tokenizer or Tokenizer()
        self._keys: list[str] = []
        counts: list[Mapping[str, Counter[str]]] = []
        for document in documents:
            self._keys.append(document.key)
            counts.append(count(document, self._tokenizer))
        self._postings = postings(counts)

    def __repr__(self) -> str:
        """Show the size."""
        return f"Ranking(documents={len(self._keys)}, terms={len(self._postings)})"

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._keys)

    def search(self, query: str, *, limit: int = 10) -> tuple[Hit, ...]:
        """Return at most ``limit`` documents that have words of ``query``, best first."""
        weights = self._weights(self._tokenizer.query(query))
        scores: dict[int, float] = {}
        for term, weight in weights.items():
            for number, impact in self._postings[term].impacts.items():
                scores[number] = scores.get(number, 0.0) + weight * impact
        best = heapq.nsmallest(limit, scores.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(self._hit(number, score, weights) for number, score in best)

    def _weights(self, counted: Counter[str]) -> dict[str, float]:
        """Return what each known term of a query counts: (1 + ln tf) * sqrt(idf / highest idf)."""
        known = {term: count for term, count in counted.items() if term in self._postings}
        highest = max((self._postings[term].idf for term in known), default=1.0)
        return {
            term: (1 + math.log(count)) * math.sqrt(self._postings[term].idf / highest) for term, count in known.items()
        }

    def _hit(self, number: int, score: float, weights: Mapping[str, float]) -> Hit:
        matched = [
            Matched(
                term=term,
                score=weight * self._postings[term].impacts.get(number, 0.0),
                fields=fields_of(self._postings[term].fields.get(number, 0)),
            )
            for term, weight in weights.items()
        ]
        why = sorted((one for one in matched if one.score > 0), key=lambda one: -one.score)
        return Hit(key=self._keys[number], score=score, why=tuple(why))


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
