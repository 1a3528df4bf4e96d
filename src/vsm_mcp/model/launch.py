"""How a server is reached: a process that is started, an object of this process, or an address.

Every launch is a value that was checked when it was made: an address has a scheme that is spoken, a host, no user, no
password and no fragment, and secrets appear by reference only.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.addresses import check_host, check_reference, check_url, stays_between
from vsm_mcp.model.authorization import Authorization

MOST_HEADERS = 32
LARGEST_PORT = 65_535

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = frozenset({
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "host",
    "last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioLaunch:
    """Start a process and speak over its standard input and output.

    Attributes:
        argv: Absolute program first. A word that begins with ``/pkg`` means the installed package, one that begins with
            ``/work`` the writable directory.
        env: Variables that are part of the launch itself (never secrets).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcessLaunch:
    """Use a server object of the host's own process; ``make`` returns a fresh one (an SDK server)."""

    make: Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _AddressLaunch:
    """What is alike for every server that is reached by an address."""

    _schemes: ClassVar[tuple[str, str]]
    """Of its address: the encrypted one first."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Refuse what could not be reached, or not safely."""
        check_url(self.url, self._schemes)
        _check_headers(self.url, self.headers)

    @property
    def host(self) -> str:
        """The host that is connected to."""
        return _host(self.url)

    @property
    def port(self) -> int:
        """The port that is connected to."""
        return _port(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLaunch(_AddressLaunch):
    """Speak over HTTP: the streamable kind, and the older one of two streams where a server knows only that.

    Attributes:
        url: The address of the server's endpoint.
        headers: Headers of every request; each value is a reference to a secret (``env:NAME``, ``file:/path``).
        authorization: How the server lets this host in when it asks for a token; ``None``: it is not asked for one.

    Raises:
        PayloadError: The address or a header cannot be used, or secrets would travel unencrypted.
    """

    _schemes = ("https", "http")

    authorization: Authorization | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be reached, or not safely."""
        _AddressLaunch.__post_init__(self)
        if self.authorization is None:
            return
        if any(name.lower() == "authorization" for name in self.headers):
            raise PayloadError(
                "The server is given the header Authorization and a way to get a token for it.",
                remedies=("Give one of them.",),
            )
        if not stays_between(self.url):
            raise PayloadError(
                f"The token for {self.host} would travel unencrypted.",
                remedies=("Use an address that begins with https://.",),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpLaunch:
    """Speak over a TCP connection, one JSON message per line. Nothing is encrypted.

    Attributes:
        host: A name or an address.
        port: Its port.

    Raises:
        PayloadError: The host is none, or the port is out of range.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        """Refuse what could not be reached."""
        check_host(self.host)
        if not 0 < self.port <= LARGEST_PORT:
            raise PayloadError(f"{self.port} is not a port.", remedies=(f"Give a number from 1 to {LARGEST_PORT}.",))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLaunch(_AddressLaunch):
    """Speak over a WebSocket with the subprotocol ``mcp``, one JSON message per frame.

    Attributes:
        url: The address, ``wss://`` or ``ws://``.
        headers: Headers of the opening request; each value is a reference to a secret.

    Raises:
        PayloadError: The address or a header cannot be used, or secrets would travel unencrypted.
    """

    _schemes = ("wss", "ws")


RemoteLaunch = HttpLaunch | TcpLaunch | WebSocketLaunch
"""Where a server runs that is not started here: it has no process and no confinement of ours."""

Launch = StdioLaunch | InProcessLaunch | RemoteLaunch


def address_of(launch: RemoteLaunch) -> str:
    """Return where ``launch`` leads, as it may be shown: without its query, which may hold a secret."""
    match launch:
        case TcpLaunch(host=host, port=port):
            return f"tcp://{f'[{host}]' if ':' in host else host}:{port}"
        case HttpLaunch(url=url) | WebSocketLaunch(url=url):
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.netloc}{parts.path}"


def endpoints_of(launch: RemoteLaunch) -> frozenset[tuple[str, int]]:
    """Return the hosts, in lower case, and ports that a launch itself names: its server's, and its issuer's if any."""
    own = {(launch.host.lower(), launch.port)}
    if isinstance(launch, HttpLaunch) and launch.authorization and (issuer := launch.authorization.issuer):
        own.add((_host(issuer).lower(), _port(issuer)))
    return frozenset(own)


def _check_headers(url: str, headers: Mapping[str, str]) -> None:
    if len(headers) > MOST_HEADERS:
        raise PayloadError(f"{len(headers)} headers are more than the {MOST_HEADERS} allowed.")
    for name, reference in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            raise PayloadError(f"The header {name[:64]!r} cannot be given.", remedies=("Give another header.",))
        check_reference(reference, f"the header {name}")
    if headers and not stays_between(url):
        raise PayloadError(
            f"The headers for {_host(url)} would travel unencrypted.",
            remedies=("Use an address that begins with https:// or wss://.",),
        )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or _PORTS[parts.scheme]
