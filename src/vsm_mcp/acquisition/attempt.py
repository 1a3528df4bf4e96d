"""One candidate on its way in: as published first, then up the repair ladder; kept, or only tried and thrown away."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

import anyio

from vsm_mcp.acquisition.discovery.discovery import RankedServer
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.ladder import first_rung, repairs
from vsm_mcp.acquisition.lock.comparison import confirm
from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.report import Consent, PlannedServer
from vsm_mcp.acquisition.stages import AcquisitionStage as Stage
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.verification import Objection, Verifier, no_objection
from vsm_mcp.acquisition.vetting.tool_descriptions import scan
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import (
    InstallationError,
    IntegrityError,
    NeedsConfigurationError,
    RollbackError,
    StartError,
    VerificationError,
    VettingError,
)
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Usage
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Artefact, Candidate, Installed, Proven, Resolution, Rung, Running, Vetted
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.servers.behaviour import BehaviourRecorder
from vsm_mcp.servers.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import written_by
from vsm_mcp.world.clock import Clock

CLEANUP_SECONDS = 30.0

Adopt = Callable[[Proven], None]
"""Makes a committed server reachable; when it raises, the server is removed again."""

Granted = Callable[[Candidate], Sequence[str]]
"""Says which hosts a candidate would be let talk to."""


def no_network(_candidate: Candidate) -> Sequence[str]:
    """Grant nothing."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """The parts of the way in.

    Attributes:
        vetting: Judges servers.
        installer: Brings them to this machine.
        rollback: Undoes what a failed attempt did.
        spawner: Starts a throw-away instance for the proof.
        verifier: Witnesses the proof.
        clock: Tells what is too young.
        cool_down: Dependencies younger than this are not used.
        granted: Says which hosts a server would be let talk to; shown to who consents.
        objection: Says why the policy forbids a tool of an installed server, on trial no more than later.
        lock: What must be the same as it was locked, to the byte; ``None`` while nothing is locked.
        recorder: Takes note of what a server does on trial.
    """

    vetting: Vetting
    installer: Installer
    rollback: Rollback
    spawner: DynamicSpawner
    verifier: Verifier
    clock: Clock
    cool_down: timedelta = timedelta(days=7)
    granted: Granted = no_network
    objection: Objection = no_objection
    lock: Lockfile | None = None
    recorder: BehaviourRecorder = field(default_factory=BehaviourRecorder)

    @property
    def rung(self) -> Rung:
        """How dependencies are resolved at first."""
        return first_rung(self.clock.now(), cool_down=self.cool_down)


@dataclass(slots=True, kw_only=True)
class Sighting:
    """What was seen of a candidate on its way, however far it came."""

    plan: PlannedServer | None = None
    running: Running | None = None
    findings: tuple[Finding, ...] = ()
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One candidate on its way.

    Attributes:
        way: What it passes.
        steps: Where each stage is written down.
        entry: The candidate with its rank.
        wanted: What it is needed for.
        probe: The calls it must answer well.
        consent: Asked before anything is installed.
        adopt: Makes it reachable once it is committed; ``None`` leaves that to the caller.
        seen: Gets what is seen on the way.
    """

    way: WayIn
    steps: Steps
    entry: RankedServer
    wanted: str
    consent: Consent
    probe: Probe | Sequence[Probe] | None = None
    adopt: Adopt | None = None
    seen: Sighting = field(default_factory=Sighting)

    @property
    def candidate(self) -> Candidate:
        """The candidate."""
        return self.entry.candidate

    async def climb(self) -> Proven:
        """Acquire it: afterwards it is proven, committed and reachable, or nothing has happened.

        Raises:
            AcquisitionError: It was refused, or did not work.
            NeedsConfigurationError: It lacks nothing but settings.
            RefusedError: Consent was not given, or it cannot be confined as required.
        """
        self._screen()
        async with self.way.installer.exclusively(self.candidate):
            known = await self.way.installer.find(self.candidate)
            if known is not None:
                return await self._prove_again(known)
            return await self._first_that_starts(keep=True)

    async def try_out(self) -> Proven:
        """Do all of it but keep nothing: what is returned is gone already.

        Raises:
            AcquisitionError: It was refused, or did not work.
            NeedsConfigurationError: It lacks nothing but settings.
            RefusedError: Consent was not given, or it cannot be confined as required.
        """
        self._screen()
        return await self._first_that_starts(keep=False)

    def _screen(self) -> None:
        screened = self.way.vetting.screen(self.candidate)
        if not screened.accepted:
            remedies = tuple(finding.remedy for finding in screened.findings if finding.remedy)
            raise VettingError(" ".join(screened.reasons), stage=Stage.VET, remedies=remedies)

    async def _first_that_starts(self, *, keep: bool) -> Proven:
        try:
            return await self._bring(self.way.rung, consented=False, keep=keep)
        except _DiedAtStartError as died:
            return await self._repair(died, keep=keep)

    async def _repair(self, died: "_DiedAtStartError", *, keep: bool) -> Proven:
        """Climb the ladder; a rung that cannot be resolved or installed is passed over."""
        for rung in repairs(died.installed.vetted.artefact.resolution, died.error.stderr):
            try:
                return await self._bring(rung, consented=True, keep=keep)
            except (IntegrityError, RollbackError):  # wrong bytes and failed undos are never passed over
                raise
            except (_DiedAtStartError, InstallationError):
                continue
        raise _dead(died.error) from died.error

    async def _bring(self, rung: Rung, *, consented: bool, keep: bool) -> Proven:
        self.steps.begin(self.candidate.name, rung.name)
        with self.steps.stage(Stage.PLAN):
            resolution = await self.way.installer.resolve(self.candidate, rung)
            _insist_on(self.candidate, resolution)
        async with self.way.rollback.transaction(f"acquire {self.candidate.name}") as transaction:
            vetted = await self._vet(resolution, transaction)
            with self.steps.stage(Stage.CONSENT):
                await self._consent(vetted, consented=consented)
            with self.steps.stage(Stage.STAGE):
                installed = await self.way.installer.stage(vetted, transaction)
            proven = await self._prove(installed)
            if not keep:
                return proven  # the transaction ends without a commit: everything is undone
            with self.steps.stage(Stage.COMMIT):
                await self._confirm(proven)
                committed = await self.way.installer.commit(proven, transaction, needs=(self.wanted,))
                await self._hand_over(committed)
                return committed

    async def _vet(self, resolution: Resolution, transaction: Transaction) -> Vetted:
        with self.steps.stage(Stage.FETCH):
            directory = await self.way.installer.quarantine(transaction)
            artefact = await self.way.installer.fetch(self.candidate, resolution, into=directory)
            _insist_on_same(artefact, resolution)
        with self.steps.stage(Stage.VET):
            return await self.way.vetting.judge(artefact)

    async def _consent(self, vetted: Vetted, *, consented: bool) -> None:
        granted = self.way.granted(self.candidate)
        plan = PlannedServer.of(vetted.artefact, vetted.verdict, score=self.entry.score, granted=granted)
        self.seen.plan = plan
        if not consented:
            await self.consent(plan)

    async def _hand_over(self, committed: Proven) -> None:
        """Make it reachable; a server that nobody can reach is not kept."""
        if self.adopt is None:
            return
        try:
            self.adopt(committed)
        except BaseException:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLEANUP_SECONDS):
                await self.way.installer.remove(committed.candidate.name)
            raise

    async def _prove_again(self, known: Proven) -> Proven:
        """A package that is in the store already, perhaps by another process, still has to work for this need."""
        self.steps.begin(self.candidate.name, known.installed.vetted.artefact.resolution.rung.name)
        try:
            proven = await self._prove(known.installed)
        except _DiedAtStartError as died:
            raise _dead(died.error) from died.error
        with self.steps.stage(Stage.COMMIT):
            await self._confirm(proven)
            served = await self.way.installer.serve(proven, needs=(self.wanted,))
            if self.adopt is not None:
                self.adopt(served)
            return served

    async def _confirm(self, proven: Proven) -> None:
        if self.way.lock is not None:
            await confirm(self.way.lock, proven)

    async def _prove(self, installed: Installed) -> Proven:
        self.way.recorder.begin(self.candidate.name)
        async with AsyncExitStack() as life:
            with self.steps.stage(Stage.START):
                running = await self._start(installed, life)
            with self.steps.stage(Stage.VERIFY):
                try:
                    return await self._watched(running, await self._verify(running))
                except NeedsConfigurationError as error:
                    raise _with_names(error, self.candidate) from error
                finally:
                    self.seen.usage = running.usage()

    async def _watched(self, running: Running, proven: Proven) -> Proven:
        """Keep with the proof what the server was seen to do meanwhile."""
        name, usage = self.candidate.name, running.usage()
        programs = None if usage is None else tuple(usage.programs)
        self.way.recorder.note(name, files=await written_by(running), programs=programs)
        return replace(proven, behaviour=self.way.recorder.seen(name))

    async def _verify(self, running: Running) -> Proven:
        self.seen.running = running
        findings = scan(
            running.tools,
            await self._tools_of_others(),
            instructions=running.instructions,
            prompts=running.prompts,
        )
        self.seen.findings = findings
        _refuse_poisoned(running, findings)
        proven = await self.way.verifier.prove(running, self.probe)
        evidence = replace(proven.evidence, findings=(*findings, *proven.evidence.findings))
        self.seen.findings = evidence.findings
        return replace(proven, evidence=evidence)

    async def _tools_of_others(self) -> Sequence[ToolSpec]:
        held = await self.way.installer.committed()
        return [tool for proven in held if proven.candidate.name != self.candidate.name for tool in proven.tools]

    async def _start(self, installed: Installed, life: AsyncExitStack) -> Running:
        try:
            return await life.enter_async_context(self.way.spawner.trial(installed))
        except NeedsConfigurationError as error:
            raise _with_names(error, self.candidate) from error
        except StartError as error:
            raise _DiedAtStartError(installed, error) from error


