"""The security report: what is let in, what really confines it, what changed since, and what a reviewer should know."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import anyio

from vsm_mcp.acquisition.report import EnforcementRecord, FindingRecord, finding_records
from vsm_mcp.acquisition.terms import way_out
from vsm_mcp.acquisition.vetting.patterns import Subject, anybody_may_join, lets_anybody_in
from vsm_mcp.acquisition.vetting.policy import Grant, Policy
from vsm_mcp.errors import IntegrityError, SandboxError
from vsm_mcp.model.enforcement import Aspect, Enforcement, Level
from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.model.report import Report, printable
from vsm_mcp.model.server import InProcessLaunch, Proven
from vsm_mcp.model.verdict import Severity
from vsm_mcp.servers.launcher import IN_PROCESS, elsewhere
from vsm_mcp.servers.supervision.spawner import ServerStatus
from vsm_mcp.settings.settings import Confinement, Settings
from vsm_mcp.wiring.confining import confinement
from vsm_mcp.wiring.parts import Parts


class Weakness(Report, frozen=True):
    """Something that a reviewer should know: whom it is about, how bad it is, and what to do."""

    subject: str
    severity: str
    message: str
    remedy: str = ""


class ServerSecurity(Report, frozen=True):
    """What is known of the security of one server.

    Attributes:
        server: Its name; ``package`` with the exact version; ``digest`` of its files (sha256).
        since: When it was acquired.
        intact: Whether its files are what was vetted; ``damage`` says what is not.
        refused: Why the policy of today does not allow it; empty when it does.
        unpinned: Why it is not what the lock in force pins; empty when it is, or when there is no lock.
        known: What was known against it when it was last asked for, with ``recheck``; empty when nothing was.
        quarantined: Tools that are not callable because they changed.
        permissions: What its code uses.
        egress: Hosts that it may talk to.
        secrets: The names of the variables whose values it is given by reference.
        read_only: Paths of this machine that it may read.
        proof: The level of evidence; ``findings`` are those of vetting that did not refuse it.
        running: Whether it runs now.
        enforcement: What confines it, aspect by aspect: as seen when it was started, if it runs, and otherwise as
            foreseen for its next start.
        unconfinable: Why it would not be started; empty when it would.
    """

    server: str
    package: str
    digest: str
    since: datetime
    intact: bool
    damage: str = ""
    refused: str = ""
    unpinned: str = ""
    known: str = ""
    quarantined: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    proof: str
    findings: tuple[FindingRecord, ...] = ()
    running: bool
    enforcement: EnforcementRecord
    unconfinable: str = ""


class SecurityReport(Report, frozen=True):
    """The whole system as a security reviewer sees it.

    Attributes:
        sandbox_enabled: Whether servers are confined; ``confiner`` and ``profile`` say how.
        allow_list_enforced: Always true: an empty list allows nothing, and there is no switch.
        network_isolated: Whether no server may talk to anything.
        autonomy: How far the system may go by itself.
        policy: What is let in and may be called.
        servers: What is held, in the order in which it came.
        weaknesses: What to look at, worst first.
    """

    sandbox_enabled: bool
    confiner: str
    profile: str
    allow_list_enforced: bool
    network_isolated: bool
    autonomy: str
    policy: Policy
    servers: tuple[ServerSecurity, ...] = ()
    weaknesses: tuple[Weakness, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when nothing is worse than low, 1 otherwise: for scripts."""
        return int(any(weakness.severity not in {"info", "low"} for weakness in self.weaknesses))

    def _network(self) -> str:
        if self.network_isolated:
            return "none"
        free = [printable(one.server) for one in self.servers if _free(one)]
        return f"all of this machine's for {', '.join(free)}" if free else "only what is granted by name"

    def __str__(self) -> str:
        """Show the essentials, one line per server, then what to look at."""
        confined = f"{self.confiner}, profile {self.profile}" if self.sandbox_enabled else "NOT CONFINED"
        lines = [
            f"servers are {'confined by ' if self.sandbox_enabled else ''}{confined}; autonomy {self.autonomy}",
            f"network: {self._network()}",
        ]
        for one in self.servers:
            state = "intact" if one.intact else "DAMAGED"
            lines.append(f"  {printable(one.server)} ({one.package}): {state}, proof {one.proof}")
        lines += ["", *([] if self.weaknesses else ["Nothing to look at."])]
        for weakness in self.weaknesses:
            lines.append(f"  {weakness.severity:8} {printable(weakness.subject)}: {printable(weakness.message)}")
            lines += [f"           -> {printable(weakness.remedy)}"] if weakness.remedy else []
        return "\n".join(lines)


