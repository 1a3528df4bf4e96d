"""Word vectors: what the words of a text mean together, from a table that comes with the package, in whole numbers.

A word has a vector of 128 numbers of 4 bits. They are added up as one integer with a lane for each of them, so a word
of a text costs one multiplication and one addition. Of each number of the sum 2 bits are kept: the gist of a text. Two
gists are compared by counting bits. The table is made by ``scripts/word_vectors.py``.
"""

import gzip
import json
import sys
from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from pkgutil import get_data

FILE_NAME = "vectors.bin.gz"

SIZE = 128
"""How many numbers a vector has."""

GIST_BYTES = SIZE // 4
"""What a gist takes."""

_LANE = 2
_MOST = (0xFFFF - SIZE) // 15
"""How often vectors are added up in all: a lane holds no more."""

_TIES = int.from_bytes(array("H", range(SIZE)).tobytes(), sys.byteorder)
"""Added as well, so that hardly ever two numbers are the same: a gist has as many of each kind."""

_HEX = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_LOW, _HIGH = bytes.maketrans(bytes(range(4)), b"0101"), bytes.maketrans(bytes(range(4)), b"0011")
_WHOLE = (1 << 2 * SIZE) - 1
_SQUARE = 5 * SIZE
"""The square of the length of a gist: -3, -1, 1 and 3, as many each, kept as 0 to 3."""

_TOO_MUCH = 9 * SIZE
"""What the product of two gists is too much for that, fourfold."""

Weights = Mapping[str, float]
"""How much each term counts in a text."""


def alike(one: int, other: int) -> float:
    """Return about the cosine of what two texts mean, by their gists: 0 where one of them has no known word."""
    if not (one and other):
        return 0.0
    high = other >> SIZE
    crossed = (other << SIZE | high) & _WHOLE
    product = (one & other).bit_count() + 3 * (one >> SIZE & high).bit_count() + 2 * (one & crossed).bit_count()
    return (4 * product - _TOO_MUCH) / _SQUARE


class WordVectors:
    """Knows what words mean together.

    Args:
        terms: The terms that have a vector.
        scales: How large the vector of each is, a byte per term.
        numbers: The vectors, one after the other, half a byte per number.
        origin: Digest of the requests and the settings that they were learnt from.
    """

    def __init__(self, terms: Sequence[str], scales: bytes, numbers: bytes, *, origin: str = "") -> None:
        """Keep the table; a vector is read when it is asked for."""
        self.origin = origin
        self._rows = {term: row for row, term in enumerate(terms)}
        self._scales = scales
        self._numbers = numbers

    def __repr__(self) -> str:
        """Show the size."""
        return f"WordVectors(terms={len(self._rows)})"

    def gist(self, weights: Weights, known: dict[int, int] | None = None) -> int:
        """Return what a text means, 0 where no term of it is known.

        Args:
            weights: How much each term counts in it.
            known: Remembers vectors that were read, for the next text.
        """
        sums = self._sums(weights, {} if known is None else known)
        return _gist(sums) if sums else 0

    def _sums(self, weights: Weights, known: dict[int, int]) -> Sequence[int]:
        """Return the numbers of all terms added up, none where no term is known."""
        rows, scales = self._rows, self._scales
        found = [(rows[term], weight) for term, weight in weights.items() if term in rows]
        counts = [(row, weight * scales[row]) for row, weight in found]
        share = _MOST / (sum([count for _, count in counts]) or 1)
        total = _TIES
        for row, count in counts:
            lanes = known.get(row)
            if lanes is None:
                lanes = known[row] = self._lanes(row)
            total += int(count * share) * lanes
        return array("H", total.to_bytes(_LANE * SIZE, sys.byteorder)) if found else ()

    def _lanes(self, row: int) -> int:
        packed = self._numbers[row * SIZE // 2 : (row + 1) * SIZE // 2]
        lanes = bytearray(_LANE * SIZE)
        lanes[::_LANE] = packed.hex().encode().translate(_HEX)
        return int.from_bytes(lanes, "little")


def _gist(sums: Sequence[int]) -> int:
    """Keep 2 bits of each number: 0 to 3 for -3, -1, 1 and 3, each for a quarter of them."""
    first, second, third = sorted(sums)[SIZE // 4 :: SIZE // 4]
    kept = bytes([3 if one >= third else 2 if one >= second else 1 if one >= first else 0 for one in sums])
    return int(kept.translate(_HIGH) + kept.translate(_LOW), 2)


@cache
def bundled() -> WordVectors:
    """Return those of the package, read once."""
    return read(get_data(__name__, FILE_NAME) or b"")


def read(data: bytes) -> WordVectors:
    """Return what `written` wrote."""
    head, _, body = gzip.decompress(data).partition(b"\n")
    told = json.loads(head)
    terms = told["terms"]
    return WordVectors(terms, body[: len(terms)], body[len(terms) :], origin=told["origin"])


def written(terms: Sequence[str], scales: bytes, numbers: bytes, *, origin: str, sources: str = "") -> bytes:
    """Return the file that `read` reads; ``sources`` say what it is made of, for people."""
    head = json.dumps({"sources": sources, "origin": origin, "terms": terms})
    return gzip.compress(head.encode() + b"\n" + scales + numbers, mtime=0)
