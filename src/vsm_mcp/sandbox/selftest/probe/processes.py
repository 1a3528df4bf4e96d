"""Attempts on processes: to see, read and steer those of this machine, and to be more than an ordinary one."""

# ruff: noqa: PTH115, PTH123, PTH208 - the system calls that an attacker would make

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import posix
import pty
import resource
import signal
import struct
from collections.abc import Iterator

from vsm_mcp.sandbox.selftest.probe.attempt import AbsentError, Attempt, Canary, HeldError, system_call

THEME = "processes and rights"

_SECRETS = "secrets of other processes"
_STEER = "control over processes of this machine"
_RIGHTS = "more rights than an ordinary user has"
_TIME = "the time of the processor that others need"
_FILTER = "the system calls that the filter refuses"

_GET_NO_NEW_PRIVS = 39
_OWN_VARIABLES = frozenset({"HOME", "LANG", "LC_CTYPE", "OLDPWD", "PATH", "PWD", "SHLVL", "TMPDIR", "_"})
_SEEN_AT_MOST = 8
_LARGEST_AREA = 1 << 24
_STATES_OF_CAPABILITIES = {"x86_64": 125, "aarch64": 90}
_CAPABILITY_VERSION = 0x20080522
_TAKE_TERMINAL, _PUSH_INPUT = 0x540E, 0x5412


def attempts() -> tuple[Attempt, ...]:
    """Return all of them."""
    return (*_others(), *_own_rights(), *_entrances())


def _others() -> tuple[Attempt, ...]:
    return (
        Attempt("read other environments", THEME, _SECRETS, _other_environments, harmless=True, control=True),
        Attempt("see the host's processes", THEME, _SECRETS, _host_processes, harmless=True, control=True),
        Attempt("signal a process of the host", THEME, _STEER, _signal_host, harmless=True, control=True),
        Attempt("find secrets in the environment", THEME, _SECRETS, _own_environment, harmless=True),
        Attempt("find open descriptors", THEME, _SECRETS, _descriptors, harmless=True),
        Attempt("read the memory of other processes", THEME, _SECRETS, _read_memory),
        Attempt("write the first process's memory", THEME, _STEER, _write_memory),
        Attempt("push input into its own terminal", THEME, _STEER, _push_own),
        Attempt("push input into the user's terminal", THEME, _STEER, _push_given),
        Attempt("open the user's terminal", THEME, _STEER, _open_terminal),
    )


def _own_rights() -> tuple[Attempt, ...]:
    return (
        Attempt("raise a limit", THEME, "a way out of its limits", _raise_limit),
        Attempt("raise the limit on memory", THEME, "a way out of its limits", _raise_memory),
        Attempt("lower the out-of-memory score", THEME, "that others are killed instead", _lower_score),
        Attempt("run in real time", THEME, _TIME, _real_time),
        Attempt("raise the priority", THEME, _TIME, _nicer),
        Attempt("become root", THEME, _RIGHTS, _become_root),
        Attempt("have capabilities", THEME, _RIGHTS, _capabilities, harmless=True),
        Attempt("gain rights by starting a program", THEME, _RIGHTS, _new_rights, harmless=True),
        Attempt("leave a memory image", THEME, "a large file where no limit counts it", _core),
    )


def _entrances() -> tuple[Attempt, ...]:
    killed = (int(signal.SIGSYS),)
    return (
        Attempt("enter by int 0x80", THEME, _FILTER, _old_entrance, killed_by=killed),
        Attempt("enter by x32", THEME, _FILTER, _x32_entrance, killed_by=killed),
    )


def _other_environments(canary: Canary) -> str:
    found = [entry for entry in os.listdir("/proc") if entry.isdecimal()]
    for pid in found:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                data = file.read(1 << 20)
        except OSError:
            continue
        if canary["marker"].encode() in data:
            return f"process {pid} shows it"
    raise HeldError(f"{len(found)} processes seen")


def _host_processes(canary: Canary) -> str:
    seen = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    if len(seen) > _SEEN_AT_MOST or int(canary["pid"]) in seen:
        return f"{len(seen)} processes"
    raise HeldError(f"only its own {len(seen)}")


def _signal_host(canary: Canary) -> str:
    os.kill(int(canary["pid"]), 0)
    return "reached"


