"""Ranking by BM25F over the fields of a server and of its tools, in plain Python.

Scores order candidates; they do not say whether any of them fits. That is decided by verification.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.reading import items, mapping, text
from vsm_mcp.acquisition.discovery.tokens import Tokenizer
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.server import Candidate, ToolSummary

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

_MOST_TOOLS = 256
_PRIOR_DOCUMENTS = 20
_LONGEST_DESCRIPTION = 1024
_LONGEST_TOOL_TEXT = 600
_LONGEST_NAME = 200
_LONGEST_ARGUMENTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A server as the ranking sees it: a key and the texts of its fields; ``arguments`` are those of its tools."""

    key: str
    name: str
    title: str = ""
    description: str = ""
    category: str = ""
    tools: tuple[ToolSummary, ...] = ()
    arguments: str = ""

    @classmethod
    def of(cls, candidate: Candidate, key: str) -> "Document":
        """Return what is ranked of a candidate."""
        package = "" if candidate.package.ecosystem == "file" else candidate.package.name
        return cls(
            key=key,
            name=package if candidate.slug in package else f"{candidate.slug} {package}",
            title=candidate.title,
            description=candidate.summary,
            category=" ".join((candidate.name.rpartition("/")[0], *candidate.keywords)),
            tools=candidate.tools,
        )

    @classmethod
    def read(cls, row: JsonObject) -> "Document":
        """Read ``{"id", "name", "title", "description", "category", "tools": [{"name", "description", "params"}]}``.

        ``params`` are pairs of name and description; a single tool that stands for itself may have them as well.
        """
        tools = [mapping(tool) for tool in items(row.get("tools"), _MOST_TOOLS)]
        return cls(
            key=str(row.get("id")),  # as it is: the caller compares it with its own
            name=text(row.get("name"), _LONGEST_NAME),
            title=text(row.get("title"), _LONGEST_NAME),
            description=text(row.get("description"), _LONGEST_DESCRIPTION),
            category=text(row.get("category"), _LONGEST_NAME),
            tools=tuple(
                ToolSummary(
                    name=text(tool.get("name"), _LONGEST_NAME),
                    description=text(tool.get("description"), _LONGEST_TOOL_TEXT),
                )
                for tool in tools
            ),
            arguments=" ".join(word for told in (row, *tools) for word in _arguments(told))[:_LONGEST_ARGUMENTS],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What one term of the query brought to a hit: its part of the score and the fields it was found in."""

    term: str
    score: float
    fields: tuple[str, ...]

    def __str__(self) -> str:
        """Write it as ``powerpoint 3.10 (name, title)``."""
        return f"{self.term} {self.score:.2f} ({', '.join(self.fields)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that has words of the query: its key, its score and why, the strongest word first."""

    key: str
    score: float
    why: tuple[Matched, ...]


class Ranking:
    """An index over documents, built once.

    Args:
        documents: What can be found.
        tokenizer: Cuts texts into terms; give one to share its memory between indexes.
    """

    def __init__(self, documents: Iterable[Document], *, tokenizer: Tokenizer | None = None) -> None:
        """Count the words of all documents."""
        self._tokenizer = tokenizer or Tokenizer()
        self._keys: list[str] = []
        counts: list[Mapping[str, Counter[str]]] = []
        for document in documents:
            self._keys.append(document.key)
            counts.append(_count(document, self._tokenizer))
        self._postings = _postings(counts)

    def __repr__(self) -> str:
        """Show the size."""
        return f"Ranking(documents={len(self._keys)}, terms={len(self._postings)})"

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._keys)

    def search(self, query: str, *, limit: int = 10) -> tuple[Hit, ...]:
        """Return at most ``limit`` documents that have words of ``query``, best first."""
        weights = self._weights(self._tokenizer.query(query))
        scores: dict[int, float] = {}
        for term, weight in weights.items():
            for number, impact in self._postings[term].impacts.items():
                scores[number] = scores.get(number, 0.0) + weight * impact
        best = heapq.nsmallest(limit, scores.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(self._hit(number, score, weights) for number, score in best)

    def _weights(self, counted: Counter[str]) -> dict[str, float]:
        """Return what each known term of a query counts: (1 + ln tf) * sqrt(idf / highest idf)."""
        known = {term: count for term, count in counted.items() if term in self._postings}
        highest = max((self._postings[term].idf for term in known), default=1.0)
        return {
            term: (1 + math.log(count)) * math.sqrt(self._postings[term].idf / highest) for term, count in known.items()
        }

    def _hit(self, number: int, score: float, weights: Mapping[str, float]) -> Hit:
        matched = [
            Matched(
                term=term,
                score=weight * self._postings[term].impacts.get(number, 0.0),
                fields=_fields(self._postings[term].fields.get(number, 0)),
            )
            for term, weight in weights.items()
        ]
        why = sorted((one for one in matched if one.score > 0), key=lambda one: -one.score)
        return Hit(key=self._keys[number], score=score, why=tuple(why))


@dataclass(frozen=True, slots=True)
class _Posting:
    """One term: how rare it is, where it counts how much (most first), and in which fields (one bit each)."""

    idf: float
    impacts: Mapping[int, float]
    fields: Mapping[int, int]


def rank(corpus: Iterable[Document | JsonObject], queries: Iterable[str], *, limit: int = 10) -> list[tuple[Hit, ...]]:
    """Rank ``corpus`` for every query: the function to measure the ranking with.

    Args:
        corpus: Documents, or JSON objects ``{"id", "name", "title", "description", "category", "tools"}`` where tools
            are ``{"name", "description"}``; everything but ``id`` and ``name`` may be absent. Single tools may
            be ranked as well: their arguments are ``"params": [[name, description], ...]``.
        queries: What is wanted, in plain words.
        limit: How many hits per query.

    Returns:
        For each query its hits, best first; ``hit.key`` is the document's ``id``.
    """
    documents = (row if isinstance(row, Document) else Document.read(row) for row in corpus)
    ranking = Ranking(documents)
    return [ranking.search(query, limit=limit) for query in queries]


def _arguments(told: JsonObject) -> Iterator[str]:
    for pair in items(told.get("params"), _MOST_TOOLS):
        yield from (text(word, _LONGEST_TOOL_TEXT) for word in items(pair, 2))


def _count(document: Document, tokenizer: Tokenizer) -> dict[str, Counter[str]]:
    tools = document.tools[:_MOST_TOOLS]
    fields = {
        "name": [(document.name, _LONGEST_NAME)],
        "title": [(document.title, _LONGEST_NAME)],
        "description": [(document.description, _LONGEST_DESCRIPTION)],
        "category": [(document.category, _LONGEST_NAME)],
        "toolname": [(tool.name, _LONGEST_NAME) for tool in tools],
        "tooldesc": [(tool.description, _LONGEST_TOOL_TEXT) for tool in tools],
        "arguments": [(document.arguments, _LONGEST_ARGUMENTS)],
    }
    return {
        name: Counter(term for value, longest in texts for term in tokenizer.terms(value, longest))
        for name, texts in fields.items()
    }


def _postings(counts: Sequence[Mapping[str, Counter[str]]]) -> dict[str, _Posting]:
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


def _posting(entry: Mapping[int, float], fields: Mapping[int, int], documents: int) -> _Posting:
    idf = math.log(1 + (documents - len(entry) + 0.5) / (len(entry) + 0.5))
    impacts = ((number, idf * frequency / (K1 + frequency)) for number, frequency in entry.items())
    best = dict(heapq.nsmallest(MOST_POSTINGS, impacts, key=lambda pair: (-pair[1], pair[0])))
    return _Posting(idf=idf, impacts=best, fields={number: fields[number] for number in best})


def _fields(mask: int) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(WEIGHTS) if mask & 1 << bit)
