"""Names for tools of many servers: short, reversible, the same whoever else is there."""

import base64
import re
from hashlib import sha256

LONGEST = 64
_HASH_LENGTH = 16
_ROOM = LONGEST - len("__") - len("-") - _HASH_LENGTH
_SERVER_SHARE = 18

_PLAIN_SERVER = re.compile(r"[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*")
_PLAIN_TOOL = re.compile(r"[A-Za-z0-9_-]+")
_LIKE_HASHED = re.compile(r".*-[a-z2-7]{16}")


def qualified(server: str, tool: str) -> str:
    """Return the name under which ``tool`` of ``server`` is known: at most 64 of ``A-Z a-z 0-9 _ -``.

    It is ``<server>__<tool>`` where that is short, plain and unambiguous; otherwise readable parts of both with a hash
    of both in full. So two tools never share a name, and a name depends on nothing but the two.
    """
    plain = f"{server}__{tool}"
    clear = _PLAIN_SERVER.fullmatch(server) and _PLAIN_TOOL.fullmatch(tool)
    if clear and len(plain) <= LONGEST and not _LIKE_HASHED.fullmatch(plain):
        return plain
    head, tail = _readable(server.rsplit("/", 1)[-1]), _readable(tool)
    room = max(_SERVER_SHARE, _ROOM - len(tail))
    head = head[:room]
    return f"{head}__{tail[: _ROOM - len(head)]}-{_hash(server, tool)}"


def _readable(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "x"


def _hash(server: str, tool: str) -> str:
    """Return 80 bits: too many for a server to find a tool name that is taken by another."""
    both = f"{len(server)}:{server}{tool}".encode("utf-8", "surrogatepass")
    return base64.b32encode(sha256(both).digest())[:_HASH_LENGTH].decode().lower()
