"""Evidence: a sentence's weight is the sum of what its words, neighbours and roles are worth; the heaviest ones decide.

The worth of a feature is ten times its log-odds in sentences labelled by hand: orders to a model on one side,
published tools and honest look-alikes on the other. A long honest text cannot dilute one bad sentence, since each is
weighed alone. An order that is spread over a few sentences weighs what they weigh together.
"""

import math
import re
from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.text.evidence.features import Topic, features, signs, tokens
from vsm_mcp.acquisition.vetting.text.evidence.lexicon import MEANINGS
from vsm_mcp.acquisition.vetting.text.evidence.weights import BIAS, WEIGHTS

NOTABLE = 7
"""From this weight on a text is worth a look: about two published tools in a hundred have such a one."""

CERTAIN = 50
"""From this weight on a text has no place in an honest tool."""

_LEAST = -120
"""Honest words excuse so much and no more: a sentence cannot be stuffed with them."""

_MOST_SIGNS = 4
_TOGETHER = 3
_SOME = -15
"""From about this weight on a second sentence adds to the first; one of ``_NONE`` or less adds nothing."""

_NONE = -30
_OBVIOUS = 200
_ROLES = re.compile("[>+]")

ANYTHING = Topic(frozenset(), frozenset())


class Evidence(NamedTuple):
    """What speaks against a text.

    Attributes:
        weight: Of its most suspicious sentences together.
        sentence: The most suspicious one.
        against: The most that speaks against one of its sentences, before anything excuses it.
        heaviest: The weights of the few most suspicious ones, each alone.
    """

    weight: int
    sentence: str
    against: int
    heaviest: tuple[int, ...] = ()


NO_EVIDENCE = Evidence(BIAS, "", 0)


def heaviest(text: str, topic: Topic = ANYTHING) -> Evidence:
    """Weigh each sentence of a text and return the heaviest."""
    weighed = list(_weighed(text, topic))
    if not weighed:
        return NO_EVIDENCE
    weights = tuple(nlargest(_TOGETHER, [weight for weight, _, _ in weighed]))
    return Evidence(together(weights), max(weighed)[1], max(against for _, _, against in weighed), weights)


def together(weights: Iterable[int]) -> int:
    """Return what sentences weigh together: as much as the heaviest, and a little more for each that is near to it."""
    first, *others = nlargest(_TOGETHER, weights)
    nearby = [weight for weight in others if weight > _NONE]
    if not nearby or first > _OBVIOUS:
        return first
    likely = _likely(first) + sum(_likely(weight) - _likely(_NONE) for weight in nearby)
    return max(first, round(10 * math.log(math.expm1(likely))) + _SOME)


def explained(sentence: str, topic: Topic = ANYTHING) -> tuple[str, ...]:
    """Say what weighs most in a sentence: roles by their meaning, words in quotes."""
    found = {sign for part in tokens(sentence) for sign in features(part, topic.opening)}
    named: dict[str, None] = {}
    for sign in sorted(found, key=lambda sign: (-WEIGHTS.get(sign, 0), sign)):
        if WEIGHTS.get(sign, 0) > 0:
            named.update(dict.fromkeys(_named(sign)))
    return tuple(named)[:_MOST_SIGNS]


def _likely(weight: int) -> float:
    """Return how many orders such a sentence may stand for; a heavy one for many."""
    return math.log1p(math.exp((weight - _SOME) / 10))


def _weighed(text: str, topic: Topic) -> Iterator[tuple[int, str, int]]:
    for sentence, found in signs(text, topic):
        weights = [WEIGHTS[sign] for sign in found if sign in WEIGHTS]
        against = sum(weight for weight in weights if weight > 0)
        yield BIAS + against + max(_LEAST, sum(weights) - against), sentence, against


def _named(sign: str) -> Iterator[str]:
    roles = [MEANINGS[role] for role in _ROLES.split(sign.lstrip("^,!~=s")) if role in MEANINGS]
    yield from roles or [repr(sign)]
