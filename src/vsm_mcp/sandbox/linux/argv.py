"""The words for bubblewrap: what a sandbox is made of, as a pure function of policy and host."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from vsm_mcp.model.server import PACKAGE_ROOT, WORK_ROOT
from vsm_mcp.sandbox.policy import CACHE_ROOT, Limits, SandboxPolicy, refuse_path

MIB = 1024 * 1024
SHELL = "/bin/sh"
INSIDE_ID = 65534
HOST_NAME = "sandbox"
PARKED = b"parked\n"
RELEASE = b"go\n"
SHARED_MEMORY_BYTES = MIB
LOCKED_KIB = 64
STACK_KIB = 8192

BASE_ENVIRONMENT: tuple[tuple[str, str], ...] = (
    ("HOME", WORK_ROOT),
    ("LANG", "C.UTF-8"),
    ("PATH", "/usr/bin:/bin"),
    ("TMPDIR", "/tmp"),  # noqa: S108 - the private one inside
)
"""What every confined process finds in its environment, beside the variables of its command."""

SYSTEM_ROOTS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr")
_CONFIGURATION = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/ssl",
)
_KERNEL_SECRETS = (
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
)
SYNTHETIC: Mapping[str, str] = {
    "/etc/group": f"sandbox:x:{INSIDE_ID}:\n",
    "/etc/hosts": f"127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n",
    "/etc/passwd": f"sandbox:x:{INSIDE_ID}:{INSIDE_ID}::{WORK_ROOT}:/bin/false\n",
}
"""Files whose text is made up, so that nothing of the host's users shows."""

NAMES: Mapping[str, str] = {"/etc/resolv.conf": "nameserver 127.0.0.1\n"}
"""The same for a sandbox with a way out: names are answered inside it."""


class Profile(StrEnum):
    """How much of the confinement the host allows."""

    FULL = "full"
    NESTED = "nested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What of this host's file system a sandbox is built from.

    Attributes:
        links: Roots that are symbolic links, with where they point, such as ``/bin`` to ``usr/bin``.
        directories: Roots that are directories.
        masked: Files of ``/proc`` that tell too much.
    """

    links: tuple[tuple[str, str], ...]
    directories: tuple[str, ...]
    masked: tuple[str, ...]

    @classmethod
    def look(cls) -> Self:
        """Look at the file system of this machine."""
        roots = [Path(root) for root in SYSTEM_ROOTS]
        return cls(
            links=tuple((str(root), str(root.readlink())) for root in roots if root.is_symlink()),
            directories=tuple(str(root) for root in roots if root.is_dir() and not root.is_symlink()),
            masked=tuple(path for path in _KERNEL_SECRETS if Path(path).exists()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """The file descriptors that bubblewrap inherits: the filter, where to report, made-up files, what to close."""

    seccomp: int
    status: int
    files: Mapping[str, int]
    binary: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How a program is named inside, and what must be shown for it besides the system's own directories."""

    path: str
    shown: Path | None = None


def made_up(policy: SandboxPolicy) -> Mapping[str, str]:
    """Return the files that are made up for a policy."""
    return {**SYNTHETIC, **NAMES} if policy.egress.allow else SYNTHETIC


def scratch(policy: SandboxPolicy) -> tuple[str, ...]:
    """Return where the file systems are that are held in memory."""
    own = ("/tmp", "/dev/shm")  # noqa: S108 - the private ones inside
    return own if policy.work is not None else (*own, WORK_ROOT)


def find_program(program: str, policy: SandboxPolicy) -> Program:
    """Find what must be readable inside to run ``program``: a link is followed, an interpreter's prefix is shown.

    Raises:
        SandboxError: What would have to be shown is a place that a server must not read.
    """
    path = Path(program)
    inside = (*SYSTEM_ROOTS, PACKAGE_ROOT, WORK_ROOT, CACHE_ROOT, *policy.read_only)
    if any(path.is_relative_to(root) for root in inside):
        return Program(path=program)
    real = path.resolve()
    if any(real.is_relative_to(root) for root in inside):
        return Program(path=str(real))
    prefix = real.parent.parent
    shown = prefix if real.parent.name == "bin" and os.path.isdir(prefix / "lib") else real  # noqa: PTH112 - never raises
    refuse_path(shown)
    return Program(path=str(real), shown=shown)


