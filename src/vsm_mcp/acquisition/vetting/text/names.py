"""Names: tool and parameter names that imitate, refer to or ask for what belongs to others."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from vsm_mcp.acquisition.vetting.text.decoding import normalised
from vsm_mcp.model.verdict import Severity

_SHORTEST = 6
_WORD = re.compile(r"[A-Za-z][\w-]{5,63}")
_COMPOUND = re.compile(r"[_-]|(?<=[a-z0-9])(?=[A-Z])")
_ORDER = re.compile(
    r"\b(?:when|whenever|before|after|instead|must|always|never|first|also|replace|override)\b", re.IGNORECASE
)
_DIGITS = str.maketrans("0135", "oles")
_HARD_PARAMETER = re.compile(
    (
        r"side ?notes?|exfil\w*|(?:.* )?(?:contents?|data|text) (?:from|of) (?:reading )?(?:the )?(?:\w+ ){0,2}(?:ssh"
        r"|id rsa|private key|credentials|env|passwd|mcp json|system prompt).*|(?:.* )?(?:full|entire|complete|whole"
        r"|previous|all) (?:\w+ )?(?:conversation|chat|history|messages|system prompt|tool (?:results|outputs"
        r"|calls))(?: .*)?|(?:user |your )?(?:ssh|private) key contents?|env(?:ironment)? (?:dump|contents?)"
    ),
    re.IGNORECASE,
)
_SOFT_PARAMETER = re.compile(
    r"(?:conversation|chat|message|prompt) (?:history|transcript|log)|conversation|system prompt|chain of thought"
    r"|(?:your |model |internal )?reasoning trace|(?:all|list of|available) tools",
    re.IGNORECASE,
)


def spoken(name: str) -> str:
    """Return a name as words.

    >>> spoken("content_fromReading-it")
    'content from Reading it'
    """
    return " ".join(part for part in _COMPOUND.split(name) if part)


@lru_cache(maxsize=4_096)
def solicits(name: str) -> Severity | None:
    """Say how bad it is that a parameter has this name: it may ask for the conversation or for secrets."""
    words = spoken(name[:200])
    if _HARD_PARAMETER.fullmatch(words):
        return Severity.HIGH
    return Severity.LOW if _SOFT_PARAMETER.fullmatch(words) else None


class Neighbours:
    """The tool names of one server and of all others."""

    def __init__(self, *, own: Sequence[str], others: Sequence[str]) -> None:
        self._own = frozenset(own)
        self._others = frozenset(others)
        self._shapes = {_shape(name): name for name in sorted(others, reverse=True)}
        self._near = {near: name for name in sorted(others, reverse=True) for near in _deletions(_shape(name))}

    def interference(self, name: str, description: str) -> Iterator[tuple[str, Severity, str]]:
        """Yield (code, severity, other tool) for a tool that imitates or speaks about another server's tool."""
        if not self._others:
            return
        yield from self._imitation(name)
        for word in dict.fromkeys(_WORD.findall(description)):
            if word in self._others and word not in self._own and _COMPOUND.search(word):
                hard = bool(_ORDER.search(description))
                yield "speaks-about-other-tool", Severity.HIGH if hard else Severity.LOW, word

    def _imitation(self, name: str) -> Iterator[tuple[str, Severity, str]]:
        shape = _shape(name)
        if name in self._others:
            yield "name-taken", Severity.LOW, name
        elif shape in self._shapes:
            yield "lookalike-name", Severity.MEDIUM if name.isascii() else Severity.HIGH, self._shapes[shape]
        else:
            near = next((self._near[form] for form in _deletions(shape) if form in self._near), None)
            if near is not None:
                yield "near-duplicate-name", Severity.LOW, near


def _shape(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", normalised(name[:128]).lower()).translate(_DIGITS)


def _deletions(shape: str) -> list[str]:
    if len(shape) < _SHORTEST:
        return []
    return [shape, *(shape[:i] + shape[i + 1 :] for i in range(len(shape)))]
