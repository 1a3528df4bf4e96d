"""Contents: what the code of a package names and uses, as far as two versions of it can be compared by that."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from vsm_mcp.model.verdict import Permission

MOST_NAMES = 2_000

_HOST = re.compile(r"\b(?:https?|wss?|ftp|tcp|udp)://(?:[^\s/@\"'`]{1,80}@)?([A-Za-z0-9][A-Za-z0-9.-]{1,250})")
_BARE_HOST = re.compile(
    r"[\"'`]((?:[a-z0-9-]{1,63}\.){1,5}(?:com|net|org|io|dev|app|club|xyz|info|ru|cn|site|top))[\"'`]"
)
_DOMAIN = re.compile(r"@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}\b")
_LOCAL_PART = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}\Z")
_LONGEST_LOCAL_PART = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the code of one version of a package names and uses.

    Attributes:
        files: The files that hold code.
        permissions: What it uses of its surroundings.
        hosts: The hosts that are written in it.
        mailboxes: The mail addresses that are written in it.
        variables: The environment variables it reads by name.
        programs: The programs it starts by name.
        signals: The codes of what no honest package contains.
        complete: False when some of it could not be read: what is not listed here may be in it all the same.
    """

    files: frozenset[str] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    hosts: frozenset[str] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    programs: frozenset[str] = frozenset()
    signals: frozenset[str] = frozenset()
    complete: bool = True


def together(contents: Sequence[Contents]) -> Contents:
    """Return what several parts of a package name and use."""
    nothing: frozenset[str] = frozenset()
    return Contents(
        files=nothing.union(*(one.files for one in contents)),
        permissions=frozenset[Permission]().union(*(one.permissions for one in contents)),
        hosts=nothing.union(*(one.hosts for one in contents)),
        mailboxes=nothing.union(*(one.mailboxes for one in contents)),
        variables=nothing.union(*(one.variables for one in contents)),
        programs=nothing.union(*(one.programs for one in contents)),
        signals=nothing.union(*(one.signals for one in contents)),
        complete=all(one.complete for one in contents),
    )


def hosts(source: str) -> frozenset[str]:
    """Return the hosts that a source names, in lower case.

    >>> sorted(hosts('get("https://API.example.com/v1"); connect("example.org")'))
    ['api.example.com', 'example.org']
    """
    return frozenset(_names(_HOST, source, mark="://")) | frozenset(_names(_BARE_HOST, source, mark="."))


def mailboxes(source: str) -> frozenset[str]:
    """Return the mail addresses that a source names, in lower case.

    >>> sorted(mailboxes('bcc = "Someone@example.org"'))
    ['someone@example.org']
    """
    return frozenset(islice(_mailboxes(source), MOST_NAMES))


def _mailboxes(source: str) -> Iterator[str]:
    """Look for what follows the at sign first: a search that may begin anywhere takes ten times as long."""
    end = 0
    for domain in _DOMAIN.finditer(source):
        at = domain.start()
        before = source[max(0, at - _LONGEST_LOCAL_PART - 1) : at]
        local = _LOCAL_PART.search(before)
        if local is not None and at - len(local.group()) >= end:
            end = domain.end()
            yield f"{local.group()}{domain.group()}".lower()


def _names(pattern: re.Pattern[str], source: str, *, mark: str) -> Iterator[str]:
    if mark not in source:
        return
    for number, found in enumerate(pattern.finditer(source)):
        if number >= MOST_NAMES:
            return
        yield found.group(found.re.groups).lower().rstrip(".")
