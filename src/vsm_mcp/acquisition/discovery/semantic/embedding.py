"""What an embedder is, what it is shown of a document, and vectors that were checked before they are used."""

import math
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Protocol, runtime_checkable

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.reading import clean
from vsm_mcp.errors import ConfigurationError

MOST_TOOLS_TOLD = 20
LONGEST_TOLD = 1000
MOST_NUMBERS = 8192

_LENGTH_SLACK = 0.01


class Embedder(Protocol):
    """Turns texts into vectors that are near each other when the texts mean the like."""

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        """Return for each text a vector of length 1, all of one dimension. It may take long: it has its own thread."""
        ...


@runtime_checkable
class QueryEmbedder(Embedder, Protocol):
    """An embedder that knows requests from what serves them: their vectors are near although their texts differ."""

    def embed_queries(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        """Return for each request a vector of length 1, of the dimension of the others."""
        ...


def told(document: Document) -> str:
    """Return what a document is compared by: its names, its description, and the names of its tools."""
    tools = ", ".join(tool.name.replace("_", " ") for tool in document.tools[:MOST_TOOLS_TOLD])
    whole = f"{document.name} {document.title}: {document.description} {document.category} {tools}"
    return clean(whole, LONGEST_TOLD)


def vectors_of(embedder: Embedder, texts: Sequence[str]) -> "list[array[float]]":
    """Return the vectors of ``texts``.

    Raises:
        ConfigurationError: The embedder returns something else than one vector of length 1 per text, all alike.
    """
    return _checked(embedder, texts, embedder.embed(texts) if texts else ())


def vector_of_query(embedder: Embedder, query: str) -> "array[float]":
    """Return the vector of a request.

    Raises:
        ConfigurationError: The embedder returns something else than one vector of length 1.
    """
    embed = embedder.embed_queries if isinstance(embedder, QueryEmbedder) else embedder.embed
    return _checked(embedder, [query], embed([query]))[0]


def _checked(embedder: Embedder, texts: Sequence[str], given: Sequence[Sequence[float]]) -> "list[array[float]]":
    if len(given) != len(texts):
        raise ConfigurationError(f"The embedder {embedder!r} returns {len(given)} vectors for {len(texts)}.")
    vectors = [array("f", vector[:MOST_NUMBERS]) for vector in given]
    lengths = [math.sqrt(math.fsum(map(mul, vector, vector))) for vector in vectors]
    wrong = [length for length in lengths if not abs(length - 1) <= _LENGTH_SLACK]
    if wrong:
        raise ConfigurationError(f"The embedder {embedder!r} returns a vector of length {wrong[0]:.3g}, not 1.")
    if len({len(vector) for vector in vectors}) > 1:
        raise ConfigurationError(f"The embedder {embedder!r} returns vectors of different dimensions.")
    return vectors


def products(rows: "array[float]", vector: "array[float]") -> Sequence[float]:
    """Return the product of ``vector`` with each of the vectors that stand one after the other in ``rows``."""
    size = len(vector)
    try:
        import numpy as np  # noqa: PLC0415 - it is part of an extra; without it this takes far longer
    except ImportError:
        return [math.fsum(map(mul, rows[at : at + size], vector)) for at in range(0, len(rows), size)]
    matrix = np.frombuffer(rows, np.float32).reshape(-1, size)
    # not by "@": that wakes a thread for each processor, which costs more than it saves
    found: list[float] = np.einsum("ij,j->i", matrix, np.frombuffer(vector, np.float32)).tolist()
    return found
