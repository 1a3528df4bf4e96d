"""From an allowed name to a connection: every address is checked, and what was checked is what is connected to.

A name leads nowhere when one of its addresses is refused: names that mix public and private addresses are how a hostile
name server reaches what only this machine may.
"""

import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import anyio
from anyio import to_thread

LOOK_UP_SECONDS = 15.0
CONNECT_SECONDS = 15.0
STAGGER_SECONDS = 0.25
MOST_ADDRESSES = 16
LOOK_UPS_AT_ONCE = 4

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host for connections to a port; raises ``OSError`` when it has none."""

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200", "168.63.129.16", "169.254.169.254", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
    )
)  # fmt: skip
_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7",
    )
)  # fmt: skip
# Never on the internet, so some networks and proxies give them to hosts of their own.
_BORROWED = tuple(
    ip_network(text)
    for text in (
        "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20",
    )
)  # fmt: skip
_DISGUISES = tuple(
    ip_network(text)
    for text in (
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "192.88.99.0/24",
    )
)  # fmt: skip
_TRANSLATED = IPv6Network("64:ff9b::/96")
_GLOBAL_6 = IPv6Network("2000::/3")


class UnreachableError(Exception):
    """An allowed name leads nowhere; the text says why, in words for an event."""


async def reach(host: str, port: int, *, private: bool, resolve: Resolve) -> socket.socket:
    """Connect to ``host``, if all its addresses may be reached.

    Args:
        host: An allowed name.
        port: An allowed port.
        private: Whether its addresses may be private, meant for examples and tests, or this machine's own.
        resolve: Finds the addresses.

    Raises:
        UnreachableError: It has no address, one that is refused, or none that answers.
    """
    try:
        with anyio.fail_after(LOOK_UP_SECONDS):
            addresses = tuple(dict.fromkeys(await resolve(host, port)))[:MOST_ADDRESSES]
    except TimeoutError as error:
        raise UnreachableError(f"its name was not resolved within {LOOK_UP_SECONDS:g} seconds") from error
    except OSError as error:
        raise UnreachableError(f"its name cannot be resolved: {error}") from error
    for address in addresses:
        if why := why_refused(address, private=private):
            raise UnreachableError(f"its address {address} {why}")
    connected = await _first_to_answer(addresses, port)
    if connected is None:
        raise UnreachableError(f"none of its {len(addresses)} addresses answers at port {port}")
    return connected


def host_resolver() -> Resolve:
    """Return what asks this machine's resolver, in few threads: a slow name server must not use them all up."""
    limiter = anyio.CapacityLimiter(LOOK_UPS_AT_ONCE)

    async def resolve(host: str, port: int) -> Sequence[str]:
        ask = partial(socket.getaddrinfo, host.encode("ascii"), port, type=socket.SOCK_STREAM)
        found = await to_thread.run_sync(ask, abandon_on_cancel=True, limiter=limiter)
        return [str(address[0]) for *_, address in found]

    return resolve


def why_refused(text: str, *, private: bool) -> str:
    """Return why an address must not be reached, such as ``"is private"``; empty when it may be."""
    try:
        address = ip_address(text)
    except ValueError:
        return "is none"
    if isinstance(address, IPv6Address) and address in _TRANSLATED:
        return _why(IPv4Address(address.packed[-4:]), private=private)
    return _why(address, private=private)


def _why(address: IPv4Address | IPv6Address, *, private: bool) -> str:
    if always := _why_always(address):
        return always
    if private:
        return ""
    if _within(address, _PRIVATE):
        return "is private, and nothing says that it may be"
    if _within(address, _BORROWED):
        return "is one for examples and tests, and nothing says that it may be"
    return "is this machine's own, and nothing says that it may be" if is_own(str(address)) else ""


def _why_always(address: IPv4Address | IPv6Address) -> str:
    if address in _METADATA:
        return "is that of a metadata service"
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "is link-local, multicast or unspecified"
    if _within(address, (*_PRIVATE, *_BORROWED)):
        return ""
    if _within(address, _DISGUISES):
        return "hides another address"
    return "" if _is_global(address) else "is reserved"


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global
    return address.is_global and address in _GLOBAL_6


def _within(address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def is_own(address: str) -> bool:
    """Tell whether an address is one of this machine's own; asks the routing table and sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect((address, 9))
        return str(probe.getsockname()[0]) == address
    return False


async def _first_to_answer(addresses: Sequence[str], port: int) -> socket.socket | None:
    """Try the addresses in turn, the next when one fails or is slow; the first to answer is taken."""
    made: list[socket.socket] = []
    try:
        with anyio.move_on_after(CONNECT_SECONDS):
            async with anyio.create_task_group() as tasks:

                async def attempt(address: str, failed: anyio.Event) -> None:
                    one = await _connect(address, port)
                    if one is None:
                        failed.set()
                        return
                    made.append(one)
                    tasks.cancel_scope.cancel()

                for address in addresses:
                    failed = anyio.Event()
                    tasks.start_soon(attempt, address, failed)
                    with anyio.move_on_after(STAGGER_SECONDS):
                        await failed.wait()
    except BaseException:
        _close(made)
        raise
    _close(made[1:])
    return made[0] if made else None


async def _connect(address: str, port: int) -> socket.socket | None:
    with ExitStack() as failed:
        try:
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            failed.enter_context(one)
            one.settimeout(0)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it on sockets of its own only
            code = one.connect_ex((address, port))
        except OSError:
            return None  # this machine does not speak that protocol, or has too many open files
        if code == errno.EINPROGRESS:
            await anyio.wait_writable(one)
            code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return None
        failed.pop_all()
        return one


def _close(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()
