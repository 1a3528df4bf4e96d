"""Spoken: texts in a source that speak to a model instead of a person, wherever the server would say them."""

import re
from collections.abc import Iterator
from itertools import islice

from vsm_mcp.acquisition.vetting.code.flow.calls import Hit
from vsm_mcp.acquisition.vetting.code.signs import holds
from vsm_mcp.acquisition.vetting.tool_descriptions import scan_text
from vsm_mcp.model.verdict import Finding, Severity

MOST_TEXTS = 100
_SHORTEST = 40
_TEXT = re.compile(
    r"\"\"\"([\s\S]{0,8000}?)\"\"\"|'''([\s\S]{0,8000}?)'''|`((?:\\.|[^`\\]){0,8000})`"
    r"|\"((?:\\.|[^\"\\\n]){0,8000})\"|'((?:\\.|[^'\\\n]){0,8000})'"
)
_TAGGED = re.compile(r"<\s*/?\s*(?:important|system|secret|hidden|critical|instructions?)\b", re.IGNORECASE)
_ADDRESSED = re.compile(
    r"\b(?:ignore|disregard|forget)\s+(?:\w+\s+){0,3}(?:previous|prior|above|earlier)|\bSYSTEM\s*:"
    r"|\b(?:do not|don.t|never|without)\s+(?:\w+\s+){0,2}(?:tell|mention|inform|notify|reveal|disclos)\w*"
    r"[^.\n]{0,60}\b(?:user|human|anyone|person|operator)",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"\.ssh|id_rsa|\.aws|\.env\b|\.cursor|mcp\.json|credential|password|api.?key|token|secret|(?:previous|prior|above|earlier)"
    r"\s+(?:instruction|prompt|order|rule)|(?:conversation|chat)\s+(?:history|log)",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"(?:\s|#[^\n]{0,500}\n){0,200}")
"""What comes before a text that begins a file: such a text is about the file, and nobody says it."""

_OPENINGS = ("ignore", "disregard", "forget", "system")
_SILENCE = ("tell", "mention", "inform", "notify", "reveal", "disclos")
_PEOPLE = ("user", "human", "anyone", "person", "operator")


def spoken(source: str, *, ecosystem: str) -> Iterator[Hit]:
    """Yield texts that give orders to a model about secrets, its instructions or its user.

    In a file that the host itself points at they are shown, not refused: what it says is read again when it is tried.
    """
    severity = Severity.MEDIUM if ecosystem == "file" else Severity.HIGH
    if not _addressed(source) or not _WANTED.search(source):
        return
    for found in islice(filter(_suspicious, _TEXT.finditer(source)), MOST_TEXTS):
        if _ABOUT.fullmatch(source, 0, found.start()) and "__doc__" not in source:
            continue
        text = _text(found)
        hard = next(filter(_orders, scan_text(text, where="a text")), None)
        if hard is not None:
            line = source.count("\n", 0, found.start()) + 1
            yield Hit("speaks-to-the-model", severity, f"a text orders the model ({hard.code})", line)


def _suspicious(found: re.Match[str]) -> bool:
    text = _text(found)
    return len(text) >= _SHORTEST and _addressed(text) and bool(_WANTED.search(text))


def _orders(found: Finding) -> bool:
    """Say whether it is an order; code has parts of prompts of its own, and tells of what users are not told."""
    return found.severity >= Severity.HIGH and found.code not in _SAID_IN_CODE


def _addressed(text: str) -> bool:
    """Say whether a text may be addressed to a model; the words that it needs for that are quick to look for."""
    lower = text.lower()
    worth_it = holds(lower, _OPENINGS) or (holds(lower, _SILENCE) and holds(lower, _PEOPLE))
    return bool(_TAGGED.search(text)) or (worth_it and bool(_ADDRESSED.search(text)))


def _text(found: re.Match[str]) -> str:
    return next((part for part in found.groups() if part), "").replace("\\n", "\n")


_SAID_IN_CODE = frozenset({"speaks-as-system", "keeps-secret"})
