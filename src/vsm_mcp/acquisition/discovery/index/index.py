"""The index: a large segment that stays, a small one of what is recent, and what of the large one is out of date."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from vsm_mcp.acquisition.discovery.index.segment import Posting, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Segments, searched as one; documents of the recent one are numbered after those of the base.

    Attributes:
        base: The large segment.
        recent: The small one.
        hidden: Numbers of documents of the base that are gone or changed.
    """

    base: Segment
    recent: Segment | None = None
    hidden: frozenset[int] = frozenset()

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.base) - len(self.hidden) + (len(self.recent) if self.recent else 0)

    def postings(self, term: str) -> tuple[tuple[int, Posting], ...]:
        """Return what is known of a term in each segment, with what to add to the numbers there."""
        posting = self.base.posting(term)
        found = () if posting is None else ((0, posting),)
        recent = None if self.recent is None else self.recent.posting(term)
        return found if recent is None else (*found, (len(self.base), recent))

    def key(self, number: int) -> str:
        """Return the key of a document."""
        before = len(self.base.keys)
        return self.base.keys[number] if number < before or self.recent is None else self.recent.keys[number - before]

    def gist(self, number: int) -> int:
        """Return what a document means, as `alike` compares it."""
        before = len(self.base.keys)
        return self.base.gist(number) if number < before or self.recent is None else self.recent.gist(number - before)

    def beside(self, recent: Segment, *, without: Iterable[str] = ()) -> "Index":
        """Return the same base with ``recent`` beside it; what that has, and ``without``, is hidden in the base."""
        numbers = (self.base.number_of(key) for key in (*without, *recent.keys))
        return replace(self, recent=recent, hidden=frozenset(one for one in numbers if one is not None))
