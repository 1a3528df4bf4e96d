"""The ways in which one secret may be written down."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from vsm_mcp.errors import printable

SHORTEST_SECRET = 4
"""A shorter one would blot out ordinary text."""

_SHORTEST_PART = 8
_MOST_PARTS = 64
_SHORTEST_ENCODED = 6

LONGEST_UNESCAPED = 1 << 18
MOST_ESCAPES = 10_000
_TIMES_ESCAPED = 2
_ESCAPES = re.compile(
    r"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}|\\[\"'/\\]|(?:%[0-9a-fA-F]{2})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);"
)


def forms_of(secret: str) -> Iterator[str]:
    """Yield the ways to write a secret down; of one of very many lines only the longest are looked for singly."""
    yield from _written(secret)
    yield from _disguised(secret)
    parts = dict.fromkeys(part for part in secret.splitlines() if _SHORTEST_PART <= len(part) < len(secret))
    for part in sorted(parts, key=len, reverse=True)[:_MOST_PARTS]:
        yield from _written(part)


def readings(text: str) -> Iterator[str]:
    """Yield ``text``, and how it reads when what is escaped in it is read."""
    yield text
    yield from unescaped(text)


def unescaped(text: str) -> Iterable[str]:
    r"""Return how ``text`` reads when what is escaped in it is read once, and twice; nothing when nothing is.

    Read are ``\u0041``, ``\x41``, a backslash before a mark, ``%41`` and ``&#65;``; very long texts are not.
    """
    return _unescaped(text) if "%" in text or "\\" in text or "&" in text else ()


def _unescaped(text: str) -> Iterator[str]:
    for _ in range(_TIMES_ESCAPED):
        if len(text) > LONGEST_UNESCAPED:
            return
        before, text = text, _ESCAPES.sub(_read, text, count=MOST_ESCAPES)
        if text == before:
            return
        yield text


def _written(secret: str) -> Iterator[str]:
    yield from (secret, printable(secret), repr(secret)[1:-1])
    yield from {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    raw = secret.encode("utf-8", "surrogatepass")
    for address in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield from (address, address.replace("%", "%25"))
    yield from (raw.hex(), raw.hex().upper())
    yield from (form for form in _in_base64(raw) if len(form) >= _SHORTEST_ENCODED)


def _disguised(secret: str) -> Iterator[str]:
    """Yield ways that nobody writes by accident: backwards, in base32, and byte by byte."""
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret[::-1]
    yield from (form for form in _in_base32(raw) if len(form) >= _SHORTEST_ENCODED)
    for mark in (":", " ", "-"):
        yield from (raw.hex(mark), raw.hex(mark).upper())


def _in_base32(raw: bytes) -> Iterator[str]:
    """Yield what stands in base32 for ``raw`` wherever it begins, as `_in_base64` does."""
    for before in range(5):
        whole = base64.b32encode(bytes(before) + raw).decode()
        sure = whole[-(-before * 8 // 5) : (before + len(raw)) * 8 // 5]
        yield from (sure, sure.lower())


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what stands in base64 for ``raw`` wherever it begins: the characters that its neighbours do not change."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(bytes(before) + raw).decode()
        sure = whole[skipped : (before + len(raw)) * 8 // 6]
        yield from (sure, sure.translate({ord("+"): "-", ord("/"): "_"}))


def _read(found: re.Match[str]) -> str:
    """Return what an escape stands for."""
    escape = found[0]
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[1] == "u":
        return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", "replace")
    return chr(int(f"0{escape[1:]}", 0)) if escape[1] == "x" else escape[1]
