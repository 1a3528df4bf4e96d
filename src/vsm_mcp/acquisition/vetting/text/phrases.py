"""Phrases: words by which a text gives orders to the model that reads it, instead of describing a tool.

Two tiers. Hard phrases (``HIGH``) have no place in a description; soft ones (``MEDIUM``) are seen in honest texts, too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.text.orders import HARD, SOFT, WORDS
from vsm_mcp.model.verdict import Severity

_FOREIGN = "\x80"


class Phrase(NamedTuple):
    """A rule that matched: its code, how bad it is, and the words."""

    code: str
    severity: Severity
    words: str


class _Rule(NamedTuple):
    code: str
    severity: Severity
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _expanded(token: re.Match[str]) -> str:
    name = token.group(1)
    if name.endswith("W"):
        return rf"(?:\W+[\w']+){{0,{name[:-1]}}}?\W+"
    return f".{{0,{name}}}?" if name.isdigit() else f"(?:{WORDS[name]})"


def _rules(severity: Severity, table: Mapping[str, tuple[str, ...]]) -> tuple[_Rule, ...]:
    """Compile a table of patterns."""
    compiled: list[_Rule] = []
    for code, (hint, *patterns) in table.items():
        whole = re.sub(r"<(\d+W?|[A-Z]{4,})>", _expanded, "|".join(patterns))
        compiled.append(
            _Rule(code, severity, tuple(hint.split("|")), re.compile(whole, re.IGNORECASE)),
        )
    return tuple(compiled)


_RULES = (*_rules(Severity.HIGH, HARD), *_rules(Severity.MEDIUM, SOFT))


def phrases(text: str) -> Iterator[Phrase]:
    """Yield the rules that a normalised text matches, one hit each."""
    small = text.lower() if text.isascii() else f"{text.lower()}{_FOREIGN}"
    for rule in _RULES:
        if any([hint in small for hint in rule.hints]):  # noqa: C419 - a list is twice as fast for so few
            found = rule.pattern.search(text)
            if found:
                yield Phrase(rule.code, rule.severity, found.group()[:160])
