"""Ranking in plain Python: BM25F over the fields of a server and of its tools, and of words near in meaning.

The best are compared with the query by what their words mean together as well.

Scores order candidates; they do not say whether any of them fits. That is decided by verification.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from vsm_mcp.acquisition.discovery.found import Found, Term, Weighted
from vsm_mcp.acquisition.discovery.hit import REACH, Hit, Prior
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.expansion import Expansion, bundled
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Segment
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.index.vectors import alike
from vsm_mcp.acquisition.discovery.index.vectors import bundled as word_vectors
from vsm_mcp.acquisition.discovery.mixing import mixed
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder, told
from vsm_mcp.acquisition.discovery.semantic.meanings import Meanings
from vsm_mcp.model.json import JsonObject

MOST_EXPANDED = 24
"""How many words near in meaning one query can bring in: those that count most."""

MOST_EXPANDED_ENTRIES = 1500
"""How many times in all these words are looked at in documents: what bounds the time of a query."""

MOST_ENTRIES = 100_000
"""How many times in all words are looked at in documents to see which of them are found: the rarest words first."""

MOST_COMPLETED = 500
"""In so many of the documents found so, those that are best by then, the words that are left are looked at as well."""

MEANT_AMONG = 25
"""So many of the best by words are compared with the query by what their words mean together as well."""

LEAST_MEANT = 2
"""A query of so many words means something that its words do not say one by one."""

MEANT_WORTH = 0.45
"""What that counts, compared with the geometric mean of what the best one counts by words and of all that is asked: the
more, the less of the query is found in any document."""


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
        self._vectors = word_vectors()
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

        The best by words are compared with the query by what their words mean together as well.

        Args:
            query: What is wanted, in plain words.
            limit: How many hits at most.
            prior: What is known of a document besides its words, by its key: its score is multiplied with that, within
                `LEAST_PRIOR` and `MOST_PRIOR`.
        """
        asked, most = self._asked(query), max(limit, MEANT_AMONG)
        return self._meant(asked, self._found(asked, most).able(most)).hits(limit, prior)

    def found(self, query: str) -> Found:
        """Return all documents that have words of ``query`` or near ones, and what they count."""
        asked = self._asked(query)
        return self._meant(asked, self._found(asked, None))

    def _found(self, asked: Sequence[Term], limit: int | None) -> Found:
        """Return all documents found, or at least those that can be among the best ``limit``."""
        weighted = _weighted([*(term for term in asked if term.postings), *self._near(asked)])
        rarities = (term.rarity if term.postings else self._index.base.usual.rarity(0) for term in asked)
        return Found(self._index, weighted, self._scores(weighted, limit), math.fsum(rarities))

    def _meant(self, asked: Sequence[Term], found: Found) -> Found:
        """Add to what the best by words count how like the query they are in what their words mean together."""
        if len(asked) < LEAST_MEANT or not found.scores:
            return found
        wanted = self._vectors.gist({term.text: term.weight for term in asked})
        best = found.best(MEANT_AMONG)
        unit = MEANT_WORTH * math.sqrt(best[0][1] * found.asked)
        likeness = ((number, alike(wanted, self._index.gist(number))) for number, _ in best)
        return found.adding({number: unit * like for number, like in likeness if like > 0})

    def _asked(self, query: str) -> list[Term]:
        counted = self._tokenizer.query(query)
        return [Term.of(term, 1 + math.log(times), self._index.postings(term)) for term, times in counted.items()]

    def _near(self, asked: Sequence[Term]) -> list[Term]:
        """Return the terms near in meaning that some document has, each for the asked one that it counts most for."""
        known = {term.text for term in asked}
        found: dict[str, Term] = {}
        for term in asked:
            for near in self._expansion.near(term.text):
                if near.term not in known and (postings := self._index.postings(near.term)):
                    one = term.replaced(near.term, near.nearness, postings)
                    if near.term not in found or one.weight > found[near.term].weight:
                        found[near.term] = one
        best = heapq.nlargest(MOST_EXPANDED, found.values(), key=lambda one: (one.weight * one.rarity, one.text))
        entries = accumulate(one.entries for one in best)
        return [one for one, so_far in zip(best, entries, strict=True) if so_far <= MOST_EXPANDED_ENTRIES]

    def _scores(self, weighted: Weighted, limit: int | None) -> dict[int, float]:
        """Return what each document counts that has a term, or only those that can be among the best ``limit``.

        Terms that very many documents have are looked at in the best of those with rarer ones only.
        """
        finding, left = _affordable(weighted)
        scores: dict[int, float] = {}
        for place, (term, weight) in enumerate(finding):
            if limit and not left and limit <= len(scores) < term.entries:
                able = self._able(scores, limit, finding[place:])
                if able is not None:
                    return _completed(able, finding[place:])
            _add(scores, term, weight)
        self._hide(scores)
        if not left:
            return scores
        best = heapq.nlargest(MOST_COMPLETED, scores, key=lambda number: (scores[number], -number))
        return _completed({number: scores[number] for number in best}, left)

    def _able(self, scores: dict[int, float], limit: int, left: Weighted) -> dict[int, float] | None:
        """Return the documents that can be among the best ``limit`` when the terms that are left are added as well.

        ``None`` when a document could be that has none of the terms so far: a term counts less than it is rare, so all
        that are left together are not enough for that where the best have much more already.
        """
        self._hide(scores)
        highest = heapq.nlargest(limit, scores.values())
        least = REACH * highest[-1] if len(highest) == limit else 0.0
        gain = math.fsum(weight * term.rarity for term, weight in left)
        return {number: score for number, score in scores.items() if score + gain >= least} if gain < least else None

    def _hide(self, scores: dict[int, float]) -> None:
        for number in self._index.hidden & scores.keys():
            del scores[number]


