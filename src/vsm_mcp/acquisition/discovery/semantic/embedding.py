"""Likeness in meaning of a query and documents, as an embedder sees it; what it saw of documents is remembered."""

import hashlib
import math
from array import array
from collections.abc import Sequence
from operator import mul
from threading import Lock
from typing import Protocol

from cachetools import LRUCache

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.tokens import LONGEST_QUERY
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.errors import ConfigurationError

MOST_REMEMBERED = 10_000
MOST_TOOLS_TOLD = 20
LONGEST_TOLD = 1000
MOST_NUMBERS = 8192

_LENGTH_SLACK = 0.01


class Embedder(Protocol):
    """Turns texts into vectors that are near each other when the texts mean the like."""

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        """Return for each text a vector of length 1, all of one dimension. It may take long: it has its own thread."""
        ...


class Meanings:
    """Compares queries with documents by meaning.

    It embeds on the calling thread, and may be used by several at once.

    Args:
        embedder: Makes the vectors.
        most: How many vectors of documents are remembered.
    """

    def __init__(self, embedder: Embedder, *, most: int = MOST_REMEMBERED) -> None:
        """Start with nothing remembered."""
        self._embedder = embedder
        self._vectors: LRUCache[bytes, array[float]] = LRUCache(most)
        self._lock = Lock()

    def __repr__(self) -> str:
        """Show how much is remembered."""
        return f"Meanings({self._embedder!r}, vectors={len(self._vectors)})"

    def likeness(self, query: str, texts: Sequence[str]) -> tuple[float, ...]:
        """Return for each text how like it is to ``query``: the cosine of both, 0 to 1.

        Raises:
            ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
        """
        if not texts:
            return ()
        wanted, *vectors = self._of([clean(query, LONGEST_QUERY), *texts])
        return tuple(min(1.0, max(0.0, sum(map(mul, wanted, vector)))) for vector in vectors)

    def _of(self, texts: Sequence[str]) -> "list[array[float]]":
        keys = [hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest() for text in texts]
        with self._lock:
            found = {key: self._vectors[key] for key in keys if key in self._vectors}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        made = dict(zip(missing, self._embed(list(missing.values())), strict=True))
        with self._lock:
            self._vectors.update(made)
        vectors = [found.get(key) or made[key] for key in keys]
        if len({len(vector) for vector in vectors}) > 1:
            raise ConfigurationError(f"The embedder {self._embedder!r} returns vectors of different dimensions.")
        return vectors

    def _embed(self, texts: Sequence[str]) -> "list[array[float]]":
        given = self._embedder.embed(texts) if texts else ()
        if len(given) != len(texts):
            raise ConfigurationError(f"The embedder {self._embedder!r} returns {len(given)} vectors for {len(texts)}.")
        vectors = [array("f", vector[:MOST_NUMBERS]) for vector in given]
        lengths = [math.sqrt(sum(map(mul, vector, vector))) for vector in vectors]
        wrong = [length for length in lengths if not abs(length - 1) <= _LENGTH_SLACK]
        if wrong:
            raise ConfigurationError(
                f"The embedder {self._embedder!r} returns a vector of length {wrong[0]:.3g}, not 1."
            )
        return vectors


def told(document: Document) -> str:
    """Return what a document is compared by: its names, its description, and the names of its tools."""
    tools = ", ".join(tool.name.replace("_", " ") for tool in document.tools[:MOST_TOOLS_TOLD])
    whole = f"{document.name} {document.title}: {document.description} {document.category} {tools}"
    return clean(whole, LONGEST_TOLD)
