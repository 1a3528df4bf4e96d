"""Evidence: a sentence's weight is the sum of what its words, neighbours and roles are worth; the heaviest one decides.

The worth of a feature is ten times its log-odds in sentences labelled by hand: orders to a model on one side,
published tools and honest look-alikes on the other. A long honest text cannot dilute one bad sentence, since each is
weighed alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.text.evidence.features import Topic, features, signs, tokens
from vsm_mcp.acquisition.vetting.text.evidence.lexicon import MEANINGS
from vsm_mcp.acquisition.vetting.text.evidence.weights import BIAS, WEIGHTS

NOTABLE = 2
"""From this weight on a sentence is worth a look: two or three published tools in a hundred have such a one."""

CERTAIN = 40
"""From this weight on a sentence has no place in an honest text."""

_LEAST = -80
"""Honest words excuse so much and no more: a sentence cannot be stuffed with them."""

_MOST_SIGNS = 4


ANYTHING = Topic(frozenset(), frozenset())


class Evidence(NamedTuple):
    """What speaks against a text.

    Attributes:
        weight: Of its most suspicious sentence.
        sentence: That sentence.
        against: The most that speaks against one of its sentences, before anything excuses it.
    """

    weight: int
    sentence: str
    against: int


NO_EVIDENCE = Evidence(BIAS, "", 0)


def heaviest(text: str, topic: Topic = ANYTHING) -> Evidence:
    """Weigh each sentence of a text and return the heaviest."""
    weighed = list(_weighed(text, topic))
    if not weighed:
        return NO_EVIDENCE
    weight, sentence, _ = max(weighed)
    return Evidence(weight, sentence, max(against for _, _, against in weighed))


def explained(sentence: str, topic: Topic = ANYTHING) -> tuple[str, ...]:
    """Say what weighs most in a sentence: roles by their meaning, words in quotes."""
    found = {sign for part in tokens(sentence) for sign in features(part, topic.opening)}
    named: dict[str, None] = {}
    for sign in sorted(found, key=lambda sign: (-WEIGHTS.get(sign, 0), sign)):
        if WEIGHTS.get(sign, 0) > 0:
            named.update(dict.fromkeys(_named(sign)))
    return tuple(named)[:_MOST_SIGNS]


def _weighed(text: str, topic: Topic) -> Iterator[tuple[int, str, int]]:
    for sentence, found in signs(text, topic):
        weights = [WEIGHTS[sign] for sign in found if sign in WEIGHTS]
        against = sum(weight for weight in weights if weight > 0)
        yield BIAS + against + max(_LEAST, sum(weights) - against), sentence, against


def _named(sign: str) -> Iterator[str]:
    roles = [MEANINGS[role] for role in sign.lstrip("^,!~=s").split(">") if role in MEANINGS]
    yield from roles or [repr(sign)]
