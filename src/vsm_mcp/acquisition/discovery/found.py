"""What has words of one query: what each document counts by them, and why."""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.hit import LEAST_PRIOR, MOST_PRIOR, Hit, Matched, Prior, within
from vsm_mcp.acquisition.discovery.index.bm25f import fields_of
from vsm_mcp.acquisition.discovery.index.expansion import WORTH, WORTH_UNFOUND
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Posting


@dataclass(frozen=True, slots=True)
class Term:
    """A term: what it counts in the query, what each segment knows of it (with its offset), what was asked for."""

    text: str
    weight: float
    postings: tuple[tuple[int, Posting], ...]
    wanted: str = ""

    @property
    def rarity(self) -> float:
        """How rare it is."""
        return self.postings[0][1].rarity

    def replaced(self, text: str, nearness: float, postings: tuple[tuple[int, Posting], ...]) -> "Term":
        """Return a near term in the place of this one; it never counts more than this one for being rarer."""
        worth, rarity = WORTH_UNFOUND, postings[0][1].rarity
        if self.postings:
            worth = WORTH * min(1.0, self.rarity / rarity)
        return Term(text, self.weight * worth * nearness**2, postings, self.text)

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
        """Return what it brings to a document; ``None`` when it is not there."""
        impact, mask = self.at(number)
        if not impact:
            return None
        return Matched(term=self.text, score=weight * impact, fields=fields_of(mask), wanted=self.wanted)


Weighted = Sequence[tuple[Term, float]]


@dataclass(frozen=True, slots=True)
class Found:
    """The documents that have words of a query, or near ones.

    Attributes:
        index: Where they are.
        weighted: The terms, each with what it counts in the query.
        scores: What each document counts, by its number.
        asked: How rare all words of the query are together, those that no document has as well.
    """

    index: Index
    weighted: Weighted
    scores: Mapping[int, float]
    asked: float

    @property
    def spread(self) -> float:
        """The standard deviation of what documents count, over all that there are: most have no word of the query."""
        everything = max(1, len(self.index))
        mean = math.fsum(self.scores.values()) / everything
        squares = math.fsum(score * score for score in self.scores.values()) / everything
        return math.sqrt(max(0.0, squares - mean * mean))

    def coverage(self, numbers: Iterable[int]) -> float:
        """Return how much of the query one document has that has most, of those with these ``numbers``: 0 to 1.

        Rare words count more; words near in meaning do not count.
        """
        own = [term for term, _ in self.weighted if not term.wanted]
        shares = (math.fsum(term.rarity for term in own if term.at(number)[0]) for number in numbers)
        return min(1.0, max(shares, default=0.0) / self.asked) if self.asked else 0.0

    def best(self, limit: int, prior: Prior | None = None) -> Sequence[tuple[int, float]]:
        """Return the numbers of at most so many documents and what they count, best first; equals by key."""
        highest = heapq.nlargest(limit, self.scores.values())
        least = (highest[-1] if highest else 0.0) * (LEAST_PRIOR / MOST_PRIOR if prior else 1.0)
        able = [(number, score) for number, score in self.scores.items() if score >= least]
        if prior is not None:
            able = [(number, score * within(prior(self.index.key(number)))) for number, score in able]
        return sorted(able, key=lambda pair: (-pair[1], self.index.key(pair[0])))[:limit]

    def hits(self, limit: int, prior: Prior | None = None) -> tuple[Hit, ...]:
        """Return at most so many documents, best first; equals by key."""
        best = self.best(limit, prior)
        return tuple(Hit(key=self.index.key(number), score=score, why=self.why(number)) for number, score in best)

    def why(self, number: int) -> tuple[Matched, ...]:
        """Return what each term brings to a document, the strongest first."""
        matched = (term.matched(number, weight) for term, weight in self.weighted)
        return tuple(sorted((one for one in matched if one is not None), key=lambda one: -one.score))
