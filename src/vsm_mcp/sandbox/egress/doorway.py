"""The program that opens sockets inside a sandbox's network and hands them out; a process of its own, gone at once.

A process may enter another user namespace only while it has a single thread, so this cannot happen in the process that
uses the library. It is started alone, without anything but the standard library: run it as
``python -I -S doorway.py USER USERS NETWORK CONTROL NAMES_PORT PORT...``, where USER is the user to become or -1, the
next three are the descriptors of two namespaces and of a socket, and the rest are the ports to listen at.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Sequence

NEW_USER = 0x10000000
NEW_NETWORK = 0x40000000
BACKLOG = 128
DONE = b"open"


def main(words: Sequence[str]) -> None:
    """Become the owner of the sandbox, enter its network, listen there, and hand the sockets out."""
    user, users, network, control, names_port, *ports = (int(word) for word in words)
    if user >= 0:
        become(user)
    enter(users, NEW_USER)
    enter(network, NEW_NETWORK)
    with socket.socket(fileno=control) as out:
        hand_out(out, [*name_sockets(names_port), *(listener("0.0.0.0", port) for port in ports)])  # noqa: S104 - of the sandbox's own network


def become(user: int) -> None:
    """Give up all that root may do, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def enter(descriptor: int, kind: int) -> None:
    """Enter a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"entering the namespace failed: {os.strerror(number)}")


def name_sockets(port: int) -> tuple[socket.socket, socket.socket]:
    """Return the two sockets at which names are asked for: datagrams, then connections."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    return datagrams, listener("127.0.0.1", port)


def listener(address: str, port: int) -> socket.socket:
    """Return a socket that listens."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is accepted here inherits it
    listening.bind((address, port))
    listening.listen(BACKLOG)
    return listening


def hand_out(out: socket.socket, sockets: Sequence[socket.socket]) -> None:
    """Send the sockets, in order, and close them here."""
    socket.send_fds(out, [DONE], [one.fileno() for one in sockets])
    for one in sockets:
        one.close()


if __name__ == "__main__":
    main(sys.argv[1:])
