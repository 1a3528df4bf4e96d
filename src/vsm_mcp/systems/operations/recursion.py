"""Recursion: a viable system is made of viable systems. Says how deep, refuses circles, and adds up their variety."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, log2
from sys import float_info
from typing import Protocol, runtime_checkable

from vsm_mcp.errors import ConfigurationError, PayloadError

DEFAULT_DEPTH = 3
DEEPEST = 10
"""No configuration allows more levels."""

_HANDED_ON = 100


class Subsystem(Protocol):
    """A part of a system, as it is seen from above: its name and what performs its work."""

    @property
    def name(self) -> str:
        """Its name among its siblings."""
        ...

    @property
    def performer(self) -> object:
        """What does its work; a `Recursive` when that is itself a system of parts."""
        ...


@runtime_checkable
class Recursive(Protocol):
    """A system that is made of parts."""

    def subsystems(self) -> Sequence[Subsystem]:
        """Return its parts."""
        ...


@runtime_checkable
class _HandsOn(Protocol):
    @property
    def performer(self) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelVariety:
    """The variety of the demand on a system, and where it comes from.

    For demand ``D`` and the part ``U`` that meets it, ``H(D) = H(U) + H(D|U) - H(U|D)`` (Shannon 1948, section 6). When
    each kind is met by one part only, the last term is 0 and the variety of the whole is that between its parts and
    within them.

    Attributes:
        shares: Share of each kind in the demand on the whole.
        parts: Share of each part in it.
        bits: The variety of the demand on the whole, ``H(D)``.
        between_bits: The part of it that lies in which part is asked, ``H(U)``.
        within_bits: The part that lies in what each part is asked, ``H(D|U)``.
        shared_bits: What of these is counted twice because several parts meet the same kinds, ``H(U|D)``.
    """

    shares: Mapping[str, float]
    parts: Mapping[str, float]
    bits: float
    between_bits: float
    within_bits: float
    shared_bits: float


def depth(root: object) -> int:
    """Return how many levels of systems there are in ``root``, itself included; 0 when it is no system of parts.

    Raises:
        ConfigurationError: It contains itself, or has more levels than are allowed anywhere.
    """
    return check_recursion(root, limit=DEEPEST)


def check_recursion(root: object, *, limit: int = DEFAULT_DEPTH) -> int:
    """Return how many levels of systems there are in ``root``, if that is allowed.

    A unit that does the work of another unit is seen through. Any other wrapper that hides a system hides its levels.

    Args:
        root: The system at the top.
        limit: The most levels, ``root`` included.

    Raises:
        ConfigurationError: A system is a part of itself, by identity; or there are more levels than ``limit``.
    """
    refuse_depth(limit)
    return _levels(root, (), limit=limit, known={}) if isinstance(root, Recursive) else 0


def check_part(whole: Recursive, part: Subsystem, *, limit: int = DEFAULT_DEPTH) -> int:
    """Return how many levels there would be below and including ``whole``, as far as ``part`` goes.

    Costs nothing when the part is no system itself, so that a system with many parts can be built one by one.

    Raises:
        ConfigurationError: ``part`` would make ``whole`` a part of itself, or too deep.
    """
    refuse_depth(limit)
    inner = _inside(part)
    if inner is None:
        return 1
    return 1 + _levels(inner, ((type(whole).__name__, whole),), limit=limit, known={}, name=part.name)


def refuse_depth(limit: int) -> None:
    """Refuse a number of levels that no system may have.

    Raises:
        ConfigurationError: ``limit`` is less than 1 or more than 10.
    """
    if not 1 <= limit <= DEEPEST:
        raise ConfigurationError(
            f"A recursion of {limit} levels is not possible.", remedies=(f"Allow 1 to {DEEPEST} levels.",)
        )


def merged(weights: Mapping[str, Mapping[str, float]]) -> LevelVariety | None:
    """Return the variety of the whole from the demand that each part met; ``None`` when none met any.

    Args:
        weights: For each part, how much demand of each kind it met, in one measure for all parts.

    Raises:
        PayloadError: A weight is negative or not a finite number, or their sum is too large.
    """
    parts = {part: _total(part, kinds) for part, kinds in weights.items()}
    total = _sum(parts.values())
    if not total:
        return None
    kinds: dict[str, float] = {}
    for part in weights.values():
        for kind, weight in part.items():
            kinds[kind] = kinds.get(kind, 0.0) + weight
    bits = _entropy(kinds.values(), total)
    between = _entropy(parts.values(), total)
    within = fsum(parts[part] / total * _entropy(kinds.values(), parts[part]) for part, kinds in weights.items())
    return LevelVariety(
        shares={kind: weight / total for kind, weight in kinds.items()},
        parts={part: weight / total for part, weight in parts.items()},
        bits=bits,
        between_bits=between,
        within_bits=within,
        shared_bits=max(between + within - bits, 0.0),
    )


def _levels(
    system: Recursive,
    above: tuple[tuple[str, object], ...],
    *,
    limit: int,
    known: dict[int, tuple[object, int]],
    name: str | None = None,
) -> int:
    """Return the levels from ``system`` down; ``above`` is the way to it, ``known`` what was counted already."""
    way = (*above, (name or type(system).__name__, system))
    said = " > ".join(step for step, _ in way)
    if any(system is one for _, one in above):
        raise ConfigurationError(
            f"A system would be a part of itself: {said}.", remedies=("Take the last part of this way out.",)
        )
    if len(way) > limit:
        raise ConfigurationError(
            f"Systems are nested more than {limit} levels deep: {said}.",
            remedies=("Nest fewer systems.", f"Allow more levels, at most {DEEPEST}."),
        )
    below = 0
    for part in system.subsystems():
        inner = _inside(part)
        if inner is not None:
            _, levels = known.get(id(inner), (None, None))
            if levels is None or len(way) + levels > limit:
                levels = _levels(inner, way, limit=limit, known=known, name=part.name)
            below = max(below, levels)
    known[id(system)] = (system, below + 1)  # kept alive, so that no other system gets its identity
    return below + 1


def _inside(part: Subsystem) -> Recursive | None:
    """Return the system that does the work of a part, through units that only hand it on; ``None`` without one."""
    performer = part.performer
    for _ in range(_HANDED_ON):
        if isinstance(performer, Recursive):
            return performer
        if not isinstance(performer, _HandsOn):
            return None
        performer = performer.performer
    raise ConfigurationError(
        f"The work of {part.name!r:.80} is handed on more than {_HANDED_ON} times.",
        remedies=("Let what does the work do it directly.",),
    )


def _total(part: str, kinds: Mapping[str, float]) -> float:
    for kind, weight in kinds.items():
        if not 0 <= weight <= float_info.max:
            raise PayloadError(f"{part[:80]!r} cannot have met {weight} of {kind[:80]!r}.")
    return _sum(kinds.values())


def _sum(weights: Iterable[float]) -> float:
    try:
        return fsum(weights)
    except OverflowError as error:
        raise PayloadError("The weights of the parts add up to more than a number can hold.") from error


def _entropy(weights: Iterable[float], total: float) -> float:
    if not total:
        return 0.0
    shares = (weight / total for weight in weights)
    return max(-fsum(share * log2(share) for share in shares if share), 0.0)
