"""The five systems by name, and how urgent what one of them is told to do is."""

from enum import StrEnum


class SystemId(StrEnum):
    """One of Beer's five systems, the audit channel of System 3, or the environment around them."""

    SYSTEM1 = "system1"
    SYSTEM2 = "system2"
    SYSTEM3 = "system3"
    SYSTEM3_STAR = "system3*"
    SYSTEM4 = "system4"
    SYSTEM5 = "system5"
    ENVIRONMENT = "environment"


class Priority(StrEnum):
    """How urgent something is, most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
