"""Sockets inside a sandbox's network, opened while its program is still parked and held by this process alone."""

import fcntl
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.egress import doorway
from vsm_mcp.sandbox.egress.rules import MOST_PORTS, NAMES_PORT
from vsm_mcp.world.processes import Command, Process, Processes

OPENING_SECONDS = 20.0

_OWNING_USERS = 0xB701
_OWNER = 0xB704
_LONGEST_WORDS = 2000
_REMEDIES = (
    "Run this program as an ordinary user, or as root in a container that may enter namespaces.",
    "Take the hosts out of the policy, so that the server has no network.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The sockets inside: where names are asked for, by datagram and by connection, and where connections arrive.

    Attributes:
        datagrams: Names by datagram.
        names: Names by connection.
        listeners: One for each port.
        network: The number of the network they are in.
    """

    datagrams: socket.socket
    names: socket.socket
    listeners: tuple[socket.socket, ...]
    network: int


async def open_doors(
    first_pid: int, ports: Sequence[int], *, processes: Processes, run_as: int | None, keep: ExitStack
) -> Doors:
    """Open the sockets; ``keep`` closes them.

    Raises:
        SandboxError: The sandbox has no network of its own, belongs to somebody else, or cannot be entered.
        StartError: The program that opens them could not be started.
    """
    with ExitStack() as brief:
        network, users = _namespaces(first_pid, os.geteuid() if run_as is None else run_as, brief)
        here, there = socket.socketpair()
        brief.enter_context(here)
        brief.enter_context(there)
        here.settimeout(0)
        words = (-1 if run_as is None else run_as, users, network, there.fileno(), NAMES_PORT, *ports)
        async with processes.open(_command(words), pass_fds=(users, network, there.fileno())) as process:
            there.close()
            sockets = await _receive(here, process, keep)
        if len(sockets) != len(ports) + 2:
            raise _refusal(f"{len(sockets)} sockets were handed out instead of {len(ports) + 2}")
        number = os.fstat(network).st_ino
    return Doors(datagrams=sockets[0], names=sockets[1], listeners=sockets[2:], network=number)


def network_of(first_pid: int) -> int:
    """Return the number of the network that a sandbox has for itself.

    Raises:
        SandboxError: It has none, or the kernel does not tell.
    """
    with ExitStack() as brief:
        return os.fstat(_network(first_pid, brief)).st_ino


def _namespaces(first_pid: int, owner: int, brief: ExitStack) -> tuple[int, int]:
    """Open the sandbox's network and the user namespace that owns it; both must be the sandbox's own."""
    network = _network(first_pid, brief)
    try:
        users = fcntl.ioctl(network, _OWNING_USERS)
        brief.callback(os.close, users)
        number = bytearray(4)
        fcntl.ioctl(users, _OWNER, number)
    except OSError as error:
        raise _refusal(f"whose its network is cannot be read: {error}") from error
    found = int.from_bytes(number, sys.byteorder)
    if found != owner:
        raise _refusal(f"its network belongs to user {found} and not to user {owner}")
    return network, users


def _network(first_pid: int, brief: ExitStack) -> int:
    try:
        network = os.open(f"/proc/{first_pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        brief.callback(os.close, network)
        if os.path.samestat(os.fstat(network), Path("/proc/self/ns/net").stat()):
            raise _refusal(f"process {first_pid} is in the network of this process")
    except OSError as error:
        raise _refusal(f"the network of process {first_pid} cannot be opened: {error}") from error
    return network


def _command(words: Sequence[int]) -> Command:
    program = sys.executable
    if not program:
        raise _refusal("this process does not know its own interpreter")
    script = str(Path(doorway.__file__).resolve())
    return Command(argv=(program, "-I", "-S", script, *map(str, words)), cwd=Path("/"))


async def _receive(here: socket.socket, process: Process, keep: ExitStack) -> tuple[socket.socket, ...]:
    try:
        with anyio.fail_after(OPENING_SECONDS):
            await anyio.wait_readable(here)
    except TimeoutError as error:
        raise _refusal(f"its sockets were not opened within {OPENING_SECONDS:g} seconds") from error
    said, received, *_ = socket.recv_fds(here, len(doorway.DONE), MOST_PORTS + 2, socket.MSG_CMSG_CLOEXEC)
    sockets = tuple(keep.enter_context(socket.socket(fileno=descriptor)) for descriptor in received)
    for one in sockets:
        one.settimeout(0)
    if said != doorway.DONE:
        raise _refusal(await _last_line(process))
    return sockets


async def _last_line(process: Process) -> str:
    data = b""
    with anyio.move_on_after(OPENING_SECONDS), suppress(anyio.EndOfStream):
        while len(data) < _LONGEST_WORDS:
            data += await process.stderr.receive()
    lines = data.decode(errors="replace").strip().splitlines()
    return lines[-1][:_LONGEST_WORDS] if lines else "its sockets were not handed out"


def _refusal(why: str) -> SandboxError:
    return SandboxError(f"The way out of the sandbox could not be opened: {why}.", remedies=_REMEDIES)
