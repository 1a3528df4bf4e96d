"""What a sample of demand says about the kinds that are not in it."""

from collections import Counter
from collections.abc import Sequence
from math import fsum
from operator import index

from vsm_mcp.errors import ConfigurationError, PayloadError

MOST_OBSERVATIONS = 2**53
"""Counts that add up to more than this are refused: they could not be told apart as floating-point numbers."""


def frequencies(counts: Sequence[int]) -> Counter[int]:
    """Return how many kinds were seen once, twice, and so on; kinds that were not seen are left out.

    Args:
        counts: How often each kind was seen.

    Raises:
        PayloadError: A count is negative or no whole number, or there are more than ``MOST_OBSERVATIONS``.
    """
    try:
        seen = Counter(map(index, counts))
    except TypeError as error:
        raise PayloadError("A count is not a whole number.") from error
    if seen and min(seen) < 0:
        raise PayloadError(f"A count of {min(seen)} is negative.")
    del seen[0]
    if total_of(seen) > MOST_OBSERVATIONS:
        raise PayloadError(f"There are more than {MOST_OBSERVATIONS} observations.")
    return seen


def total_of(seen: Counter[int]) -> int:
    """Return how many observations there are, from how many kinds were seen how often."""
    return sum(count * kinds for count, kinds in seen.items())


def good_turing(counts: Sequence[int]) -> float | None:
    """Return the share of demand that is of kinds not seen so far: ``f1 / n``.

    ``f1`` is the number of kinds that were seen exactly once (Good 1953, after Turing).

    Returns:
        The share, or ``None`` when there are no observations.

    Raises:
        PayloadError: The counts make no sense.
    """
    seen = frequencies(counts)
    total = total_of(seen)
    return seen[1] / total if total else None


def chao1(counts: Sequence[int]) -> float | None:
    """Return a lower bound on how many kinds there are, those seen included.

    ``K + (n - 1) / n * f1 ** 2 / (2 f2)``, with ``f1 (f1 - 1) / 2`` as the last factor when no kind was seen exactly
    twice (Chao 1984; the form for ``f2 = 0`` is Chao 1987; the factor for finite ``n`` as in Chao, Wang and Jost 2013).
    ``K`` kinds were seen, ``f1`` of them once and ``f2`` twice. The kinds still unseen are this number minus ``K``.

    Returns:
        The number of kinds, or ``None`` when there are no observations.

    Raises:
        PayloadError: The counts make no sense.
    """
    seen = frequencies(counts)
    total = total_of(seen)
    if not total:
        return None
    once, twice = seen[1], seen[2]
    pairs = once * once / (2 * twice) if twice else once * (once - 1) / 2
    return seen.total() + (total - 1) / total * pairs


def good_toulmin(counts: Sequence[int], ahead: float = 1.0) -> float | None:
    """Return how many new kinds to expect in the next ``ahead * n`` demands: ``f1 t - f2 t**2 + f3 t**3 - ...``.

    Good and Toulmin 1956. The sum can leave what is possible when ``n`` is small; then the nearest possible number is
    returned: at least 0, and at most ``f1 t``, because new kinds never become more frequent as a sample grows.

    Args:
        counts: How often each kind was seen.
        ahead: How far to look ahead, as a part of the sample: 0 to 1.

    Returns:
        The number of new kinds, or ``None`` when there are no observations.

    Raises:
        ConfigurationError: ``ahead`` is not between 0 and 1. Beyond 1 the terms of the sum grow without bound, and the
            figure says nothing.
        PayloadError: The counts make no sense.
    """
    if not 0.0 <= ahead <= 1.0:
        raise ConfigurationError(
            f"Looking {ahead} samples ahead is not possible: the estimate has no bounded error beyond 1.",
            remedies=("Look at most 1 sample ahead, or observe more first.",),
        )
    seen = frequencies(counts)
    if not seen:
        return None
    expected = fsum(kinds * ahead**count * (1 if count % 2 else -1) for count, kinds in seen.items())
    return min(max(expected, 0.0), seen[1] * ahead)


def conservative_gap(gap_share: float, *, unseen_share: float, unseen_absorbed: float = 0.0) -> float:
    """Return the gap when kinds that were not seen yet are counted in: ``(1 - u) g + u (1 - a)``.

    The law of total probability over demand of seen and of unseen kinds.

    Args:
        gap_share: Share of the demand of seen kinds that is not absorbed: ``g``.
        unseen_share: Share of demand that is of unseen kinds, as ``good_turing`` tells: ``u``.
        unseen_absorbed: Probability that demand of an unseen kind is absorbed: ``a``.

    Raises:
        PayloadError: One of them is not between 0 and 1.
    """
    for name, share in (("gap", gap_share), ("unseen", unseen_share), ("absorbed", unseen_absorbed)):
        if not 0.0 <= share <= 1.0:
            raise PayloadError(f"The {name} share of {share} is not between 0 and 1.")
    return (1.0 - unseen_share) * gap_share + unseen_share * (1.0 - unseen_absorbed)
