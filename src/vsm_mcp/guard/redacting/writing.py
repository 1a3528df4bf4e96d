"""The ways in which one secret may be written down."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from vsm_mcp.errors import printable

SHORTEST_SECRET = 4
"""A shorter one would blot out ordinary text."""

_SHORTEST_PART = 8
_MOST_PARTS = 64
_SHORTEST_ENCODED = 6


def forms_of(secret: str) -> Iterator[str]:
    """Yield the ways to write a secret down; of one of very many lines only the longest are looked for singly."""
    yield from _written(secret)
    parts = dict.fromkeys(part for part in secret.splitlines() if _SHORTEST_PART <= len(part) < len(secret))
    for part in sorted(parts, key=len, reverse=True)[:_MOST_PARTS]:
        yield from _written(part)


def in_json(secret: str) -> set[str]:
    """Return the ways in which a secret stands in a JSON text."""
    return {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}


def _written(secret: str) -> Iterator[str]:
    yield from (secret, printable(secret), repr(secret)[1:-1])
    yield from in_json(secret)
    raw = secret.encode("utf-8", "surrogatepass")
    for address in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield from (address, address.replace("%", "%25"))
    yield from (raw.hex(), raw.hex().upper())
    yield from (form for form in _in_base64(raw) if len(form) >= _SHORTEST_ENCODED)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what stands in base64 for ``raw`` wherever it begins: the characters that its neighbours do not change."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(bytes(before) + raw).decode()
        sure = whole[skipped : (before + len(raw)) * 8 // 6]
        yield from (sure, sure.translate({ord("+"): "-", ord("/"): "_"}))
