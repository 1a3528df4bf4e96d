"""Ranking by BM25F over the fields of a server and of its tools, and of words near in meaning, in plain Python.

Scores order candidates; they do not say whether any of them fits. That is decided by verification.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from vsm_mcp.acquisition.discovery.index.bm25f import fields_of
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.expansion import WORTH, WORTH_UNFOUND, Expansion, bundled
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Posting, Segment
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder, Meanings, told
from vsm_mcp.model.json import JsonObject

LEAST_PRIOR = 0.85
MOST_PRIOR = 1.15
"""The bounds of all that is known of a document besides its words: one that fits better by 36 % stays ahead."""

MOST_EXPANDED = 24
"""How many words near in meaning one query can bring in: those that count most."""

MOST_EXPANDED_ENTRIES = 1500
"""How many times in all these words are looked at in documents: what bounds the time of a query."""

MOST_ENTRIES = 100_000
"""How many times in all words are looked at in documents to see which of them are found: the rarest words first."""

MOST_COMPLETED = 500
"""In so many of the documents found so, those that are best by then, the words that are left are looked at as well."""

MEANT_SHARE = 0.65
"""How much of a score is likeness in meaning, where an embedder is used; the rest is words."""

MEANT_AMONG = 30
"""How many of the best hits by words are compared by meaning; more of them change nothing that was measured."""

MEANING = "(meaning)"

Prior = Callable[[str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What one term of the query brought to a hit.

    Attributes:
        term: What was found: a word, or ``MEANING`` for the likeness of query and document as a whole.
        score: Its part of the score.
        fields: The fields it was found in; none for ``MEANING``.
        wanted: The word of the query that it was found for, when it is another one, near in meaning.
    """

    term: str
    score: float
    fields: tuple[str, ...]
    wanted: str = ""

    def __str__(self) -> str:
        """Write it as ``powerpoint 3.10 (name, title)`` or ``slide 1.20 (title) for powerpoint``."""
        fields = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.term} {self.score:.2f}{fields}" + (f" for {self.wanted}" if self.wanted else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that has words of the query, or near ones: its key, its score and why, the strongest word first."""

    key: str
    score: float
    why: tuple[Matched, ...]


