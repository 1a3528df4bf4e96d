"""What an acquisition tells its user: plans before, reports after. Stable as JSON, readable as text."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from pydantic import BaseModel, Field

from vsm_mcp.model.enforcement import Enforcement, Level
from vsm_mcp.model.server import Artefact, InProcessLaunch, Proven, StdioLaunch
from vsm_mcp.model.verdict import Severity, Verdict
from vsm_mcp.variety.gap import VarietyGap


class Fate(StrEnum):
    """What became of a candidate."""

    TAKEN = "taken"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_NEEDED = "not needed"


class StepRecord(BaseModel, frozen=True, extra="forbid"):
    """One stage of one attempt: how many seconds it took and, if it failed, why."""

    candidate: str
    stage: str
    rung: str = ""
    elapsed: float = Field(ge=0)
    failure: str | None = None


class CandidateRecord(BaseModel, frozen=True, extra="forbid"):
    """A server that was considered: its rank score and why it was taken or not."""

    name: str
    package: str
    score: float | None = None
    fate: Fate
    reason: str


class FindingRecord(BaseModel, frozen=True, extra="forbid"):
    """A finding of vetting, for people and logs."""

    check: str
    code: str
    severity: str
    message: str
    where: str = ""


class TrialRecord(BaseModel, frozen=True, extra="forbid"):
    """A call made as a proof."""

    tool: str
    passed: bool
    detail: str
    elapsed: float = Field(ge=0)


class HeldRecord(BaseModel, frozen=True, extra="forbid"):
    """One aspect of the sandbox: what was asked, who holds it, by what, and what shows it."""

    aspect: str
    requested: str
    level: Level
    mechanism: str = ""
    evidence: str = ""


class EnforcementRecord(BaseModel, frozen=True, extra="forbid"):
    """What really confines a server."""

    confiner: str
    profile: str
    held: tuple[HeldRecord, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, enforcement: Enforcement) -> "EnforcementRecord":
        """Write down an enforcement."""
        held = tuple(
            HeldRecord(aspect=aspect, requested=h.requested, level=h.level, mechanism=h.mechanism, evidence=h.evidence)
            for aspect, h in enforcement.held.items()
        )
        return cls(confiner=enforcement.confiner, profile=enforcement.profile, held=held, warnings=enforcement.warnings)


class PlannedServer(BaseModel, frozen=True, extra="forbid"):
    """What acquiring one candidate would mean; nothing of it has run.

    Attributes:
        argv: The command line that would be started, with ``/pkg`` for its files and ``/work`` for its directory.
        permissions: What its code uses, as read from its source.
        egress: The hosts it says it talks to. The sandbox of this version gives no network.
        environment: The variables it reads; an asterisk marks those it requires.
        packages: How many packages would be installed.
        accepted: Whether vetting would let it pass; ``reasons`` say why not.
    """

    name: str
    package: str
    score: float | None = None
    accepted: bool
    reasons: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    packages: int | None = None
    vetting_score: int | None = None
    findings: tuple[FindingRecord, ...] = ()

    @classmethod
    def of(cls, artefact: Artefact, verdict: Verdict, *, score: float | None = None) -> "PlannedServer":
        """Describe an artefact that was examined."""
        candidate = artefact.candidate
        return cls(
            name=candidate.name,
            package=str(artefact.resolution.package),
            score=score,
            accepted=verdict.accepted,
            reasons=verdict.reasons if not verdict.accepted else (),
            argv=_argv(artefact),
            permissions=tuple(sorted(verdict.permissions)),
            egress=candidate.egress,
            environment=tuple(v.name + "*" * v.required for v in candidate.environment),
            packages=len(artefact.resolution.dependencies),
            vetting_score=verdict.score,
            findings=finding_records(verdict),
        )

    def __str__(self) -> str:
        """Show it as a few lines for a person."""
        lines = [f"{self.name} ({self.package}): {'may be acquired' if self.accepted else 'refused'}"]
        lines += [f"  because: {reason}" for reason in self.reasons]
        if self.argv:
            lines.append(f"  would run:   {' '.join(self.argv)}")
            lines.append(f"  permissions: {', '.join(self.permissions) or 'none'}")
            lines.append(f"  egress:      {', '.join(self.egress) or 'none declared'} (the sandbox gives no network)")
            lines.append(f"  environment: {', '.join(self.environment) or 'none'}")
            lines.append(f"  installs:    {self.packages} package(s); vetting score {self.vetting_score}/100")
        return "\n".join(lines)


Consent = Callable[[PlannedServer], Awaitable[None]]
"""Asked with the plan for one server before anything of it is installed; raises ``PolicyError`` to refuse."""


class AcquisitionPlan(BaseModel, frozen=True, extra="forbid"):
    """What could be done about a need, best first. Making it had no effects."""

    wanted: str
    servers: tuple[PlannedServer, ...] = ()
    source_errors: dict[str, str] = {}

    def __str__(self) -> str:
        """Show every server, or that there is none."""
        shown = [str(server) for server in self.servers] or ["No source knows a server for it."]
        failed = [f"Source {name} did not answer: {why}" for name, why in self.source_errors.items()]
        return "\n".join((f"For {self.wanted!r}:", *shown, *failed))


class AcquisitionReport(BaseModel, frozen=True, extra="forbid"):
    """What was acquired, how, at what cost, and what it changed.

    Attributes:
        capability: What was wanted.
        server: The server's name; ``package`` with its exact version; ``digest`` of its files (sha256).
        rung: How its dependencies were resolved.
        proof: The level of evidence reached; ``trials`` are the calls that show it.
        steps: Every stage of every attempt, in order.
        candidates: Every server considered, with its fate.
        gap_before: The variety gap when the acquisition began; ``gap_after`` when it was done.
        elapsed: Seconds for the whole acquisition.
    """

    capability: str
    server: str
    package: str
    digest: str
    rung: str
    tools: tuple[str, ...]
    proof: str
    trials: tuple[TrialRecord, ...]
    enforcement: EnforcementRecord
    steps: tuple[StepRecord, ...]
    candidates: tuple[CandidateRecord, ...]
    gap_before: VarietyGap | None = None
    gap_after: VarietyGap | None = None
    elapsed: float = Field(ge=0)

    @classmethod
    def of(
        cls,
        proven: Proven,
        *,
        wanted: str,
        steps: Sequence[StepRecord],
        candidates: Sequence[CandidateRecord],
        elapsed: float,
    ) -> "AcquisitionReport":
        """Write down what was acquired."""
        installed = proven.installed
        resolution = installed.vetted.artefact.resolution
        return cls(
            capability=wanted,
            server=proven.candidate.name,
            package=str(resolution.package),
            digest=installed.digest,
            rung=resolution.rung.name,
            tools=tuple(tool.name for tool in proven.tools),
            proof=proven.evidence.level,
            trials=tuple(
                TrialRecord(tool=t.tool, passed=t.passed, detail=t.detail, elapsed=t.elapsed)
                for t in proven.evidence.trials
            ),
            enforcement=EnforcementRecord.of(proven.enforcement),
            steps=tuple(steps),
            candidates=tuple(candidates),
            elapsed=elapsed,
        )

    def __str__(self) -> str:
        """Show the outcome and the steps."""
        lines = [f"{self.capability!r} is done by {self.server} ({self.package}), proof: {self.proof}."]
        if self.gap_before and self.gap_after:
            lines.append(f"gap: {_share(self.gap_before)} before, {_share(self.gap_after)} after")
        lines += [f"  {s.stage:8} {s.elapsed:7.2f} s  {s.rung} {s.failure or ''}".rstrip() for s in self.steps]
        return "\n".join(lines)


def finding_records(verdict: Verdict, *, least: Severity = Severity.LOW) -> tuple[FindingRecord, ...]:
    """Return the findings of ``verdict`` from severity ``least`` on, worst first."""
    return tuple(
        FindingRecord(check=f.check, code=f.code, severity=f.severity.name.lower(), message=f.message, where=f.where)
        for f in verdict.findings
        if f.severity >= least or f.unknown
    )


def _argv(artefact: Artefact) -> tuple[str, ...]:
    match artefact.launch:
        case StdioLaunch(argv=argv):
            return argv
        case InProcessLaunch():
            return ("(in this process)",)


def _share(gap: VarietyGap) -> str:
    return "unknown" if gap.share is None else f"{gap.share:.0%}"
