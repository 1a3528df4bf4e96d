"""Merging: what several sources say about one package becomes one server, and it stays known who said what."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from vsm_mcp.acquisition.discovery.index.documents import MOST_TOOLS, Document
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.model.server import Candidate, PackageRef, ToolSummary

MOST_SERVERS = 60_000
"""How many servers are known at most; the sources that come first fill the room first."""

MOST_TOOLS_IN_ALL = 300_000
"""How many tools of all servers together are ranked: thousands of servers with hundreds of tools each crowd out none
that has few."""

LONGEST_TOOLS_IN_ALL = 12_000_000
"""How many characters these tools have in all: ten times as many as those of 10,838 servers have that were counted."""

MOST_DESCRIBED_TOOLS = 32
"""How many tools are believed that only a repository says a server has."""

LEARNED = "learned"
"""The source of what was learnt here: what servers that proved themselves have listed."""

_NOTHING = Description(name="", source="")
_COMPLETED = ("title", "summary", "keywords", "publisher", "repository", "tools", "deprecated")
_MOST_DESCRIPTIONS = 8
_MOST_KEYWORDS = 32
_SCP_LIKE = re.compile(r"[\w.-]+@([\w.-]+):(?!/)")
_SUBFOLDER = re.compile(r"/(?:-/)?(?:tree|blob|src)/[^/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A server as all sources together know it.

    Attributes:
        candidate: What would be acquired: the earliest source's word, its empty texts filled in from later ones.
        said_by: Which source said it, for every field that is not ``candidate.source``'s word, also for those that are
            not the candidate's and only help to find it.
        descriptions: Further words by which it is found, where the candidate has none of its own.
        also: The same package under other names, each as the first source with that name lists it.
        most_tools: How many of its tools are ranked.
    """

    candidate: Candidate
    said_by: Mapping[str, str] = field(default_factory=dict[str, str])
    descriptions: tuple[Description, ...] = ()
    also: tuple[Candidate, ...] = ()
    most_tools: int = MOST_TOOLS

    @property
    def tools(self) -> tuple[ToolSummary, ...]:
        """The tools by which it is found: those it listed when it was proven, else published ones, else described."""
        one = self.described.get("tools")
        if one is None:
            return self.candidate.tools[: self.most_tools]
        return one.tools[: self.most_tools if one.package else min(self.most_tools, MOST_DESCRIBED_TOOLS)]

    @property
    def described(self) -> Mapping[str, Description]:
        """By field, the description whose words count because the candidate has none, or has only published tools."""
        if not self.descriptions:
            return {}
        one, told = self.candidate, self.descriptions
        tools = [words for words in told if words.tools and (not one.tools or is_learnt(words))]
        found = {
            "title": None if one.title else next((words for words in told if words.title), None),
            "summary": None if one.summary else next((words for words in told if words.summary), None),
            "keywords": None if one.keywords else next((words for words in told if words.keywords), None),
            "tools": next((words for words in tools if is_learnt(words)), tools[0] if tools else None),
        }
        return {name: words for name, words in found.items() if words is not None}

    def document(self, key: str) -> Document:
        """Return what is ranked: the candidate's texts and, where it has none, the words that others found for it."""
        own, found = Document.of(self.candidate, key), self.described
        return replace(
            own,
            title=own.title or found.get("title", _NOTHING).title,
            description=own.description or found.get("summary", _NOTHING).summary,
            category=" ".join((own.category, *found.get("keywords", _NOTHING).keywords[:_MOST_KEYWORDS])),
            tools=self.tools,
        )


def is_learnt(words: Description) -> bool:
    """Tell whether a server that proved itself here has listed these tools itself."""
    return words.source == LEARNED and words.package is not None and bool(words.tools)


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
    also: dict[tuple[str, str], Candidate] = {}
    descriptions: list[Description] = []
    for listing in listings:
        descriptions += listing.descriptions[: MOST_SERVERS - len(descriptions)]
        for candidate in listing.candidates:
            key = key_of(candidate.package)
            known = merged.get(key)
            if known is not None:
                merged[key] = _completed(known, candidate)
                if candidate.name != known.candidate.name and len(also) < MOST_SERVERS:
                    also.setdefault((key, candidate.name), candidate)
            elif len(merged) < MOST_SERVERS:
                merged[key] = Merged(candidate=candidate)
    for key, found in _belonging(merged, descriptions).items():
        merged[key] = _described(merged[key], found[:_MOST_DESCRIPTIONS])
    for key, others in groupby(sorted(also), key=itemgetter(0)):
        merged[key] = replace(merged[key], also=tuple(also[other] for other in others))
    return _bounded(merged)


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
        deprecated=one.deprecated or other.deprecated,
    )
    return replace(known, candidate=candidate, said_by={**known.said_by, **dict.fromkeys(taken, other.source)})


def _described(known: Merged, descriptions: Sequence[Description]) -> Merged:
    known = replace(known, descriptions=tuple(descriptions))
    said_by = {name: words.source for name, words in known.described.items()}
    return replace(known, said_by={**known.said_by, **said_by})


def _bounded(merged: dict[str, Merged]) -> dict[str, Merged]:
    """Return the servers, of too many tools in all only the first ones of those that have most."""
    counts = {key: len(one.tools) for key, one in merged.items()}
    most = MOST_TOOLS
    while most > 1 and sum(min(count, most) for count in counts.values()) > MOST_TOOLS_IN_ALL:
        most //= 2  # in large steps: with one more server it is mostly the same, and not all is indexed anew
    while most > 1 and sum(_length(one.tools[:most]) for one in merged.values()) > LONGEST_TOOLS_IN_ALL:
        most //= 2
    return {key: replace(one, most_tools=most) if counts[key] > most else one for key, one in merged.items()}


def _length(tools: Sequence[ToolSummary]) -> int:
    return sum(len(tool.name) + len(tool.description) for tool in tools)


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
