"""Decoders: what a decoder of the scanned program would make of a text that is written in the file."""

import base64
import binascii
import codecs
from collections.abc import Callable, Mapping, Sequence

LONGEST_ENCODED = 64 * 1024


def decode(name: str, texts: Sequence[str | None]) -> str | None:
    """Return what calling the decoder ``name`` with these texts gives, or ``None`` when that is not known."""
    if not texts or any(text is None or len(text) > LONGEST_ENCODED for text in texts):
        return None
    words = [text for text in texts if text is not None]
    way = _WAYS.get(name) or _WAYS.get(f"{name}:{words[-1].lower().replace('-', '').replace('_', '')}")
    if way is None:
        return None
    try:
        return way(words)
    except (ValueError, OverflowError):
        return None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _base64(words: Sequence[str]) -> str:
    plain = "".join(words[0].split()).replace("-", "+").replace("_", "/").rstrip("=")
    return _text(base64.b64decode(plain + "=" * (-len(plain) % 4)))


def _hex(words: Sequence[str]) -> str:
    return _text(binascii.unhexlify("".join(words[0].split())))


def _characters(words: Sequence[str]) -> str:
    return "".join(chr(int(word, 0)) for word in words)


def _rot13(words: Sequence[str]) -> str:
    return codecs.decode(words[0], "rot13")


def _reversed(words: Sequence[str]) -> str:
    return words[0][::-1]


_WAYS: Mapping[str, Callable[[Sequence[str]], str]] = {
    **dict.fromkeys(("base64.b64decode", "base64.urlsafe_b64decode", "base64.standard_b64decode", "atob"), _base64),
    **dict.fromkeys(
        ("base64.decodebytes", "binascii.a2b_base64", "Buffer.from:base64", "codecs.decode:base64"), _base64
    ),
    **dict.fromkeys(("binascii.unhexlify", "binascii.a2b_hex", "bytes.fromhex", "bytearray.fromhex"), _hex),
    **dict.fromkeys(("base64.b16decode", "Buffer.from:hex", "codecs.decode:hex"), _hex),
    **dict.fromkeys(("chr", "String.fromCharCode", "String.fromCodePoint"), _characters),
    **dict.fromkeys(("codecs.decode:rot13", "codecs.decode:rot_13"), _rot13),
    "reversed": _reversed,
}