class _DiedAtStartError(StartError):
    """A server died at its start; knows which installation it was, so that it can be resolved anew."""

    def __init__(self, installed: Installed, error: StartError) -> None:
        super().__init__(error.message, exit_code=error.exit_code, stderr=error.stderr, remedies=error.remedies)
        self.installed = installed
        self.error = error


def _dead(error: StartError) -> VerificationError:
    said = "; ".join(line.strip() for line in error.stderr[-3:])
    last_words = f" It said last: {said[:500]}" if said else ""
    return VerificationError(f"{error.message}{last_words}", stage=Stage.START, remedies=error.remedies)


def _insist_on(candidate: Candidate, resolution: Resolution) -> None:
    """Refuse a resolution of something else than what was asked for."""
    wanted, found = candidate.package, resolution.package
    same = (wanted.ecosystem, wanted.name) == (found.ecosystem, found.name)
    if not same or wanted.version not in (None, found.version):
        raise IntegrityError(
            f"{candidate.name} is {wanted}, and the registry answered with {found}.",
            stage=Stage.PLAN,
            remedies=("Do not use this registry until its answers are right.", "Take another server."),
        )


def _insist_on_same(artefact: Artefact, resolution: Resolution) -> None:
    """Refuse an artefact that was fetched as something else than what was planned."""
    planned = (resolution.package, resolution.integrity, resolution.lock)
    found = (artefact.resolution.package, artefact.resolution.integrity, artefact.resolution.lock)
    if planned != found:
        raise IntegrityError(
            f"{artefact.candidate.name} changed between plan and fetch: {resolution.package} with "
            f"{resolution.integrity[:24]} became {artefact.resolution.package} with "
            f"{artefact.resolution.integrity[:24]}.",
            stage=Stage.FETCH,
            remedies=("Do not use this registry until its answers are right.", "Take another server."),
        )


def _with_names(error: NeedsConfigurationError, candidate: Candidate) -> NeedsConfigurationError:
    """Return the error with the variables that the server declares, if it did not say which it lacks."""
    declared = tuple(one.name for one in candidate.environment if one.required or one.secret)
    if error.names or not declared:
        return error
    remedies = tuple(f"Give it by reference: secrets={{{name!r}: 'env:{name}'}}." for name in declared)
    return NeedsConfigurationError(error.message, names=declared, remedies=remedies)


def _refuse_poisoned(running: Running, findings: Sequence[Finding]) -> None:
    found = [finding for finding in findings if finding.severity >= Severity.HIGH]
    if found:
        said = "; ".join(f"{finding.where}: {finding.message}" for finding in found[:5])
        raise VettingError(
            f"{running.installed.candidate.name} describes its tools in a way that is not accepted: {said}",
            stage=Stage.VERIFY,
            remedies=("Read the descriptions; allow the server only if they are harmless.",),
        )
