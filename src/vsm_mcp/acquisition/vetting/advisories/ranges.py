"""Ranges: whether a version is one that an advisory speaks of, in the order of npm or of Python versions. Pure."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion
from semver import Version as SemanticVersion

MOST_EVENTS = 5_000
LONGEST_VERSION = 300

_COMPARATOR = re.compile(r"(<=|>=|<|>|=|)\s*v?(\d[0-9A-Za-z.+-]*)")
_BETWEEN = re.compile(r"\s*,\s*|\s+")
_AFTER_OPERATOR = re.compile(r"(?<=[<>=])\s+")


_V = TypeVar("_V", PythonVersion, SemanticVersion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a range: from ``introduced`` on it is wrong, from ``fixed`` or after ``last`` on it is not."""

    introduced: str = ""
    fixed: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """Which versions of one package an advisory speaks of.

    Attributes:
        versions: Single ones, by name.
        ranges: Ranges of the ecosystem's own order, each a sequence of events.
        elsewhere: Whether there are ranges of another kind (commits), which say nothing about versions.
    """

    versions: frozenset[str] = frozenset()
    ranges: tuple[tuple[Event, ...], ...] = ()
    elsewhere: bool = False


def holds(affected: Affected, version: str, *, ecosystem: str) -> bool | None:
    """Say whether ``version`` is affected; ``None`` when it cannot be told.

    >>> since = Affected(ranges=((Event(introduced="1.0.16"),),))
    >>> holds(since, "1.0.16", ecosystem="npm"), holds(since, "1.0.15", ecosystem="npm")
    (True, False)
    """
    if ecosystem == "npm":
        return _holds(affected, version, read=semantic)
    return _holds(affected, version, read=python)


def satisfies(version: str, wanted: str) -> bool | None:
    """Say whether an npm version is in a range of npm's notation, prereleases included; ``None``: cannot be told.

    >>> satisfies("1.2.3", ">=1.0.0 <1.2.4 || 3.0.0"), satisfies("2.0.0-rc.1", "<2.0.0"), satisfies("1.0.0", "^1")
    (True, True, None)
    """
    given = semantic(version)
    answers = [_satisfies(given, part.strip()) for part in wanted.split("||")]
    if True in answers:
        return True
    return None if None in answers else False


def semantic(text: str) -> SemanticVersion | None:
    """Read a version of npm."""
    try:
        return SemanticVersion.parse(text.strip().removeprefix("v")) if len(text) <= LONGEST_VERSION else None
    except (ValueError, TypeError):
        return None


def python(text: str) -> PythonVersion | None:
    """Read a version of a Python package."""
    try:
        return PythonVersion(text) if len(text) <= LONGEST_VERSION else None
    except InvalidVersion:
        return None


def _holds(affected: Affected, version: str, *, read: Callable[[str], _V | None]) -> bool | None:
    given = read(version)
    if version in affected.versions or (given is not None and given in map(read, affected.versions)):
        return True
    answers = [_within(events, given, read=read) for events in affected.ranges]
    if True in answers:
        return True
    undecided = None in answers or (given is None and bool(affected.versions))
    only_elsewhere = affected.elsewhere and not affected.ranges and not affected.versions
    return None if undecided or only_elsewhere else False


def _within(events: Sequence[Event], given: _V | None, *, read: Callable[[str], _V | None]) -> bool | None:
    """Go through the events in the order of their versions, as far as ``given``."""
    if given is None or len(events) > MOST_EVENTS:
        return True if _everything(events) else None
    begins = any(event.introduced == "0" for event in events)
    steps: list[tuple[_V, int]] = []
    for text, kind in _steps(events):
        step = read(text)
        if step is None:
            return None
        steps.append((step, kind))
    inside = begins
    for step, kind in sorted(steps):
        if kind == _LAST and step < given:
            inside = False
        elif kind != _LAST and step <= given:
            inside = kind == _INTRODUCED
    return inside


_FIXED, _INTRODUCED, _LAST = 0, 1, 2
"""In this order at the same version: introduced again where it was fixed counts as wrong; last means: until here."""


def _steps(events: Iterable[Event]) -> Iterable[tuple[str, int]]:
    for event in events:
        if event.introduced and event.introduced != "0":
            yield event.introduced, _INTRODUCED
        if event.fixed:
            yield event.fixed, _FIXED
        if event.last:
            yield event.last, _LAST


def _everything(events: Sequence[Event]) -> bool:
    return any(event.introduced == "0" for event in events) and not any(event.fixed or event.last for event in events)


def _satisfies(given: SemanticVersion | None, part: str) -> bool | None:
    if part in {"", "*", "x"}:
        return True
    words = _BETWEEN.split(_AFTER_OPERATOR.sub("", part))
    answers = [_compares(given, word) for word in words if word]
    if False in answers:
        return False
    return None if None in answers else True


def _compares(given: SemanticVersion | None, word: str) -> bool | None:
    found = _COMPARATOR.fullmatch(word)
    bound = semantic(found.group(2)) if found else None
    if found is None or bound is None or given is None:
        return None
    return _ORDERS[found.group(1)](given.compare(bound), 0)


_ORDERS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "": operator.eq,
}
