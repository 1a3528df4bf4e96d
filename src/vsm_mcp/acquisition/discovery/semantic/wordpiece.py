"""WordPiece (Schuster and Nakajima, 2012): a text as numbers of the pieces of its words, as BERT's models read it.

The vocabulary is that of ``bert-base-uncased`` (Copyright Google, Apache License 2.0), unchanged.
"""

import gzip
import re
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.resources import files

FILE_NAME = "wordpiece.txt.gz"

_LONGEST_WORD = 100
_LONGEST_TEXT = 2000
_BETWEEN = re.compile(r"([!-/:-@\[-`{-~\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


class WordPiece:
    """Reads texts in pieces.

    Args:
        vocabulary: The pieces, each with its number; those that go on a word begin with ``##``.
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """Keep the numbers of the pieces that stand for no text."""
        self._numbers = vocabulary
        self._unknown, self._begin, self._end = (vocabulary[name] for name in ("[UNK]", "[CLS]", "[SEP]"))

    @classmethod
    def bundled(cls) -> "WordPiece":
        """Return one with the vocabulary of the package."""
        pieces = gzip.decompress(files(__package__ or __name__).joinpath(FILE_NAME).read_bytes()).decode()
        return cls({piece: number for number, piece in enumerate(pieces.split("\n"))})

    @property
    def size(self) -> int:
        """How many pieces the vocabulary has."""
        return len(self._numbers)

    def numbers(self, text: str, most: int) -> list[int]:
        """Return the numbers of the pieces of ``text``, between a beginning and an end, at most ``most`` in all."""
        found: list[int] = []
        for word in _words(text[:_LONGEST_TEXT]):
            found += self._pieces(word)
            if len(found) >= most:
                break
        return [self._begin, *found[: most - 2], self._end]

    def _pieces(self, word: str) -> list[int]:
        """Return the longest piece that begins the word, then the longest that goes on, to its end."""
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            piece = self._longest(word, start)
            if piece is None:
                return [self._unknown]
            number, start = piece
            found.append(number)
        return found

    def _longest(self, word: str, start: int) -> tuple[int, int] | None:
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        return next(
            ((self._numbers[one], end) for end in ends if (one := mark + word[start:end]) in self._numbers), None
        )


def _words(text: str) -> Iterator[str]:
    """Yield the words in lower case without accents; each mark and each Chinese character is a word of its own."""
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or _is_seen(char))
    plain = "".join(char for char in unicodedata.normalize("NFD", kept) if unicodedata.category(char) != "Mn").lower()
    if not plain.isascii():
        plain = "".join(f" {char} " if unicodedata.category(char).startswith("P") else char for char in plain)
    yield from _BETWEEN.sub(r" \1 ", plain).split()


def _is_seen(char: str) -> bool:
    return char != "\ufffd" and not unicodedata.category(char).startswith("C")
