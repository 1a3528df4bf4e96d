"""How a server is reached: a process that is started, an object of this process, or an address.

Every launch is a value that was checked when it was made: an address has a scheme that is spoken, a host, no user, no
password and no fragment, and secrets appear by reference only.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit

from vsm_mcp.errors import PayloadError

LONGEST_URL = 2048
LONGEST_HOST = 253
MOST_HEADERS = 32
LARGEST_PORT = 65_535

_LABELS = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]{0,254}|file:/[^\x00-\x1f]{1,4095})")
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
        _check_url(self.url, self._schemes)
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

    Raises:
        PayloadError: The address or a header cannot be used, or secrets would travel unencrypted.
    """

    _schemes = ("https", "http")


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
        _check_host(self.host)
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


def is_here(host: str) -> bool:
    """Tell whether ``host`` is this machine's loopback, which nobody else listens to."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad_url("it is not 1 to 2048 printable ASCII characters without spaces", schemes)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad_url(str(error).rstrip("."), schemes) from error
    if parts.scheme not in schemes:
        raise _bad_url(f"its scheme is {parts.scheme[:20]!r}", schemes)
    if why := _flaw(parts, port):
        raise _bad_url(why, schemes)
    _check_host(_host(url))


def _flaw(parts: SplitResult, port: int | None) -> str:
    if parts.username is not None or parts.password is not None:
        return "it holds a user or a password"
    if parts.fragment:
        return "it has a fragment"
    return "its port is 0" if port == 0 else ""


def _bad_url(why: str, schemes: tuple[str, ...]) -> PayloadError:
    """Return the error; the address itself is not shown, for it may hold a password."""
    return PayloadError(
        f"The address of a server cannot be used: {why}.",
        remedies=(
            f"Write it as {schemes[0]}://HOST[:PORT]/PATH.",
            "Give credentials as headers by reference, such as headers={'Authorization': 'env:NAME'}.",
        ),
    )


def _check_host(host: str) -> None:
    if ":" in host or host.replace(".", "").isdigit():
        try:
            ip_address(host)
        except ValueError as error:
            raise PayloadError(f"{host[:80]!r} is not an address.", remedies=("Give a name or an address.",)) from error
    elif len(host) > LONGEST_HOST or not _LABELS.fullmatch(host.removesuffix(".")):
        raise PayloadError(f"{host[:80]!r} is not the name of a host.", remedies=("Give a name or an address.",))


def _check_headers(url: str, headers: Mapping[str, str]) -> None:
    if len(headers) > MOST_HEADERS:
        raise PayloadError(f"{len(headers)} headers are more than the {MOST_HEADERS} allowed.")
    for name, reference in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            raise PayloadError(f"The header {name[:64]!r} cannot be given.", remedies=("Give another header.",))
        if not _REFERENCE.fullmatch(reference):
            raise PayloadError(
                f"The value of the header {name} must be given by reference.",
                remedies=("Write env:NAME or file:/absolute/path instead of the value itself.",),
            )
    if headers and urlsplit(url).scheme in {"http", "ws"} and not is_here(_host(url)):
        raise PayloadError(
            f"The headers for {_host(url)} would travel unencrypted.",
            remedies=("Use an address that begins with https:// or wss://.",),
        )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or _PORTS[parts.scheme]
