"""What an acquisition tells its user: plans before, reports after. Stable as JSON, readable as text."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum

from pydantic import BaseModel, Field

from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.model.enforcement import Enforcement, Level
from vsm_mcp.model.launch import HttpLaunch, TcpLaunch, WebSocketLaunch, address_of
from vsm_mcp.model.proof import Trial
from vsm_mcp.model.report import printable
from vsm_mcp.model.server import Artefact, Candidate, InProcessLaunch, Launch, Proven, StdioLaunch
from vsm_mcp.model.verdict import Finding, Severity, Verdict
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.variety.gap import VarietyGap


class Fate(StrEnum):
    """What became of a candidate."""

    TAKEN = "taken"
    REFUSED = "refused"
    FAILED = "failed"
    NEEDS_CONFIGURATION = "needs configuration"
    NOT_NEEDED = "not needed"


class StepRecord(BaseModel, frozen=True, extra="forbid"):
    """One stage of one attempt: how many seconds it took and, if it failed, why."""

    candidate: str
    stage: str
    rung: str = ""
    elapsed: float = Field(ge=0)
    failure: str | None = None


class CandidateRecord(BaseModel, frozen=True, extra="forbid"):
    """A server that was considered: its rank score and why it was taken or not.

    Attributes:
        missing: The environment variables that it asks for, when it needs configuration.
        remedies: What to do about its fate, best first.
    """

    name: str
    package: str
    score: float | None = None
    fate: Fate
    reason: str
    missing: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


class FindingRecord(BaseModel, frozen=True, extra="forbid"):
    """A finding of vetting or of verification, for people and logs."""

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


_NOTHING = Terms()


class PreviousServer(BaseModel, frozen=True, extra="forbid"):
    """What is held already of a server that would be replaced: what a person compares with."""

    package: str
    argv: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    packages: int | None = None

    @classmethod
    def of(cls, proven: Proven) -> "PreviousServer":
        """Describe a server that is held."""
        artefact = proven.installed.vetted.artefact
        return cls(
            package=str(artefact.resolution.package),
            argv=_argv(artefact.launch),
            permissions=tuple(sorted(proven.installed.vetted.verdict.permissions)),
            egress=proven.candidate.egress,
            environment=environment_of(artefact.candidate),
            tools=tuple(sorted(tool.name for tool in proven.tools)),
            packages=len(artefact.resolution.dependencies),
        )


class PlannedServer(BaseModel, frozen=True, extra="forbid"):
    """What acquiring one candidate would mean; nothing of it has run.

    Attributes:
        argv: The command line that would be started, with ``/pkg`` for its files and ``/work`` for its directory.
        permissions: What its code uses, as read from its source.
        egress: The hosts it says it talks to.
        granted: The hosts it would be let talk to; empty means no network. Those that may have private addresses are
            in ``private`` as well.
        environment: The variables it reads; an asterisk marks those it requires.
        secrets: The names of the variables whose values it would be given by reference.
        read_only: Paths of this machine that it could read.
        limits: How much it could use up; ``kept`` says whether it keeps its writable directory between starts.
        enforcement: Who would hold that on this machine, as far as can be foreseen.
        tools: The names of its tools, as far as they are known.
        packages: How many packages would be installed.
        accepted: Whether vetting would let it pass; ``reasons`` say why not.
        previous: What it would replace, if it is an upgrade.
        diff: What would change then, one line each, ``+`` for what comes and ``-`` for what goes.
    """

    name: str
    package: str
    score: float | None = None
    accepted: bool
    reasons: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    limits: Limits | None = None
    kept: bool = True
    enforcement: str = ""
    tools: tuple[str, ...] = ()
    packages: int | None = None
    vetting_score: int | None = None
    findings: tuple[FindingRecord, ...] = ()
    previous: PreviousServer | None = None
    diff: str = ""

    @classmethod
    def of(
        cls,
        artefact: Artefact,
        verdict: Verdict,
        *,
        score: float | None = None,
        granted: Terms = _NOTHING,
        tools: Sequence[str] | None = None,
        previous: Proven | None = None,
    ) -> "PlannedServer":
        """Describe an artefact that was examined.

        Args:
            artefact: What would be installed.
            verdict: What vetting says of it.
            score: Its rank.
            granted: What it would get.
            tools: The names of its tools, if it was started already; else those that its source publishes.
            previous: The server that it would replace.
        """
        candidate = artefact.candidate
        plan = cls(
            name=candidate.name,
            package=str(artefact.resolution.package),
            score=score,
            accepted=verdict.accepted,
            reasons=verdict.reasons if not verdict.accepted else (),
            argv=_argv(artefact.launch),
            permissions=tuple(sorted(verdict.permissions)),
            egress=candidate.egress,
            granted=granted.egress.allow,
            private=granted.egress.private,
            environment=environment_of(artefact.candidate),
            secrets=granted.secrets,
            read_only=tuple(str(path) for path in granted.read_only),
            limits=granted.limits,
            kept=granted.kept,
            enforcement=granted.enforcement,
            tools=tuple(sorted(tool.name for tool in candidate.tools) if tools is None else sorted(tools)),
            packages=len(artefact.resolution.dependencies),
            vetting_score=verdict.score,
            findings=finding_records(verdict),
            previous=None if previous is None else PreviousServer.of(previous),
        )
        return plan.model_copy(update={"diff": _difference(plan.previous, plan)}) if plan.previous else plan

    def __str__(self) -> str:
        """Show it as a few lines for a person."""
        lines = [f"{self.name} ({self.package}): {'may be acquired' if self.accepted else 'refused'}"]
        lines += [f"  because: {reason}" for reason in self.reasons]
        if self.argv:
            network = ", ".join(self.granted) or "no network"
            network += f"; private addresses: {', '.join(self.private)}" if self.private else ""
            lines.append(f"  would run:   {' '.join(self.argv)}")
            lines.append(f"  permissions: {', '.join(self.permissions) or 'none'}")
            lines.append(f"  egress:      {', '.join(self.egress) or 'none declared'} (granted: {network})")
            lines.append(f"  environment: {', '.join(self.environment) or 'none'}")
            lines.append(f"  secrets:     {', '.join(self.secrets) or 'none'}")
            lines += [f"  reads:       {', '.join(self.read_only)}"] if self.read_only else []
            lines += [f"  limits:      {self._limits(self.limits)}"] if self.limits else []
            lines += [f"  held:        {self.enforcement}"] if self.enforcement else []
            lines.append(f"  installs:    {self.packages} package(s); vetting score {self.vetting_score}/100")
        if self.previous:
            lines.append(f"  replaces:    {self.previous.package}")
            lines += [f"    {line}" for line in (self.diff or "nothing else changes").splitlines()]
        elif self.diff:
            lines += ["  resolved anew:", *(f"    {line}" for line in self.diff.splitlines())]
        return "\n".join(map(printable, lines))

    def _limits(self, limits: Limits) -> str:
        processor = "any share" if limits.cpu_cores is None else f"{limits.cpu_cores:g}"
        disk = f"{limits.kept_mb} MB kept" if self.kept else f"{limits.work_mb} MB, empty at each start"
        return f"{limits.memory_mb} MB memory, {processor} of a core, {limits.processes} processes, disk {disk}"


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
        failed = [printable(f"Source {name} did not answer: {why}") for name, why in self.source_errors.items()]
        return "\n".join((f"For {self.wanted!r}:", *shown, *failed))


class AcquisitionReport(BaseModel, frozen=True, extra="forbid"):
    """What was acquired, how, at what cost, and what it changed.

    Attributes:
        capability: What was wanted.
        server: The server's name; ``package`` with its exact version; ``digest`` of its files (sha256).
        rung: How its dependencies were resolved.
        proof: The level of evidence reached; ``trials`` are the calls that show it, ``findings`` what was noticed.
        enforcement: What confined it while it was proven, in a throw-away instance with a writable directory in
            memory. What confines it when it is used is in ``ViableSystem.security_report``.
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
    findings: tuple[FindingRecord, ...] = ()
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
            trials=trial_records(proven.evidence.trials),
            findings=records_of(proven.evidence.findings),
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
        return "\n".join(map(printable, lines))


