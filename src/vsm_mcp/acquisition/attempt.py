"""One candidate on its way in: as published first, then up the repair ladder; kept, or only tried and thrown away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from vsm_mcp.acquisition.discovery.discovery import RankedServer
from vsm_mcp.acquisition.ladder import repairs
from vsm_mcp.acquisition.report import Consent, PlannedServer
from vsm_mcp.acquisition.stages import AcquisitionStage as Stage
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.trial import DiedAtStartError, Gate, Sighting, WayIn
from vsm_mcp.errors import InstallationError, IntegrityError, RollbackError, StartError, VerificationError, VettingError
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Candidate, Installed, Proven, Rung, Running, Vetted

CLEANUP_SECONDS = 30.0

Adopt = Callable[[Proven], None]
"""Makes a committed server reachable; when it raises, the server is removed again."""


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

    @property
    def _gate(self) -> Gate:
        return Gate(way=self.way, steps=self.steps, candidate=self.candidate, seen=self.seen)

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
        except DiedAtStartError as died:
            return await self._repair(died, keep=keep)

    async def _repair(self, died: DiedAtStartError, *, keep: bool) -> Proven:
        """Climb the ladder; a rung that cannot be resolved or installed is passed over."""
        for rung in repairs(died.installed.vetted.artefact.resolution, died.error.stderr):
            try:
                return await self._bring(rung, consented=True, keep=keep)
            except (IntegrityError, RollbackError):  # wrong bytes and failed undos are never passed over
                raise
            except (DiedAtStartError, InstallationError):
                continue
        raise _dead(died.error) from died.error

    async def _bring(self, rung: Rung, *, consented: bool, keep: bool) -> Proven:
        self.steps.begin(self.candidate.name, rung.name)
        resolution = await self._gate.resolve(rung)
        async with self.way.rollback.transaction(f"acquire {self.candidate.name}") as transaction:
            vetted = await self._gate.vet(resolution, transaction)
            with self.steps.stage(Stage.CONSENT):
                await self._consent(vetted, consented=consented)
            with self.steps.stage(Stage.STAGE):
                installed = await self.way.installer.stage(vetted, transaction)
            proven = await self._prove(installed)
            if not keep:
                return proven  # the transaction ends without a commit: everything is undone
            with self.steps.stage(Stage.COMMIT):
                await self._gate.confirm(proven)
                committed = await self.way.installer.commit(proven, transaction, needs=(self.wanted,))
                await self._hand_over(committed)
                return committed

    async def _consent(self, vetted: Vetted, *, consented: bool) -> None:
        granted = self.way.granted(vetted.artefact)
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
        except DiedAtStartError as died:
            raise _dead(died.error) from died.error
        if known.behaviour is not None and proven.behaviour is not None:
            proven = replace(proven, behaviour=known.behaviour.join(proven.behaviour))  # the same bytes did both
        with self.steps.stage(Stage.COMMIT):
            await self._gate.confirm(proven)
            served = await self.way.installer.serve(proven, needs=(self.wanted,))
            if self.adopt is not None:
                self.adopt(served)
            return served

    async def _prove(self, installed: Installed) -> Proven:
        async def prove(running: Running) -> Proven:
            return await self.way.verifier.prove(running, self.probe)

        return await self._gate.prove(installed, prove)


def _dead(error: StartError) -> VerificationError:
    said = "; ".join(line.strip() for line in error.stderr[-3:])
    last_words = f" It said last: {said[:500]}" if said else ""
    return VerificationError(f"{error.message}{last_words}", stage=Stage.START, remedies=error.remedies)