def _own_environment(canary: Canary) -> str:
    # As the process got it; the standard library's view of it belongs to the host side of this package.
    found = {name.decode(errors="replace"): value for name, value in posix.environ.items()}
    more = sorted(set(found) - _OWN_VARIABLES)
    if more or any(canary["marker"].encode() in value for value in found.values()):
        return f"inherited: {' '.join(more)}"
    raise HeldError(f"only {' '.join(sorted(found))}")


def _descriptors(_: Canary) -> str:
    found: list[str] = []
    for number in range(3, 4096):
        try:
            os.fstat(number)
            found.append(f"{number}: {_target(number)}")
        except OSError:
            continue
    if found:
        return f"open: {', '.join(found[:10])}"
    raise HeldError("none")


def _target(number: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return "unknown"


def _read_memory(canary: Canary) -> str:
    """Look for a secret of this machine in the memory of every other process that can be seen."""
    secret, seen = f"CANARY={canary['marker']}".encode(), 0
    for pid in os.listdir("/proc"):
        if pid.isdecimal() and int(pid) != os.getpid():
            seen += 1
            if any(secret in part for part in _memory_of(pid)):
                return f"process {pid} holds it"
    raise HeldError(f"{seen} processes seen, none holds it")


def _memory_of(pid: str) -> Iterator[bytes]:
    """Read what may be read of a process's memory, in parts that are not large."""
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                begin, end = (int(word, 16) for word in line.split(maxsplit=1)[0].split("-"))
                if " rw" in line and end - begin <= _LARGEST_AREA:
                    memory.seek(begin)
                    yield memory.read(end - begin) or b""
    except OSError:
        return


def _write_memory(_: Canary) -> str:
    with open("/proc/1/mem", "r+b") as file:
        return f"opened {file.fileno()}"


def _push_own(_: Canary) -> str:
    child = pty.openpty()[1]
    os.setsid()
    fcntl.ioctl(child, _TAKE_TERMINAL, 0)
    fcntl.ioctl(child, _PUSH_INPUT, b"x")
    return "pushed"


def _push_given(_: Canary) -> str:
    reasons: list[str] = []
    for number in range(3):
        try:
            fcntl.ioctl(number, _PUSH_INPUT, b"x")
        except OSError as error:
            reasons.append(errno.errorcode.get(error.errno or 0, "unknown"))
        else:
            return f"pushed into {number}"
    raise HeldError(" ".join(reasons))


def _open_terminal(_: Canary) -> str:
    with open("/dev/tty", "r+b", buffering=0):
        return "opened"


def _raise_limit(_: Canary) -> str:
    return _raise(resource.RLIMIT_NPROC, 100_000)


def _raise_memory(_: Canary) -> str:
    return _raise(resource.RLIMIT_DATA, 1 << 40)


def _raise(which: int, value: int) -> str:
    try:
        resource.setrlimit(which, (value, value))
    except ValueError as error:
        raise HeldError(str(error)) from error
    return "raised"


def _lower_score(_: Canary) -> str:
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("-500")
    return "lowered"


def _real_time(_: Canary) -> str:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "real time"


def _nicer(_: Canary) -> str:
    os.nice(-5)
    return "faster"


def _become_root(_: Canary) -> str:
    try:
        os.setuid(0)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise HeldError("there is no root here") from error
        raise
    return "root"


def _capabilities(_: Canary) -> str:
    """Ask the kernel itself: there may be no /proc."""
    number = _STATES_OF_CAPABILITIES.get(platform.machine())
    if number is None:
        raise AbsentError(f"the number of the call is not known for {platform.machine()}")
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION, 0))
    data = ctypes.create_string_buffer(24)
    system_call(number, ctypes.addressof(header), ctypes.addressof(data))
    if any(data.raw[:24]):
        return data.raw[:24].hex()
    raise HeldError("none")


def _new_rights(_: Canary) -> str:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1:
        raise HeldError("no_new_privs is set")
    return "no_new_privs is not set"


def _core(_: Canary) -> str:
    child = os.fork()
    if child == 0:
        os.abort()
    status = os.waitpid(child, 0)[1]
    if os.WCOREDUMP(status):
        return "written"
    raise HeldError("none written")


def _old_entrance(_: Canary) -> str:
    _only_on_x86()
    _run_machine_code(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    return "returned"


def _x32_entrance(_: Canary) -> str:
    _only_on_x86()
    system_call(0x40000000 | 39)
    return "returned"


def _only_on_x86() -> None:
    if platform.machine() != "x86_64":
        raise AbsentError("only x86_64 has it")


def _run_machine_code(code: bytes) -> None:
    area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(code)
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(area)))()