def finding_records(verdict: Verdict, *, least: Severity = Severity.LOW) -> tuple[FindingRecord, ...]:
    """Return the findings of ``verdict`` from severity ``least`` on, worst first."""
    return records_of(finding for finding in verdict.findings if finding.severity >= least or finding.unknown)


def records_of(findings: Iterable[Finding]) -> tuple[FindingRecord, ...]:
    """Return findings as a report shows them, in their order."""
    return tuple(
        FindingRecord(check=f.check, code=f.code, severity=f.severity.name.lower(), message=f.message, where=f.where)
        for f in findings
    )


def trial_records(trials: Iterable[Trial]) -> tuple[TrialRecord, ...]:
    """Return trials as a report shows them."""
    return tuple(TrialRecord(tool=t.tool, passed=t.passed, detail=t.detail, elapsed=t.elapsed) for t in trials)


def _argv(launch: Launch) -> tuple[str, ...]:
    match launch:
        case StdioLaunch(argv=argv):
            return argv
        case InProcessLaunch():
            return ("(in this process)",)
        case HttpLaunch() | TcpLaunch() | WebSocketLaunch():
            return (f"(at {address_of(launch)})",)


def environment_of(candidate: Candidate) -> tuple[str, ...]:
    """Return the variables that a server reads; those that it requires end in an asterisk."""
    return tuple(variable.name + "*" * variable.required for variable in candidate.environment)


def _difference(old: PreviousServer | None, new: PlannedServer) -> str:
    """Return what changes, one line each; what the sources do not say of the tools is no change."""
    if old is None:
        return ""
    lines = [] if old.package == new.package else [f"- package {old.package}", f"+ package {new.package}"]
    lines += [] if old.argv == new.argv else [f"- runs {' '.join(old.argv)}", f"+ runs {' '.join(new.argv)}"]
    compared = {
        "permission": (old.permissions, new.permissions),
        "egress": (old.egress, new.egress),
        "variable": (old.environment, new.environment),
        "tool": (old.tools, new.tools or old.tools),
    }
    for what, (before, after) in compared.items():
        lines += [f"- {what} {name}" for name in sorted(set(before) - set(after))]
        lines += [f"+ {what} {name}" for name in sorted(set(after) - set(before))]
    if old.packages != new.packages:
        lines.append(f"- {old.packages} package(s)")
        lines.append(f"+ {new.packages} package(s)")
    return "\n".join(map(printable, lines))


def _share(gap: VarietyGap) -> str:
    return "unknown" if gap.share is None else f"{gap.share:.0%}"
