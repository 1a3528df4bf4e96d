"""Attempt: one thing an attacker would try; and the words in which the probe says what came of it."""

# ruff: noqa: PTH123, PTH208 - it makes the system calls that an attacker would make

import ctypes
import errno
import os
import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple

HELD = "held"
THROUGH = "through"
ABSENT = "absent"
BROKEN = "broken"

MIB = 1024 * 1024
CONNECT_SECONDS = 2.0

ANSWERS_OF_A_WALL = frozenset({
    errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ELOOP, errno.EXDEV,
    errno.ENODEV, errno.ENXIO, errno.ENOSYS, errno.ENOTTY, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT,
    errno.ESOCKTNOSUPPORT, errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL,
    errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG,
})  # fmt: skip
"""What the kernel says when it holds. Any other error says that the attempt itself was wrong, which shows nothing."""


class HeldError(Exception):
    """The attempt got nowhere."""


class AbsentError(Exception):
    """There is nothing of the kind to attack here."""


Canary = Mapping[str, str]
"""What there is to reach, by name, shown from outside to be there."""

Trial = Callable[[Canary], str]
"""It returns what it got, and raises when it was held."""


class Attempt(NamedTuple):
    """One thing an attacker would try.

    Attributes:
        name: What is tried.
        theme: To which part of the table it belongs.
        gain: What an attacker would gain.
        trial: Tries it.
        harmless: It does no harm even where nothing confines it.
        control: Outside of the sandbox the same attempt must get through; otherwise holding it shows nothing.
        killed_by: Signals with which the kernel may hold it.
    """

    name: str
    theme: str
    gain: str
    trial: Trial
    harmless: bool = False
    control: bool = False
    killed_by: tuple[int, ...] = ()


def said(trial: Trial, canary: Canary) -> tuple[str, str]:
    """Try it, and return what came of it: one of the four words, and the details."""
    try:
        return THROUGH, trial(canary)
    except Exception as error:  # noqa: BLE001 - an attempt that broke has shown nothing, and the next must go on
        return _judged(error)


def _judged(error: Exception) -> tuple[str, str]:
    """Say what an error means: a wall, nothing there to attack, or that the attempt itself was wrong."""
    if isinstance(error, AbsentError):
        return ABSENT, str(error)
    if isinstance(error, (HeldError, socket.gaierror)):
        return HELD, str(error)
    if isinstance(error, MemoryError):
        return HELD, "out of memory"
    if isinstance(error, OSError) and error.errno in ANSWERS_OF_A_WALL:
        return HELD, str(error.strerror)
    return BROKEN, repr(error)


def system_call(number: int, *words: int) -> int:
    """Make one system call.

    Raises:
        OSError: It failed.
    """
    library = ctypes.CDLL(None, use_errno=True)
    result = library.syscall(ctypes.c_long(number), *(ctypes.c_long(word) for word in words))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def read(path: str) -> str:
    """Read the beginning of a file; what it says is not passed on, because it may be a secret."""
    with open(path, "rb") as file:
        return f"{len(file.read(40))} bytes of {path}"


def write(path: str) -> str:
    """Append one byte to a file."""
    with open(path, "ab") as file:
        file.write(b"x")
    return f"wrote {path}"


def listing(path: str) -> str:
    """List a directory."""
    return f"{len(os.listdir(path))} names"


def listed(path: str) -> Trial:
    """Return the attempt to list a directory."""
    return lambda _: listing(path)


def reading(path: str) -> Trial:
    """Return the attempt to read a file."""
    return lambda _: read(path)


def writing(path: str) -> Trial:
    """Return the attempt to write a file."""
    return lambda _: write(path)
