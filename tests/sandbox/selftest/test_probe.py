"""The probe says of an attempt only what the kernel said; what does not look like a wall is no wall."""

import errno
import os
import socket

import pytest

from vsm_mcp.sandbox.selftest.probe.attempt import (
    ABSENT,
    BROKEN,
    HELD,
    THROUGH,
    AbsentError,
    Canary,
    HeldError,
    Trial,
    listed,
    reading,
    said,
    system_call,
    writing,
)
from vsm_mcp.sandbox.selftest.probe.program import chosen, in_sandbox
from vsm_mcp.sandbox.selftest.probing import all_attempts

NOWHERE: Canary = {}


def failing(error: Exception) -> Trial:
    def trial(_: Canary) -> str:
        raise error

    return trial


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (HeldError("by us"), HELD),
        (PermissionError(errno.EPERM, "no"), HELD),
        (FileNotFoundError(errno.ENOENT, "no"), HELD),
        (OSError(errno.ECONNREFUSED, "no"), HELD),
        (OSError(errno.ENOSYS, "no"), HELD),
        (socket.gaierror(-2, "no such name"), HELD),
        (MemoryError(), HELD),
        (AbsentError("nothing there"), ABSENT),
        (OSError(errno.EINVAL, "wrong"), BROKEN),
        (OSError(errno.EFAULT, "wrong"), BROKEN),
        (OSError(errno.EBADF, "wrong"), BROKEN),
        (TimeoutError("late"), BROKEN),
        (ConnectionResetError(errno.ECONNRESET, "odd"), BROKEN),
        (KeyError("canary"), BROKEN),
        (ValueError("odd"), BROKEN),
    ],
)
def test_only_a_wall_holds(error: Exception, word: str) -> None:
    assert said(failing(error), NOWHERE)[0] == word


def test_what_is_read_is_not_passed_on() -> None:
    word, detail = said(reading("/etc/hostname"), NOWHERE)
    assert (word, detail.split()[1:]) == (THROUGH, ["bytes", "of", "/etc/hostname"])
    assert said(listed("/"), NOWHERE)[0] == THROUGH
    assert said(reading("/nowhere"), NOWHERE)[0] == HELD
    assert said(writing("/nowhere/else"), NOWHERE)[0] == HELD


def test_a_system_call_answers_or_fails_as_the_kernel_says() -> None:
    assert system_call(39 if os.uname().machine == "x86_64" else 172) == os.getpid()
    with pytest.raises(OSError, match="Function not implemented"):
        system_call(9999)


def test_outside_of_a_sandbox_only_what_does_no_harm_is_chosen() -> None:
    assert not in_sandbox()
    attempts = all_attempts()
    names = [one.name for one in attempts]
    free = {one.name for one in chosen(attempts, names, confined=False)}
    assert free == {one.name for one in attempts if one.harmless}
    harmful = (
        "call mount",
        "call reboot",
        "make / writable",
        "press a system key",
        "write into /usr",
        "fork without end",
    )
    assert not free & {
        *harmful,
        "fork without end",
        "write the core pattern",
        "become root",
        "take memory",
        "make a device",
    }
    assert len(chosen(attempts, names, confined=True)) == len(attempts)
