"""The whole way in, on one page: from a wish to a proven server, one journalled transaction per attempt."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import anyio

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery, RankedServer
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.rollback import Rollback, Transaction
from vsm_mcp.acquisition.ladder import first_rung, repairs
from vsm_mcp.acquisition.report import (
    AcquisitionPlan,
    AcquisitionReport,
    CandidateRecord,
    Consent,
    Fate,
    PlannedServer,
)
from vsm_mcp.acquisition.stages import AcquisitionStage as Stage
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.verification import Verifier
from vsm_mcp.acquisition.vetting.tool_descriptions import scan
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import (
    AcquisitionError,
    DiscoveryError,
    InstallationError,
    IntegrityError,
    RefusedError,
    RollbackError,
    ServerError,
    StartError,
    VerificationError,
    VettingError,
    VSMError,
)
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Candidate, Installed, Proven, Resolution, Rung, Running, Vetted
from vsm_mcp.model.verdict import Severity
from vsm_mcp.servers.spawner import DynamicSpawner
from vsm_mcp.world.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """A proven server, committed to the store, and the report on how it came there."""

    proven: Proven
    report: AcquisitionReport


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
    """

    vetting: Vetting
    installer: Installer
    rollback: Rollback
    spawner: DynamicSpawner
    verifier: Verifier
    clock: Clock
    cool_down: timedelta = timedelta(days=7)


