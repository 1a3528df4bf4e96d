"""Which hosts a confined server may reach: names and ports, judged when written down; a dangerous rule is refused."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Self
from urllib.parse import urlsplit

import idna
from publicsuffixlist import PublicSuffixList
from pydantic import BaseModel, Field, field_validator, model_validator

from vsm_mcp.errors import SandboxError

DEFAULT_PORT = 443
LOCAL = "localhost"
LOCAL_ADDRESS = "127.0.0.1"
LONGEST_NAME = 253
MOST_ENTRIES = 256
MOST_PORTS = 64
NAMES_PORT = 53
"""Where the sandbox asks for names; answered inside, so nothing else can be reached there."""

_LONGEST_LABEL = 63
_LONGEST_ENTRY = 300
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_SCHEME_PORTS = {"https": 443, "http": 80}
_EXAMPLES = ("Name a host, such as api.example.com, api.example.com:8443 or *.example.com.",)


class Egress(BaseModel, frozen=True, extra="forbid"):
    """Where a confined server may connect to. By default: nowhere.

    An entry is ``host``, ``host:port``, ``*.host`` or ``*.host:port``; without a port, 443 is meant. ``example.com``
    means that host and none below it; ``*.example.com`` means every host below it, at any depth, and not
    ``example.com`` itself. Entries are kept in one form: lower case, ASCII, with a port, each once.

    Attributes:
        allow: What may be reached.
        private: Hosts among these, by their full names, whose addresses may be private or of this machine itself, such
            as a company's own package registry. Every other name that leads to such an address is refused.
        connections: Connections open at once.
        bytes_per_connection: Bytes of one connection, both ways together.
        total_bytes: Bytes of all connections of one start, both ways together.
        names: Different host names that one start may look up.
        idle: Seconds without a byte either way after which a connection is closed.

    Raises:
        SandboxError: An entry is not a name, is much too wide, or ``private`` names what ``allow`` does not.
    """

    allow: Annotated[tuple[str, ...], Field(max_length=MOST_ENTRIES)] = ()
    private: Annotated[tuple[str, ...], Field(max_length=MOST_ENTRIES)] = ()
    connections: Annotated[int, Field(ge=1, le=1024)] = 64
    bytes_per_connection: Annotated[int, Field(ge=1)] = 1 << 30
    total_bytes: Annotated[int, Field(ge=1)] = 1 << 32
    names: Annotated[int, Field(ge=1, le=1024)] = 256
    idle: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300.0

    @classmethod
    def of_declared(cls, hosts: Iterable[str], *, private: Iterable[str] = ()) -> Self:
        """Return the way out for hosts that a server declares, or that a user grants; none, when there are none.

        Raises:
            SandboxError: One of them is refused.
        """
        return cls(allow=tuple(hosts), private=tuple(private))

    @classmethod
    def of_urls(cls, urls: Iterable[str], *, private: bool = False) -> Self:
        """Return the way to the hosts of ``urls``, such as the package registries that a user configured.

        Args:
            urls: Addresses with ``https`` or ``http``; 127.0.0.1 is called ``localhost``.
            private: Whether these hosts may have private addresses.

        Raises:
            SandboxError: One of them is no such address, or its host is refused.
        """
        places = [_place(url) for url in urls]
        return cls(
            allow=tuple(f"{host}:{port}" for host, port in places),
            private=tuple(host for host, _ in places) if private else (),
        )

    @field_validator("allow", mode="after")
    @classmethod
    def _normal_entries(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        normal = tuple(dict.fromkeys(_normal_entry(entry) for entry in entries))
        if len({_port_of(entry) for entry in normal}) > MOST_PORTS:
            raise SandboxError(
                f"The way out names more than {MOST_PORTS} different ports.",
                remedies=("Name only the ports that the server needs.",),
            )
        return normal

    @field_validator("private", mode="after")
    @classmethod
    def _normal_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_host(host, host) for host in hosts))

    @model_validator(mode="after")
    def _refuse_private_without_leave(self) -> Self:
        for host in self.private:
            if not self.knows(host):
                raise SandboxError(
                    f"{host} may have a private address, but nothing allows to reach it.",
                    remedies=(f"Allow {host} as well, or leave it out of private.",),
                )
        return self

    def __bool__(self) -> bool:
        """Tell whether anything may be reached."""
        return bool(self.allow)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that may be reached on some host, in order."""
        return tuple(sorted({_port_of(entry) for entry in self.allow}))

    @property
    def words(self) -> str:
        """What may be reached, for people."""
        return f"connections to {', '.join(self.allow)} and nothing else" if self.allow else "no network"

    def permits(self, host: str, port: int) -> bool:
        """Tell whether ``host`` may be reached at ``port``; what is not the name of a host may not."""
        name = normal_host(host)
        if name is None:
            return False
        return any(f"{form}:{port}" in self.allow for form in (name, *(f"*.{above}" for above in _above(name))))

    def knows(self, host: str) -> bool:
        """Tell whether ``host`` may be reached at some port."""
        return any(self.permits(host, port) for port in self.ports)


