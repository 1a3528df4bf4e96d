"""How like the words of a need and of a tool are: what the router asks of a matcher."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from vsm_mcp.model.call import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How like one tool is to a need.

    Attributes:
        score: Orders tools for one need, the highest first; says nothing of whether a tool fits. Zero or more.
        share: Which part of the telling words of the need its name and description have, rare words counting more: 0
            to 1.
        words: The words that they share, sorted.
    """

    score: float
    share: float
    words: tuple[str, ...]


UNLIKE = Likeness(score=0.0, share=0.0, words=())

Compared = Callable[[str], Mapping[tuple[str, str], Likeness]]
"""Says of a need how like it is to tools, by server and name; tools that are not there are not like it at all."""

Matching = Callable[[Iterable[tuple[str, ToolSpec]]], Compared]
"""Makes tools, each with its server, ready to be compared with needs; the order they come in makes no difference."""


def by_name_only(_: Iterable[tuple[str, ToolSpec]]) -> Compared:
    """Compare no words."""
    return lambda _: {}
