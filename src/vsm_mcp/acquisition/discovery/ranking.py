"""Ranking by BM25F over the fields of a server and of its tools, in plain Python.

Scores order candidates; they do not say whether any of them fits. That is decided by verification.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.index.bm25f import fields_of
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Posting, Segment
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.model.json import JsonObject

LEAST_PRIOR = 0.85
MOST_PRIOR = 1.15
"""The bounds of all that is known of a document besides its words: one that fits better by 36 % stays ahead."""

Prior = Callable[[str], float]


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
        index: Was made before, instead of ``documents``.
    """

    def __init__(
        self, documents: Iterable[Document] = (), *, tokenizer: Tokenizer | None = None, index: Index | None = None
    ) -> None:
        """Count the words of all documents."""
        self._tokenizer = tokenizer or Tokenizer()
        self._index = index or Index(base=Segment.of(documents, self._tokenizer))

    def __repr__(self) -> str:
        """Show the size."""
        return f"Ranking(documents={len(self)})"

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._index)

    @property
    def index(self) -> Index:
        """What is searched."""
        return self._index

    def beside(self, documents: Iterable[Document], *, without: Iterable[str] = ()) -> "Ranking":
        """Return a ranking over the large part of this one's index, ``without`` some keys, and over ``documents``.

        What an earlier call put beside the large part is left out: say all that is recent.
        """
        recent = Segment.of(documents, self._tokenizer, beside=self._index.base)
        return Ranking(tokenizer=self._tokenizer, index=self._index.beside(recent, without=without))

    def search(self, query: str, *, limit: int = 10, prior: Prior | None = None) -> tuple[Hit, ...]:
        """Return at most ``limit`` documents that have words of ``query``, best first; equals in the order of keys.

        Args:
            query: What is wanted, in plain words.
            limit: How many hits at most.
            prior: What is known of a document besides its words, by its key: its score is multiplied with that, within
                `LEAST_PRIOR` and `MOST_PRIOR`.
        """
        terms = [self._term(term, times) for term, times in self._tokenizer.query(query).items()]
        weighted = _weighted([term for term in terms if term.postings])
        best = self._best(self._scores(weighted), limit, prior)
        return tuple(self._hit(number, score, weighted) for number, score in best)

    def _term(self, term: str, times: int) -> "_Term":
        return _Term(term, times, self._index.postings(term))

    def _scores(self, weighted: Sequence[tuple["_Term", float]]) -> dict[int, float]:
        scores: dict[int, float] = {}
        known = scores.get
        for term, weight in weighted:
            for offset, posting in term.postings:
                for number, impact in zip(posting.numbers, posting.impacts, strict=True):
                    scores[number + offset] = known(number + offset, 0.0) + weight * impact
        for number in self._index.hidden & scores.keys():
            del scores[number]
        return scores

    def _best(self, scores: Mapping[int, float], limit: int, prior: Prior | None) -> Sequence[tuple[int, float]]:
        highest = heapq.nlargest(limit, scores.values())
        least = (highest[-1] if highest else 0.0) * (LEAST_PRIOR / MOST_PRIOR if prior else 1.0)
        able = [(number, score) for number, score in scores.items() if score >= least]
        if prior is not None:
            able = [(number, score * _within(prior(self._index.key(number)))) for number, score in able]
        return sorted(able, key=lambda pair: (-pair[1], self._index.key(pair[0])))[:limit]

    def _hit(self, number: int, score: float, weighted: Sequence[tuple["_Term", float]]) -> Hit:
        matched = (term.matched(number, weight) for term, weight in weighted)
        why = sorted((one for one in matched if one.score > 0), key=lambda one: -one.score)
        return Hit(key=self._index.key(number), score=score, why=tuple(why))


def _within(factor: float) -> float:
    return min(MOST_PRIOR, max(LEAST_PRIOR, factor))


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
