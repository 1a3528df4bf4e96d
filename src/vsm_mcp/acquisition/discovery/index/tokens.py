"""Words of names, texts and queries, as the ranking counts them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs] - it has none

from vsm_mcp.acquisition.discovery.reading import clean

LONGEST_QUERY = 4096
MOST_QUERY_TERMS = 64

MOST_REMEMBERED = 50_000
"""So many words, and so many stems, are remembered."""

_LONGEST_WORD = 40
_LONGEST_STEMMED = 20
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_ENDING = re.compile(r"(?:[eisy]|ed|ing|al|ful|ll|er|ator|ism|ion|ant|ent|ogist|ic)\Z")
"""What the stemmer cuts off or changes ends like this. Nearly half of all words do not: they are their own stems."""

_STOP_WORDS = frozenset(
    _WORD.findall(
        """
        a about all allow allows also am an and any are as at be been but by can could did do does enable
        enables find for from get give had has have help her here him his how i if in into is it its just let
        like make may me might my need of on one or our out over please provide provides see she should show so
        some such tell than that the their them then there these they this those to us use used using via want
        was we were what when where which while who why will with would you your
        """
    )
)

_T = TypeVar("_T")


def words(text: str, longest: int = LONGEST_QUERY) -> Iterator[str]:
    """Yield the words of ``text``, in lower case, those of CamelCase and snake_case one by one."""
    for word in _WORD.findall(clean(text, longest)):
        yield from (part.casefold() for part in _CAMEL.sub(" ", word).split(" "))


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name for it


class Tokenizer:
    """Cuts text into terms: NFKC, unseen characters removed, CamelCase and snake_case split, stemmed.

    ``PowerPoint`` gives *power*, *point* and *powerpoint*; a run of Chinese, Japanese or Korean characters gives its
    pairs. Words and stems are remembered, within a bound; when that is reached, all are forgotten.
    """

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._stemmer: _Stemmer = snowballstemmer.stemmer("english")  # pyright: ignore[reportUnknownMemberType] - untyped
        self._stems: dict[str, str] = {}
        self._words: dict[str, Sequence[str]] = {}

    def __repr__(self) -> str:
        """Show how many stems are remembered."""
        return f"Tokenizer(stems={len(self._stems)})"

    def terms(self, text: str, longest: int = LONGEST_QUERY) -> list[str]:
        """Return the terms of ``text`` in order, of its first ``longest`` characters."""
        found: list[str] = []
        known = self._words.get
        for word in _WORD.findall(clean(text, longest)):
            terms = known(word)
            found += self._learnt(word) if terms is None else terms
        return found

    def query(self, text: str) -> Counter[str]:
        """Return how often each term is in a query; at most 64 different terms, the first ones."""
        counted = Counter(self.terms(text))
        return Counter(dict(list(counted.items())[:MOST_QUERY_TERMS]))

    def _learnt(self, word: str) -> Sequence[str]:
        terms = tuple(self._of_word(word))
        if len(word) <= _LONGEST_STEMMED:
            _remember(self._words, word, terms)
        return terms

    def _of_word(self, word: str) -> Iterator[str]:
        if not word.isascii() and _CJK.search(word):
            yield from _pairs(word)
            return
        parts = _CAMEL.sub(" ", word).split(" ")
        if len(parts) > 1:
            parts.append(word)
        for part in parts:
            folded = part.casefold()[:_LONGEST_WORD]
            if folded not in _STOP_WORDS:
                yield self._stem(folded)

    def _stem(self, word: str) -> str:
        if len(word) > _LONGEST_STEMMED or not word.isalpha():  # no word of English: numbers, versions, digests
            return word
        if not _ENDING.search(word):
            return word
        known = self._stems.get(word)
        if known is None:
            known = self._stemmer.stemWord(word)
            _remember(self._stems, word, known)
        return known


def _remember(known: dict[str, _T], word: str, learnt: _T) -> None:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[word] = learnt


def _pairs(word: str) -> Iterator[str]:
    for run in _CJK.findall(word):
        if len(run) == 1:
            yield run
        yield from ("".join(pair) for pair in pairwise(run))
    yield from (rest.casefold() for rest in _CJK.sub(" ", word).split())
