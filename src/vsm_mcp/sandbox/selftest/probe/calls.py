"""Attempts by system call: each call that the filter should refuse, and those whose words decide."""

import ctypes
import errno
import os
import signal
from collections.abc import Mapping

from vsm_mcp.sandbox.selftest.probe.attempt import AbsentError, Attempt, Canary, HeldError, Trial, system_call

THEME = "system calls"

_NEW_USER_NAMESPACE, _NEW_MOUNT_NAMESPACE = 0x10000000, 0x00020000
_PRIVATE_ANONYMOUS_DOWNWARDS = 0x122
_REMOUNT_BIND, _DETACH = 0x1020, 2
_KERNEL = "code of the kernel that no server needs"
_ESCAPE = "a new root, new mounts or new namespaces"


def attempts(refused: Mapping[str, int], absent: Mapping[str, int], others: Mapping[str, int]) -> tuple[Attempt, ...]:
    """Return all of them.

    Args:
        refused: Calls that must fail as not permitted, with their numbers; -1 where this machine has no such call.
        absent: Calls that must fail as not existing.
        others: The numbers of the calls whose words decide.
    """
    return (
        *(Attempt(f"call {name}", THEME, _KERNEL, _fails(number, errno.EPERM)) for name, number in refused.items()),
        *(Attempt(f"call {name}", THEME, _KERNEL, _fails(number, errno.ENOSYS)) for name, number in absent.items()),
        *_with_words(others),
        *_of_the_library(),
    )


def _with_words(numbers: Mapping[str, int]) -> tuple[Attempt, ...]:
    clone, mapping = numbers.get("clone", -1), numbers.get("mmap", -1)
    space = _NEW_USER_NAMESPACE | int(signal.SIGCHLD)
    return (
        Attempt("clone with a new user namespace", THEME, _ESCAPE, _fails(clone, errno.EPERM, space)),
        Attempt(
            "map memory that grows downwards",
            THEME,
            "memory that no limit counts",
            _fails(mapping, errno.EPERM, 0, 4096, 3, _PRIVATE_ANONYMOUS_DOWNWARDS, -1),
        ),
        Attempt("call one newer than known", THEME, _KERNEL, _fails(470, errno.ENOSYS)),
    )


def _of_the_library() -> tuple[Attempt, ...]:
    """Return the same as an ordinary program would try it, by the functions of the C library."""
    return (
        Attempt("mount a file system", THEME, _ESCAPE, _library("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
        Attempt("make / writable", THEME, _ESCAPE, _library("mount", None, b"/", None, _REMOUNT_BIND, None)),
        Attempt("take a mount away", THEME, _ESCAPE, _library("umount2", b"/pkg", _DETACH)),
        Attempt("change the root", THEME, _ESCAPE, _library("chroot", b"/tmp")),
        Attempt("leave its user namespace", THEME, _ESCAPE, _library("unshare", _NEW_USER_NAMESPACE)),
        Attempt("leave its mount namespace", THEME, _ESCAPE, _library("unshare", _NEW_MOUNT_NAMESPACE)),
        Attempt("join another namespace", THEME, _ESCAPE, _join),
    )


def _fails(number: int, wanted: int, *words: int) -> Trial:
    def trial(_: Canary) -> str:
        if number < 0:
            raise AbsentError("this machine type has no such call")
        try:
            own = os.getpid()
            got = system_call(number, *words, *(0,) * (6 - len(words)))
            if os.getpid() != own:
                os._exit(0)  # it is the copy that the call made
        except OSError as error:
            if error.errno == wanted:
                raise HeldError(errno.errorcode[wanted]) from error
            return f"the kernel was reached: {error.strerror}"
        return f"returned {got}"

    return trial


def _library(name: str, *words: "bytes | int | None") -> Trial:
    def trial(_: Canary) -> str:
        library = ctypes.CDLL(None, use_errno=True)
        if library[name](*words) == -1:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return "done"

    return trial


def _join(canary: Canary) -> str:
    descriptor = os.open(f"/proc/{canary['pid']}/ns/net", os.O_RDONLY)
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, 0) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "joined"
