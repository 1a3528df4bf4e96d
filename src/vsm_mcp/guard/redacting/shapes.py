"""Secrets that nobody named: known by the shape of the token, by the name beside it, by their place in an address."""

import re
from functools import lru_cache

HIDDEN = "[hidden]"
LONGEST_NAME = 200

_DASHES = "-" * 5
_WORD = r"[A-Za-z0-9_-]"
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (mark, re.compile(rf"(?<![A-Za-z0-9]){pattern}"))
    for mark, pattern in (
        ("gh", r"gh[oprsu]_[A-Za-z0-9]{30,255}"),
        ("github" + "_pat_", rf"github_pat_{_WORD}{{22,255}}"),
        ("gl", rf"gl(?:pat|ptt|dt|rt|ft|soat|agent|cbt)-{_WORD}{{18,255}}"),
        ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
        ("xapp-", r"xapp-[A-Za-z0-9-]{10,250}"),
        ("A", r"A(?:KIA|SIA|ROA|IDA|BIA|CCA)[A-Z0-9]{16}(?![A-Z0-9])"),
        ("AIza", rf"AIza{_WORD}{{35}}"),
        ("ya29.", rf"ya29\.{_WORD}{{20,1000}}"),
        ("GOCSPX-", rf"GOCSPX-{_WORD}{{20,60}}"),
        ("sk-", rf"sk-{_WORD}{{20,300}}"),
        ("k_", r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,250}"),
        ("whsec_", r"whsec_[A-Za-z0-9+/=]{20,250}"),
        ("npm_", r"npm_[A-Za-z0-9]{30,60}"),
        ("pypi-", rf"pypi-{_WORD}{{30,1000}}"),
        ("hf_", r"hf_[A-Za-z]{30,60}"),
        ("SG.", rf"SG\.{_WORD}{{16,40}}\.{_WORD}{{20,80}}"),
        ("dop_v1_", r"dop_v1_[a-f0-9]{64}"),
        ("shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        ("lin_api_", r"lin_api_[A-Za-z0-9]{30,60}"),
        ("secret_", r"secret_[A-Za-z0-9]{40,60}"),
        ("hvs.", rf"hvs\.{_WORD}{{20,300}}"),
        (":AA", rf"\d{{8,12}}:AA{_WORD}{{30,40}}"),
        ("eyJ", rf"eyJ{_WORD}{{8,4000}}\.eyJ{_WORD}{{8,8000}}\.{_WORD}{{0,4000}}"),
    )
)
_KEY_BLOCK = re.compile(
    rf"{_DASHES}BEGIN [A-Z ]{{0,30}}PRIVATE KEY(?: BLOCK)?{_DASHES}.{{0,20000}}?"
    rf"(?:{_DASHES}END [A-Z ]{{0,30}}PRIVATE KEY(?: BLOCK)?{_DASHES}|\Z)",
    re.DOTALL,
)
_USER = re.compile(
    r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,20}+://)([^\s/?#@\"'<>]{1,1000}+(?:@[^\s/?#@\"'<>]{1,999})?)@"
)
_ASSIGNED = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]{0,63}+)(\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)(?:(?:Bearer|Basic|Token)\s)?([^\s\"',;&<>\\]{1,4096})",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?<![\w])((?:proxy-)?authorization|(?:set-)?cookie)(\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)([^\r\n\"'\\]{1,8192})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?<![\w])(Bearer|Basic)\s([A-Za-z0-9+/=._~-]{12,4096})")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_LAST = frozenset({
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token", "credential", "credentials",
    "apikey", "authorization", "auth", "cookie", "cookies", "pat", "jwt", "bearer", "privatekey", "secretkey",
    "accesskey", "signature", "sig", "otp", "pin",
})  # fmt: skip
_PAIRS = frozenset(
    f"{first} {last}"
    for last in ("key", "keys", "id")
    for first in ("api", "access", "private", "secret", "signing", "encryption", "auth", "master", "service", "session")
    if last != "id" or first == "session"
)
_HARMLESS = frozenset({"page token", "next token", "sync token", "continuation token", "cancel token"})


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Tell whether what is called ``name`` is likely to be a secret, such as ``apiKey`` or ``DB_PASSWORD``."""
    words = [word.lower() for word in _HUMP.split(name[:LONGEST_NAME]) if word]
    if not words:
        return False
    pair = " ".join(words[-2:])
    return pair in _PAIRS or (words[-1] in _LAST and pair not in _HARMLESS)


def without_shapes(text: str) -> str:
    """Return ``text`` without what has the shape of a token, names itself a secret, or signs in within an address."""
    if "://" in text and "@" in text:
        text = _USER.sub(rf"\1{HIDDEN}@", text)
    if _DASHES in text:
        text = _KEY_BLOCK.sub(HIDDEN, text)
    for mark, shape in _SHAPES:
        if mark in text:
            text = shape.sub(HIDDEN, text)
    if ":" in text or "=" in text:
        text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
        text = _ASSIGNED.sub(_unassigned, text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


def _unassigned(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    if value.startswith(HIDDEN) or not names_secret(name):
        return found[0]
    return f"{name}{between}{HIDDEN}"
