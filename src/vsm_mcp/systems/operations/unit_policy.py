"""The policy of a unit: which kinds of work it takes, and how much of it at once and in a period."""

import re
from dataclasses import dataclass, field
from fnmatch import translate
from sys import float_info

from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.operation import kind_of
from vsm_mcp.systems.operations.places import refuse_wait

DEFAULT_PERIOD = 60.0
DEFAULT_PLACE_TIMEOUT = 5.0
MOST_KINDS = 1000
"""Kinds and patterns that one unit may name."""

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPolicy:
    """What a unit decides by itself, and how much it may do.

    Attributes:
        takes: The kinds of work it takes: kinds as in `Operation.kind`, or patterns with ``*``, ``?`` and ``[...]``;
            ``None`` for all.
        most_at_once: Operations that it does at the same time; further ones wait for a place.
        place_timeout: Seconds that they wait.
        most_per_period: Operations that it may begin within ``period`` seconds; ``None`` for any number.
        period: Seconds; a period begins with the first operation after the one before it.
        most_seconds: Seconds that one operation may take; ``None`` leaves that to the performer.
        priority: Among units that take the same kind, the highest is asked first.

    Raises:
        ConfigurationError: A value makes no sense.
    """

    takes: frozenset[str] | None = None
    most_at_once: int = 16
    place_timeout: float = DEFAULT_PLACE_TIMEOUT
    most_per_period: int | None = None
    period: float = DEFAULT_PERIOD
    most_seconds: float | None = None
    priority: int = 0
    _kinds: frozenset[str] = field(init=False, repr=False, compare=False)
    _patterns: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse values that make no sense, and prepare the patterns."""
        if self.most_at_once < 1:
            raise ConfigurationError(
                f"A unit cannot do {self.most_at_once} operations at once.", remedies=("Let it do at least 1.",)
            )
        refuse_budget(self.most_per_period)
        for what, seconds in (("A period", self.period), ("The time for an operation", self.most_seconds)):
            if seconds is not None and not 0 < seconds <= float_info.max:
                raise ConfigurationError(
                    f"{what} cannot be {seconds} seconds.", remedies=("Give more than 0 seconds.",)
                )
        refuse_wait(self.place_timeout, what="The wait for a place")
        kinds, patterns = _read_kinds(self.takes)
        object.__setattr__(self, "_kinds", kinds)
        object.__setattr__(self, "_patterns", patterns)

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds it takes when each is named in full; ``None`` when only `allows` can tell."""
        return None if self.takes is None or self._patterns is not None else self._kinds

    def allows(self, kind: str) -> bool:
        """Return whether the unit takes operations of ``kind``."""
        if self.takes is None or kind in self._kinds:
            return True
        return self._patterns is not None and self._patterns.fullmatch(kind) is not None


def refuse_budget(most_per_period: int | None) -> None:
    """Refuse a budget that makes no sense.

    Raises:
        ConfigurationError: ``most_per_period`` is negative.
    """
    if most_per_period is not None and most_per_period < 0:
        raise ConfigurationError(
            f"A budget of {most_per_period} operations makes no sense.", remedies=("Give 0 or more, or None.",)
        )


def _read_kinds(takes: frozenset[str] | None) -> tuple[frozenset[str], re.Pattern[str] | None]:
    """Return the kinds that are named in full, and one pattern for all others."""
    if takes is None:
        return frozenset(), None
    if len(takes) > MOST_KINDS:
        raise ConfigurationError(
            f"A unit cannot name {len(takes)} kinds.", remedies=(f"Name at most {MOST_KINDS}, or use patterns.",)
        )
    try:
        named = {kind_of(text) for text in takes}
    except PayloadError as error:
        raise ConfigurationError(f"A unit takes what is no kind: {error.message}", remedies=error.remedies) from error
    globs = sorted(kind for kind in named if _GLOB.search(kind))
    return frozenset(named), re.compile("|".join(map(translate, globs))) if globs else None
