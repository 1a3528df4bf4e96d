"""Segments: documents and what each word counts in each of them, in flat arrays; never changed once made."""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from operator import mul
from typing import NamedTuple

from vsm_mcp.acquisition.discovery.index.bm25f import Usual, meaningful, terms_of
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.index.vectors import GIST_BYTES, bundled


class Posting(NamedTuple):
    """One term in one segment: how rare it is, in which documents (ascending), what it counts there, in which fields.

    What it counts has the rarity in it already; fields are one bit each.
    """

    rarity: float
    numbers: Sequence[int]
    impacts: Sequence[float]
    fields: Sequence[int]


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
        gists: What each document means, in the order of the keys.
    """

    keys: Sequence[str]
    usual: Usual
    terms: Mapping[str, int]
    spread: "array[int]"
    starts: "array[int]"
    numbers: "array[int]"
    impacts: "array[float]"
    fields: "array[int]"
    gists: bytes

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
        told = [terms_of(by_key[key], tokenizer) for key in keys]
        usual = Usual.of(told) if beside is None else beside.usual
        places: defaultdict[str, list[int]] = defaultdict(list)
        numbers, counts, fields = array("I"), array("d"), array("B")
        gists, vectors, read = bytearray(), bundled(), dict[int, int]()
        for number, one in enumerate(told):
            counted, masks = usual.counts(one)
            for place, term in enumerate(counted, len(numbers)):
                places[term].append(place)
            numbers.extend([number] * len(counted))
            counts.extend(counted.values())
            fields.extend(masks)
            gists += vectors.gist(meaningful(counted, masks), read).to_bytes(GIST_BYTES, "little")
        known = (0 if beside is None else beside.spread_of(term) for term in places)
        spread = array("I", (one or len(entries) for one, entries in zip(known, places.values(), strict=True)))
        order = [*chain.from_iterable(places.values())]
        rarities = (
            repeat(usual.rarity(one), len(entries)) for one, entries in zip(spread, places.values(), strict=True)
        )
        return cls(
            keys=keys,
            usual=usual,
            terms={term: row for row, term in enumerate(places)},
            spread=spread,
            starts=array("I", accumulate(map(len, places.values()), initial=0)),
            numbers=array("I", [numbers[place] for place in order]),
            impacts=array("f", map(mul, chain.from_iterable(rarities), [counts[place] for place in order])),
            fields=array("B", [fields[place] for place in order]),
            gists=bytes(gists),
        )

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.keys)

    def posting(self, term: str) -> Posting | None:
        """Return what is known of a term, if any document has it."""
        row = self.terms.get(term)
        if row is None:
            return None
        first, end = self.starts[row], self.starts[row + 1]
        rarity = self.usual.rarity(self.spread[row])
        return Posting(rarity, self.numbers[first:end], self.impacts[first:end], self.fields[first:end])

    def gist(self, number: int) -> int:
        """Return what a document means, as `alike` compares it."""
        return int.from_bytes(self.gists[number * GIST_BYTES : (number + 1) * GIST_BYTES], "little")

    def spread_of(self, term: str) -> int:
        """Return how many documents have a term."""
        row = self.terms.get(term)
        return 0 if row is None else self.spread[row]

    def number_of(self, key: str) -> int | None:
        """Return the number of a document."""
        place = bisect_left(self.keys, key)
        return place if place < len(self.keys) and self.keys[place] == key else None
