"""BM25F (Robertson, Zaragoza and Taylor, 2004): what each word of a document counts, over its fields and their lengths.

The length of a field is discounted together with the length of the whole document, by the geometric mean of both.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from vsm_mcp.acquisition.discovery.index.documents import (
    LONGEST_ARGUMENTS,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TOOL_TEXT,
    MOST_TOOLS,
    Document,
)
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer

WEIGHTS: Mapping[str, float] = {
    "name": 1.5,
    "title": 1.75,
    "description": 1.0,
    "category": 2.0,
    "toolname": 0.6,
    "tooldesc": 0.25,
    "arguments": 0.5,
}
"""How much a word counts in each field."""

K1 = 1.2
"""How soon repeating a word stops to help."""

B = 0.6
"""How much length is discounted: half by the field's own, half by the whole document's."""

TYPICAL_LENGTHS: Mapping[str, float] = {
    "name": 3,
    "title": 3,
    "description": 17,
    "category": 2,
    "toolname": 27,
    "tooldesc": 150,
    "arguments": 130,
}
"""How many terms a field has on average, where it is there at all: counted in a corpus of 10,838 servers (the last one
in one of 380 servers with all arguments of their tools), rounded."""

MOST_TERMS: Mapping[str, int] = {"name": 12, "title": 12, "description": 64, "category": 24}
"""How many terms of a field count, the first ones: more than 999 of 1,000 servers have."""

BROAD = 140
"""How many different terms a document may have before each counts less: who speaks of everything is about nothing."""

_PRIOR_DOCUMENTS = 20
_SAYING = sum(1 << bit for bit, name in enumerate(WEIGHTS) if name != "tooldesc")
_FIELDS = tuple(tuple(name for bit, name in enumerate(WEIGHTS) if mask & 1 << bit) for mask in range(1 << len(WEIGHTS)))

Told = Mapping[str, Sequence[str]]
"""The terms of each field of one document, as often as they are there."""


def terms_of(document: Document, tokenizer: Tokenizer) -> Told:
    """Return the terms of each field of a document."""
    tools, terms = document.tools[:MOST_TOOLS], tokenizer.terms
    return {
        "name": terms(document.name, LONGEST_NAME)[: MOST_TERMS["name"]],
        "title": terms(document.title, LONGEST_NAME)[: MOST_TERMS["title"]],
        "description": terms(document.description, LONGEST_DESCRIPTION)[: MOST_TERMS["description"]],
        "category": terms(document.category, LONGEST_NAME)[: MOST_TERMS["category"]],
        "toolname": [term for tool in tools for term in terms(tool.name, LONGEST_NAME)],
        "tooldesc": [term for tool in tools for term in terms(tool.description, LONGEST_TOOL_TEXT)],
        "arguments": terms(document.arguments, LONGEST_ARGUMENTS),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual in a collection: how many documents, how long each field, how long a whole document (weighted)."""

    documents: int
    fields: tuple[float, ...]
    whole: float

    @classmethod
    def of(cls, collection: Sequence[Told]) -> Self:
        """Return what is usual in ``collection``."""
        lengths = [_lengths(told) for told in collection]
        fields = (_usual([of[name] for of in lengths], typical) for name, typical in TYPICAL_LENGTHS.items())
        wholes = [_whole(of) for of in lengths]
        whole = math.fsum(wholes) / max(1, len(wholes)) or 1.0
        return cls(documents=len(collection), fields=tuple(fields), whole=whole)

    def counts(self, told: Told) -> tuple[Mapping[str, float], Collection[int]]:
        """Return what each term of a document counts before its rarity, and beside that its fields, one bit each.

        It counts 0 to 1, ever more slowly as its weighted, discounted frequency grows.
        """
        lengths = _lengths(told)
        discount = 1 - B + B * _whole(lengths) / self.whole
        found: dict[str, float] = {}
        masks: dict[str, int] = {}
        for bit, (name, weight) in enumerate(WEIGHTS.items()):
            scale = weight / math.sqrt((1 - B + B * lengths[name] / self.fields[bit]) * discount)
            for term, times in Counter(told[name]).items() if told[name] else ():
                found[term] = found.get(term, 0.0) + times * scale
                masks[term] = masks.get(term, 0) | 1 << bit
        broad = min(1.0, BROAD / len(found)) if found else 1.0
        frequencies = ((term, frequency * broad) for term, frequency in found.items())
        return {term: frequency / (K1 + frequency) for term, frequency in frequencies}, masks.values()

    def rarity(self, documents: int) -> float:
        """Return the inverse document frequency of a term that is in so many ``documents``; always more than 0.

        Documents beside the collection may have a term more often than the collection has documents.
        """
        everything = max(self.documents, documents)
        return math.log(1 + (everything - documents + 0.5) / (documents + 0.5))


def meaningful(counted: Mapping[str, float], masks: Iterable[int]) -> Mapping[str, float]:
    """Return of what the terms of a document count that which tells what it means: descriptions of tools go astray."""
    return {term: count for (term, count), mask in zip(counted.items(), masks, strict=True) if mask & _SAYING}


def fields_of(mask: int) -> tuple[str, ...]:
    """Return the names of the fields whose bits are set."""
    return _FIELDS[mask % len(_FIELDS)]


def _lengths(told: Told) -> dict[str, int]:
    return {name: len(told[name]) for name in WEIGHTS}


def _whole(lengths: Mapping[str, int]) -> float:
    return math.fsum(weight * lengths[name] for name, weight in WEIGHTS.items())


def _usual(lengths: Sequence[int], typical: float) -> float:
    """Return the usual length of a field, over those that have it: most servers publish no tools, many no title.

    Few documents do not know what is usual, and one of them must not set the standard for itself: so the typical length
    has the weight of 20 documents.
    """
    present = sum(1 for length in lengths if length)
    return (sum(lengths) + _PRIOR_DOCUMENTS * typical) / (present + _PRIOR_DOCUMENTS)
