"""What the kernel says about one process: its status, limits, namespaces, mounts, interfaces, files and environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vsm_mcp.errors import SandboxError

NAMESPACES = ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup")

_PROC = Path("/proc")
_LIMIT = re.compile(r"(?P<name>Max [a-z ]+?)  +(?P<soft>\w+) +(?P<hard>\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount: where, with which options, of which kind, with which options of the file system itself."""

    path: str
    options: frozenset[str]
    kind: str
    system: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What ``/proc`` says about a process.

    Attributes:
        status: The lines of ``status``.
        limits: Per resource the hard limit, or ``None`` when there is none.
        namespaces: Per kind, its number.
        mounts: All mounts it sees, or ``()`` when that was not asked for.
        interfaces: The network interfaces it sees.
        descriptors: Its open file descriptors.
        variables: The names in its environment.
    """

    status: Mapping[str, str]
    limits: Mapping[str, int | None]
    namespaces: Mapping[str, int]
    mounts: tuple[Mount, ...]
    interfaces: tuple[str, ...]
    descriptors: tuple[int, ...]
    variables: tuple[str, ...]


def observe(pid: int) -> Observation:
    """Read what the kernel says about a process that waits.

    Raises:
        SandboxError: The kernel does not say it to this process, or the process is gone.
    """
    root = _PROC / str(pid)
    try:
        return Observation(
            status=read_status((root / "status").read_text()),
            limits=read_limits((root / "limits").read_text()),
            namespaces=namespaces_of(root),
            mounts=read_mounts((root / "mountinfo").read_text()),
            interfaces=read_interfaces((root / "net/dev").read_text()),
            descriptors=tuple(sorted(int(name) for name in os.listdir(root / "fd"))),  # noqa: PTH208 - names, not paths
            variables=_variables((root / "environ").read_bytes()),
        )
    except (OSError, ValueError, KeyError) as error:
        raise SandboxError(
            f"What confines process {pid} cannot be read back from the kernel: {error}.",
            remedies=(
                "Run this program as an ordinary user, or as root with the capability SYS_PTRACE.",
                "Check that /proc is mounted without hidepid.",
            ),
        ) from error


def own_namespaces() -> Mapping[str, int]:
    """Return the namespaces of this process."""
    return namespaces_of(_PROC / "self")


def namespaces_of(root: Path) -> Mapping[str, int]:
    """Return the numbers of the namespaces of the process with this directory."""
    return {kind: (root / "ns" / kind).stat().st_ino for kind in NAMESPACES if (_PROC / "self/ns" / kind).exists()}


def only_child(pid: int) -> int:
    """Return the one child of a process.

    Raises:
        SandboxError: It does not have exactly one.
    """
    try:
        children = (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
        (child,) = children
    except (OSError, ValueError) as error:
        raise SandboxError(f"The first process of the sandbox, {pid}, does not have exactly one child.") from error
    return int(child)


def read_status(text: str) -> Mapping[str, str]:
    """Read ``/proc/PID/status``."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in lines}


def read_limits(text: str) -> Mapping[str, int | None]:
    """Read the hard limits of ``/proc/PID/limits``."""
    found = (_LIMIT.match(line) for line in text.splitlines())
    return {
        match["name"]: None if match["hard"] == "unlimited" else int(match["hard"])
        for match in found
        if match is not None and match["hard"].isalnum() and match["hard"] != "Hard"
    }


def read_mounts(text: str) -> tuple[Mount, ...]:
    """Read ``/proc/PID/mountinfo``."""
    return tuple(_mount(line) for line in text.splitlines())


def read_interfaces(text: str) -> tuple[str, ...]:
    """Read the names in ``/proc/PID/net/dev``."""
    return tuple(line.partition(":")[0].strip() for line in text.splitlines() if ":" in line)


def _mount(line: str) -> Mount:
    own, _, system = line.partition(" - ")
    fields, kinds = own.split(" "), system.split(" ")
    return Mount(
        path=re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]),
        options=frozenset(fields[5].split(",")),
        kind=kinds[0],
        system=frozenset(kinds[2].split(",")),
    )


def _variables(environ: bytes) -> tuple[str, ...]:
    words = environ.decode(errors="replace").split("\0")
    return tuple(sorted(word.partition("=")[0] for word in words if word))
