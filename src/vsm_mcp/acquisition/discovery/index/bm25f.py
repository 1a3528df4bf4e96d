"""BM25F (Robertson, Zaragoza and Taylor, 2004): what each word of a document counts, over its fields and their lengths.

The length of a field is discounted together with the length of the whole document, by the geometric mean of both.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
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
    "name": 2.0,
    "title": 2.0,
    "description": 1.0,
    "category": 1.0,
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

BROAD = 120
"""How many different terms a document may have before each counts less: who speaks of everything is about nothing."""

_PRIOR_DOCUMENTS = 20
_FIELDS = tuple(tuple(name for bit, name in enumerate(WEIGHTS) if mask & 1 << bit) for mask in range(1 << len(WEIGHTS)))

Counted = Mapping[str, Counter[str]]
"""How often each term is in each field of one document."""


def count(document: Document, tokenizer: Tokenizer) -> Counted:
    """Return how often each term is in each field of a document."""
    tools = document.tools[:MOST_TOOLS]
    fields = {
        "name": [(document.name, LONGEST_NAME)],
        "title": [(document.title, LONGEST_NAME)],
        "description": [(document.description, LONGEST_DESCRIPTION)],
        "category": [(document.category, LONGEST_NAME)],
        "toolname": [(tool.name, LONGEST_NAME) for tool in tools],
        "tooldesc": [(tool.description, LONGEST_TOOL_TEXT) for tool in tools],
        "arguments": [(document.arguments, LONGEST_ARGUMENTS)],
    }
    return {
        name: Counter(
            term for value, longest in texts for term in tokenizer.terms(value, longest)[: MOST_TERMS.get(name)]
        )
        for name, texts in fields.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual in a collection: how many documents, how long each field, how long a whole document (weighted)."""

    documents: int
    fields: tuple[float, ...]
    whole: float

    @classmethod
    def of(cls, collection: Sequence[Counted]) -> Self:
        """Return what is usual in ``collection``."""
        lengths = [_lengths(counted) for counted in collection]
        fields = (_usual([of[name] for of in lengths], typical) for name, typical in TYPICAL_LENGTHS.items())
        wholes = [_whole(of) for of in lengths]
        whole = math.fsum(wholes) / max(1, len(wholes)) or 1.0
        return cls(documents=len(collection), fields=tuple(fields), whole=whole)

    def frequencies(self, counted: Counted) -> dict[str, tuple[float, int]]:
        """Return for each term of a document its weighted, discounted frequency and its fields, one bit each."""
        lengths = _lengths(counted)
        discount = 1 - B + B * _whole(lengths) / self.whole
        found: dict[str, tuple[float, int]] = {}
        for bit, (name, weight) in enumerate(WEIGHTS.items()):
            scale = weight / math.sqrt((1 - B + B * lengths[name] / self.fields[bit]) * discount)
            for term, times in counted[name].items():
                frequency, mask = found.get(term, (0.0, 0))
                found[term] = (frequency + times * scale, mask | 1 << bit)
        broad = min(1.0, BROAD / len(found)) if found else 1.0
        return {term: (frequency * broad, mask) for term, (frequency, mask) in found.items()}

    def rarity(self, documents: int) -> float:
        """Return the inverse document frequency of a term that is in so many ``documents``; always more than 0.

        Documents beside the collection may have a term more often than the collection has documents.
        """
        everything = max(self.documents, documents)
        return math.log(1 + (everything - documents + 0.5) / (documents + 0.5))


def impact(frequency: float) -> float:
    """Return what a term counts where it has this weighted frequency, before its rarity: 0 to 1, ever more slowly."""
    return frequency / (K1 + frequency)


def fields_of(mask: int) -> tuple[str, ...]:
    """Return the names of the fields whose bits are set."""
    return _FIELDS[mask % len(_FIELDS)]


def _lengths(counted: Counted) -> dict[str, int]:
    return {name: counted[name].total() for name in WEIGHTS}


def _whole(lengths: Mapping[str, int]) -> float:
    return math.fsum(weight * lengths[name] for name, weight in WEIGHTS.items())


def _usual(lengths: Sequence[int], typical: float) -> float:
    """Return the usual length of a field, over those that have it: most servers publish no tools, many no title.

    Few documents do not know what is usual, and one of them must not set the standard for itself: so the typical length
    has the weight of 20 documents.
    """
    present = sum(1 for length in lengths if length)
    return (sum(lengths) + _PRIOR_DOCUMENTS * typical) / (present + _PRIOR_DOCUMENTS)
