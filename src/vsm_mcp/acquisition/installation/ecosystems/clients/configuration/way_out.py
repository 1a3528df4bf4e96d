"""Where a confined package client may connect to: the registries that the user configured, and who serves their files.

With a proxy only the proxy can be reached, and the proxy decides what lies behind it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import anyio

from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.belongings import variables
from vsm_mcp.errors import InstallationError, SandboxError
from vsm_mcp.sandbox.egress.addresses import Resolve, host_resolver, why_refused
from vsm_mcp.sandbox.egress.rules import Egress, normal_host

MOST_FILE_HOSTS = 16
LOOK_UP_SECONDS = 5.0
LOOK_UPS = 3

_PROXY_VARIABLES = ("*_PROXY", "*_proxy")
_SCHEMES = ("https", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The user's proxies.

    Attributes:
        http: The one for addresses without encryption; empty when there is none.
        https: The one for those with.
        none: The hosts that are reached without, separated by commas.
    """

    http: str = ""
    https: str = ""
    none: str = ""

    def __repr__(self) -> str:
        """Show no address: it may hold a password."""
        return f"Proxies(http={bool(self.http)}, https={bool(self.https)}, none={self.none!r})"

    def through(self, url: str) -> str:
        """Return the proxy that ``url`` is reached through; empty when it is reached directly."""
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        return "" if not proxy or self._direct(parts.hostname or "") else proxy

    def _direct(self, host: str) -> bool:
        names = [name.strip().removeprefix("*").lstrip(".").partition(":")[0] for name in self.none.split(",")]
        return "*" in self.none.split(",") or any(host == name or host.endswith(f".{name}") for name in names if name)


def proxies_of_environment() -> Proxies:
    """Return the proxies that this process's own environment names, in the spelling that clients read first."""
    known = variables(*_PROXY_VARIABLES)

    def value(name: str) -> str:
        return _based(
            known.get(name) or known.get(name.upper()) or known.get("all_proxy") or known.get("ALL_PROXY", "")
        )

    return Proxies(
        http=value("http_proxy"),
        https=value("https_proxy"),
        none=known.get("no_proxy") or known.get("NO_PROXY", ""),
    )


async def way_out(
    indexes: Iterable[str], files: Iterable[str], proxies: Proxies, *, resolve: Resolve | None = None
) -> Egress:
    """Return the way to registries, which may be private, and to the hosts of files that they list.

    A registry on the internet must not lead to a private address; one in a private network may.

    Args:
        indexes: Addresses that the user configured; those with another scheme than ``http`` need no way out.
        files: Addresses of files, as a registry told them.
        proxies: What these are reached through.
        resolve: Finds the addresses of a host; by default this machine does.

    Raises:
        InstallationError: A registry or a proxy has a number instead of a name.
    """
    configured = [url for url in indexes if urlsplit(url).scheme in _SCHEMES]
    told = [url for url in dict.fromkeys(files) if _reachable(url)]
    stops = dict.fromkeys(proxies.through(url) or url for url in configured)
    via = dict.fromkeys(proxies.through(url) for url in told)
    own = _egress([*stops, *(proxy for proxy in via if proxy)], private=True)
    hosts = _of_hosts(url for url in told if not proxies.through(url))
    inside = bool(hosts) and await _inside(configured, resolve or host_resolver())
    others = _egress(hosts, private=inside)
    return Egress(allow=(*own.allow, *others.allow), private=(*own.private, *others.private))


async def _inside(urls: Iterable[str], resolve: Resolve) -> bool:
    """Tell whether one of the registries lies in a network that is not the internet; unknown is no."""
    for host in dict.fromkeys(urlsplit(url).hostname or "" for url in urls):
        if any(why_refused(address, private=False) for address in await _addresses(host, resolve)):
            return True
    return False


async def _addresses(host: str, resolve: Resolve) -> Sequence[str]:
    """Return the addresses of a host; a name server that is busy for a moment is asked again."""
    for _ in range(LOOK_UPS):
        with anyio.move_on_after(LOOK_UP_SECONDS), suppress(OSError):
            return await resolve(host, 443)
    return ()


def _of_hosts(urls: Iterable[str]) -> list[str]:
    """Return one address for each host; a registry that names very many is not followed to all of them."""
    hosts: dict[tuple[str, str], str] = {}
    for url in urls:
        parts = urlsplit(url)
        hosts.setdefault((parts.scheme, parts.netloc), f"{parts.scheme}://{parts.netloc}/")
        if len(hosts) == MOST_FILE_HOSTS:
            break
    return list(hosts.values())


def _egress(urls: Iterable[str], *, private: bool) -> Egress:
    try:
        return Egress.of_urls(urls, private=private)
    except SandboxError as error:
        raise InstallationError(
            f"A confined package client cannot be let through to a configured registry or proxy: {error.message}",
            remedies=("Configure registries and proxies by names; /etc/hosts can give an address a name.",),
        ) from error


def _reachable(url: str) -> bool:
    """Tell whether an address that a registry told is one that a way can lead to; what is not is not let through."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and parts.port != 0 and _named(parts.hostname or "")
    except ValueError:
        return False


def _named(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return normal_host(host) is not None
    return False


def _based(proxy: str) -> str:
    """Return a proxy's address with its scheme, which variables may leave out."""
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
