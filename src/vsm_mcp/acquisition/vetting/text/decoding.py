"""Decoding: texts inside a text, in the encodings that a model can read and a person does not."""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from vsm_mcp.acquisition.vetting.text.hidden import reveal, strip_invisible

MOST_DECODED = 64 * 1024
DEEPEST = 3

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"(?:(?:\\x|0x)?[0-9a-fA-F]{2}[ :,]?){12,}")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}|[A-Za-z0-9+._-]){0,200}(?:%[0-9a-fA-F]{2}){4,}[A-Za-z0-9%+._-]{0,400}")
_PERCENT_WORDS = re.compile(r"\w{2,30}(?:%20\w{1,30}){2,60}")
_ESCAPES = re.compile(r"(?:(?:\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}) ?){4,}")
_ENTITIES = re.compile(r"(?:&#x?[0-9a-fA-F]{2,6}; ?){4,}")
_BINARY = re.compile(r"(?:[01]{8}[ ,]?){8,}")
_SPELLED = re.compile(r"(?<!\w)(?:\w[ .\-_*]{1,3}){8,400}\w(?!\w)")
_ROT13_WORDS = re.compile(
    r"\b(?:gur|naq|lbhe?|nyy|hfref?|fraq|ernq|xrlf?|vtaber|frpergf?|cnffjbeqf?|flfgrz|vafgehpgvbaf?|perqragvnyf?|gbxraf?"
    r"|sebz|jvgubhg|orsber|nsgre|abg|cerivbhf|qvfertneq|cyrnfr|svyrf?)\b",
    re.IGNORECASE,
)
_REVERSED_WORDS = re.compile(
    r"\b(?:eht|dna|ruoy|uoy|lla|s?resu|dnes|daer|s?yek|erongi|terces|s?drowssap|metsys|s?noitcurtsni|s?laitnederc"
    r"|s?nekot|morf|tuohtiw|erofeb|retfa|suoiverp|dragersid|esaelp|s?elif)\b",
    re.IGNORECASE,
)
_LEET = re.compile(r"(?<![\w.])(?=\w*[a-z])(?=\w*[013457@$])[a-z013457@$]{3,30}(?![\w.])", re.IGNORECASE)
_MANY_LEET = 3
_LEET_SHARE = 0.3
_LEET_LETTERS = tuple(str.maketrans("013457@$", f"o{one}eastas") for one in "il")
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z]")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_PRINTABLE = 0.9
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u04bb\u0501\u051b\u03bf\u03b1\u03bd\u03b9\u03c1\u0391\u0415\u041e\u0421",
    "aeopcyxisjhdqoavipAEOC",
)


def normalised(text: str) -> str:
    """Return the text as a model reads it: one width, one alphabet, no invisible characters, plain spaces."""
    if text.isascii():
        return " ".join(text.split())
    plain = strip_invisible(unicodedata.normalize("NFKC", text))
    plain = _LETTERS.sub(_latin, plain)
    return " ".join(plain.split())


def readable_lines(text: str) -> str:
    """Return the text as a model reads it, line by line."""
    return "\n".join(filter(None, map(normalised, text.splitlines())))


def _latin(word: re.Match[str]) -> str:
    """Return a word that is partly Latin with its lookalike letters replaced; words of other alphabets stay."""
    letters = word.group()
    return letters.translate(_LOOKALIKES) if _LATIN.search(letters) else letters


def decoded(text: str) -> Iterator[tuple[str, str]]:
    """Yield (encoding, text) for everything readable that is encoded in ``text``, nested ones, too; bounded."""
    waiting = [(text, "", 0)]
    budget = MOST_DECODED
    while waiting:
        outer, way, depth = waiting.pop()
        for encoding, inner in _once(outer):
            budget -= len(inner)
            if budget < 0:
                return
            name = f"{way} in {encoding}" if way else encoding
            yield name, inner
            if depth + 1 < DEEPEST:
                waiting.append((inner, name, depth + 1))


def _once(text: str) -> Iterator[tuple[str, str]]:
    for spelled in reveal(text):
        yield "invisible characters", spelled
    yield from _bytes_in(text)
    yield from _letters_in(text)


def _bytes_in(text: str) -> Iterator[tuple[str, str]]:
    for name, pattern, decode in (
        ("base64", _BASE64, _from_base64),
        ("hexadecimal", _HEX, _from_hex),
        ("binary", _BINARY, _from_binary),
    ):
        for found in pattern.finditer(text):
            readable = _readable(decode(found.group()))
            if readable:
                yield name, readable


def _letters_in(text: str) -> Iterator[tuple[str, str]]:
    for name, sign, pattern, decode in _SIGNS:
        if sign in text:
            yield from ((name, decode(found.group())) for found in pattern.finditer(text))
    if _several(_ROT13_WORDS, text):
        yield "rot13", codecs.decode(text, "rot13")
    if _several(_REVERSED_WORDS, text):
        yield "reversed", text[::-1]
    for found in _SPELLED.finditer(text):
        yield "spelled out", _unspelled(found.group())
    leet = len(_LEET.findall(text))
    if leet >= _MANY_LEET and leet >= _LEET_SHARE * len(text.split()):
        yield from (("digits for letters", text.translate(letters)) for letters in _LEET_LETTERS)


def _several(pattern: re.Pattern[str], text: str) -> bool:
    found = {word.lower() for word in pattern.findall(text)}
    return len(found) > 1


def _unspelled(letters: str) -> str:
    """Return spelled letters as words: a wider gap, or a space among other signs, is where a word ends."""
    if re.search(r"[ .\-_*]{2}", letters):
        words = re.split(r"[ .\-_*]{2,}", letters)
    elif " " in letters and re.search(r"[.\-_*]", letters):
        words = letters.split(" ")
    else:
        words = [letters]
    return " ".join(re.sub(r"[ .\-_*]", "", word) for word in words)


def _from_base64(token: str) -> bytes:
    plain = token.rstrip("=").replace("-", "+").replace("_", "/")
    whole = plain[: len(plain) - 1] if len(plain) % 4 == 1 else plain
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


def _from_hex(token: str) -> bytes:
    return binascii.unhexlify(re.sub(r"\\x|0x|[ :,]", "", token))


def _from_binary(token: str) -> bytes:
    return bytes(int(octet, 2) for octet in re.findall(r"[01]{8}", token))


def _from_escapes(token: str) -> str:
    return re.sub(r"\\[ux]([0-9a-fA-F]{2,4})", lambda found: chr(int(found.group(1), 16)), token)


_SIGNS = (
    ("percent encoding", "%", _PERCENT, unquote),
    ("percent encoding", "%", _PERCENT_WORDS, unquote),
    ("escapes", "\\", _ESCAPES, _from_escapes),
    ("entities", "&", _ENTITIES, html.unescape),
)


def _readable(data: bytes) -> str:
    """Return the bytes as text when they are one: mostly printable, with at least two words."""
    for encoding in ("utf-8", "utf-16-le"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        printable = sum(character.isprintable() or character in "\n\t" for character in text)
        words = _WORDS.findall(text)
        if text and text.isascii() and printable >= _PRINTABLE * len(text) and len(words) > 1 and _mostly(words, text):
            return text
    return ""


def _mostly(words: list[str], text: str) -> bool:
    return sum(map(len, words)) >= 0.6 * len(text)
