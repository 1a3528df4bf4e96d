"""Tuning: what MiniLM did not learn in general, learnt from requests that a larger model wrote for servers.

How much each piece of a word counts in the vector of a text, and numbers that take the place of some of the network's:
what its layers add, and the scales of its norms (BitFit; Ben Zaken, Goldberg and Ravfogel, 2022). They are those of
sentence-transformers/all-MiniLM-L6-v2 (Apache License 2.0), changed by learning. ``scripts/tune_meaning.py`` makes the
file.
"""

import gzip
import json
from collections.abc import Mapping
from functools import cache
from pkgutil import get_data
from typing import NamedTuple

FILE_NAME = "tuning.bin.gz"

NUMBER = "<f2"
"""How each number is kept: a floating point number of two bytes, the low one first."""


class Tuning(NamedTuple):
    """What was learnt.

    Attributes:
        origin: Digest of the requests and the settings that it was learnt from.
        rarity: How rare each piece of the vocabulary is in servers and requests, by its number: twenty times the
            logarithm of one more than how many texts there are for one that has it.
        sizes: How many numbers each part of the network has that is tuned, by its name in the file of weights.
        numbers: All of them, one part after the other.
    """

    origin: str = ""
    rarity: bytes = b""
    sizes: Mapping[str, int] = {}
    numbers: bytes = b""

    @property
    def plain(self) -> "Tuning":
        """The same with the network as it was."""
        return Tuning(rarity=self.rarity)


@cache
def tuning() -> Tuning:
    """Return that of the package; it is read once."""
    return read(get_data(__name__, FILE_NAME) or b"")


def read(data: bytes) -> Tuning:
    """Return what `written` wrote."""
    head, _, body = gzip.decompress(data).partition(b"\n")
    told = json.loads(head)
    return Tuning(told["origin"], body[: told["pieces"]], told["sizes"], body[told["pieces"] :])


def written(learnt: Tuning) -> bytes:
    """Return the file that `read` reads."""
    head = json.dumps({"origin": learnt.origin, "pieces": len(learnt.rarity), "sizes": learnt.sizes}).encode()
    return gzip.compress(head + b"\n" + learnt.rarity + learnt.numbers, mtime=0)
