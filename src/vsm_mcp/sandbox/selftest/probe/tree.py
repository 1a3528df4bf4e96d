"""Attempts of a whole tree of processes: each needs a sandbox of its own, which may be killed for it."""

# ruff: noqa: PTH123 - the system calls that an attacker would make

import mmap
import os
import resource
import signal
import time

from vsm_mcp.sandbox.selftest.probe.attempt import MIB, Attempt, Canary, HeldError

THEME = "whole tree"

MEMORY = "take memory in many processes"
SHARED = "take shared memory"
TEMPORARY = "take memory by files in /tmp and processes"
PROCESSOR = "keep the processor busy"
AWAY = "keep the processor busy from a session of its own"
KEPT = "fill the kept directory"
FOREVER = "run for ever"

_MACHINE = "that this machine stands still"
_BUSY_SECONDS = 3.5
_MARGIN = 1.5
_CHILDREN = 8


def attempts() -> tuple[Attempt, ...]:
    """Return all of them."""
    killed = (int(signal.SIGKILL),)
    return (
        Attempt(MEMORY, THEME, _MACHINE, _many, killed_by=killed),
        Attempt(SHARED, THEME, _MACHINE, _shared, killed_by=killed),
        Attempt(TEMPORARY, THEME, _MACHINE, _mixed, killed_by=killed),
        Attempt(PROCESSOR, THEME, "the time of the processor that others need", _busy_here),
        Attempt(AWAY, THEME, "the time of the processor that others need", _busy_away),
        Attempt(KEPT, THEME, "that the disk of this machine is full", _fill_kept, killed_by=killed),
        Attempt(FOREVER, THEME, "a lasting place on this machine", _wait_for_ever, killed_by=killed),
    )


def _many(canary: Canary) -> str:
    """Let each of eight processes take a third of what all together may have, and hold it."""
    share = int(canary["memory"]) * MIB // 3
    return _all_hold(share)


def _all_hold(share: int) -> str:
    reading, writing = os.pipe()
    for _ in range(_CHILDREN):
        if os.fork() == 0:
            _hold(share, writing)
    os.close(writing)
    ready = 0
    while os.read(reading, 1):
        ready += 1
        if ready == _CHILDREN:
            _stay()
            return f"{ready} processes hold {ready * share // MIB} MiB"
    raise HeldError(f"{ready} of {_CHILDREN} processes lived to hold {share // MIB} MiB each")


def _hold(share: int, writing: int) -> None:
    area = mmap.mmap(-1, share, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for place in range(0, share, mmap.PAGESIZE):
        area[place] = 1
    os.write(writing, b"x")
    _stay()
    signal.pause()


def _stay() -> None:
    """Keep what is held for a moment: a supervisor looks a few times a second."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        signal.sigtimedwait(frozenset({signal.SIGUSR1}), 0.1)


def _shared(canary: Canary) -> str:
    size = 2 * int(canary["memory"]) * MIB
    area = mmap.mmap(-1, size, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    for place in range(0, size, mmap.PAGESIZE):
        area[place] = 1
    _stay()
    return f"{size // MIB} MiB"


def _mixed(canary: Canary) -> str:
    """Fill the file systems that lie in memory, then let processes take almost all that they may have."""
    written = 0
    for number in range(int(canary["tmp"]) // 2):
        with open(f"/tmp/part-{number}", "wb", buffering=0) as file:  # noqa: S108 - the private one inside
            written += file.write(bytes(MIB))
    return f"{written // MIB} MiB in files, and {_all_hold(int(canary['memory']) * MIB // 6)}"


def _busy_here(canary: Canary) -> str:
    return _busy(canary, away=False)


def _busy_away(canary: Canary) -> str:
    return _busy(canary, away=True)


def _busy(canary: Canary, *, away: bool) -> str:
    """Let three processes compute for a while, and count the time that they got."""
    children: list[int] = []
    begin = time.monotonic()
    for _ in range(3):
        child = os.fork()
        if child == 0:
            _compute(begin + _BUSY_SECONDS, away=away)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    passed, used = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    got = used.ru_utime + used.ru_stime
    allowed = float(canary["burst"]) + float(canary["cores"]) * passed
    text = f"{got:.2f} s of processor time in {passed:.2f} s, {allowed:.2f} s allowed"
    if got <= _MARGIN * allowed:  # a supervisor gives more for a moment, and takes it back later
        raise HeldError(text)
    return text


def _compute(end: float, *, away: bool) -> None:
    if away:
        os.setsid()
    while time.monotonic() < end:
        pass
    os._exit(0)


def _fill_kept(canary: Canary) -> str:
    written, most = 0, 3 * int(canary["kept"]) * MIB
    number = 0
    while written < most:
        with open(f"/work/part-{number}", "wb", buffering=0) as file:
            for _ in range(8):
                written += file.write(bytes(MIB))
        number += 1
    _stay()
    return f"{written // MIB} MiB"


def _wait_for_ever(canary: Canary) -> str:
    end = time.monotonic() + 3 * float(canary["lifetime"]) + 2
    while time.monotonic() < end:
        signal.sigtimedwait(frozenset({signal.SIGUSR1}), 0.2)
    return f"still there after {canary['lifetime']} s"