class Ranking:
    """An index to be searched; never changed once made, only followed by another one.

    Args:
        documents: What can be found; of several with one key the last one counts.
        tokenizer: Cuts texts into terms; give one to share its memory between indexes.
        index: Was made before, instead of ``documents``.
        expansion: Knows what words are near in meaning; the table of the package when it is not given.
    """

    def __init__(
        self,
        documents: Iterable[Document] = (),
        *,
        tokenizer: Tokenizer | None = None,
        index: Index | None = None,
        expansion: Expansion | None = None,
    ) -> None:
        """Count the words of all documents."""
        self._tokenizer = tokenizer or Tokenizer()
        self._expansion = bundled() if expansion is None else expansion
        self._index = Index(base=Segment.of(documents, self._tokenizer)) if index is None else index

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
        index = self._index.beside(recent, without=without)
        return Ranking(tokenizer=self._tokenizer, index=index, expansion=self._expansion)

    def search(self, query: str, *, limit: int = 10, prior: Prior | None = None) -> tuple[Hit, ...]:
        """Return at most ``limit`` documents that have words of ``query`` or near ones, best first; equals by key.

        Args:
            query: What is wanted, in plain words.
            limit: How many hits at most.
            prior: What is known of a document besides its words, by its key: its score is multiplied with that, within
                `LEAST_PRIOR` and `MOST_PRIOR`.
        """
        asked = self._asked(query)
        weighted = _weighted([*(term for term in asked if term.postings), *self._near(asked)])
        best = self._best(self._scores(weighted), limit, prior)
        return tuple(self._hit(number, score, weighted) for number, score in best)

    def _asked(self, query: str) -> list["_Term"]:
        counted = self._tokenizer.query(query)
        return [_Term(term, 1 + math.log(times), self._index.postings(term)) for term, times in counted.items()]

    def _near(self, asked: Sequence["_Term"]) -> list["_Term"]:
        """Return the terms near in meaning that some document has, each for the asked one that it counts most for."""
        known = {term.text for term in asked}
        found: dict[str, _Term] = {}
        for term in asked:
            for near in self._expansion.near(term.text):
                if near.term not in known and (postings := self._index.postings(near.term)):
                    one = term.replaced(near.term, near.nearness, postings)
                    if near.term not in found or one.weight > found[near.term].weight:
                        found[near.term] = one
        best = heapq.nlargest(MOST_EXPANDED, found.values(), key=lambda one: (one.weight * one.rarity, one.text))
        entries = accumulate(one.entries for one in best)
        return [one for one, so_far in zip(best, entries, strict=True) if so_far <= MOST_EXPANDED_ENTRIES]

    def _scores(self, weighted: Sequence[tuple["_Term", float]]) -> dict[int, float]:
        """Return what each document counts that has a term; of very many, what the best of them by rare terms do."""
        finding, left = _affordable(weighted)
        scores: dict[int, float] = {}
        known = scores.get
        for term, weight in finding:
            for offset, posting in term.postings:
                numbers = [number + offset for number in posting.numbers] if offset else posting.numbers
                for number, impact in zip(numbers, posting.impacts, strict=True):
                    scores[number] = known(number, 0.0) + weight * impact
        for number in self._index.hidden & scores.keys():
            del scores[number]
        if not left:
            return scores
        best = heapq.nlargest(MOST_COMPLETED, scores, key=lambda number: (scores[number], -number))
        return {one: scores[one] + sum(weight * term.at(one)[0] for term, weight in left) for one in best}

    def _best(self, scores: Mapping[int, float], limit: int, prior: Prior | None) -> Sequence[tuple[int, float]]:
        highest = heapq.nlargest(limit, scores.values())
        least = (highest[-1] if highest else 0.0) * (LEAST_PRIOR / MOST_PRIOR if prior else 1.0)
        able = [(number, score) for number, score in scores.items() if score >= least]
        if prior is not None:
            able = [(number, score * _within(prior(self._index.key(number)))) for number, score in able]
        return sorted(able, key=lambda pair: (-pair[1], self._index.key(pair[0])))[:limit]

    def _hit(self, number: int, score: float, weighted: Sequence[tuple["_Term", float]]) -> Hit:
        matched = (term.matched(number, weight) for term, weight in weighted)
        why = sorted((one for one in matched if one is not None), key=lambda one: -one.score)
        return Hit(key=self._index.key(number), score=score, why=tuple(why))


def _within(factor: float) -> float:
    return min(MOST_PRIOR, max(LEAST_PRIOR, factor))


@dataclass(frozen=True, slots=True)
class _Term:
    """A term: what it counts in the query, what each segment knows of it (with its offset), what was asked for."""

    text: str
    weight: float
    postings: tuple[tuple[int, Posting], ...]
    wanted: str = ""

    @property
    def rarity(self) -> float:
        return self.postings[0][1].rarity

    def replaced(self, text: str, nearness: float, postings: tuple[tuple[int, Posting], ...]) -> "_Term":
        """Return a near term in the place of this one; it never counts more than this one for being rarer."""
        worth, rarity = WORTH_UNFOUND, postings[0][1].rarity
        if self.postings:
            worth = WORTH * min(1.0, self.rarity / rarity)
        return _Term(text, self.weight * worth * nearness**2, postings, self.text)

    @property
    def entries(self) -> int:
        """How many documents have it."""
        return sum(len(posting.numbers) for _, posting in self.postings)

    def at(self, number: int) -> tuple[float, int]:
        """Return what it counts in a document and in which fields it is there; zeros when it is not."""
        for offset, posting in self.postings:
            impact, mask = posting.at(number - offset) if number >= offset else (0.0, 0)
            if impact:
                return impact, mask
        return 0.0, 0

    def matched(self, number: int, weight: float) -> Matched | None:
        impact, mask = self.at(number)
        if not impact:
            return None
        return Matched(term=self.text, score=weight * impact, fields=fields_of(mask), wanted=self.wanted)


