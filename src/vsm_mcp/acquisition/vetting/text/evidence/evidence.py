"""Evidence: what speaks for it that a text gives orders to a model, weighed passage by passage.

A logistic regression over features, rare ones counting more (tf-idf, Salton and Buckley, 1988), as it was learnt from
labelled tools. What is weighed is a passage of a few sentences, and the heaviest one decides: so a long honest text
cannot dilute a bad sentence, and an order that is spread over a few sentences is still seen. The text as a whole adds
to that; what it excuses is bounded. A sentence that weighs much alone is seen whatever stands around it.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from operator import mul
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.text.decoding import readable_lines
from vsm_mcp.acquisition.vetting.text.evidence.features import Topic, features, runs, signs, tokens
from vsm_mcp.acquisition.vetting.text.evidence.lexicon import MEANINGS
from vsm_mcp.acquisition.vetting.text.evidence.weights import Weights, place, weights
from vsm_mcp.acquisition.vetting.text.evidence.weights import places as places_of

NOTABLE = 16
"""From this weight on a text is worth a look: one published tool in a hundred has it, and one in twenty of those that
were written to be honest and delicate."""

CERTAIN = 50
"""From this weight on a text has no place in an honest tool."""

_BASE = 15
"""Added to every weight, so that what is beyond doubt weighs less than nothing."""

PASSAGE = 36
"""A passage has about so many words; a text of half as many more is one."""

STEADY = 800**2
"""Where little is said, each word of it says less."""

_WHOLE = 54
_ALONE = 30
"""So much more must a single sentence weigh: then no choice of honest sentences around it hides it."""

_EXCUSE = -10
"""What the text as a whole can excuse at most: honest words around an order do not hide it."""

_NOTHING = -200
_LITTLE = 12
"""Where so little speaks against a passage, no sentence of it weighs much alone: all measured ones have 18 and more."""

_MOST_SIGNS = 4
_ROLES = re.compile("[>+]")

ANYTHING = Topic(frozenset(), frozenset())


class Sentence(NamedTuple):
    """A sentence as it is weighed.

    Attributes:
        text: The sentence.
        words: How many words it has.
        places: Where the weights of its features are.
    """

    text: str
    words: int
    places: frozenset[int]


class Evidence(NamedTuple):
    """What speaks against a text.

    Attributes:
        weight: Of its heaviest passage and of the whole, in tenths of log-odds.
        at: Which of its sentences says most, counted from 0.
        against: What speaks against that passage, before anything excuses it.
    """

    weight: int
    at: int = 0
    against: int = 0


NO_EVIDENCE = Evidence(_NOTHING)


def read(text: str, topic: Topic = ANYTHING, *, lead: Sequence[str] = ()) -> list[Sentence]:
    """Return the sentences of a text; ``lead`` are words that stand before it, such as the name of a parameter."""
    return [
        Sentence(sentence, words, _known(found))
        for sentence, words, found in signs(readable_lines(text), topic, lead=lead)
    ]


def called(name: Sequence[str]) -> frozenset[int]:
    """Return what the words of a tool's name add to all that is said of it."""
    return _known(runs([*name, "."]))


def weigh(said: Sequence[Sentence], name: frozenset[int] = frozenset(), *, by: Weights | None = None) -> Evidence:
    """Return what speaks against sentences that follow each other.

    Args:
        said: The sentences.
        name: What the name of their tool adds to each passage.
        by: The weights, if not those of the package.
    """
    if not said:
        return NO_EVIDENCE
    worth = by or weights()
    passages = [(name.union(*(one.places for one in said[start:end])), start, end) for start, end in _passages(said)]
    weight, (places, start, end) = max(((_weighed(one[0], worth), one) for one in passages), key=_first)
    whole = weight if len(passages) == 1 else _weighed(name.union(*(one.places for one in said)), worth)
    against = _against(places, worth)
    most, at = weight, start
    if against >= _LITTLE and len(said) > 1:
        alone = [_weighed(name | one.places, worth) for one in said]
        most = max(alone)
        at = max(range(len(said)) if most > weight else range(start, end), key=alone.__getitem__)
    heaviest = max(weight + max(_EXCUSE, whole), most + max(_EXCUSE, most) - _ALONE)
    return Evidence(weight=_BASE + round(heaviest), at=at, against=round(against))


def weight_of(text: str, topic: Topic = ANYTHING) -> int:
    """Return what speaks against a text that stands alone."""
    return weigh(read(text, topic)).weight


def explained(sentence: str, topic: Topic = ANYTHING) -> tuple[str, ...]:
    """Say what weighs most in a sentence: roles by their meaning, then words in quotes."""
    rarity, worth = weights().rarity, weights().worth
    found = {sign for part in tokens(sentence) for sign in features(part, topic.opening) | runs(part)}
    weighed = sorted((-rarity[at] * worth[at], sign) for sign in found for at in (place(sign),))
    named: dict[str, None] = {}
    for negative, sign in weighed:
        if negative < 0:
            named.update(dict.fromkeys(_named(sign)))
    return tuple(sorted(named, key=lambda name: name.startswith("'")))[:_MOST_SIGNS]


def _known(found: Iterable[str]) -> frozenset[int]:
    """Return the places of features, of those that are known."""
    every = places_of(found)
    return frozenset(compress(every, map(weights().rarity.__getitem__, every)))


def _weighed(places: frozenset[int], by: Weights) -> float:
    """Return what features weigh together."""
    rare = list(map(by.rarity.__getitem__, places))
    total = sum(map(mul, rare, map(by.worth.__getitem__, places)))
    return by.bias + total / math.sqrt(sum(map(mul, rare, rare)) + STEADY)


def _against(places: frozenset[int], by: Weights) -> float:
    """Return what those features weigh that speak against a text."""
    rare = list(map(by.rarity.__getitem__, places))
    total = sum(map(mul, rare, map(max, map(by.worth.__getitem__, places), repeat(0))))
    return total / math.sqrt(sum(map(mul, rare, rare)) + STEADY)


def _first(pair: tuple[float, object]) -> float:
    return pair[0]


def _passages(said: Sequence[Sentence]) -> Iterator[tuple[int, int]]:
    """Yield where passages begin and end; each begins about in the middle of the one before."""
    if sum(one.words for one in said) <= _WHOLE:
        yield 0, len(said)
        return
    start = 0
    while True:
        end = _after(said, start, PASSAGE)
        yield start, end
        if end == len(said):
            return
        start = max(start + 1, min(end, _after(said, start, PASSAGE // 2)))


def _after(said: Sequence[Sentence], start: int, words: int) -> int:
    """Return which sentence is the first after ``start`` that does not fit within so many words; one always does."""
    end, left = start + 1, words - said[start].words
    while end < len(said) and said[end].words <= left:
        left -= said[end].words
        end += 1
    return end


def _named(sign: str) -> Iterator[str]:
    if sign.startswith("#"):
        yield repr(sign[1:])
        return
    roles = [MEANINGS[role] for role in _ROLES.split(sign.lstrip("^,!~=s")) if role in MEANINGS]
    yield from roles or [repr(sign)]
