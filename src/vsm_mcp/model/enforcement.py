"""What a sandbox was asked for and what really holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """Who holds a limit: the kernel, our supervision, or nothing."""

    KERNEL = "kernel"
    SUPERVISED = "supervised"
    NONE = "none"

    @property
    def strength(self) -> int:
        """2 for kernel, 1 for supervised, 0 for none: levels compare by this number."""
        return {Level.KERNEL: 2, Level.SUPERVISED: 1, Level.NONE: 0}[self]


class Aspect(StrEnum):
    """One thing a sandbox confines."""

    ISOLATION = "isolation"
    FILES = "files"
    NETWORK = "network"
    PROCESS_TREE = "process tree"
    SYSTEM_CALLS = "system calls"
    ENVIRONMENT = "environment"
    MEMORY = "memory"
    PROCESSES = "processes"
    OPEN_FILES = "open files"
    FILE_SIZE = "file size"
    DISK = "disk"
    CPU = "cpu"
    LIFETIME = "lifetime"


class ExitReason(StrEnum):
    """Why a confined process ended."""

    EXITED = "exited"
    """By itself, or by a signal that no limit sent."""
    MEMORY = "memory"
    """Its whole tree was killed: together it took more memory than allowed."""
    DISK = "disk"
    """Its whole tree was killed: a directory that it keeps grew larger than allowed."""
    LIFETIME = "lifetime"
    """Its whole tree was killed: it lived longer than allowed."""
    UNSUPERVISED = "unsupervised"
    """Its whole tree was killed: what should watch over its limits failed."""
    KILLED = "killed"
    """Its whole tree was killed by whoever holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a whole tree of confined processes uses; what is not known is ``None``.

    Attributes:
        memory_bytes: Memory in use.
        memory_peak_bytes: The most memory that was seen in use.
        cpu_seconds: CPU time used since the start.
        processes: Processes that live, without those that only confine.
        programs: The executables seen running, sorted; bounded, and one that ran for a moment only may be missing.
    """

    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    cpu_seconds: float | None = None
    processes: int | None = None
    programs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How one aspect is held.

    Attributes:
        requested: What the policy asked for, in words, such as ``"512 MiB per process"``.
        level: Who holds it.
        mechanism: By what, such as ``"RLIMIT_DATA"``.
        evidence: What was read back from the running system that shows it.
    """

    requested: str
    level: Level
    mechanism: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """The honest report on one confined process.

    Attributes:
        confiner: Who confined it, such as ``"bubblewrap"`` or ``"none"``.
        profile: ``"full"`` or ``"nested"`` (inside a container); ``"none"`` without confinement.
        held: Per aspect, how it is held.
        warnings: What a human should know, in full sentences.
    """

    confiner: str
    profile: str
    held: Mapping[Aspect, Held] = field(default_factory=dict[Aspect, Held])
    warnings: tuple[str, ...] = ()

    def level(self, aspect: Aspect) -> Level:
        """Return who holds ``aspect``; ``Level.NONE`` when nothing does."""
        return self.held[aspect].level if aspect in self.held else Level.NONE
