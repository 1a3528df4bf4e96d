"""Patterns: globs that name servers, packages, sources and publishers in allow and block lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vsm_mcp.model.server import Candidate, Dependency, Resolution

ECOSYSTEMS = ("npm", "pypi", "file", "memory")
KINDS = (*ECOSYSTEMS, "source", "publisher", "version")

_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a pattern is compared with.

    Attributes:
        ecosystem: The ecosystem of the package.
        package: The package's name there.
        version: Its exact version; ``None`` while it is not resolved, empty when it has none.
        server: The server's name; empty for a mere dependency.
        source: Which source said so.
        publishers: Everybody who is said to publish it.
    """

    ecosystem: str
    package: str
    version: str | None = None
    server: str = ""
    source: str = ""
    publishers: tuple[str, ...] = ()

    @classmethod
    def of(cls, candidate: Candidate, resolution: Resolution | None = None) -> "Subject":
        """Describe a candidate, more exactly once it is resolved: then the registry's word on the publisher counts."""
        package = candidate.package if resolution is None else resolution.package
        version = package.version or (candidate.version if resolution is None else "")
        stated = "" if resolution is None else resolution.publisher
        publisher = stated or candidate.publisher
        return cls(
            ecosystem=package.ecosystem,
            package=package.name,
            version=version,
            server=candidate.name,
            source=candidate.source,
            publishers=(publisher,) if publisher else (),
        )

    @classmethod
    def of_dependency(cls, dependency: Dependency, *, ecosystem: str) -> "Subject":
        """Describe a package of somebody's closure."""
        return cls(ecosystem=ecosystem, package=dependency.name, version=dependency.version)


def problem(pattern: str) -> str | None:
    """Say what is wrong with a pattern, or return ``None``.

    >>> problem("npm:@modelcontextprotocol/*")
    >>> problem("pipy:mcp-server-time")
    "'pipy' in 'pipy:mcp-server-time' is none of npm, pypi, file, memory, source, publisher, version"
    """
    for term in _terms(pattern):
        kind, colon, rest = term.partition(":")
        if colon and kind not in KINDS:
            return f"{kind!r} in {pattern!r} is none of {', '.join(KINDS)}"
        if not term or (colon and not rest):
            return f"{pattern!r} has an empty term"
    return None


def allows(patterns: Iterable[str], subject: Subject) -> str | None:
    """Return the first pattern that surely matches; a version that is still unknown may become the right one."""
    return next((pattern for pattern in patterns if _matches(pattern, subject)), None)


def blocks(patterns: Iterable[str], subject: Subject) -> str | None:
    """Return the first pattern that matches, upper and lower case alike."""
    folded = Subject(
        ecosystem=subject.ecosystem,
        package=subject.package.casefold(),
        version=subject.version or "",
        server=subject.server.casefold(),
        source=subject.source.casefold(),
        publishers=tuple(publisher.casefold() for publisher in subject.publishers),
    )
    return next((pattern for pattern in patterns if _matches(pattern.casefold(), folded)), None)


def _terms(pattern: str) -> list[str]:
    return [term.strip() for term in pattern.split("&")]


def _matches(pattern: str, subject: Subject) -> bool:
    return all(_term_matches(term, subject) for term in _terms(pattern))


def _term_matches(term: str, subject: Subject) -> bool:
    kind, colon, rest = term.partition(":")
    if not colon:
        return _named(term, subject.server, subject.version)
    if kind in ECOSYSTEMS:
        return kind == subject.ecosystem and _package_matches(rest, subject)
    if kind == "version":
        return _version_matches(rest, subject.version)
    values = (subject.source,) if kind == "source" else subject.publishers
    return any(fnmatchcase(value, rest) for value in values)


def _package_matches(pattern: str, subject: Subject) -> bool:
    if subject.ecosystem != "pypi":
        return _named(pattern, subject.package, subject.version)
    name, at, version = pattern.partition("@")
    return _named(f"{_normalised(name)}{at}{version}", _normalised(subject.package), subject.version)


def _named(pattern: str, name: str, version: str | None) -> bool:
    if fnmatchcase(name, pattern):
        return True
    head, at, wanted = pattern.rpartition("@")
    return bool(at and head) and fnmatchcase(name, head) and _version_matches(wanted, version)


def _version_matches(pattern: str, version: str | None) -> bool:
    return version is None or fnmatchcase(version, pattern)


def _normalised(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
