"""The hash chain: each line holds the digest of the line before, and its own.

A line is a JSON object in one line. Its last member is ``digest``: the SHA-256 of the object without that member, byte
by byte as it was written; with a key it is an HMAC (Krawczyk, Bellare and Canetti, RFC 2104, 1997). The member
``before`` is the digest of the line before, across files. Chaining records so that no earlier one can be changed alone
follows Schneier and Kelsey (Secure Audit Logs to Support Computer Forensics, 1999).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from vsm_mcp.model.json import JsonValue

GENESIS = "0" * 64
LONGEST_LINE = 128 * 1024

_DIGEST = re.compile(rb',"digest":"([0-9a-f]{64})"\}')
_TAIL = len(',"digest":""}') + 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A line whose own digest is right.

    Attributes:
        seq: Its number.
        before: The digest of the line before.
        digest: Its own.
        fields: What it says.
    """

    seq: int
    before: str
    digest: str
    fields: Mapping[str, JsonValue]


class BrokenLineError(ValueError):
    """A line is not what was written; says in what."""


class Chain:
    """Seals lines, each to the one before.

    Args:
        seq: The number of the next line.
        before: The digest of the last one.
        key: Makes digests that only those who have it can make.
    """

    __slots__ = ("_key", "before", "seq")

    def __init__(self, *, seq: int = 0, before: str = GENESIS, key: bytes | None = None) -> None:
        """Go on from a line."""
        self.seq: int = seq
        self.before: str = before
        self._key = key

    def copy(self) -> "Chain":
        """Return another chain that goes on from the same line."""
        return Chain(seq=self.seq, before=self.before, key=self._key)

    def seal(self, fields: Mapping[str, object]) -> bytes:
        """Return the next line, with its line break."""
        body = b'{"seq":%d,"before":"%b",%b' % (self.seq, self.before.encode(), orjson.dumps(fields)[1:])
        digest = digest_of(body, self._key)
        self.seq += 1
        self.before = digest
        return b'%b,"digest":"%b"}\n' % (body[:-1], digest.encode())


def digest_of(body: bytes, key: bytes | None) -> str:
    """Return the digest of a line without its digest."""
    return hashlib.sha256(body).hexdigest() if key is None else hmac.digest(key, body, "sha256").hex()


def unsealed(line: bytes, key: bytes | None) -> Sealed:
    """Return what a line (without its line break) says.

    Raises:
        BrokenLineError: It is no line of a chain, or was changed.
    """
    if len(line) > LONGEST_LINE:
        raise BrokenLineError(f"it is longer than {LONGEST_LINE} bytes")
    found = _DIGEST.fullmatch(line[-_TAIL:])
    if found is None:
        raise BrokenLineError("it does not end with a digest")
    body = line[:-_TAIL] + b"}"
    digest = found[1].decode()
    if not hmac.compare_digest(digest_of(body, key), digest):
        raise BrokenLineError("its digest is another one")
    return _read(body, digest)


def _read(body: bytes, digest: str) -> Sealed:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BrokenLineError("it is not JSON") from None
    match fields:
        case {"seq": int(seq), "before": str(before)}:
            return Sealed(seq=seq, before=before, digest=digest, fields=fields)
        case _:
            raise BrokenLineError("it has no number, or does not name the line before")
