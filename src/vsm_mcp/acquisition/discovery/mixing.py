"""Words and meaning together: each by how far a document stands out from all others, so that both are of one scale.

Words count the more, the more of the query one document has.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from vsm_mcp.acquisition.discovery.found import Found
from vsm_mcp.acquisition.discovery.hit import MEANING, Hit, Matched, Prior, within
from vsm_mcp.acquisition.discovery.semantic.meanings import Alike

MEANT_SHARE = 0.85
"""How much of a score is meaning where no document has any word of the query; the rest is words."""

COVERED_SHARE = 0.45
"""How much less that is where one document has all words of the query: who says the same means it."""

COVERED_AMONG = 100
"""That document is looked for among so many of the best by words."""

MEANT_BY_WORDS = 0.4
"""How much of what words mean together, by their own table, counts beside what knows more of meaning."""

MEANT_AMONG = 300
"""So many of the best by words, and so many of those that stand out by meaning, are compared by both."""

MOST_STANDING_OUT = 30
"""The best by words stands out by so many standard deviations at most, however few documents have any of them."""


def mixed(found: Found, alike: Alike, *, limit: int = 10, prior: Prior | None = None) -> tuple[Hit, ...]:
    """Return the best by words and meaning together, best first; equals by key.

    A score of 0 is that of a document without any word of the query that is as like it as documents are on average; 1
    is that of the best one, before the prior.

    Args:
        found: What has words of the query.
        alike: How like the query is to documents.
        limit: How many hits at most.
        prior: As in `Ranking.search`.
    """
    among, found = max(limit, MEANT_AMONG), found.meaning(MEANT_BY_WORDS)
    numbers = {found.index.key(number): number for number in found.scores}
    best_by_words = [number for number, _ in found.best(among)]
    able = {*(found.index.key(number) for number in best_by_words), *alike.outstanding(among)}
    meant = MEANT_SHARE - COVERED_SHARE * found.coverage(best_by_words[:COVERED_AMONG])
    scale = (1 - meant) / _unit(found)
    words = {key: scale * found.scores[numbers[key]] if key in numbers else 0.0 for key in able}
    both = {key: words[key] + meant * alike.deviation(key) for key in able}
    highest = max(both.values(), default=0.0)
    share = 1 / highest if highest > 0 else 0.0
    scores = {key: max(0.0, share * score) * (within(prior(key)) if prior else 1.0) for key, score in both.items()}
    best = sorted(able, key=lambda key: (-scores[key], -both[key], key))[:limit]
    return tuple(
        Hit(
            key=key,
            score=scores[key],
            why=_why(found, numbers, key, alike=share * (both[key] - words[key]), scale=share * scale),
        )
        for key in best
    )


def _unit(found: Found) -> float:
    """Return what counts as one standard deviation by words."""
    highest = max(found.scores.values(), default=0.0)
    return max(found.spread, highest / MOST_STANDING_OUT) or 1.0


def _why(found: Found, numbers: Mapping[str, int], key: str, *, alike: float, scale: float) -> tuple[Matched, ...]:
    words = [replace(one, score=one.score * scale) for one in (found.why(numbers[key]) if key in numbers else ())]
    together = math.fsum(one.score for one in words if one.term == MEANING)
    meant = Matched(term=MEANING, score=alike + together, fields=())
    return tuple(sorted((*(one for one in words if one.term != MEANING), meant), key=lambda one: -one.score))
