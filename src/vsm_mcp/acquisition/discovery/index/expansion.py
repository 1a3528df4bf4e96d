"""Expansion: which other words tell of the same thing, from a table that comes with the package.

The table is made by ``scripts/expansion.py``; its first lines name what it is made of and the licences of that.
"""

import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

FILE_NAME = "expansion.txt.gz"

WORTH = 0.4
"""What a word of the same meaning counts for the one that was asked for."""

WORTH_UNFOUND = 0.6
"""The same, where no document has the word itself."""


class Near(NamedTuple):
    """A term, and how near in meaning it is to another one: 0 to 1."""

    term: str
    nearness: float


class Expansion:
    """Knows for a term the terms near it in meaning.

    Args:
        lines: For each term its neighbours as ``slide 56 pptx 36``: term and percent, nearest first.
    """

    def __init__(self, lines: Mapping[str, str]) -> None:
        """Keep the lines; each is read when it is asked for."""
        self._lines = lines

    def __repr__(self) -> str:
        """Show the size."""
        return f"Expansion(terms={len(self._lines)})"

    def near(self, term: str) -> Sequence[Near]:
        """Return what is near a term, nearest first."""
        line = self._lines.get(term)
        if line is None:
            return ()
        words = line.split(" ")
        return [Near(word, int(percent) / 100) for word, percent in zip(words[::2], words[1::2], strict=True)]


@cache
def bundled() -> Expansion:
    """Return the one of the package, read once."""
    text = gzip.decompress(files(__package__ or __name__).joinpath(FILE_NAME).read_bytes()).decode()
    pairs = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return Expansion({term: near for term, _, near in pairs})
