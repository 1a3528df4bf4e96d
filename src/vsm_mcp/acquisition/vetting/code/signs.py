"""Signs: what a source file looks like when somebody made it unreadable on purpose. Minified code does not look so."""

import re
from collections.abc import Iterator

from vsm_mcp.acquisition.vetting.code.flow.calls import Hit
from vsm_mcp.model.verdict import Severity

_MANY_NUMBERED = 10
_MANY_LOOKALIKE = 5
_MANY_BRACKETS = 2_000

_NUMBERED = re.compile(r"\b_0x[0-9a-f]{4,8}\b")
_LOOKALIKE = re.compile(r"\b(?=[O0]*0)(?=[O0]*O)O[O0]{5,}\b|\b(?=[Il1]*1)[Il][Il1]{7,}\b")
_PACKER = re.compile(r"\beval\s*\(\s*function\s*\(\s*p\s*,\s*a\s*,\s*c\s*,\s*k\s*,\s*e\s*,\s*[dr]\s*\)")
_ARMOUR = re.compile(r"\b__pyarmor__\s*\(|\bpyarmor_runtime\b|\bpytransform\b|\b__pyc?rypt\w*__\b")
_BRACKETS = re.compile(r"[\[\]()!+]{2000}")
_INVISIBLE = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U000e0000-\U000e007f\u200b-\u200d\u2060-\u2064]{8,}")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


def signs(source: str) -> Iterator[Hit]:
    """Yield the signs of purposeful hiding in a source text."""
    numbered = set(_NUMBERED.findall(source)) if "_0x" in source else set[str]()
    if len(numbered) >= _MANY_NUMBERED:
        what = f"{len(numbered)} names such as {min(numbered)} are those of an obfuscator"
        yield _hit("obfuscated", what, source, part="_0x")
    lookalike = set(_LOOKALIKE.findall(source))
    if len(lookalike) >= _MANY_LOOKALIKE:
        what = f"{len(lookalike)} names such as {min(lookalike)} are made to look alike"
        yield _hit("obfuscated", what, source, part=min(lookalike))
    for pattern, code, what in (
        (_PACKER, "obfuscated", "the code unpacks itself and runs the result"),
        (_ARMOUR, "obfuscated", "the code is encrypted and runs through a decrypting library"),
        (_BRACKETS, "obfuscated", "the code is written in brackets alone"),
        (_INVISIBLE, "hidden-text", "a run of invisible characters hides data"),
        (_DIRECTION, "hidden-text", "characters that reverse the direction of reading hide what the code does"),
    ):
        found = pattern.search(source)
        if found:
            yield _hit(code, what, source, part=found.group())


def _hit(code: str, what: str, source: str, *, part: str) -> Hit:
    return Hit(code, Severity.HIGH, what, source.count("\n", 0, source.find(part)) + 1)
