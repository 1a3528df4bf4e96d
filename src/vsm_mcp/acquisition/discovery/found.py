"""What has words of one query: what each document counts by them, and why."""

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from vsm_mcp.acquisition.discovery.hit import MEANING, REACH, Hit, Matched, Prior, within
from vsm_mcp.acquisition.discovery.index.bm25f import fields_of
from vsm_mcp.acquisition.discovery.index.expansion import WORTH, WORTH_UNFOUND
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Posting

Postings = tuple[tuple[int, Posting], ...]
"""What each segment knows of a term, with what to add to the numbers there."""

_SPARSE = 12
"""So many times as many entries as documents that are looked for, and looking for each of them is quicker."""


class Term(NamedTuple):
    """A term: what it counts in the query, what each segment knows of it (with its offset), what was asked for.

    Attributes:
        text: The term.
        weight: What it counts in the query.
        postings: What each segment knows of it, with what to add to the numbers there.
        rarity: How rare it is; 0 when no document has it.
        entries: How many documents have it.
        wanted: The term of the query that it is near to in meaning; empty for one of the query.
    """

    text: str
    weight: float
    postings: Postings
    rarity: float
    entries: int
    wanted: str = ""

    @classmethod
    def of(cls, text: str, weight: float, postings: Postings, *, wanted: str = "") -> Self:
        """Return a term with what is known of it."""
        if not postings:
            return cls(text, weight, (), 0.0, 0, wanted)
        entries = sum([len(posting.numbers) for _, posting in postings])
        return cls(text, weight, postings, postings[0][1].rarity, entries, wanted)

    def replaced(self, text: str, nearness: float, postings: Postings) -> Self:
        """Return a near term in the place of this one; it never counts more than this one for being rarer."""
        worth, rarity = WORTH_UNFOUND, postings[0][1].rarity
        if self.postings:
            worth = WORTH * min(1.0, self.rarity / rarity)
        return self.of(text, self.weight * worth * nearness**2, postings, wanted=self.text)

    def among(self, wanted: KeysView[int]) -> Iterator[tuple[int, float, int]]:
        """Yield of the documents that are ``wanted`` those that have it: number, what it counts there, its fields."""
        for offset, posting in self.postings:
            numbers, entries = posting.numbers, len(posting.numbers)
            for number in wanted if offset or entries > _SPARSE * len(wanted) else wanted & numbers:
                place = bisect_left(numbers, number - offset)
                if place < entries and numbers[place] + offset == number:
                    yield number, posting.impacts[place], posting.fields[place]


Weighted = Sequence[tuple[Term, float]]


@dataclass(frozen=True, slots=True)
class Found:
    """The documents that have words of a query, or near ones.

    Attributes:
        index: Where they are.
        weighted: The terms, each with what it counts in the query.
        scores: What each document counts, by its number.
        asked: How rare all words of the query are together, those that no document has as well.
        meant: What of its score a document has by meaning, where that was looked at.
    """

    index: Index
    weighted: Weighted
    scores: Mapping[int, float]
    asked: float
    meant: Mapping[int, float] = field(default_factory=dict[int, float])

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
        rarities: dict[int, list[float]] = {number: [] for number in numbers}
        for term, _ in self.weighted:
            for number, _, _ in () if term.wanted else term.among(rarities.keys()):
                rarities[number].append(term.rarity)
        return min(1.0, max(map(math.fsum, rarities.values()), default=0.0) / self.asked) if self.asked else 0.0

    def able(self, limit: int) -> Self:
        """Return the same with those documents only that can be among the best ``limit``, whatever is known besides."""
        highest = heapq.nlargest(limit, self.scores.values())
        least = REACH * highest[-1] if highest else 0.0
        return replace(self, scores={number: score for number, score in self.scores.items() if score >= least})

    def adding(self, meant: Mapping[int, float]) -> Self:
        """Return the same with what some documents count by meaning added."""
        scores = {number: score + meant.get(number, 0.0) for number, score in self.scores.items()}
        return replace(self, scores=scores, meant=meant)

    def meaning(self, share: float) -> Self:
        """Return the same where only a share counts of what documents count by meaning."""
        meant = {number: share * score for number, score in self.meant.items()}
        less = {number: self.scores[number] - score + meant[number] for number, score in self.meant.items()}
        return replace(self, scores={**self.scores, **less}, meant=meant)

    def best(self, limit: int, prior: Prior | None = None) -> Sequence[tuple[int, float]]:
        """Return the numbers of at most so many documents and what they count, best first; equals by key."""
        highest = heapq.nlargest(limit, self.scores.values())
        least = (highest[-1] if highest else 0.0) * (REACH if prior else 1.0)
        able = [(number, score) for number, score in self.scores.items() if score >= least]
        if prior is not None:
            able = [(number, score * within(prior(self.index.key(number)))) for number, score in able]
        return sorted(able, key=lambda pair: (-pair[1], self.index.key(pair[0])))[:limit]

    def hits(self, limit: int, prior: Prior | None = None) -> tuple[Hit, ...]:
        """Return at most so many documents, best first; equals by key."""
        best = self.best(limit, prior)
        whys = self.whys([number for number, _ in best])
        return tuple(Hit(key=self.index.key(number), score=score, why=whys[number]) for number, score in best)

    def why(self, number: int) -> tuple[Matched, ...]:
        """Return what each term brings to a document, the strongest first."""
        return self.whys([number])[number]

    def whys(self, numbers: Sequence[int]) -> Mapping[int, tuple[Matched, ...]]:
        """Return by number what each term brings to documents, the strongest first."""
        found: dict[int, list[Matched]] = {number: [] for number in numbers}
        for term, weight in self.weighted:
            for number, impact, mask in term.among(found.keys()):
                fields = fields_of(mask)
                one = Matched(term=term.text, score=weight * impact, fields=fields, wanted=term.wanted)
                found[number].append(one)
        for number in self.meant.keys() & found.keys():
            found[number].append(Matched(term=MEANING, score=self.meant[number], fields=()))
        return {number: tuple(sorted(matched, key=lambda one: -one.score)) for number, matched in found.items()}
