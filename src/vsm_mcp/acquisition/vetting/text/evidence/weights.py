"""Weights: how rare each feature is and what it is worth, learnt from labelled tools.

A feature is not kept by its name: two tables have a place for each number of 21 bits, and its CRC-32 says which is its
own. Of all places one in fifteen is taken, so that few unknown features fall on one. The tables are made by
``scripts/train_descriptions.py``.
"""

import gzip
import json
from array import array
from collections.abc import Iterable
from functools import cache
from itertools import repeat
from pkgutil import get_data
from typing import NamedTuple
from zlib import crc32

FILE_NAME = "weights.bin.gz"
PLACES = 1 << 21
_MASK = PLACES - 1
SCALE = 10


class Weights(NamedTuple):
    """What was learnt.

    Attributes:
        origin: Digest of the labelled tools and the settings that it was learnt from.
        bias: What a text weighs before any of its features counts, in tenths of log-odds.
        rarity: How rare a feature is, by place: twenty times its inverse document frequency; 0 where none is known.
        worth: What it speaks for, by place, in tenths: above 0 for an order to a model, below for an honest text.
    """

    origin: str
    bias: float
    rarity: bytes
    worth: "array[int]"


@cache
def weights() -> Weights:
    """Return the weights of the package; they are read once."""
    return read(get_data(__name__, FILE_NAME) or b"")


def read(data: bytes) -> Weights:
    """Return the weights that `written` wrote."""
    head, _, tables = gzip.decompress(data).partition(b"\n")
    told = json.loads(head)
    return Weights(told["origin"], told["bias"], tables[:PLACES], array("b", tables[PLACES:]))


def written(learnt: Weights) -> bytes:
    """Return the file that `read` reads."""
    head = json.dumps({"origin": learnt.origin, "bias": learnt.bias}).encode()
    return gzip.compress(head + b"\n" + learnt.rarity + learnt.worth.tobytes(), mtime=0)


def place(sign: str) -> int:
    """Return the place of a feature."""
    return crc32(sign.encode("utf-8", "surrogatepass")) & _MASK


def places(signs: Iterable[str]) -> list[int]:
    """Return the places of features; a few hundred for every tool, so they are found without a step of Python each."""
    return list(map(_MASK.__and__, map(crc32, map(str.encode, signs, repeat("utf-8"), repeat("surrogatepass")))))
