"""Tuning: what MiniLM did not learn in general, learnt from requests that a larger model wrote for servers.

How much each piece of a word counts in the vector of a text, and how the vector of a request is turned towards those of
the servers that serve such requests. ``scripts/tune_meaning.py`` makes the file.
"""

import gzip
import json
from array import array
from functools import cache
from pkgutil import get_data
from typing import NamedTuple

FILE_NAME = "tuning.bin.gz"


class Tuning(NamedTuple):
    """What was learnt.

    Attributes:
        origin: Digest of the requests and the settings that it was learnt from.
        rarity: How rare each piece of the vocabulary is in servers and requests, by its number: twenty times the
            logarithm of one more than how many texts there are for one that has it.
        turn: A square matrix, row by row, that says what is added to a request: times ``scale``.
        scale: The unit of ``turn``.
    """

    origin: str
    rarity: bytes
    turn: "array[int]"
    scale: float


@cache
def tuning() -> Tuning:
    """Return that of the package; it is read once."""
    return read(get_data(__name__, FILE_NAME) or b"")


def read(data: bytes) -> Tuning:
    """Return what `written` wrote."""
    head, _, body = gzip.decompress(data).partition(b"\n")
    told = json.loads(head)
    return Tuning(told["origin"], body[: told["pieces"]], array("b", body[told["pieces"] :]), told["scale"])


def written(learnt: Tuning) -> bytes:
    """Return the file that `read` reads."""
    head = json.dumps({"origin": learnt.origin, "pieces": len(learnt.rarity), "scale": learnt.scale}).encode()
    return gzip.compress(head + b"\n" + learnt.rarity + learnt.turn.tobytes(), mtime=0)
