"""BM25F: what each word of each document counts, over the fields of a server and of its tools, in plain Python."""

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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

MOST_POSTINGS = 2000
"""How many documents one word of a query can bring in: those where it counts most."""

_PRIOR_DOCUMENTS = 20


@dataclass(frozen=True, slots=True)
class Posting:
    """One term: how rare it is, where it counts how much (most first), and in which fields (one bit each)."""

    idf: float
    impacts: Mapping[int, float]
    fields: Mapping[int, int]


def count(document: Document, tokenizer: Tokenizer) -> dict[str, Counter[str]]:
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
        name: Counter(term for value, longest in texts for term in tokenizer.terms(value, longest))
        for name, texts in fields.items()
    }


def postings(counts: Sequence[Mapping[str, Counter[str]]]) -> dict[str, Posting]:
    """Return for each term where it counts how much; documents are numbered in the order of ``counts``."""
    found: dict[str, dict[int, float]] = {}
    fields: dict[str, dict[int, int]] = {}
    for number, (counted, scales) in enumerate(zip(counts, _scales(counts), strict=True)):
        for bit, name in enumerate(WEIGHTS):
            for term, count in counted[name].items():
                entry = found.setdefault(term, {})
                entry[number] = entry.get(number, 0.0) + count * scales[name]
                mask = fields.setdefault(term, {})
                mask[number] = mask.get(number, 0) | 1 << bit
    return {term: _posting(entry, fields[term], len(counts)) for term, entry in found.items()}


def _scales(counts: Sequence[Mapping[str, Counter[str]]]) -> Iterator[dict[str, float]]:
    """Return for each document what one word counts in each field: its weight, discounted by both lengths."""
    lengths = [{name: counted[name].total() for name in WEIGHTS} for counted in counts]
    usual = {name: _usual([of[name] for of in lengths], typical) for name, typical in TYPICAL_LENGTHS.items()}
    wholes = [sum(weight * of[name] for name, weight in WEIGHTS.items()) for of in lengths]
    usual_whole = sum(wholes) / max(1, len(wholes)) or 1.0
    for of, whole in zip(lengths, wholes, strict=True):
        whole_norm = 1 - B + B * whole / usual_whole
        yield {
            name: weight / math.sqrt((1 - B + B * of[name] / usual[name]) * whole_norm)
            for name, weight in WEIGHTS.items()
        }


def _usual(lengths: Sequence[int], typical: float) -> float:
    """Return the usual length of a field, over those that have it: most servers publish no tools, many no title.

    Few documents do not know what is usual, and one of them must not set the standard for itself: so the typical length
    has the weight of 20 documents.
    """
    present = sum(1 for length in lengths if length)
    return (sum(lengths) + _PRIOR_DOCUMENTS * typical) / (present + _PRIOR_DOCUMENTS)


def _posting(entry: Mapping[int, float], fields: Mapping[int, int], documents: int) -> Posting:
    idf = math.log(1 + (documents - len(entry) + 0.5) / (len(entry) + 0.5))
    impacts = ((number, idf * frequency / (K1 + frequency)) for number, frequency in entry.items())
    best = dict(heapq.nsmallest(MOST_POSTINGS, impacts, key=lambda pair: (-pair[1], pair[0])))
    return Posting(idf=idf, impacts=best, fields={number: fields[number] for number in best})


def fields_of(mask: int) -> tuple[str, ...]:
    """Return the names of the fields whose bits are set."""
    return tuple(name for bit, name in enumerate(WEIGHTS) if mask & 1 << bit)
