"""A segment as bytes and back: read only if it is whole, and was made by these rules."""

import hashlib
import json
import sys
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError

from vsm_mcp.acquisition.discovery.index.bm25f import Usual
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.segment import Segment
from vsm_mcp.acquisition.discovery.index.vectors import FILE_NAME as VECTORS
from vsm_mcp.acquisition.discovery.index.vectors import GIST_BYTES
from vsm_mcp.errors import PayloadError

FORMAT = 3
"""The version of the layout: a line of JSON, the keys as JSON, a term per line, the arrays, the meanings, a digest per
document."""

DIGEST_BYTES = 12

_LONGEST_HEADER = 10_000


class _Header(BaseModel, frozen=True, extra="forbid"):
    format: int
    rules: str
    order: str
    usual: Usual
    sizes: tuple[int, ...]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A segment and the digest of each of its documents, in the order of its keys: what it was made of."""

    segment: Segment
    digests: Sequence[bytes]


def digest_of(document: Document) -> bytes:
    """Return the digest of a document."""
    return hashlib.blake2b(repr(document).encode(), digest_size=DIGEST_BYTES).digest()


@cache
def rules() -> str:
    """Return the digest of all that shapes an index: this version, and the code that does, where it can be read.

    That is the code of this room and its vectors, what cleans a text before its words are cut, and the Unicode that
    it knows.
    """
    digest = hashlib.sha256(version("vsm_mcp").encode())
    digest.update(version("snowballstemmer").encode())
    digest.update(unicodedata.unidata_version.encode())
    rooms = files("vsm_mcp.acquisition.discovery")
    room = (one for one in (rooms / "index").iterdir() if one.name.endswith((".py", VECTORS)))
    for file in (rooms / "reading.py", *sorted(room, key=lambda one: one.name)):
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def write(stored: Stored) -> bytes:
    """Return a segment as bytes, to be read again by the same rules."""
    index = stored.segment
    arrays = (index.spread, index.starts, index.numbers, index.impacts, index.fields)
    parts = [
        json.dumps(index.keys).encode(),
        "\n".join(index.terms).encode(),
        *(one.tobytes() for one in arrays),
        index.gists,
        b"".join(stored.digests),
    ]
    header = _Header(
        format=FORMAT,
        rules=rules(),
        order=sys.byteorder,
        usual=index.usual,
        sizes=tuple(map(len, parts)),
        sha256=_digest(index.usual, b"".join(parts)),
    )
    return b"\n".join((header.model_dump_json().encode(), b"".join(parts)))


def read(data: bytes) -> Stored:
    """Return the segment in ``data``.

    Raises:
        PayloadError: It is damaged, or was made by other rules or by another machine.
    """
    line = data[:_LONGEST_HEADER].partition(b"\n")[0]
    body = data[len(line) + 1 :]
    try:
        header = _Header.model_validate_json(line)
    except ValidationError as error:
        raise _unusable("its header cannot be read") from error
    if (header.format, header.rules, header.order) != (FORMAT, rules(), sys.byteorder):
        raise _unusable("it was made by other rules")
    if sum(header.sizes) != len(body) or _digest(header.usual, body) != header.sha256:
        raise _unusable("it is damaged")
    return _stored(header, body)


def _digest(usual: Usual, body: bytes) -> str:
    return hashlib.sha256(repr(usual).encode() + body).hexdigest()


def _stored(header: _Header, body: bytes) -> Stored:
    view, at, parts = memoryview(body), 0, list[memoryview]()
    for size in header.sizes:
        parts.append(view[at : at + size])
        at += size
    try:
        keys, terms, spread, starts, numbers, impacts, fields, gists, digests = parts
        read = Segment(
            keys=tuple(map(str, json.loads(bytes(keys)))),
            usual=header.usual,
            terms={term: row for row, term in enumerate(str(terms, "utf-8").split("\n") if terms else ())},
            spread=_array("I", spread),
            starts=_array("I", starts),
            numbers=_array("I", numbers),
            impacts=_array("f", impacts),
            fields=_array("B", fields),
            gists=bytes(gists),
        )
    except (ValueError, TypeError) as error:
        raise _unusable("its parts make no sense") from error
    if not _is_sound(read) or len(digests) != DIGEST_BYTES * len(read.keys):
        raise _unusable("its parts do not fit together")
    places = range(0, len(digests), DIGEST_BYTES)
    return Stored(segment=read, digests=[bytes(digests[at : at + DIGEST_BYTES]) for at in places])


def _array(code: str, part: memoryview) -> "array[Any]":
    return array(code, bytes(part))


def _is_sound(index: Segment) -> bool:
    """Tell whether every number that is in it points at something."""
    rows, entries = len(index.terms), len(index.numbers)
    return (
        len(index.spread) == rows
        and len(index.starts) == rows + 1
        and index.starts[-1] == entries == len(index.impacts) == len(index.fields)
        and all(one <= other for one, other in pairwise(index.starts))
        and len(index.gists) == GIST_BYTES * len(index.keys)
        and max(index.numbers, default=-1) < len(index.keys)
    )


def _unusable(why: str) -> PayloadError:
    return PayloadError(f"The stored index cannot be used: {why}.", remedies=("Nothing: it is made anew.",))
