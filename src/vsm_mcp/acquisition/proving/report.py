"""What came of trying a server out: a report on something that was thrown away again."""

from pydantic import BaseModel, Field

from vsm_mcp.acquisition.report import (
    EnforcementRecord,
    Fate,
    FindingRecord,
    PlannedServer,
    StepRecord,
    TrialRecord,
)
from vsm_mcp.model.enforcement import Usage
from vsm_mcp.model.report import Report


class UsageRecord(BaseModel, frozen=True, extra="forbid"):
    """What a server used while it was tried; what could not be measured is ``None``."""

    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    cpu_seconds: float | None = None
    processes: int | None = None
    programs: tuple[str, ...] = ()

    @classmethod
    def of(cls, usage: Usage) -> "UsageRecord":
        """Write down what was measured."""
        return cls(
            memory_bytes=usage.memory_bytes,
            memory_peak_bytes=usage.memory_peak_bytes,
            cpu_seconds=usage.cpu_seconds,
            processes=usage.processes,
            programs=usage.programs,
        )


class TrialReport(Report, frozen=True):
    """What came of trying a server out: it was fetched, vetted, started, proven and thrown away.

    Attributes:
        works: Whether it passed everything; ``reason`` says why not.
        reached: The last stage that was entered.
        missing: The environment variables that it asks for, when it needs configuration.
        plan: What acquiring it would mean; ``None`` when it did not get so far.
        tools: The names of the tools it lists.
        proof: The level of evidence reached; ``None`` when it proved nothing.
        findings: What was noticed while it ran: its descriptions, its answers.
        enforcement: What really confined it; ``None`` when it was not started.
        usage: What it used; ``None`` when that was not measured.
        start_seconds: From its start to its list of tools; ``elapsed`` is for everything.
    """

    server: str
    package: str
    works: bool
    fate: Fate
    reached: str
    reason: str | None = None
    remedies: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    plan: PlannedServer | None = None
    tools: tuple[str, ...] = ()
    proof: str | None = None
    trials: tuple[TrialRecord, ...] = ()
    findings: tuple[FindingRecord, ...] = ()
    enforcement: EnforcementRecord | None = None
    usage: UsageRecord | None = None
    start_seconds: float | None = Field(default=None, ge=0)
    steps: tuple[StepRecord, ...] = ()
    elapsed: float = Field(ge=0)