class Acquisition:
    """Finds, vets, installs and proves a server for what is wanted, or leaves everything as it was.

    Args:
        discovery: Knows servers.
        way: The parts every server passes.
        emit: Hears every stage.
    """

    def __init__(self, *, discovery: MCPDiscovery, way: WayIn, emit: EventSink = ignore) -> None:
        """Join discovery and the way in."""
        self._discovery = discovery
        self._way = way
        self._emit = emit

    def refuses(self, candidate: Candidate) -> str | None:
        """Return why the lists do not allow a server, before anything is fetched; ``None`` when they do."""
        screened = self._way.vetting.screen(candidate)
        return None if screened.accepted else " ".join(screened.reasons)

    async def plan(self, wanted: str, *, server: str | None = None, limit: int = 3) -> AcquisitionPlan:
        """Say what acquiring would mean, for at most ``limit`` servers, without any lasting effect.

        Raises:
            DiscoveryError: No source could be asked, or ``server`` is unknown.
        """
        ranked, errors = await self._find(wanted, server)
        servers = [await self._inspect(entry) for entry in ranked[:limit]]
        return AcquisitionPlan(wanted=wanted, servers=tuple(servers), source_errors=errors)

    async def acquire(
        self, wanted: str, *, consent: Consent, server: str | None = None, probe: Probe | None = None
    ) -> Acquired:
        """Acquire the best server that passes every check and proves itself.

        Args:
            wanted: What is needed, in a short phrase.
            consent: Asked before anything is installed.
            server: Only this server: its name, or a package such as ``pypi:name``.
            probe: The call it must answer well.

        Raises:
            AcquisitionError: No candidate made it; ``failures`` says why for each. Nothing is left behind.
        """
        began = anyio.current_time()
        steps = Steps(emit=self._emit)
        ranked, _ = await self._find(wanted, server)
        records: list[CandidateRecord] = []
        remedies: dict[str, None] = {}
        for place, entry in enumerate(ranked, start=1):
            try:
                proven = await _Attempt(self._way, steps, entry, wanted, probe, consent).climb()
            except (AcquisitionError, ServerError, RefusedError) as error:
                if server is not None:
                    raise
                records.append(_record(entry, _fate(error), error.message))
                if records[-1].fate is Fate.FAILED or not remedies:  # what failed goes before what was not allowed
                    remedies.update(dict.fromkeys(error.remedies))
                continue
            records.append(_record(entry, Fate.TAKEN, f"It proved itself: {proven.evidence.level}."))
            records += [self._passed_over(other) for other in ranked[place:]]
            elapsed = anyio.current_time() - began
            report = AcquisitionReport.of(
                proven, wanted=wanted, steps=steps.records, candidates=records, elapsed=elapsed
            )
            return Acquired(proven=proven, report=report)
        raise _nobody(wanted, records, tuple(remedies))

    def _passed_over(self, entry: RankedServer) -> CandidateRecord:
        """Say of a candidate that was not tried whether it could have been."""
        screened = self._way.vetting.screen(entry.candidate)
        if screened.accepted:
            return _record(entry, Fate.NOT_NEEDED, "A better one was taken.")
        return _record(entry, Fate.REFUSED, " ".join(screened.reasons))

    async def _find(self, wanted: str, server: str | None) -> tuple[Sequence[RankedServer], dict[str, str]]:
        if server is not None:
            candidate = await self._discovery.named(server)
            return (RankedServer(candidate=candidate, score=0.0, why=("asked for by name",)),), {}
        result = await self._discovery.find(wanted)
        return result.ranked, dict(result.errors)

    async def _inspect(self, entry: RankedServer) -> PlannedServer:
        candidate = entry.candidate
        screened = self._way.vetting.screen(candidate)
        if not screened.accepted:
            return _refused(entry, screened.reasons)
        try:
            resolution = await self._way.installer.resolve(candidate, _first_rung(self._way))
            async with self._way.installer.scratch() as directory:
                artefact = await self._way.installer.fetch(candidate, resolution, into=directory)
                verdict = await self._way.vetting.examine(artefact)
                return PlannedServer.of(artefact, verdict, score=entry.score)
        except AcquisitionError as error:
            return _refused(entry, (error.message,))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One candidate on its way: as published first, then up the repair ladder."""

    way: WayIn
    steps: Steps
    entry: RankedServer
    wanted: str
    probe: Probe | None
    consent: Consent

    @property
    def candidate(self) -> Candidate:
        return self.entry.candidate

    async def climb(self) -> Proven:
        screened = self.way.vetting.screen(self.candidate)
        if not screened.accepted:
            remedies = tuple(finding.remedy for finding in screened.findings if finding.remedy)
            raise VettingError(" ".join(screened.reasons), stage=Stage.VET, remedies=remedies)
        async with self.way.installer.exclusively(self.candidate):
            known = await self.way.installer.find(self.candidate)
            if known is not None:
                return await self._prove_again(known)
            return await self._first_that_starts()

    async def _first_that_starts(self) -> Proven:
        try:
            return await self._acquire(_first_rung(self.way), consented=False)
        except _DiedAtStartError as died:
            return await self._repair(died)

    async def _repair(self, died: "_DiedAtStartError") -> Proven:
        """Climb the ladder; a rung that cannot be resolved or installed is passed over."""
        for rung in repairs(died.installed.vetted.artefact.resolution, died.error.stderr):
            try:
                return await self._acquire(rung, consented=True)
            except (IntegrityError, RollbackError):  # wrong bytes and failed undos are never passed over
                raise
            except (_DiedAtStartError, InstallationError):
                continue
        raise _dead(died.error) from died.error

    async def _acquire(self, rung: Rung, *, consented: bool) -> Proven:
        self.steps.begin(self.candidate.name, rung.name)
        with self.steps.stage(Stage.PLAN):
            resolution = await self.way.installer.resolve(self.candidate, rung)
        async with self.way.rollback.transaction(f"acquire {self.candidate.name}") as transaction:
            vetted = await self._vet(resolution, transaction)
            with self.steps.stage(Stage.CONSENT):
                if not consented:
                    await self.consent(PlannedServer.of(vetted.artefact, vetted.verdict, score=self.entry.score))
            with self.steps.stage(Stage.STAGE):
                installed = await self.way.installer.stage(vetted, transaction)
            proven = await self._prove(installed)
            with self.steps.stage(Stage.COMMIT):
                return await self.way.installer.commit(proven, transaction, needs=(self.wanted,))

    async def _vet(self, resolution: Resolution, transaction: Transaction) -> Vetted:
        with self.steps.stage(Stage.FETCH):
            directory = await self.way.installer.quarantine(transaction)
            artefact = await self.way.installer.fetch(self.candidate, resolution, into=directory)
        with self.steps.stage(Stage.VET):
            return await self.way.vetting.judge(artefact)

    async def _prove_again(self, known: Proven) -> Proven:
        """A package that is in the store already, perhaps by another process, still has to work for this need."""
        self.steps.begin(self.candidate.name, known.installed.vetted.artefact.resolution.rung.name)
        try:
            proven = await self._prove(known.installed)
        except _DiedAtStartError as died:
            raise _dead(died.error) from died.error
        with self.steps.stage(Stage.COMMIT):
            return await self.way.installer.serve(proven, needs=(self.wanted,))

    async def _prove(self, installed: Installed) -> Proven:
        async with AsyncExitStack() as life:
            with self.steps.stage(Stage.START):
                running = await self._start(installed, life)
            with self.steps.stage(Stage.VERIFY):
                _refuse_poisoned(running, await self._tools_of_others())
                return await self.way.verifier.prove(running, self.probe)

    async def _tools_of_others(self) -> Sequence[ToolSpec]:
        held = await self.way.installer.committed()
        return [tool for proven in held if proven.candidate.name != self.candidate.name for tool in proven.tools]

    async def _start(self, installed: Installed, life: AsyncExitStack) -> Running:
        try:
            return await life.enter_async_context(self.way.spawner.trial(installed))
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


def _first_rung(way: WayIn) -> Rung:
    return first_rung(way.clock.now(), cool_down=way.cool_down)


def _refuse_poisoned(running: Running, others: Sequence[ToolSpec]) -> None:
    findings = scan(running.tools, others, instructions=running.instructions)
    found = [finding for finding in findings if finding.severity >= Severity.HIGH]
    if found:
        said = "; ".join(f"{finding.where}: {finding.message}" for finding in found[:5])
        raise VettingError(
            f"{running.installed.candidate.name} describes its tools in a way that is not accepted: {said}",
            stage=Stage.VERIFY,
            remedies=("Read the descriptions; allow the server only if they are harmless.",),
        )


def _refused(entry: RankedServer, reasons: tuple[str, ...]) -> PlannedServer:
    candidate = entry.candidate
    return PlannedServer(
        name=candidate.name, package=str(candidate.package), score=entry.score, accepted=False, reasons=reasons
    )


_MOST_REMEDIES = 4


def _record(entry: RankedServer, fate: Fate, reason: str) -> CandidateRecord:
    candidate = entry.candidate
    return CandidateRecord(
        name=candidate.name, package=str(candidate.package), score=entry.score, fate=fate, reason=reason
    )


def _fate(error: VSMError) -> Fate:
    return Fate.REFUSED if isinstance(error, VettingError | RefusedError) else Fate.FAILED


def _nobody(wanted: str, records: Sequence[CandidateRecord], remedies: Sequence[str]) -> AcquisitionError:
    if not records:
        return DiscoveryError(
            f"No source knows a server for {wanted!r}.",
            stage="discover",
            remedies=("Use other words.", "Add a source, or offer a server on the shelf."),
        )
    return AcquisitionError(
        f"None of {len(records)} server(s) for {wanted!r} could be acquired.",
        failures={record.name: record.reason for record in records},
        remedies=(*remedies[:_MOST_REMEDIES], "Look at `plan_acquisition` for what each would run."),
    )
