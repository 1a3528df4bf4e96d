"""Record: one document of the OSV format, read with types and bounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.utils import canonicalize_name

from vsm_mcp.acquisition.discovery.reading import items, mapping, moment, text
from vsm_mcp.acquisition.vetting.advisories.advisory import Advisory, Pinned
from vsm_mcp.acquisition.vetting.advisories.ranges import Affected, Event, holds
from vsm_mcp.acquisition.vetting.advisories.severity import rated
from vsm_mcp.model.json import JsonObject, JsonValue

MOST_AFFECTED = 5_000
MOST_VERSIONS = 50_000

_MOST_NAMES = 100
_ECOSYSTEMS = {"npm": "npm", "pypi": "pypi"}
_ORDERED = ("SEMVER", "ECOSYSTEM")

Key = tuple[str, str]
"""An ecosystem of ours and the normalised name of a package of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is needed to find a record again.

    Attributes:
        packages: Whom it is about, of the ecosystems that are known here.
        modified: When it was last changed.
        withdrawn: Whether it was taken back.
    """

    packages: frozenset[Key]
    modified: datetime | None
    withdrawn: bool


def key(ecosystem: str, name: str) -> Key:
    """Return what a package is found by: the names of Python packages are compared in their normal form."""
    return ecosystem, str(canonicalize_name(name)) if ecosystem == "pypi" else name


def outline(told: JsonObject) -> Outline | None:
    """Return the outline of a record, or ``None`` when it is no record."""
    if not text(told.get("id"), 200) or not isinstance(told.get("affected"), list):
        return None
    return Outline(
        packages=frozenset(where for where, _ in _affected(told)),
        modified=moment(told.get("modified")),
        withdrawn=bool(told.get("withdrawn")),
    )


def advisory(told: JsonObject, package: Pinned) -> Advisory | None:
    """Return what a record says about one version; ``None`` when it does not hold for it or was taken back."""
    if told.get("withdrawn"):
        return None
    wanted = key(package.ecosystem, package.name)
    ours = [raw for where, raw in _affected(told) if where == wanted]
    answers = [holds(_versions(raw), package.version, ecosystem=package.ecosystem) for raw in ours]
    if not any(answer is not False for answer in answers):
        return None
    return Advisory(
        identity=text(told.get("id"), 200),
        aliases=frozenset(_texts(told.get("aliases"), _MOST_NAMES)),
        severity=rated(vectors=_vectors(told, ours), words=_words(told, ours)),
        summary=text(told.get("summary"), 300) or text(told.get("details"), 300),
        fixed=tuple(event.fixed for raw in ours for events in _versions(raw).ranges for event in events if event.fixed),
        weaknesses=frozenset(_texts(mapping(told.get("database_specific")).get("cwe_ids"), _MOST_NAMES)),
        certain=True in answers,
    )


def _affected(told: JsonObject) -> Iterator[tuple[Key, JsonObject]]:
    for raw in map(mapping, items(told.get("affected"), MOST_AFFECTED)):
        package = mapping(raw.get("package"))
        ecosystem = _ECOSYSTEMS.get(text(package.get("ecosystem"), 100).partition(":")[0].lower())
        name = text(package.get("name"), 300)
        if ecosystem and name:
            yield key(ecosystem, name), raw


def _versions(raw: JsonObject) -> Affected:
    ranges = [mapping(one) for one in items(raw.get("ranges"), MOST_AFFECTED)]
    ordered = [one for one in ranges if text(one.get("type"), 20).upper() in _ORDERED]
    return Affected(
        versions=frozenset(_texts(raw.get("versions"), MOST_VERSIONS)),
        ranges=tuple(tuple(map(_event, items(one.get("events"), MOST_VERSIONS))) for one in ordered),
        elsewhere=len(ordered) < len(ranges),
    )


def _event(value: JsonValue) -> Event:
    raw = mapping(value)
    return Event(
        introduced=text(raw.get("introduced"), 300),
        fixed=text(raw.get("fixed"), 300),
        last=text(raw.get("last_affected"), 300),
    )


def _vectors(told: JsonObject, ours: Sequence[JsonObject]) -> Iterator[str]:
    for holder in (told, *ours):
        yield from (text(mapping(one).get("score"), 500) for one in items(holder.get("severity"), _MOST_NAMES))


def _words(told: JsonObject, ours: Sequence[JsonObject]) -> Iterator[str]:
    for holder in (told, *ours):
        for place in ("database_specific", "ecosystem_specific"):
            yield text(mapping(holder.get(place)).get("severity"), 40)


def _texts(value: JsonValue, most: int) -> Iterator[str]:
    return (text(one, 300) for one in items(value, most) if isinstance(one, str))
