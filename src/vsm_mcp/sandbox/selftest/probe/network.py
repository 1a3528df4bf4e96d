"""Attempts on the network: to reach this machine, its neighbours and the world, and to open unusual sockets."""

import socket

from vsm_mcp.sandbox.selftest.probe.attempt import CONNECT_SECONDS, AbsentError, Attempt, Canary, HeldError, Trial

THEME = "network"

_SERVICES = "services of this machine"
_OUTSIDE = "a way to send data out and to fetch code"
_SPY = "the traffic of others, or forged packets"
_NO_SUCH_NAME = 3
_KERNEL = "rarely used code of the kernel"

_FAMILIES = {
    "open a packet socket": (17, socket.SOCK_RAW, 3, _SPY),
    "open a virtual machine socket": (40, socket.SOCK_STREAM, 0, _SERVICES),
    "open a crypto socket": (38, socket.SOCK_SEQPACKET, 0, _KERNEL),
    "open a netlink socket of the firewall": (16, socket.SOCK_RAW, 12, _KERNEL),
    "open a netlink socket of IPsec": (16, socket.SOCK_RAW, 6, _KERNEL),
    "open a netlink socket of device events": (16, socket.SOCK_RAW, 15, _SPY),
    "open a bluetooth socket": (31, socket.SOCK_SEQPACKET, 0, _KERNEL),
    "open a CAN bus socket": (29, socket.SOCK_RAW, 1, _KERNEL),
    "open an XDP socket": (44, socket.SOCK_RAW, 0, _SPY),
    "open a kernel connection socket": (41, socket.SOCK_DGRAM, 0, _KERNEL),
}


def attempts() -> tuple[Attempt, ...]:
    """Return all of them."""
    return (*_this_machine(), *_the_world(), *_sockets())


def _this_machine() -> tuple[Attempt, ...]:
    def reach(name: str, trial: Trial) -> Attempt:
        return Attempt(name, THEME, _SERVICES, trial, harmless=True, control=True)

    return (
        reach("reach the loopback of the host", lambda c: _tcp("127.0.0.1", c["tcp"])),
        reach("reach the host by its address", _own_address),
        reach("reach the host by IPv6", _six),
        reach("reach the host by UDP", lambda c: _udp(c["udp"])),
        reach("reach an abstract socket", lambda c: _connect(socket.AF_UNIX, "\0" + c["abstract"])),
        reach("reach a socket file", lambda c: _connect(socket.AF_UNIX, c["socket"])),
    )


def _the_world() -> tuple[Attempt, ...]:
    def leave(name: str, trial: Trial) -> Attempt:
        return Attempt(name, THEME, _OUTSIDE, trial)

    return (
        Attempt("reach the metadata service", THEME, "the cloud's credentials", _metadata),
        leave("reach the internet", lambda _: _tcp("192.0.2.1", "443")),
        leave("reach the internet by IPv6", lambda _: _six_to("2001:db8::1", 443)),
        leave("reach a private network", lambda _: _tcp("10.0.0.1", "443")),
        leave("resolve a name", _names),
        leave("ask a name server", _name_server),
        Attempt("find other interfaces", THEME, _OUTSIDE, _interfaces, harmless=True),
    )


def _sockets() -> tuple[Attempt, ...]:
    found = [
        Attempt(name, THEME, gain, _family(number, kind, protocol))
        for name, (number, kind, protocol, gain) in _FAMILIES.items()
    ]
    ping = Attempt("open a raw socket", THEME, _SPY, _family(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
    return (ping, *found)


def _tcp(host: str, port: str) -> str:
    return _connect(socket.AF_INET, (host, int(port)))


def _metadata(_: Canary) -> str:
    return _tcp("169.254.169.254", "80")


def _own_address(canary: Canary) -> str:
    if not canary["address"]:
        raise AbsentError("this machine has no address but the loopback")
    return _tcp(canary["address"], canary["tcp of address"])


def _six(canary: Canary) -> str:
    if not canary["tcp6"]:
        raise AbsentError("this machine has no IPv6")
    return _six_to("::1", int(canary["tcp6"]))


def _six_to(host: str, port: int) -> str:
    return _connect(socket.AF_INET6, (host, port))


def _connect(family: int, address: "str | tuple[str, int]") -> str:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(address)
        connection.send(b"hello")
        return f"sent to {address!r}"


def _udp(port: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(("127.0.0.1", int(port)))
        connection.send(b"hello")
        return repr(connection.recv(10))


def _names(canary: Canary) -> str:
    return repr(socket.getaddrinfo(canary["denied"], 80)[:2])


def _name_server(canary: Canary) -> str:
    """Send a question to the name servers of this machine, which may be on the loopback."""
    question = bytes.fromhex("000101000001000000000000") + b"\x07example\x03com\x00\x00\x01\x00\x01"
    for server in canary["nameservers"].split():
        answer = _asked(server, question)
        if answer and not (server == canary["own name server"] and answer[3] & 15 == _NO_SUCH_NAME):
            return f"{server} said {answer[:20]!r}"
    raise HeldError("none can be reached")


def _asked(server: str, question: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(CONNECT_SECONDS)
        try:
            connection.connect((server, 53))
            connection.send(question)
            return connection.recv(512)
        except OSError:
            return b""


def _interfaces(_: Canary) -> str:
    others = [name for _number, name in socket.if_nameindex() if name != "lo"]
    if others:
        return f"found {' '.join(others)}"
    raise HeldError("only its own loopback")


def _family(number: int, kind: int, protocol: int) -> Trial:
    def trial(_: Canary) -> str:
        socket.socket(number, kind, protocol).close()
        return "made"

    return trial
