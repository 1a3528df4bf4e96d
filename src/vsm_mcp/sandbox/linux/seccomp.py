"""The system call filter: a classic BPF program for the kernel, made without any library.

Everything is allowed but what is named here. Refused are calls that would make new namespaces or mounts, look into
other processes, reach kernel interfaces that no server needs, or take memory that no limit counts (mappings that grow
downwards, System V segments, memory files). A program for another machine type (32 bit, x32) is killed at its first
call. A call newer than the table does not exist inside.
"""

import errno
import platform
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.linux.syscalls import NEWEST, NUMBERS

REFUSED = (
    # mounts and namespaces
    "mount", "umount2", "mount_setattr", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree",
    "open_tree_attr", "pivot_root", "chroot", "unshare", "setns",
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    # kernel interfaces
    "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "name_to_handle_at",
    "open_by_handle_at", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
    "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "clock_settime", "clock_adjtime", "settimeofday",
    "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "fanotify_init", "fanotify_mark",
    "lookup_dcookie", "vhangup", "nfsservctl", "uselib", "ustat", "sysfs", "_sysctl", "file_setattr",
    # memory and queues that outlive a process or that no limit counts
    "shmget", "shmat", "shmctl", "shmdt", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl",
    "semtimedop", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
    "mbind", "set_mempolicy", "get_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages",
)  # fmt: skip
"""Calls that fail with EPERM."""

ABSENT = (
    "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create", "memfd_secret", "openat2",
)  # fmt: skip
"""Calls that fail with ENOSYS, so that programs fall back to what the filter can judge."""

MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "mkdir": 1, "mkdirat": 2, "mknod": 1, "mknodat": 2,
         "creat": 1}  # fmt: skip
"""Calls that give a file its mode, and which argument that is: no set-user-id or set-group-id bits."""

CREATIONS = {"open": (1, 2), "openat": (2, 3)}
"""Calls that may create a file: the arguments with the flags and with the mode."""

_LOAD, _EQUAL, _GREATER_OR_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_SET_ID = 0o6000
_CREATES = 0o100 | 0o20000000
_NEW_NAMESPACES = 0x7E020000
_GROWS_DOWN = 0x100
_PUSHES_INPUT = (0x5412, 0x541C)
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_X32 = 0x40000000


@dataclass(frozen=True, slots=True)
class _Instruction:
    code: int
    value: int
    when_true: int = 0
    when_false: int = 0


_Block = tuple[_Instruction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _MachineType:
    audit: int
    column: int


_MACHINES = {
    "x86_64": _MachineType(audit=0xC000003E, column=0),
    "aarch64": _MachineType(audit=0xC00000B7, column=1),
}


def program(machine: str | None = None) -> bytes:
    """Return the filter for ``machine`` (this one when ``None``), as the kernel reads it.

    Raises:
        SandboxError: No filter is known for this machine type.
    """
    name = machine or platform.machine()
    found = _MACHINES.get(name)
    if found is None:
        raise SandboxError(
            f"There is no system call filter for the machine type {name!r}.",
            remedies=(f"Use one of {', '.join(_MACHINES)}.",),
        )
    lines = (*_entrance(found), *_judgements(found), _Instruction(_RETURN, _ALLOW))
    return b"".join(struct.pack("=HBBI", line.code, line.when_true, line.when_false, line.value) for line in lines)


def _entrance(machine: _MachineType) -> _Block:
    """Kill what was built for another machine; then leave the number of the call in the accumulator."""
    return (
        _Instruction(_LOAD, _MACHINE),
        _Instruction(_EQUAL, machine.audit, when_true=1),
        _Instruction(_RETURN, _KILL),
        _Instruction(_LOAD, _NUMBER),
        _Instruction(_GREATER_OR_EQUAL, _X32, when_false=1),
        _Instruction(_RETURN, _KILL),
        _Instruction(_GREATER_OR_EQUAL, NEWEST + 1, when_false=1),
        _fail(errno.ENOSYS),
    )


def _judgements(machine: _MachineType) -> _Block:
    block: list[_Instruction] = []

    def judge(names: Sequence[str], verdict: Callable[[str], _Block]) -> None:
        for name in names:
            number = NUMBERS[name][machine.column]
            if number is not None:
                body = verdict(name)
                block.extend((_Instruction(_EQUAL, number, when_false=len(body)), *body))

    judge(REFUSED, lambda _: (_fail(errno.EPERM),))
    judge(ABSENT, lambda _: (_fail(errno.ENOSYS),))
    judge(tuple(MODES), lambda name: _without_bits(MODES[name], _SET_ID))
    judge(tuple(CREATIONS), lambda name: _creation(*CREATIONS[name]))
    judge(("mmap",), lambda _: _without_bits(3, _GROWS_DOWN))
    judge(("clone",), lambda _: _without_bits(0, _NEW_NAMESPACES))
    judge(("ioctl",), lambda _: _terminal_control())
    judge(("socket", "socketpair"), lambda _: _family())
    return tuple(block)


def _without_bits(argument: int, bits: int) -> _Block:
    return (
        _load(argument),
        _Instruction(_ANY_BIT, bits, when_false=1),
        _fail(errno.EPERM),
        _Instruction(_RETURN, _ALLOW),
    )


def _creation(flags: int, mode: int) -> _Block:
    return (_load(flags), _Instruction(_ANY_BIT, _CREATES, when_false=3), *_without_bits(mode, _SET_ID))


def _terminal_control() -> _Block:
    first, second = _PUSHES_INPUT
    return (
        _load(1),
        _Instruction(_EQUAL, first, when_true=1),
        _Instruction(_EQUAL, second, when_false=1),
        _fail(errno.EPERM),
        _Instruction(_RETURN, _ALLOW),
    )


def _family() -> _Block:
    """Allow local and internet sockets, and the netlink protocol that lists interfaces (protocol 0)."""
    return (
        _load(0),
        _Instruction(_EQUAL, _UNIX, when_true=6),
        _Instruction(_EQUAL, _INET, when_true=5),
        _Instruction(_EQUAL, _INET6, when_true=4),
        _Instruction(_EQUAL, _NETLINK, when_false=2),
        _load(2),
        _Instruction(_EQUAL, 0, when_true=1),
        _fail(errno.EAFNOSUPPORT),
        _Instruction(_RETURN, _ALLOW),
    )


def _load(argument: int) -> _Instruction:
    """Load the lower half of an argument: both machine types are little endian, the kernel reads no more of these."""
    return _Instruction(_LOAD, _ARGUMENTS + 8 * argument)


def _fail(number: int) -> _Instruction:
    return _Instruction(_RETURN, _ERRNO | number)
