"""Addresses of the network, checked before anything is done with them; and secrets, which are given by reference."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from vsm_mcp.errors import PayloadError

LONGEST_URL = 2048
LONGEST_HOST = 253

_LABELS = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.IGNORECASE)
_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]{0,254}|file:/[^\x00-\x1f]{1,4095})")


def check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Refuse an address that is none, or not one of ``schemes``, the best of them first.

    Raises:
        PayloadError: It cannot be used; the address itself is not shown, for it may hold a password.
    """
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
    check_host(parts.hostname or "")


def check_host(host: str) -> None:
    """Refuse what is neither the name of a host nor an address.

    Raises:
        PayloadError: It is neither.
    """
    if ":" in host or host.replace(".", "").isdigit():
        try:
            ip_address(host)
        except ValueError as error:
            raise PayloadError(f"{host[:80]!r} is not an address.", remedies=("Give a name or an address.",)) from error
    elif len(host) > LONGEST_HOST or not _LABELS.fullmatch(host.removesuffix(".")):
        raise PayloadError(f"{host[:80]!r} is not the name of a host.", remedies=("Give a name or an address.",))


def check_reference(reference: str, what: str) -> None:
    """Refuse a secret that is given by its value.

    Raises:
        PayloadError: It is no reference.
    """
    if not _REFERENCE.fullmatch(reference):
        raise PayloadError(
            f"The value of {what} must be given by reference.",
            remedies=("Write env:NAME or file:/absolute/path instead of the value itself.",),
        )


def is_here(host: str) -> bool:
    """Tell whether ``host`` is this machine's loopback, which nobody else listens to."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def stays_between(url: str) -> bool:
    """Tell whether what goes to an address is encrypted, or does not leave this machine."""
    parts = urlsplit(url)
    return parts.scheme in {"https", "wss"} or (parts.scheme in {"http", "ws"} and is_here(parts.hostname or ""))


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
