"""The smallest choice of sets that covers everything: exact, by branch and bound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

MOST_BRANCHES = 100_000
"""Branches that are looked at before the search gives up and says so."""

_Branch: TypeAlias = tuple[tuple[int, ...], Sequence[int]]
"""The sets chosen so far, and for each element that is still open which sets hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A choice of sets that covers everything.

    Attributes:
        chosen: The places of the sets, in order.
        exact: No smaller choice covers everything; otherwise it is the best one found before giving up.
    """

    chosen: tuple[int, ...]
    exact: bool


def smallest_cover(sets: Sequence[int], *, size: int, most_branches: int = MOST_BRANCHES) -> Cover:
    """Return a smallest choice of ``sets`` (bit masks over ``size`` elements) whose union is everything.

    Sets inside others and elements that are covered whenever another is are left out first; then the element with the
    fewest sets is branched on, and a branch is cut when a packing of elements without a common set shows that it needs
    no fewer sets than the best choice so far. Every element must be in some set.
    """
    kept = _undominated(sets)
    holders = _binding(sets, kept, size=size)
    best = _greedy(kept, holders)
    ahead: list[_Branch] = [((), holders)]
    left = most_branches
    while ahead and left > 0:
        chosen, open_ = ahead.pop()
        if not open_:
            best = min(best, chosen, key=len)
        elif len(chosen) + _packing(open_) < len(best):
            branches = _branches(chosen, open_)
            left -= len(branches)
            ahead += branches
    exact = all(len(chosen) + _packing(open_) >= len(best) for chosen, open_ in ahead)
    return Cover(chosen=tuple(sorted(best)), exact=exact)


def _undominated(sets: Sequence[int]) -> list[int]:
    """Return the places of the sets that are inside no other; of equal ones the first."""
    kept: list[int] = []
    for place in sorted(range(len(sets)), key=lambda at: -sets[at].bit_count()):
        if not any(sets[place] | sets[other] == sets[other] for other in kept):
            kept.append(place)
    return kept


def _binding(sets: Sequence[int], kept: Iterable[int], *, size: int) -> list[int]:
    """Return for each element that must be looked at which of the kept sets hold it, as masks; fewest sets first."""
    masks = [0] * size
    for place in kept:
        rest = sets[place]
        while rest:
            masks[(rest & -rest).bit_length() - 1] |= 1 << place
            rest &= rest - 1
    binding: list[int] = []
    for mask in sorted(masks, key=int.bit_count):
        if not any(other & mask == other for other in binding):
            binding.append(mask)
    return binding


def _greedy(kept: Sequence[int], holders: Sequence[int]) -> tuple[int, ...]:
    open_, chosen = holders, list[int]()
    while open_:
        chosen.append(max(kept, key=lambda at: _holding(open_, at)))
        open_ = [mask for mask in open_ if not mask >> chosen[-1] & 1]
    return tuple(chosen)


def _holding(open_: Sequence[int], place: int) -> int:
    return sum(mask >> place & 1 for mask in open_)


def _packing(open_: Sequence[int]) -> int:
    """Return how many elements, greedily, have no set in common: each of them needs a set of its own."""
    used = found = 0
    for mask in open_:
        if not used & mask:
            used |= mask
            found += 1
    return found


def _branches(chosen: tuple[int, ...], open_: Sequence[int]) -> list[_Branch]:
    """Return one branch per set that holds the element with the fewest sets; the best comes last, to be taken first.

    No later branch uses the set of an earlier one: what they had in common was looked at there.
    """
    tightest = open_[0]
    places = [place for place in range(tightest.bit_length()) if tightest >> place & 1]
    branches: list[_Branch] = []
    used = 0
    for place in sorted(places, key=lambda at: -_holding(open_, at)):
        rest = sorted((mask & ~used for mask in open_ if not mask >> place & 1), key=int.bit_count)
        if not rest or rest[0]:
            branches.append(((*chosen, place), rest))
        used |= 1 << place
    return branches[::-1]
