"""How like a query is to documents in meaning, as far as an embedder has looked at them; what it saw is remembered."""

import hashlib
import math
import sys
from array import array
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import compress, islice
from operator import mul
from threading import Lock
from typing import Self

from pydantic import BaseModel, ValidationError

from vsm_mcp.acquisition.discovery.index.tokens import LONGEST_QUERY
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.acquisition.discovery.semantic.embedding import (
    MOST_NUMBERS,
    Embedder,
    products,
    vector_of_query,
    vectors_of,
)
from vsm_mcp.errors import ConfigurationError, PayloadError

MOST_MEANT = 50_000
"""Of more documents than that the rest is ranked by words alone."""

AT_ONCE = 64
"""How many documents are looked at in one go."""

LEAST_ALIKE = 0.25
LEAST_DEVIATION = 1.5
"""What has no word of the query must be so like it, and stand out so far from all documents, to be found at all."""

FORMAT = 2

_DIGEST_BYTES = 16
_LONGEST_HEADER = 1_000_000
_PROBE = "convert time zones"
_SAME = 0.999
_TYPICAL_SPREAD = 0.08
_PRIOR_DOCUMENTS = 20
"""How far likenesses spread with common embedders: few documents do not know, so this counts like 20 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """How like a query is to documents.

    Attributes:
        rows: The documents by their keys, each with its place below.
        likeness: The cosine of the query with each document; 0 for one that was not looked at yet.
        mean: The mean of those that were.
        spread: Their standard deviation.
    """

    rows: Mapping[str, int]
    likeness: Sequence[float]
    mean: float
    spread: float

    def among(self, keys: Container[str]) -> "Alike":
        """Return the same without documents that are not among ``keys``; nothing else changes."""
        if all(key in keys for key in self.rows):
            return self
        kept = [(key, self.likeness[row]) for key, row in self.rows.items() if key in keys]
        rows = {key: row for row, (key, _) in enumerate(kept)}
        return Alike(rows=rows, likeness=[one for _, one in kept], mean=self.mean, spread=self.spread)

    def deviation(self, key: str) -> float:
        """Return how far the likeness of a document stands out from that of all, in standard deviations."""
        row = self.rows.get(key)
        return ((0.0 if row is None else self.likeness[row]) - self.mean) / self.spread

    def outstanding(self, most: int) -> list[str]:
        """Return at most so many of the documents that stand out, the most like ones first."""
        least = max(LEAST_ALIKE, self.mean + LEAST_DEVIATION * self.spread)
        able = [(likeness, key) for key, likeness in zip(self.rows, self.likeness, strict=True) if likeness >= least]
        return [key for _, key in nlargest(most, able)]


class _Header(BaseModel, frozen=True, extra="forbid"):
    format: int
    order: str
    size: int
    documents: int
    probe: tuple[float, ...]
    sha256: str


@dataclass(slots=True)
class _Seen:
    """Documents and their vectors, one after the other; zeros where a document was not looked at."""

    rows: Mapping[str, int]
    texts: Sequence[str]
    digests: Sequence[bytes]
    known: bytearray
    vectors: "array[float]" = field(default_factory=lambda: array("f"))

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "_Seen":
        digests = [
            hashlib.blake2b(one.encode(errors="replace"), digest_size=_DIGEST_BYTES).digest() for one in texts.values()
        ]
        rows = {key: row for row, key in enumerate(texts)}
        return cls(rows, list(texts.values()), digests, bytearray(len(rows)))

    def put(self, row: int, vector: "array[float]") -> None:
        size = len(vector)
        if not self.vectors:
            self.vectors = array("f", bytes(4 * size * len(self.texts)))
        self.vectors[row * size : (row + 1) * size] = vector
        self.known[row] = 1

    def by_digest(self) -> "Mapping[bytes, array[float]]":
        size = len(self.vectors) // max(1, len(self.texts))
        places = compress(enumerate(self.digests), self.known)
        return {digest: self.vectors[row * size : (row + 1) * size] for row, digest in places}


class Meanings:
    """Compares queries with documents by meaning.

    It embeds on the calling thread, and may be used by several at once.

    Args:
        embedder: Makes the vectors.
        most: How many documents are compared at most.
    """

    def __init__(self, embedder: Embedder, *, most: int = MOST_MEANT) -> None:
        """Know no documents yet."""
        self._embedder = embedder
        self._most = most
        self._seen = _Seen.of({})
        self._recalled: Mapping[bytes, array[float]] = {}
        self._unstored = False
        self._lock = Lock()

    @classmethod
    def of(cls, embedder: Embedder, texts: Mapping[str, str]) -> Self:
        """Return one that has looked at all ``texts``; it takes as long as that takes.

        Raises:
            ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
        """
        made = cls(embedder)
        made.follow(texts)
        while made.left:
            made.learn()
        return made

    def __repr__(self) -> str:
        """Show how many documents there are and how many were looked at."""
        seen = self._seen
        return f"Meanings({self._embedder!r}, documents={len(seen.texts)}, seen={sum(seen.known)})"

    def follow(self, texts: Mapping[str, str]) -> None:
        """Compare with ``texts`` from now on; those that were looked at before need not be looked at again.

        Args:
            texts: What documents are compared by, by their keys.
        """
        new = _Seen.of(dict(islice(texts.items(), self._most)))
        with self._lock:
            before = {**self._recalled, **self._seen.by_digest()}
            for row, digest in enumerate(new.digests):
                if (vector := before.get(digest)) is not None:
                    new.put(row, vector)
            self._seen, self._recalled = new, {}

    @property
    def left(self) -> int:
        """How many documents were not looked at yet."""
        return self._seen.known.count(0)

    @property
    def unstored(self) -> bool:
        """Whether documents were looked at since the last `stored`."""
        return self._unstored

    def learn(self, most: int = AT_ONCE) -> int:
        """Look at so many documents that were not looked at yet, or fewer, and return at how many.

        Raises:
            ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
        """
        seen = self._seen
        rows = list(islice((row for row, known in enumerate(seen.known) if not known), most))
        self._look(seen, rows)
        return len(rows)

    def alike(self, query: str, first: Iterable[str] = ()) -> Alike:
        """Return how like ``query`` is to all documents.

        Args:
            query: What is wanted, in plain words.
            first: Keys of documents that are looked at now if they were not yet.

        Raises:
            ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
        """
        seen = self._seen
        rows = (seen.rows[key] for key in first if key in seen.rows)
        self._look(seen, [row for row in rows if not seen.known[row]])
        wanted = vector_of_query(self._embedder, clean(query, LONGEST_QUERY))
        with self._lock:
            self._refuse_other_dimension(seen, wanted)
            likeness = products(seen.vectors, wanted) if seen.vectors else [0.0] * len(seen.texts)
            known = bytes(seen.known)
        return compared(seen.rows, likeness, known)

    def stored(self) -> bytes:
        """Return all vectors as bytes, to be recalled by another process with the same embedder.

        Raises:
            ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
        """
        probe = vectors_of(self._embedder, [_PROBE])[0]
        with self._lock:
            kept, self._unstored = self._seen.by_digest(), False
        body = b"".join((*kept, *(vector.tobytes() for vector in kept.values())))
        header = _Header(
            format=FORMAT,
            order=sys.byteorder,
            size=len(probe),
            documents=len(kept),
            probe=tuple(probe),
            sha256=hashlib.sha256(body).hexdigest(),
        )
        return header.model_dump_json().encode() + b"\n" + body

    def recall(self, data: bytes) -> None:
        """Use what `stored` returned for the documents that are followed next.

        Raises:
            PayloadError: It is damaged, of another version, or from another embedder.
            ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
        """
        line, _, body = data[:_LONGEST_HEADER].partition(b"\n")
        body = data[len(line) + 1 :]
        try:
            header = _Header.model_validate_json(line)
        except ValidationError as error:
            raise _unusable("its header cannot be read") from error
        if (header.format, header.order) != (FORMAT, sys.byteorder):
            raise _unusable("it was made by other rules")
        digests, size = header.documents * _DIGEST_BYTES, header.size
        whole = 0 < size <= MOST_NUMBERS and len(body) == digests + 4 * size * header.documents
        if not whole or hashlib.sha256(body).hexdigest() != header.sha256:
            raise _unusable("it is damaged")
        probe = vectors_of(self._embedder, [_PROBE])[0]
        if len(probe) != size or not sum(map(mul, probe, header.probe)) >= _SAME:
            raise _unusable("it is from another embedder")
        vectors = array("f", body[digests:])
        self._recalled = {
            body[row * _DIGEST_BYTES : (row + 1) * _DIGEST_BYTES]: vectors[row * size : (row + 1) * size]
            for row in range(header.documents)
        }

    def _look(self, seen: _Seen, rows: Sequence[int]) -> None:
        """Look at documents."""
        vectors = vectors_of(self._embedder, [seen.texts[row] for row in rows])
        with self._lock:
            if vectors:
                self._refuse_other_dimension(seen, vectors[0])
            for row, vector in zip(rows, vectors, strict=True):
                seen.put(row, vector)
                self._unstored = True

    def _refuse_other_dimension(self, seen: _Seen, vector: "array[float]") -> None:
        if seen.vectors and len(seen.vectors) != len(vector) * len(seen.texts):
            raise ConfigurationError(f"The embedder {self._embedder!r} returns vectors of different dimensions.")


def compared(rows: Mapping[str, int], likeness: Sequence[float], known: bytes) -> Alike:
    """Return how like a query is to documents, by their rows, when those are ``known`` whose byte is not 0."""
    looked_at = list(compress(likeness, known))
    mean = math.fsum(looked_at) / max(1, len(looked_at))
    squares = math.fsum((one - mean) ** 2 for one in looked_at) + _PRIOR_DOCUMENTS * _TYPICAL_SPREAD**2
    spread = math.sqrt(squares / (len(looked_at) + _PRIOR_DOCUMENTS))
    return Alike(rows=rows, likeness=likeness, mean=mean, spread=spread)


def _unusable(why: str) -> PayloadError:
    return PayloadError(f"What is remembered of meanings cannot be used: {why}.")