def options(
    policy: SandboxPolicy,
    host: Host,
    descriptors: Descriptors,
    *,
    profile: Profile,
    program: Program,
    env: Mapping[str, str],
) -> tuple[str, ...]:
    """Return all options of bubblewrap, in the order in which they act."""
    return (
        *_namespaces(profile),
        *_system(host),
        *_kernel_views(host, profile),
        *_tmpfs("/tmp", policy.limits.tmp_mb * MIB, "1777"),  # noqa: S108 - the private one inside
        *_made_up(descriptors.files),
        *_own_files(policy, program),
        *_environment(env),
        *("--chdir", WORK_ROOT),
        *("--remount-ro", "/"),
        *("--seccomp", str(descriptors.seccomp)),
        *("--json-status-fd", str(descriptors.status)),
        *(() if descriptors.binary is None else ("--sync-fd", str(descriptors.binary))),
    )


def gate(limits: Limits) -> tuple[str, ...]:
    """Return the words that park before the program: a shell sets the limits, says so, and waits to be released.

    It runs inside the sandbox's own user namespace, so the limit on processes counts per sandbox. At the end of its
    input, which is what the death of this process looks like, it ends without running anything.
    """
    blocks = MIB // 512
    script = (
        "{ "
        "ulimit -c 0; "
        f"ulimit -d {limits.memory_mb * 1024}; "
        f"ulimit -n {limits.open_files}; "
        f"ulimit -f {limits.file_mb * blocks}; "
        f"ulimit -l {LOCKED_KIB}; "
        f"ulimit -s {STACK_KIB}; "
        f"ulimit -u {limits.processes} || ulimit -p {limits.processes}; "
        "} 2>/dev/null; "
        f"echo {PARKED.decode().strip()}; "
        f'IFS= read -r word && [ "$word" = {RELEASE.decode().strip()} ] && exec "$@"'
    )
    return (SHELL, "-c", script, "sh")


def environment(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return the whole environment of a confined process whose command sets ``env``."""
    return {**dict(BASE_ENVIRONMENT), **env}


def _namespaces(profile: Profile) -> tuple[str, ...]:
    kinds = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
    sealed = ("--disable-userns", "--assert-userns-disabled") if profile is Profile.FULL else ()
    return (
        *kinds,
        "--unshare-cgroup-try",
        *sealed,
        "--die-with-parent",
        "--new-session",
        *("--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID)),
        *("--hostname", HOST_NAME),
        *("--cap-drop", "ALL"),
    )


def _system(host: Host) -> tuple[str, ...]:
    words: list[str] = []
    for directory in host.directories:
        words += ("--ro-bind", directory, directory)
    for link, target in host.links:
        words += ("--symlink", target, link)
    words += ("--perms", "0755", "--dir", "/etc")
    for path in _CONFIGURATION:
        words += ("--ro-bind-try", path, path)
    return tuple(words)


def _kernel_views(host: Host, profile: Profile) -> tuple[str, ...]:
    words: list[str] = []
    if profile is Profile.FULL:
        words += ("--proc", "/proc")
        for path in host.masked:
            words += ("--ro-bind", "/dev/null", path)
        words += ("--remount-ro", "/proc")
    return (*words, "--dev", "/dev", *_tmpfs("/dev/shm", SHARED_MEMORY_BYTES, "1777"), "--remount-ro", "/dev")  # noqa: S108 - the private one inside


def _tmpfs(path: str, size: int, mode: str) -> tuple[str, ...]:
    return ("--size", str(size), "--perms", mode, "--tmpfs", path)


def _made_up(files: Mapping[str, int]) -> tuple[str, ...]:
    words: list[str] = []
    for path, descriptor in files.items():
        words += ("--perms", "0444", "--ro-bind-data", str(descriptor), path)
    return tuple(words)


def _own_files(policy: SandboxPolicy, program: Program) -> tuple[str, ...]:
    words: list[str] = []
    for path in policy.read_only if program.shown is None else (program.shown, *policy.read_only):
        words += ("--ro-bind", str(path), str(path))
    if policy.package is not None:
        words += ("--ro-bind", str(policy.package), PACKAGE_ROOT)
    if policy.cache is not None:
        words += ("--bind", str(policy.cache), CACHE_ROOT)
    if policy.work is None:
        return (*words, *_tmpfs(WORK_ROOT, policy.limits.work_mb * MIB, "0700"))
    return (*words, "--bind", str(policy.work), WORK_ROOT)


def _environment(env: Mapping[str, str]) -> tuple[str, ...]:
    words: list[str] = ["--clearenv"]
    for name, value in environment(env).items():
        words += ("--setenv", name, value)
    return tuple(words)
