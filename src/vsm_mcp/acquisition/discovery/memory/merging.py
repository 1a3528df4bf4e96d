"""Merging: what several sources say about one package becomes one server, and it stays known who said what."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.model.server import Candidate, PackageRef

MOST_SERVERS = 60_000
"""How many servers are known at most; the sources that come first fill the room first."""

_COMPLETED = ("title", "summary", "keywords", "publisher", "repository", "tools")
_MOST_DESCRIPTIONS = 8
_MOST_KEYWORDS = 32
_SCP_LIKE = re.compile(r"[\w.-]+@([\w.-]+):(?!/)")
_SUBFOLDER = re.compile(r"/(?:-/)?(?:tree|blob|src)/[^/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A server as all sources together know it.

    Attributes:
        candidate: What would be acquired: the earliest source's word, its empty texts filled in from later ones.
        said_by: Which source said it, for every field that is not ``candidate.source``'s word.
        descriptions: Further words by which it is found.
    """

    candidate: Candidate
    said_by: Mapping[str, str] = field(default_factory=dict[str, str])
    descriptions: tuple[Description, ...] = ()

    def document(self, key: str) -> Document:
        """Return what is ranked: the candidate's texts and the words that others found for it."""
        own = Document.of(self.candidate, key)
        if not self.descriptions:
            return own
        listed = next((one.tools for one in self.descriptions if one.package and one.tools), ())
        described = next((one.tools for one in self.descriptions if one.tools), ())
        words = dict.fromkeys(word for one in self.descriptions for word in one.keywords)
        return replace(
            own,
            title=own.title or next((one.title for one in self.descriptions if one.title), ""),
            description=max((own.description, *(one.summary for one in self.descriptions)), key=len),
            category=" ".join((own.category, *list(words)[:_MOST_KEYWORDS])),
            tools=listed or own.tools or described,
        )


def key_of(package: PackageRef) -> str:
    """Return what makes two packages the same one, whatever their version."""
    name = canonicalize_name(package.name) if package.ecosystem == "pypi" else package.name
    return f"{package.ecosystem}:{name}"


def repository_of(address: str) -> str:
    """Return what makes two addresses of source code the same one, such as ``github.com/owner/name``; may be empty."""
    try:
        parts = urlsplit(_SCP_LIKE.sub(r"https://\1/", address.strip().removeprefix("git+"), count=1))
        host = parts.hostname
    except ValueError:
        return ""
    path = _SUBFOLDER.sub("", parts.path, count=1).rstrip("/").removesuffix(".git")
    return f"{host}{path}".lower() if host and path else ""


def merge(listings: Iterable[Listing]) -> dict[str, Merged]:
    """Join what several sources say about one package, in the order of the sources; the earlier one's word counts.

    What is run, with which words, variables and hosts, is never put together from two sources: only texts are.
    """
    merged: dict[str, Merged] = {}
    descriptions: list[Description] = []
    for listing in listings:
        descriptions += listing.descriptions[: MOST_SERVERS - len(descriptions)]
        for candidate in listing.candidates:
            key = key_of(candidate.package)
            known = merged.get(key)
            if known is not None:
                merged[key] = _completed(known, candidate)
            elif len(merged) < MOST_SERVERS:
                merged[key] = Merged(candidate=candidate)
    for key, found in _belonging(merged, descriptions).items():
        merged[key] = replace(merged[key], descriptions=tuple(found[:_MOST_DESCRIPTIONS]))
    return merged


def _completed(known: Merged, other: Candidate) -> Merged:
    one = known.candidate
    taken = [name for name in _COMPLETED if getattr(other, name) and not getattr(one, name)]
    if not taken:
        return known
    candidate = replace(
        one,
        title=one.title or other.title,
        summary=one.summary or other.summary,
        keywords=one.keywords or other.keywords,
        publisher=one.publisher or other.publisher,
        repository=one.repository or other.repository,
        tools=one.tools or other.tools,
    )
    return replace(known, candidate=candidate, said_by={**known.said_by, **dict.fromkeys(taken, other.source)})


def _belonging(merged: Mapping[str, Merged], descriptions: Sequence[Description]) -> dict[str, list[Description]]:
    """Return the descriptions of each server; what could be about several of them is about none."""
    places: dict[str, list[str]] = {}
    if any(one.package is None for one in descriptions):
        for key, one in merged.items():
            places.setdefault(repository_of(one.candidate.repository), []).append(key)
    told = Counter((one.source, repository_of(one.repository)) for one in descriptions if one.package is None)
    found: dict[str, list[Description]] = {}
    for one in descriptions:
        key = key_of(one.package) if one.package else _only(places, told, one)
        if key in merged:
            found.setdefault(key, []).append(one)
    return found


def _only(places: Mapping[str, Sequence[str]], told: Mapping[tuple[str, str], int], one: Description) -> str:
    """Return the one package of a repository that the source describes once; of a repository of many, none is meant."""
    repository = repository_of(one.repository)
    keys = places.get(repository, ()) if repository and told[one.source, repository] == 1 else ()
    return keys[0] if len(keys) == 1 else ""
