"""The gate that newcomers and newer versions pass alike: what was asked for, the same bytes, judged words, a proof."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

import anyio.to_thread

from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.ladder import first_rung
from vsm_mcp.acquisition.lock.comparison import confirm
from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.report import PlannedServer
from vsm_mcp.acquisition.stages import AcquisitionStage as Stage
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.acquisition.verification import Objection, Verifier, no_objection
from vsm_mcp.acquisition.vetting.text.words import Words
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import IntegrityError, NeedsConfigurationError, StartError, VettingError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Usage
from vsm_mcp.model.server import Artefact, Candidate, Installed, Proven, Resolution, Rung, Running, Vetted
from vsm_mcp.model.verdict import Finding
from vsm_mcp.servers.behaviour import BehaviourRecorder, Sight
from vsm_mcp.servers.launcher import OnRecord, how_to_give, unrecorded
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import written_by
from vsm_mcp.world.clock import Clock

Granted = Callable[[Artefact], Terms]
"""Says what a server would get once it runs."""

Proof = Callable[[Running], Awaitable[Proven]]
"""Proves a running server by calls."""

Afterthought = Callable[[Running], Awaitable[None]]
"""Looks at a server that is proven and still runs; raises to refuse it all the same."""


def nothing(_artefact: Artefact) -> Terms:
    """Grant nothing."""
    return Terms()


async def nothing_more(_running: Running) -> None:
    """Have no afterthought."""


async def _nothing_learnt(_proven: Proven) -> None:
    """Learn nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """The parts of the way in.

    Attributes:
        vetting: Judges servers, and what they say.
        installer: Brings them to this machine.
        rollback: Undoes what a failed attempt did.
        spawner: Starts a throw-away instance for the proof.
        verifier: Witnesses the proof.
        clock: Tells what is too young.
        cool_down: Dependencies younger than this are not used.
        granted: Says what a server would get once it runs; shown to who consents.
        objection: Says why the policy forbids a tool of an installed server, on trial no more than later.
        lock: What must be the same as it was locked, to the byte; ``None`` while nothing is locked.
        recorder: Takes note of what a server does on trial.
        on_record: What taking a server in happens in.
        learn: Takes note of what a server that was taken in lists.
    """

    vetting: Vetting
    installer: Installer
    rollback: Rollback
    spawner: DynamicSpawner
    verifier: Verifier
    clock: Clock
    cool_down: timedelta = timedelta(days=7)
    granted: Granted = nothing
    objection: Objection = no_objection
    lock: Lockfile | None = None
    recorder: BehaviourRecorder = field(default_factory=BehaviourRecorder)
    on_record: OnRecord = unrecorded
    learn: Callable[[Proven], Awaitable[None]] = _nothing_learnt

    def insist_on_enabled(self, server: str) -> None:
        """Do nothing unless a server of this name is disabled: that is neither started nor replaced.

        Raises:
            VettingError: It is.
        """
        if self.spawner.is_disabled(server):
            raise VettingError(
                f"{server} is disabled.",
                stage=Stage.VET,
                remedies=(f"Enable it first: await vsm.enable_server({server!r}).",),
            )

    @property
    def rung(self) -> Rung:
        """How dependencies are resolved at first."""
        return first_rung(self.clock.now(), cool_down=self.cool_down)

    async def find_out(self, candidate: Candidate, rung: Rung, *, version: str | None = None) -> Resolution:
        """Resolve a candidate: to what was asked for and to nothing else.

        Args:
            candidate: The server.
            rung: How its dependencies are resolved.
            version: Nothing but this version of it will do.

        Raises:
            InstallationError: It cannot be resolved.
            IntegrityError: The registry answered with something else.
        """
        if version is not None:
            candidate = replace(candidate, package=replace(candidate.package, version=version))
        resolution = await self.installer.resolve(candidate, rung)
        _insist_on(candidate, resolution)
        return resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Exactly what somebody consented to; anything else is asked about anew.

    Attributes:
        plan: What was shown.
        integrity: Digest of the package's own artefact.
        lock: What is installed with it.
        packages: The same in words.
    """

    plan: PlannedServer
    integrity: str
    lock: str
    packages: frozenset[str]

    @classmethod
    def on(cls, plan: PlannedServer, resolution: Resolution) -> "Agreement":
        """Return what consenting to ``plan`` agrees on."""
        packages = frozenset(f"{one.name}@{one.version}" for one in resolution.dependencies)
        return cls(plan=plan, integrity=resolution.integrity, lock=resolution.lock, packages=packages)

    def shown(self, before: "Agreement") -> PlannedServer:
        """Return the plan with what differs from one that was consented to before."""
        gone, come = sorted(before.packages - self.packages), sorted(self.packages - before.packages)
        lines = [*(f"- {package}" for package in gone), *(f"+ {package}" for package in come)]
        return self.plan.model_copy(update={"diff": "\n".join(lines)})


@dataclass(slots=True, kw_only=True)
class Sighting:
    """What was seen of a candidate on its way, however far it came, and what was agreed on."""

    agreed: tuple[Agreement, ...] = ()
    plan: PlannedServer | None = None
    running: Running | None = None
    findings: tuple[Finding, ...] = ()
    usage: Usage | None = None


class DiedAtStartError(StartError):
    """A server died at its start; knows which installation it was, so that it can be resolved anew."""

    def __init__(self, installed: Installed, error: StartError) -> None:
        """Keep the installation, and the error as it was."""
        super().__init__(error.message, exit_code=error.exit_code, stderr=error.stderr, remedies=error.remedies)
        self.installed = installed
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one server passes, whether it is new or newer.

    Attributes:
        way: The parts.
        steps: Where each stage is written down.
        candidate: The server.
        seen: Gets what is seen on the way.
    """

    way: WayIn
    steps: Steps
    candidate: Candidate
    seen: Sighting = field(default_factory=Sighting)

    async def resolve(self, rung: Rung, *, version: str | None = None) -> Resolution:
        """Resolve it, to nothing but ``version`` if one is given, as the stage that plans.

        Raises:
            InstallationError: It cannot be resolved.
            IntegrityError: The registry answered with something else.
        """
        with self.steps.stage(Stage.PLAN):
            return await self.way.find_out(self.candidate, rung, version=version)

    async def vet(self, resolution: Resolution, transaction: Transaction) -> Vetted:
        """Fetch exactly what was resolved, and judge it before any of it runs.

        Raises:
            IntegrityError: Other bytes came than were planned.
            VettingError: It is refused.
        """
        with self.steps.stage(Stage.FETCH):
            directory = await self.way.installer.quarantine(transaction)
            artefact = await self.way.installer.fetch(self.candidate, resolution, into=directory)
            insist_on_same(artefact, resolution)
        with self.steps.stage(Stage.VET):
            return await self.way.vetting.judge(artefact)

    async def prove(self, installed: Installed, by: Proof, *, then: Afterthought = nothing_more) -> Proven:
        """Start a throw-away instance, judge what it says, have it proven, and note what it did meanwhile.

        Args:
            installed: What is started.
            by: Proves it by calls.
            then: Has the last word, while the instance still runs. What happens there is no part of the record.

        Raises:
            DiedAtStartError: It did not come up.
            NeedsConfigurationError: It lacks nothing but settings.
            VettingError: It says what is not accepted.
            VerificationError: It proved nothing.
        """
        async with AsyncExitStack() as life:
            sight = life.enter_context(self.way.recorder.trial(self.candidate.name))
            with self.steps.stage(Stage.START):
                running = await self._start(installed, life)
            with self.steps.stage(Stage.VERIFY):
                try:
                    proven = await self._watched(running, by, sight=sight)
                    await then(running)
                except NeedsConfigurationError as error:
                    raise _with_names(error, self.candidate) from error
                finally:
                    self.seen.usage = running.usage()
                return proven

    async def confirm(self, proven: Proven) -> None:
        """Make sure that it is what is locked, if anything is.

        Raises:
            IntegrityError: It is not in the lock, or differs.
        """
        if self.way.lock is not None:
            await confirm(self.way.lock, proven)

    async def _start(self, installed: Installed, life: AsyncExitStack) -> Running:
        try:
            return await life.enter_async_context(self.way.spawner.trial(installed))
        except NeedsConfigurationError as error:
            raise _with_names(error, self.candidate) from error
        except StartError as error:
            raise DiedAtStartError(installed, error) from error

    async def _watched(self, running: Running, by: Proof, *, sight: Sight) -> Proven:
        """Keep with the proof what was found in its words and what it was seen to do."""
        self.seen.running = running
        words = await self._judged(running)
        proven = await by(running)
        findings = (*words, *proven.evidence.findings)
        self.seen.findings = findings
        usage = running.usage()
        programs = None if usage is None else usage.programs
        behaviour = sight.note(files=await written_by(running), programs=programs)
        return replace(proven, evidence=replace(proven.evidence, findings=findings), behaviour=behaviour)

    async def _judged(self, running: Running) -> Sequence[Finding]:
        def hear(findings: tuple[Finding, ...]) -> None:
            self.seen.findings = findings

        others = await self._tools_of_others()
        words, vetting = Words.of(running), self.way.vetting
        verdict = await anyio.to_thread.run_sync(vetting.examine_words, words, others)
        return vetting.accept_words(words, verdict, stage=Stage.VERIFY, hear=hear)

    async def _tools_of_others(self) -> Sequence[ToolSpec]:
        held = await self.way.installer.committed()
        return [tool for proven in held if proven.candidate.name != self.candidate.name for tool in proven.tools]


def insist_on_same(artefact: Artefact, resolution: Resolution) -> None:
    """Refuse an artefact that was fetched as something else than what was planned.

    Raises:
        IntegrityError: It is another package, or its bytes or its lock are others.
    """
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


def _with_names(error: NeedsConfigurationError, candidate: Candidate) -> NeedsConfigurationError:
    """Return the error with the variables that the server declares, if it did not say which it lacks."""
    declared = tuple(one.name for one in candidate.environment if one.required or one.secret)
    if error.names or not declared:
        return error
    remedies = tuple(how_to_give(candidate.package, name) for name in declared)
    return NeedsConfigurationError(error.message, names=declared, remedies=remedies)
