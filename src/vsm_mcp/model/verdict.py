"""What vetting found and what follows from it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How bad a finding is; ``HIGH`` and above refuse by default."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Permission(StrEnum):
    """What the code of a server uses of its surroundings; the sandbox grants or withholds it."""

    FILES_READ = "files.read"
    FILES_WRITE = "files.write"
    NETWORK = "network"
    PROCESSES = "processes"
    ENVIRONMENT = "environment"
    DYNAMIC_CODE = "dynamic-code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a check found.

    Attributes:
        check: The check's name, such as ``"ownership"``.
        code: A stable short name of the rule, such as ``"install-script"``.
        severity: How bad it is.
        message: What was found, with names and numbers.
        where: File and line, tool name or package it was found in.
        permission: The permission this is a use of, if it is one.
        unknown: True when the check could not tell. Unknown never counts as fine.
        remedy: What a human may do about it.
    """

    check: str
    code: str
    severity: Severity
    message: str
    where: str = ""
    permission: Permission | None = None
    unknown: bool = False
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one artefact.

    Attributes:
        accepted: Whether it may be installed. Decided by severity and policy, never by the score.
        findings: Everything the checks found, worst first.
        permissions: What its code uses, from the code scan.
        score: 0 (worst) to 100, for display only.
    """

    accepted: bool
    findings: tuple[Finding, ...] = ()
    permissions: frozenset[Permission] = frozenset()
    score: int = 100

    def __bool__(self) -> bool:
        """A verdict is true when it accepts."""
        return self.accepted

    @property
    def reasons(self) -> tuple[str, ...]:
        """The messages of what speaks against it, worst first."""
        return tuple(f.message for f in self.findings if f.severity >= Severity.HIGH or f.unknown)