_Weighted = Sequence[tuple[_Term, float]]


def _affordable(weighted: _Weighted) -> tuple[_Weighted, _Weighted]:
    """Return the terms by which documents are found, and those left, which are in too many to be looked at in all."""
    if sum(term.entries for term, _ in weighted) <= MOST_ENTRIES:
        return weighted, ()
    rarest = sorted(weighted, key=lambda pair: (pair[0].entries, pair[0].text))
    so_far = accumulate(term.entries for term, _ in rarest)
    most = max(1, sum(count <= MOST_ENTRIES for count in so_far))
    return rarest[:most], rarest[most:]


def _weighted(terms: Sequence[_Term]) -> list[tuple[_Term, float]]:
    """Return the terms, each with what it counts in the query: its weight * sqrt(rarity / highest rarity)."""
    highest = max((term.rarity for term in terms), default=1.0)
    return [(term, term.weight * math.sqrt(term.rarity / highest)) for term in terms]


def mixed(
    hits: Sequence[Hit], likeness: Sequence[float], *, limit: int = 10, prior: Prior | None = None
) -> tuple[Hit, ...]:
    """Return hits in the order of words and meaning together: scores are now 0 to 1 before the prior.

    Args:
        hits: What was found by words, best first, without a prior: at least `MEANT_AMONG` of them where there are.
        likeness: For each of them how like it is to the query in meaning, 0 to 1.
        limit: How many hits at most.
        prior: As in `Ranking.search`.
    """
    highest = max((hit.score for hit in hits), default=1.0)
    both = (_both(hit, alike, highest=highest, prior=prior) for hit, alike in zip(hits, likeness, strict=True))
    return tuple(sorted(both, key=lambda hit: (-hit.score, hit.key))[:limit])


def _both(hit: Hit, alike: float, *, highest: float, prior: Prior | None) -> Hit:
    share = (1 - MEANT_SHARE) / highest
    words = [replace(one, score=one.score * share) for one in hit.why]
    meant = Matched(term=MEANING, score=MEANT_SHARE * alike, fields=())
    score = (hit.score * share + meant.score) * (_within(prior(hit.key)) if prior else 1.0)
    return Hit(key=hit.key, score=score, why=tuple(sorted((*words, meant), key=lambda one: -one.score)))


def rank(
    corpus: Iterable[Document | JsonObject],
    queries: Iterable[str],
    *,
    limit: int = 10,
    embedder: Embedder | None = None,
) -> list[tuple[Hit, ...]]:
    """Rank ``corpus`` for every query: the function to measure the ranking with.

    Args:
        corpus: Documents, or JSON objects ``{"id", "name", "title", "description", "category", "tools"}`` where tools
            are ``{"name", "description"}``; everything but ``id`` and ``name`` may be absent. Single tools may
            be ranked as well: their arguments are ``"params": [[name, description], ...]``.
        queries: What is wanted, in plain words.
        limit: How many hits per query.
        embedder: Compares the best hits by meaning as well, such as that of the extra ``semantic``.

    Returns:
        For each query its hits, best first; ``hit.key`` is the document's ``id``.
    """
    documents = [row if isinstance(row, Document) else Document.read(row) for row in corpus]
    ranking = Ranking(documents)
    if embedder is None:
        return [ranking.search(query, limit=limit) for query in queries]
    texts = {document.key: told(document) for document in documents}
    meanings = Meanings(embedder)
    found = ((query, ranking.search(query, limit=max(limit, MEANT_AMONG))) for query in queries)
    return [
        mixed(hits, meanings.likeness(query, [texts[hit.key] for hit in hits]), limit=limit) for query, hits in found
    ]