def normal_host(text: str) -> str | None:
    """Return the one form of a host's name: lower case, ASCII, no dot at the end; ``None`` when it is none.

    What looks like an IP address, in any of the spellings that systems accept, is not a name.
    """
    name = _ascii(text)
    if name is None or len(name) > LONGEST_NAME:
        return None
    labels = name.split(".")
    if any(len(label) > _LONGEST_LABEL or not _LABEL.fullmatch(label) for label in labels):
        return None
    return None if _NUMBER.fullmatch(labels[-1]) else name


def _ascii(text: str) -> str | None:
    if len(text) > _LONGEST_ENTRY:
        return None
    if text.isascii():
        return text.lower().removesuffix(".")
    try:
        return idna.encode(text, uts46=True).decode("ascii").removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        return None


def _above(name: str) -> Iterator[str]:
    """Go through the domains that ``name`` lies below."""
    while "." in name:
        name = name.partition(".")[2]
        yield name


def _normal_entry(entry: str) -> str:
    target, colon, port = entry.partition(":")
    number = DEFAULT_PORT
    if colon:
        number = int(port) if _PORT.fullmatch(port) else 0
    if not 0 < number < 1 << 16 or number == NAMES_PORT:
        raise _refusal(entry, f"its port must be a number from 1 to 65535, and not {NAMES_PORT}")
    if not target.startswith("*."):
        return f"{_host(target, entry)}:{number}"
    domain = _host(target.removeprefix("*."), entry)
    if _is_public_suffix(domain):
        raise _refusal(entry, f"anybody may have a name below {domain}")
    return f"*.{domain}:{number}"


def _host(text: str, entry: str) -> str:
    if "*" in text:
        raise _refusal(entry, "a * stands only for the hosts below a domain, as in *.example.com")
    host = normal_host(text)
    if host is None:
        raise _refusal(entry, "it is not the name of a host; addresses, paths and user names cannot be allowed")
    return host


def _is_public_suffix(domain: str) -> bool:
    return _suffixes().is_public(domain)


@cache
def _suffixes() -> PublicSuffixList:
    """Read the list of the domains below which anybody may have a name: 40 ms, so once, and only for wildcards."""
    return PublicSuffixList()


def _port_of(entry: str) -> int:
    return int(entry.rpartition(":")[2])


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or _SCHEME_PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise _refusal(url, "it is not an address with https or http") from error
    host = parts.hostname or ""
    return _host(LOCAL if host == LOCAL_ADDRESS else host, url), port


def _refusal(entry: str, why: str) -> SandboxError:
    shown = entry.rpartition("@")[2][:80]  # what stands before may be a password
    return SandboxError(f"{shown!a} cannot be allowed as a way out: {why}.", remedies=_EXAMPLES)