async def security_report(parts: Parts, settings: Settings, *, full: bool = False) -> SecurityReport:
    """Look at everything that is held.

    Args:
        parts: The living system.
        settings: Its options.
        full: Read every byte of every package again, instead of sizes and times.
    """
    await parts.system4.look()
    enforcement = await parts.sandbox.probe()
    records = await parts.installer.records()
    servers = [await _server(parts, settings, record.proven, since=record.at, full=full) for record in records]
    confined = settings.sandbox is not Confinement.NONE
    weaknesses = [*_of_system(parts.policy, confined=confined, warnings=enforcement.warnings), *_of_secrets(settings)]
    if settings.lock is not None and not await anyio.Path(settings.lock).exists():
        message, remedy = f"There is no lock at {settings.lock}, so nothing is pinned.", "Write it: vsm.save_lock()."
        weaknesses.append(Weakness(subject="lock", severity="medium", message=message, remedy=remedy))
    for broken in await parts.installer.broken():
        subject = broken.server or broken.path
        remedy = "Release the server and acquire it again."
        weaknesses.append(Weakness(subject=str(subject), severity="critical", message=broken.problem, remedy=remedy))
    for server in servers:
        weaknesses += _of_server(server)
    return SecurityReport(
        sandbox_enabled=confined,
        confiner=enforcement.confiner,
        profile=enforcement.profile,
        allow_list_enforced=True,
        network_isolated=confined and not any(server.egress or _free(server) for server in servers),
        autonomy=settings.autonomy.name,
        policy=parts.policy,
        servers=tuple(servers),
        weaknesses=tuple(sorted(weaknesses, key=lambda weakness: -Severity[weakness.severity.upper()])),
    )