def _add(scores: dict[int, float], term: Term, weight: float) -> None:
    known = scores.get
    for offset, posting in term.postings:
        numbers = [number + offset for number in posting.numbers] if offset else posting.numbers
        for number, impact in zip(numbers, posting.impacts, strict=True):
            scores[number] = known(number, 0.0) + weight * impact


def _completed(scores: dict[int, float], left: Weighted) -> dict[int, float]:
    """Return what documents count when the terms that are left are looked at in them as well."""
    for term, weight in left:
        for number, impact, _ in term.among(scores.keys()):
            scores[number] += weight * impact
    return scores


def _affordable(weighted: Weighted) -> tuple[Weighted, Weighted]:
    """Return the terms by which documents are found, and those left, which are in too many to be looked at in all."""
    rarest = sorted(weighted, key=lambda pair: (pair[0].entries, pair[0].text))
    so_far = accumulate(term.entries for term, _ in rarest)
    most = max(1, sum([count <= MOST_ENTRIES for count in so_far]))
    return rarest[:most], rarest[most:]


def _weighted(terms: Sequence[Term]) -> list[tuple[Term, float]]:
    """Return the terms, each with what it counts in the query: its weight * sqrt(rarity / highest rarity)."""
    highest = max((term.rarity for term in terms), default=1.0)
    return [(term, term.weight * math.sqrt(term.rarity / highest)) for term in terms]


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
        embedder: Compares all of them by meaning as well, such as that of the extra ``semantic``.

    Returns:
        For each query its hits, best first; ``hit.key`` is the document's ``id``.
    """
    documents = [row if isinstance(row, Document) else Document.read(row) for row in corpus]
    ranking = Ranking(documents)
    if embedder is None:
        return [ranking.search(query, limit=limit) for query in queries]
    meanings = Meanings.of(embedder, {document.key: told(document) for document in documents})
    return [mixed(ranking.found(query), meanings.alike(query), limit=limit) for query in queries]
