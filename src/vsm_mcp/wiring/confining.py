"""How each server is confined, and on which terms it would run."""

from pathlib import Path

from vsm_mcp.acquisition.terms import Terms, held_by, way_out
from vsm_mcp.acquisition.trial import Granted
from vsm_mcp.acquisition.vetting.patterns import Subject
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Level
from vsm_mcp.model.launch import HttpLaunch, RemoteLaunch, TcpLaunch
from vsm_mcp.model.server import Artefact, InProcessLaunch, Installed
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import IN_PROCESS, PolicyFor, elsewhere
from vsm_mcp.settings.settings import Settings


def confinement(settings: Settings, policy: Policy) -> PolicyFor:
    """Return what says how each server is confined: as all are, or as it is granted by name."""

    def policy_for(installed: Installed, work: Path | None) -> SandboxPolicy:
        return _confined(settings, policy, installed.vetted.artefact, package=installed.path, work=work)

    return policy_for


def terms_for(settings: Settings, policy: Policy, sandbox: Sandbox) -> Granted:
    """Return what says on which terms a server would run here."""

    def terms(artefact: Artefact) -> Terms:
        if isinstance(artefact.launch, InProcessLaunch):
            return Terms(enforcement=held_by(IN_PROCESS))
        if isinstance(artefact.launch, RemoteLaunch):
            return Terms(
                secrets=_given_elsewhere(artefact.launch), kept=False, enforcement=held_by(elsewhere(artefact.launch))
            )
        planned = _confined(settings, policy, artefact, work=settings.work / "server")
        try:
            enforcement = held_by(sandbox.plan(planned))
        except SandboxError as error:
            enforcement = f"it would not be started: {error.message}"
        return Terms(
            egress=planned.egress,
            secrets=tuple(sorted(settings.references(artefact))),
            limits=planned.limits,
            read_only=planned.read_only,
            kept=planned.work is not None,
            enforcement=enforcement,
        )

    return terms


def _given_elsewhere(launch: RemoteLaunch) -> tuple[str, ...]:
    """Name what a server elsewhere is given by which it knows this host."""
    if isinstance(launch, TcpLaunch):
        return ()
    token = ("Authorization",) if isinstance(launch, HttpLaunch) and launch.authorization else ()
    return tuple(sorted({*launch.headers, *token}))


def _confined(
    settings: Settings, policy: Policy, artefact: Artefact, *, package: Path | None = None, work: Path | None
) -> SandboxPolicy:
    """Return the confinement of a server; a grant may ask that more is held, never that less is."""
    candidate, resolution = artefact.candidate, artefact.resolution
    grant = policy.grant_for(Subject.of(candidate, resolution))
    confined = SandboxPolicy(
        limits=grant.limits or settings.limits,
        package=package,
        work=work if grant.kept else None,
        read_only=grant.read_only,
        run_as=settings.run_as,
        egress=way_out(candidate, resolution, policy),
        subject=candidate.name,
    )
    required = dict(confined.require)
    for aspect, level in grant.require.items():
        required[aspect] = max(level, required.get(aspect, Level.NONE), key=lambda one: one.strength)
    return confined.model_copy(update={"require": required})
