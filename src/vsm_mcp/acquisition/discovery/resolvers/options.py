"""What a user set for uv besides its indexes: where else files lie, whom to log in as, proxies and certificates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

MOST_PLACES = 20

_NAMED = re.compile(r"([A-Za-z0-9._-]+)=(?=[a-z]+:)")
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UvOptions:
    """What a user set for uv.

    Attributes:
        find_links: Directories, files or addresses where wheels lie beside the indexes.
        strategy: How several indexes are read; empty when it is not set.
        system_certificates: Whether the system's certificates are trusted instead of uv's own.
        insecure_hosts: Hosts whose certificates are not checked.
        http_proxy: What addresses without encryption are reached through.
        https_proxy: The same for those with.
        no_proxy: What is reached without, separated by commas.
    """

    find_links: tuple[str, ...] = ()
    strategy: str = ""
    system_certificates: bool = False
    insecure_hosts: tuple[str, ...] = ()
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""

    def __repr__(self) -> str:
        """Show no address: it may hold a password."""
        return f"UvOptions(find_links={len(self.find_links)}, strategy={self.strategy!r})"


def read_options(told: Mapping[str, str]) -> UvOptions:
    """Read what was set; a variable wins over the configuration file."""

    def value(*keys: str) -> str:
        return next((told[key] for key in keys if told.get(key)), "")

    certificates = value("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "uv.system-certs", "uv.native-tls")
    return UvOptions(
        find_links=_listed(value("UV_FIND_LINKS", "uv.find-links"), ","),
        strategy=value("UV_INDEX_STRATEGY", "uv.index-strategy"),
        system_certificates=certificates.lower() in _TRUE,
        insecure_hosts=_listed(value("UV_INSECURE_HOST", "uv.allow-insecure-host").replace(",", " "), None),
        http_proxy=value("uv.http-proxy"),
        https_proxy=value("uv.https-proxy"),
        no_proxy=value("uv.no-proxy"),
    )


def logged_in(address: str, told: Mapping[str, str]) -> str:
    """Return an index's address without the name in front of it, with the login that variables give for that name."""
    named = _NAMED.match(address)
    if named is None:
        return address
    plain, name = address[named.end() :], re.sub(r"[^A-Z0-9]", "_", named.group(1).upper())
    user, password = (told.get(f"UV_INDEX_{name}_{part}", "") for part in ("USERNAME", "PASSWORD"))
    parts = urlsplit(plain)
    if not (user or password) or "@" in parts.netloc:
        return plain
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"))


def _listed(text: str, separator: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(separator) if word.strip())[:MOST_PLACES]