async def _server(parts: Parts, settings: Settings, proven: Proven, *, since: datetime, full: bool) -> ServerSecurity:
    damage = ""
    try:
        await parts.installer.verify(proven, full=full)
    except IntegrityError as error:
        damage = error.message
    vetted = proven.installed.vetted
    name = proven.candidate.name
    standing = _standing(parts, settings, proven)
    quarantine = parts.spawner.quarantined(name)
    return ServerSecurity(
        server=name,
        package=str(vetted.artefact.resolution.package),
        digest=proven.installed.digest,
        since=since,
        intact=not damage,
        damage=damage,
        refused=parts.permissions.judge(proven) or "",
        unpinned=(await parts.lock.objection(proven) or "") if parts.lock is not None else "",
        known=parts.recheck.objection(proven) or "",
        quarantined=() if quarantine is None else (*quarantine.added, *quarantine.changed, *quarantine.removed),
        permissions=tuple(sorted(vetted.verdict.permissions)),
        egress=way_out(proven.candidate, vetted.artefact.resolution, parts.policy).allow,
        secrets=tuple(sorted(settings.references(vetted.artefact))),
        read_only=tuple(str(path) for path in _granted_paths(parts, proven)),
        proof=proven.evidence.level,
        findings=finding_records(vetted.verdict),
        running=standing.running,
        enforcement=EnforcementRecord.of(standing.enforcement),
        unconfinable=standing.refusal,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    running: bool
    enforcement: Enforcement
    refusal: str = ""


def _standing(parts: Parts, settings: Settings, proven: Proven) -> _Standing:
    """Return what confines a server now, or would at its next start: not what did on trial, which was another start."""
    name = proven.candidate.name
    state = parts.spawner.states().get(name)
    running = state is not None and state.status is ServerStatus.RUNNING
    if state is not None and running and state.enforcement is not None:
        return _Standing(running=True, enforcement=state.enforcement)
    if isinstance(proven.installed.launch, InProcessLaunch):
        return _Standing(running=running, enforcement=IN_PROCESS)
    if isinstance(proven.installed.launch, RemoteLaunch):
        return _Standing(running=running, enforcement=elsewhere(proven.installed.launch))
    try:
        policy = confinement(settings, parts.policy)(proven.installed, parts.workspace.directory(name))
        return _Standing(running=False, enforcement=parts.sandbox.plan(policy))
    except SandboxError as error:
        unheld = Enforcement(confiner=parts.sandbox.name, profile="refused")
        return _Standing(running=False, enforcement=unheld, refusal=error.message)


def _granted_paths(parts: Parts, proven: Proven) -> Sequence[Path]:
    artefact = proven.installed.vetted.artefact
    return parts.policy.grant_for(Subject.of(artefact.candidate, artefact.resolution)).read_only


def _of_system(policy: Policy, *, confined: bool, warnings: Sequence[str]) -> Sequence[Weakness]:
    found: list[Weakness] = []
    if not confined:
        message, remedy = "Servers run with all rights of this user.", "Set VSM_MCP_SANDBOX=bubblewrap."
        found.append(Weakness(subject="sandbox", severity="critical", message=message, remedy=remedy))
    found += [Weakness(subject="sandbox", severity="low", message=warning) for warning in warnings if confined]
    wide = [pattern for pattern in policy.allow if lets_anybody_in(pattern)]
    if wide:
        message, remedy = f"{', '.join(wide)} lets nearly everybody in.", "Name servers, scopes or publishers."
        found.append(Weakness(subject="policy", severity="high", message=message, remedy=remedy))
    found += _of_grants(policy.grants)
    found += [_waiver(waiver.code, waiver.expires, waiver.reason) for waiver in policy.waivers]
    return found


def _of_secrets(settings: Settings) -> Iterator[Weakness]:
    for pattern, variables in settings.secrets.items():
        if anybody_may_join(pattern):
            message = f"A stranger may publish a package that {pattern} matches; it is given {_listed(variables)}."
            remedy = "Name the package that needs it: secrets={'npm:NAME': ...}."
            yield Weakness(subject="secrets", severity="high", message=message, remedy=remedy)


def _of_grants(grants: Sequence[Grant]) -> Iterator[Weakness]:
    for grant in grants:
        if grant.gives and anybody_may_join(grant.servers):
            given = _listed((*grant.egress, *map(str, grant.read_only)))
            message = f"A stranger may publish a package that {grant.servers} matches; it is granted {given}."
            remedy = "Name the package that needs it, or a scope: Grant(servers='npm:@SCOPE/*', ...)."
            yield Weakness(subject="grants", severity="high", message=message, remedy=remedy)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _waiver(code: str, expires: datetime, reason: str) -> Weakness:
    message = f"Findings {code!r} are waived for one artefact until {expires:%Y-%m-%d}: {reason or 'no reason given'}."
    return Weakness(subject="policy", severity="low", message=message)


def _free(server: ServerSecurity) -> bool:
    return server.enforcement.confiner == "none"


_Note = tuple[str, str, str]  # severity, message, remedy


def _of_server(server: ServerSecurity) -> Sequence[Weakness]:
    return [
        Weakness(subject=server.server, severity=severity, message=message, remedy=remedy)
        for severity, message, remedy in (*_of_standing(server), *_of_confinement(server), *_of_findings(server))
    ]


def _of_standing(server: ServerSecurity) -> Iterator[_Note]:
    if server.damage:
        yield "critical", server.damage, "Release it, and find out who may write to the state directory."
    if server.refused:
        yield "high", f"It is held and the policy does not allow it: {server.refused}", "Release it."
    if server.unpinned:
        remedy = "Release it and acquire what is locked, or lock what is held: vsm.save_lock()."
        yield "high", server.unpinned, remedy
    if server.known:
        yield "high", server.known, "Upgrade or release it."
    if server.quarantined:
        tools = ", ".join(server.quarantined)
        yield "high", f"Changed since they were approved: {tools}.", "Look at the difference; approve, or release it."


def _of_confinement(server: ServerSecurity) -> Iterator[_Note]:
    if _free(server):
        yield "low", "Nothing confines it: it is part of this process, or runs with all rights of this user.", ""
    if server.unconfinable:
        yield "medium", f"It will not be started: {server.unconfinable}", "Ask for less in its grant, or release it."
        return
    weak = [held.aspect for held in server.enforcement.held if held.level is Level.NONE and held.aspect in _NEEDED]
    if weak:
        yield "medium", f"Nothing holds {', '.join(weak)}.", "See what this machine enforces: python -m vsm_mcp."


def _of_findings(server: ServerSecurity) -> Iterator[_Note]:
    for finding in server.findings:
        if finding.severity in {"medium", "high"}:
            yield "low", f"Vetting noted: {finding.message}", ""


_NEEDED = frozenset(aspect for aspect in Aspect if aspect is not Aspect.LIFETIME)
