"""What a failed server's last words mean: does it lack settings, or is it broken?"""

import re
from collections.abc import Sequence

from vsm_mcp.errors import NeedsConfigurationError

MOST_NAMES = 8
LONGEST_LINE = 1000
MOST_LINES = 100

_NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_CODE = re.compile(
    r"(?:ERR|E[A-Z]+|HTTP|JSON|UTF|ISO|SIG|TLS|SSL|MODULE|INTERNAL|INVALID|METHOD|PARSE|UNEXPECTED)_[A-Z0-9_]*"
)
_LACKS = re.compile(
    r"\b(?:missing|required|requires|must (?:be )?(?:set|provided?)|no such environment variable"
    r"|not (?:set|defined|found|specified|provided|configured)|(?:is|are) (?:undefined|empty|unset)"
    r"|please (?:set|provide|export)|set (?:the|your)|need(?:s|ed)?|without)\b",
    re.IGNORECASE,
)
_REJECTED = re.compile(r"\b(?:no|invalid|unauthori[sz]ed|expired|rejected|failed)\b", re.IGNORECASE)
_SURE = re.compile(
    r"\b(?:environment variables?|env(?:ironment)?[ .]vars?|credentials?|client[ _-]?(?:id|secret)s?"
    r"|(?:api|access|auth|authentication|bearer)[ _-]?(?:keys?|tokens?)|database[ _-]?urls?|connection strings?)\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(r"\b(?:passwords?|tokens?|secrets?)\b", re.IGNORECASE)
_PLAIN = re.compile(
    r"KeyError: '[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+'|\b401\b.{0,40}\bunauthori[sz]ed\b"
    r"|\b(?:connection|authentication|authori[sz]ation|login) failed during initiali[sz]ation\b",
    re.IGNORECASE,
)


def lacks_settings(line: str) -> bool:
    """Tell whether ``line`` says that settings or credentials are missing."""
    line = line[:LONGEST_LINE]
    if _PLAIN.search(line):
        return True
    if _LACKS.search(line):
        return bool(_SURE.search(line) or _VAGUE.search(line) or _names(line))
    return bool(_REJECTED.search(line) and _SURE.search(line))


def needs_configuration(server: str, said: Sequence[str]) -> NeedsConfigurationError | None:
    """Return the error for a server that said that it lacks settings, or ``None`` when it said nothing of the kind."""
    lines = [line.strip() for text in said for line in text.splitlines()[-MOST_LINES:] if lacks_settings(line)]
    if not lines:
        return None
    names = tuple(dict.fromkeys(name for line in lines for name in _names(line)))[:MOST_NAMES]
    example = names[0] if names else "NAME"
    return NeedsConfigurationError(
        f"{server} does not work without settings that only you have; it says: {lines[0][:300]!r}.",
        names=names,
        remedies=(
            f"Give {', '.join(names) or 'what it asks for'} by reference: secrets={{{example!r}: 'env:{example}'}}.",
        ),
    )


def _names(line: str) -> list[str]:
    """Return what looks like names of environment variables."""
    return [name for name in _NAME.findall(line[:LONGEST_LINE]) if not _CODE.fullmatch(name)]
