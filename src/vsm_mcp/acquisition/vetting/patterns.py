"""Patterns: globs that name servers, packages, sources and publishers in allow and block lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vsm_mcp.model.server import Candidate, Dependency, Resolution

ECOSYSTEMS = ("npm", "pypi", "file", "memory", "remote")
KINDS = (*ECOSYSTEMS, "source", "publisher", "version", "transport", "tool")
TRANSPORTS = ("stdio", "in-process", "remote")

_EVERY = "*"
_OF_PACKAGES = (*ECOSYSTEMS, "version", "transport")
_FORM = "name its package, such as npm:NAME or pypi:NAME"
_ANYTHING = re.compile(r"\[!?\]?[^\]]*\]|[\W_]")
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
        tool: The tool that is to be called; empty while the server as a whole is meant.
    """

    ecosystem: str
    package: str
    version: str | None = None
    server: str = ""
    source: str = ""
    publishers: tuple[str, ...] = ()
    tool: str = ""

    @property
    def transport(self) -> str:
        """How its server is spoken with."""
        return {"memory": "in-process", "remote": "remote"}.get(self.ecosystem, "stdio")

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
    >>> problem("pipy:clock")
    "'pipy' in 'pipy:clock' is none of npm, pypi, file, memory, remote, source, publisher, version, transport, tool"
    """
    for term in _terms(pattern):
        kind, colon, rest = term.partition(":")
        if colon and kind not in KINDS:
            return f"{kind!r} in {pattern!r} is none of {', '.join(KINDS)}"
        if not term or (colon and not rest):
            return f"{pattern!r} has an empty term"
        if kind == "transport" and not any(fnmatchcase(transport, rest) for transport in TRANSPORTS):
            return f"{rest!r} in {pattern!r} is none of the transports {', '.join(TRANSPORTS)}"
    return None


def identity_problem(pattern: str) -> str | None:
    """Say why something must not be given to whom a pattern matches, or return ``None``.

    What is given to a server is given to its package, which is what is installed. A server's name and who publishes it
    are somebody's claims: any registry may say them of any package.

    >>> identity_problem("npm:@scope/* & version:1.*")
    >>> identity_problem("publisher:Example")
    "'publisher' in 'publisher:Example' is a claim; name its package, such as npm:NAME or pypi:NAME"
    """
    if wrong := problem(pattern):
        return wrong
    kinds = [_kind(term) for term in _terms(pattern)]
    for kind in kinds:
        if not kind:
            return f"{pattern!r} has the name of a server, which is a claim; {_FORM}"
        if kind not in _OF_PACKAGES:
            return f"{kind!r} in {pattern!r} is a claim; {_FORM}"
    if not set(kinds) & {*ECOSYSTEMS}:
        return f"{pattern!r} would match every server; {_FORM}"
    return None


def gift_problem(pattern: str) -> str | None:
    """Say why hosts, files or secrets must not be given to whom a pattern matches, or return ``None``.

    >>> gift_problem("npm:@scope/*")
    >>> gift_problem("npm:@*/*")
    "'npm:@*/*' would match nearly every package; name one, such as npm:NAME or pypi:NAME"
    """
    if not names_all(pattern) and (wrong := identity_problem(pattern)):
        return wrong
    packages = [term for term in _terms(pattern) if _kind(term) in ECOSYSTEMS]
    if not any(_literal(_name_in(term)) for term in packages):
        return f"{pattern!r} would match nearly every package; name one, such as npm:NAME or pypi:NAME"
    return None


def names_all(pattern: str) -> bool:
    """Tell whether a pattern is about all servers alike."""
    return pattern.strip() == _EVERY


def lets_anybody_in(pattern: str) -> bool:
    """Tell whether a pattern names nobody: no server, package, source or publisher, by a single letter.

    Files and servers in memory are nobody's but the host's, which offers them.

    >>> lets_anybody_in("npm:?* & version:1.*")
    True
    >>> lets_anybody_in("publisher:Example*")
    False
    """
    return not any(_names_somebody(term) for term in _terms(pattern))


def anybody_may_join(pattern: str) -> bool:
    """Tell whether a stranger may publish a package that a pattern of packages matches.

    A package belongs to somebody, and so does a scope of npm. What only begins with some letters belongs to nobody.

    >>> anybody_may_join("npm:@scope/*"), anybody_may_join("pypi:mcp-server-*")
    (False, True)
    """
    return not any(_owned(term) for term in _terms(pattern))


def _names_somebody(term: str) -> bool:
    match _kind(term):
        case "file" | "memory" | "remote":
            return True
        case "version" | "transport" | "tool":
            return False
        case _:
            return bool(_literal(_name_in(term)))


def _owned(term: str) -> bool:
    name = _name_in(term)
    match _kind(term):
        case "npm":
            owner, slash, _ = name.partition("/")
            return not _globs(owner if slash and owner.startswith("@") else name)
        case "pypi":
            return not _globs(name)
        case "file" | "memory" | "remote":
            return bool(_literal(name))  # no stranger publishes these: the host offers them
        case _:
            return False


def _kind(term: str) -> str:
    return term.partition(":")[0] if ":" in term else ""


def _name_in(term: str) -> str:
    """Return the name that a term is about, without a version."""
    rest = term.partition(":")[2] if ":" in term else term
    head, _, _ = rest.rpartition("@")
    return head or rest


def _literal(name: str) -> str:
    return _ANYTHING.sub("", name)


def _globs(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def allows(patterns: Iterable[str], subject: Subject) -> str | None:
    """Return the first pattern that matches, as far as is known.

    A version that is still unknown may become the right one, and a server is let in for the tools that may be called.
    """
    return next((pattern for pattern in patterns if _matches(pattern, subject, unknown_tool=True)), None)


def blocks(patterns: Iterable[str], subject: Subject) -> str | None:
    """Return the first pattern that matches, upper and lower case alike.

    A pattern about a tool blocks calls of that tool, not its server.
    """
    folded = Subject(
        ecosystem=subject.ecosystem,
        package=subject.package.casefold(),
        version=subject.version or "",
        server=subject.server.casefold(),
        source=subject.source.casefold(),
        publishers=tuple(publisher.casefold() for publisher in subject.publishers),
        tool=subject.tool.casefold(),
    )
    return next((p for p in patterns if _matches(p.casefold(), folded, unknown_tool=False)), None)


def _terms(pattern: str) -> list[str]:
    return [term.strip() for term in pattern.split("&")]


def _matches(pattern: str, subject: Subject, *, unknown_tool: bool) -> bool:
    return all(_term_matches(term, subject, unknown_tool=unknown_tool) for term in _terms(pattern))


def _term_matches(term: str, subject: Subject, *, unknown_tool: bool) -> bool:
    kind, colon, rest = term.partition(":")
    if not colon:
        return _named(term, subject.server, subject.version)
    if kind in ECOSYSTEMS:
        return kind == subject.ecosystem and _package_matches(rest, subject)
    if kind == "version":
        return _version_matches(rest, subject.version)
    if kind == "tool":
        return fnmatchcase(subject.tool, rest) if subject.tool else unknown_tool
    return any(fnmatchcase(value, rest) for value in _values(kind, subject))


def _values(kind: str, subject: Subject) -> tuple[str, ...]:
    match kind:
        case "source":
            return (subject.source,)
        case "transport":
            return (subject.transport,)
        case _:
            return subject.publishers


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
