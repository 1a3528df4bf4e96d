"""Segments: documents and what each word counts in each of them, in flat arrays; never changed once made."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.index.bm25f import Usual, count, impact
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer

_Found = list[tuple[int, float, int]]


@dataclass(frozen=True, slots=True)
class Posting:
    """One term in one segment: how rare it is, in which documents (ascending), what it counts there, in which fields.

    What it counts has the rarity in it already; fields are one bit each.
    """

    rarity: float
    numbers: Sequence[int]
    impacts: Sequence[float]
    fields: Sequence[int]

    def at(self, number: int) -> tuple[float, int]:
        """Return what the term counts in a document and in which fields it is there; zeros when it is not."""
        place = bisect_left(self.numbers, number)
        if place < len(self.numbers) and self.numbers[place] == number:
            return self.impacts[place], self.fields[place]
        return 0.0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """An index over documents.

    Attributes:
        keys: The keys of the documents, ascending; a document's place here is its number.
        usual: What was usual when it was made.
        terms: The terms, each with its row.
        spread: For each row how many documents have the term.
        starts: For each row where its entries begin in the arrays below, and at last where the last one ends.
        numbers: The documents of all terms, one term after the other.
        impacts: What the term counts there.
        fields: In which fields it is there.
    """

    keys: Sequence[str]
    usual: Usual
    terms: Mapping[str, int]
    spread: "array[int]"
    starts: "array[int]"
    numbers: "array[int]"
    impacts: "array[float]"
    fields: "array[int]"

    @classmethod
    def of(cls, documents: Iterable[Document], tokenizer: Tokenizer, *, beside: "Segment | None" = None) -> "Segment":
        """Index ``documents``; of several with one key the last one counts.

        Args:
            documents: What can be found.
            tokenizer: Cuts texts into terms.
            beside: A larger segment; its word on what is rare and what is long holds here too, so that scores compare.
        """
        by_key = {document.key: document for document in documents}
        keys = tuple(sorted(by_key))
        counts = [count(by_key[key], tokenizer) for key in keys]
        usual = Usual.of(counts) if beside is None else beside.usual
        found: dict[str, _Found] = {}
        for number, counted in enumerate(counts):
            for term, (frequency, mask) in usual.frequencies(counted).items():
                found.setdefault(term, []).append((number, impact(frequency), mask))
        elsewhere = (0 if beside is None else beside.spread_of(term) for term in found)
        spread = array("I", (known or len(entries) for known, entries in zip(elsewhere, found.values(), strict=True)))
        return _packed(keys, usual, spread=spread, found=found)

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.keys)

    def posting(self, term: str) -> Posting | None:
        """Return what is known of a term, if any document has it."""
        row = self.terms.get(term)
        if row is None:
            return None
        part = slice(self.starts[row], self.starts[row + 1])
        rarity = self.usual.rarity(self.spread[row])
        return Posting(rarity, self.numbers[part], self.impacts[part], self.fields[part])

    def spread_of(self, term: str) -> int:
        """Return how many documents have a term."""
        row = self.terms.get(term)
        return 0 if row is None else self.spread[row]

    def number_of(self, key: str) -> int | None:
        """Return the number of a document."""
        place = bisect_left(self.keys, key)
        return place if place < len(self.keys) and self.keys[place] == key else None


def _packed(keys: Sequence[str], usual: Usual, *, spread: "array[int]", found: Mapping[str, _Found]) -> Segment:
    numbers, impacts, fields, starts = array("I"), array("f"), array("B"), array("I", [0])
    for row, entries in enumerate(found.values()):
        rarity = usual.rarity(spread[row])
        for number, counts, mask in entries:
            numbers.append(number)
            impacts.append(rarity * counts)
            fields.append(mask)
        starts.append(len(numbers))
    return Segment(
        keys=keys,
        usual=usual,
        terms={term: row for row, term in enumerate(found)},
        spread=spread,
        starts=starts,
        numbers=numbers,
        impacts=impacts,
        fields=fields,
    )
