"""What is found: a document, its score and why; and how far what is known besides may move it."""

from collections.abc import Callable
from dataclasses import dataclass

LEAST_PRIOR = 0.85
MOST_PRIOR = 1.15
"""The bounds of all that is known of a document besides its words: one that fits better by 36 % stays ahead."""

REACH = LEAST_PRIOR / MOST_PRIOR * (1 - 1e-9)
"""A document with less than this share of another one's score stays behind it, whatever the priors of both."""

MEANING = "(meaning)"

Prior = Callable[[str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What one term of the query brought to a hit.

    Attributes:
        term: What was found: a word, or ``MEANING`` for the likeness of query and document as a whole.
        score: Its part of the score; with an embedder ``MEANING`` takes away from it where a document is less like than
            most are.
        fields: The fields it was found in; none for ``MEANING``.
        wanted: The word of the query that it was found for, when it is another one, near in meaning.
    """

    term: str
    score: float
    fields: tuple[str, ...]
    wanted: str = ""

    def __str__(self) -> str:
        """Write it as ``powerpoint 3.10 (name, title)`` or ``slide 1.20 (title) for powerpoint``."""
        fields = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.term} {self.score:.2f}{fields}" + (f" for {self.wanted}" if self.wanted else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that was found: its key, its score and why, the strongest word first."""

    key: str
    score: float
    why: tuple[Matched, ...]


def within(factor: float) -> float:
    """Return a prior within its bounds."""
    return min(MOST_PRIOR, max(LEAST_PRIOR, factor))
