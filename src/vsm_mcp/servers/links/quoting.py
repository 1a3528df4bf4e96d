"""What a server says, as it may be quoted: without the secrets it was given, and safe to show."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

from vsm_mcp.errors import printable
from vsm_mcp.model.json import JsonValue

SHORTEST_SECRET = 4
SHORTEST_LISTED = 16
"""What servers list of themselves is used, not only shown: a setting such as ``production`` must not be torn out."""

BLOT = "[hidden]"
_LONGEST_READ = 64 * 1024
_SHORTEST_PART = 8
_MOST_PARTS = 64
_SHORTEST_START = 6
_SHORTEST_ENCODED = 6


class Blotter:
    """Blots out secrets, also where they are written in base64, in hex, for an address, for JSON, or line by line.

    Args:
        hide: The secrets. Those of fewer than four characters would blot out ordinary text, and stay.
        shortest: How many characters a secret must have to be blotted out.
    """

    def __init__(self, hide: Sequence[str] = (), *, shortest: int = SHORTEST_SECRET) -> None:
        """Prepare the ways in which each secret may be written."""
        forms = {form for secret in hide if len(secret) >= shortest for form in _forms(secret)}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def __bool__(self) -> bool:
        """True when there is anything to blot out."""
        return bool(self._forms)

    def blot(self, text: str) -> str:
        """Return ``text`` without the secrets, and without the beginning of one that its end was cut off from."""
        for form in self._forms:
            text = text.replace(form, BLOT)
        return self._without_start(text)

    def blotted(self, value: JsonValue) -> JsonValue:
        """Return ``value`` with every text and every name in it blotted."""
        if isinstance(value, str):
            return self.blot(value)
        if isinstance(value, Mapping):
            return {self.blot(name): self.blotted(inner) for name, inner in value.items()}
        if isinstance(value, Sequence):
            return [self.blotted(inner) for inner in value]
        return value

    def finds(self, text: str) -> bool:
        """Tell whether a secret is written in ``text``."""
        return any(form in text for form in self._forms)

    def quoted(self, text: str, *, most: int) -> str:
        """Return at most ``most`` characters of ``text``, on one line; what is cut off leaves no part of a secret."""
        return printable(self.blot(text[:_LONGEST_READ]))[:most]

    def _without_start(self, text: str) -> str:
        for form in self._forms:
            start = form[:_SHORTEST_START]
            at = text.find(start, max(0, len(text) - len(form)))
            while at >= 0:
                if form.startswith(text[at:]):
                    return text[:at] + BLOT
                at = text.find(start, at + 1)
        return text


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways to write a secret down; of one of very many lines only the longest are looked for singly."""
    yield from _written(secret)
    parts = dict.fromkeys(part for part in secret.splitlines() if _SHORTEST_PART <= len(part) < len(secret))
    for part in sorted(parts, key=len, reverse=True)[:_MOST_PARTS]:
        yield from _written(part)


def _written(secret: str) -> Iterator[str]:
    yield from (secret, printable(secret), repr(secret)[1:-1])
    yield from (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
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
